import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from bot.monitoring import Metrics
from bot.telegram import messaging
from bot.telegram.bot_client import BotClient
from bot.telegram.messaging import CancellableWaits, RetryingRateLimiter
from tests.bot.virtual_clock import fast, now

pytestmark = pytest.mark.filterwarnings("ignore:.*retry_after")


class Calls:
    """Telegram: calls for a chat raise its errors first, and then succeed."""

    def __init__(self, **errors: Sequence[Exception]) -> None:
        self.errors = {name: list(given) for name, given in errors.items()}
        self.times: list[float] = []
        self.chats: list[Any] = []

    async def __call__(self, endpoint: str, data: dict[str, Any]) -> bool:
        del endpoint
        self.times.append(round(now(), 3))
        self.chats.append(data.get("chat_id"))
        await asyncio.sleep(0)
        if errors := self.errors.get(f"chat{data.get('chat_id')}"):
            raise errors.pop(0)
        return True


class Sender:
    def __init__(self, calls: Calls, rate: float = 0) -> None:
        self.calls = calls
        self.waits = CancellableWaits()
        self.metrics = Metrics()
        self.limiter = RetryingRateLimiter(rate, self.waits, self.metrics)

    async def send(self, **data: Any) -> Any:
        return await self.limiter.process_request(
            self.calls, ("sendMessage", data), {}, "sendMessage", data, None
        )

    def errors(self, kind: str) -> float:
        counted = self.metrics.registry.get_sample_value("verbatim_telegram_errors_total", {"kind": kind})
        return counted or 0


def caused(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


UNREACHABLE: list[Callable[[], TelegramError]] = [
    lambda: NetworkError("Bad Gateway"),
    lambda: caused(NetworkError("Bad Gateway"), TelegramError("Invalid server response")),
    lambda: caused(NetworkError("no way"), httpx.ConnectError("no way")),
    lambda: caused(TimedOut(), httpx.ConnectTimeout("slow")),
    lambda: caused(TimedOut(), httpx.PoolTimeout("full")),
]
LOST: list[Callable[[], TelegramError]] = [
    lambda: caused(TimedOut(), httpx.ReadTimeout("slow")),
    lambda: caused(TimedOut(), httpx.WriteTimeout("slow")),
    lambda: caused(NetworkError("cut"), httpx.RemoteProtocolError("cut")),
    lambda: caused(NetworkError("cut"), httpx.ReadError("cut")),
    lambda: caused(NetworkError("odd"), httpx.DecodingError("odd")),
    lambda: caused(NetworkError("odd"), RuntimeError("odd")),
    lambda: caused(TelegramError("Invalid server response"), ValueError("no JSON")),
]


@fast
async def test_a_flood_limit_of_one_chat_delays_no_other() -> None:
    """While one chat has to wait, replies to others are sent at once."""
    calls = Calls(chat1=[RetryAfter(30)])
    sender = Sender(calls, rate=30)
    await asyncio.gather(*(sender.send(chat_id=chat) for chat in (1, 2, 3)))
    assert [1, 2, 3, 1] == calls.chats


@fast
async def test_a_flood_limit_is_respected() -> None:
    """The next attempt is made when Telegram allows it, and not before."""
    calls = Calls(chat1=[RetryAfter(30), RetryAfter(5)])
    await Sender(calls).send(chat_id=1)
    assert [0.0, 30.1, 35.2] == calls.times


@pytest.mark.filterwarnings("error")
@fast
async def test_a_flood_limit_may_be_a_timedelta(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood limit means the same in the library's future form, a timedelta."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
    calls = Calls(chat1=[RetryAfter(30)])
    await Sender(calls).send(chat_id=1)
    assert [0.0, 30.1] == calls.times


@pytest.mark.parametrize("error", UNREACHABLE)
@fast
async def test_undelivered_replies_are_repeated_for_an_hour(error: Callable[[], TelegramError]) -> None:
    """A reply that surely did not arrive is repeated for an hour, at last every 30 seconds."""
    calls = Calls(chat1=[error() for _ in range(1000)])
    with pytest.raises(NetworkError):
        await Sender(calls).send(chat_id=1)
    assert 3500 < now() <= 3600
    gaps = [after - before for before, after in zip(calls.times, calls.times[1:], strict=False)]
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0] == [round(gap, 3) for gap in gaps[:7]]
    assert {30.0} == {round(gap, 3) for gap in gaps[6:]}


@pytest.mark.parametrize("error", UNREACHABLE + LOST)
@fast
async def test_replies_are_repeated(error: Callable[[], TelegramError]) -> None:
    """A reply that failed for a passing reason is sent again."""
    calls = Calls(chat1=[error(), error()])
    sender = Sender(calls)
    assert await sender.send(chat_id=1)
    assert [0.0, 0.5, 1.5] == calls.times
    assert 2 == sender.errors(type(error()).__name__)


@pytest.mark.parametrize("error", LOST)
@fast
async def test_replies_that_may_have_arrived_have_five_attempts(error: Callable[[], TelegramError]) -> None:
    """A reply that may have arrived is sent five times at most, as users may see each one."""
    calls = Calls(chat1=[error() for _ in range(10)])
    with pytest.raises(type(error())):
        await Sender(calls).send(chat_id=1)
    assert 5 == len(calls.times)


@pytest.mark.parametrize("error", [BadRequest("no"), Forbidden("no"), InvalidToken("no")])
@fast
async def test_a_refusal_is_final(error: TelegramError) -> None:
    """A rejected call is not repeated, and is counted by its error."""
    calls = Calls(chat1=[error])
    sender = Sender(calls)
    with pytest.raises(type(error)):
        await sender.send(chat_id=1)
    assert 1 == len(calls.times)
    assert 1 == sender.errors(type(error).__name__)


@fast
async def test_other_calls_are_not_repeated() -> None:
    """Calls that are not replies fail at once, for their callers to handle, but obey flood limits."""
    calls = Calls(chatNone=[RetryAfter(3), NetworkError("a")])
    with pytest.raises(NetworkError):
        await Sender(calls).send()
    assert [0.0, 3.1] == calls.times


@pytest.mark.parametrize("name", ["callback_query_id", "inline_query_id"])
@fast
async def test_answers_to_queries_are_repeated(name: str) -> None:
    """Answers to button presses and inline queries are repeated like messages, but not rate limited."""
    calls = Calls(chatNone=[NetworkError("a")])
    sender = Sender(calls, rate=1)
    await asyncio.gather(*(sender.send(**{name: "5"}) for _ in range(9)))
    assert {0.0, 0.5} == set(calls.times)


@fast
async def test_a_migrated_group(telegram: Any) -> None:
    """If a group has become a supergroup, the reply is sent there at once."""
    moved: list[Exception] = [ChatMigrated(-100)]

    async def move(
        url: str, method: str, request_data: Any = None, *rest: Any, **fields: Any
    ) -> tuple[int, bytes]:
        result: tuple[int, bytes] = await type(telegram).do_request(
            telegram, url, method, request_data, *rest, **fields
        )
        if moved:
            raise moved.pop()
        return result

    telegram.do_request = move
    bot = BotClient(
        "1:x",
        request=telegram,
        get_updates_request=telegram,
        rate_limiter=RetryingRateLimiter(30, CancellableWaits(), Metrics()),
    )
    await bot.send_message(-5, "x")
    assert [-5, -100] == [sent["chat_id"] for _, sent in telegram.calls]
    assert now() < 0.1


@fast
async def test_a_group_has_twenty_a_minute() -> None:
    """A group gets 20 messages at once and then one every 3 seconds, which delays no other chat."""
    calls = Calls()
    sender = Sender(calls, rate=1000)
    groups = [sender.send(chat_id=-5) for _ in range(24)]
    await asyncio.gather(*groups, *(sender.send(chat_id=chat) for chat in range(1, 40)))
    assert [3.0, 6.0, 9.0, 12.0] == calls.times[-4:]
    assert [-5] * 4 == calls.chats[-4:]
    assert {0.0} == set(calls.times[:-4])


@fast
async def test_the_global_rate() -> None:
    """After the first messages, no more than `rate` a second are sent over all chats."""
    calls = Calls()
    sender = Sender(calls, rate=10)
    await asyncio.gather(*(sender.send(chat_id=chat) for chat in range(1, 51)))
    assert 4.0 == calls.times[-1]
    for second in range(5):
        assert len([at for at in calls.times if second < at <= second + 1]) <= 10


@fast
async def test_a_rate_of_zero_is_no_limit() -> None:
    """With a rate of 0 no message waits, not even in groups."""
    calls = Calls()
    sender = Sender(calls)
    await asyncio.gather(*(sender.send(chat_id=-5) for _ in range(500)))
    assert {0.0} == set(calls.times)


@pytest.mark.parametrize(("other_groups", "seconds"), [(4, 3.0), (5, 0.0)])
@fast
async def test_only_the_latest_groups_are_remembered(
    other_groups: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of a group is forgotten when five other groups have had messages since."""
    monkeypatch.setattr(messaging, "_MAX_GROUPS", 5)
    calls = Calls()
    sender = Sender(calls, rate=1000)
    for _ in range(20):
        await sender.send(chat_id=-1)
    for group in range(other_groups):
        await sender.send(chat_id=-2 - group)
    await sender.send(chat_id=-1)
    assert seconds == calls.times[-1]


@fast
async def test_waiting_replies_are_cancelled_at_the_end() -> None:
    """A reply that waits for a retry or a rate limit is cancelled without being sent."""
    calls = Calls(chat1=[NetworkError("a")] * 99)
    sender = Sender(calls, rate=1)
    tasks = [asyncio.create_task(sender.send(chat_id=chat)) for chat in (1, 2, 3)]
    await asyncio.sleep(0.1)
    sender.waits.end()
    await asyncio.wait(tasks)
    assert [True, True, True] == [task.cancelled() for task in tasks]
    assert [1] == calls.chats


@fast
async def test_an_outage_is_logged_twice(caplog: pytest.LogCaptureFixture) -> None:
    """However many replies fail, the log has one line when an outage lasts and one when it is over."""
    calls = Calls(**{f"chat{chat}": [NetworkError("a") for _ in range(8)] for chat in range(1, 6)})
    sender = Sender(calls)
    with caplog.at_level(logging.INFO):
        await asyncio.gather(*(sender.send(chat_id=chat) for chat in range(1, 6)))
    assert [
        "Telegram does not accept replies (NetworkError); trying again",
        "Telegram answers again after 88 s",
    ] == caplog.messages


@fast
async def test_short_failures_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A few failures, and flood limits, are not logged."""
    calls = Calls(chat1=[NetworkError("a")] * 3, chat2=[RetryAfter(1)] * 6)
    sender = Sender(calls)
    with caplog.at_level(logging.INFO):
        await sender.send(chat_id=1)
        await sender.send(chat_id=2)
    assert [] == caplog.messages


@fast
async def test_a_chat_action_leaves_room_for_messages() -> None:
    """A chat action is sent if that delays no message, is not sent late, and is not repeated."""
    calls = Calls(chat1=[RetryAfter(30)])
    sender = Sender(calls, rate=3)

    async def act(chat_id: int) -> Any:
        data = {"chat_id": chat_id, "action": "typing"}
        return await sender.limiter.process_request(
            calls, ("sendChatAction", data), {}, "sendChatAction", data, None
        )

    with pytest.raises(RetryAfter):
        await act(1)
    assert await act(2)
    assert not await act(2)
    assert await sender.send(chat_id=2)
    assert ([1, 2, 2], [0.0, 0.0, 0.0]) == (calls.chats, calls.times)
    assert 1 == sender.errors("RetryAfter")


@fast
async def test_chat_actions_are_no_messages_of_a_group() -> None:
    """Chat actions do not use up the twenty messages a minute of a group."""
    calls = Calls()
    sender = Sender(calls, rate=1000)
    for _ in range(20):
        data = {"chat_id": -5, "action": "typing"}
        await sender.limiter.process_request(
            calls, ("sendChatAction", data), {}, "sendChatAction", data, None
        )
        await sender.send(chat_id=-5)
    assert 0.0 == calls.times[-1]
