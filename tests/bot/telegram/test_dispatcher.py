import asyncio
import gc
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import Update, User

from bot.ops.concurrency import CancellableWaits
from bot.telegram import dispatcher as dispatcher_module
from bot.telegram.dispatcher import Dispatcher, PendingUpdate
from tests.bot.fake_updates import Answers, update
from tests.bot.virtual_clock import fast, now


async def _all(dispatcher: Dispatcher) -> None:
    while dispatcher.unfinished:
        await asyncio.wait([work.task for work in dispatcher.unfinished.values()])
        await asyncio.sleep(0)


@fast
async def test_chats_are_answered_side_by_side() -> None:
    """A chat that takes long does not hold up another."""
    answers = Answers()
    answers.takes[1] = 5
    dispatcher = Dispatcher(answers, CancellableWaits())
    dispatcher.take(update(1, chat=1))
    dispatcher.take(update(2, chat=2))
    await _all(dispatcher)
    assert [2, 1] == answers.done


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from([0, 0.5, 2]), st.booleans()), max_size=12))
@fast
async def test_a_chat_is_answered_in_order(plan: list[tuple[int, float, bool]]) -> None:
    """Whatever takes how long and whatever is given up, no update begins before one of its chat ended."""
    under_way: set[int] = set()
    begun: dict[int, list[int]] = {1: [], 2: [], 3: []}

    async def handle(one: Update) -> None:
        chat = plan[one.update_id][0]
        assert chat not in under_way
        under_way.add(chat)
        begun[chat].append(one.update_id)
        await asyncio.sleep(plan[one.update_id][1])
        under_way.remove(chat)

    dispatcher = Dispatcher(handle, CancellableWaits())
    works = [dispatcher.take(update(number, chat)) for number, (chat, _, _) in enumerate(plan)]
    await asyncio.sleep(0.1)
    given_up = []
    for work, (_, _, is_given_up) in zip(works, plan, strict=True):
        if work and is_given_up and not work.task.done():
            dispatcher.give_up(work)
            given_up.append(work)
    await _all(dispatcher)
    for chat, numbers in begun.items():
        left = [work.update.update_id for work in given_up if work.task.cancelled()]
        of_chat = [number for number, one in enumerate(plan) if one[0] == chat and number not in left]
        assert of_chat == numbers


@fast
async def test_an_update_is_answered_once() -> None:
    """The same update again is the same work while it is under way, and none afterwards."""
    answers = Answers()
    dispatcher = Dispatcher(answers, CancellableWaits())
    work = dispatcher.take(update(1))
    await asyncio.sleep(0)
    assert work is dispatcher.take(update(1))
    await _all(dispatcher)
    assert dispatcher.take(update(1)) is None
    assert [1] == answers.done


@fast
async def test_what_was_given_up_can_be_taken_again() -> None:
    """An update that was given up is not taken for answered."""
    answers = Answers()
    dispatcher = Dispatcher(answers, CancellableWaits())
    work = dispatcher.take(update(1))
    assert work
    dispatcher.give_up(work)
    await _all(dispatcher)
    assert [] == answers.done
    assert dispatcher.take(update(1))
    await _all(dispatcher)
    assert [1] == answers.done


@fast
async def test_finishing() -> None:
    """In the end what waits or has not begun is given up at once, and what runs may finish in its grace."""
    pauses, answers = CancellableWaits(), Answers()
    answers.takes.update({1: 3, 2: 100})

    async def handle(one: Update) -> None:
        if one.update_id == 4:
            await pauses.sleep(50)
        await answers(one)

    dispatcher = Dispatcher(handle, pauses)
    works = [dispatcher.take(update(number, chat)) for number, chat in ((1, 1), (2, 2), (3, 1), (4, 4))]
    await asyncio.sleep(1)
    began = now()
    ended: dict[int, float] = {}

    async def clock(work: PendingUpdate | None) -> None:
        assert work
        await asyncio.wait([work.task])
        ended[work.update.update_id] = now()

    clocks = [asyncio.create_task(clock(work)) for work in works]
    await dispatcher.finish(grace=7)
    await asyncio.wait(clocks)
    assert {1: 2.0, 2: 7.0, 3: 0.0, 4: 0.0} == {n: round(at - began, 3) for n, at in sorted(ended.items())}
    assert [False, True, True, True] == [work.task.cancelled() for work in works if work]
    assert [1] == answers.done


@fast
async def test_there_may_be_nothing_to_finish() -> None:
    """With nothing under way, finishing takes no time."""
    await Dispatcher(Answers(), CancellableWaits()).finish(grace=7)
    assert 0.0 == round(now(), 3)


@fast
async def test_an_error_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """An update that fails is logged by its number and counts as answered; the next of its chat is served."""
    done = []

    async def handle(one: Update) -> None:
        if one.update_id == 1:
            raise ValueError("no")
        done.append(one.update_id)

    dispatcher = Dispatcher(handle, CancellableWaits())
    dispatcher.take(update(1))
    dispatcher.take(update(2))
    with caplog.at_level(logging.ERROR):
        await _all(dispatcher)
    assert [2] == done
    assert ["Update 1 could not be handled"] == caplog.messages
    assert dispatcher.take(update(1)) is None


@fast
async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only so many answered updates are remembered, and nothing of a chat that is quiet."""
    monkeypatch.setattr(dispatcher_module, "_REMEMBERED", 10)
    dispatcher = Dispatcher(Answers(), CancellableWaits())
    for number in range(50):
        dispatcher.take(update(number, chat=number + 1))
    await _all(dispatcher)
    gc.collect()
    assert list(range(40, 50)) == list(dispatcher._answered)
    assert [0, 0, 0] == [len(kept) for kept in (dispatcher._turns, dispatcher._begun, dispatcher.unfinished)]


@fast
async def test_what_has_no_chat_has_an_order_too() -> None:
    """An update without a chat waits for those of the same person; one of nobody for those of nobody."""
    answers = Answers()
    answers.takes[1] = 1
    dispatcher = Dispatcher(answers, CancellableWaits())
    for number in (1, 2):
        dispatcher.take(Update(number))
    dispatcher.take(update(3, chat=User(7, "Ada", is_bot=False).id))
    await _all(dispatcher)
    assert [3, 1, 2] == answers.done


@fast
async def test_age() -> None:
    """The age of work is the seconds since it was taken."""
    dispatcher = Dispatcher(Answers(), CancellableWaits())
    work = dispatcher.take(update(1))
    await asyncio.sleep(3)
    assert work
    assert 3.0 == round(work.age, 3)
