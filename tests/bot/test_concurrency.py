import asyncio
import os
import signal

import pytest

from bot.concurrency import CancellableWaits, run_until_stopped, stop_on_signal
from tests.bot.virtual_clock import fast, now


@fast
async def test_only_waiting_tasks_are_cancelled() -> None:
    """`end` cancels tasks that wait, and no others."""
    waits, done = CancellableWaits(), []

    async def work() -> None:
        with waits.pausing():
            pass
        await asyncio.sleep(1)
        done.append("work")

    tasks = [asyncio.create_task(work()), asyncio.create_task(waits.sleep(1))]
    await asyncio.sleep(0.5)
    waits.end()
    await asyncio.wait(tasks)
    assert [False, True] == [task.cancelled() for task in tasks]
    assert ["work"] == done


@fast
async def test_one_task_is_given_up() -> None:
    """Giving up one waiting task does not affect others."""
    waits = CancellableWaits()
    first, second = asyncio.create_task(waits.sleep(1)), asyncio.create_task(waits.sleep(1))
    await asyncio.sleep(0.5)
    waits.give_up(first)
    await asyncio.wait([first, second])
    assert [True, False] == [first.cancelled(), second.cancelled()]


@fast
async def test_a_running_task_is_not_given_up() -> None:
    """A task that is not waiting is not cancelled."""
    waits = CancellableWaits()
    task = asyncio.create_task(asyncio.sleep(1))
    waits.give_up(task)
    await asyncio.wait([task])
    assert not task.cancelled()


@fast
async def test_no_task_waits_after_the_end() -> None:
    """After `end`, a new wait is cancelled at once."""
    waits = CancellableWaits()
    waits.end()
    with pytest.raises(asyncio.CancelledError):
        await waits.sleep(0)


async def _slowly(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


@fast
async def test_work_that_ends_first() -> None:
    """Without a stop, the result of the work is returned."""
    assert "done" == await run_until_stopped(asyncio.Event(), _slowly(5))


@fast
async def test_a_stop_cancels_the_work() -> None:
    """A stop cancels the work at once."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(2, stop.set)
    assert await run_until_stopped(stop, _slowly(5)) is None
    assert 2.0 == round(now(), 3)
    await asyncio.sleep(0)
    assert 1 == len(asyncio.all_tasks())


@fast
async def test_errors_are_raised() -> None:
    """An error of the work is raised in the caller."""

    async def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await run_until_stopped(asyncio.Event(), fail())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops(number: signal.Signals) -> None:
    """SIGTERM and SIGINT both set the event."""
    stop = stop_on_signal()
    os.kill(os.getpid(), number)
    async with asyncio.timeout(2):
        await stop.wait()
    for handled in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(handled)
