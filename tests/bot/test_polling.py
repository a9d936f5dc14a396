import asyncio
import datetime as dt
import logging
from collections import defaultdict
from typing import Self

import pytest
from telegram import Chat, Message, Update, User
from telegram.error import Conflict, InvalidToken, NetworkError, TimedOut

from bot import outage
from bot.polling import Poller


def update(number: int, chat: int = 1) -> Update:
    sender = User(chat, "Ada", is_bot=False)
    when = dt.datetime.now(dt.UTC)
    return Update(number, message=Message(number, when, Chat(chat, "private"), from_user=sender, text="?"))


class FakeUpdates:
    """Telegram's queue: what is below an offset asked for is confirmed and gone."""

    def __init__(self, *pending: Update) -> None:
        self.updates = list(pending)
        self.errors: list[Exception] = []
        self.offsets: list[int] = []

    async def pending(self, *, offset: int, limit: int, wait: int, kinds: tuple[str, ...]) -> list[Update]:
        assert ("message",) == kinds
        self.offsets.append(offset)
        if self.errors:
            raise self.errors.pop(0)
        self.updates = [one for one in self.updates if one.update_id >= offset]
        if not self.updates and wait:
            await asyncio.sleep(wait)
        return self.updates[:limit]


class Answers:
    """Handles updates; `holding` keeps an update back until its event is set."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.done: list[int] = []
        self.holding: dict[int, asyncio.Event] = {}
        self.reached: defaultdict[int, asyncio.Event] = defaultdict(asyncio.Event)

    async def __call__(self, one: Update) -> None:
        self.begun.append(one.update_id)
        if one.update_id in self.holding:
            await self.holding[one.update_id].wait()
        self.done.append(one.update_id)
        self.reached[one.update_id].set()

    async def until(self, update_id: int) -> None:
        await self.reached[update_id].wait()


class Running:
    def __init__(self, source: FakeUpdates, handle: Answers) -> None:
        self.stop = asyncio.Event()
        self.poller = Poller(source, handle, ("message",), patience=0.01, grace=0.05)

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.poller.run(self.stop))
        await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop.set()
        await asyncio.wait_for(self.task, 2)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "_LONGEST_DELAY", 0.001)
    monkeypatch.setattr(outage.Outage, "_delay", 0.001)


async def test_all_are_answered_and_confirmed() -> None:
    """Every update is answered once and confirmed, the last ones on stopping."""
    source, answers = FakeUpdates(*map(update, range(5, 300))), Answers()
    async with Running(source, answers), asyncio.timeout(10):
        await answers.until(299)
    assert list(range(5, 300)) == answers.done
    assert [] == source.updates


async def test_nothing_unanswered_is_confirmed() -> None:
    """An update under way holds the offset back, while other chats are served."""
    source, answers = FakeUpdates(update(1, chat=1), update(2, chat=2)), Answers()
    answers.holding[1] = asyncio.Event()
    async with Running(source, answers):
        source.updates.append(update(3, chat=3))
        await asyncio.sleep(0.05)
        assert [2, 3] == answers.done
        assert [1, 2, 3] == [one.update_id for one in source.updates]
        answers.holding[1].set()
    assert [1, 2, 3] == answers.begun
    assert [] == source.updates


async def test_a_chat_is_answered_in_order() -> None:
    """The second message of a chat waits for the first."""
    source, answers = FakeUpdates(update(1), update(2), update(3)), Answers()
    answers.holding[1] = asyncio.Event()
    async with Running(source, answers):
        assert [1] == answers.begun
        answers.holding[1].set()
    assert [1, 2, 3] == answers.done


async def test_what_does_not_finish_is_left_to_the_next_process() -> None:
    """On stopping, an answer that takes too long is given up, unconfirmed."""
    source, answers = FakeUpdates(update(1, chat=1), update(2, chat=2)), Answers()
    answers.holding[1] = asyncio.Event()
    async with Running(source, answers):
        pass
    assert [1, 2] == [one.update_id for one in source.updates]
    assert 1 == max(source.offsets)


async def test_a_failing_update_does_not_stop_the_others() -> None:
    """An error in one update is logged, and the next is served."""
    source, done = FakeUpdates(update(1), update(2)), []

    async def handle(one: Update) -> None:
        if one.update_id == 1:
            raise ValueError("no")
        done.append(one.update_id)

    async with Running(source, handle):  # type: ignore[arg-type]
        pass
    assert [2] == done


async def test_an_outage_is_one_line_and_its_end_another(caplog: pytest.LogCaptureFixture) -> None:
    """A network failure is waited out with one line when it begins and one when it is over."""
    source, answers = FakeUpdates(update(1)), Answers()
    source.errors = [NetworkError("a"), NetworkError("b"), NetworkError("c")]
    with caplog.at_level(logging.INFO):
        async with Running(source, answers):
            pass
    assert [1] == answers.done
    assert [
        "No updates from Telegram (NetworkError); trying again",
        "Telegram answers again after 0 s",
    ] == caplog.messages


@pytest.mark.parametrize("error", [Conflict("other"), TimedOut(), RuntimeError("odd")])
async def test_other_failures_are_waited_out(error: Exception) -> None:
    """Another process, a time-out, a body nobody can read: polling goes on."""
    source, answers = FakeUpdates(update(1)), Answers()
    source.errors = [error]
    async with Running(source, answers):
        pass
    assert [1] == answers.done


async def test_a_revoked_token_ends_polling() -> None:
    """A token that is no longer good is for the operator to mend."""
    source = FakeUpdates()
    source.errors = [InvalidToken("no")]
    with pytest.raises(InvalidToken):
        await Poller(source, Answers(), ("message",)).run(asyncio.Event())
