"""Numbered records that can be waited for."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.model import Json


@dataclass(frozen=True, slots=True)
class Event:
    seq: int
    value: Json


class EventLog:
    """The last `size` records, numbered from 1; older ones are forgotten, so a long run stays small."""

    def __init__(self, size: int = 5000) -> None:
        self._records: deque[Event] = deque(maxlen=size)
        self._changed = asyncio.Event()
        self.last = 0

    def add(self, value: Json) -> int:
        self.last += 1
        self._records.append(Event(self.last, value))
        self._changed.set()
        self._changed = asyncio.Event()
        return self.last

    def after(self, seq: int) -> list[Event]:
        if not self._records or seq >= self.last:
            return []
        first = self._records[0].seq
        return list(islice(self._records, max(seq - first + 1, 0), None))

    async def wait(
        self,
        seq: int,
        timeout: float,  # noqa: ASYNC109 - part of a request
        wanted: Callable[[Json], bool] = lambda _: True,
    ) -> list[Event]:
        """Return up to `wanted` events after `seq` as soon as there is one; none after `timeout` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            found = [record for record in self.after(seq) if wanted(record.value)]
            left = deadline - asyncio.get_running_loop().time()
            if found or left <= 0:
                return found
            changed = self._changed
            try:
                await asyncio.wait_for(changed.wait(), left)
            except TimeoutError:
                return []
