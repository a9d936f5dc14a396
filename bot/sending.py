"""Sending within Telegram's limits, and again when Telegram could not be reached."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from telegram.error import BadRequest, NetworkError
from telegram.ext import AIORateLimiter

_GROUP_A_MINUTE = 20
_FLOOD_RETRIES = 5
_PAUSES = (0.5, 1.0, 2.0, 4.0)

Result = bool | dict[str, Any] | list[dict[str, Any]]


class PatientLimiter(AIORateLimiter):
    """At most `rate` messages a second over all chats; 0 lifts this and the limit of groups."""

    def __init__(self, rate: float) -> None:
        super().__init__(
            overall_max_rate=rate, group_max_rate=_GROUP_A_MINUTE if rate else 0, max_retries=_FLOOD_RETRIES
        )

    async def process_request(  # noqa: PLR0913, PLR0917  # the signature is PTB's
        self,
        callback: Callable[..., Coroutine[Any, Any, Result]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: int | None,
    ) -> Result:
        # Only what answers somebody: a failing start has a patience of its own.
        for pause in _PAUSES if "chat_id" in data else ():
            try:
                return await super().process_request(callback, args, kwargs, endpoint, data, rate_limit_args)
            except BadRequest:
                raise
            except NetworkError:
                await asyncio.sleep(pause)
        return await super().process_request(callback, args, kwargs, endpoint, data, rate_limit_args)
