"""Glue: a message comes in, the documents are asked, a reply goes out."""

import logging
from dataclasses import replace

from telegram import CallbackQuery, Chat, ChatMember, Message, Update
from telegram.error import BadRequest

from bot import answer_view, buttons, inline, insight, replies, shelves
from bot.asking import TOP
from bot.buttons import AS_WRITTEN, Action, Origin, Press
from bot.context import Context
from bot.letters import label
from bot.places import MOST_TITLE, isolated, place
from bot.questions import asked
from bot.reply import Reply, notice
from bot.talk import is_unchanged, message_of, query_of, say, show, tell
from bot.texts import Texts
from bot.threads import in_thread
from bot.voice import Voice
from retrieval.identity import document_of
from retrieval.model import Answer, Citation

_log = logging.getLogger(__name__)

# What buttons ask for under passages that are not taken for an answer.
_OF_THE_CLOSEST = {Action.CLOSEST, Action.CONTEXT, Action.GOOD, Action.BAD}


async def start(update: Update, context: Context) -> None:
    """Say hello, or open what a link leads to."""
    voice, link = context.voice(update), context.args[0] if context.args else ""
    if link and (opened := await _opened(link, context, voice)):
        await say(update, opened)
        return
    is_private = update.effective_chat is None or update.effective_chat.type == Chat.PRIVATE
    await say(update, notice(voice.texts.start if is_private else _hello_group(context, voice.texts)))


async def _opened(link: str, context: Context, voice: Voice) -> Reply | None:
    """Show the passage of a link, or what became of it; None for a link of another kind."""
    if link == inline.HELP_LINK:
        return notice(voice.texts.help)
    if found := await context.archive.context(link):
        return replies.passage(found, voice)
    if source := context.archive.source(document_of(link)):
        gone = voice.texts.passage_gone(isolated(label(source.title, MOST_TITLE), voice.texts))
        listed = shelves.headings(source, await context.archive.sections(source), 0, voice)
        return replace(listed, text=gone, entities=())
    return notice(f"{voice.texts.link_gone}\n\n{voice.texts.start}")


async def joined(update: Update, context: Context) -> None:
    """Say hello to a group that took us in, and what we hear there."""
    change = update.my_chat_member
    if change is None or change.chat.type not in {Chat.GROUP, Chat.SUPERGROUP}:
        return
    was_out = change.old_chat_member.status in {ChatMember.LEFT, ChatMember.BANNED}
    if was_out and change.new_chat_member.status in {ChatMember.MEMBER, ChatMember.ADMINISTRATOR}:
        texts = context.voice(update).texts
        hears_all = change.new_chat_member.status == ChatMember.ADMINISTRATOR
        await change.chat.send_message(_hello_group(context, texts, hears_all=hears_all))


def _hello_group(context: Context, texts: Texts, *, hears_all: bool = False) -> str:
    hears_all = hears_all or bool(context.bot.bot.can_read_all_group_messages)
    return f"{texts.start_group}\n\n{texts.hears_all if hears_all else texts.hears_little}"


async def help_(update: Update, context: Context) -> None:
    await say(update, notice(context.voice(update).texts.help))


async def privacy(update: Update, context: Context) -> None:
    texts = context.voice(update).texts
    if context.state.feedback.is_on:
        await say(update, notice(texts.privacy_feedback))
    else:
        await say(update, notice(texts.privacy_logged if context.state.logs_questions else texts.privacy))


async def question(update: Update, context: Context) -> None:
    """Answer a message, or, for an /ask with no words of its own, the message it replies to."""
    message, voice = message_of(update), context.voice(update)
    asking_message = message if _asked(message) else _message_replied_to(message)
    if asking_message is None:
        await say(update, notice(voice.texts.ask_how))
        return
    # Only the message itself shows what it replies to.
    origin = _origin(message) if asking_message is message else AS_WRITTEN
    reply = await _answered(_asked(asking_message), origin, context, voice)
    sent = await say(update, reply, to=asking_message)
    context.state.given.remember(message.chat.id, message.message_id, sent.message_id)


async def edited(update: Update, context: Context) -> None:
    """Let the answer follow a question that was edited; one whose answer we do not know gets a new one."""
    message, voice = message_of(update), context.voice(update)
    answer = context.state.given.find(message.chat.id, message.message_id)
    if answer is None or not _asked(message):
        await question(update, context)
        return
    reply = await _answered(_asked(message), _origin(message), context, voice)
    try:
        await context.bot.edit_message_text(
            reply.text,
            chat_id=message.chat.id,
            message_id=answer,
            entities=reply.entities or None,
            reply_markup=reply.keyboard,
        )
    except BadRequest as error:
        # The answer was deleted, or is too old to be edited.
        if not is_unchanged(error):
            await question(update, context)


async def why(update: Update, context: Context) -> None:
    """Tell what the words of a question weighed: of the command itself, or of what it replies to."""
    message, texts = message_of(update), context.voice(update).texts
    text = " ".join(context.args or ()) or _pointed_at(message)
    if not text:
        await say(update, notice(texts.why_how))
        return
    await say(update, insight.why(await context.archive.explain(text), texts))


def _pointed_at(message: Message) -> str:
    other = message.reply_to_message
    if other is None:
        return ""
    return replies.asked_before(other) if _is_ours(other) else _asked(other)


async def unknown_command(update: Update, context: Context) -> None:
    await say(update, notice(context.voice(update).texts.unknown_command))


async def wordless(update: Update, context: Context) -> None:
    await say(update, notice(context.voice(update).texts.wordless))


async def press(update: Update, context: Context) -> None:
    """Do what a button says, and always answer the query, with words when nothing else is seen."""
    query = query_of(update)
    await tell(query, await _pressed(query, context, context.voice(update)))


async def _answered(text: str, origin: Origin, context: Context, voice: Voice) -> Reply:
    if not context.archive.sources:
        return notice(voice.texts.no_documents)
    found = await context.find(text, origin)
    if found is None:
        return notice(voice.texts.declined)
    context.metrics.asked(found.certainty)
    if context.state.logs_questions:
        _log.info("Asked (confidence %.2f): %s", found.confidence, text)
    context.state.feedback.keep(text, found)
    return answer_view.answer(found, voice, origin)


async def _pressed(query: CallbackQuery, context: Context, voice: Voice) -> str | None:
    wish = buttons.decode(query.data)
    if wish is None:
        return voice.texts.stale
    origin = query.message.reply_to_message if isinstance(query.message, Message) else None
    text = _asked(origin) if origin else ""
    if not text:
        return voice.texts.question_gone
    top = shelves.PLACES if wish.action is Action.LIST else TOP
    found = await context.find(text, wish.origin, top=top)
    if found is None or not _still_there(found, wish):
        return voice.texts.changed
    if wish.action in {Action.GOOD, Action.BAD}:
        return _voted(text, found, wish, context, voice.texts)
    return await _shown(query, found, wish, context, voice)


async def _shown(
    query: CallbackQuery, found: Answer, wish: Press, context: Context, voice: Voice
) -> str | None:
    if wish.action is Action.PLACE:
        return voice.texts.place(wish.rank, len(found.citations))
    if wish.action is Action.PAGE:
        return await _send_page(query, found.citations[wish.rank - 1], context, voice)
    view = await _view(found, wish, context, voice)
    return await show(query, view, voice.texts) if view else voice.texts.changed


def _still_there(found: Answer, wish: Press) -> bool:
    if wish.action is Action.LIST:
        return True
    if not found.answered and wish.action not in _OF_THE_CLOSEST:
        # The suggested question itself may be declined; that is an answer too.
        return wish.origin.corrected and wish == Press(Action.QUOTE, origin=wish.origin)
    if wish.rank > len(found.citations):
        return False
    passage = found.citations[wish.rank - 1].passage.id
    return wish.action is not Action.CONTEXT or passage.startswith(wish.passage or "?")


async def _send_page(query: CallbackQuery, citation: Citation, context: Context, voice: Voice) -> str | None:
    """Send the page of a quote as a picture."""
    archive, message = context.archive, query.message
    drawn = await in_thread(lambda: archive.picture(citation))
    if drawn is None or not isinstance(message, Message):
        return voice.texts.no_picture
    await message.reply_photo(drawn, caption=place(citation.title, citation.locator, voice.texts))
    return None


def _voted(text: str, found: Answer, wish: Press, context: Context, texts: Texts) -> str:
    citation: Citation = found.citations[wish.rank - 1]
    vote = "up" if wish.action is Action.GOOD else "down"
    context.state.feedback.keep(text, found, document=citation.document, quote=citation.quote, vote=vote)
    return texts.thanks if context.state.feedback.is_on else texts.stale


async def _view(found: Answer, wish: Press, context: Context, voice: Voice) -> Reply | None:
    if wish.action is Action.LIST:
        return shelves.places(found, wish.rank - 1, voice)
    if wish.action is Action.QUOTE and found.answered:
        return replies.quote(found, wish.rank, voice, wish.origin)
    if wish.action is Action.CLOSEST and not found.answered:
        return answer_view.closest_passages(found, voice, wish.origin)
    if wish.action in {Action.QUOTE, Action.CLOSEST}:
        return answer_view.answer(found, voice, wish.origin)
    around = await context.archive.context(found.citations[wish.rank - 1].passage.id)
    return replies.wider(found, wish.rank, around, voice, wish.origin) if around else None


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
