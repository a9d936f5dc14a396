"""From a file to all that an index holds of it; in processes of their own where that is many or risky."""

import gc
import hashlib
import logging
import os
import resource
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import TimeoutError as Overdue
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from retrieval.documents.file_listing import FileEntry
from retrieval.errors import DocumentError
from retrieval.ids import document_id
from retrieval.index import segment_writer
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load, read
from retrieval.model import Citation, Passage, Source

_log = logging.getLogger(__name__)

# Text alone is read here, by code of our own, unless there is much of it; other formats are for libraries,
# which a document made for it may crash or keep busy for ever.
_OWN = (".txt", ".text", ".md", ".markdown", ".csv", ".tsv")
_LITTLE = 512 * 1024
_BATCH = 8 * 1024**2
_MOST_FILES = 500
_AHEAD = 16
_PATIENCE = 180.0
_DRAWING = 20.0
_MEMORY = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class IngestedFile:
    """What a file became: `digest` is of its bytes, `text` of its text."""

    digest: str
    text: str
    source: Source


@dataclass(frozen=True, slots=True)
class FailedFile:
    """Why a file cannot be read; `is_final` says that it cannot before it changes."""

    reason: str
    is_final: bool = True


@dataclass(frozen=True, slots=True)
class Batch:
    """What became of some files, and the segment that those that were read are in, if any were."""

    results: Sequence[tuple[FileEntry, IngestedFile | FailedFile]]
    segment: Path | None


def ingest(folder: Path, files: Sequence[FileEntry], longest_piece: int, scratch: Path) -> Iterator[Batch]:
    """Read files and index them, in their order, some at a time; segments are written to `scratch`."""
    if all(map(_is_own, files)) and sum(file.size for file in files) <= _LITTLE:
        if files:
            yield from _here(folder, files, longest_piece, scratch)
        return
    batches = list(_batches(files))
    with ProcessPool(
        min(os.cpu_count() or 1, len(batches)), context=get_context("forkserver"), initializer=_bound
    ) as pool:
        # Not all at once: what is done waits here, and what is to be done in the pool.
        waiting: deque[tuple[list[FileEntry], ProcessFuture[Batch]]] = deque()
        for batch in batches:
            if len(waiting) == _AHEAD:
                yield from _results(*waiting.popleft(), folder, longest_piece, scratch, pool)
            waiting.append((batch, _begin(pool, folder, batch, longest_piece, scratch)))
        while waiting:
            yield from _results(*waiting.popleft(), folder, longest_piece, scratch, pool)


def _here(folder: Path, files: Sequence[FileEntry], longest_piece: int, scratch: Path) -> Iterator[Batch]:
    """Read files in this process; one by one when they cannot be indexed together."""
    try:
        done = _read(folder, files, longest_piece, scratch)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  # as in _read_one
        if len(files) > 1:
            for file in files:
                yield from _here(folder, [file], longest_piece, scratch)
            return
        done = Batch([(file, _mistake(file.name, error)) for file in files], None)
    yield done


def _is_own(file: FileEntry) -> bool:
    return file.name.lower().endswith(_OWN)


def _batches(files: Sequence[FileEntry]) -> Iterator[list[FileEntry]]:
    """Put files of text alone together, so that each process has enough to do; every other is read alone."""
    batch: list[FileEntry] = []
    size = 0
    for file in files:
        is_own = _is_own(file)
        if batch and (not is_own or size + file.size > _BATCH or len(batch) == _MOST_FILES):
            yield batch
            batch, size = [], 0
        if is_own:
            batch.append(file)
            size += file.size
        else:
            yield [file]
    if batch:
        yield batch


def _begin(
    pool: ProcessPool, folder: Path, files: Sequence[FileEntry], longest_piece: int, scratch: Path
) -> "ProcessFuture[Batch]":
    return pool.schedule(_read, args=(folder, files, longest_piece, scratch), timeout=_PATIENCE)


def _results(  # noqa: PLR0913, PLR0917  # what a batch that breaks off is begun with again
    files: list[FileEntry],
    job: "ProcessFuture[Batch]",
    folder: Path,
    longest_piece: int,
    scratch: Path,
    pool: ProcessPool,
) -> Iterator[Batch]:
    """Wait for a batch. When it breaks off, its files are read one by one, so that only one of them fails."""
    try:
        done: Batch = job.result()
    except Overdue:
        failed = FailedFile(f"takes more than {_PATIENCE:.0f} s to read; save it anew, or split it")
    except ProcessExpired as error:
        failed = FailedFile(f"reading it crashed (exit code {error.exitcode}); save it anew or remove it")
    except BrokenProcessPool:
        told = "no process can be started to read it; see that the machine has memory left"
        failed = FailedFile(told, is_final=False)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001  # as in _read_one
        failed = _mistake(files[0].name, error)
    else:
        yield done
        return
    if len(files) == 1 or not failed.is_final:
        yield Batch([(file, failed) for file in files], None)
        return
    for file in files:
        yield from _results(
            [file], _begin(pool, folder, [file], longest_piece, scratch), folder, longest_piece, scratch, pool
        )


def render_page(folder: Path, citation: Citation) -> bytes | None:
    """Draw the page a quote is on, the quote marked, as a JPEG; nothing where there is no such page."""
    if citation.locator.unit != "page" or citation.locator.page is None:
        return None
    with ProcessPool(1, context=get_context("forkserver"), initializer=_bound) as pool:
        arguments = folder, citation.document, citation.locator.page, citation.quote
        job = pool.schedule(_drawn, args=arguments, timeout=_DRAWING)
        try:
            drawn: bytes | None = job.result()
        except (Overdue, ProcessExpired, BrokenProcessPool, DocumentError) as error:
            _log.warning("%s: page %s cannot be drawn (%s)", *arguments[1:3], type(error).__name__)
            return None
    return drawn


def _drawn(folder: Path, name: str, page: int, quote: str) -> bytes | None:
    # Who draws nothing needs no library for it.
    from retrieval.page_rendering import render_quote  # noqa: PLC0415

    return render_quote(read(folder / name, name), page, quote, name)


def _read(folder: Path, files: Sequence[FileEntry], longest_piece: int, scratch: Path) -> Batch:
    results: list[tuple[FileEntry, IngestedFile | FailedFile]] = []
    found: list[Passage] = []
    for file in files:
        result = _read_one(folder, file.name)
        if isinstance(result, FailedFile):
            results.append((file, result))
        else:
            results.append((file, result[0]))
            found += result[1]
    return Batch(results, segment_writer.build(scratch, found, longest_piece).path if found else None)


def _read_one(folder: Path, name: str) -> tuple[IngestedFile, list[Passage]] | FailedFile:
    try:
        data = read(folder / name, name)
    except DocumentError as error:
        return FailedFile(error.reason, is_final=False)
    try:
        document = load(data, name)
        own = list(split_passages(document))
        language = Counter(passage.language for passage in own).most_common(1)[0][0]
        source = Source(document_id(name), name, document.title, len(own), len(document.text), language)
        return IngestedFile(
            _digest(data), _digest(document.text.encode("utf-8", "surrogatepass")), source
        ), own
    except DocumentError as error:
        return FailedFile(error.reason)
    except Exception as error:  # noqa: BLE001  # a mistake of ours costs one document, never the others
        return _mistake(name, error)


def _mistake(name: str, error: Exception) -> FailedFile:
    if isinstance(error, MemoryError):
        return FailedFile("takes too much memory to read; split it")
    _log.error("%s: cannot be read", name, exc_info=error)
    return FailedFile(f"cannot be read ({type(error).__name__}); save it anew or remove it")


def _bound() -> None:
    """Bound what a process may take, so that the machine stays usable."""
    # What is made of documents holds no cycles, and looking for some took a tenth of the time.
    gc.set_threshold(200_000, 20, 20)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
