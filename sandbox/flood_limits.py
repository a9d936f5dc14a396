"""Flood limits: one message per second in a chat, 20 per minute in a group, 30 per second overall."""

from __future__ import annotations

import math
import time
from collections import deque

from sandbox.telegram_objects import ApiError

# Each limit is a number of messages and a period in seconds.
_GLOBAL_LIMIT = (30, 1.0)
_CHAT_LIMIT = (1, 1.0)
_GROUP_LIMIT = (20, 60.0)


class FloodLimits:
    """Counts sent messages if `is_on`. A rejected message does not count."""

    def __init__(self) -> None:
        self.is_on = False
        self._sent: dict[tuple[int, float], deque[float]] = {}

    def check(self, chat_id: int) -> None:
        """Count a message to a chat. Raise ApiError 429 if it is over a limit."""
        if not self.is_on:
            return
        now = time.monotonic()
        rules = [
            (0, _GLOBAL_LIMIT),
            (chat_id, _CHAT_LIMIT),
            *([(chat_id, _GROUP_LIMIT)] if chat_id < 0 else []),
        ]
        waits = [self._seconds_left(chat, limit, seconds, now) for chat, (limit, seconds) in rules]
        if (wait := max(waits)) > 0:
            retry_after = math.ceil(wait)
            raise ApiError(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)
        for chat, (_, seconds) in rules:
            self._sent[chat, seconds].append(now)

    def _seconds_left(self, chat: int, limit: int, seconds: float, now: float) -> float:
        sent = self._sent.setdefault((chat, seconds), deque())
        while sent and sent[0] <= now - seconds:
            sent.popleft()
        return sent[-limit] + seconds - now if len(sent) >= limit else 0.0
