"""The documents folder and its index on this machine."""

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np

from retrieval.documents.archive import Archive, Snapshot
from retrieval.documents.file_listing import FileEntry, list_files
from retrieval.documents.file_records import (
    FileRecord,
    file_record,
    from_row,
    library_version,
    list_sources,
    recently_modified,
    to_row,
    unchanged,
)
from retrieval.documents.ingestion import ingest
from retrieval.embeddings import vector_store
from retrieval.embeddings.encoder import Encoder
from retrieval.embeddings.vector_store import Embeddings, VectorStore, missing_keys
from retrieval.ids import document_id
from retrieval.index import manifest
from retrieval.index.bm25 import MAX_SEGMENT_PASSAGES
from retrieval.index.local_index import LocalIndex
from retrieval.index.merge_policy import delete_unused_segments, force_merge, maybe_merge
from retrieval.index.segment import LiveSegment, Segment
from retrieval.model import Problem

QUOTE_CHARS = 300

Progress = Callable[[int, int], None]

# Segments kept open while documents are read: each takes two file descriptors.
_MAX_OPEN_SEGMENTS = 200
# Merging larger segments would take longer than an update may: `compact` does it later.
_MAX_PASSAGES_MERGED_BY_UPDATE = 20_000
# Half a second to a second on one core. Larger batches are no faster.
_TEXTS_PER_BATCH = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Library(Archive[LocalIndex]):
    """The documents folder as it was when it was read. Never changes: an update returns a new library.

    `records` says by file name what was read of each file. Files in `waiting` are still being written and are
    read later. Segments are written to the folder `place`, or to a temporary one when that is None.
    """

    _snapshot: Snapshot[LocalIndex]
    folder: Path
    records: Mapping[str, FileRecord]
    place: Path | None
    waiting: frozenset[str] = frozenset()

    @classmethod
    def open(  # noqa: PLR0913  # each is optional and has a name
        cls,
        folder: Path,
        *,
        index_dir: Path | None = None,
        quote_chars: int = QUOTE_CHARS,
        progress: Progress | None = None,
        fresh: bool = False,
        thorough: bool = False,
        before: Self | None = None,
        quiet: float = 0.0,
        encoder: Encoder | None = None,
    ) -> Self:
        """Read what has changed in the folder since the index was saved in `index_dir`. Blocks.

        With `before`, a library of the same folder, only what changed since then is read, and `index_dir` is
        neither read nor written: call `save` for that. `fresh` reads all files again; `thorough` verifies the
        checksums of saved segments of any size. A file written less than `quiet` seconds ago may be
        incomplete: it is left as it was and listed in `waiting`. `progress` is called with the number of
        files read and their total. With an `encoder`, answers compare meanings once `encode` has run.

        A file that cannot be read is left out and listed in `problems`; an empty folder is fine. Raises
        FolderError when the folder is missing or cannot be listed.
        """
        files, problems = list_files(folder)
        place = before.place if before else index_dir and index_dir / _index_name(folder, quote_chars)
        embeddings = before.index.embeddings if before else _open_embeddings(encoder, place)
        old = before or (
            None if fresh else cls._load(folder, quote_chars, place, embeddings, thorough=thorough)
        )
        known = old.records if old else {}
        records = unchanged(files, known)
        waiting = recently_modified(files, records, quiet)
        records |= {name: known[name] for name in waiting if name in known}
        changed = [file for file in files if file.name not in records and file.name not in waiting]
        if old and not changed and len(records) == len(known):
            library = old
        else:
            # While a bot runs, people wait for what changed; `compact` merges the rest.
            max_merged = _MAX_PASSAGES_MERGED_BY_UPDATE if before else MAX_SEGMENT_PASSAGES
            update = _IndexUpdate(folder, changed, records, _remaining(old, records), quote_chars, max_merged)
            segments, records = update.run(place, progress)
            library = cls._of(LocalIndex(segments, embeddings), records, quote_chars, folder, place)
            if index_dir and not before:
                library.save(index_dir)
        if index_dir and not before:
            _compact_vectors(library.index)
        return library.with_problems(problems, waiting)

    @classmethod
    def _of(
        cls,
        index: LocalIndex,
        records: Mapping[str, FileRecord],
        quote_chars: int,
        folder: Path,
        place: Path | None,
    ) -> Self:
        version = library_version(records.values(), manifest.format_id(), quote_chars)
        snapshot = Snapshot(index, list_sources(records.values()), (), version, quote_chars)
        return cls(snapshot, folder, records, place)

    @classmethod
    def _load(
        cls,
        folder: Path,
        quote_chars: int,
        place: Path | None,
        embeddings: Embeddings | None,
        *,
        thorough: bool,
    ) -> Self | None:
        """Return the library saved in `place`, or None when it is missing, outdated or damaged."""
        saved = None if place is None else manifest.load(place, thorough=thorough)
        if saved is None:
            return None
        index, metadata = saved
        records = {record.file.name: record for record in map(from_row, metadata["records"])}
        return cls._of(LocalIndex(index.segments, embeddings), records, quote_chars, folder, place)

    def with_problems(self, problems: Iterable[Problem], waiting: frozenset[str]) -> Self:
        """Add the files that could not be listed to those that could not be read."""
        unread = [Problem(r.file.name, r.problem) for r in self.records.values() if r.problem]
        everything = tuple(sorted([*problems, *unread], key=lambda problem: problem.name))
        return replace(self, _snapshot=replace(self.snapshot, problems=everything), waiting=waiting)

    @property
    def snapshot(self) -> Snapshot[LocalIndex]:
        return self._snapshot

    @property
    def index(self) -> LocalIndex:
        return self.snapshot.index

    def encode(
        self,
        progress: Progress | None = None,
        *,
        stop: Callable[[], bool] = lambda: False,
        threads: int = 1,
    ) -> bool:
        """Make the vectors that are missing, each batch stored at once. Blocks.

        `progress` is called with the number of texts encoded and their total; `stop` is asked between
        batches, about once a second. With more than one of `threads`, this thread only waits for them. Return
        whether all texts have a vector. Raises EncoderError where the encoder cannot be loaded.
        """
        embeddings = self.index.embeddings
        if embeddings is None:
            return False
        keys = self.index.encoder_keys()
        missing = keys[missing_keys(embeddings.store, keys)]
        texts = self.index.encoder_texts(missing.tolist())
        done = 0
        while done < len(missing):
            if stop():
                return False
            batch = list(islice(texts, _TEXTS_PER_BATCH * threads))
            if not batch:
                return False
            embeddings.encode(batch, threads)
            done += len(batch)
            if progress:
                progress(done, len(missing))
        return True

    @property
    def encodable(self) -> int:
        """The number of different texts that the encoder reads: 0 when meaning is not compared."""
        return len(np.unique(self.index.encoder_keys())) if self.index.embeddings else 0

    @property
    def unencoded(self) -> int:
        """How many of them have no vector yet."""
        embeddings = self.index.embeddings
        return len(missing_keys(embeddings.store, self.index.encoder_keys())) if embeddings else 0

    def save(self, index_dir: Path) -> None:
        """Save the index, and delete the indexes of folders that no longer exist. Failures are logged."""
        place = index_dir / _index_name(self.folder, self.quote_chars)
        metadata = {
            "folder": str(self.folder.resolve()),
            "records": [to_row(record) for record in self.records.values()],
        }
        try:
            manifest.save(self.index, place, metadata)
            manifest.delete_stale(index_dir, place)
        except OSError as error:
            reason = error.strerror or error
            _log.warning("INDEX_DIR=%s: the index cannot be saved there (%s)", index_dir, reason)

    def compact(self) -> Self:
        """Merge the small segments that updates have left, however long it takes. Blocks."""
        try:
            with _segment_folders(self.place) as (_, target):
                segments = maybe_merge(self.index.segments, target)
        except OSError as error:
            _log.warning("The segments of the index cannot be merged (%s)", error.strerror or error)
            return self
        if segments == list(self.index.segments):
            return self
        index = LocalIndex(segments, self.index.embeddings)
        return replace(self, _snapshot=replace(self.snapshot, index=index))


def _remaining(library: Library | None, records: Mapping[str, FileRecord]) -> Sequence[LiveSegment]:
    """Return the segments of a library without the documents that `records` no longer has."""
    if library is None:
        return ()
    known = library.records
    kept = {known[name].source for name in records if name in known}
    gone = [record.source.id for record in known.values() if record.source and record.source not in kept]
    return library.index.without(gone).segments


@dataclass(frozen=True, slots=True)
class _IndexUpdate:
    """An index to be brought up to date: `changed` files are read and added to `segments`.

    `records` are those of the files that stay. Only segments of up to `max_merged` passages are merged.
    """

    folder: Path
    changed: Sequence[FileEntry]
    records: Mapping[str, FileRecord]
    segments: Sequence[LiveSegment]
    quote_chars: int
    max_merged: int

    def run(
        self, place: Path | None, progress: Progress | None
    ) -> tuple[list[LiveSegment], dict[str, FileRecord]]:
        """Return all segments, and the records of all files sorted by name. Raises OSError."""
        try:
            return self._run(place, progress)
        except OSError:
            if place is None:
                raise
        # `save` reports why `place` cannot be written.
        return self._run(None, progress)

    def _run(
        self, place: Path | None, progress: Progress | None
    ) -> tuple[list[LiveSegment], dict[str, FileRecord]]:
        with _segment_folders(place) as (scratch, target):
            added, records = self._read(scratch, progress)
            new = force_merge(added, target)
            segments = maybe_merge([*self.segments, *new], target, self.max_merged)
            delete_unused_segments(new, segments)
        return segments, {name: records[name] for name in sorted(records)}

    def _read(
        self, scratch: Path, progress: Progress | None
    ) -> tuple[list[LiveSegment], dict[str, FileRecord]]:
        """Read the changed files into segments. A file with the text of another one adds no passages."""
        segments: list[LiveSegment] = []
        records = dict(self.records)
        originals = {record.text: name for name, record in records.items() if record.source}
        done = 0
        for batch in ingest(self.folder, self.changed, self.quote_chars, scratch):
            copies: list[str] = []
            for file, result in batch.results:
                record = records[file.name] = file_record(file, result, originals)
                if record.source:
                    originals[record.text] = file.name
                else:
                    copies.append(document_id(file.name))
                done += 1
                if progress:
                    progress(done, len(self.changed))
            if batch.segment:
                segment = Segment(batch.segment)
                segments.append(LiveSegment(segment).without(segment.document_ordinals(copies)))
            if len(segments) > _MAX_OPEN_SEGMENTS:
                segments = maybe_merge(segments, scratch)
        return [segment for segment in segments if segment.size], records


def _open_embeddings(encoder: Encoder | None, place: Path | None) -> Embeddings | None:
    if encoder is None:
        return None
    path = place and place / vector_store.FILE_NAME
    return Embeddings(encoder, VectorStore(path, encoder.name, encoder.dimensions))


def _compact_vectors(index: LocalIndex) -> None:
    """Drop the vectors of texts that are gone when they are many."""
    if index.embeddings is None:
        return
    try:
        index.embeddings.store.compact(index.encoder_keys())
    except OSError as error:
        _log.warning("%s cannot be compacted (%s)", index.embeddings.store.path, error.strerror or error)


@contextmanager
def _segment_folders(place: Path | None) -> Iterator[tuple[Path, Path]]:
    """Yield two folders to write segments to: one for temporary segments, one for those that stay.

    Without a `place` both are deleted at the end; open segments stay readable. Raises OSError.
    """
    if place:
        place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".new-" if place else "verbatim-", dir=place and place.parent
    ) as scratch:
        yield Path(scratch), place or Path(scratch)


def _index_name(folder: Path, quote_chars: int) -> str:
    """Return a name for the saved index: a digest of the folder and of the length of its pieces."""
    digest = hashlib.blake2b(f"{quote_chars} ".encode(), digest_size=16)
    digest.update(str(folder.resolve()).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
