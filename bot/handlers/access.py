"""Access control, checked before all handlers; the rate limits of questions; the members of a group."""

import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from enum import Enum

from aiolimiter import AsyncLimiter
from telegram import ChatMember, Update
from telegram.error import TelegramError
from telegram.ext import ApplicationHandlerStop

from bot.handlers.context import BotContext
from bot.i18n.texts import texts_for
from bot.telegram.messaging import GROUP_MESSAGES_PER_MINUTE
from config.settings import Settings

_log = logging.getLogger(__name__)

_PERIOD_SECONDS = 60.0
_MAX_BUCKETS = 4096


class Verdict(Enum):
    """Whether an update is within a rate limit; the user is notified of the first denial only."""

    ADMITTED = "admitted"
    DENIED_WITH_NOTICE = "denied with notice"
    DENIED = "denied"


class _Bucket:
    def __init__(self, per_minute: int) -> None:
        self.limiter = AsyncLimiter(per_minute, _PERIOD_SECONDS)
        self.is_notified = False


class QuestionQuota:
    """A token bucket for each user or group: `per_minute` questions a minute; 0 means no limit."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: OrderedDict[int, _Bucket] = OrderedDict()

    async def count(self, key: int) -> Verdict:
        """Count a question; a user is notified again only once the bucket has refilled to half."""
        if not self._per_minute:
            return Verdict.ADMITTED
        bucket = self._buckets.setdefault(key, _Bucket(self._per_minute))
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MAX_BUCKETS:
            self._buckets.popitem(last=False)
        if bucket.limiter.has_capacity():
            bucket.is_notified = bucket.is_notified and not bucket.limiter.has_capacity(self._per_minute / 2)
            await bucket.limiter.acquire()
            return Verdict.ADMITTED
        was_notified, bucket.is_notified = bucket.is_notified, True
        return Verdict.DENIED if was_notified else Verdict.DENIED_WITH_NOTICE


Handler = Callable[[Update, BotContext], Coroutine[object, object, None]]

_INLINE_QUERIES_PER_QUESTION = 5


class AccessControl:
    """Admits the chats and users of TELEGRAM_ALLOWED_CHATS within their rate limits, and admins always."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = settings.telegram_allowed_chats
        self.admins = settings.telegram_admins
        limit = settings.questions_per_minute
        is_paced = settings.telegram_messages_per_second > 0
        self._by_user = QuestionQuota(limit)
        # Telegram sends an inline query at every pause in typing.
        self._by_inline_user = QuestionQuota(limit * _INLINE_QUERIES_PER_QUESTION)
        self._by_group = QuestionQuota(min(limit, GROUP_MESSAGES_PER_MINUTE) if is_paced else limit)

    async def check_access(self, update: Update, context: BotContext) -> None:
        """Raise ApplicationHandlerStop for an update that is not allowed; runs before all handlers."""
        if not self.is_allowed(update):
            context.metrics.count_denial("not allowed")
            await _dismiss(update)
            raise ApplicationHandlerStop

    def rate_limited(self, handler: Handler) -> Handler:
        """Return a handler with a rate limit for each user and group."""
        return self._limit(handler, self._by_user)

    def rate_limited_inline(self, handler: Handler) -> Handler:
        """Return a handler with the rate limit of inline queries, which is higher."""
        return self._limit(handler, self._by_inline_user)

    def _limit(self, handler: Handler, quota: QuestionQuota) -> Handler:
        async def serve(update: Update, context: BotContext) -> None:
            verdict = await self._count(update, quota)
            if verdict is Verdict.ADMITTED:
                await handler(update, context)
            else:
                context.metrics.count_denial("too many")
                await _dismiss(update, with_notice=verdict is Verdict.DENIED_WITH_NOTICE)

        return serve

    def is_allowed(self, update: Update) -> bool:
        """Decide by chat and sender only; a message may quote, forward or reply to anything."""
        chat, user, message = update.effective_chat, update.effective_user, update.effective_message
        if user is not None and user.id in self.admins:
            return True
        # Two bots could answer each other endlessly. Messages of channels and anonymous admins have a bot as
        # user, too, but also a `sender_chat`.
        if user is not None and user.is_bot and (message is None or message.sender_chat is None):
            return False
        ids = {chat.id if chat else None, user.id if user else None}
        return not self._allowed or not self._allowed.isdisjoint(ids)

    async def _count(self, update: Update, quota: QuestionQuota) -> Verdict:
        chat, user, sender = update.effective_chat, update.effective_user, _sender_id(update)
        if user is not None and user.id in self.admins:
            return Verdict.ADMITTED
        if sender is not None and (verdict := await quota.count(sender)) is not Verdict.ADMITTED:
            return verdict
        return await self._by_group.count(chat.id) if chat and chat.id < 0 else Verdict.ADMITTED


def _sender_id(update: Update) -> int | None:
    """Return the id to limit by; channels and anonymous admins have one of their own."""
    message = update.message or update.edited_message
    if message is not None and message.sender_chat is not None:
        return message.sender_chat.id
    return update.effective_user.id if update.effective_user else None


async def _dismiss(update: Update, *, with_notice: bool = False) -> None:
    """Answer a query, so that Telegram stops waiting for it; with a notice, ask the user to slow down."""
    text = texts_for(
        update.effective_user.language_code if update.effective_user else None
    ).too_many_questions
    with contextlib.suppress(TelegramError):
        if update.callback_query is not None:
            await update.callback_query.answer(text if with_notice else None)
        elif update.inline_query is not None:
            await update.inline_query.answer([], cache_time=0, is_personal=True)
        elif update.message is not None and with_notice:
            await update.message.reply_text(text)


async def is_group_admin(group_id: int, user_id: int, context: BotContext) -> bool:
    """Return whether a user administers a group; False if Telegram does not answer."""
    member = await _member(group_id, user_id, context)
    return member is not None and member.status in {ChatMember.OWNER, ChatMember.ADMINISTRATOR}


async def is_member(group_id: int, user_id: int, context: BotContext) -> bool:
    """Return whether a user is in a group; False if Telegram does not answer."""
    member = await _member(group_id, user_id, context)
    if member is None or member.status in {ChatMember.LEFT, ChatMember.BANNED}:
        return False
    # Restricted users may have left.
    return member.status != ChatMember.RESTRICTED or bool(getattr(member, "is_member", False))


async def _member(group_id: int, user_id: int, context: BotContext) -> ChatMember | None:
    try:
        return await context.bot.get_chat_member(group_id, user_id)
    except TelegramError as error:
        _log.info("Cannot check group membership: %s", error.message)
        return None
