from typing import Any

import pytest
from telegram.error import BadRequest, NetworkError

from bot import sending
from bot.sending import PatientLimiter


class Failing:
    """Fails so often, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0

    async def __call__(self) -> bool:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return True


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "_PAUSES", (0, 0))


async def _send(call: Failing, **data: Any) -> Any:
    limiter = PatientLimiter(30)
    await limiter.initialize()
    try:
        return await limiter.process_request(call, (), {}, "sendMessage", data, None)
    finally:
        await limiter.shutdown()


async def test_a_reply_is_tried_again() -> None:
    """A reply that could not be delivered is sent again."""
    call = Failing(NetworkError("a"), NetworkError("b"))
    assert await _send(call, chat_id=1)
    assert 3 == call.tries


async def test_in_the_end_it_is_given_up() -> None:
    """After some attempts the failure is told."""
    with pytest.raises(NetworkError):
        await _send(Failing(*[NetworkError("a")] * 3), chat_id=1)


async def test_a_refusal_is_final() -> None:
    """What Telegram refuses is not sent again."""
    call = Failing(BadRequest("no"))
    with pytest.raises(BadRequest):
        await _send(call, chat_id=1)
    assert 1 == call.tries


async def test_what_answers_nobody_is_tried_once() -> None:
    """Other calls fail at once, so that a start can tell."""
    call = Failing(NetworkError("a"))
    with pytest.raises(NetworkError):
        await _send(call)
    assert 1 == call.tries
