"""Answers updates: chats concurrently, the updates of one chat in order, and each update once."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from weakref import WeakValueDictionary

from telegram import Update

from bot.telegram.messaging import CancellableWaits
from bot.telegram.saved_updates import AnsweredJournal

_log = logging.getLogger(__name__)

# Telegram sends an update again if it is not sure that the bot received it.
_MAX_ANSWERED_IDS = 2048


@dataclass(frozen=True, slots=True, eq=False)
class PendingUpdate:
    """An update and the task that answers it. If the task was cancelled, the update was not answered."""

    update: Update
    task: asyncio.Task[None]
    since: float

    @property
    def age(self) -> float:
        """Seconds since `dispatch`."""
        return time.monotonic() - self.since


class Dispatcher:
    """Runs `handle` for every update that is not in the journal, in a task of its own."""

    def __init__(
        self,
        handle: Callable[[Update], Awaitable[None]],
        waits: CancellableWaits,
        journal: AnsweredJournal | None = None,
    ) -> None:
        self._handle = handle
        self._waits = waits
        self._journal = journal
        self._unfinished: dict[int, PendingUpdate] = {}
        self._started: set[int] = set()
        self._answered: OrderedDict[int, None] = OrderedDict()
        # Locks are fair, so updates of a chat run in order. A lock is dropped with its chat's last update.
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    @property
    def unfinished(self) -> Mapping[int, PendingUpdate]:
        """The updates that are not answered yet, by id."""
        return self._unfinished

    def dispatch(self, update: Update) -> PendingUpdate | None:
        """Start to answer an update, and return it with its task; None if it has been answered already."""
        pending = self._unfinished.get(update.update_id)
        if pending is not None or update.update_id in self._answered:
            return pending
        lock = self._locks.setdefault(_ordering_key(update), asyncio.Lock())
        task = asyncio.create_task(self._answer(update, lock))
        pending = PendingUpdate(update, task, time.monotonic())
        self._unfinished[update.update_id] = pending
        task.add_done_callback(lambda task: self._finish_update(update.update_id, task))
        return pending

    def give_up(self, pending: PendingUpdate) -> None:
        """Cancel an update that has not started or only waits, so it can be answered elsewhere or later."""
        if pending.update.update_id not in self._started:
            pending.task.cancel()
        self._waits.give_up(pending.task)

    async def finish(self, grace_seconds: float) -> None:
        """Cancel updates that only wait, and wait `grace_seconds` for the others before cancelling them."""
        self._waits.end()
        for pending in list(self._unfinished.values()):
            self.give_up(pending)
        tasks = [pending.task for pending in self._unfinished.values()]
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=grace_seconds)
            for task in unfinished:
                task.cancel()
            await asyncio.wait(tasks)

    async def _answer(self, update: Update, lock: asyncio.Lock) -> None:
        async with lock:
            self._started.add(update.update_id)
            # Not checked in `dispatch`: another process may answer it while it waits here.
            if self._journal and update.update_id in self._journal:
                _log.debug("Update %d has been answered already", update.update_id)
                return
            try:
                await self._handle(update)
            except Exception:  # noqa: BLE001  # a failed update must not stop the others
                _log.exception("Update %d could not be handled", update.update_id)
            # If the task is cancelled, the update was not answered, and this is not reached.
            if self._journal:
                self._journal.add(update.update_id)

    def _finish_update(self, update_id: int, task: asyncio.Task[None]) -> None:
        del self._unfinished[update_id]
        self._started.discard(update_id)
        if not task.cancelled():
            self._answered[update_id] = None
            if len(self._answered) > _MAX_ANSWERED_IDS:
                self._answered.popitem(last=False)


def _ordering_key(update: Update) -> int:
    """Return the id of the chat, or of the user if there is no chat: its updates are answered in order."""
    chat = update.effective_chat or update.effective_user
    return chat.id if chat else 0
