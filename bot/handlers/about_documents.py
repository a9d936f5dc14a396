"""Handler of /overview, and replies to questions about the documents themselves."""

import re

from telegram import Message, MessageEntity, Update

from bot.concurrency import in_thread
from bot.handlers.context import BotContext
from bot.handlers.messaging import require_message, send_reply
from bot.views import browse
from bot.views.help import help_text, no_documents
from bot.views.locations import MAX_PLACES
from bot.views.message import Recipient, Reply, text_reply
from bot.views.overview import render_overview
from retrieval.ids import document_of
from retrieval.model.document import Source
from retrieval.query.document_names import documents_meant
from retrieval.query.question_phrases import Topic, is_any_document, parse_document_question

_PASSAGE_LINK = re.compile(r"\?start=([A-Za-z0-9_-]{1,64})$")


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
    question = await in_thread(lambda: parse_document_question(text))
    if question is None:
        return None
    if question.topic is Topic.HELP:
        return text_reply(help_text(recipient))
    if question.topic is Topic.SOURCES:
        return browse.render_sources(context.library.sources, 0, recipient)
    if question.topic is Topic.PLACES:
        return await list_places(question.subject, context, recipient)
    return await _render_overview(question.subject, message, context, recipient)


async def list_places(words: str, context: BotContext, recipient: Recipient) -> Reply:
    """Return the first page of the places where words occur."""
    answer = await context.find_answer(words, top=MAX_PLACES)
    return browse.render_places(answer, 0, recipient) if answer else text_reply(recipient.texts.no_places)


async def _render_overview(
    name: str, message: Message, context: BotContext, recipient: Recipient
) -> Reply | None:
    """Return the overview of a document, or a choice of documents; None if no document has the name.

    A name such as "the article" is no name.
    """
    sources = context.library.sources
    if not sources:
        return text_reply(no_documents(recipient))
    replied_to = None if name and not is_any_document(name) else _document_replied_to(message, context)
    candidates = [replied_to] if replied_to else await in_thread(lambda: documents_meant(name, sources))
    if not candidates:
        return None
    if len(candidates) == 1:
        return render_overview(candidates[0], await context.find_overview(candidates[0]), recipient)
    if len(candidates) <= browse.SOURCES_PER_PAGE:
        return browse.render_overview_choice(candidates, 0, recipient)
    # A word of many names is not the name of one. Buttons could not lead to the other pages of these.
    return browse.render_overview_choice(sources, 0, recipient) if len(candidates) == len(sources) else None


def _document_replied_to(message: Message, context: BotContext) -> Source | None:
    """Return the document of the first quote in the bot's message that a message replies to."""
    other = message.reply_to_message
    if other is None or other.from_user is None or other.from_user.id != message.get_bot().id:
        return None
    for entity in (*other.entities, *other.caption_entities):
        link = _PASSAGE_LINK.search(entity.url or "") if entity.type == MessageEntity.TEXT_LINK else None
        if link and (source := context.library.source(document_of(link[1]))):
            return source
    return None
