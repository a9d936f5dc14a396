"""Handlers for admins: /status, /reload and documents sent to the bot."""

import logging
import time
from collections.abc import Callable, Sequence
from itertools import islice
from math import ceil

from telegram import Message, Update
from telegram.error import TelegramError

from bot.concurrency import in_thread
from bot.documents.document_manager import DocumentManager, is_valid_document_name
from bot.handlers.context import BotContext
from bot.i18n.texts import Texts
from bot.telegram.messaging import AttachedFile, attached_file, require_message, send_reply, send_to
from bot.telegram.progress import ProgressMessage
from bot.views.chat_documents import document_not_added
from bot.views.message import FormattedText, about_file, build_reply, file_name, one_line, plain, text_reply
from bot.views.problems import named_problems
from retrieval.errors import DocumentError, FolderError
from retrieval.model import Problem

_log = logging.getLogger(__name__)

# Telegram lets bots download files of at most this size.
MAX_FILE_MEGABYTES = 20
_MAX_PROBLEMS = 10
_MAX_REASON_UNITS = 200


async def status(update: Update, context: BotContext) -> None:
    """Show the state of the bot: documents, index, answers, and skipped files."""
    texts, metrics, library = context.recipient(update).texts, context.metrics, context.state.library
    figures, minutes = metrics.summary(), round(time.monotonic() - metrics.started_at) // 60
    text = texts.status(
        {
            "documents": str(len(library.sources)),
            "passages": str(library.passages),
            "version": library.version[:8],
            "backend": "local" if context.state.document_manager else "OpenSearch",
            "hours": str(minutes // 60),
            "minutes": str(minutes % 60),
            "answers": str(figures.answers),
            "unsure": str(figures.unsure),
            "declines": str(figures.declines),
            "median": f"{figures.median_seconds * 1000:.1f}",
        }
    )
    if context.state.chat_documents is not None:
        chats, documents, size = await in_thread(context.state.chat_documents.totals)
        text += "\n" + texts.collections_status(chats, documents, ceil(size / 1024**2))
    await send_reply(update, build_reply(plain(text) + _problems(library.problems, texts)))


def _problems(problems: Sequence[Problem], texts: Texts) -> FormattedText:
    """Return the number of skipped files, and the reasons for the first of them."""
    listing = plain(f"\n\n{texts.files_left_out(len(problems))}" if problems else "")
    for name, reason in islice(named_problems(problems), _MAX_PROBLEMS):
        named = file_name(name, texts) + ": " if name else FormattedText()
        listing += plain("\n• ") + named + one_line(reason, _MAX_REASON_UNITS)
    return listing


async def reload(update: Update, context: BotContext) -> None:
    """Index the documents again; the reply is edited when that has ended."""
    texts, manager = context.recipient(update).texts, context.state.document_manager
    if manager is None:
        await send_reply(update, text_reply(texts.documents_in_cluster))
        return
    async with ProgressMessage(require_message(update), plain(texts.reloading), at_once=True) as progress:
        try:
            library = await manager.reload(progress=progress.count)
        except FolderError as error:
            result = str(error)
        else:
            result = texts.reloaded(len(library.sources), library.passages)
    await progress.finish(plain(result))


async def receive_document(update: Update, context: BotContext) -> None:
    """Add a document that an admin sent to the documents folder."""
    message = require_message(update)
    with context.show_action(update):
        await add_to_library(message, context, context.recipient(update).texts)


async def add_to_library(
    message: Message, context: BotContext, texts: Texts, *, status_message: Message | None = None
) -> None:
    """Add the document in a message to the documents folder, or replace one of that name.

    A message shows that it is being read, if that takes long; it is edited to show the result. It is
    `status_message`, a message of the bot, or a new one.
    """
    document, manager = attached_file(message), context.state.document_manager
    if document is None:
        raise TypeError("the message has no document")
    if manager is None:
        await send_to(message, text_reply(texts.documents_in_cluster))
        return
    name = document.name
    reading = about_file(texts.reading_document, name, texts)
    async with ProgressMessage(message, reading, status_message=status_message) as progress:
        try:
            confirmation = await _add_document(document, manager, context, texts, progress.count)
        except DocumentError as error:
            result = document_not_added(name, error.reason, texts)
        else:
            result = about_file(confirmation, name, texts)
            if waiting := manager.unread_pages(name):
                result += "\n\n" + texts.scanned_pages_waiting(waiting)
    await progress.finish(result)


async def _add_document(
    document: AttachedFile,
    manager: DocumentManager,
    context: BotContext,
    texts: Texts,
    progress: Callable[[int, int], None],
) -> Callable[[str], str]:
    """Return the reply as a function of the name; raise DocumentError if the document is rejected."""
    name = document.name
    if not is_valid_document_name(name, pictures=context.state.reads_pictures):
        raise DocumentError(name, texts.file_name_not_allowed)
    if document.bytes > MAX_FILE_MEGABYTES * 1024 * 1024:
        raise DocumentError(name, texts.file_too_large(MAX_FILE_MEGABYTES))
    try:
        data = bytes(await (await context.bot.get_file(document.id)).download_as_bytearray())
        replaced = await manager.add(name, data, progress)
    except DocumentError as error:
        if error.real_suffix:
            # The advice of the reason is for files in a folder.
            raise DocumentError(name, texts.document_is_misnamed(error.real_suffix)) from None
        raise
    except (TelegramError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        _log.warning("Cannot add %s: %s", name, reason)
        raise DocumentError(name, reason) from None
    _log.info("An admin added %s", name)
    return texts.document_replaced if replaced else texts.document_added
