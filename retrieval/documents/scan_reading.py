"""Reads scanned pages by OCR, one after the other, in a process with limits of time and memory."""

import logging
import os
from collections.abc import Callable
from concurrent.futures import CancelledError, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pebble import ProcessExpired, ProcessPool

from retrieval.documents.file_records import UnreadFile, digest_of
from retrieval.documents.worker_pool import limit_worker, worker_pool
from retrieval.errors import DocumentError, panics_as_errors
from retrieval.loaders import pictures
from retrieval.loaders.formats import is_picture_name, read_file
from retrieval.loaders.pdf.scans import render_page
from retrieval.model import logged_name
from retrieval.ocr import tesseract
from retrieval.ocr.scanned_page import ScannedPage, ScanStore
from retrieval.ocr.tesseract import MissingLanguageError, OcrError

_log = logging.getLogger(__name__)

# A page takes some seconds, and its first one up to three runs of the engine.
_PAGE_TIMEOUT_SECONDS = 3 * tesseract.PAGE_SECONDS + 20.0
_STOP_CHECK_SECONDS = 0.25
_NICENESS = 10


@dataclass(frozen=True, slots=True)
class _UnreadablePage:
    """Why a page cannot be read, or with `is_changed` the whole file."""

    reason: str
    is_changed: bool = False


# Saved for a page that cannot be read.
_EMPTY_PAGE = ScannedPage(1, 1, ())


def read_scan(
    folder: Path,
    file: UnreadFile,
    scans: ScanStore,
    *,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Read the pages of a file that are not in `scans` yet, and save each. Blocks. Raises OSError.

    Returns whether all are there now: not if `stop` has returned True, the file has changed, or its language
    is not installed, which `scans.failure` then says. A page that cannot be read is saved without lines.
    """
    done = scans.read(file.digest)
    language = next((page.language for page in done.values() if page.language), None)
    with worker_pool(1, _start_worker) as pool:
        for count, number in enumerate(file.pages, 1):
            if number not in done:
                try:
                    page = _read_in_worker(pool, (folder, file, number, language), stop)
                except MissingLanguageError as error:
                    _log.warning("%s: %s", logged_name(file.name), error)
                    scans.set_failure(file.digest, str(error))
                    return False
                except DocumentError as error:
                    _log.warning("%s: not read by OCR: %s", logged_name(file.name), error.reason)
                    return False
                if page is None:
                    return False
                scans.add(file.digest, {number: page})
                language = page.language or language
            if progress:
                progress(count, len(file.pages))
    scans.set_failure(file.digest, "")
    return True


def _read_in_worker(
    pool: ProcessPool, arguments: tuple[Path, UnreadFile, int, str | None], stop: Callable[[], bool]
) -> ScannedPage | None:
    """Return a page; one without lines if it cannot be read, None if stopped.

    Raises MissingLanguageError, and DocumentError if the file has changed.
    """
    job = pool.schedule(_read_page, args=arguments, timeout=_PAGE_TIMEOUT_SECONDS)
    while not wait([job], timeout=_STOP_CHECK_SECONDS).done:
        if stop():
            job.cancel()  # type: ignore[no-untyped-call]
            return None
    try:
        page: ScannedPage | _UnreadablePage = job.result()
    except CancelledError:
        return None
    except MissingLanguageError:
        raise
    except (
        FutureTimeoutError,
        ProcessExpired,
        BrokenProcessPool,
        OcrError,
        MemoryError,
        RuntimeError,
    ) as error:
        _, file, number, _ = arguments
        _log.warning("%s, page %d: not read by OCR: %s", logged_name(file.name), number + 1, error)
        return _EMPTY_PAGE
    if not isinstance(page, _UnreadablePage):
        return page
    if page.is_changed:
        raise DocumentError(arguments[1].name, page.reason)
    _log.warning(
        "%s, page %d: not read by OCR: %s", logged_name(arguments[1].name), arguments[2] + 1, page.reason
    )
    return _EMPTY_PAGE


def _read_page(
    folder: Path, file: UnreadFile, number: int, language: str | None
) -> ScannedPage | _UnreadablePage:
    try:
        data = _read_bytes(folder, file)
    except DocumentError as error:
        return _UnreadablePage(error.reason, is_changed=True)
    if not data:
        return _UnreadablePage("has changed in the meantime", is_changed=True)
    try:
        with panics_as_errors():
            picture = pictures.page_picture if is_picture_name(file.name) else render_page
            image, dpi = picture(data, number, file.name)
            return tesseract.read_page(image, dpi, language)
    except DocumentError as error:
        return _UnreadablePage(error.reason)


@lru_cache(maxsize=1)
def _read_bytes(folder: Path, file: UnreadFile) -> bytes:
    """Return the bytes of a file, none if it has changed. Raises DocumentError."""
    data = read_file(folder / file.name, file.name, pictures=True)
    return data if digest_of(data) == file.digest else b""


def _start_worker() -> None:
    limit_worker()
    with suppress(OSError):
        os.nice(_NICENESS)
