from __future__ import annotations

import asyncio
import time

import pytest

from sandbox.telegram_objects import ApiError
from sandbox.updates import UpdateQueue


@pytest.fixture
def updates() -> UpdateQueue:
    return UpdateQueue(holds_repeats=False, first_id=10)


def update_ids(updates: list[dict[str, object]]) -> list[object]:
    return [update["update_id"] for update in updates]


async def test_an_offset_confirms_all_below(updates: UpdateQueue) -> None:
    """Updates below the offset are confirmed and not returned again; the others are."""
    for _ in range(4):
        updates.push("message", {})
    assert update_ids(await updates.get(0, 2, 0)) == [10, 11]
    assert update_ids(await updates.get(0, 100, 0)) == [10, 11, 12, 13]
    assert update_ids(await updates.get(12, 100, 0)) == [12, 13]
    assert update_ids(await updates.get(0, 100, 0)) == [12, 13]


def test_the_first_id_differs() -> None:
    """Updates of two runs have different ids, as bots may remember those that they have answered."""
    ids = [UpdateQueue().push("message", {}) for _ in range(4)]
    assert len(set(ids)) == 4


async def test_a_negative_offset_keeps_the_last(updates: UpdateQueue) -> None:
    """Offset -1 returns the last update and drops the others."""
    for _ in range(3):
        updates.push("message", {})
    assert update_ids(await updates.get(-1, 100, 0)) == [12]
    assert list(updates.pending) == [12]


async def test_a_poll_waits_for_an_update(updates: UpdateQueue) -> None:
    """A long poll ends as soon as there is an update."""
    poll = asyncio.create_task(updates.get(0, 100, 20))
    await asyncio.sleep(0.01)
    updates.push("message", {})
    assert update_ids(await asyncio.wait_for(poll, 1)) == [10]


async def test_a_newer_poll_ends_the_waiting_one(updates: UpdateQueue) -> None:
    """When a second poll starts, the waiting one gets a conflict."""
    older = asyncio.create_task(updates.get(0, 100, 20))
    await asyncio.sleep(0.01)
    newer = asyncio.create_task(updates.get(0, 100, 20))
    with pytest.raises(ApiError, match="terminated by other getUpdates request") as caught:
        await older
    assert caught.value.code == 409
    updates.push("message", {})
    assert update_ids(await newer) == [10]


async def test_a_webhook_refuses_polling(updates: UpdateQueue) -> None:
    """While a webhook is set, polling is a conflict."""
    updates.has_webhook = True
    with pytest.raises(ApiError, match="webhook is active"):
        await updates.get(0, 100, 0)


async def test_only_allowed_kinds_are_queued(updates: UpdateQueue) -> None:
    """`allowed_updates` applies until it is set again, and an empty list restores the default."""
    updates.allow(["callback_query"])
    assert updates.push("message", {}) is None
    updates.allow(None)
    assert updates.push("message", {}) is None
    updates.allow([])
    assert updates.push("message", {}) == 10
    assert updates.push("message_reaction", {}) is None


async def test_a_busy_poller_is_held() -> None:
    """A poll that repeats the last offset at once waits up to three seconds for an update."""
    updates = UpdateQueue()
    assert await updates.get(0, 100, 0) == []
    started = time.monotonic()
    poll = asyncio.create_task(updates.get(0, 100, 0))
    await asyncio.sleep(0.2)
    assert not poll.done()
    updates.push("message", {})
    assert len(await poll) == 1
    assert time.monotonic() - started < 3
