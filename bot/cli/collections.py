"""Lists, exports and deletes the documents of chats, for the operator."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.documents.chat_document_store import ChatDocumentStore
from config import ConfigError
from config.settings import Settings


@dataclass(frozen=True, slots=True)
class CollectionSummary:
    """The documents of a chat: how many, their bytes, and the day of the last question or change."""

    bot_id: int
    chat_id: int
    documents: int
    bytes: int
    last_used: str


def list_collections(settings: Settings) -> list[CollectionSummary]:
    """Return the collections of all bots below COLLECTIONS_DIR."""
    return [summary for bot in _bots(settings) for summary in _summaries(settings, bot)]


def _summaries(settings: Settings, bot_id: int) -> Iterator[CollectionSummary]:
    chat_documents = _open(settings, bot_id)
    for chat in chat_documents.chats():
        size, paths = chat_documents.size(chat), chat_documents.paths(chat)
        used = [path.stat().st_mtime for path in (paths.used, paths.record) if path.exists()]
        day = datetime.fromtimestamp(max(used), UTC).date().isoformat() if used else ""
        yield CollectionSummary(bot_id, chat, size.files, size.bytes, day)


def export_collection(settings: Settings, chat_id: int, target: Path, bot_id: int | None) -> int:
    """Write a chat's documents and what is noted about them to a new ZIP file; return their number.

    Raises ConfigError if there is no such collection, or if the file exists or cannot be written.
    """
    chat_documents = _find(settings, chat_id, bot_id)
    try:
        with (
            chat_documents.locked(chat_id) as paths,
            zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as archive,
        ):
            names = [name for name, _, _ in chat_documents.documents(chat_id)]
            for name in names:
                archive.write(paths.documents / name, f"documents/{name}")
            if paths.record.exists():
                archive.write(paths.record, paths.record.name)
    except FileExistsError:
        raise ConfigError(f"{target}: exists already; name another file") from None
    except OSError as error:
        raise ConfigError(f"{target}: cannot be written ({error.strerror})") from None
    return len(names)


def delete_collection(settings: Settings, chat_id: int, bot_id: int | None) -> None:
    """Delete all that is kept for a chat. Raises ConfigError if there is no such collection."""
    chat_documents = _find(settings, chat_id, bot_id)
    try:
        chat_documents.delete(chat_id)
    except OSError as error:
        raise ConfigError(f"{chat_documents.root}: cannot be deleted ({error.strerror})") from None


def _find(settings: Settings, chat_id: int, bot_id: int | None) -> ChatDocumentStore:
    """Return the collections of the bot that has this chat; raises ConfigError unless one bot has it."""
    bots = [
        known
        for known in _bots(settings)
        if bot_id in {None, known} and chat_id in _open(settings, known).chats()
    ]
    if not bots:
        raise ConfigError(
            f"COLLECTIONS_DIR={settings.collections_dir} has no documents of a chat {chat_id}; "
            "`verbatim collections` lists the chats"
        )
    if len(bots) > 1:
        raise ConfigError(f"several bots have documents of the chat {chat_id}: name one with --bot {bots[0]}")
    return _open(settings, bots[0])


def _bots(settings: Settings) -> list[int]:
    try:
        names = [path.name for path in settings.collections_dir.iterdir()]
    except OSError:
        return []
    return sorted(int(name) for name in names if name.isascii() and name.isdecimal())


def _open(settings: Settings, bot_id: int) -> ChatDocumentStore:
    root = settings.collections_dir / str(bot_id)
    return ChatDocumentStore(root, quote_chars=settings.quote_chars, encoder=None)


def summary_json(summary: CollectionSummary) -> dict[str, Any]:
    """Return a collection as a JSON object."""
    return {
        "bot": summary.bot_id,
        "chat": summary.chat_id,
        "documents": summary.documents,
        "bytes": summary.bytes,
        "last_used": summary.last_used or None,
    }


def summary_line(summary: CollectionSummary) -> str:
    """Return a line of the list: chat, documents, megabytes, the last day of use, and the bot."""
    megabytes = summary.bytes / 1024**2
    return (
        f"{summary.chat_id:>16} {summary.documents:>5} documents {megabytes:>8.1f} MB"
        f"   last used {summary.last_used or 'never'}   bot {summary.bot_id}"
    )
