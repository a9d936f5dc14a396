"""Sending and editing messages, answering queries, and the message or query of an update."""

from telegram import CallbackQuery, Message, ReplyParameters, Update
from telegram.error import BadRequest

from bot.i18n.messages import Texts
from bot.telegram.message_parsing import question_text
from bot.views.message import Reply


async def send_reply(update: Update, reply: Reply, *, to: Message | None = None) -> Message:
    """Reply to the message of an update, or to another; it may have been deleted meanwhile."""
    message = to or message_of(update)
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
        return texts.stale
    try:
        await query.edit_message_text(
            reply.text, entities=reply.entities or None, reply_markup=reply.keyboard
        )
    except BadRequest as error:
        return None if is_unchanged(error) else texts.stale
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


def message_of(update: Update) -> Message:
    """Return the new or edited message of an update; raise TypeError without one."""
    message = update.message or update.edited_message
    if message is None:
        raise TypeError("the update has no message")
    return message


def query_of(update: Update) -> CallbackQuery:
    """Return the callback query of an update; raise TypeError without one."""
    if update.callback_query is None:
        raise TypeError("the update has no callback query")
    return update.callback_query


def asked_text(message: Message) -> str:
    """Return the question in a text or caption, or an empty string."""
    return question_text(message.text or message.caption or "", message.get_bot().username)
