"""Glue for those who look through the documents rather than ask."""

import logging

from telegram import CallbackQuery, Chat, InputFile, Message, Update
from telegram.error import TelegramError

from bot.handlers.context import BotContext
from bot.handlers.messaging import answer_query, edit_reply, query_of, send_reply
from bot.i18n.messages import Texts
from bot.ops.document_manager import DocumentManager
from bot.views import browse, callback_data
from bot.views.callback_data import BrowsePress, BrowseView
from bot.views.locations import isolate
from bot.views.message import notice
from bot.views.truncation import label
from bot.views.viewer import Viewer
from retrieval.model import Source

_log = logging.getLogger(__name__)

_MOST_SENT = 50 * 1024 * 1024
_MOST_NAME = 200


async def sources(update: Update, context: BotContext) -> None:
    await send_reply(update, browse.render_sources(context.archive.sources, 0, context.viewer(update)))


async def search(update: Update, context: BotContext) -> None:
    """List the places of some words."""
    viewer, words = context.viewer(update), " ".join(context.args or ())
    if not words:
        await send_reply(update, notice(viewer.texts.search_how))
        return
    found = await context.find(words, top=browse.MAX_PLACES)
    nothing = notice(viewer.texts.found_nothing)
    await send_reply(update, browse.render_places(found, 0, viewer) if found else nothing)


async def browse_press(update: Update, context: BotContext) -> None:
    """Go where a button leads, and always answer it."""
    query = query_of(update)
    await answer_query(query, await _turned(query, context, context.viewer(update)))


async def _turned(query: CallbackQuery, context: BotContext, viewer: Viewer) -> str | None:
    way = callback_data.decode_browse(query.data)
    if way is None:
        return viewer.texts.stale
    if way.view is BrowseView.SOURCES:
        return await edit_reply(
            query, browse.render_sources(context.archive.sources, way.number, viewer), viewer.texts
        )
    source = context.archive.source(way.document)
    if source is None:
        return viewer.texts.changed
    return await _on_shelf(query, way, source, context, viewer)


async def _on_shelf(
    query: CallbackQuery, way: BrowsePress, source: Source, context: BotContext, viewer: Viewer
) -> str | None:
    archive, texts = context.archive, viewer.texts
    if way.view is BrowseView.FILE:
        return await _send_file(query, source, context, viewer)
    if way.view is BrowseView.HEADINGS:
        listed = await archive.sections(source)
        return await edit_reply(query, browse.render_headings(source, listed, way.number, viewer), texts)
    if way.view is BrowseView.READ:
        passages = await archive.read(source)
        return await edit_reply(query, browse.render_page(source, passages, way.number, viewer), texts)
    is_private = query.message is not None and query.message.chat.type == Chat.PRIVATE
    if not (is_private and query.from_user.id in context.state.admins):
        return texts.stale
    return await _removed(query, way, source, context.state.document_manager, texts)


async def _removed(
    query: CallbackQuery, way: BrowsePress, source: Source, manager: DocumentManager | None, texts: Texts
) -> str | None:
    """Ask an admin before a document is deleted, or delete it."""
    if manager is None:
        return texts.in_a_cluster
    if way.view is BrowseView.REMOVE:
        return await edit_reply(query, browse.render_removal(source, texts), texts)
    await manager.remove(source)
    _log.info("An admin removed %s", source.name)
    return await edit_reply(
        query, notice(texts.removed(isolate(label(source.name, _MOST_NAME), texts))), texts
    )


async def _send_file(query: CallbackQuery, source: Source, context: BotContext, viewer: Viewer) -> str | None:
    """Send the document as it lies in the folder."""
    message, file = query.message, context.archive.file(source)
    if not isinstance(message, Message) or source.size > _MOST_SENT:
        return viewer.texts.file_gone
    try:
        with file.open("rb") as opened:
            document = InputFile(opened, filename=file.name, read_file_handle=False)
            await context.bot.send_document(
                message.chat.id,
                document,
                # Replies to one message are a thread as well, but none that can be written to.
                message_thread_id=message.message_thread_id if message.is_topic_message else None,
            )
    except (OSError, TelegramError) as error:
        _log.warning("%s cannot be sent: %s", source.name, type(error).__name__)
        return viewer.texts.file_gone
    return None


def is_browse_data(data: object) -> bool:
    """Return whether callback data belongs to this module, not to buttons under answers."""
    return isinstance(data, str) and data.startswith("@")
