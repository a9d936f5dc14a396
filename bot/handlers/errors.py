"""What went wrong while a message was answered: a line for the operator, a word for the person."""

import contextlib
import logging

from telegram import InlineQueryResultsButton, Update
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TelegramError

from bot.handlers.context import BotContext
from bot.i18n.messages import Texts, speaking
from bot.views import inline
from bot.views.message import notice
from retrieval.errors import UnavailableError

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


async def handle_error(update: object, context: BotContext) -> None:
    error = context.error
    if isinstance(error, UnavailableError):
        # Who looks after the documents has told the log, once for all.
        context.metrics.unreached()
        if isinstance(update, Update):
            await _unreachable(update, context)
        return
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
    if isinstance(update, Update):
        await _tell(update, _texts(update).failed)


async def _unreachable(update: Update, context: BotContext) -> None:
    texts, query, guest = _texts(update), update.inline_query, update.guest_message
    with contextlib.suppress(TelegramError):
        if query is not None:
            button = InlineQueryResultsButton(texts.inline_unreachable, start_parameter=inline.HELP_LINK)
            # Telegram must not remember it: the next to type the same may get an answer.
            await query.answer([], cache_time=0, is_personal=True, button=button)
        elif guest is not None and guest.guest_query_id is not None:
            told = inline.article(notice(texts.unreachable), name="answer", title=texts.inline_unreachable)
            await context.bot.answer_guest_query(guest.guest_query_id, told)
        else:
            await _tell(update, texts.unreachable)


def _texts(update: Update) -> Texts:
    return speaking(update.effective_user.language_code if update.effective_user else None)


async def _tell(update: Update, told: str) -> None:
    with contextlib.suppress(TelegramError):
        if update.callback_query is not None:
            await update.callback_query.answer(told)
        elif message := update.message or update.edited_message:
            await message.reply_text(told)
