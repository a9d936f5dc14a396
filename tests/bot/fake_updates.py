"""Updates as Telegram sends them, and a queue that keeps them as Telegram does."""

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
    """Telegram's queue: what is below an offset asked for is confirmed and gone; the last to ask wins."""

    def __init__(self, *pending: Update) -> None:
        self.updates = list(pending)
        self.confirmed: list[int] = []
        self.errors: list[Exception] = []
        self.offsets: list[int] = []
        self._asking = 0
        self._changed = asyncio.Event()

    async def pending(self, *, offset: int, limit: int, wait: int, kinds: tuple[str, ...]) -> list[Update]:
        assert ("message",) == kinds
        self.offsets.append(offset)
        if self.errors:
            raise self.errors.pop(0)
        self._asking += 1
        mine = self._asking
        self._wake()
        # As long as a request is on its way.
        await asyncio.sleep(0.01)
        self.confirmed += [one.update_id for one in self.updates if one.update_id < offset]
        self.updates = [one for one in self.updates if one.update_id >= offset]
        try:
            async with asyncio.timeout(wait):
                while not self.updates:
                    await self._changed.wait()
                    if mine != self._asking:
                        raise Conflict("terminated by other getUpdates request")
        except TimeoutError:
            return []
        return self.updates[:limit]

    def parse_update(self, received: dict[str, object]) -> Update:
        made = Update.de_json(received)
        assert made is not None
        return made

    def add(self, *updates: Update) -> None:
        self.updates += updates
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def ids(self) -> list[int]:
        return [one.update_id for one in self.updates]


class Answers:
    """Answers updates; `takes` has the seconds of those that take a while."""

    def __init__(self) -> None:
        self.takes: defaultdict[int, float] = defaultdict(float)
        self.begun: list[int] = []
        self.done: list[int] = []

    async def __call__(self, one: Update) -> None:
        self.begun.append(one.update_id)
        await asyncio.sleep(self.takes[one.update_id])
        self.done.append(one.update_id)

    @property
    def counts(self) -> Counter[int]:
        return Counter(self.done)
