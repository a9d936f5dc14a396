"""Reads files and indexes them as segments, in worker processes where that is slow or risky."""

import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from retrieval.documents.file_listing import FileEntry
from retrieval.documents.file_records import FailedFile, IngestedFile, digest_of
from retrieval.documents.worker_pool import limit_worker, wait_for, worker_pool
from retrieval.errors import DocumentError, ProblemKind, panics_as_errors
from retrieval.index import segment_writer
from retrieval.loaders.chunking import main_language, split_passages
from retrieval.loaders.containers import is_in_mail
from retrieval.loaders.formats import is_document_name, is_picture_name, load_document, read_file
from retrieval.model import Passage, Source, logged_name, make_document_id
from retrieval.ocr.scanned_page import ScanStore

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
WAITS_FOR_OCR = "is scanned, and waits for OCR"


@dataclass(frozen=True, slots=True)
class Batch:
    """The results of some files, and the segment of those that were read, or None without any."""

    results: Sequence[tuple[FileEntry, IngestedFile | FailedFile]]
    segment: Path | None


def ingest(  # noqa: PLR0913, PLR0917  # as many as there are
    folder: Path,
    files: Sequence[FileEntry],
    max_piece_chars: int,
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
            yield from _ingest_in_process(folder, files, max_piece_chars, scratch)
        return
    batches = list(_make_batches(files))
    with worker_pool(min(os.cpu_count() or 1, len(batches)), limit_worker) as pool:
        jobs = _Jobs(pool, folder, max_piece_chars, scratch, stop, scans)
        # Bounded, since finished batches wait here for their turn and scheduled ones in the pool.
        waiting: deque[tuple[list[FileEntry], ProcessFuture[Batch]]] = deque()
        for batch in batches:
            if len(waiting) == _MAX_PENDING_BATCHES:
                yield from jobs.finish(*waiting.popleft())
            waiting.append((batch, jobs.schedule(batch)))
        while waiting:
            yield from jobs.finish(*waiting.popleft())


def _ingest_in_process(
    folder: Path, files: Sequence[FileEntry], max_piece_chars: int, scratch: Path
) -> Iterator[Batch]:
    """Read files in this process; one by one if they cannot be indexed together."""
    try:
        batch = _ingest_batch(folder, files, max_piece_chars, scratch)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  # as in _ingest_file
        if len(files) > 1:
            for file in files:
                yield from _ingest_in_process(folder, [file], max_piece_chars, scratch)
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
    max_piece_chars: int
    scratch: Path
    stop: Callable[[], bool] | None
    scans: ScanStore | None = None

    def schedule(self, files: Sequence[FileEntry]) -> "ProcessFuture[Batch]":
        arguments = self.folder, files, self.max_piece_chars, self.scratch, self.scans
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


def _ingest_batch(
    folder: Path,
    files: Sequence[FileEntry],
    max_piece_chars: int,
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
        segment = segment_writer.write_segment(scratch, passages, max_piece_chars).path if passages else None
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
        source = Source(
            make_document_id(name), name, document.title, len(passages), len(document.text), language
        )
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
