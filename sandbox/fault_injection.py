"""Faults that a tester injects into Bot API calls and webhook deliveries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

FaultKind = Literal["error", "drop", "cut", "garbage", "delay"]
"""error: an error response. drop: the connection closes without a response. cut: the connection closes in the
middle of the response. garbage: a body that is not JSON. delay: the normal response, late."""

WEBHOOK_METHOD = "webhook"
"""The method name of faults that hit webhook deliveries."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the next `times` calls of `method` ("*" for any method), after `skip` calls without it.

    With `is_applied` the call takes effect and only its response is lost. The method "webhook" means
    deliveries to the bot: the update does not arrive, or with `is_applied` the bot's response is lost.
    `seconds` is the delay before the fault.
    """

    method: str
    kind: FaultKind = "error"
    status: int = 500
    description: str = "Internal Server Error"
    retry_after: int | None = None
    migrate_to: int | None = None
    chat_id: int | None = None
    seconds: float = 0.0
    is_applied: bool = False
    times: int = 1
    skip: int = 0


class FaultQueue:
    def __init__(self) -> None:
        self._queue: list[Fault] = []

    @property
    def pending(self) -> list[Fault]:
        return list(self._queue)

    def add(self, fault: Fault) -> None:
        self._queue.append(fault)

    def clear(self) -> None:
        self._queue.clear()

    def pop_next(self, method: str, chat_id: object = None) -> Fault | None:
        """Return the first fault that applies to this call, if any, and count it down."""
        # "*" means calls only, not webhook deliveries.
        methods = {method.lower()} if method == WEBHOOK_METHOD else {method.lower(), "*"}
        for position, fault in enumerate(self._queue):
            if fault.method.lower() not in methods:
                continue
            if fault.chat_id is not None and str(fault.chat_id) != str(chat_id):
                continue
            if fault.skip:
                self._queue[position] = replace(fault, skip=fault.skip - 1)
                continue
            if fault.times <= 1:
                del self._queue[position]
            else:
                self._queue[position] = replace(fault, times=fault.times - 1)
            return fault
        return None
