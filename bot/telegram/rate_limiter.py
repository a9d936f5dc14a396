"""Keeps calls to Telegram within its rate limits, and repeats calls that failed for a passing reason."""

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import httpx
from aiolimiter import AsyncLimiter
from telegram.error import BadRequest, ChatMigrated, NetworkError, RetryAfter, TelegramError
from telegram.ext import BaseRateLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from bot.concurrency import CancellableWaits
from bot.monitoring.metrics import Metrics
from bot.monitoring.outage_log import OutageLog

# Telegram's limit for the messages of a bot in a group.
GROUP_MESSAGES_PER_MINUTE = 20
_MAX_GROUPS = 1024
# Telegram shows it for seconds, so it is neither repeated nor sent late.
_CHAT_ACTION = "sendChatAction"
# Calls that surely did not arrive are repeated for an hour. If only the response may have been lost, attempts
# are fewer, as each may show the same reply once more.
_MAX_RETRY_SECONDS = 3600.0
_MAX_UNCERTAIN_ATTEMPTS = 5
_FIRST_DELAY_SECONDS = 0.5
_MAX_DELAY_SECONDS = 30.0
# Telegram rounds `retry_after` to whole seconds.
_RETRY_AFTER_MARGIN_SECONDS = 0.1
# Fewer failures in a row are not logged as an outage.
_LOGGED_ATTEMPT = 4

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
# Only calls that answer somebody have one of these.
_REPLY_PARAMETERS = frozenset({"chat_id", "callback_query_id", "inline_query_id", "guest_query_id"})

Result = bool | dict[str, Any] | list[dict[str, Any]]
Send = Callable[..., Coroutine[Any, Any, Result]]


class RateLimiter(BaseRateLimiter[int]):
    """Limits messages to `rate` a second over all chats, and 20 a minute in a group. A rate of 0: no limit.

    Calls wait independently: a flood limit of one chat does not delay other chats.
    """

    def __init__(self, rate: float, waits: CancellableWaits, metrics: Metrics) -> None:
        self._waits = waits
        self._metrics = metrics
        self._global_limiter = AsyncLimiter(rate, 1) if rate else None
        self._group_limiters: OrderedDict[int, AsyncLimiter] = OrderedDict()
        self._outage = OutageLog()

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def process_request(  # noqa: PLR0913, PLR0917  # the signature is PTB's
        self,
        callback: Send,
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: int | None,  # noqa: ARG002  # not used
    ) -> Result:
        if endpoint == _CHAT_ACTION:
            return await self._send_if_idle(callback, args, kwargs)

        async def attempt() -> Result:
            if "chat_id" in data:
                await self._wait_for_capacity(data["chat_id"])
            try:
                with self._metrics.time_stage("send"):
                    result = await callback(*args, **kwargs)
            except TelegramError as error:
                self._metrics.count_telegram_error(error)
                if isinstance(error, ChatMigrated):
                    # The group became a supergroup with another id.
                    data["chat_id"] = error.new_chat_id
                raise
            self._outage.recovered()
            return result

        is_reply = not _REPLY_PARAMETERS.isdisjoint(data)
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: _is_retryable(error, is_reply=is_reply)),
            stop=_should_stop,
            wait=_delay_seconds,
            after=self._log_outage,
            sleep=self._waits.sleep,
            reraise=True,
        )
        return await retrying(attempt)

    async def _send_if_idle(self, callback: Send, args: Any, kwargs: dict[str, Any]) -> Result:
        """Send a chat action, unless a message would then have to wait.

        Telegram counts it among the calls of a bot, but not among the messages of a group.
        """
        if self._global_limiter is not None:
            if not self._global_limiter.has_capacity(2):
                return False
            await self._global_limiter.acquire()
        try:
            return await callback(*args, **kwargs)
        except TelegramError as error:
            self._metrics.count_telegram_error(error)
            raise

    def _log_outage(self, state: RetryCallState) -> None:
        error = _last_error(state)
        if state.attempt_number == _LOGGED_ATTEMPT and not isinstance(error, RetryAfter):
            self._outage.failed(f"Telegram does not accept replies ({type(error).__name__}); trying again")

    async def _wait_for_capacity(self, chat_id: object) -> None:
        """Wait until the limits allow one more message to this chat."""
        if self._global_limiter is None:
            return
        with self._waits.pausing():
            if isinstance(chat_id, int) and chat_id < 0:
                await self._group_limiter(chat_id).acquire()
            await self._global_limiter.acquire()

    def _group_limiter(self, chat_id: int) -> AsyncLimiter:
        limiter = self._group_limiters.setdefault(chat_id, AsyncLimiter(GROUP_MESSAGES_PER_MINUTE, 60))
        self._group_limiters.move_to_end(chat_id)
        if len(self._group_limiters) > _MAX_GROUPS:
            self._group_limiters.popitem(last=False)
        return limiter


def _is_retryable(error: BaseException, *, is_reply: bool) -> bool:
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
    # An error status is a refusal. It has no cause, or a TelegramError if its body could not be parsed.
    is_refused = isinstance(error, NetworkError) and (cause is None or isinstance(cause, TelegramError))
    return is_refused or isinstance(cause, _NOT_SENT)


def _should_stop(state: RetryCallState) -> bool:
    error = _last_error(state)
    if not _is_surely_undelivered(error) and state.attempt_number >= _MAX_UNCERTAIN_ATTEMPTS:
        return True
    return (state.seconds_since_start or 0.0) + _delay_seconds(state) > _MAX_RETRY_SECONDS


def _delay_seconds(state: RetryCallState) -> float:
    error = _last_error(state)
    if isinstance(error, RetryAfter):
        return retry_after_seconds(error) + _RETRY_AFTER_MARGIN_SECONDS
    if isinstance(error, ChatMigrated):
        return 0.0
    return min(_FIRST_DELAY_SECONDS * 2.0 ** (state.attempt_number - 1), _MAX_DELAY_SECONDS)


def _last_error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def retry_after_seconds(error: RetryAfter) -> float:
    """Return the seconds that Telegram asks to wait."""
    delay = error.retry_after
    return delay.total_seconds() if isinstance(delay, timedelta) else delay
