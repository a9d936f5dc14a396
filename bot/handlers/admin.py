"""Glue for those who look after the bot, from within Telegram."""

import logging
import time
from collections.abc import Callable

from telegram import Document, Update
from telegram.error import TelegramError

from bot.handlers.context import BotContext
from bot.handlers.messaging import message_of, send_reply
from bot.i18n.messages import Texts
from bot.ops.document_manager import DocumentManager, is_good_name
from bot.views.locations import isolate
from bot.views.message import notice
from bot.views.truncation import label
from retrieval.errors import DocumentError, FolderError

_log = logging.getLogger(__name__)

# What Telegram lets a bot download.
_MOST_MEGABYTES = 20
_MOST_NAME = 200
_MOST_PROBLEMS = 10
_MOST_LINE = 300


async def status(update: Update, context: BotContext) -> None:
    """Show the state of the bot: documents, answers, problems."""
    texts, metrics, archive = context.viewer(update).texts, context.metrics, context.archive
    figures, minutes = metrics.figures(), round(time.monotonic() - metrics.began) // 60
    told = texts.status(
        {
            "documents": str(len(archive.sources)),
            "passages": str(archive.passages),
            "version": archive.version[:8],
            "backend": "embedded" if context.state.document_manager else "OpenSearch",
            "hours": str(minutes // 60),
            "minutes": str(minutes % 60),
            "answers": str(figures.answers),
            "unsure": str(figures.unsure),
            "declines": str(figures.declines),
            "median": f"{figures.median * 1000:.1f}",
        }
    )
    problems = [label(f"• {one.name}: {one.reason}", _MOST_LINE) for one in archive.problems]
    if problems:
        told = "\n".join([told, "", texts.left_out(len(problems)), *problems[:_MOST_PROBLEMS]])
    await send_reply(update, notice(told))


async def reload(update: Update, context: BotContext) -> None:
    """Read the documents again."""
    texts, manager = context.viewer(update).texts, context.state.document_manager
    if manager is None:
        await send_reply(update, notice(texts.in_a_cluster))
        return
    sent = await send_reply(update, notice(texts.reloading))
    try:
        library = await manager.reload()
    except FolderError as error:
        await sent.edit_text(str(error))
    else:
        await sent.edit_text(texts.reloaded(len(library.sources), library.passages))


async def receive_document(update: Update, context: BotContext) -> None:
    """Put a document that was sent into the documents folder."""
    message, texts = message_of(update), context.viewer(update).texts
    document, manager = message.document, context.state.document_manager
    if document is None:
        raise TypeError("This handler is for documents")
    if manager is None:
        await send_reply(update, notice(texts.in_a_cluster))
        return
    name = document.file_name or ""
    shown = isolate(label(name, _MOST_NAME), texts) or texts.whole_document
    try:
        told = await _received(document, name, manager, texts)
    except DocumentError as error:
        await send_reply(update, notice(texts.not_added(shown, error.reason)))
    else:
        await send_reply(update, notice(told(shown)))


async def _received(
    document: Document, name: str, manager: DocumentManager, texts: Texts
) -> Callable[[str], str]:
    """Return a function from the name to the reply; raises DocumentError for what is not added."""
    if not is_good_name(name):
        raise DocumentError(name, texts.bad_name)
    if (document.file_size or 0) > _MOST_MEGABYTES * 1024 * 1024:
        raise DocumentError(name, texts.too_large(_MOST_MEGABYTES))
    try:
        data = bytes(await (await document.get_file()).download_as_bytearray())
        replaced = await manager.add(name, data)
    except (TelegramError, OSError) as error:
        _log.warning("%s cannot be added: %s", name, type(error).__name__)
        raise DocumentError(name, type(error).__name__) from None
    _log.info("An admin added %s", name)
    return texts.replaced if replaced else texts.added
