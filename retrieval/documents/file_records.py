"""Records of how each file of the documents folder was indexed, and the sources that they list.

They are saved so that only changed files are read again.
"""

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrieval.documents.file_listing import CLOCK_TICK_NS, FileEntry
from retrieval.errors import ProblemKind
from retrieval.model import Problem, Source
from retrieval.ocr import tesseract
from retrieval.ocr.scanned_page import ScanStore


def digest_of(data: bytes) -> str:
    """Return the digest of a file's bytes or text that records have."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


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
    file that `is_mtime_reliable` is not read again while its size and mtime stay the same. OCR has read
    `scanned_pages`, and still has to read `unread_pages`, which count from 0.
    """

    file: FileEntry
    is_mtime_reliable: bool
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
    """Return the records of unchanged files, except copies of files that have changed.

    A file of which OCR has read more pages since, in `scans`, counts as changed.
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
    files: Sequence[FileEntry], records: Mapping[str, FileRecord], quiet_seconds: float
) -> frozenset[str]:
    """Return the names of files without a record that were modified less than `quiet_seconds` ago."""
    now = time.time_ns()
    changed = (file for file in files if file.name not in records)
    return frozenset(file.name for file in changed if 0 <= now - file.mtime_ns < quiet_seconds * 1e9)


def _is_unchanged(file: FileEntry, record: FileRecord | None) -> bool:
    return record is not None and record.is_mtime_reliable and record.file == file


def file_record(
    file: FileEntry, result: IngestedFile | FailedFile, originals: Mapping[str, str]
) -> FileRecord:
    """Return the record of a file; `originals` maps text digests to the names of their sources."""
    is_mtime_reliable = time.time_ns() - file.mtime_ns > CLOCK_TICK_NS
    if isinstance(result, FailedFile):
        return FileRecord(
            file,
            is_mtime_reliable and result.is_final,
            result.digest,
            problem=Problem(file.name, result.reason, result.kind, result.real_suffix),
            unread_pages=result.unread_pages,
        )
    original = originals.get(result.text_digest)
    source = None if original else result.source
    return FileRecord(
        file,
        is_mtime_reliable,
        result.digest,
        result.text_digest,
        source,
        original,
        scanned_pages=result.scanned_pages,
        unread_pages=result.unread_pages,
    )


def unread_problem(problem: Problem, record: FileRecord, scans: ScanStore | None) -> Problem:
    """Return why a file is skipped; for a scan, what keeps OCR from reading it for now."""
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
            record.file.mtime_ns / 1e9,
            tuple(copies.get(source.name, ())),
        )
        for record in records
        if (source := record.source)
    )


def record_to_row(record: FileRecord) -> list[Any]:
    """Return a record as a JSON array."""
    file, source = record.file, record.source
    return [
        [file.name, file.size, file.mtime_ns],
        record.is_mtime_reliable,
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
    file, is_mtime_reliable, digest, text_digest, source, copy_of, problem, *scanned = row
    scanned_pages, unread_pages = scanned or (0, ())
    return FileRecord(
        FileEntry(*file),
        is_mtime_reliable,
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
