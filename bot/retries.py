"""Whether and when a failed call is repeated.

`Outage` is the policy of starting, polling and the cluster. The functions decide about one call to Telegram.
"""

import logging
import time
from datetime import timedelta

import httpx
from telegram.error import BadRequest, ChatMigrated, NetworkError, RetryAfter, TelegramError
from tenacity import RetryCallState

_log = logging.getLogger(__name__)

# Of an outage.
_FIRST_DELAY_SECONDS = 1.0
# Of a call.
_FIRST_CALL_DELAY_SECONDS = 0.5
_MAX_DELAY_SECONDS = 30.0
# Calls that surely did not arrive are repeated for an hour. If only the response may have been lost, attempts
# are fewer, as each may show the same reply once more.
_MAX_RETRY_SECONDS = 3600.0
_MAX_UNCERTAIN_ATTEMPTS = 5
# Telegram rounds `retry_after` to whole seconds.
_RETRY_AFTER_MARGIN_SECONDS = 0.1
# Of one token in a row; then it has been revoked.
MAX_TOKEN_REJECTIONS = 3

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Outage:
    """An outage of `service`, which begins with a failure and ends with `recovered`.

    It has a line in the log at each end, and says how long to wait before the next attempt.
    """

    _reason = ""
    _since = 0.0
    _delay = _FIRST_DELAY_SECONDS

    def __init__(self, service: str = "Telegram") -> None:
        self._service = service

    def __bool__(self) -> bool:
        """Whether the service is unreachable now."""
        return bool(self._reason)

    def failed(self, reason: str) -> None:
        """Note a failure, if somebody else decides when to try again."""
        self.next_delay_seconds(reason)

    def next_delay_seconds(self, reason: str, *, at_least: float = 0.0) -> float:
        """Note a failure, and return the seconds to wait before the next attempt.

        This is the retry policy of starting, polling and the cluster: from 1 second, doubled with each
        failure, up to 30.
        """
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


def is_retryable(error: BaseException, *, is_reply: bool) -> bool:
    """Return whether a call should be repeated. Other calls than replies are repeated by their callers."""
    if isinstance(error, RetryAfter):
        return True
    # A response that is not JSON raises a plain TelegramError.
    is_transient = type(error) is TelegramError or isinstance(error, NetworkError | ChatMigrated)
    return is_reply and is_transient and not isinstance(error, BadRequest)


def _is_surely_undelivered(error: BaseException | None) -> bool:
    if isinstance(error, RetryAfter):
        return True
    cause = error.__cause__ if error else None
    # An error status means that Telegram rejected the call. It has no cause, or a TelegramError if its body
    # could not be parsed.
    is_rejected = isinstance(error, NetworkError) and (cause is None or isinstance(cause, TelegramError))
    return is_rejected or isinstance(cause, _NOT_SENT)


def should_give_up(state: RetryCallState) -> bool:
    """Return whether a call that failed is not repeated any more."""
    error = last_error(state)
    if not _is_surely_undelivered(error) and state.attempt_number >= _MAX_UNCERTAIN_ATTEMPTS:
        return True
    return (state.seconds_since_start or 0.0) + call_delay_seconds(state) > _MAX_RETRY_SECONDS


def call_delay_seconds(state: RetryCallState) -> float:
    """Return the seconds to wait before a call that failed is repeated."""
    error = last_error(state)
    if isinstance(error, RetryAfter):
        return retry_after_seconds(error) + _RETRY_AFTER_MARGIN_SECONDS
    if isinstance(error, ChatMigrated):
        return 0.0
    return min(_FIRST_CALL_DELAY_SECONDS * 2.0 ** (state.attempt_number - 1), _MAX_DELAY_SECONDS)


def last_error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def retry_after_seconds(error: RetryAfter) -> float:
    """Return the seconds that Telegram asks to wait."""
    delay = error.retry_after
    return delay.total_seconds() if isinstance(delay, timedelta) else delay
