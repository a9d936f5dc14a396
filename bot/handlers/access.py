"""Access control and rate limits, checked before any handler runs."""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from enum import Enum

from aiolimiter import AsyncLimiter
from telegram import Update
from telegram.error import TelegramError
from telegram.ext import ApplicationHandlerStop

from bot.handlers.context import BotContext
from bot.i18n.messages import speaking
from bot.telegram.rate_limiter import GROUP_A_MINUTE
from config.settings import Settings

_PERIOD_SECONDS = 60.0
_MAX_BUCKETS = 4096


class Verdict(Enum):
    """`LAST_WORD` is the first refusal, which the user is told; further ones are silent for a while."""

    ADMITTED = "admitted"
    LAST_WORD = "last word"
    REFUSED = "refused"


class _Bucket:
    def __init__(self, a_minute: int) -> None:
        self.limiter = AsyncLimiter(a_minute, _PERIOD_SECONDS)
        self.is_told = False


class UserRateLimits:
    """A token bucket for each key, of `a_minute` tokens, refilled at that rate. 0: no limit."""

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._buckets: OrderedDict[int, _Bucket] = OrderedDict()

    async def take(self, key: int) -> Verdict:
        if not self._a_minute:
            return Verdict.ADMITTED
        bucket = self._buckets.setdefault(key, _Bucket(self._a_minute))
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        if bucket.limiter.has_capacity():
            bucket.is_told = bucket.is_told and not bucket.limiter.has_capacity(self._a_minute / 2)
            await bucket.limiter.acquire()
            return Verdict.ADMITTED
        told, bucket.is_told = bucket.is_told, True
        return Verdict.REFUSED if told else Verdict.LAST_WORD


Handler = Callable[[Update, BotContext], Coroutine[object, object, None]]

_INLINE_QUERIES_PER_QUESTION = 5


class AccessControl:
    """Admits the chats and users of TELEGRAM_ALLOWED_CHATS within their rate limits, and admins always."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = settings.telegram_allowed_chats
        self.admins = settings.telegram_admins
        limit = settings.questions_per_minute
        is_paced = settings.telegram_messages_per_second > 0
        self._by_user = UserRateLimits(limit)
        # Telegram sends an inline query at every pause in typing.
        self._by_inline_user = UserRateLimits(limit * _INLINE_QUERIES_PER_QUESTION)
        self._by_group = UserRateLimits(min(limit, GROUP_A_MINUTE) if is_paced else limit)

    async def check_access(self, update: Update, context: BotContext) -> None:
        """Raise ApplicationHandlerStop for updates that are not allowed; runs before all handlers."""
        if not self._is_allowed(update):
            context.metrics.refused("not allowed")
            await _dismiss(update)
            raise ApplicationHandlerStop

    def rate_limited(self, handler: Handler) -> Handler:
        """Return a handler with a rate limit for each user and group."""
        return self._limit(handler, self._by_user)

    def rate_limited_inline(self, handler: Handler) -> Handler:
        """Return the same for inline queries."""
        return self._limit(handler, self._by_inline_user)

    def _limit(self, handler: Handler, people: UserRateLimits) -> Handler:
        async def serve(update: Update, context: BotContext) -> None:
            verdict = await self._take(update, people)
            if verdict is Verdict.ADMITTED:
                await handler(update, context)
            else:
                context.metrics.refused("too many")
                await _dismiss(update, is_told=verdict is Verdict.LAST_WORD)

        return serve

    def _is_allowed(self, update: Update) -> bool:
        """Decide by the chat and the sender alone, not by what a message quotes, forwards or replies to."""
        chat, user, message = update.effective_chat, update.effective_user, update.effective_message
        if user is not None and user.id in self.admins:
            return True
        # Bots would talk to each other for ever; an anonymous admin or a channel has a bot's name as well.
        if user is not None and user.is_bot and (message is None or message.sender_chat is None):
            return False
        ids = {chat.id if chat else None, user.id if user else None}
        return not self._allowed or not self._allowed.isdisjoint(ids)

    async def _take(self, update: Update, people: UserRateLimits) -> Verdict:
        chat, user, speaker = update.effective_chat, update.effective_user, _speaker(update)
        if user is not None and user.id in self.admins:
            return Verdict.ADMITTED
        if speaker is not None and (verdict := await people.take(speaker)) is not Verdict.ADMITTED:
            return verdict
        return await self._by_group.take(chat.id) if chat and chat.id < 0 else Verdict.ADMITTED


def _speaker(update: Update) -> int | None:
    """Return the id of who asks; channels and anonymous admins have ids of their own."""
    message = update.message or update.edited_message
    if message is not None and message.sender_chat is not None:
        return message.sender_chat.id
    return update.effective_user.id if update.effective_user else None


async def _dismiss(update: Update, *, is_told: bool = False) -> None:
    """End what waits for us, with a polite line if there is one to say."""
    told = speaking(update.effective_user.language_code if update.effective_user else None).slow_down
    with contextlib.suppress(TelegramError):
        if update.callback_query is not None:
            await update.callback_query.answer(told if is_told else None)
        elif update.inline_query is not None:
            await update.inline_query.answer([], cache_time=0, is_personal=True)
        elif update.message is not None and is_told:
            await update.message.reply_text(told)
