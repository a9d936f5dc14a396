"""A bounded log of numbered events. Readers can wait for new ones."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.telegram_objects import Json


@dataclass(frozen=True, slots=True)
class Event:
    seq: int
    value: Json


class EventLog:
    """The last `size` events, numbered from 1. Older ones are dropped, so memory stays bounded."""

    def __init__(self, size: int = 5000) -> None:
        self._events: deque[Event] = deque(maxlen=size)
        self._changed = asyncio.Event()
        self.last = 0

    def add(self, value: Json) -> int:
        self.last += 1
        self._events.append(Event(self.last, value))
        self._changed.set()
        self._changed = asyncio.Event()
        return self.last

    def after(self, seq: int) -> list[Event]:
        if not self._events or seq >= self.last:
            return []
        first = self._events[0].seq
        return list(islice(self._events, max(seq - first + 1, 0), None))

    async def wait(
        self,
        seq: int,
        timeout: float,  # noqa: ASYNC109 - part of a request
        is_wanted: Callable[[Json], bool] = lambda _: True,
    ) -> list[Event]:
        """Wait for wanted events after `seq` and return them; an empty list after `timeout` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            events = [event for event in self.after(seq) if is_wanted(event.value)]
            seconds_left = deadline - asyncio.get_running_loop().time()
            if events or seconds_left <= 0:
                return events
            changed = self._changed
            try:
                await asyncio.wait_for(changed.wait(), seconds_left)
            except TimeoutError:
                return []
