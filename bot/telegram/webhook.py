"""Telegram brings the updates: where they come in, and how Telegram learns where that is."""

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from telegram import Update, WebhookInfo
from telegram.error import InvalidToken, TelegramError

from bot.ops.outage_log import OutageLog
from bot.telegram.dispatcher import Dispatcher
from bot.telegram.update_parsing import Bot

_log = logging.getLogger(__name__)

# Hosts end a request that takes longer than half a minute.
_PATIENCE = 20.0
_LONGER = 7.0
# The most that Telegram brings at a time: several processes may share them.
_SIDE_BY_SIDE = 100
_LOOK = 60.0
_REFUSALS = 3


class Inbox:
    """Takes the updates of a webhook. Telegram brings again, here or elsewhere, what is not accepted."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self.path = urlsplit(url).path or "/"
        self._secret = secret.encode()
        self._read: Callable[[dict[str, Any]], Update] | None = None
        self._dispatcher: Dispatcher | None = None

    def open(self, read: Callable[[dict[str, Any]], Update], dispatcher: Dispatcher) -> None:
        """Begin to take; before that and after `close` nothing is accepted."""
        self._read, self._dispatcher = read, dispatcher

    def close(self) -> None:
        self._read = self._dispatcher = None

    def knows(self, secret: str) -> bool:
        """Compare in a time that tells nothing."""
        return hmac.compare_digest(secret.encode(), self._secret)

    async def accept(self, received: Mapping[str, Any]) -> bool:
        """Answer an update; False when that has to wait, and somebody else may do it meanwhile."""
        if self._dispatcher is None or self._read is None:
            return False
        work = self._dispatcher.take(self._read(dict(received)))
        if work is None:
            return True
        done, _ = await asyncio.wait([work.task], timeout=_PATIENCE)
        if not done:
            # Nothing of an answer that only waits has been sent, so it is not sent twice.
            self._dispatcher.give_up(work)
            # What is under way is not to be begun again by another process.
            done, _ = await asyncio.wait([work.task], timeout=_LONGER)
        return bool(done) and not work.task.cancelled()


class Webhook:
    """Tells Telegram where to bring the updates, and sees that it stays so."""

    def __init__(self, bot: Bot, url: str, secret: str, kinds: tuple[str, ...]) -> None:
        self._bot = bot
        self._url = url
        self._secret = secret
        self._kinds = kinds
        self._failed_at = 0
        self._outage = OutageLog()

    async def set(self) -> None:
        """Register the webhook with Telegram; raises TelegramError when it is refused."""
        await self._bot.set_webhook(
            self._url,
            secret_token=self._secret,
            allowed_updates=self._kinds,
            max_connections=_SIDE_BY_SIDE,
        )

    async def watch(self, on_look: Callable[[Exception | None], None]) -> None:
        """Look after it for ever. Raises InvalidToken when the token is no longer good."""
        refusals = 0
        while True:
            await asyncio.sleep(_LOOK)
            try:
                await self._mend(await self._bot.get_webhook_info())
            except TelegramError as error:
                on_look(error)
                refusals = refusals + 1 if isinstance(error, InvalidToken) else 0
                if refusals >= _REFUSALS:
                    raise
                self._outage.failed(f"Telegram cannot be asked about the webhook ({type(error).__name__})")
            else:
                on_look(None)
                refusals = 0
                self._outage.recovered()

    async def _mend(self, info: WebhookInfo) -> None:
        failed_at = int(info.last_error_date.timestamp()) if info.last_error_date else 0
        if failed_at > self._failed_at:
            _log.warning("Telegram could not bring an update: %s", info.last_error_message)
        self._failed_at = failed_at
        if info.url != self._url:
            _log.warning("Somebody took the webhook away; it is set again")
            await self.set()
