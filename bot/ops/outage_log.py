"""A time in which somebody cannot be reached: one line when it begins, one when it ends."""

import logging
import time

_log = logging.getLogger(__name__)

_FIRST_DELAY = 1.0
_LONGEST_DELAY = 30.0


class OutageLog:
    """`whom` names who it is that cannot be reached."""

    _reason = ""
    _since = 0.0
    _delay = _FIRST_DELAY

    def __init__(self, whom: str = "Telegram") -> None:
        self._whom = whom

    def __bool__(self) -> bool:
        """Whether it goes on."""
        return bool(self._reason)

    def failed(self, reason: str, *, at_least: float = 0.0) -> float:
        """Note a failure, and say how many seconds to wait before the next attempt."""
        if not self._reason:
            self._since = time.monotonic()
        if reason != self._reason:
            _log.warning("%s", reason)
        self._reason = reason
        delay = max(self._delay, at_least)
        self._delay = min(self._delay * 2, _LONGEST_DELAY)
        return delay

    def recovered(self) -> None:
        if self._reason:
            _log.info("%s answers again after %.0f s", self._whom, time.monotonic() - self._since)
        self._reason, self._delay = "", _FIRST_DELAY
