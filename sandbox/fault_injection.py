"""Telegram's bad days, made to order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["error", "drop", "cut", "garbage", "delay"]
"""error: an answer with a status. drop: the connection closes unanswered. cut: it closes inside the answer.
garbage: a status, and a body that is no JSON. delay: the answer comes, late."""

WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to the next `times` calls of `method` ("*" is any), after `skip` good ones.

    `is_applied` says whether the call takes effect first, as when only its answer is lost. The method
    "webhook" is the other way: an update is not brought to the bot, or only the bot's answer is lost.
    """

    method: str
    kind: Kind = "error"
    status: int = 500
    description: str = "Internal Server Error"
    retry_after: int | None = None
    migrate_to: int | None = None
    chat_id: int | None = None
    seconds: float = 0.0
    is_applied: bool = False
    times: int = 1
    skip: int = 0


class Faults:
    def __init__(self) -> None:
        self._queue: list[Fault] = []

    @property
    def waiting(self) -> list[Fault]:
        return list(self._queue)

    def add(self, fault: Fault) -> None:
        self._queue.append(fault)

    def clear(self) -> None:
        self._queue.clear()

    def take(self, method: str, chat_id: object = None) -> Fault | None:
        """Take the fault this call meets; the first that fits counts down."""
        # An update on its way to the bot is no call.
        fitting = {method.lower()} if method == WEBHOOK else {method.lower(), "*"}
        for at, fault in enumerate(self._queue):
            if fault.method.lower() not in fitting:
                continue
            if fault.chat_id is not None and str(fault.chat_id) != str(chat_id):
                continue
            if fault.skip:
                self._queue[at] = replace(fault, skip=fault.skip - 1)
                continue
            if fault.times <= 1:
                del self._queue[at]
            else:
                self._queue[at] = replace(fault, times=fault.times - 1)
            return fault
        return None
