import asyncio

import pytest

from bot.ops.concurrency import CancellableWaits
from tests.bot.virtual_clock import fast


@fast
async def test_only_what_waits_is_cancelled() -> None:
    """At the end a task that only waits is cancelled, and one that does something is left alone."""
    pauses, done = CancellableWaits(), []

    async def work() -> None:
        with pauses.pausing():
            pass
        await asyncio.sleep(1)
        done.append("work")

    tasks = [asyncio.create_task(work()), asyncio.create_task(pauses.sleep(1))]
    await asyncio.sleep(0.5)
    pauses.end()
    await asyncio.wait(tasks)
    assert [False, True] == [task.cancelled() for task in tasks]
    assert ["work"] == done


@fast
async def test_one_task_is_given_up() -> None:
    """Giving up one task that waits leaves the others waiting."""
    pauses = CancellableWaits()
    one, other = asyncio.create_task(pauses.sleep(1)), asyncio.create_task(pauses.sleep(1))
    await asyncio.sleep(0.5)
    pauses.give_up(one)
    await asyncio.wait([one, other])
    assert [True, False] == [one.cancelled(), other.cancelled()]


@fast
async def test_what_does_not_wait_is_not_given_up() -> None:
    """A task outside any pause is not cancelled."""
    pauses = CancellableWaits()
    task = asyncio.create_task(asyncio.sleep(1))
    pauses.give_up(task)
    await asyncio.wait([task])
    assert not task.cancelled()


@fast
async def test_after_the_end_nobody_waits() -> None:
    """After the end a new pause is cancelled at once, before anything else is done."""
    pauses = CancellableWaits()
    pauses.end()
    with pytest.raises(asyncio.CancelledError):
        await pauses.sleep(0)
