"""Glue for those who look through the documents rather than ask."""

import logging

from telegram import CallbackQuery, Chat, InputFile, Message, Update
from telegram.error import TelegramError

from bot import buttons, shelves
from bot.buttons import Shelf, Turn
from bot.context import Context
from bot.keeper import Keeper
from bot.letters import label
from bot.places import isolated
from bot.reply import notice
from bot.talk import query_of, say, show, tell
from bot.texts import Texts
from bot.voice import Voice
from retrieval.model import Source

_log = logging.getLogger(__name__)

_MOST_SENT = 50 * 1024 * 1024
_MOST_NAME = 200


async def sources(update: Update, context: Context) -> None:
    await say(update, shelves.sources(context.archive.sources, 0, context.voice(update)))


async def search(update: Update, context: Context) -> None:
    """List the places of some words."""
    voice, words = context.voice(update), " ".join(context.args or ())
    if not words:
        await say(update, notice(voice.texts.search_how))
        return
    found = await context.find(words, top=shelves.PLACES)
    nothing = notice(voice.texts.found_nothing)
    await say(update, shelves.places(found, 0, voice) if found else nothing)


async def turn(update: Update, context: Context) -> None:
    """Go where a button leads, and always answer it."""
    query = query_of(update)
    await tell(query, await _turned(query, context, context.voice(update)))


async def _turned(query: CallbackQuery, context: Context, voice: Voice) -> str | None:
    way = buttons.decode_turn(query.data)
    if way is None:
        return voice.texts.stale
    if way.shelf is Shelf.SOURCES:
        return await show(query, shelves.sources(context.archive.sources, way.number, voice), voice.texts)
    source = context.archive.source(way.document)
    if source is None:
        return voice.texts.changed
    return await _on_shelf(query, way, source, context, voice)


async def _on_shelf(
    query: CallbackQuery, way: Turn, source: Source, context: Context, voice: Voice
) -> str | None:
    archive, texts = context.archive, voice.texts
    if way.shelf is Shelf.FILE:
        return await _send_file(query, source, context, voice)
    if way.shelf is Shelf.HEADINGS:
        listed = await archive.sections(source)
        return await show(query, shelves.headings(source, listed, way.number, voice), texts)
    if way.shelf is Shelf.READ:
        passages = await archive.read(source)
        return await show(query, shelves.reading(source, passages, way.number, voice), texts)
    is_private = query.message is not None and query.message.chat.type == Chat.PRIVATE
    if not (is_private and query.from_user.id in context.state.admins):
        return texts.stale
    return await _removed(query, way, source, context.state.keeper, texts)


async def _removed(
    query: CallbackQuery, way: Turn, source: Source, keeper: Keeper | None, texts: Texts
) -> str | None:
    """Ask an admin before a document is deleted, or delete it."""
    if keeper is None:
        return texts.in_a_cluster
    if way.shelf is Shelf.REMOVE:
        return await show(query, shelves.removal(source, texts), texts)
    await keeper.take_out(source)
    _log.info("An admin removed %s", source.name)
    return await show(query, notice(texts.removed(isolated(label(source.name, _MOST_NAME), texts))), texts)


async def _send_file(query: CallbackQuery, source: Source, context: Context, voice: Voice) -> str | None:
    """Send the document as it lies in the folder."""
    message, file = query.message, context.archive.file(source)
    if not isinstance(message, Message) or source.size > _MOST_SENT:
        return voice.texts.file_gone
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
        return voice.texts.file_gone
    return None


def is_turn(data: object) -> bool:
    """Tell the buttons of this module from those under answers."""
    return isinstance(data, str) and data.startswith("@")
