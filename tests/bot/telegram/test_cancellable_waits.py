import asyncio

import pytest

from bot.telegram.messaging import CancellableWaits
from tests.bot.virtual_clock import fast


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
