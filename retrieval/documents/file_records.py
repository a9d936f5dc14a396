"""What became of each file of the documents folder, kept so that only what changed is read again."""

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrieval.documents.file_listing import FileEntry
from retrieval.documents.ingestion import FailedFile, IngestedFile
from retrieval.model import Source

# A file that was written so shortly before it was read may be written again within the clock's tick.
_TICK = 2_000_000_000


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What became of a file: a source, a copy of another one, or nothing for a reason.

    `digest` is of its bytes and `text` of its text; both are empty for what could not be read. `is_settled`
    says that it need not be read again while the file has this size and time.
    """

    file: FileEntry
    is_settled: bool
    digest: str = ""
    text: str = ""
    source: Source | None = None
    copy_of: str | None = None
    problem: str | None = None


def unchanged(files: Sequence[FileEntry], records: Mapping[str, FileRecord]) -> dict[str, FileRecord]:
    """Return the records of unchanged files, and of copies whose original is unchanged."""
    same = {file.name: records[file.name] for file in files if _is_same(file, records.get(file.name))}
    return {name: record for name, record in same.items() if record.copy_of is None or record.copy_of in same}


def recently_modified(
    files: Sequence[FileEntry], records: Mapping[str, FileRecord], quiet: float
) -> frozenset[str]:
    """Name the files without a record that were written less than `quiet` seconds ago."""
    now = time.time_ns()
    changed = (file for file in files if file.name not in records)
    return frozenset(file.name for file in changed if 0 <= now - file.changed < quiet * 1e9)


def _is_same(file: FileEntry, record: FileRecord | None) -> bool:
    return record is not None and record.is_settled and record.file == file


def file_record(
    file: FileEntry, result: IngestedFile | FailedFile, originals: Mapping[str, str]
) -> FileRecord:
    """Note what became of a file; `originals` names the source of each text."""
    is_settled = time.time_ns() - file.changed > _TICK
    if isinstance(result, FailedFile):
        return FileRecord(file, is_settled and result.is_final, problem=result.reason)
    original = originals.get(result.text)
    source = None if original else result.source
    return FileRecord(file, is_settled, result.digest, result.text, source, original)


def list_sources(records: Iterable[FileRecord]) -> tuple[Source, ...]:
    """List the sources, with what their files tell, and their copies."""
    copies: dict[str, list[str]] = {}
    for record in records:
        if record.copy_of:
            copies.setdefault(record.copy_of, []).append(record.file.name)
    return tuple(
        Source(
            one.id,
            one.name,
            one.title,
            one.passages,
            one.characters,
            one.language,
            record.file.size,
            record.file.changed / 1e9,
            tuple(copies.get(one.name, ())),
        )
        for record in records
        if (one := record.source)
    )


def to_row(record: FileRecord) -> list[Any]:
    """Return a record as a JSON array."""
    file, source = record.file, record.source
    return [
        [file.name, file.size, file.changed],
        record.is_settled,
        record.digest,
        record.text,
        source
        and [source.id, source.name, source.title, source.passages, source.characters, source.language],
        record.copy_of,
        record.problem,
    ]


def from_row(row: list[Any]) -> FileRecord:
    """Make a record of what `kept` made of it."""
    file, is_settled, digest, text, source, copy_of, problem = row
    return FileRecord(
        FileEntry(*file), is_settled, digest, text, source and Source(*source), copy_of, problem
    )


def library_version(records: Iterable[FileRecord], format_id: str, quote_chars: int) -> str:
    """Return a digest of the documents and of everything that decides how they are indexed."""
    digest = hashlib.blake2b(f"{format_id} {quote_chars} ".encode(), digest_size=16)
    for record in records:
        digest.update(hashlib.blake2b(f"{record.file.name}\0{record.digest}".encode()).digest())
    return digest.hexdigest()
