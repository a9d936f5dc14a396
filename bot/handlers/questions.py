"""Handlers of questions and of /start, /help, /privacy, /why and /overview, and the greeting of a group.

A question may be about the documents themselves: what one is about, or which there are.
"""

import asyncio
import logging
import re
import time
from collections.abc import Sequence
from dataclasses import replace

from telegram import Chat, ChatMember, Message, MessageEntity, Update
from telegram.error import BadRequest

from bot.concurrency import in_thread
from bot.documents.chat_document_store import sources_in_upload
from bot.handlers.access import is_member
from bot.handlers.context import BotContext
from bot.i18n.texts import small_talk_reply
from bot.telegram.messaging import attached_file, is_unchanged, question_of, require_message, send_reply
from bot.views import answers, browse, inline
from bot.views.browse import render_overview
from bot.views.help import greeting, group_greeting, help_text, link_not_opened, no_documents
from bot.views.message import (
    AS_WRITTEN,
    MAX_PLACES,
    MAX_TITLE_UNITS,
    Origin,
    Recipient,
    Reply,
    isolate_direction,
    one_line,
    text_reply,
)
from bot.views.no_answer import explain_unreadable, is_link
from retrieval.model import Source, chat_document_name, document_id_of
from retrieval.query.document_names import (
    documents_meant,
    find_files,
    find_titles,
    only_document_about,
    only_document_named,
)
from retrieval.query.intent import (
    DocumentQuestionKind,
    is_any_document,
    may_name_files,
    parse_document_question,
)

_log = logging.getLogger(__name__)

# The id of a passage, and the id of the group that the document belongs to.
_GROUP_LINK = re.compile(r"([A-Za-z0-9_-]{20})(-[0-9]{1,20})")
_PASSAGE_LINK = re.compile(r"\?start=([A-Za-z0-9_-]{1,64})$")
# "What is this about?" within this time is about the file sent last.
_JUST_SENT_SECONDS = 600.0


async def start(update: Update, context: BotContext) -> None:
    """Greet, or show what a deep link leads to."""
    recipient, link = context.recipient(update), context.args[0] if context.args else ""
    if link:
        person = update.effective_user.id if update.effective_user else 0
        with context.show_action(update):
            reply = await _follow_link(link, person, context, recipient)
        await send_reply(update, reply)
        return
    is_private = update.effective_chat is None or update.effective_chat.type == Chat.PRIVATE
    text = greeting(recipient) if is_private else _group_greeting(context, recipient)
    await send_reply(update, text_reply(text))


async def _follow_link(link: str, person: int, context: BotContext, recipient: Recipient) -> Reply:
    """Show the passage of a link, the document it was in, or that both are gone."""
    if link == inline.HELP_LINK:
        return text_reply(help_text(recipient))
    if match := _GROUP_LINK.fullmatch(link):
        return await _follow_group_link(match[1], int(match[2]), person, context, recipient)
    if passage := await context.library.passage_with_neighbours(link):
        return answers.render_passage(passage, recipient)
    if source := context.library.source(document_id_of(link)):
        text = recipient.texts.passage_gone(
            isolate_direction(one_line(source.title, MAX_TITLE_UNITS), recipient.texts)
        )
        headings = browse.render_headings(source, await context.library.sections(source), 0, recipient)
        return replace(headings, text=text, entities=())
    return text_reply(f"{recipient.texts.linked_document_gone}\n\n{greeting(recipient)}")


async def _follow_group_link(
    passage_id: str, group: int, person: int, context: BotContext, recipient: Recipient
) -> Reply:
    """Show a passage of a group's document to a member of the group, without buttons that lead further."""
    chat_documents = context.state.chat_documents
    if chat_documents is not None and await is_member(group, person, context):
        library = await chat_documents.library(group)
        passage = await library.passage_with_neighbours(passage_id) if library else None
        if passage is not None:
            return replace(answers.render_passage(passage, recipient), keyboard=None)
    return text_reply(f"{recipient.texts.linked_document_gone}\n\n{greeting(recipient)}")


async def greet_group(update: Update, context: BotContext) -> None:
    """Greet a group that added the bot, and explain which messages it receives there."""
    change = update.my_chat_member
    if change is None or change.chat.type not in {Chat.GROUP, Chat.SUPERGROUP}:
        return
    was_out = change.old_chat_member.status in {ChatMember.LEFT, ChatMember.BANNED}
    if was_out and change.new_chat_member.status in {ChatMember.MEMBER, ChatMember.ADMINISTRATOR}:
        receives_all = change.new_chat_member.status == ChatMember.ADMINISTRATOR
        text = _group_greeting(context, context.recipient(update), receives_all=receives_all)
        await change.chat.send_message(text)


def _group_greeting(context: BotContext, recipient: Recipient, *, receives_all: bool = False) -> str:
    receives_all = receives_all or bool(context.bot.bot.can_read_all_group_messages)
    return group_greeting(recipient, receives_all=receives_all)


async def help_(update: Update, context: BotContext) -> None:
    await send_reply(update, text_reply(help_text(context.recipient(update))))


async def privacy(update: Update, context: BotContext) -> None:
    """Explain what happens to questions, which depends on the settings."""
    texts = context.recipient(update).texts
    if context.state.feedback.is_on:
        text = texts.privacy_feedback
    else:
        text = texts.privacy_logged if context.state.logs_questions else texts.privacy
    if context.state.chat_documents is not None:
        days = context.state.upload_days
        kept = texts.kept_for_days(days) if days else texts.kept_until_removed
        text += f"\n\n{texts.privacy_uploads} {kept}"
    await send_reply(update, text_reply(text))


async def answer_question(update: Update, context: BotContext) -> None:
    """Answer a message or, for an /ask without a question, the message it replies to."""
    message, recipient = require_message(update), context.recipient(update)
    question_message = message if question_of(message) else _message_replied_to(message)
    if question_message is None:
        await send_reply(update, text_reply(recipient.texts.ask_usage))
        return
    # Telegram does not include what the replied-to message itself replies to.
    origin = _origin(message) if question_message is message else AS_WRITTEN
    context.state.albums.add(message)
    with context.show_action(update):
        reply = await _find_and_render(question_message, origin, context, recipient)
    sent = await send_reply(update, reply, to=question_message)
    context.state.answer_map.remember(message.chat.id, message.message_id, sent.message_id)


async def answer_edited_question(update: Update, context: BotContext) -> None:
    """Edit the answer of an edited question; if it is unknown or gone, send a new one."""
    message, recipient = require_message(update), context.recipient(update)
    answer_id = context.state.answer_map.find(message.chat.id, message.message_id)
    if answer_id is None or not question_of(message):
        await answer_question(update, context)
        return
    with context.show_action(update):
        reply = await _find_and_render(message, _origin(message), context, recipient)
    try:
        await context.bot.edit_message_text(
            reply.text,
            chat_id=message.chat.id,
            message_id=answer_id,
            entities=reply.entities or None,
            reply_markup=reply.keyboard,
        )
    except BadRequest as error:
        # The answer was deleted, or is too old to be edited.
        if not is_unchanged(error):
            await answer_question(update, context)


async def why(update: Update, context: BotContext) -> None:
    """Show the weights of the words in the command's own question or in the message it replies to."""
    message, texts = require_message(update), context.recipient(update).texts
    text = " ".join(context.args or ()) or _replied_question(message)
    if not text:
        await send_reply(update, text_reply(texts.why_usage))
        return
    with context.show_action(update):
        weights = await context.library.explain(text)
    await send_reply(update, answers.render_term_weights(weights, texts))


def _replied_question(message: Message) -> str:
    """Return the question in the message replied to, or the words that an answer of the bot matched."""
    other = message.reply_to_message
    if other is None:
        return ""
    return answers.earlier_words(other) if _is_from_bot(other) else question_of(other)


async def unknown_command(update: Update, context: BotContext) -> None:
    await send_reply(update, text_reply(context.recipient(update).texts.unknown_command))


async def unsupported_message(update: Update, context: BotContext) -> None:
    """Explain what the bot can read; an album gets one reply."""
    message = require_message(update)
    if context.state.albums.add(message):
        await send_reply(update, text_reply(explain_unreadable(message, context.recipient(update).texts)))


async def _find_and_render(
    message: Message, origin: Origin, context: BotContext, recipient: Recipient
) -> Reply:
    """Return the reply to the question in a message."""
    text = question_of(message)
    if not context.library.sources:
        about = await answer_about_documents(text, message, context, recipient)
        return about or text_reply(no_documents(recipient))
    if greeting := small_talk_reply(text, recipient.texts):
        return text_reply(greeting)
    if may_name_files(text) and (named := find_files(text, await context.name_tables())):
        return await _render_named(named, context, recipient)
    if about := await answer_about_documents(text, message, context, recipient):
        return about
    answer = await context.find_answer(text, origin)
    if answer is None:
        return text_reply(recipient.texts.no_answer)
    context.metrics.count_question(answer.certainty)
    if not context.has_chat_documents:
        if context.state.logs_questions:
            _log.info("Question (confidence %.2f): %s", answer.confidence, text)
        context.state.feedback.record(text, answer)
    reply = None if answer.answered else await _render_odd_question(text, context, recipient)
    return reply or answers.render_answer(answer, recipient, origin)


async def _render_odd_question(text: str, context: BotContext, recipient: Recipient) -> Reply | None:
    """Return the reply to a message that is not a question; None for a question.

    It has only links or titles of documents, or asks for the contents of a document by a part of its title.
    """
    if is_link(text):
        return text_reply(link_not_opened(recipient))
    if named := find_titles(text, await context.name_tables()):
        return await _render_named(named, context, recipient)
    sources = context.library.sources
    meant, about = await in_thread(
        lambda: (only_document_named(text, sources), only_document_about(text, sources))
    )
    if meant:
        return await _render_named([meant], context, recipient)
    return render_overview(about, await context.find_overview(about), recipient) if about else None


async def _render_named(named: Sequence[Source], context: BotContext, recipient: Recipient) -> Reply:
    """Show the headings of a document that was named, or the list of several."""
    if len(named) > 1:
        return browse.render_named(named, recipient)
    sections = await context.library.sections(named[0])
    headings = browse.render_headings(named[0], sections, 0, recipient)
    return browse.add_intro(recipient.texts.document_named, headings)


def _message_replied_to(message: Message) -> Message | None:
    """Return the message replied to if it has a question and is not from the bot."""
    other = message.reply_to_message
    return other if other is not None and not _is_from_bot(other) and question_of(other) else None


def _origin(message: Message) -> Origin:
    """Return the origin of a question; a reply to an answer of the bot is a follow-up."""
    other = message.reply_to_message
    return Origin(earlier=answers.earlier_words(other)) if other and _is_from_bot(other) else AS_WRITTEN


def _is_from_bot(message: Message) -> bool:
    return message.from_user is not None and message.from_user.id == message.get_bot().id


async def overview(update: Update, context: BotContext) -> None:
    """Show the overview of the document named, or else of the one replied to, or of the only one."""
    message, recipient = require_message(update), context.recipient(update)
    name = " ".join(context.args or ())
    with context.show_action(update):
        reply = await _render_overview(name, message, context, recipient)
    if reply is None:
        reply = browse.render_overview_choice(context.library.sources, 0, recipient, is_unknown=True)
    await send_reply(update, reply)


async def answer_about_documents(
    text: str, message: Message, context: BotContext, recipient: Recipient
) -> Reply | None:
    """Reply to a question about the documents themselves; None for any other question."""
    # The first call reads the table and takes 0.1 s.
    question = await asyncio.to_thread(parse_document_question, text)
    if question is None:
        return None
    if question.kind is DocumentQuestionKind.HELP:
        return text_reply(help_text(recipient))
    if question.kind is DocumentQuestionKind.SOURCES:
        return browse.render_sources(context.library.sources, 0, recipient)
    if question.kind is DocumentQuestionKind.PLACES:
        return await list_places(question.subject, context, recipient)
    is_whole = question.kind is DocumentQuestionKind.CONTENTS
    return await _render_overview(question.subject, message, context, recipient, is_whole=is_whole)


async def list_places(words: str, context: BotContext, recipient: Recipient) -> Reply:
    """Return the first page of the places where words occur."""
    answer = await context.find_answer(words, top=MAX_PLACES)
    return browse.render_places(answer, 0, recipient) if answer else text_reply(recipient.texts.no_places)


async def _render_overview(
    name: str, message: Message, context: BotContext, recipient: Recipient, *, is_whole: bool = False
) -> Reply | None:
    """Return the overview of a document, or a choice of documents; None if no document has the name.

    A phrase such as "the article" is not a name: then the document replied to is meant, or the one just sent
    into the chat. With `is_whole`, the name must be a whole title or file name.
    """
    sources = context.library.sources
    if not sources:
        return text_reply(no_documents(recipient))
    candidates: Sequence[Source] = ()
    if not name or is_any_document(name):
        candidates = _documents_replied_to(message, context) or _documents_just_sent(message, context)
    if not candidates:
        candidates = await in_thread(lambda: documents_meant(name, sources, is_whole=is_whole))
    if not candidates:
        return None
    if len(candidates) == 1:
        return render_overview(candidates[0], await context.find_overview(candidates[0]), recipient)
    if len(candidates) <= browse.SOURCES_PER_PAGE:
        return browse.render_overview_choice(candidates, 0, recipient)
    # A word of many names is not the name of one. Buttons could not lead to the other pages of these.
    return browse.render_overview_choice(sources, 0, recipient) if len(candidates) == len(sources) else None


def _documents_replied_to(message: Message, context: BotContext) -> list[Source]:
    """Return the documents that the message replied to is about.

    They are those of the file in it or, in a message of the bot, the one of its first quote or the file that
    it names.
    """
    other = message.reply_to_message
    if other is None:
        return []
    if file := attached_file(other):
        return _documents_of_file(file.name, message.chat.id, context)
    if other.from_user is None or other.from_user.id != message.get_bot().id:
        return []
    for entity in (*other.entities, *other.caption_entities):
        link = _PASSAGE_LINK.search(entity.url or "") if entity.type == MessageEntity.TEXT_LINK else None
        if link and (source := context.library.source(document_id_of(link[1]))):
            return [source]
    for name in other.parse_entities([MessageEntity.CODE]).values():
        if documents := _documents_of_file(name, message.chat.id, context):
            return documents
    return []


def _documents_just_sent(message: Message, context: BotContext) -> list[Source]:
    """Return the documents of the latest file that somebody sent into the chat, if that was minutes ago."""
    store = context.state.chat_documents
    added = store.record(message.chat.id).added if store and context.has_chat_documents else {}
    latest = max(added, key=lambda name: added[name].at, default=None)
    if latest is None or time.time() - added[latest].at > _JUST_SENT_SECONDS:
        return []
    return _documents_of_file(latest, message.chat.id, context)


def _documents_of_file(name: str, chat_id: int, context: BotContext) -> list[Source]:
    """Return the documents of a file in the chat or the library: one, or those of an archive."""
    sources = context.library.sources
    return sources_in_upload(sources, chat_document_name(chat_id, name)) or sources_in_upload(sources, name)
