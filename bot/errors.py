"""What went wrong while a message was answered: a line for the operator, a word for the person."""

import contextlib
import logging

from telegram import Update
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError

from bot.context import Context
from bot.texts import speaking

_log = logging.getLogger(__name__)

# Of Telegram's words for a place where we may not, or can no longer, write.
_CLOSED = (
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


class StartError(Exception):
    """The bot cannot start; the message is one line for the operator."""


async def report(update: object, context: Context) -> None:
    error = context.error
    if isinstance(error, TelegramError):
        _log.log(
            _gravity(error), "Telegram did not take a reply: %s: %s", type(error).__name__, error.message
        )
    else:
        _log.error("Answering failed", exc_info=error)
    if not isinstance(error, TelegramError) or (isinstance(update, Update) and update.callback_query):
        await _apologise(update)


def _gravity(error: TelegramError) -> int:
    if isinstance(error, Forbidden) or (isinstance(error, BadRequest) and _is_closed(error)):
        # The person blocked the bot, a topic was closed, the bot may not write: nothing to mend.
        return logging.INFO
    if isinstance(error, NetworkError | RetryAfter) and not isinstance(error, BadRequest):
        return logging.WARNING
    return logging.ERROR


def _is_closed(error: BadRequest) -> bool:
    told = error.message.lower()
    return any(words in told for words in _CLOSED)


async def _apologise(update: object) -> None:
    if not isinstance(update, Update):
        return
    texts = speaking(update.effective_user.language_code if update.effective_user else None)
    with contextlib.suppress(TelegramError):
        if update.callback_query is not None:
            await update.callback_query.answer(texts.failed)
        elif update.message is not None:
            await update.message.reply_text(texts.failed)
