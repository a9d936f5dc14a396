"""Records of how each file was indexed, saved so that only changed files are read again."""

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrieval.documents.file_listing import FileEntry
from retrieval.documents.ingestion import FailedFile, IngestedFile
from retrieval.errors import ProblemKind
from retrieval.model.document import Problem, Source

# A file read within this time after its modification may change again without a change of its mtime.
_CLOCK_TICK_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class FileRecord:
    """The result of reading a file: a `source`, the name of the file it is a `copy_of`, or a `problem`.

    `digest` is of the bytes and `text_digest` of the text; both are empty if the file could not be read. A
    file that `is_settled` is not read again while its size and mtime stay the same.
    """

    file: FileEntry
    is_settled: bool
    digest: str = ""
    text_digest: str = ""
    source: Source | None = None
    copy_of: str | None = None
    problem: Problem | None = None


def unchanged(files: Sequence[FileEntry], records: Mapping[str, FileRecord]) -> dict[str, FileRecord]:
    """Return the records of unchanged files, except copies of files that are not unchanged."""
    reusable = {
        file.name: records[file.name] for file in files if _is_unchanged(file, records.get(file.name))
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
    is_settled = time.time_ns() - file.changed > _CLOCK_TICK_NS
    if isinstance(result, FailedFile):
        return FileRecord(
            file, is_settled and result.is_final, problem=Problem(file.name, result.reason, result.kind)
        )
    original = originals.get(result.text_digest)
    source = None if original else result.source
    return FileRecord(file, is_settled, result.digest, result.text_digest, source, original)


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
        record.problem and [record.problem.reason, record.problem.kind],
    ]


def record_from_row(row: list[Any]) -> FileRecord:
    """Return the record that `record_to_row` turned into a JSON array."""
    file, is_settled, digest, text_digest, source, copy_of, problem = row
    return FileRecord(
        FileEntry(*file),
        is_settled,
        digest,
        text_digest,
        source and Source(*source),
        copy_of,
        problem and Problem(file[0], problem[0], ProblemKind(problem[1])),
    )


def library_version(records: Iterable[FileRecord], format_id: str, quote_chars: int) -> str:
    """Return a digest of the documents and of all that determines how they are indexed."""
    digest = hashlib.blake2b(f"{format_id} {quote_chars} ".encode(), digest_size=16)
    for record in records:
        digest.update(hashlib.blake2b(f"{record.file.name}\0{record.digest}".encode()).digest())
    return digest.hexdigest()
