"""Taking updates from Telegram so that each is confirmed only when it has been answered.

Telegram keeps what is not confirmed, and a getUpdates confirms all below its offset. So the offset never
passes an update that is still being answered: a process that dies leaves it to the next one.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from telegram import Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from bot.ops.concurrency import run_until_stopped
from bot.ops.outage_log import OutageLog
from bot.telegram.dispatcher import Dispatcher, PendingUpdate
from bot.telegram.rate_limiter import seconds
from bot.telegram.spool import Spool

_log = logging.getLogger(__name__)

_LONG_POLL = 50
_BATCH = 100
_ON_ITS_WAY = 0.5
# When the window is half full, what takes this long must not hide the rest.
_CROWDED = 50
_SLOW = 2.0
_REFUSALS = 3
# Of the time a newcomer looks on: who answered until now comes back sooner than a newcomer may take over.
_RETURN = 0.1
_LOOK_BACK = 0.3
_REMINDER = 60.0


class _Taken(Conflict):
    """Another process has confirmed what we did not."""


class UpdateSource(Protocol):
    """What is needed here of a bot."""

    async def pending(
        self, *, offset: int, limit: int, wait: int, kinds: tuple[str, ...]
    ) -> list[Update]: ...

    def read(self, received: dict[str, object]) -> Update: ...


class Poller:
    """Feeds the dispatcher. `on_poll` is told of every poll: None, or the error it ended with."""

    def __init__(  # noqa: PLR0913  # waiting times, each with a name
        self,
        source: UpdateSource,
        dispatcher: Dispatcher,
        spool: Spool,
        kinds: tuple[str, ...],
        *,
        on_poll: Callable[[Exception | None], None] = lambda _: None,
        patience: float = 0.6,
        settling: float = 1.2,
        grace: float = 7.0,
    ) -> None:
        self._source = source
        self._dispatcher = dispatcher
        self._spool = spool
        self._kinds = kinds
        self._on_poll = on_poll
        # With an answer under way: how long until we ask for more. Telegram gives one update at a time to
        # those who ask the same again within half a second.
        self._patience = patience
        # How long another process may take to confirm what it has answered, or to be back after a conflict.
        self._settling = settling
        self._grace = grace
        self._open: dict[int, PendingUpdate] = {}
        self._spooled: dict[int, PendingUpdate] = {}
        self._seen: set[int] = set()
        self._next = 0
        self._polled, self._polled_at = 0, 0.0
        # Whether the updates are ours to answer, and whether they were until another process asked for them.
        self._is_ours = self._were_ours = False
        self._refusals = 0
        self._outage = OutageLog()
        self._told_at = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`. Raises InvalidToken when the token is no longer good."""
        self._resume()
        while not stop.is_set():
            for update in await run_until_stopped(stop, self._fetch(stop)) or ():
                self._take(update)
                self._next = max(self._next, update.update_id + 1)
            if running := [work.task for work in self._open.values() if not work.task.done()]:
                await run_until_stopped(stop, asyncio.wait(running, timeout=self._patience))
            self._tidy()
            if len(self._seen) >= _CROWDED:
                await self._make_room()
        await self._finish()

    def _resume(self) -> None:
        """Take up what an earlier process had to leave on disk."""
        for kept in self._spool.kept():
            update = self._source.read(kept)
            self._take(update)
            self._move(update.update_id)

    @property
    def _offset(self) -> int:
        return min(self._open, default=self._next)

    def _is_confirmed(self) -> bool:
        # A poll confirms by arriving; its answer may still be far off.
        return self._polled == self._offset and time.monotonic() - self._polled_at > _ON_ITS_WAY

    async def _fetch(self, stop: asyncio.Event) -> Sequence[Update]:
        try:
            updates = await self._ours() if self._is_ours else await self._taken_over()
        except Exception as error:  # a bad day of Telegram's must not end us
            self._on_poll(error)
            self._refusals = self._refusals + 1 if isinstance(error, InvalidToken) else 0
            if self._refusals >= _REFUSALS:
                raise
            self._polled = -1
            if isinstance(error, Conflict):
                self._is_ours = False
                self._were_ours = self._were_ours and not isinstance(error, _Taken)
            await self._sit_out(error, stop)
            return ()
        self._refusals = 0
        self._outage.recovered()
        return updates

    async def _ours(self, wait: int = _LONG_POLL) -> Sequence[Update]:
        self._tidy()
        offset, is_held = self._offset, bool(self._open)
        self._polled, self._polled_at = offset, time.monotonic()
        updates = await self._source.pending(offset=offset, limit=_BATCH, wait=wait, kinds=self._kinds)
        self._on_poll(None)
        self._seen = {seen for seen in self._seen if seen >= offset}
        if is_held and updates and updates[0].update_id > offset:
            self._let_go(updates[0].update_id)
            raise _Taken("another process answers")
        return updates

    def _let_go(self, first: int) -> None:
        """Leave what another process has confirmed to that one, as far as it only waits here."""
        for number in [number for number in self._open if number < first]:
            self._dispatcher.give_up(self._open.pop(number))

    async def _taken_over(self) -> Sequence[Update]:
        """Take no update that another process is still answering, as on every deploy.

        What comes while we wait for it is ours. What lies there already may be in other hands: these confirm
        it soon, and then take what comes next as well. A newcomer looks on for longer than whoever answered
        until now, so of the two it is the newcomer that sees the other's answers and holds back.
        """
        settling = self._settling * (_LOOK_BACK if self._were_ours else random.uniform(0.9, 1.1))  # noqa: S311  # no secret
        began = time.monotonic()
        first = await self._ours()
        if first and time.monotonic() - began < max(_ON_ITS_WAY, settling / 2):
            await asyncio.sleep(settling)
            now = await self._ours(wait=0)
            if {one.update_id for one in first} - {one.update_id for one in now}:
                raise _Taken("another process answers")
            first = now
        self._is_ours = self._were_ours = True
        return first

    async def _sit_out(self, error: Exception, stop: asyncio.Event) -> None:
        if isinstance(error, RetryAfter):
            delay = self._outage.failed("Telegram asks us to wait", at_least=seconds(error))
        elif isinstance(error, Conflict):
            self._tell_of_other()
            # Two that wait equally long would meet again; and who answered until now is back first.
            delay = self._settling * (_RETURN if self._were_ours else 1.0)
            delay *= random.uniform(1, 2)  # noqa: S311  # no secret
        else:
            delay = self._outage.failed(f"No updates from Telegram ({type(error).__name__}); trying again")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), delay)

    def _tell_of_other(self) -> None:
        """Say it once in a while: on a deploy the two meet again and again."""
        if time.monotonic() - self._told_at > _REMINDER:
            self._told_at = time.monotonic()
            _log.warning("Another process takes the updates of this bot; waiting for it to stop")

    def _take(self, update: Update) -> None:
        if update.update_id in self._seen:
            return
        self._seen.add(update.update_id)
        if work := self._dispatcher.take(update):
            self._open[update.update_id] = work

    def _tidy(self) -> None:
        """Let go of what is answered."""
        for number in [number for number, work in self._open.items() if _is_answered(work)]:
            del self._open[number]

    async def _make_room(self) -> None:
        """Keep on disk what would hide later updates from us."""
        for number, work in list(self._open.items()):
            if work.age > _SLOW and await asyncio.to_thread(self._spool.keep, number, work.update.to_dict()):
                self._move(number)

    def _move(self, number: int) -> None:
        """Leave an update to the spool, until it is answered."""
        work = self._open.pop(number, None)
        if work is not None:
            self._spooled[number] = work
            work.task.add_done_callback(lambda _: self._back(number))

    def _back(self, number: int) -> None:
        if _is_answered(self._spooled.pop(number)):
            self._spool.drop(number)

    async def _finish(self) -> None:
        await self._dispatcher.finish(self._grace)
        self._tidy()
        if not self._is_confirmed():
            with contextlib.suppress(TelegramError, TimeoutError):
                async with asyncio.timeout(2):
                    await self._source.pending(offset=self._offset, limit=1, wait=0, kinds=self._kinds)


def _is_answered(work: PendingUpdate) -> bool:
    return work.task.done() and not work.task.cancelled()
