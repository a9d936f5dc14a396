"""Saying something in a chat."""

from telegram import CallbackQuery, Message, ReplyParameters, Update
from telegram.error import BadRequest

from bot.i18n.messages import Texts
from bot.telegram.message_parsing import question_text
from bot.views.message import Reply


async def send_reply(update: Update, reply: Reply, *, to: Message | None = None) -> Message:
    """Reply to the person's message, or to another one; a question deleted meanwhile does no harm."""
    message = to or message_of(update)
    return await message.reply_text(
        reply.text,
        entities=reply.entities or None,
        reply_markup=reply.keyboard,
        reply_parameters=ReplyParameters(message.message_id, allow_sending_without_reply=True),
    )


async def edit_reply(query: CallbackQuery, reply: Reply, texts: Texts) -> str | None:
    """Put another view in place of the one a button is under; gives what is to be told, if that fails."""
    if not isinstance(query.message, Message):
        # Too old to be seen.
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


async def answer_query(query: CallbackQuery, told: str | None) -> None:
    """Answer a button, which waits until it is answered."""
    try:
        await query.answer(told)
    except BadRequest:
        # Too old to be answered: nobody waits for it any more.
        return


def message_of(update: Update) -> Message:
    """Return the new or edited message of an update that has one."""
    message = update.message or update.edited_message
    if message is None:
        raise TypeError("This handler is for messages")
    return message


def query_of(update: Update) -> CallbackQuery:
    """Return the callback query of an update that has one."""
    if update.callback_query is None:
        raise TypeError("This handler is for buttons")
    return update.callback_query


def asked_text(message: Message) -> str:
    return question_text(message.text or message.caption or "", message.get_bot().username)
