"""The queue of updates a bot takes from: offsets, confirmation, long polling, and the 409s."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from sandbox.errors import conflict

if TYPE_CHECKING:
    from collections.abc import Collection

    from sandbox.model import Json

LONGEST_POLL = 50
_NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_POLL_AGAIN = 3.0
"""The same offset asked again within these seconds is held for as long."""
_TOO_SOON = 0.5
_CONNECTED_FOR = 5.0
_TERMINATED = "terminated by other getUpdates request; make sure that only one bot instance is running"
_HAS_WEBHOOK = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


class Updates:
    """Updates wait here until confirmed. `holds_repeats` is Telegram's brake on bots that poll in a spin."""

    def __init__(self, *, holds_repeats: bool = True, first_id: int = 100_000_001) -> None:
        self.holds_repeats = holds_repeats
        self.has_webhook = False
        self._allowed: frozenset[str] | None = None
        self._pending: dict[int, Json] = {}
        self._next_id = first_id
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
        return self._waiting is not None or time.monotonic() - self._last_poll < _CONNECTED_FOR

    def allow(self, kinds: Collection[str] | None) -> None:
        """Set what is queued from now on; none given keeps the setting, an empty list is the default."""
        if kinds is not None:
            self._allowed = frozenset(kinds) or None

    def push(self, kind: str, value: Json) -> int | None:
        """Queue an update and give its id, or None when the bot did not ask for this kind."""
        wanted = kind in self._allowed if self._allowed is not None else kind not in _NOT_BY_DEFAULT
        if not wanted:
            return None
        number = self._next_id
        self._next_id += 1
        self._pending[number] = {"update_id": number, kind: value}
        self.wake()
        return number

    def wake(self) -> None:
        self._changed.set()

    async def changed(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    def confirm(self, number: int) -> None:
        self._pending.pop(number, None)

    def clear(self) -> None:
        self._pending.clear()

    def terminate(self, by: str) -> None:
        """End the waiting getUpdates, if any, with a conflict."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(conflict(by))

    async def get(self, offset: int, limit: int, timeout: int) -> list[Json]:  # noqa: ASYNC109 - Telegram's term
        """Answer the getUpdates of the Bot API, its arguments already read."""
        self.terminate(_TERMINATED)
        if self.has_webhook:
            raise conflict(_HAS_WEBHOOK)
        self._confirm_below(offset)
        patience = float(min(max(timeout, 0), LONGEST_POLL))
        limit = min(max(limit, 1), 100)
        now = time.monotonic()
        if self.holds_repeats and offset == self._last_offset:
            if patience < _POLL_AGAIN and now < self._last_start + _POLL_AGAIN:
                patience = _POLL_AGAIN
            if now < self._last_finish + _TOO_SOON:
                limit = 1
        self._last_offset, self._last_start = offset, now
        if not self._pending and patience:
            await self._wait(patience)
        self._last_finish = self._last_poll = time.monotonic()
        return [self._pending[number] for number in sorted(self._pending)[:limit]]

    def _confirm_below(self, offset: int) -> None:
        if offset < 0:
            kept = sorted(self._pending)[offset:]
            offset = kept[0] if kept else self._next_id
        for number in [one for one in self._pending if one < offset]:
            del self._pending[number]

    async def _wait(self, patience: float) -> None:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting = ended
        deadline = time.monotonic() + patience
        try:
            while not self._pending and (left := deadline - time.monotonic()) > 0:
                self._changed.clear()
                change = asyncio.ensure_future(self._changed.wait())
                waited: set[asyncio.Future[Any]] = {change, ended}
                await asyncio.wait(waited, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                if ended.done():
                    ended.result()
        finally:
            if self._waiting is ended:
                self._waiting = None
            ended.cancel()
