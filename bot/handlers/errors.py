"""Error handler: logs errors of handlers and apologises to the user."""

import contextlib
import logging

from telegram import InlineQueryResultsButton, Update
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError

from bot.handlers.context import BotContext
from bot.i18n.texts import Texts, texts_for
from bot.views import inline
from bot.views.message import text_reply
from retrieval.errors import UnavailableError

_log = logging.getLogger(__name__)

# Parts of Telegram's error messages for chats where the bot may not write, or no longer.
_CANNOT_WRITE = (
    "topic_closed",
    "topic_deleted",
    "message thread not found",
    "message to be replied not found",
    "chat not found",
    "chat was deactivated",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "chat_write_forbidden",
    "chat_restricted",
    "chat_admin_required",
    "chat_send_plain_forbidden",
    "user_is_blocked",
    "peer_id_invalid",
)


async def handle_error(update: object, context: BotContext) -> None:
    """Log an error once and notify the user, unless Telegram rejected a message to them."""
    error = context.error
    if isinstance(error, UnavailableError):
        # Outages are logged when they begin, not for each question.
        context.metrics.count_unreachable()
        if isinstance(update, Update):
            await _notify_unreachable(update, context)
        return
    if isinstance(error, TelegramError):
        _log.log(_log_level(error), "Telegram rejected a reply: %s: %s", type(error).__name__, error.message)
    else:
        _log.error("Unhandled exception in a handler", exc_info=error)
    if not isinstance(error, TelegramError) or (isinstance(update, Update) and update.callback_query):
        await _notify_failure(update)


def _log_level(error: TelegramError) -> int:
    if isinstance(error, Forbidden) or (isinstance(error, BadRequest) and _cannot_write(error)):
        # The user blocked the bot, or it may not write in the chat or topic; the operator cannot change that.
        return logging.INFO
    if isinstance(error, NetworkError | RetryAfter) and not isinstance(error, BadRequest):
        return logging.WARNING
    return logging.ERROR


def _cannot_write(error: BadRequest) -> bool:
    text = error.message.lower()
    return any(words in text for words in _CANNOT_WRITE)


async def _notify_failure(update: object) -> None:
    if isinstance(update, Update):
        await _notify(update, _texts(update).internal_error)


async def _notify_unreachable(update: Update, context: BotContext) -> None:
    texts, query, guest = _texts(update), update.inline_query, update.guest_message
    with contextlib.suppress(TelegramError):
        if query is not None:
            button = InlineQueryResultsButton(texts.inline_unreachable, start_parameter=inline.HELP_LINK)
            # No caching: the same query may have an answer a moment later.
            await query.answer([], cache_time=0, is_personal=True, button=button)
        elif guest is not None and guest.guest_query_id is not None:
            result = inline.build_article(
                text_reply(texts.documents_unreachable), name="answer", title=texts.inline_unreachable
            )
            await context.bot.answer_guest_query(guest.guest_query_id, result)
        else:
            await _notify(update, texts.documents_unreachable)


def _texts(update: Update) -> Texts:
    return texts_for(update.effective_user.language_code if update.effective_user else None)


async def _notify(update: Update, text: str) -> None:
    with contextlib.suppress(TelegramError):
        if update.callback_query is not None:
            await update.callback_query.answer(text)
        elif message := update.message or update.edited_message:
            await message.reply_text(text)
