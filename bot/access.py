"""Who is let in: before any handler, for every kind of update alike."""

import contextlib
from collections.abc import Callable, Coroutine

from telegram import Update
from telegram.error import TelegramError
from telegram.ext import ApplicationHandlerStop

from bot.context import Context
from bot.quotas import Quotas, Verdict
from bot.sending import GROUP_A_MINUTE
from bot.texts import speaking
from config.settings import Settings

Handler = Callable[[Update, Context], Coroutine[object, object, None]]

_QUERIES_A_QUESTION = 5


class Access:
    """The chats and people of TELEGRAM_ALLOWED_CHATS, each with its share; admins always."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = settings.telegram_allowed_chats
        self.admins = settings.telegram_admins
        limit = settings.questions_per_minute
        is_paced = settings.telegram_messages_per_second > 0
        self._people = Quotas(limit)
        # A query comes with every pause in typing.
        self._typing = Quotas(limit * _QUERIES_A_QUESTION)
        self._groups = Quotas(min(limit, GROUP_A_MINUTE) if is_paced else limit)

    async def gate(self, update: Update, context: Context) -> None:
        """Raise ApplicationHandlerStop for what comes from elsewhere; this stands before all handlers."""
        if not self._is_allowed(update):
            context.metrics.refused("not allowed")
            await _dismiss(update)
            raise ApplicationHandlerStop

    def served(self, handler: Handler) -> Handler:
        """Give a handler that serves each person and group so often only."""
        return self._rationed(handler, self._people)

    def typed(self, handler: Handler) -> Handler:
        """Give the same for inline queries."""
        return self._rationed(handler, self._typing)

    def _rationed(self, handler: Handler, people: Quotas) -> Handler:
        async def serve(update: Update, context: Context) -> None:
            verdict = await self._verdict(update, people)
            if verdict is Verdict.ADMITTED:
                await handler(update, context)
            else:
                context.metrics.refused("too many")
                await _dismiss(update, is_told=verdict is Verdict.LAST_WORD)

        return serve

    def _is_allowed(self, update: Update) -> bool:
        """Only where it is asked and by whom counts: not what a message quotes, forwards or replies to."""
        chat, user, message = update.effective_chat, update.effective_user, update.effective_message
        if user is not None and user.id in self.admins:
            return True
        # Bots would talk to each other for ever; an anonymous admin or a channel has a bot's name as well.
        if user is not None and user.is_bot and (message is None or message.sender_chat is None):
            return False
        ids = {chat.id if chat else None, user.id if user else None}
        return not self._allowed or not self._allowed.isdisjoint(ids)

    async def _verdict(self, update: Update, people: Quotas) -> Verdict:
        chat, user, speaker = update.effective_chat, update.effective_user, _speaker(update)
        if user is not None and user.id in self.admins:
            return Verdict.ADMITTED
        if speaker is not None and (verdict := await people.take(speaker)) is not Verdict.ADMITTED:
            return verdict
        return await self._groups.take(chat.id) if chat and chat.id < 0 else Verdict.ADMITTED


def _speaker(update: Update) -> int | None:
    """Tell who asks; all that speak as a channel, or as anonymous admins, have one user's name for it."""
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
