import asyncio
import contextlib
import logging
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telegram import Update
from telegram.error import Conflict, InvalidToken, NetworkError, RetryAfter, TimedOut

from bot.telegram import polling
from bot.telegram.dispatcher import Dispatcher
from bot.telegram.messaging import CancellableWaits
from bot.telegram.polling import Poller
from bot.telegram.saved_updates import AnsweredJournal, Spool
from tests.bot.fake_updates import Answers, FakeQueue, update
from tests.bot.virtual_clock import fast, now


class Process:
    """One process that polls for updates, with its spool and its journal in `folder`.

    `polls` has the error of each poll, or None.
    """

    def __init__(self, queue: FakeQueue, handle: Any, folder: Path, **fields: Any) -> None:
        self.polls: list[Exception | None] = []
        self.waits = CancellableWaits()
        self.dispatcher = Dispatcher(handle, self.waits, AnsweredJournal(folder / "answered"))
        self.stop = asyncio.Event()
        self.poller = Poller(
            queue, self.dispatcher, Spool(folder), ("message",), on_poll=self.polls.append, **fields
        )
        self.task = asyncio.create_task(self.poller.run(self.stop))

    async def end(self) -> None:
        self.stop.set()
        await self.task

    async def die(self) -> None:
        """End abruptly, as in a power failure."""
        tasks = [self.task, *(work.task for work in self.dispatcher.unfinished.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def running(queue: FakeQueue, handle: Any, folder: Path, **fields: Any) -> AsyncIterator[Process]:
    process = Process(queue, handle, folder, **fields)
    # Long enough to notice that no other process answers the pending updates.
    await asyncio.sleep(3)
    yield process
    await process.end()


def spooled(folder: Path) -> list[int]:
    return sorted(int(file.stem) for file in folder.glob("*.json"))


@fast
async def test_updates_are_answered_and_confirmed(tmp_path: Path) -> None:
    """Every update is answered once and confirmed, the last ones at the end."""
    queue, answers = FakeQueue(*(update(number, chat=number) for number in range(5, 300))), Answers()
    async with running(queue, answers, tmp_path):
        await asyncio.sleep(5)
    assert list(range(5, 300)) == answers.done
    assert [] == queue.updates
    assert list(range(5, 300)) == queue.confirmed


@fast
async def test_unanswered_updates_are_not_confirmed(tmp_path: Path) -> None:
    """The offset does not pass an update that is being answered, while other chats are answered."""
    queue, answers = FakeQueue(update(1, chat=1), update(2, chat=2)), Answers()
    answers.takes[1] = 20
    async with running(queue, answers, tmp_path):
        queue.add(update(3, chat=3))
        await asyncio.sleep(5)
        assert [2, 3] == answers.done
        assert [1, 2, 3] == queue.ids
        await asyncio.sleep(20)
    assert [1, 2, 3] == answers.begun
    assert [] == queue.updates


@fast
async def test_idle_polling(tmp_path: Path) -> None:
    """Without updates there is one request for each long poll."""
    queue = FakeQueue()
    async with running(queue, Answers(), tmp_path):
        await asyncio.sleep(500)
    assert 11 <= len(queue.offsets) <= 13


@fast
async def test_unfinished_updates_are_left_to_the_next_process(tmp_path: Path) -> None:
    """At the end, an answer that takes too long is cancelled unconfirmed, and the next process gives it."""
    queue, answers = FakeQueue(update(1, chat=1), update(2, chat=2)), Answers()
    answers.takes[1] = 60
    async with running(queue, answers, tmp_path):
        pass
    assert [1, 2] == queue.ids
    assert 1 == max(queue.offsets)
    answers.takes[1] = 0
    async with running(queue, answers, tmp_path):
        pass
    assert {1: 1, 2: 1} == answers.counts
    assert [] == queue.ids


@fast
async def test_a_failing_update_does_not_stop_the_others(tmp_path: Path) -> None:
    """An update that fails is confirmed like any other, and the next one is answered."""
    queue, done = FakeQueue(update(1), update(2)), []

    async def handle(one: Update) -> None:
        if one.update_id == 1:
            raise ValueError("no")
        done.append(one.update_id)

    async with running(queue, handle, tmp_path):
        pass
    assert [2] == done
    assert [] == queue.ids


@fast
async def test_an_outage_is_logged_twice(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Polling survives a network failure; the log has one line when it begins and one when it ends."""
    queue, answers = FakeQueue(update(1)), Answers()
    queue.errors = [NetworkError("a"), NetworkError("b"), NetworkError("c")]
    with caplog.at_level(logging.INFO):
        async with running(queue, answers, tmp_path, settling_seconds=0.1):
            await asyncio.sleep(10)
    assert [1] == answers.done
    assert [
        "No updates from Telegram (NetworkError); trying again",
        "Telegram answers again after 7 s",
    ] == caplog.messages


@pytest.mark.parametrize("error", [Conflict("other"), TimedOut(), InvalidToken("no"), RuntimeError("odd")])
@fast
async def test_polling_survives_other_failures(error: Exception, tmp_path: Path) -> None:
    """Polling reports a conflict, a timeout, one refusal or an invalid response, and continues."""
    queue, answers = FakeQueue(update(1)), Answers()
    queue.errors = [error]
    async with running(queue, answers, tmp_path) as process:
        await asyncio.sleep(3)
        assert [error, None] == process.polls[:2]
    assert [1] == answers.done


@pytest.mark.filterwarnings("ignore:.*retry_after")
@fast
async def test_a_flood_limit_is_respected(tmp_path: Path) -> None:
    """After a flood limit, polling waits as long as Telegram asks."""
    queue, answers = FakeQueue(update(1)), Answers()
    queue.errors = [RetryAfter(40)]
    async with running(queue, answers, tmp_path):
        await asyncio.sleep(36)
        assert 1 == len(queue.offsets)
        await asyncio.sleep(6)
    assert [1] == answers.done


@fast
async def test_a_revoked_token_ends_polling(tmp_path: Path) -> None:
    """A token that is rejected three times in a row raises InvalidToken."""
    queue = FakeQueue()
    queue.errors = [InvalidToken("no"), InvalidToken("no"), InvalidToken("no")]
    process = Process(queue, Answers(), tmp_path)
    with pytest.raises(InvalidToken):
        await process.task
    assert 3 == len(queue.offsets)


@fast
async def test_refusals_with_other_errors_between(tmp_path: Path) -> None:
    """Refusals of the token that are not three in a row do not end polling."""
    queue, answers = FakeQueue(update(1)), Answers()
    no = InvalidToken("no")
    queue.errors = [no, no, NetworkError("a"), no, no]
    async with running(queue, answers, tmp_path):
        await asyncio.sleep(60)
    assert [1] == answers.done


@fast
async def test_stopping_is_quick(tmp_path: Path) -> None:
    """A process without updates stops at once."""
    async with running(FakeQueue(), Answers(), tmp_path) as process:
        before = now()
        await process.end()
        assert now() - before < 0.1


@fast
async def test_a_slow_update_does_not_hide_later_ones(tmp_path: Path) -> None:
    """When many updates are unconfirmed, slow ones are stored on disk, so that others can be answered."""
    queue = FakeQueue(*(update(number, chat=number) for number in range(1, 400)))
    answers = Answers()
    answers.takes[3] = 100
    async with running(queue, answers, tmp_path):
        await asyncio.sleep(20)
        assert [3] == spooled(tmp_path)
        assert {*range(1, 400)} - {3} == {*answers.done}
        assert [] == queue.ids
        await asyncio.sleep(100)
        assert [] == spooled(tmp_path)
    assert set(range(1, 400)) == set(answers.done)
    assert {1} == set(answers.counts.values())


@fast
async def test_without_a_spool_no_update_is_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If the spool cannot be written, a slow update stays unconfirmed; this is logged once in 30 seconds."""
    (tmp_path / "file").touch()
    queue = FakeQueue(*(update(number, chat=number) for number in range(1, 150)))
    answers = Answers()
    answers.takes[3] = 30
    async with running(queue, answers, tmp_path / "file"):
        await asyncio.sleep(10)
        assert 3 == min(queue.ids)
        assert [1, 2] == queue.confirmed
        assert 1 == sum("cannot store pending questions" in message for message in caplog.messages)
        await asyncio.sleep(60)
    assert set(range(1, 150)) == set(answers.done)
    assert {1} == set(answers.counts.values())


@fast
async def test_stored_updates_are_answered_at_the_start(tmp_path: Path) -> None:
    """A stored update is answered at the start, and does not confirm updates below it."""
    Spool(tmp_path).store(50, update(50, chat=50).to_dict())
    queue, answers = FakeQueue(update(7, chat=7), update(60, chat=60)), Answers()
    answers.takes[7] = 20
    async with running(queue, answers, tmp_path):
        assert {50, 60} == set(answers.done)
        assert [] == spooled(tmp_path)
        assert 7 == max(queue.offsets)
        await asyncio.sleep(30)
    assert {7: 1, 50: 1, 60: 1} == answers.counts
    assert [] == queue.ids


@fast
async def test_a_stored_and_unconfirmed_update_is_answered_once(tmp_path: Path) -> None:
    """An update that was stored but not confirmed before the process ended is answered once."""
    Spool(tmp_path).store(5, update(5).to_dict())
    queue, answers = FakeQueue(update(5)), Answers()
    async with running(queue, answers, tmp_path):
        pass
    assert [5] == answers.done
    assert [] == queue.ids


@fast
async def test_a_stored_update_that_was_answered(tmp_path: Path) -> None:
    """A stored update that is in the journal is not answered again, and is removed from the spool."""
    Spool(tmp_path).store(5, update(5).to_dict())
    AnsweredJournal(tmp_path / "answered").add(5)
    answers = Answers()
    async with running(FakeQueue(), answers, tmp_path):
        pass
    assert [] == answers.done
    assert [] == spooled(tmp_path)


@pytest.mark.parametrize("end", [Process.end, Process.die])
@fast
async def test_answers_behind_a_slow_one_are_not_repeated(end: Any, tmp_path: Path) -> None:
    """Answers that an earlier update keeps unconfirmed are not given again by the next process."""
    queue, answers = FakeQueue(*(update(number, chat=number) for number in range(1, 20))), Answers()
    answers.takes[1] = 60
    process = Process(queue, answers, tmp_path)
    await asyncio.sleep(3)
    await end(process)
    assert list(range(1, 20)) == queue.ids
    assert list(range(2, 20)) == answers.done
    answers.takes[1] = 0
    async with running(queue, answers, tmp_path):
        assert [] == queue.ids
    assert Counter(range(1, 20)) == answers.counts


@fast
async def test_answers_are_confirmed_while_others_are_under_way(tmp_path: Path) -> None:
    """Under load, an answer is confirmed within 0.2 s, with about five requests a second at most."""
    queue, answers, answered_at = FakeQueue(), Answers(), dict[int, float]()
    answers.takes.update({number: 0.05 * number for number in range(1, 100)})

    async def handle(received: Update) -> None:
        await answers(received)
        answered_at[received.update_id] = now()

    async with running(queue, handle, tmp_path):
        before = len(queue.offsets)
        queue.add(*(update(number, chat=number) for number in range(1, 100)))
        for _ in range(100):
            await asyncio.sleep(0.05)
            unconfirmed = [answered_at[number] for number in queue.ids if number in answered_at]
            assert now() - min(unconfirmed, default=now()) < 0.2 + 0.05
        assert len(queue.offsets) - before < 5 * 5 + 3


@fast
async def test_a_slow_answer_causes_no_more_requests(tmp_path: Path) -> None:
    """While nothing more can be confirmed, requests are a poll interval apart."""
    queue, answers = FakeQueue(*(update(number, chat=number) for number in range(1, 100))), Answers()
    answers.takes.update({number: 0.1 * number for number in range(2, 40)})
    answers.takes[1] = 60
    async with running(queue, answers, tmp_path):
        before = len(queue.offsets)
        await asyncio.sleep(30)
        assert len(queue.offsets) - before <= 30 / 0.6 + 1


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.sampled_from([0.0, 0.2, 1.0, 3.0])),
            st.tuples(st.just("wait"), st.sampled_from([0.0, 0.05, 0.3, 1.1, 2.5, 4.0])),
            st.tuples(st.sampled_from(["die", "stop"]), st.just(0.0)),
        ),
        min_size=3,
        max_size=40,
    )
)
@fast
async def test_kills_and_stops_repeat_no_answer(steps: list[tuple[str, float]]) -> None:
    """However often processes are killed or stopped, each update is answered once."""
    with tempfile.TemporaryDirectory() as name:
        queue, answers, added = FakeQueue(), Answers(), 0
        process = Process(queue, answers, Path(name))
        for step, number in steps:
            if step == "add":
                answers.takes[added] = number
                queue.add(update(added, chat=added % 5 + 1))
                added += 1
            elif step == "wait":
                await asyncio.sleep(number)
            else:
                await (process.end() if step == "stop" else process.die())
                process = Process(queue, answers, Path(name))
        await asyncio.sleep(5 + sum(answers.takes.values()))
        await process.end()
    assert Counter(range(added)) == answers.counts
    assert [] == queue.ids


@fast
async def test_unfinished_updates_stay_stored(tmp_path: Path) -> None:
    """A stored update that is cancelled at the end is left for the next process."""
    Spool(tmp_path).store(5, update(5).to_dict())
    answers = Answers()
    answers.takes[5] = 100
    async with running(FakeQueue(), answers, tmp_path):
        pass
    assert [] == answers.done
    assert [5] == spooled(tmp_path)


@fast
async def test_a_backlog_that_another_process_answers(tmp_path: Path) -> None:
    """A new process does not answer updates that another one confirms in the meantime."""
    queue, answers = FakeQueue(update(1), update(2)), Answers()
    process = Process(queue, answers, tmp_path)
    await asyncio.sleep(0.5)
    queue.updates = [update(3)]
    await asyncio.sleep(10)
    assert [3] == answers.done
    await process.end()


@fast
async def test_a_backlog_that_no_process_answers(tmp_path: Path) -> None:
    """A new process answers pending updates that no other confirms, and those that arrive in the meantime."""
    queue, answers = FakeQueue(update(1), update(2)), Answers()
    process = Process(queue, answers, tmp_path)
    await asyncio.sleep(0.5)
    assert [] == answers.done
    queue.add(update(3))
    await asyncio.sleep(2)
    assert [1, 2, 3] == answers.done
    await process.end()


@fast
async def test_updates_that_arrive_during_a_poll(tmp_path: Path) -> None:
    """An update that arrives during a long poll is answered at once, as no other process can have it."""
    queue, answers = FakeQueue(), Answers()
    async with running(queue, answers, tmp_path):
        queue.add(update(1))
        await asyncio.sleep(0.1)
        assert [1] == answers.done


@fast
async def test_a_backlog_after_a_conflict(tmp_path: Path) -> None:
    """After a conflict, a process checks again whether another one answers the pending updates."""
    queue, answers = FakeQueue(), Answers()
    async with running(queue, answers, tmp_path):
        queue.errors = [Conflict("other")]
        queue.add(update(1))
        await asyncio.sleep(0.05)
        assert [1] == answers.done
        queue.updates, polls = [update(2, chat=2)], len(queue.offsets)
        while len(queue.offsets) == polls:  # noqa: ASYNC110  # waiting takes no time here
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.1)
        queue.updates = []
        await asyncio.sleep(10)
    assert [1] == answers.done


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([0.0, 0.02, 0.3, 0.55]), min_size=1, max_size=30),
    st.lists(st.sampled_from([0.0, 0.0, 0.1, 0.4]), min_size=30, max_size=30),
    st.floats(0, 3),
    st.floats(0, 3),
)
@fast
async def test_a_deploy_answers_nothing_twice(
    gaps: list[float], takes: list[float], start: float, overlap: float
) -> None:
    """While one process stops and another one starts, each update is answered exactly once."""
    with tempfile.TemporaryDirectory() as name:
        queue, answers = FakeQueue(), Answers()
        answers.takes.update(enumerate(takes))
        old = Process(queue, answers, Path(name))

        async def send_updates() -> None:
            for number, gap in enumerate(gaps):
                await asyncio.sleep(gap)
                queue.add(update(number, chat=number + 1))

        sending = asyncio.create_task(send_updates())
        await asyncio.sleep(1 + start)
        new = Process(queue, answers, Path(name))
        await asyncio.sleep(overlap)
        await old.end()
        await sending
        await asyncio.sleep(30)
        await new.end()
    assert Counter(range(len(gaps))) == answers.counts
    assert [] == queue.ids


class Watched(FakeQueue):
    """A queue that notes updates confirmed before they were answered or stored, as `lost`."""

    def __init__(self, answers: Answers, folder: Path) -> None:
        super().__init__()
        self.answers = answers
        self.folder = folder
        self.lost: set[int] = set()

    async def fetch_updates(self, **parameters: Any) -> list[Update]:
        before = set(self.ids)
        try:
            return await super().fetch_updates(**parameters)
        finally:
            confirmed = {number for number in before if number < parameters["offset"]}
            self.lost |= confirmed - set(self.answers.done) - set(spooled(self.folder))


ERRORS: list[Exception] = [Conflict("other"), NetworkError("down"), TimedOut(), InvalidToken("no")]
STEPS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from([0.0, 0.2, 3.0, 9.0, 40.0])),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.05, 0.6, 1.1, 4.0, 15.0])),
    st.tuples(st.sampled_from(["start", "stop", "die", "fail"]), st.integers(0, 3)),
)


@settings(max_examples=120)
@given(st.lists(STEPS, min_size=3, max_size=40))
@fast
async def test_no_update_is_ever_lost(steps: list[tuple[str, float]]) -> None:
    """However processes start, stop, overlap and die, confirmed updates have been answered or stored."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(polling, "_MAX_UNCONFIRMED", 3)
        folder, answers = Path(name), Answers()
        queue = Watched(answers, folder)
        processes = [Process(queue, answers, folder)]
        added = 0
        for step, number in steps:
            if step == "add":
                answers.takes[added] = number
                queue.add(update(added, chat=added % 5 + 1))
                added += 1
            elif step == "wait":
                await asyncio.sleep(number)
            elif step == "start":
                processes.append(Process(queue, answers, folder))
            elif step == "fail":
                queue.errors.append(ERRORS[int(number)])
            elif processes:
                process = processes.pop(int(number) % len(processes))
                await (_end([process]) if step == "stop" else process.die())
            assert set() == queue.lost
        await _end(processes)
        queue.errors.clear()
        last = Process(queue, answers, folder)
        await asyncio.sleep(60 + sum(answers.takes.values()))
        await last.end()
        assert set() == queue.lost
        assert [] == queue.ids
        assert [] == spooled(folder)
    assert set(range(added)) == set(answers.done)


async def _end(processes: Iterable[Process]) -> None:
    for process in processes:
        with contextlib.suppress(InvalidToken):
            await process.end()
