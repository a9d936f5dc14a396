"""Reloads the documents folder when it changes; adds and removes documents."""

import asyncio
import logging
import tempfile
import unicodedata
from collections.abc import Callable
from contextlib import closing
from itertools import chain
from pathlib import Path, PurePath

from watchfiles import awatch

from bot.concurrency import in_thread
from bot.durable_files import write_durably
from retrieval.documents.file_listing import FailedFile, list_files
from retrieval.documents.ingestion import ingest
from retrieval.documents.local_library import QUOTE_CHARS, LocalLibrary, Progress
from retrieval.errors import DocumentError, FolderError
from retrieval.loaders import formats
from retrieval.loaders.containers import is_archive_name
from retrieval.model import Source
from retrieval.ocr import tesseract
from retrieval.ocr.scanned_page import ScanStore

_log = logging.getLogger(__name__)

# Common file systems allow 255.
_MAX_NAME_BYTES = 200
# Documents of the folder may be read by other programs.
_FILE_MODE = 0o644


class DocumentManager:
    """Keeps a library up to date with its folder, one change at a time, while the bot answers from it.

    `reopen` returns an updated library, and may call a function with the number of files read and their
    total meanwhile; `swap`, and then `save`, are called with the library.
    """

    def __init__(
        self,
        library: LocalLibrary,
        reopen: Callable[[LocalLibrary, float, Progress | None], LocalLibrary],
        swap: Callable[[LocalLibrary], None],
        save: Callable[[LocalLibrary], None],
    ) -> None:
        self.library = library
        self._save = save
        self._reopen = reopen
        self._swap = swap
        self._lock = asyncio.Lock()

    async def reload(self, *, quiet: float = 0.0, progress: Progress | None = None) -> LocalLibrary:
        """Read the folder again, except files modified in the last `quiet` seconds.

        Raises FolderError if the folder is missing.
        """
        async with self._lock:
            before = self.library
            library = await in_thread(lambda: self._reopen(before, quiet, progress))
            self.library = library
            if library.version != before.version or library.problems != before.problems:
                self._swap(library)
                # Saved after the swap: answers need not wait for the disk.
                await in_thread(lambda: self._save(library))
            return library

    async def compact(self) -> None:
        """Merge the small segments that changes have left; takes some seconds for a large index."""
        async with self._lock:
            before = self.library
            library = await in_thread(before.compact)
            if library is not before:
                self.library = library
                self._swap(library)
                await in_thread(lambda: self._save(library))

    async def add(self, name: str, data: bytes, progress: Progress | None = None) -> bool:
        """Add a document to the folder, and return whether it replaced another.

        Raises DocumentError if it cannot be read, OSError if it cannot be written.
        """
        with_ocr = self.library.scans is not None and await in_thread(tesseract.is_available)
        await in_thread(lambda: _check_readable(name, data, with_ocr=with_ocr))
        replaced = (self.library.folder / name).exists()
        await in_thread(lambda: write_durably(self.library.folder / name, data, mode=_FILE_MODE))
        await self.reload(progress=progress)
        return replaced

    def unread_pages(self, name: str) -> int:
        """Return how many pages of a document wait for OCR."""
        records = self.library.records.items()
        return sum(
            len(record.unread_pages)
            for known, record in records
            if known == name or known.startswith(f"{name}/")
        )

    def file_name(self, source: Source) -> str:
        """Return the name of a document's file, or of the archive or mail that it is in."""
        return self.library.file(source).relative_to(self.library.folder).as_posix()

    async def remove(self, source: Source) -> None:
        """Delete the file that a document is in; raises OSError."""
        self.library.file(source).unlink(missing_ok=True)
        await self.reload()


def _check_readable(name: str, data: bytes, *, with_ocr: bool) -> None:
    """Raise DocumentError if a document, or all in an archive, cannot be read. A scan can be `with_ocr`.

    It is read as those of the folder are: in a worker process, if the format is risky to parse.
    """
    with tempfile.TemporaryDirectory() as directory:
        folder, scratch = Path(directory, "folder"), Path(directory, "index")
        folder.mkdir()
        (folder / name).write_bytes(data)
        scans = ScanStore(Path(directory, "scans")) if with_ocr else None
        files, problems = list_files(folder)
        failures = [DocumentError(name, problem.reason, kind=problem.kind) for problem in problems]
        checked = [file for file in files if file.name == name or is_archive_name(name)]
        with closing(ingest(folder, checked, QUOTE_CHARS, scratch, scans=scans)) as batches:
            for _, result in chain.from_iterable(batch.results for batch in batches):
                if not isinstance(result, FailedFile) or result.unread_pages:
                    return
                failures.append(
                    DocumentError(name, result.reason, kind=result.kind, real_suffix=result.real_suffix)
                )
    if failures:
        raise failures[0]


def is_valid_document_name(name: str, *, pictures: bool = False) -> bool:
    """Return whether a name is safe, and of a format that can be read; with OCR that includes `pictures`."""
    is_picture = pictures and formats.is_picture_name(name)
    is_readable = formats.is_document_name(name) or is_archive_name(name) or is_picture
    return is_plain_name(name) and is_readable


def is_plain_name(name: str) -> bool:
    """Return whether a name is safe: a visible file right in the folder."""
    is_plain = name == PurePath(name).name and not name.startswith((".", "~")) and "\\" not in name
    is_printable = not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in name)
    if not (name and is_plain and is_printable):
        return False
    return len(name.encode()) <= _MAX_NAME_BYTES


# A file that was modified more recently may still be being copied.
_QUIET_PERIOD_SECONDS = 1.0
_WATCH_STEP_MS = 200
_WATCH_DEBOUNCE_MS = 1000
# How often to read a folder that cannot be watched or is missing.
_RESCAN_SECONDS = 30.0


async def watch(manager: DocumentManager) -> None:
    """Reload the library after each change of its folder, for ever."""
    while True:
        try:
            async for _ in awatch(
                manager.library.folder, step=_WATCH_STEP_MS, debounce=_WATCH_DEBOUNCE_MS, watch_filter=None
            ):
                await _reload_changes(manager)
        except FolderError as error:
            _log.warning("%s", error)
        except Exception as error:  # noqa: BLE001  # no failure of the file system may stop the bot
            folder = manager.library.folder
            _log.warning(
                "%s cannot be watched (%s); reading it every %.0f s instead", folder, error, _RESCAN_SECONDS
            )
        await _reload_later(manager)


async def _reload_later(manager: DocumentManager) -> None:
    """Reload the library after a while, and again while the index cannot be written, as on a full disk."""
    reason = ""
    while True:
        await asyncio.sleep(_RESCAN_SECONDS)
        try:
            await _reload_changes(manager)
        except FolderError:
            return
        except OSError as error:
            if str(error) != reason:
                _log.warning("The documents cannot be read again: %s", error.strerror or error)
            reason = str(error)
        else:
            return


async def _reload_changes(manager: DocumentManager) -> None:
    """Reload the library, again while files are still being written, and compact its index."""
    library = await manager.reload(quiet=_QUIET_PERIOD_SECONDS)
    while library.waiting:
        await asyncio.sleep(_QUIET_PERIOD_SECONDS)
        library = await manager.reload(quiet=_QUIET_PERIOD_SECONDS)
    await manager.compact()
