"""The files of the documents folder and those in its archives and mails, and records of how each was indexed.

The records are saved so that only changed files are read again.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pebble import ProcessExpired

from retrieval.documents.worker_pool import limit_worker, wait_for, worker_pool
from retrieval.errors import DocumentError, FolderError, ProblemKind, panics_as_errors
from retrieval.loaders import containers
from retrieval.loaders.containers import PackedFile
from retrieval.model import Problem, Source
from retrieval.ocr import tesseract
from retrieval.ocr.scanned_page import ScanStore

if TYPE_CHECKING:
    from pebble import ProcessFuture

# A file that was modified within this time before it is read may change again without a change of its mtime.
CLOCK_TICK_NS = 2_000_000_000
_LIST_TIMEOUT_SECONDS = 60.0
# Mails that are listed by one job of a worker process.
_MAX_BATCH_FILES = 500
_MAX_BATCH_BYTES = 8 * 1024**2


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file: `name` is its path below the folder, `size` in bytes, `changed` its mtime in nanoseconds."""

    name: str
    size: int
    changed: int


@dataclass(frozen=True, slots=True)
class ContainerListing:
    """The files in an archive or a mail, and the problem of the container, if it has one.

    One that `is_settled` is not opened again while its size and mtime stay the same.
    """

    file: FileEntry
    packed: tuple[PackedFile, ...] = ()
    problem: Problem | None = None
    is_settled: bool = False


@dataclass(frozen=True, slots=True)
class FolderListing:
    """The files of a folder, the problems of those that cannot be listed, and its containers by name."""

    files: list[FileEntry]
    problems: list[Problem]
    containers: Mapping[str, ContainerListing] = field(default_factory=dict)


def list_files(folder: Path) -> tuple[list[FileEntry], list[Problem]]:
    """Return the files and the problems of `list_folder`."""
    listing = list_folder(folder)
    return listing.files, listing.problems


def list_folder(
    folder: Path,
    known: Mapping[str, ContainerListing] | None = None,
    stop: Callable[[], bool] | None = None,
) -> FolderListing:
    """Return the files sorted by name, and the problems of files and folders that cannot be listed.

    Hidden files and symbolic links are left out. The files in an archive are listed in its place, those in a
    mail beside it. Containers that have not changed since they were listed in `known` are not opened. `stop`
    is called several times a second while worker processes open mails; once it returns True, this raises
    ReadingStoppedError. Raises FolderError when the folder itself cannot be listed.
    """
    try:
        folders, files = _scan(folder, "")
    except NotADirectoryError:
        raise FolderError(
            f"{folder}: is a file; name the folder that it is in, in SEEDS_DIR or --docs"
        ) from None
    except FileNotFoundError:
        raise FolderError(
            f"{folder}: no such folder of documents; make it, or name another in SEEDS_DIR or --docs"
        ) from None
    except OSError as error:
        raise FolderError(f"{folder}: cannot be listed ({error.strerror}); check its permissions") from None
    problems: list[Problem] = []
    while folders:
        name = folders.pop()
        try:
            inner_folders, inner_files = _scan(folder / name, f"{name}/")
        except OSError as error:
            problems.append(Problem(name, f"cannot be listed ({error.strerror}); check its permissions"))
        else:
            folders += inner_folders
            files += inner_files
    found = [file for file in files if containers.is_container_name(file.name) and _is_unicode(file.name)]
    listings = _list_containers(folder, found, known or {}, stop)
    files = [file for file in files if file.name not in listings or not containers.is_archive_name(file.name)]
    for listing in listings.values():
        problems += _problems(listing)
        files += _packed_entries(listing)
    valid = [file for file in files if _is_unicode(file.name)]
    problems += [
        Problem(os.fsencode(file.name).decode("utf-8", "replace"), "its name is not valid UTF-8; rename it")
        for file in files
        if not _is_unicode(file.name)
    ]
    return FolderListing(sorted(valid, key=lambda file: file.name), problems, listings)


def _packed_entries(listing: ContainerListing) -> Iterator[FileEntry]:
    """Yield the files in a container that can be read."""
    holder = listing.file
    for packed in listing.packed:
        if not packed.problem:
            yield FileEntry(f"{holder.name}/{packed.path}", packed.size, holder.changed)


def _problems(listing: ContainerListing) -> Iterator[Problem]:
    """Yield the problem of a container, and those of the files in it."""
    if listing.problem:
        yield listing.problem
    for packed in listing.packed:
        if packed.problem:
            yield Problem(f"{listing.file.name}/{packed.path}", packed.problem, packed.kind)


def _list_containers(
    folder: Path,
    files: Sequence[FileEntry],
    known: Mapping[str, ContainerListing],
    stop: Callable[[], bool] | None,
) -> dict[str, ContainerListing]:
    """Return the listings of containers by name; those that are known, settled and unchanged as they are."""
    listings: dict[str, ContainerListing] = {}
    risky: list[FileEntry] = []
    for file in files:
        listing = known.get(file.name)
        if listing is not None and listing.is_settled and listing.file == file:
            listings[file.name] = listing
        elif (new := _list_archive(folder, file)) is not None:
            listings[file.name] = new
        else:
            risky.append(file)
    if risky:
        listings |= {new.file.name: new for new in _list_in_workers(folder, risky, stop)}
    now = time.time_ns()
    return {
        name: replace(listing, is_settled=listing.is_settled or now - listing.file.changed > CLOCK_TICK_NS)
        for name, listing in sorted(listings.items())
    }


def _list_archive(folder: Path, file: FileEntry) -> ContainerListing | None:
    """Return the listing of an archive; None if it, or one of the files in it, is a mail."""
    if not containers.is_archive_name(file.name):
        return None
    try:
        if containers.holds_containers(folder / file.name, file.name):
            return None
    except DocumentError as error:
        return ContainerListing(file, problem=Problem(file.name, error.reason, error.kind))
    return _list_container(folder, file)


def _list_container(folder: Path, file: FileEntry) -> ContainerListing:
    try:
        with panics_as_errors():
            return ContainerListing(file, tuple(containers.list_packed_files(folder / file.name, file.name)))
    except DocumentError as error:
        # A mail that cannot be read is reported when it is read itself.
        if containers.is_archive_name(file.name) or error.kind is ProblemKind.TOO_LARGE:
            return ContainerListing(file, problem=Problem(file.name, error.reason, error.kind))
    except Exception as error:  # noqa: BLE001  # damage that a library did not expect costs one file
        return _not_listed(file, type(error).__name__)
    return ContainerListing(file)


def _not_listed(file: FileEntry, reason: str) -> ContainerListing:
    reason = f"the files in it cannot be listed ({reason}); save them on their own"
    return ContainerListing(file, problem=Problem(file.name, reason))


def _list_batch(folder: Path, files: Sequence[FileEntry]) -> list[ContainerListing]:
    return [_list_container(folder, file) for file in files]


def _list_in_workers(
    folder: Path, files: Sequence[FileEntry], stop: Callable[[], bool] | None
) -> Iterator[ContainerListing]:
    """Yield the listings of containers, in worker processes. One that breaks a process costs only itself."""
    batches = list(_make_batches(files))
    with worker_pool(min(os.cpu_count() or 1, len(batches)), limit_worker) as pool:

        def schedule(batch: Sequence[FileEntry]) -> "ProcessFuture[list[ContainerListing]]":
            return pool.schedule(_list_batch, args=(folder, batch), timeout=_LIST_TIMEOUT_SECONDS)

        jobs = [(batch, schedule(batch)) for batch in batches]
        for batch, job in jobs:
            wait_for(job, pool, stop)
            try:
                yield from job.result()
            except (FutureTimeoutError, ProcessExpired, BrokenProcessPool) as error:
                if len(batch) > 1:
                    jobs += [([file], schedule([file])) for file in batch]
                else:
                    yield _not_listed(batch[0], type(error).__name__)


def _make_batches(files: Sequence[FileEntry]) -> Iterator[list[FileEntry]]:
    batch: list[FileEntry] = []
    size = 0
    for file in files:
        if batch and (size + file.size > _MAX_BATCH_BYTES or len(batch) == _MAX_BATCH_FILES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


def listing_to_row(listing: ContainerListing) -> list[Any]:
    """Return the listing of a container as a JSON array."""
    file, problem = listing.file, listing.problem
    return [
        [file.name, file.size, file.changed],
        [[packed.path, packed.size, packed.problem, packed.kind] for packed in listing.packed],
        problem and [problem.reason, problem.kind],
        listing.is_settled,
    ]


def listing_from_row(row: list[Any]) -> ContainerListing:
    """Return the listing that `listing_to_row` turned into a JSON array."""
    file, packed, problem, is_settled = row
    return ContainerListing(
        FileEntry(*file),
        tuple(PackedFile(path, size, reason, ProblemKind(kind)) for path, size, reason, kind in packed),
        problem and Problem(file[0], problem[0], ProblemKind(problem[1])),
        is_settled,
    )


def _scan(folder: Path, above: str) -> tuple[list[str], list[FileEntry]]:
    """Return the names of a folder's folders and its files, both prefixed with `above`."""
    folders: list[str] = []
    files: list[FileEntry] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(above + entry.name)
            elif entry.is_file(follow_symlinks=False) and (file := _file_entry(entry, above)):
                files.append(file)
    return folders, files


def _file_entry(entry: os.DirEntry[str], above: str) -> FileEntry | None:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return FileEntry(above + entry.name, status.st_size, status.st_mtime_ns)


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class IngestedFile:
    """A file that was read: `digest` is of its bytes, `text_digest` of its text.

    `scanned_pages` and `unread_pages` are as in Document.
    """

    digest: str
    text_digest: str
    source: Source
    scanned_pages: int = 0
    unread_pages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedFile:
    """Why a file could not be read; with `is_final` it is not tried again until it changes.

    A file whose pages all wait for OCR has them in `unread_pages`, and a `digest`. `real_suffix` is as in
    DocumentError.
    """

    reason: str
    is_final: bool = True
    kind: ProblemKind = ProblemKind.UNREADABLE
    digest: str = ""
    unread_pages: tuple[int, ...] = ()
    real_suffix: str = ""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """The result of reading a file: a `source`, the name of the file it is a `copy_of`, or a `problem`.

    `digest` is of the bytes and `text_digest` of the text; both are empty if the file could not be read. A
    file that `is_settled` is not read again while its size and mtime stay the same. OCR has read
    `scanned_pages`, and still has to read `unread_pages`, which count from 0.
    """

    file: FileEntry
    is_settled: bool
    digest: str = ""
    text_digest: str = ""
    source: Source | None = None
    copy_of: str | None = None
    problem: Problem | None = None
    scanned_pages: int = 0
    unread_pages: tuple[int, ...] = ()

    @property
    def has_scans(self) -> bool:
        return bool(self.scanned_pages or self.unread_pages)

    def is_outdated(self, scans: ScanStore | None) -> bool:
        """Return whether OCR has read the missing pages since, or has read any and is turned off now."""
        if scans is None:
            return bool(self.scanned_pages or (self.unread_pages and self.problem))
        needed_ocr = self.problem is not None and self.problem.reason.startswith(tesseract.NEEDED)
        return needed_ocr or (bool(self.unread_pages) and scans.has(self.digest, self.unread_pages))


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """A file with pages (from 0) that only OCR can read; `digest` is of its bytes."""

    name: str
    digest: str
    pages: tuple[int, ...]


def unchanged(
    files: Sequence[FileEntry], records: Mapping[str, FileRecord], scans: ScanStore | None = None
) -> dict[str, FileRecord]:
    """Return the records of unchanged files, except copies of files that are not unchanged.

    A file of which OCR has read more since, in `scans`, is not unchanged.
    """
    reusable = {
        file.name: records[file.name]
        for file in files
        if _is_unchanged(file, records.get(file.name)) and not records[file.name].is_outdated(scans)
    }
    return {
        name: record
        for name, record in reusable.items()
        if record.copy_of is None or record.copy_of in reusable
    }


def recently_modified(
    files: Sequence[FileEntry], records: Mapping[str, FileRecord], quiet: float
) -> frozenset[str]:
    """Return the names of files without a record that were modified less than `quiet` seconds ago."""
    now = time.time_ns()
    changed = (file for file in files if file.name not in records)
    return frozenset(file.name for file in changed if 0 <= now - file.changed < quiet * 1e9)


def _is_unchanged(file: FileEntry, record: FileRecord | None) -> bool:
    return record is not None and record.is_settled and record.file == file


def file_record(
    file: FileEntry, result: IngestedFile | FailedFile, originals: Mapping[str, str]
) -> FileRecord:
    """Return the record of a file; `originals` maps text digests to the names of their sources."""
    is_settled = time.time_ns() - file.changed > CLOCK_TICK_NS
    if isinstance(result, FailedFile):
        return FileRecord(
            file,
            is_settled and result.is_final,
            result.digest,
            problem=Problem(file.name, result.reason, result.kind, result.real_suffix),
            unread_pages=result.unread_pages,
        )
    original = originals.get(result.text_digest)
    source = None if original else result.source
    return FileRecord(
        file,
        is_settled,
        result.digest,
        result.text_digest,
        source,
        original,
        scanned_pages=result.scanned_pages,
        unread_pages=result.unread_pages,
    )


def unread_problem(problem: Problem, record: FileRecord, scans: ScanStore | None) -> Problem:
    """Return why a file is left out: of a scan, what keeps OCR from reading it for now."""
    if not record.unread_pages or scans is None:
        return problem
    if not tesseract.is_available():
        return Problem(problem.name, tesseract.MISSING, ProblemKind.PICTURES)
    failure = scans.failure(record.digest)
    return Problem(problem.name, failure, ProblemKind.SCRIPT) if failure else problem


def list_sources(records: Iterable[FileRecord]) -> tuple[Source, ...]:
    """Return the sources with the size, mtime and copies of their files."""
    copies: dict[str, list[str]] = {}
    for record in records:
        if record.copy_of:
            copies.setdefault(record.copy_of, []).append(record.file.name)
    return tuple(
        Source(
            source.id,
            source.name,
            source.title,
            source.passages,
            source.characters,
            source.language,
            record.file.size,
            record.file.changed / 1e9,
            tuple(copies.get(source.name, ())),
        )
        for record in records
        if (source := record.source)
    )


def record_to_row(record: FileRecord) -> list[Any]:
    """Return a record as a JSON array."""
    file, source = record.file, record.source
    return [
        [file.name, file.size, file.changed],
        record.is_settled,
        record.digest,
        record.text_digest,
        source
        and [source.id, source.name, source.title, source.passages, source.characters, source.language],
        record.copy_of,
        record.problem and [record.problem.reason, record.problem.kind, record.problem.real_suffix],
        *([record.scanned_pages, record.unread_pages] if record.has_scans else []),
    ]


def record_from_row(row: list[Any]) -> FileRecord:
    """Return the record that `record_to_row` turned into a JSON array."""
    file, is_settled, digest, text_digest, source, copy_of, problem, *scanned = row
    scanned_pages, unread_pages = scanned or (0, ())
    return FileRecord(
        FileEntry(*file),
        is_settled,
        digest,
        text_digest,
        source and Source(*source),
        copy_of,
        problem and Problem(file[0], problem[0], ProblemKind(problem[1]), *problem[2:]),
        scanned_pages,
        tuple(unread_pages),
    )


def library_version(records: Iterable[FileRecord], format_id: str, quote_chars: int) -> str:
    """Return a digest of the documents and of all that determines how they are indexed."""
    digest = hashlib.blake2b(f"{format_id} {quote_chars} ".encode(), digest_size=16)
    for record in records:
        # The text of a scanned file also depends on what OCR has read.
        scanned = f"\0{record.text_digest}" if record.has_scans else ""
        digest.update(hashlib.blake2b(f"{record.file.name}\0{record.digest}{scanned}".encode()).digest())
    return digest.hexdigest()


def shortest_first(files: Sequence[UnreadFile]) -> list[UnreadFile]:
    """Return files in the order to read them: a long one delays no other."""
    return sorted(files, key=lambda file: (len(file.pages), file.name))
