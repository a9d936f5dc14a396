"""Fake updates, and a fake of Telegram's update queue."""

import asyncio
import datetime as dt
from collections import Counter, defaultdict

from telegram import Chat, Message, Update, User
from telegram.error import Conflict

_WHEN = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def update(number: int, chat: int = 1) -> Update:
    sender = User(abs(chat), "Ada", is_bot=False)
    kind = "private" if chat > 0 else "group"
    return Update(number, message=Message(number, _WHEN, Chat(chat, kind), from_user=sender, text="?"))


class FakeQueue:
    """Telegram's queue: a request confirms the updates below its offset, and ends earlier requests."""

    def __init__(self, *pending: Update) -> None:
        self.updates = list(pending)
        self.confirmed: list[int] = []
        self.errors: list[Exception] = []
        self.offsets: list[int] = []
        self._requests = 0
        self._changed = asyncio.Event()

    async def fetch_updates(
        self, *, offset: int, limit: int, wait: int, allowed_updates: tuple[str, ...]
    ) -> list[Update]:
        assert ("message",) == allowed_updates
        self.offsets.append(offset)
        if self.errors:
            raise self.errors.pop(0)
        self._requests += 1
        request = self._requests
        self._wake()
        # The time that a request takes to arrive.
        await asyncio.sleep(0.01)
        self.confirmed += [update.update_id for update in self.updates if update.update_id < offset]
        self.updates = [update for update in self.updates if update.update_id >= offset]
        try:
            async with asyncio.timeout(wait):
                while not self.updates:
                    await self._changed.wait()
                    if request != self._requests:
                        raise Conflict("terminated by other getUpdates request")
        except TimeoutError:
            return []
        return self.updates[:limit]

    def parse_update(self, received: dict[str, object]) -> Update:
        update = Update.de_json(received)
        assert update is not None
        return update

    def add(self, *updates: Update) -> None:
        self.updates += updates
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def ids(self) -> list[int]:
        return [update.update_id for update in self.updates]


class Answers:
    """Answers updates; `takes` has the seconds that an update takes, by id."""

    def __init__(self) -> None:
        self.takes: defaultdict[int, float] = defaultdict(float)
        self.begun: list[int] = []
        self.done: list[int] = []

    async def __call__(self, update: Update) -> None:
        self.begun.append(update.update_id)
        await asyncio.sleep(self.takes[update.update_id])
        self.done.append(update.update_id)

    @property
    def counts(self) -> Counter[int]:
        return Counter(self.done)
