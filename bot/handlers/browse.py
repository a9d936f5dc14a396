"""Handlers of /sources and /search, and of the buttons in lists of documents and headings."""

import logging

from telegram import CallbackQuery, Chat, InputFile, Message, Update
from telegram.constants import ChatAction
from telegram.error import TelegramError

from bot.documents.document_manager import DocumentManager
from bot.handlers.context import BotContext
from bot.handlers.questions import list_places
from bot.i18n.texts import Texts
from bot.telegram.messaging import answer_query, edit_reply, require_query, send_reply, topic_of
from bot.views import browse
from bot.views.browse import render_overview
from bot.views.message import (
    BrowseAction,
    BrowsePress,
    Recipient,
    about_file,
    build_reply,
    decode_browse_press,
    text_reply,
)
from retrieval.model import Source, is_chat_document, logged_name

_log = logging.getLogger(__name__)

# Telegram lets bots send files of at most this size.
_MAX_FILE_BYTES = 50 * 1024 * 1024


async def sources(update: Update, context: BotContext) -> None:
    await send_reply(update, browse.render_sources(context.library.sources, 0, context.recipient(update)))


async def search(update: Update, context: BotContext) -> None:
    """List the places where words occur."""
    recipient, words = context.recipient(update), " ".join(context.args or ())
    if not words:
        await send_reply(update, text_reply(recipient.texts.search_usage))
        return
    with context.show_action(update):
        reply = await list_places(words, context, recipient)
    await send_reply(update, reply)


async def handle_browse_button(update: Update, context: BotContext) -> None:
    """Show the view of a button, and answer the query in any case."""
    query = require_query(update)
    press = decode_browse_press(query.data)
    is_file = press is not None and press.action is BrowseAction.FILE
    with context.show_action(update, ChatAction.UPLOAD_DOCUMENT if is_file else ChatAction.TYPING):
        notice = await _show_view(query, press, context, context.recipient(update))
    await answer_query(query, notice)


async def _show_view(
    query: CallbackQuery, press: BrowsePress | None, context: BotContext, recipient: Recipient
) -> str | None:
    """Return the text to answer the query with, if any."""
    if press is None:
        return recipient.texts.button_expired
    if press.action is BrowseAction.SOURCES:
        return await edit_reply(
            query, browse.render_sources(context.library.sources, press.number, recipient), recipient.texts
        )
    if press.action is BrowseAction.OVERVIEW and not press.document_id:
        choice = browse.render_overview_choice(context.library.sources, press.number, recipient)
        return await edit_reply(query, choice, recipient.texts)
    source = context.library.source(press.document_id)
    if source is None:
        return recipient.texts.documents_changed
    return await _show_document(query, press, source, context, recipient)


async def _show_document(
    query: CallbackQuery, press: BrowsePress, source: Source, context: BotContext, recipient: Recipient
) -> str | None:
    library, texts = context.library, recipient.texts
    if press.action is BrowseAction.FILE:
        return await _send_file(query, source, context, recipient)
    if press.action is BrowseAction.OVERVIEW:
        overview = await context.find_overview(source)
        return await edit_reply(query, render_overview(source, overview, recipient), texts)
    if press.action is BrowseAction.HEADINGS:
        sections = await library.sections(source)
        return await edit_reply(
            query, browse.render_headings(source, sections, press.number, recipient), texts
        )
    if press.action is BrowseAction.READ:
        passages = await library.read(source)
        return await edit_reply(
            query, browse.render_document_page(source, passages, press.number, recipient), texts
        )
    is_private = query.message is not None and query.message.chat.type == Chat.PRIVATE
    if is_chat_document(source.name) or not (is_private and query.from_user.id in context.state.admins):
        return texts.button_expired
    return await _remove(query, press, source, context.state.document_manager, texts)


async def _remove(
    query: CallbackQuery, press: BrowsePress, source: Source, manager: DocumentManager | None, texts: Texts
) -> str | None:
    """Ask an admin for confirmation, or delete the document once it was given."""
    if manager is None:
        return texts.documents_in_cluster
    name = manager.file_name(source)
    if press.action is BrowseAction.REMOVE:
        return await edit_reply(query, browse.render_removal(source, name, texts), texts)
    await manager.remove(source)
    _log.info("An admin removed %s", name)
    removed = about_file(texts.document_removed, name, texts)
    return await edit_reply(query, build_reply(removed), texts)


async def _send_file(
    query: CallbackQuery, source: Source, context: BotContext, recipient: Recipient
) -> str | None:
    """Send the document's file unchanged."""
    message, file = query.message, context.library.file(source)
    if not isinstance(message, Message):
        return recipient.texts.file_not_available
    try:
        # It may be larger than the document that is in it.
        if file.stat().st_size > _MAX_FILE_BYTES:
            return recipient.texts.file_not_available
        with file.open("rb") as stream:
            document = InputFile(stream, filename=file.name, read_file_handle=False)
            await context.bot.send_document(
                message.chat.id,
                document,
                message_thread_id=topic_of(message),
            )
    except (OSError, TelegramError) as error:
        _log.warning("Cannot send %s: %s", logged_name(source.name), type(error).__name__)
        return recipient.texts.file_not_available
    return None
