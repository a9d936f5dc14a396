"""The queue of updates for the bot: offsets, confirmation, long polling, and conflicts (409)."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

from sandbox.errors import conflict

if TYPE_CHECKING:
    from collections.abc import Collection

    from sandbox.telegram_objects import Json

MAX_POLL_SECONDS = 50
_MIN_FIRST_ID = 500_000_000
_NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_REPEAT_HOLD_SECONDS = 3.0
"""A poll that repeats the last offset within this time waits for an update this long."""
_FAST_REPEAT_SECONDS = 0.5
"""A poll that repeats the last offset this soon after its response gets one update only."""
_CONNECTED_SECONDS = 5.0
_OTHER_POLLER = "terminated by other getUpdates request; make sure that only one bot instance is running"
_WEBHOOK_ACTIVE = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


class UpdateQueue:
    """Keeps updates until they are confirmed.

    `holds_repeats` slows down bots that poll in a busy loop, as Telegram does.
    """

    def __init__(self, *, holds_repeats: bool = True, first_id: int | None = None) -> None:
        self.holds_repeats = holds_repeats
        self.has_webhook = False
        self._allowed: frozenset[str] | None = None
        self._pending: dict[int, Json] = {}
        # Random, as after a week without updates, so that bots can tell the updates of two runs apart.
        self._next_id = first_id or random.randrange(_MIN_FIRST_ID, 2 * _MIN_FIRST_ID)  # noqa: S311  # no secret
        self._changed = asyncio.Event()
        self._waiting: asyncio.Future[None] | None = None
        self._last_offset: int | None = None
        self._last_start = self._last_finish = self._last_poll = float("-inf")

    @property
    def pending(self) -> dict[int, Json]:
        return self._pending

    @property
    def allowed(self) -> list[str] | None:
        return None if self._allowed is None else sorted(self._allowed)

    def is_polled(self) -> bool:
        return self._waiting is not None or time.monotonic() - self._last_poll < _CONNECTED_SECONDS

    def allow(self, kinds: Collection[str] | None) -> None:
        """Set the kinds of updates to queue. None keeps the setting; an empty list restores the default."""
        if kinds is not None:
            self._allowed = frozenset(kinds) or None

    def push(self, kind: str, value: Json) -> int | None:
        """Queue an update and return its id, or None if the bot does not want this kind."""
        is_allowed = kind in self._allowed if self._allowed is not None else kind not in _NOT_BY_DEFAULT
        if not is_allowed:
            return None
        update_id = self._next_id
        self._next_id += 1
        self._pending[update_id] = {"update_id": update_id, kind: value}
        self.wake()
        return update_id

    def wake(self) -> None:
        self._changed.set()

    async def changed(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    def confirm(self, update_id: int) -> None:
        self._pending.pop(update_id, None)

    def clear(self) -> None:
        self._pending.clear()

    def terminate(self, reason: str) -> None:
        """End the waiting getUpdates call, if any, with a conflict."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(conflict(reason))

    async def get(self, offset: int, limit: int, timeout: int) -> list[Json]:  # noqa: ASYNC109 - Telegram's term
        """Return the result of getUpdates. Raise ApiError 409 if a webhook is set or another poll starts."""
        self.terminate(_OTHER_POLLER)
        if self.has_webhook:
            raise conflict(_WEBHOOK_ACTIVE)
        self._confirm_below(offset)
        wait_seconds = float(min(max(timeout, 0), MAX_POLL_SECONDS))
        limit = min(max(limit, 1), 100)
        now = time.monotonic()
        if self.holds_repeats and offset == self._last_offset:
            if wait_seconds < _REPEAT_HOLD_SECONDS and now < self._last_start + _REPEAT_HOLD_SECONDS:
                wait_seconds = _REPEAT_HOLD_SECONDS
            if now < self._last_finish + _FAST_REPEAT_SECONDS:
                limit = 1
        self._last_offset, self._last_start = offset, now
        if not self._pending and wait_seconds:
            await self._wait(wait_seconds)
        self._last_finish = self._last_poll = time.monotonic()
        return [self._pending[update_id] for update_id in sorted(self._pending)[:limit]]

    def _confirm_below(self, offset: int) -> None:
        if offset < 0:
            last_ids = sorted(self._pending)[offset:]
            offset = last_ids[0] if last_ids else self._next_id
        for update_id in [pending_id for pending_id in self._pending if pending_id < offset]:
            del self._pending[update_id]

    async def _wait(self, seconds: float) -> None:
        """Wait for an update. Raise ApiError if `terminate` ends this poll."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting = ended
        deadline = time.monotonic() + seconds
        try:
            while not self._pending and (seconds_left := deadline - time.monotonic()) > 0:
                self._changed.clear()
                change = asyncio.ensure_future(self._changed.wait())
                futures: set[asyncio.Future[Any]] = {change, ended}
                await asyncio.wait(futures, timeout=seconds_left, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                if ended.done():
                    ended.result()
        finally:
            if self._waiting is ended:
                self._waiting = None
            ended.cancel()
