"""Pictures of pages with a quote marked, rendered in a process with limits of time and memory."""

import logging
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from pebble import ProcessExpired

from retrieval.documents.file_records import digest_of
from retrieval.documents.worker_pool import limit_worker, worker_pool
from retrieval.errors import DocumentError
from retrieval.loaders.formats import read_file
from retrieval.model import Citation, logged_name
from retrieval.ocr.scanned_page import ScanStore

_log = logging.getLogger(__name__)

_RENDER_TIMEOUT_SECONDS = 20.0


def render_page_picture(folder: Path, citation: Citation, scans: ScanStore | None = None) -> bytes | None:
    """Return the page of a quote as a JPEG with the quote marked, or None if it cannot be rendered.

    `scans` has the pages that OCR has read.
    """
    if citation.locator.unit != "page" or citation.locator.page is None:
        return None
    with worker_pool(1, limit_worker) as pool:
        arguments = folder, citation.document_name, citation.locator.page, citation.quote, scans
        job = pool.schedule(_render, args=arguments, timeout=_RENDER_TIMEOUT_SECONDS)
        try:
            image: bytes | None = job.result()
        except (FutureTimeoutError, ProcessExpired, BrokenProcessPool, DocumentError) as error:
            name = logged_name(citation.document_name)
            _log.warning("%s: page %s cannot be rendered (%s)", name, arguments[2], type(error).__name__)
            return None
    return image


def _render(folder: Path, name: str, page: int, quote: str, scans: ScanStore | None) -> bytes | None:
    # Imported lazily: reading documents does not need the rendering library.
    from retrieval import page_rendering  # noqa: PLC0415

    data = read_file(folder / name, name, pictures=True)
    scan = scans.read(digest_of(data)).get(page - 1) if scans else None
    if scan is None:
        return page_rendering.render_quote_picture(data, page, quote, name)
    return page_rendering.render_scanned_picture(data, page, quote, scan, name)
