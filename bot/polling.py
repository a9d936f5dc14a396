"""Taking updates from Telegram so that each is confirmed only when it has been answered.

Telegram keeps what is not confirmed, and a getUpdates confirms all below its offset. So the offset never
passes an update that is still being answered: a process that dies leaves it to the next one.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from telegram import Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from bot.outage import Outage
from bot.stopping import unless

_log = logging.getLogger(__name__)

_LONG_POLL = 50
_BATCH = 100
_ON_ITS_WAY = 0.5


class Source(Protocol):
    """The one method of a bot that is needed here."""

    async def pending(
        self, *, offset: int, limit: int, wait: int, kinds: tuple[str, ...]
    ) -> list[Update]: ...


class Poller:
    """`handle` answers one update. Chats are served side by side, the updates of one chat in order."""

    def __init__(
        self,
        source: Source,
        handle: Callable[[Update], Awaitable[None]],
        kinds: tuple[str, ...],
        *,
        patience: float = 1.0,
        grace: float = 7.0,
    ) -> None:
        self._source = source
        self._handle = handle
        self._kinds = kinds
        # With an answer still under way: how long until we ask for more, and until we give up on stopping.
        self._patience = patience
        self._grace = grace
        self._running: dict[int, asyncio.Task[None]] = {}
        self._last_of_chat: dict[int, asyncio.Task[None]] = {}
        self._taken: set[int] = set()
        self._next = 0
        self._polled, self._polled_at = 0, 0.0
        self._outage = Outage()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`. Raises InvalidToken when the token is no longer good."""
        while not stop.is_set():
            for update in await unless(stop, self._fetch(stop)) or ():
                self._take(update)
            if self._running:
                await unless(stop, asyncio.wait(self._running.values(), timeout=self._patience))
        await self._finish()

    @property
    def _offset(self) -> int:
        return min(self._running, default=self._next)

    def _is_confirmed(self) -> bool:
        # A poll confirms by arriving; its answer may still be far off.
        return self._polled == self._offset and time.monotonic() - self._polled_at > _ON_ITS_WAY

    async def _fetch(self, stop: asyncio.Event) -> Sequence[Update]:
        offset = self._offset
        self._polled, self._polled_at = offset, time.monotonic()
        try:
            updates = await self._source.pending(
                offset=offset, limit=_BATCH, wait=_LONG_POLL, kinds=self._kinds
            )
        except InvalidToken:
            raise
        except Exception as error:  # noqa: BLE001  # a bad day of Telegram's must not end us
            self._polled = -1
            await self._sit_out(error, stop)
            return ()
        self._outage.over()
        self._taken = {taken for taken in self._taken if taken >= offset}
        return updates

    async def _sit_out(self, error: Exception, stop: asyncio.Event) -> None:
        if isinstance(error, RetryAfter):
            delay = self._outage.met("Telegram asks us to wait", at_least=_seconds(error))
        elif isinstance(error, Conflict):
            delay = self._outage.met("Another process takes the updates of this bot; waiting for it to stop")
        else:
            delay = self._outage.met(f"No updates from Telegram ({type(error).__name__}); trying again")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), delay)

    def _take(self, update: Update) -> None:
        if update.update_id in self._taken:
            return
        self._taken.add(update.update_id)
        self._next = max(self._next, update.update_id + 1)
        chat = update.effective_chat or update.effective_user
        key = chat.id if chat else 0
        task = asyncio.create_task(self._answer(update, self._last_of_chat.get(key)))
        self._running[update.update_id] = self._last_of_chat[key] = task
        task.add_done_callback(lambda done: self._done(update.update_id, key, done))

    async def _answer(self, update: Update, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            await self._handle(update)
        except Exception:  # noqa: BLE001  # one update must not stop the others
            _log.exception("Update %d could not be handled", update.update_id)

    def _done(self, update_id: int, key: int, task: asyncio.Task[None]) -> None:
        # What was cancelled stays unfinished, so that the last offset does not confirm it.
        if not task.cancelled():
            del self._running[update_id]
        if self._last_of_chat.get(key) is task:
            del self._last_of_chat[key]

    async def _finish(self) -> None:
        if self._running:
            await asyncio.wait(self._running.values(), timeout=self._grace)
        for task in list(self._running.values()):
            task.cancel()
        if not self._is_confirmed():
            with contextlib.suppress(TelegramError, TimeoutError):
                async with asyncio.timeout(2):
                    await self._source.pending(offset=self._offset, limit=1, wait=0, kinds=self._kinds)


def _seconds(error: RetryAfter) -> float:
    wait = error.retry_after
    return wait if isinstance(wait, int) else wait.total_seconds()
