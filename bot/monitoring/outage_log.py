"""Logs outages of a service: one line when it becomes unreachable, one when it is back."""

import logging
import time

_log = logging.getLogger(__name__)

_FIRST_DELAY_SECONDS = 1.0
_MAX_DELAY_SECONDS = 30.0


class OutageLog:
    """An outage of `service`, which begins with `failed` and ends with `recovered`."""

    _reason = ""
    _since = 0.0
    _delay = _FIRST_DELAY_SECONDS

    def __init__(self, service: str = "Telegram") -> None:
        self._service = service

    def __bool__(self) -> bool:
        """Whether the service is unreachable now."""
        return bool(self._reason)

    def failed(self, reason: str, *, at_least: float = 0.0) -> float:
        """Note a failure, and return the seconds to wait before the next attempt. They double each time."""
        if not self._reason:
            self._since = time.monotonic()
        if reason != self._reason:
            _log.warning("%s", reason)
        self._reason = reason
        delay = max(self._delay, at_least)
        self._delay = min(self._delay * 2, _MAX_DELAY_SECONDS)
        return delay

    def recovered(self) -> None:
        if self._reason:
            _log.info("%s answers again after %.0f s", self._service, time.monotonic() - self._since)
        self._reason, self._delay = "", _FIRST_DELAY_SECONDS
