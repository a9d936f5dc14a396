"""The documents folder and its index on this machine."""

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np

from retrieval.documents.file_listing import (
    ContainerListing,
    FileEntry,
    list_folder,
    listing_from_row,
    listing_to_row,
)
from retrieval.documents.file_records import (
    FileRecord,
    UnreadFile,
    file_record,
    library_version,
    list_sources,
    recently_modified,
    record_from_row,
    record_to_row,
    shortest_first,
    unchanged,
    unread_problem,
)
from retrieval.documents.ingestion import ingest
from retrieval.documents.library import Library, Snapshot
from retrieval.documents.page_pictures import render_page_picture
from retrieval.embeddings.encoder import Encoder
from retrieval.embeddings.vector_store import EmbeddingStore
from retrieval.errors import TooManyDocumentsError
from retrieval.index import manifest
from retrieval.index.inverted_index import MAX_SEGMENT_PASSAGES
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment, Segment
from retrieval.index.segment_writer import delete_unused_segments, force_merge, maybe_merge
from retrieval.loaders.formats import is_document_name, is_picture_name
from retrieval.model import Citation, Problem, make_document_id
from retrieval.ocr import scanned_page, tesseract
from retrieval.ocr.scanned_page import ScanStore

QUOTE_CHARS = 300

ProgressCallback = Callable[[int, int], None]

# Segments kept open while documents are read: each takes two file descriptors.
_MAX_OPEN_SEGMENTS = 200
# Merging larger segments would take longer than an update may: `compact` does it later.
_MAX_PASSAGES_MERGED_BY_UPDATE = 20_000
# Half a second to a second on one core. Larger batches are not faster.
_TEXTS_PER_BATCH = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LocalLibrary(Library[LocalIndex]):
    """A documents folder as of the time it was read. Immutable: an update returns a new library.

    `records` are by file name. Files in `waiting` are still being written and are read later. Segments are
    written to the folder `segment_dir`, or to a temporary one if it is None. `is_saved`: `open` saved the
    index, or found it saved. `scans` has the pages that OCR has read, None without OCR. `containers` are the
    archives and mails by name, with the files in them.
    """

    snapshot: Snapshot[LocalIndex] = field()  # in place of the property
    folder: Path
    records: Mapping[str, FileRecord]
    segment_dir: Path | None
    waiting: frozenset[str] = frozenset()
    scans: ScanStore | None = None
    is_saved: bool = False
    containers: Mapping[str, ContainerListing] = field(default_factory=dict)

    @classmethod
    def open(  # noqa: PLR0913  # optional keyword arguments
        cls,
        folder: Path,
        *,
        index_dir: Path | None = None,
        quote_chars: int = QUOTE_CHARS,
        progress: ProgressCallback | None = None,
        fresh: bool = False,
        thorough: bool = False,
        before: Self | None = None,
        quiet_seconds: float = 0.0,
        encoder: Encoder | None = None,
        ocr: bool = False,
        stop: Callable[[], bool] | None = None,
        max_documents: int | None = None,
    ) -> Self:
        """Read what has changed in the folder since the index was saved in `index_dir`. Blocks.

        With `before`, a library of the same folder, only files changed since then are read, and `index_dir`
        is neither read nor written: call `save` for that. `fresh` reads all files again; `thorough` verifies
        the checksums of saved segments of any size. A file modified less than `quiet_seconds` ago may be
        incomplete: its previous version stays in the index, and it is listed in `waiting`. `progress` is
        called with the number of files read and their total. With an `encoder`, answers compare vectors
        once `encode` has run. With `ocr`, which needs an `index_dir`, `read_scan` reads scanned pages, and
        the next `open` indexes them. `stop` is called several times a second while worker processes read;
        once it returns True, they are killed, and this raises ReadingStoppedError.

        A file that cannot be read is skipped and listed in `problems`. Raises FolderError if the folder is
        missing or cannot be listed, and TooManyDocumentsError if it has more than `max_documents`, also in
        archives and mails.
        """
        segment_dir = (
            before.segment_dir if before else index_dir and saved_index_dir(folder, index_dir, quote_chars)
        )
        embeddings = before.index.embeddings if before else _open_embeddings(encoder, segment_dir)
        scans = before.scans if before else _scan_store(segment_dir, ocr=ocr)
        old = before or (
            None if fresh else cls._load(folder, quote_chars, segment_dir, embeddings, thorough=thorough)
        )
        listing = list_folder(folder, old.containers if old else None, stop)
        if max_documents is not None and _count_documents(listing.files, scans) > max_documents:
            raise TooManyDocumentsError(f"{folder}: more than {max_documents} documents")
        files, problems, known = listing.files, listing.problems, old.records if old else {}
        records = unchanged(files, known, scans)
        waiting = recently_modified(files, records, quiet_seconds)
        records |= {name: known[name] for name in waiting if name in known}
        changed = [file for file in files if file.name not in records and file.name not in waiting]
        if old and not changed and len(records) == len(known):
            library = replace(old, scans=scans, containers=listing.containers)
            if index_dir and not before and listing.containers != old.containers:
                library = replace(library, is_saved=library.save(index_dir))
        else:
            # While a bot runs, an update must be quick; `compact` merges the rest later.
            max_merged = _MAX_PASSAGES_MERGED_BY_UPDATE if before else MAX_SEGMENT_PASSAGES
            remaining = _remaining(old, records)
            update = _IndexUpdate(folder, changed, records, remaining, quote_chars, max_merged, scans, stop)
            segments, records = update.run(segment_dir, progress)
            library = cls._build(LocalIndex(segments, embeddings), records, quote_chars, folder, segment_dir)
            library = replace(library, scans=scans, containers=listing.containers)
            if index_dir and not before:
                library = replace(library, is_saved=library.save(index_dir))
        if index_dir and not before:
            _compact_vectors(library.index)
        return library.with_problems(problems, waiting)

    @classmethod
    def load(
        cls,
        folder: Path,
        index_dir: Path,
        *,
        quote_chars: int = QUOTE_CHARS,
        encoder: Encoder | None = None,
        ocr: bool = False,
    ) -> Self | None:
        """Return the library as it was last saved, whatever is in the folder now. Blocks.

        Returns None if it was not saved, or if the saved index is outdated or damaged.
        """
        segment_dir = saved_index_dir(folder, index_dir, quote_chars)
        embeddings = _open_embeddings(encoder, segment_dir)
        library = cls._load(folder, quote_chars, segment_dir, embeddings, thorough=False)
        if library is None:
            return None
        return replace(library, scans=_scan_store(segment_dir, ocr=ocr)).with_problems((), frozenset())

    @classmethod
    def _build(
        cls,
        index: LocalIndex,
        records: Mapping[str, FileRecord],
        quote_chars: int,
        folder: Path,
        segment_dir: Path | None,
    ) -> Self:
        version = library_version(records.values(), manifest.format_id(), quote_chars)
        snapshot = Snapshot(index, list_sources(records.values()), (), version, quote_chars)
        return cls(snapshot, folder, records, segment_dir)

    @classmethod
    def _load(
        cls,
        folder: Path,
        quote_chars: int,
        segment_dir: Path | None,
        embeddings: EmbeddingStore | None,
        *,
        thorough: bool,
    ) -> Self | None:
        """Return the library saved in `segment_dir`, or None if it is missing, outdated or damaged."""
        saved = None if segment_dir is None else manifest.load_index(segment_dir, thorough=thorough)
        if saved is None:
            return None
        index, metadata = saved
        records = {record.file.name: record for record in map(record_from_row, metadata["records"])}
        library = cls._build(
            LocalIndex(index.segments, embeddings), records, quote_chars, folder, segment_dir
        )
        listings = map(listing_from_row, metadata.get("containers", ()))
        return replace(
            library, is_saved=True, containers={listing.file.name: listing for listing in listings}
        )

    def with_problems(self, problems: Iterable[Problem], waiting: frozenset[str]) -> Self:
        """Return the library with these problems, of files that were not listed, and those of its records."""
        unread = [
            unread_problem(record.problem, record, self.scans)
            for record in self.records.values()
            if record.problem
        ]
        all_problems = tuple(sorted([*problems, *unread], key=lambda problem: problem.name))
        return replace(self, snapshot=replace(self.snapshot, problems=all_problems), waiting=waiting)

    @property
    def index(self) -> LocalIndex:
        return self.snapshot.index

    def encode(
        self,
        progress: ProgressCallback | None = None,
        *,
        stop: Callable[[], bool] = lambda: False,
        threads: int = 1,
    ) -> bool:
        """Compute and store the missing vectors in batches. Blocks. Returns whether all texts have a vector.

        `progress` is called with the number of texts encoded and their total; `stop` is called between
        batches, about once a second. With more than one of `threads` the work is done in a pool of threads.
        Raises EncoderError if the encoder cannot be loaded.
        """
        embeddings = self.index.embeddings
        if embeddings is None:
            return False
        missing = embeddings.missing(self.index.encoder_keys(), self.index.whole_keys())
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
    def unread_scans(self) -> list[UnreadFile]:
        """The files with pages that OCR can read and has not read yet, in the order to read them."""
        if self.scans is None:
            return []
        return shortest_first(
            [
                UnreadFile(record.file.name, record.digest, record.unread_pages)
                for record in self.records.values()
                if record.unread_pages
            ]
        )

    def picture(self, citation: Citation) -> bytes | None:
        return render_page_picture(self.folder, citation, self.scans)

    def read_scan(
        self,
        file: UnreadFile,
        progress: ProgressCallback | None = None,
        *,
        stop: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Read a file of `unread_scans` by OCR, to be indexed by the next `open`. Blocks. Raises OSError.

        Returns whether it was read. `progress` and `stop` are as in `encode`, for pages.
        """
        if self.scans is None or not tesseract.is_available():
            return False
        # Imported only where scans are read: it needs the readers of PDF files and pictures.
        from retrieval.documents.scan_reading import read_scan  # noqa: PLC0415

        return read_scan(self.folder, file, self.scans, progress=progress, stop=stop)

    @property
    def encodable(self) -> int:
        """The number of different texts to encode, 0 without an encoder."""
        return len(np.unique(self.index.encoder_keys())) if self.index.embeddings else 0

    @property
    def unencoded(self) -> int:
        """The number of different texts without a vector."""
        embeddings = self.index.embeddings
        if embeddings is None:
            return 0
        return len(embeddings.missing(self.index.encoder_keys(), self.index.whole_keys()))

    @property
    def has_saved_vectors(self) -> bool:
        """Whether vectors are in files; False without an encoder."""
        return self.index.embeddings is not None and self.index.embeddings.is_saved

    def save(self, index_dir: Path) -> bool:
        """Save the index, and delete the indexes of folders that no longer exist.

        Returns whether that worked; a failure is logged.
        """
        segment_dir = saved_index_dir(self.folder, index_dir, self.quote_chars)
        metadata = {
            "folder": str(self.folder.resolve()),
            "records": [record_to_row(record) for record in self.records.values()],
            "containers": [listing_to_row(listing) for listing in self.containers.values()],
        }
        try:
            manifest.save_index(self.index, segment_dir, metadata)
            manifest.delete_stale(index_dir, segment_dir)
            self._prune_scans(segment_dir)
        except OSError as error:
            reason = error.strerror or error
            _log.warning("INDEX_DIR=%s: the index cannot be saved there (%s)", index_dir, reason)
            return False
        return True

    def prune_scans(self) -> None:
        """Delete what OCR has read of documents that are gone. Raises OSError."""
        if self.segment_dir:
            self._prune_scans(self.segment_dir)

    def _prune_scans(self, segment_dir: Path) -> None:
        kept = {record.digest for record in self.records.values() if record.has_scans and self.scans}
        ScanStore(segment_dir / scanned_page.FOLDER_NAME).keep_only(kept)

    def compact(self) -> Self:
        """Return the library with the small segments left by updates merged. Blocks, possibly for long."""
        try:
            with _segment_folders(self.segment_dir) as (_, target):
                segments = maybe_merge(self.index.segments, target)
        except OSError as error:
            _log.warning("The segments of the index cannot be merged (%s)", error.strerror or error)
            return self
        if segments == list(self.index.segments):
            return self
        index = LocalIndex(segments, self.index.embeddings)
        return replace(self, snapshot=replace(self.snapshot, index=index))

    def without_deleted(self) -> Self:
        """Return the library with segments that contain no text of removed documents. Blocks; raises OSError.

        The files of the old segments are deleted when the library is saved.
        """
        if not any(live.deleted for live in self.index.segments):
            return self
        with _segment_folders(self.segment_dir) as (_, target):
            segments = [
                segment
                for live in self.index.segments
                for segment in (force_merge([live], target) if live.deleted else [live])
            ]
        index = LocalIndex(segments, self.index.embeddings)
        return replace(self, snapshot=replace(self.snapshot, index=index))


def _count_documents(files: Iterable[FileEntry], scans: ScanStore | None) -> int:
    return sum(
        is_document_name(file.name) or (scans is not None and is_picture_name(file.name)) for file in files
    )


def _remaining(library: LocalLibrary | None, records: Mapping[str, FileRecord]) -> Sequence[LiveSegment]:
    """Return the segments of a library without the documents that are not in `records`."""
    if library is None:
        return ()
    known = library.records
    current = {known[name].source for name in records if name in known}
    removed = [
        record.source.id for record in known.values() if record.source and record.source not in current
    ]
    return library.index.without(removed).segments


@dataclass(frozen=True, slots=True)
class _IndexUpdate:
    """An update of an index: reads the `changed` files and adds them to `segments`.

    `records` are those of unchanged files. Only segments of up to `max_merged` passages are merged.
    """

    folder: Path
    changed: Sequence[FileEntry]
    records: Mapping[str, FileRecord]
    segments: Sequence[LiveSegment]
    quote_chars: int
    max_merged: int
    scans: ScanStore | None
    stop: Callable[[], bool] | None = None

    def run(
        self, segment_dir: Path | None, progress: ProgressCallback | None
    ) -> tuple[list[LiveSegment], dict[str, FileRecord]]:
        """Return the segments, and the records of all files, sorted by name.

        Raises OSError, with a line for the operator as `strerror`.
        """
        if segment_dir:
            # `save` reports why it cannot be written.
            with suppress(OSError):
                return self._run(segment_dir, progress)
        try:
            return self._run(None, progress)
        except OSError as error:
            tried = "to INDEX_DIR or the temporary folder" if segment_dir else "to the temporary folder"
            reason = f"the index cannot be written {tried} ({error.strerror}); free some space"
            raise OSError(error.errno, reason) from error

    def _run(
        self, segment_dir: Path | None, progress: ProgressCallback | None
    ) -> tuple[list[LiveSegment], dict[str, FileRecord]]:
        with _segment_folders(segment_dir) as (scratch, target):
            added, records = self._read(scratch, progress)
            new = force_merge(added, target)
            segments = maybe_merge([*self.segments, *new], target, self.max_merged)
            delete_unused_segments(new, segments)
        return segments, {name: records[name] for name in sorted(records)}

    def _read(
        self, scratch: Path, progress: ProgressCallback | None
    ) -> tuple[list[LiveSegment], dict[str, FileRecord]]:
        """Read the changed files into segments. A file with the same text as another one adds no passages."""
        segments: list[LiveSegment] = []
        records = dict(self.records)
        originals = {record.text_digest: name for name, record in records.items() if record.source}
        done = 0
        for batch in ingest(self.folder, self.changed, self.quote_chars, scratch, self.stop, self.scans):
            copies: list[str] = []
            for file, result in batch.results:
                record = records[file.name] = file_record(file, result, originals)
                if record.source:
                    originals[record.text_digest] = file.name
                else:
                    copies.append(make_document_id(file.name))
                done += 1
                if progress:
                    progress(done, len(self.changed))
            if batch.segment:
                segment = Segment(batch.segment)
                segments.append(LiveSegment(segment).without(segment.document_ordinals(copies)))
            if len(segments) > _MAX_OPEN_SEGMENTS:
                segments = maybe_merge(segments, scratch)
        return [segment for segment in segments if segment.size], records


def _scan_store(segment_dir: Path | None, *, ocr: bool) -> ScanStore | None:
    return ScanStore(segment_dir / scanned_page.FOLDER_NAME) if ocr and segment_dir else None


def _open_embeddings(encoder: Encoder | None, segment_dir: Path | None) -> EmbeddingStore | None:
    return EmbeddingStore.open(encoder, segment_dir) if encoder else None


def _compact_vectors(index: LocalIndex) -> None:
    """Remove the vectors of texts that no longer exist, if they are most of the file."""
    if index.embeddings is None:
        return
    try:
        index.embeddings.compact(index.encoder_keys(), index.whole_keys())
    except OSError as error:
        _log.warning("%s cannot be compacted (%s)", index.embeddings.store.path, error.strerror or error)


@contextmanager
def _segment_folders(segment_dir: Path | None) -> Iterator[tuple[Path, Path]]:
    """Yield two folders to write segments to: one for temporary segments, one for permanent ones.

    Without a `segment_dir` both are deleted at the end, but open segments stay readable. Raises OSError.
    """
    if segment_dir:
        segment_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".new-" if segment_dir else "verbatim-",
        dir=segment_dir and segment_dir.parent,
        # A process may end while a thread is still in here, and both would remove the same files.
        ignore_cleanup_errors=True,
    ) as scratch:
        yield Path(scratch), segment_dir or Path(scratch)


def saved_index_dir(folder: Path, index_dir: Path, quote_chars: int = QUOTE_CHARS) -> Path:
    """Return the folder in `index_dir` that the index of a documents folder is saved in."""
    return index_dir / _index_name(folder, quote_chars)


def _index_name(folder: Path, quote_chars: int) -> str:
    """Return the name of a saved index: a digest of its folder and maximum quote length."""
    digest = hashlib.blake2b(f"{quote_chars} ".encode(), digest_size=16)
    digest.update(str(folder.resolve()).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
