"""Calling Telegram within its limits, and again when it could not take a call."""

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import httpx
from aiolimiter import AsyncLimiter
from telegram.error import BadRequest, ChatMigrated, NetworkError, RetryAfter, TelegramError
from telegram.ext import BaseRateLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from bot.ops.concurrency import CancellableWaits
from bot.ops.metrics import Metrics
from bot.ops.outage_log import OutageLog

# What Telegram lets a bot write in a group.
GROUP_A_MINUTE = 20
_MOST_GROUPS = 1024
# What Telegram surely did not take is tried for an hour. What it may have taken before the answer got lost
# is tried only so often: each try may show the same reply once more.
_LONGEST = 3600.0
_DOUBTFUL_TRIES = 5
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 30.0
# A flood limit is told in whole seconds.
_MARGIN = 0.1
_WORTH_A_LINE = 4

_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_ANSWERS_SOMEBODY = frozenset({"chat_id", "callback_query_id", "inline_query_id", "guest_query_id"})

Result = bool | dict[str, Any] | list[dict[str, Any]]
Send = Callable[..., Coroutine[Any, Any, Result]]


class RateLimiter(BaseRateLimiter[int]):
    """At most `rate` messages a second over all chats, 20 a minute in a group; a rate of 0 lifts both.

    Each call waits for itself: a chat that Telegram holds back does not hold back the others.
    """

    def __init__(self, rate: float, pauses: CancellableWaits, metrics: Metrics) -> None:
        self._pauses = pauses
        self._metrics = metrics
        self._all = AsyncLimiter(rate, 1) if rate else None
        self._groups: OrderedDict[int, AsyncLimiter] = OrderedDict()
        self._outage = OutageLog()

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def process_request(  # noqa: PLR0913, PLR0917  # the signature is PTB's
        self,
        callback: Send,
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,  # noqa: ARG002  # the data tell
        data: dict[str, Any],
        rate_limit_args: int | None,  # noqa: ARG002  # we have no use for it
    ) -> Result:
        async def once() -> Result:
            if "chat_id" in data:
                await self._room(data["chat_id"])
            try:
                with self._metrics.timing("send"):
                    result = await callback(*args, **kwargs)
            except TelegramError as error:
                self._metrics.failed(error)
                if isinstance(error, ChatMigrated):
                    # The group became a supergroup, and the reply still reaches it there.
                    data["chat_id"] = error.new_chat_id
                raise
            self._outage.recovered()
            return result

        answers = not _ANSWERS_SOMEBODY.isdisjoint(data)
        trying = AsyncRetrying(
            retry=retry_if_exception(lambda error: _passes(error, answers=answers)),
            stop=_is_enough,
            wait=_pause,
            after=self._tell,
            sleep=self._pauses.sleep,
            reraise=True,
        )
        return await trying(once)

    def _tell(self, state: RetryCallState) -> None:
        error = _error(state)
        if state.attempt_number == _WORTH_A_LINE and not isinstance(error, RetryAfter):
            self._outage.failed(f"Telegram takes no replies ({type(error).__name__}); trying again")

    async def _room(self, chat_id: object) -> None:
        """Wait until the limits leave room for one more message to this chat."""
        if self._all is None:
            return
        with self._pauses.pausing():
            if isinstance(chat_id, int) and chat_id < 0:
                await self._of_group(chat_id).acquire()
            await self._all.acquire()

    def _of_group(self, chat_id: int) -> AsyncLimiter:
        limiter = self._groups.setdefault(chat_id, AsyncLimiter(GROUP_A_MINUTE, 60))
        self._groups.move_to_end(chat_id)
        if len(self._groups) > _MOST_GROUPS:
            self._groups.popitem(last=False)
        return limiter


def _passes(error: BaseException, *, answers: bool) -> bool:
    """Return whether a call should be repeated; calls at the start are repeated by their caller."""
    if isinstance(error, RetryAfter):
        return True
    # An answer that is no JSON is a plain TelegramError.
    is_passing = type(error) is TelegramError or isinstance(error, NetworkError | ChatMigrated)
    return answers and is_passing and not isinstance(error, BadRequest)


def _surely_not_taken(error: BaseException | None) -> bool:
    if isinstance(error, RetryAfter):
        return True
    cause = error.__cause__ if error else None
    # With a status Telegram has refused; that has no cause, or one that says its words cannot be read.
    is_refused = isinstance(error, NetworkError) and (cause is None or isinstance(cause, TelegramError))
    return is_refused or isinstance(cause, _NEVER_LEFT)


def _is_enough(state: RetryCallState) -> bool:
    error = _error(state)
    if not _surely_not_taken(error) and state.attempt_number >= _DOUBTFUL_TRIES:
        return True
    return (state.seconds_since_start or 0.0) + _pause(state) > _LONGEST


def _pause(state: RetryCallState) -> float:
    error = _error(state)
    if isinstance(error, RetryAfter):
        return seconds(error) + _MARGIN
    if isinstance(error, ChatMigrated):
        return 0.0
    return min(_FIRST_PAUSE * 2.0 ** (state.attempt_number - 1), _LONGEST_PAUSE)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def seconds(error: RetryAfter) -> float:
    """How long Telegram asks us to wait."""
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else wait
