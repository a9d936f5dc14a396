"""Flood limits: a message a second in a chat, twenty a minute in a group, thirty a second in all."""

from __future__ import annotations

import math
import time
from collections import deque

from sandbox.errors import ApiError

_ALL = (30, 1.0)
_CHAT = (1, 1.0)
_GROUP = (20, 60.0)


class FloodLimits:
    """Counts what was sent, when `is_on`; a refused message does not count."""

    def __init__(self) -> None:
        self.is_on = False
        self._sent: dict[tuple[int, float], deque[float]] = {}

    def check(self, chat_id: int) -> None:
        if not self.is_on:
            return
        now = time.monotonic()
        rules = [(0, _ALL), (chat_id, _CHAT), *([(chat_id, _GROUP)] if chat_id < 0 else [])]
        waits = [self._wait(chat, limit, seconds, now) for chat, (limit, seconds) in rules]
        if (wait := max(waits)) > 0:
            left = math.ceil(wait)
            raise ApiError(429, f"Too Many Requests: retry after {left}", retry_after=left)
        for chat, (_, seconds) in rules:
            self._sent[chat, seconds].append(now)

    def _wait(self, chat: int, limit: int, seconds: float, now: float) -> float:
        sent = self._sent.setdefault((chat, seconds), deque())
        while sent and sent[0] <= now - seconds:
            sent.popleft()
        return sent[-limit] + seconds - now if len(sent) >= limit else 0.0
