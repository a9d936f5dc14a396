"""Webhook mode: receives updates and keeps the webhook registered with Telegram."""

import asyncio
import hmac
import logging
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from telegram import Update, WebhookInfo
from telegram.error import InvalidToken, TelegramError

from bot.retries import MAX_TOKEN_REJECTIONS, Outage
from bot.telegram.bot_client import BotClient
from bot.telegram.dispatcher import Dispatcher

_log = logging.getLogger(__name__)

# Seconds to wait for an answer, and more for one that is running. Hosts end a request after 30 s.
_ANSWER_TIMEOUT_SECONDS = 20.0
_RUNNING_ANSWER_TIMEOUT_SECONDS = 7.0
# Concurrent requests of Telegram; several processes may share them.
_MAX_WEBHOOK_CONNECTIONS = 100
_CHECK_INTERVAL_SECONDS = 60.0


class WebhookReceiver:
    """Accepts the updates of a webhook. Telegram sends those that are not accepted again."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = url
        self.path = urlsplit(url).path or "/"
        self._secret = secret.encode()
        self._parse: Callable[[dict[str, Any]], Update] | None = None
        self._dispatcher: Dispatcher | None = None

    def open(self, parse: Callable[[dict[str, Any]], Update], dispatcher: Dispatcher) -> None:
        """Start to accept updates; before this, and after `close`, none is accepted."""
        self._parse, self._dispatcher = parse, dispatcher

    def close(self) -> None:
        self._parse = self._dispatcher = None

    def is_secret(self, secret: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(secret.encode(), self._secret)

    async def accept(self, received: Mapping[str, Any]) -> bool:
        """Answer an update, and return whether it was answered. If not, Telegram should send it again."""
        if self._dispatcher is None or self._parse is None:
            return False
        pending = self._dispatcher.dispatch(self._parse(dict(received)))
        if pending is None:
            return True
        done, _ = await asyncio.wait([pending.task], timeout=_ANSWER_TIMEOUT_SECONDS)
        if not done:
            # An answer that only waits has sent nothing yet, so another process can give it.
            self._dispatcher.give_up(pending)
            # An answer that is running would be given twice if Telegram sent the update again now.
            done, _ = await asyncio.wait([pending.task], timeout=_RUNNING_ANSWER_TIMEOUT_SECONDS)
        return bool(done) and not pending.task.cancelled()


class WebhookRegistration:
    """Registers the webhook with Telegram, and registers it again if somebody removes it."""

    def __init__(self, bot: BotClient, url: str, secret: str, allowed_updates: tuple[str, ...]) -> None:
        self._bot = bot
        self._url = url
        self._secret = secret
        self._allowed_updates = allowed_updates
        self._failed_at = 0
        self._outage = Outage()

    async def set(self) -> None:
        """Register the webhook; raises TelegramError if Telegram rejects it."""
        await self._bot.set_webhook(
            self._url,
            secret_token=self._secret,
            allowed_updates=self._allowed_updates,
            max_connections=_MAX_WEBHOOK_CONNECTIONS,
        )

    async def watch(self, on_check: Callable[[Exception | None], None]) -> None:
        """Check the webhook every minute, until cancelled. `on_check` gets the error of each check, or None.

        Raises InvalidToken if the token has been revoked.
        """
        rejections = 0
        while True:
            await asyncio.sleep(_CHECK_INTERVAL_SECONDS)
            try:
                await self._restore(await self._bot.get_webhook_info())
            except TelegramError as error:
                on_check(error)
                rejections = rejections + 1 if isinstance(error, InvalidToken) else 0
                if rejections >= MAX_TOKEN_REJECTIONS:
                    raise
                self._outage.failed(f"The webhook cannot be checked ({type(error).__name__})")
            else:
                on_check(None)
                rejections = 0
                self._outage.recovered()

    async def _restore(self, info: WebhookInfo) -> None:
        failed_at = int(info.last_error_date.timestamp()) if info.last_error_date else 0
        if failed_at > self._failed_at:
            _log.warning("Telegram could not deliver an update: %s", info.last_error_message)
        self._failed_at = failed_at
        if info.url != self._url:
            _log.warning("The webhook was removed or changed; setting it again")
            await self.set()
