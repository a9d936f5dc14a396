"""Glue: a message comes in, the documents are asked, a reply goes out."""

import logging

from telegram import CallbackQuery, Chat, Message, ReplyParameters, Update
from telegram.error import BadRequest

from bot import asking, buttons, replies
from bot.buttons import AS_WRITTEN, Action, Origin, Press
from bot.context import Context
from bot.questions import asked
from bot.replies import Reply
from bot.texts import Texts, speaking
from retrieval.model import Answer

_log = logging.getLogger(__name__)


async def start(update: Update, context: Context) -> None:
    texts, link = _texts(update), context.args[0] if context.args else ""
    found = context.archive.context(link) if link else None
    if found is not None:
        await _say(update, replies.passage(found, texts))
    else:
        is_private = update.effective_chat is None or update.effective_chat.type == Chat.PRIVATE
        hello = texts.start if is_private else texts.start_group
        await _say(update, replies.notice(f"{texts.link_gone}\n\n{hello}" if link else hello))


async def help_(update: Update, _context: Context) -> None:
    await _say(update, replies.notice(_texts(update).help))


async def privacy(update: Update, context: Context) -> None:
    texts = _texts(update)
    await _say(update, replies.notice(texts.privacy_logged if context.logs_questions else texts.privacy))


async def sources(update: Update, context: Context) -> None:
    await _say(update, replies.sources(context.archive.sources, _texts(update)))


async def question(update: Update, context: Context) -> None:
    """Answer a message, or, for an /ask with no words of its own, the message it replies to."""
    message = _message(update)
    asking_message = message if _asked(message) else _message_replied_to(message)
    if asking_message is None:
        await _say(update, replies.notice(_texts(update).ask_how))
    else:
        # Only the message itself shows what it replies to.
        origin = _origin(message) if asking_message is message else AS_WRITTEN
        reply = await _answered(_asked(asking_message), origin, context, _texts(update))
        await _say(update, reply, to=asking_message)


async def unknown_command(update: Update, _context: Context) -> None:
    await _say(update, replies.notice(_texts(update).unknown_command))


async def wordless(update: Update, _context: Context) -> None:
    await _say(update, replies.notice(_texts(update).wordless))


async def press(update: Update, context: Context) -> None:
    """Do what a button says, and always answer the query, with words when nothing else is seen."""
    query = update.callback_query
    if query is None:
        raise TypeError("This handler is for buttons")
    told = await _pressed(query, context, _texts(update))
    try:
        await query.answer(told)
    except BadRequest:
        # Too old to be answered: nobody waits for it any more.
        return


async def _answered(text: str, origin: Origin, context: Context, texts: Texts) -> Reply:
    if not context.archive.sources:
        return replies.notice(texts.no_documents)
    found = await _find(text, origin, context)
    if found is not None:
        context.metrics.asked(answered=found.answered)
        if context.logs_questions:
            _log.info("Asked (confidence %.2f): %s", found.confidence, text)
    return replies.answer(found, texts, origin) if found else replies.notice(texts.declined)


async def _find(text: str, origin: Origin, context: Context) -> Answer | None:
    with context.metrics.timing("find"):
        return await asking.ask(context.archive, text, origin)


async def _pressed(query: CallbackQuery, context: Context, texts: Texts) -> str | None:
    wish = buttons.decode(query.data)
    if wish is None:
        return texts.stale
    origin = query.message.reply_to_message if isinstance(query.message, Message) else None
    text = _asked(origin) if origin else ""
    if not text:
        return texts.question_gone
    found = await _find(text, wish.origin, context)
    if found is None or not _still_there(found, wish):
        return texts.changed
    if wish.action is Action.PLACE:
        return texts.place(wish.rank, len(found.citations))
    return await _edited(query, _view(found, wish, context, texts), texts)


def _still_there(found: Answer, wish: Press) -> bool:
    if not found.answered:
        # The suggested question itself may be declined; that is an answer too.
        return wish.origin.corrected and wish == Press(Action.QUOTE, origin=wish.origin)
    if wish.rank > len(found.citations):
        return False
    passage = found.citations[wish.rank - 1].passage.id
    return wish.action is not Action.CONTEXT or passage.startswith(wish.passage or "?")


def _view(found: Answer, wish: Press, context: Context, texts: Texts) -> Reply | None:
    if not found.answered:
        return replies.answer(found, texts, wish.origin)
    if wish.action is Action.QUOTE:
        return replies.quote(found, wish.rank, texts, wish.origin)
    around = context.archive.context(found.citations[wish.rank - 1].passage.id)
    return replies.wider(found, wish.rank, around, texts, wish.origin) if around else None


async def _edited(query: CallbackQuery, reply: Reply | None, texts: Texts) -> str | None:
    if reply is None:
        return texts.changed
    try:
        await query.edit_message_text(
            reply.text, entities=reply.entities or None, reply_markup=reply.keyboard
        )
    except BadRequest as error:
        return None if "not modified" in error.message.lower() else texts.stale
    return None


async def _say(update: Update, reply: Reply, *, to: Message | None = None) -> None:
    """Reply to the person's message, or to another one; a question deleted meanwhile does no harm."""
    message = _message(update)
    await message.reply_text(
        reply.text,
        entities=reply.entities or None,
        reply_markup=reply.keyboard,
        reply_parameters=ReplyParameters((to or message).message_id, allow_sending_without_reply=True),
    )


def _asked(message: Message) -> str:
    return asked(message.text or message.caption or "", message.get_bot().username)


def _message_replied_to(message: Message) -> Message | None:
    """Find the message that an /ask without words points at, unless it is our own."""
    other = message.reply_to_message
    return other if other is not None and not _is_ours(other) and _asked(other) else None


def _origin(message: Message) -> Origin:
    """Tell what a question leans on: it follows another one if it replies to an answer of ours."""
    other = message.reply_to_message
    return Origin(earlier=replies.asked_before(other)) if other and _is_ours(other) else AS_WRITTEN


def _is_ours(message: Message) -> bool:
    return message.from_user is not None and message.from_user.id == message.get_bot().id


def _message(update: Update) -> Message:
    if update.message is None:
        raise TypeError("This handler is for new messages")
    return update.message


def _texts(update: Update) -> Texts:
    return speaking(update.effective_user.language_code if update.effective_user else None)
