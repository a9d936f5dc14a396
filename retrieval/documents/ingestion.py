"""Reads files and indexes them as segments, in worker processes where that is slow or risky.

Scanned pages are read by OCR, one after the other, in a process with limits of time and memory.
"""

import hashlib
import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from retrieval.documents.file_listing import FileEntry
from retrieval.documents.file_records import FailedFile, IngestedFile, UnreadFile
from retrieval.documents.worker_pool import limit_worker, wait_for, worker_pool
from retrieval.errors import DocumentError, ProblemKind, panics_as_errors
from retrieval.index import segment_writer
from retrieval.loaders import pictures
from retrieval.loaders.chunking import main_language, split_passages
from retrieval.loaders.containers import is_in_mail
from retrieval.loaders.formats import is_document_name, is_picture_name, load_document, read_file
from retrieval.loaders.pdf.scans import render_page
from retrieval.model import Citation, Passage, Source, document_id, logged_name
from retrieval.ocr import tesseract
from retrieval.ocr.scanned_page import ScannedPage, ScanStore
from retrieval.ocr.tesseract import MissingLanguageError, OcrError

_log = logging.getLogger(__name__)

# Plain text is read in this process if there is little of it. Other formats are always read in worker
# processes: a malicious document may crash or block the library that reads it.
_PLAIN_TEXT_SUFFIXES = (".txt", ".text", ".md", ".markdown", ".csv", ".tsv")
# Many of these are small, too: they share the jobs of worker processes.
_BATCHED_SUFFIXES = (
    *_PLAIN_TEXT_SUFFIXES,
    *(".srt", ".vtt", ".ipynb", ".rst", ".org", ".adoc", ".json", ".jsonl", ".yaml", ".yml", ".eml"),
)
_MAX_BYTES_IN_PROCESS = 512 * 1024
_MAX_BATCH_BYTES = 8 * 1024**2
_MAX_BATCH_FILES = 500
_MAX_PENDING_BATCHES = 16
_READ_TIMEOUT_SECONDS = 180.0
_RENDER_TIMEOUT_SECONDS = 20.0
WAITS_FOR_OCR = "is scanned, and waits for OCR"


@dataclass(frozen=True, slots=True)
class Batch:
    """The results of some files, and the segment of those that were read, or None without any."""

    results: Sequence[tuple[FileEntry, IngestedFile | FailedFile]]
    segment: Path | None


def ingest(  # noqa: PLR0913, PLR0917  # as many as there are
    folder: Path,
    files: Sequence[FileEntry],
    longest_piece: int,
    scratch: Path,
    stop: Callable[[], bool] | None = None,
    scans: ScanStore | None = None,
) -> Generator[Batch, None, None]:
    """Read and index files in order, and yield them in batches; segments are written to `scratch`.

    `scans` has the pages that OCR has read, None without OCR. `stop` is called several times a second while
    worker processes read; once it returns True, they are killed, and this raises ReadingStoppedError. Raises
    OSError when a segment cannot be written.
    """
    read = [file for file in files if is_document_name(file.name) or (scans and is_picture_name(file.name))]
    # The others are rejected by their names: mails have many.
    if all(map(_is_plain_text, read)) and sum(file.size for file in read) <= _MAX_BYTES_IN_PROCESS:
        if files:
            yield from _ingest_in_process(folder, files, longest_piece, scratch)
        return
    batches = list(_make_batches(files))
    with worker_pool(min(os.cpu_count() or 1, len(batches)), limit_worker) as pool:
        jobs = _Jobs(pool, folder, longest_piece, scratch, stop, scans)
        # Bounded, since finished batches wait here for their turn and scheduled ones in the pool.
        waiting: deque[tuple[list[FileEntry], ProcessFuture[Batch]]] = deque()
        for batch in batches:
            if len(waiting) == _MAX_PENDING_BATCHES:
                yield from jobs.finish(*waiting.popleft())
            waiting.append((batch, jobs.schedule(batch)))
        while waiting:
            yield from jobs.finish(*waiting.popleft())


def _ingest_in_process(
    folder: Path, files: Sequence[FileEntry], longest_piece: int, scratch: Path
) -> Iterator[Batch]:
    """Read files in this process; one by one if they cannot be indexed together."""
    try:
        batch = _ingest_batch(folder, files, longest_piece, scratch)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  # as in _ingest_file
        if len(files) > 1:
            for file in files:
                yield from _ingest_in_process(folder, [file], longest_piece, scratch)
            return
        batch = Batch([(file, _unexpected_failure(file.name, error)) for file in files], None)
    yield batch


def _is_plain_text(file: FileEntry) -> bool:
    return file.name.lower().endswith(_PLAIN_TEXT_SUFFIXES) and not is_in_mail(file.name)


def _make_batches(files: Sequence[FileEntry]) -> Iterator[list[FileEntry]]:
    """Group small files of text so that each job has enough to do; other files are jobs of their own."""
    batch: list[FileEntry] = []
    size = 0
    for file in files:
        is_own = file.name.lower().endswith(_BATCHED_SUFFIXES)
        if batch and (not is_own or size + file.size > _MAX_BATCH_BYTES or len(batch) == _MAX_BATCH_FILES):
            yield batch
            batch, size = [], 0
        if is_own:
            batch.append(file)
            size += file.size
        else:
            yield [file]
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _Jobs:
    """Reads batches of files from `folder` in the worker processes of a pool; `stop` as for `ingest`."""

    pool: ProcessPool
    folder: Path
    longest_piece: int
    scratch: Path
    stop: Callable[[], bool] | None
    scans: ScanStore | None = None

    def schedule(self, files: Sequence[FileEntry]) -> "ProcessFuture[Batch]":
        arguments = self.folder, files, self.longest_piece, self.scratch, self.scans
        return self.pool.schedule(_ingest_batch, args=arguments, timeout=_READ_TIMEOUT_SECONDS)

    def finish(self, files: list[FileEntry], job: "ProcessFuture[Batch]") -> Iterator[Batch]:
        """Wait for a batch. If it breaks off, read its files one by one: only the faulty one fails."""
        wait_for(job, self.pool, self.stop)
        try:
            batch: Batch = job.result()
        except FutureTimeoutError:
            failed = FailedFile(
                f"takes more than {_READ_TIMEOUT_SECONDS:.0f} s to read; save it again, or split it",
                kind=ProblemKind.TOO_LARGE,
            )
        except ProcessExpired as error:
            failed = FailedFile(
                f"reading it crashed (exit code {error.exitcode}); save it again or remove it"
            )
        except BrokenProcessPool:
            reason = "no process could be started to read it; check that the machine has free memory"
            failed = FailedFile(reason, is_final=False)
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001  # as in _ingest_file
            failed = _unexpected_failure(files[0].name, error)
        else:
            yield batch
            return
        if len(files) == 1 or not failed.is_final:
            yield Batch([(file, failed) for file in files], None)
            return
        for file in files:
            yield from self.finish([file], self.schedule([file]))


def render_page_picture(folder: Path, citation: Citation, scans: ScanStore | None = None) -> bytes | None:
    """Return the page of a quote as a JPEG with the quote marked, or None if it cannot be rendered.

    `scans` has the pages that OCR has read.
    """
    if citation.locator.unit != "page" or citation.locator.page is None:
        return None
    with worker_pool(1, limit_worker) as pool:
        arguments = folder, citation.document, citation.locator.page, citation.quote, scans
        job = pool.schedule(_render, args=arguments, timeout=_RENDER_TIMEOUT_SECONDS)
        try:
            image: bytes | None = job.result()
        except (FutureTimeoutError, ProcessExpired, BrokenProcessPool, DocumentError) as error:
            name = logged_name(citation.document)
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


def _ingest_batch(
    folder: Path,
    files: Sequence[FileEntry],
    longest_piece: int,
    scratch: Path,
    scans: ScanStore | None = None,
) -> Batch:
    results: list[tuple[FileEntry, IngestedFile | FailedFile]] = []
    passages: list[Passage] = []
    for file in files:
        result = _ingest_file(folder, file.name, scans)
        if isinstance(result, FailedFile):
            results.append((file, result))
        else:
            results.append((file, result[0]))
            passages += result[1]
    with panics_as_errors():
        segment = segment_writer.write_segment(scratch, passages, longest_piece).path if passages else None
    return Batch(results, segment)


def _ingest_file(
    folder: Path, name: str, scans: ScanStore | None
) -> tuple[IngestedFile, list[Passage]] | FailedFile:
    try:
        data = read_file(folder / name, name, pictures=scans is not None)
    except DocumentError as error:
        return FailedFile(error.reason, is_final=False, kind=error.kind)
    try:
        with panics_as_errors():
            digest = digest_of(data)
            document = load_document(data, name, None if scans is None else scans.read(digest))
            if not document.blocks:
                return FailedFile(
                    WAITS_FOR_OCR,
                    kind=ProblemKind.PICTURES,
                    digest=digest,
                    unread_pages=document.unread_pages,
                )
            passages = list(split_passages(document))
        language = main_language(passages)
        source = Source(document_id(name), name, document.title, len(passages), len(document.text), language)
        return IngestedFile(
            digest,
            digest_of(document.text.encode("utf-8", "surrogatepass")),
            source,
            document.scanned_pages,
            document.unread_pages,
        ), passages
    except DocumentError as error:
        return FailedFile(error.reason, kind=error.kind, real_suffix=error.real_suffix)
    except Exception as error:  # noqa: BLE001  # a bug in a loader costs one document, not all
        return _unexpected_failure(name, error)


def _unexpected_failure(name: str, error: Exception) -> FailedFile:
    if isinstance(error, MemoryError):
        return FailedFile("takes too much memory to read; split it", kind=ProblemKind.TOO_LARGE)
    if isinstance(error, OSError):
        # Not the fault of the document: reading needs temporary files, and the disk may be full.
        reason = (
            f"cannot be read now ({error.strerror or error}); free some space, then read the folder again"
        )
        return FailedFile(reason, is_final=False)
    _log.error("%s: cannot be read", logged_name(name), exc_info=error)
    return FailedFile("cannot be read because of an internal error (see the log); save it again or remove it")


def digest_of(data: bytes) -> str:
    """Return the digest of a file's bytes or text that records have."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


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
