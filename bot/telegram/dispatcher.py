"""Updates become answers: chats side by side, the updates of one chat in order, each update once."""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from weakref import WeakValueDictionary

from telegram import Update

from bot.ops.concurrency import CancellableWaits

_log = logging.getLogger(__name__)

# Telegram sends an update again when it is not sure that we have it.
_REMEMBERED = 2048


@dataclass(frozen=True, slots=True, eq=False)
class PendingUpdate:
    """An update and the task that answers it; cancelled, it was not answered."""

    update: Update
    task: asyncio.Task[None]
    since: float

    @property
    def age(self) -> float:
        """Seconds since the update was taken."""
        return time.monotonic() - self.since


class Dispatcher:
    """`handle` answers one update."""

    def __init__(self, handle: Callable[[Update], Awaitable[None]], pauses: CancellableWaits) -> None:
        self._handle = handle
        self._pauses = pauses
        self._unfinished: dict[int, PendingUpdate] = {}
        self._begun: set[int] = set()
        self._answered: OrderedDict[int, None] = OrderedDict()
        # Each lives as long as an update of its chat does; those who wait get it in order.
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    @property
    def unfinished(self) -> Mapping[int, PendingUpdate]:
        """The updates that are not answered yet, by their ids."""
        return self._unfinished

    def take(self, update: Update) -> PendingUpdate | None:
        """Begin to answer; None when it has been answered already."""
        known = self._unfinished.get(update.update_id)
        if known is not None or update.update_id in self._answered:
            return known
        turn = self._turns.setdefault(_order(update), asyncio.Lock())
        task = asyncio.create_task(self._answer(update, turn))
        work = PendingUpdate(update, task, time.monotonic())
        self._unfinished[update.update_id] = work
        task.add_done_callback(lambda done: self._done(update.update_id, done))
        return work

    def give_up(self, work: PendingUpdate) -> None:
        """Forget an update that only waits, so that it can be answered elsewhere, or later."""
        if work.update.update_id not in self._begun:
            work.task.cancel()
        self._pauses.give_up(work.task)

    async def finish(self, grace: float) -> None:
        """End: what only waits is given up at once, what runs has `grace` seconds to finish."""
        self._pauses.end()
        for work in list(self._unfinished.values()):
            self.give_up(work)
        tasks = [work.task for work in self._unfinished.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.wait(tasks)

    async def _answer(self, update: Update, turn: asyncio.Lock) -> None:
        async with turn:
            self._begun.add(update.update_id)
            try:
                await self._handle(update)
            except Exception:  # noqa: BLE001  # one update must not stop the others
                _log.exception("Update %d could not be handled", update.update_id)

    def _done(self, update_id: int, task: asyncio.Task[None]) -> None:
        del self._unfinished[update_id]
        self._begun.discard(update_id)
        if not task.cancelled():
            self._answered[update_id] = None
            if len(self._answered) > _REMEMBERED:
                self._answered.popitem(last=False)


def _order(update: Update) -> int:
    """Name what keeps its order: the chat, or the person where there is none."""
    chat = update.effective_chat or update.effective_user
    return chat.id if chat else 0
