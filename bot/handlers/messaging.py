"""Finds the question in a message, sends and edits replies, and answers queries."""

import re
from functools import cache

from telegram import CallbackQuery, Message, ReplyParameters, Update
from telegram.error import BadRequest

from bot.i18n.messages import Texts
from bot.views.message import Reply

# Invisible characters; a text of these alone is not a question.
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"


@cache
def _mention_pattern(username: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w@.])@{re.escape(username)}(?!\w)", re.IGNORECASE | re.ASCII)


@cache
def _command_pattern(username: str) -> re.Pattern[str]:
    return re.compile(rf"\s*/(?:ask|search)(@{re.escape(username)})?(?=\s|$)", re.IGNORECASE | re.ASCII)


def extract_question(text: str, username: str) -> str:
    """Return the text without `/ask`, `/search` and mentions of the bot; empty if nothing visible is left."""
    question = _mention_pattern(username).sub(" ", _command_pattern(username).sub("", text, count=1))
    return question.strip() if question.strip(_ZERO_WIDTH + " \t\r\n") else ""


def mentions_bot(text: str, username: str) -> bool:
    return bool(_mention_pattern(username).search(text))


async def send_reply(update: Update, reply: Reply, *, to: Message | None = None) -> Message:
    """Reply to the message of an update, or to another."""
    return await send_to(to or require_message(update), reply)


async def send_to(message: Message, reply: Reply) -> Message:
    """Reply to a message, which may have been deleted meanwhile."""
    return await message.reply_text(
        reply.text,
        entities=reply.entities or None,
        reply_markup=reply.keyboard,
        reply_parameters=ReplyParameters(message.message_id, allow_sending_without_reply=True),
    )


async def edit_reply(query: CallbackQuery, reply: Reply, texts: Texts) -> str | None:
    """Replace the message of a button; if that fails, return the text to answer the query with."""
    if not isinstance(query.message, Message):
        # Telegram no longer lets the bot access the message.
        return texts.button_expired
    try:
        await query.edit_message_text(
            reply.text, entities=reply.entities or None, reply_markup=reply.keyboard
        )
    except BadRequest as error:
        return None if is_unchanged(error) else texts.button_expired
    return None


def is_unchanged(error: BadRequest) -> bool:
    """Return whether Telegram refused an edit because it changes nothing."""
    return "not modified" in error.message.lower()


async def answer_query(query: CallbackQuery, text: str | None) -> None:
    """Answer a callback query, so that the button stops showing progress."""
    try:
        await query.answer(text)
    except BadRequest:
        # The query is too old to be answered.
        return


def require_message(update: Update) -> Message:
    """Return the new or edited message of an update; raise TypeError without one."""
    message = update.message or update.edited_message
    if message is None:
        raise TypeError("the update has no message")
    return message


def require_query(update: Update) -> CallbackQuery:
    """Return the callback query of an update; raise TypeError without one."""
    if update.callback_query is None:
        raise TypeError("the update has no callback query")
    return update.callback_query


def question_of(message: Message) -> str:
    """Return the question in a text or caption, or an empty string."""
    return extract_question(message.text or message.caption or "", message.get_bot().username)
