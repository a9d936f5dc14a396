"""Reads scanned pages by OCR in the background: after everything else is indexed and encoded."""

import asyncio
import logging

from bot.concurrency import in_thread
from bot.documents.background_encoding import BackgroundEncoding
from bot.documents.document_manager import DocumentManager
from retrieval.documents.file_records import UnreadFile
from retrieval.errors import FolderError
from retrieval.ocr import tesseract

_STOP_TIMEOUT_SECONDS = 3.0

_log = logging.getLogger(__name__)


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
