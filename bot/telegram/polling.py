"""Long polling that confirms each update when it has been answered or spooled to disk.

getUpdates confirms all updates below its offset, and Telegram keeps the others. The offset never passes an
update that is still being answered, so a process that dies leaves it to the next one.
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

from bot.concurrency import run_until_stopped
from bot.retries import MAX_TOKEN_REJECTIONS, Outage, retry_after_seconds
from bot.telegram.dispatcher import Dispatcher, PendingUpdate
from bot.telegram.saved_updates import Spool

_log = logging.getLogger(__name__)

_LONG_POLL_SECONDS = 50
_UPDATES_PER_POLL = 100
_MAX_ARRIVAL_SECONDS = 0.5
# Telegram shows at most 100 unconfirmed updates. From half of that on, slow updates are spooled.
_MAX_UNCONFIRMED = 50
_SLOW_UPDATE_SECONDS = 2.0
# If the disk is full or read-only, many attempts would only delay the next request.
_SPOOL_PAUSE_SECONDS = 30.0
# While there are always answers under way, those given are confirmed this often. Without a journal, a process
# that is killed repeats those of this time.
_CONFIRMATION_SECONDS = 0.2
# Fractions of the time that a new process observes before it claims the updates. After a conflict, the
# process that was answering returns and claims them again sooner than a new one.
_RETURN_DELAY_FACTOR = 0.1
_RECLAIM_DELAY_FACTOR = 0.3
_LOG_INTERVAL_SECONDS = 60.0


class _TakenError(Conflict):
    """Another process has confirmed updates that this one has not."""


class PollingClient(Protocol):
    """The methods of a bot that the poller calls."""

    async def fetch_updates(
        self, *, offset: int, limit: int, wait: int, allowed_updates: tuple[str, ...]
    ) -> list[Update]: ...

    def parse_update(self, received: dict[str, object]) -> Update: ...


class Poller:
    """Hands updates to the dispatcher. `on_poll` is called after every poll, with its error or None."""

    def __init__(  # noqa: PLR0913  # waiting times, each with a name
        self,
        client: PollingClient,
        dispatcher: Dispatcher,
        spool: Spool,
        allowed_updates: tuple[str, ...],
        *,
        on_poll: Callable[[Exception | None], None] = lambda _: None,
        poll_interval_seconds: float = 0.6,
        settling_seconds: float = 1.2,
        grace_seconds: float = 7.0,
    ) -> None:
        self._client = client
        self._dispatcher = dispatcher
        self._spool = spool
        self._allowed_updates = allowed_updates
        self._on_poll = on_poll
        # Seconds between polls while an answer is under way. Within half a second Telegram returns one update
        # at a time to a repeated request.
        self._poll_interval_seconds = poll_interval_seconds
        # Seconds that another process may need to confirm its answers, or to return after a conflict.
        self._settling_seconds = settling_seconds
        self._grace_seconds = grace_seconds
        self._open: dict[int, PendingUpdate] = {}
        self._spooled: dict[int, PendingUpdate] = {}
        self._spool_from = float("-inf")
        self._seen: set[int] = set()
        self._next = 0
        self._polled, self._polled_at = 0, 0.0
        # Whether this process answers the updates, and whether it did until another process polled.
        self._is_ours = self._was_ours = False
        self._token_rejections = 0
        self._outage = Outage()
        self._logged_at = float("-inf")

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`. Raises InvalidToken if the token has been revoked."""
        self._resume()
        while not stop.is_set():
            for update in await run_until_stopped(stop, self._fetch(stop)) or ():
                self._dispatch(update)
                self._next = max(self._next, update.update_id + 1)
            await run_until_stopped(stop, self._wait_for_answers())
            self._drop_answered()
            if len(self._seen) >= _MAX_UNCONFIRMED:
                await self._spool_slow_updates()
        await self._finish()

    def _resume(self) -> None:
        """Continue with the updates that an earlier process left on disk."""
        for stored in self._spool.pending():
            update = self._client.parse_update(stored)
            self._dispatch(update)
            self._move_to_spool(update.update_id)

    @property
    def _offset(self) -> int:
        return min(self._open, default=self._next)

    def _is_confirmed(self) -> bool:
        # A poll confirms updates when it arrives, long before it returns.
        return self._polled == self._offset and time.monotonic() - self._polled_at > _MAX_ARRIVAL_SECONDS

    async def _fetch(self, stop: asyncio.Event) -> Sequence[Update]:
        try:
            updates = await self._poll() if self._is_ours else await self._claim()
        except Exception as error:  # no failure of Telegram may end the process
            self._on_poll(error)
            self._token_rejections = self._token_rejections + 1 if isinstance(error, InvalidToken) else 0
            if self._token_rejections >= MAX_TOKEN_REJECTIONS:
                raise
            self._polled = -1
            if isinstance(error, Conflict):
                self._is_ours = False
                self._was_ours = self._was_ours and not isinstance(error, _TakenError)
            await self._back_off(error, stop)
            return ()
        self._token_rejections = 0
        self._outage.recovered()
        return updates

    async def _wait_for_answers(self) -> None:
        """Wait until all answers are given or some can be confirmed, for a poll interval at most."""
        deadline = time.monotonic() + self._poll_interval_seconds
        while running := [pending.task for pending in self._open.values() if not pending.task.done()]:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            await asyncio.wait(running, timeout=min(left, _CONFIRMATION_SECONDS))
            self._drop_answered()
            if self._offset > self._polled:
                return

    async def _poll(self, wait: int = _LONG_POLL_SECONDS) -> Sequence[Update]:
        self._drop_answered()
        offset, is_held = self._offset, bool(self._open)
        self._polled, self._polled_at = offset, time.monotonic()
        updates = await self._client.fetch_updates(
            offset=offset, limit=_UPDATES_PER_POLL, wait=wait, allowed_updates=self._allowed_updates
        )
        self._on_poll(None)
        self._seen = {seen for seen in self._seen if seen >= offset}
        if is_held and updates and updates[0].update_id > offset:
            self._release(updates[0].update_id)
            raise _TakenError("another process answers")
        return updates

    def _release(self, first: int) -> None:
        """Give up updates that another process has confirmed and that only wait here."""
        for number in [number for number in self._open if number < first]:
            self._dispatcher.give_up(self._open.pop(number))

    async def _claim(self) -> Sequence[Update]:
        """Poll; raise _TakenError if another process is answering, as the old one does during a deploy.

        Poll twice; if updates vanish in between, another process is answering: it has confirmed them. Updates
        that arrive during a long poll belong to this process, so one poll is enough for them. A new process
        waits longer between the polls than one that was answering before, so the new one backs off.
        """
        factor = _RECLAIM_DELAY_FACTOR if self._was_ours else random.uniform(0.9, 1.1)  # noqa: S311  # no secret
        settling_seconds = self._settling_seconds * factor
        began = time.monotonic()
        first = await self._poll()
        if first and time.monotonic() - began < max(_MAX_ARRIVAL_SECONDS, settling_seconds / 2):
            await asyncio.sleep(settling_seconds)
            current = await self._poll(wait=0)
            if {update.update_id for update in first} - {update.update_id for update in current}:
                raise _TakenError("another process answers")
            first = current
        self._is_ours = self._was_ours = True
        return first

    async def _back_off(self, error: Exception, stop: asyncio.Event) -> None:
        if isinstance(error, RetryAfter):
            delay = self._outage.next_delay_seconds(
                "Telegram's rate limit: waiting", at_least=retry_after_seconds(error)
            )
        elif isinstance(error, Conflict):
            self._log_conflict()
            # Random, so that two processes do not collide again; the one that was answering returns first.
            delay = self._settling_seconds * (_RETURN_DELAY_FACTOR if self._was_ours else 1.0)
            delay *= random.uniform(1, 2)  # noqa: S311  # no secret
        else:
            reason = f"No updates from Telegram ({type(error).__name__}); trying again"
            delay = self._outage.next_delay_seconds(reason)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), delay)

    def _log_conflict(self) -> None:
        """Log a conflict once a minute at most."""
        if time.monotonic() - self._logged_at > _LOG_INTERVAL_SECONDS:
            self._logged_at = time.monotonic()
            _log.warning("Another process takes the updates of this bot; waiting for it to stop")

    def _dispatch(self, update: Update) -> None:
        if update.update_id in self._seen:
            return
        self._seen.add(update.update_id)
        if pending := self._dispatcher.dispatch(update):
            self._open[update.update_id] = pending

    def _drop_answered(self) -> None:
        """Forget the updates that have been answered."""
        for number in [number for number, pending in self._open.items() if _is_answered(pending)]:
            del self._open[number]

    async def _spool_slow_updates(self) -> None:
        """Move slow updates to disk, so that Telegram shows later ones; pause after a failure."""
        slow = [number for number, pending in self._open.items() if pending.age > _SLOW_UPDATE_SECONDS]
        for number in slow if time.monotonic() >= self._spool_from else ():
            update = self._open[number].update.to_dict()
            if not await asyncio.to_thread(self._spool.store, number, update):
                self._spool_from = time.monotonic() + _SPOOL_PAUSE_SECONDS
                return
            self._move_to_spool(number)

    def _move_to_spool(self, number: int) -> None:
        """Keep an update in the spool until it is answered."""
        pending = self._open.pop(number, None)
        if pending is not None:
            self._spooled[number] = pending
            pending.task.add_done_callback(lambda _: self._unspool(number))

    def _unspool(self, number: int) -> None:
        if _is_answered(self._spooled.pop(number)):
            self._spool.drop(number)

    async def _finish(self) -> None:
        await self._dispatcher.finish(self._grace_seconds)
        self._drop_answered()
        if not self._is_confirmed():
            with contextlib.suppress(TelegramError, TimeoutError):
                async with asyncio.timeout(2):
                    await self._client.fetch_updates(
                        offset=self._offset, limit=1, wait=0, allowed_updates=self._allowed_updates
                    )


def _is_answered(pending: PendingUpdate) -> bool:
    return pending.task.done() and not pending.task.cancelled()
