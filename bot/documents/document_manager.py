"""Keeps the documents up to date while the bot runs.

The folder is read again when it changes, and documents are added and removed. A cluster is watched: when it
cannot be reached, and when another index replaces the current one. While the bot answers, texts without a
vector are encoded in the background, then scanned pages are read by OCR.
"""

import asyncio
import contextlib
import logging
import tempfile
import time
import unicodedata
from collections.abc import Callable
from contextlib import closing
from itertools import chain
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from watchfiles import awatch

from bot.concurrency import in_thread, lower_priority
from bot.durable_files import write_durably
from bot.monitoring import Metrics
from bot.retries import Outage
from retrieval.documents.file_listing import list_files
from retrieval.documents.file_records import FailedFile, UnreadFile
from retrieval.documents.ingestion import ingest
from retrieval.documents.local_library import QUOTE_CHARS, LocalLibrary, ProgressCallback
from retrieval.errors import DocumentError, FolderError, RetrievalError, UnavailableError
from retrieval.loaders import formats
from retrieval.loaders.containers import is_archive_name
from retrieval.model import Source
from retrieval.ocr import tesseract
from retrieval.ocr.scanned_page import ScanStore

if TYPE_CHECKING:
    # Most bots have no cluster.
    from retrieval.opensearch import ClusterLibrary

_log = logging.getLogger(__name__)

# Common file systems allow 255.
_MAX_NAME_BYTES = 200
# Documents of the folder may be read by other programs.
_FILE_MODE = 0o644


class DocumentManager:
    """Keeps a library up to date with its folder, one change at a time, while the bot answers from it.

    `reopen` returns an updated library, and may call a function with the number of files read and their
    total while it reads; `swap`, and then `save`, are called with the library.
    """

    def __init__(
        self,
        library: LocalLibrary,
        reopen: Callable[[LocalLibrary, float, ProgressCallback | None], LocalLibrary],
        swap: Callable[[LocalLibrary], None],
        save: Callable[[LocalLibrary], None],
    ) -> None:
        self.library = library
        self._save = save
        self._reopen = reopen
        self._swap = swap
        self._lock = asyncio.Lock()

    async def reload(
        self, *, quiet_seconds: float = 0.0, progress: ProgressCallback | None = None
    ) -> LocalLibrary:
        """Read the folder again, except files modified in the last `quiet_seconds`.

        Raises FolderError if the folder is missing.
        """
        async with self._lock:
            before = self.library
            library = await in_thread(lambda: self._reopen(before, quiet_seconds, progress))
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

    async def add(self, name: str, data: bytes, progress: ProgressCallback | None = None) -> bool:
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
    """Reload the library after each change of its folder, until cancelled."""
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
    library = await manager.reload(quiet_seconds=_QUIET_PERIOD_SECONDS)
    while library.waiting:
        await asyncio.sleep(_QUIET_PERIOD_SECONDS)
        library = await manager.reload(quiet_seconds=_QUIET_PERIOD_SECONDS)
    await manager.compact()


_LOG_INTERVAL_SECONDS = 60.0
# A batch takes about a second; hosts kill a process ten seconds after they have asked it to stop.
_STOP_TIMEOUT_SECONDS = 3.0


class BackgroundEncoding:
    """Encodes the missing vectors of one library at a time: the last one passed to `encode_library`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._library: LocalLibrary | None = None
        self._has_work = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_stopping = False

    def encode_library(self, library: LocalLibrary) -> None:
        """Switch to this library; work on another one stops after the current batch."""
        self._library = library
        self._is_idle.clear()
        self._has_work.set()

    async def wait_until_idle(self) -> None:
        """Wait until all texts of the last library are encoded, or cannot be."""
        await self._is_idle.wait()

    async def run(self) -> None:
        """Encode texts until cancelled; then wait for the current batch first."""
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            if (library := self._library) is not None:
                await self._encode_in_thread(library)
            if not self._has_work.is_set():
                self._is_idle.set()

    async def _encode_in_thread(self, library: LocalLibrary) -> None:
        working = asyncio.ensure_future(in_thread(lambda: self._encode(library)))
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            self._is_stopping = True
            await asyncio.wait({working}, timeout=_STOP_TIMEOUT_SECONDS)
            raise

    def _encode(self, library: LocalLibrary) -> None:
        lower_priority()
        try:
            missing = library.unencoded
            self._metrics.set_unencoded(missing)
            if not missing:
                return
            _log.info("Sentence encoder: %s texts to encode", f"{missing:,}")
            if library.encode(
                self._progress(), stop=lambda: self._is_stopping or self._library is not library
            ):
                _log.info("Sentence encoder: all texts encoded, %s of them new", f"{missing:,}")
        except Exception as error:  # noqa: BLE001  # no failure may stop the bot, which answers without vectors too
            _log.warning("Sentence encoder unavailable (%s): answers are found by words alone", error)

    def _progress(self) -> Callable[[int, int], None]:
        logged_at = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal logged_at
            self._metrics.set_unencoded(total - done)
            if time.monotonic() - logged_at >= _LOG_INTERVAL_SECONDS:
                logged_at = time.monotonic()
                _log.info("Sentence encoder: %s of %s texts", f"{done:,}", f"{total:,}")

        return progress


class BackgroundOcr:
    """Reads the scanned pages of a library, one file at a time, and has each indexed when it is complete."""

    def __init__(self, manager: DocumentManager, encoding: BackgroundEncoding) -> None:
        self._manager = manager
        self._encoding = encoding
        self._has_work = asyncio.Event()
        self._is_stopping = False
        # Digests of files that were read, or cannot be until the next start: their language is not installed.
        self._tried: set[str] = set()

    def library_changed(self) -> None:
        """Look for scanned pages that have not been read."""
        self._has_work.set()

    async def run(self) -> None:
        """Read scanned pages until cancelled; the page that is being read is then given up."""
        if not await in_thread(tesseract.is_available):
            return
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            while (file := self._next()) is not None:
                await self._encoding.wait_until_idle()
                await self._read(file)

    def _next(self) -> UnreadFile | None:
        unread = self._manager.library.unread_scans
        return next((file for file in unread if file.digest not in self._tried), None)

    async def _read(self, file: UnreadFile) -> None:
        _log.info("OCR: reading %s, pages: %d", file.name, len(file.pages))
        library = self._manager.library
        reading = asyncio.ensure_future(
            in_thread(lambda: library.read_scan(file, stop=lambda: self._is_stopping))
        )
        try:
            is_read = await asyncio.shield(reading)
            # Not again, even if indexing it fails.
            self._tried.add(file.digest)
            await self._manager.reload()
            if is_read:
                _log.info("OCR: %s read", file.name)
        except asyncio.CancelledError:
            self._is_stopping = True
            await asyncio.wait({reading}, timeout=_STOP_TIMEOUT_SECONDS)
            raise
        except FolderError as error:
            self._tried.add(file.digest)
            _log.warning("%s", error)
        except Exception as error:  # noqa: BLE001  # no scan may stop the bot
            self._tried.add(file.digest)
            _log.warning("%s: not read by OCR (%s)", file.name, error)


_CLUSTER_REFRESH_SECONDS = 30.0
# During an outage. A question that is answered ends the outage at once.
_CLUSTER_RETRY_SECONDS = 5.0
_REACHED_TTL_SECONDS = 3.0


class ClusterMonitor:
    """Keeps a library on the index that the alias points to; `on_change` is called for each new one.

    The log has one line when an outage begins and one when it ends.
    """

    def __init__(self, library: "ClusterLibrary", on_change: Callable[[], None], metrics: Metrics) -> None:
        self._library = library
        self._on_change = on_change
        self._metrics = metrics
        self._reason = ""
        self._reported: object = None
        self._outage = Outage("The cluster")
        self._wake = asyncio.Event()
        self._pinging = asyncio.Lock()
        self._reached_at = float("-inf")
        library.observe(self._observe)

    async def refresh(self) -> float:
        """Refresh the library once; return the seconds until that should be repeated."""
        self._wake.clear()
        try:
            await self._library.refresh()
            # The library also refreshes itself, when a request finds its index deleted.
            if self._library.snapshot is not self._reported:
                self._reported = self._library.snapshot
                self._on_change()
            if self._outage:
                # A starting cluster can name its index before it can search it.
                await self._library.ping()
        except RetrievalError as error:
            self._observe(error)
            return min(self._outage.next_delay_seconds(self._reason), _CLUSTER_RETRY_SECONDS)
        self._observe(None)
        return _CLUSTER_REFRESH_SECONDS

    async def run(self) -> None:
        """Refresh the library at intervals until cancelled, and at once when a request fails."""
        while True:
            delay = await self.refresh()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    async def is_reachable(self) -> bool:
        """Return whether the cluster can be searched, or could be a few seconds ago."""
        async with self._pinging:
            if time.monotonic() - self._reached_at > _REACHED_TTL_SECONDS:
                with contextlib.suppress(UnavailableError):
                    await self._library.ping()
            return time.monotonic() - self._reached_at <= _REACHED_TTL_SECONDS

    def _observe(self, error: RetrievalError | None) -> None:
        """Record the outcome of a request to the cluster; None is a success."""
        if error is None:
            self._reached_at = time.monotonic()
            self._metrics.set_reachable(documents=True)
            self._outage.recovered()
            return
        self._reached_at = float("-inf")
        if not self._outage:
            # Later errors may name other nodes; only the first is logged.
            self._reason = str(error)
            self._outage.failed(self._reason)
            self._metrics.set_reachable(documents=False)
            # The index may have been replaced and deleted.
            self._wake.set()
