"""Glue for those who look after the bot, from within Telegram."""

import logging
import time
from datetime import timedelta

from telegram import Document, Update
from telegram.error import TelegramError

from bot.context import Context
from bot.keeper import is_good_name
from bot.letters import label
from bot.reply import notice
from bot.talk import message_of, say
from bot.texts import Texts
from retrieval.errors import DocumentError, FolderError

_log = logging.getLogger(__name__)

# What Telegram lets a bot download.
_MOST_MEGABYTES = 20
_MOST_NAME = 200
_MOST_PROBLEMS = 10
_MOST_LINE = 300


async def status(update: Update, context: Context) -> None:
    """Tell how the bot is doing."""
    texts, metrics, library = context.voice(update).texts, context.metrics, context.state.keeper.library
    figures = metrics.figures()
    told = texts.status(
        {
            "documents": str(len(library.sources)),
            "passages": str(library.passages),
            "version": library.version[:8],
            "backend": "embedded",
            "uptime": str(timedelta(seconds=round(time.monotonic() - metrics.began))),
            "answers": str(figures.answers),
            "declines": str(figures.declines),
            "median": f"{figures.median * 1000:.1f}",
        }
    )
    problems = [label(f"• {one.name}: {one.reason}", _MOST_LINE) for one in library.problems]
    if problems:
        told = "\n".join([told, "", texts.left_out(len(problems)), *problems[:_MOST_PROBLEMS]])
    await say(update, notice(told))


async def reload(update: Update, context: Context) -> None:
    """Read the documents again."""
    texts = context.voice(update).texts
    sent = await say(update, notice(texts.reloading))
    try:
        library = await context.state.keeper.reload()
    except FolderError as error:
        await sent.edit_text(str(error))
    else:
        await sent.edit_text(texts.reloaded(len(library.sources), library.passages))


async def receive(update: Update, context: Context) -> None:
    """Put a document that was sent into the documents folder."""
    message, texts = message_of(update), context.voice(update).texts
    document = message.document
    if document is None:
        raise TypeError("This handler is for documents")
    name = document.file_name or ""
    shown = label(name, _MOST_NAME) or texts.whole_document
    refused = _refused(document, texts)
    if refused is None:
        refused, told = await _received(document, name, context, texts)
    if refused is not None:
        told = texts.not_added(shown, refused)
    await say(update, notice(told))


def _refused(document: Document, texts: Texts) -> str | None:
    if not is_good_name(document.file_name or ""):
        return texts.bad_name
    if (document.file_size or 0) > _MOST_MEGABYTES * 1024 * 1024:
        return texts.too_large(_MOST_MEGABYTES)
    return None


async def _received(document: Document, name: str, context: Context, texts: Texts) -> tuple[str | None, str]:
    """Give why a document was not added, and what to tell otherwise."""
    try:
        data = bytes(await (await document.get_file()).download_as_bytearray())
        replaced = await context.state.keeper.put(name, data)
    except DocumentError as error:
        return error.reason, ""
    except (TelegramError, OSError) as error:
        _log.warning("%s cannot be added: %s", name, type(error).__name__)
        return type(error).__name__, ""
    _log.info("An admin added %s", name)
    return None, texts.replaced(name) if replaced else texts.added(name)
