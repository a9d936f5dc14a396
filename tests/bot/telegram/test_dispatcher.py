import asyncio
import gc
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Update, User

from bot.telegram import dispatcher as dispatcher_module
from bot.telegram.dispatcher import Dispatcher, PendingUpdate
from bot.telegram.messaging import CancellableWaits
from bot.telegram.saved_updates import AnsweredJournal
from tests.bot.fake_updates import Answers, update
from tests.bot.virtual_clock import fast, now


async def _wait_for_all(dispatcher: Dispatcher) -> None:
    while dispatcher.unfinished:
        await asyncio.wait([pending.task for pending in dispatcher.unfinished.values()])
        await asyncio.sleep(0)


@fast
async def test_chats_are_answered_side_by_side() -> None:
    """A slow chat does not delay another."""
    answers = Answers()
    answers.takes[1] = 5
    dispatcher = Dispatcher(answers, CancellableWaits())
    dispatcher.dispatch(update(1, chat=1))
    dispatcher.dispatch(update(2, chat=2))
    await _wait_for_all(dispatcher)
    assert [2, 1] == answers.done


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from([0, 0.5, 2]), st.booleans()), max_size=12))
@fast
async def test_a_chat_is_answered_in_order(plan: list[tuple[int, float, bool]]) -> None:
    """Updates of a chat are handled one after another, however long they take and whichever are given up."""
    active: set[int] = set()
    started: dict[int, list[int]] = {1: [], 2: [], 3: []}

    async def handle(update_: Update) -> None:
        chat = plan[update_.update_id][0]
        assert chat not in active
        active.add(chat)
        started[chat].append(update_.update_id)
        await asyncio.sleep(plan[update_.update_id][1])
        active.remove(chat)

    dispatcher = Dispatcher(handle, CancellableWaits())
    pending_updates = [dispatcher.dispatch(update(number, chat)) for number, (chat, _, _) in enumerate(plan)]
    await asyncio.sleep(0.1)
    given_up = []
    for pending, (_, _, is_given_up) in zip(pending_updates, plan, strict=True):
        if pending and is_given_up and not pending.task.done():
            dispatcher.give_up(pending)
            given_up.append(pending)
    await _wait_for_all(dispatcher)
    for chat, numbers in started.items():
        cancelled = [pending.update.update_id for pending in given_up if pending.task.cancelled()]
        expected = [number for number, step in enumerate(plan) if step[0] == chat and number not in cancelled]
        assert expected == numbers


@fast
async def test_an_update_is_answered_once() -> None:
    """An update that is taken again is not answered again, neither while it is pending nor afterwards."""
    answers = Answers()
    dispatcher = Dispatcher(answers, CancellableWaits())
    pending = dispatcher.dispatch(update(1))
    await asyncio.sleep(0)
    assert pending is dispatcher.dispatch(update(1))
    await _wait_for_all(dispatcher)
    assert dispatcher.dispatch(update(1)) is None
    assert [1] == answers.done


@fast
async def test_an_update_that_was_given_up_can_be_taken_again() -> None:
    """An update that was given up does not count as answered."""
    answers = Answers()
    dispatcher = Dispatcher(answers, CancellableWaits())
    pending = dispatcher.dispatch(update(1))
    assert pending
    dispatcher.give_up(pending)
    await _wait_for_all(dispatcher)
    assert [] == answers.done
    assert dispatcher.dispatch(update(1))
    await _wait_for_all(dispatcher)
    assert [1] == answers.done


@fast
async def test_finishing() -> None:
    """At the end, updates that wait or have not started are cancelled at once; others may finish in time."""
    waits, answers = CancellableWaits(), Answers()
    answers.takes.update({1: 3, 2: 100})

    async def handle(update_: Update) -> None:
        if update_.update_id == 4:
            await waits.sleep(50)
        await answers(update_)

    dispatcher = Dispatcher(handle, waits)
    pending_updates = [
        dispatcher.dispatch(update(number, chat)) for number, chat in ((1, 1), (2, 2), (3, 1), (4, 4))
    ]
    await asyncio.sleep(1)
    stopped_at = now()
    ended_at: dict[int, float] = {}

    async def note_end(pending: PendingUpdate | None) -> None:
        assert pending
        await asyncio.wait([pending.task])
        ended_at[pending.update.update_id] = now()

    observers = [asyncio.create_task(note_end(pending)) for pending in pending_updates]
    await dispatcher.finish(grace_seconds=7)
    await asyncio.wait(observers)
    seconds = {number: round(at - stopped_at, 3) for number, at in ended_at.items()}
    assert {1: 2.0, 2: 7.0, 3: 0.0, 4: 0.0} == seconds
    assert [False, True, True, True] == [pending.task.cancelled() for pending in pending_updates if pending]
    assert [1] == answers.done


@fast
async def test_finishing_without_updates() -> None:
    """Without pending updates, finishing takes no time."""
    await Dispatcher(Answers(), CancellableWaits()).finish(grace_seconds=7)
    assert 0.0 == round(now(), 3)


@fast
async def test_an_error_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """An update that fails is logged with its id and counts as answered; the next of its chat is handled."""
    done = []

    async def handle(update_: Update) -> None:
        if update_.update_id == 1:
            raise ValueError("no")
        done.append(update_.update_id)

    dispatcher = Dispatcher(handle, CancellableWaits())
    dispatcher.dispatch(update(1))
    dispatcher.dispatch(update(2))
    with caplog.at_level(logging.ERROR):
        await _wait_for_all(dispatcher)
    assert [2] == done
    assert ["Update 1 could not be handled"] == caplog.messages
    assert dispatcher.dispatch(update(1)) is None


@fast
async def test_only_the_latest_answered_updates_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the answered updates the latest are not answered again; older ones have been forgotten."""
    monkeypatch.setattr(dispatcher_module, "_MAX_ANSWERED_IDS", 10)
    dispatcher = Dispatcher(Answers(), CancellableWaits())
    for number in range(50):
        dispatcher.dispatch(update(number, chat=number + 1))
    await _wait_for_all(dispatcher)
    again = {number: dispatcher.dispatch(update(number, chat=number + 1)) for number in range(50)}
    assert list(range(40, 50)) == [number for number, pending in again.items() if pending is None]
    await _wait_for_all(dispatcher)


@pytest.mark.slow
@fast
async def test_idle_chats_take_no_memory() -> None:
    """When all updates of a chat are answered, nothing is left in memory for the chat."""
    # Locks of earlier tests may be freed in the meantime, unless they are kept.
    earlier = _locks()
    dispatcher = Dispatcher(Answers(), CancellableWaits())
    for number in range(50):
        dispatcher.dispatch(update(number, chat=number + 1))
    assert len(earlier) + 50 == len(_locks())
    await _wait_for_all(dispatcher)
    assert len(earlier) == len(_locks())


def _locks() -> list[asyncio.Lock]:
    """Return the locks in memory; the dispatcher has one for each active chat."""
    gc.collect()
    return [item for item in gc.get_objects() if type(item) is asyncio.Lock]


@fast
async def test_a_second_attempt_can_be_given_up_before_it_starts() -> None:
    """An update that was given up while it waited, and taken again, has not started yet."""
    waits, done = CancellableWaits(), []

    async def handle(update_: Update) -> None:
        await waits.sleep(5)
        done.append(update_.update_id)

    dispatcher = Dispatcher(handle, waits)
    for seconds in (1, 0):
        pending = dispatcher.dispatch(update(1))
        assert pending
        if seconds:
            await asyncio.sleep(seconds)
        dispatcher.give_up(pending)
        await _wait_for_all(dispatcher)
        assert pending.task.cancelled()
    assert [] == done


@fast
async def test_updates_without_a_chat_are_in_order() -> None:
    """Updates without a chat are in the order of their user, and those without a user in one order."""
    answers = Answers()
    answers.takes[1] = 1
    dispatcher = Dispatcher(answers, CancellableWaits())
    for number in (1, 2):
        dispatcher.dispatch(Update(number))
    dispatcher.dispatch(update(3, chat=User(7, "Ada", is_bot=False).id))
    await _wait_for_all(dispatcher)
    assert [3, 1, 2] == answers.done


@fast
async def test_age() -> None:
    """The age of an update is the seconds since it was taken."""
    dispatcher = Dispatcher(Answers(), CancellableWaits())
    pending = dispatcher.dispatch(update(1))
    await asyncio.sleep(3)
    assert pending
    assert 3.0 == round(pending.age, 3)


@fast
async def test_answered_updates_are_in_the_journal(tmp_path: Path) -> None:
    """An update is in the journal once it has been answered or has failed, and not if it was given up."""
    waits = CancellableWaits()

    async def handle(received: Update) -> None:
        if received.update_id == 2:
            raise ValueError("no")
        await (waits.sleep(50) if received.update_id == 3 else asyncio.sleep(1))

    dispatcher = Dispatcher(handle, waits, AnsweredJournal(tmp_path))
    for number in (1, 2, 3):
        dispatcher.dispatch(update(number, chat=number))
    await asyncio.sleep(0.5)
    assert [False, True, False] == [number in AnsweredJournal(tmp_path) for number in (1, 2, 3)]
    await dispatcher.finish(grace_seconds=7)
    assert [True, True, False] == [number in AnsweredJournal(tmp_path) for number in (1, 2, 3)]


@fast
async def test_an_update_in_the_journal_is_not_answered(tmp_path: Path) -> None:
    """An update that another process answers, before or while it waits here, counts as answered."""
    answers, other_process = Answers(), AnsweredJournal(tmp_path)
    answers.takes[2] = 5
    dispatcher = Dispatcher(answers, CancellableWaits(), AnsweredJournal(tmp_path))
    other_process.add(1)
    updates = [dispatcher.dispatch(update(number)) for number in (1, 2, 3)]
    await asyncio.sleep(1)
    other_process.add(3)
    await _wait_for_all(dispatcher)
    assert [2] == answers.done
    assert [False] * 3 == [pending.task.cancelled() for pending in updates if pending]
    assert dispatcher.dispatch(update(3)) is None
