"""Work on a library in the background, while the bot answers: vectors of texts that have none, then OCR."""

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable

from bot.concurrency import in_thread
from bot.documents.document_manager import DocumentManager
from bot.monitoring import Metrics
from retrieval.documents.file_listing import UnreadFile
from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import FolderError
from retrieval.ocr import tesseract

# The thread yields to those that answer: on a busy core it gets a tenth of their share.
_NICENESS = 10
_LOG_INTERVAL_SECONDS = 60.0
# A batch takes about a second; hosts kill a process ten seconds after they have asked it to stop.
_STOP_TIMEOUT_SECONDS = 3.0

_log = logging.getLogger(__name__)


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
        """Encode texts, for ever. When cancelled, wait for the current batch first."""
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


def lower_priority() -> None:
    """Lower the priority of this thread, on systems where each thread has its own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            niceness = max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
            os.setpriority(os.PRIO_PROCESS, thread, niceness)


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
        """Read scanned pages, for ever. When cancelled, the page that is being read is given up."""
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
