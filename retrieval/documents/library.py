"""The documents folder and its index."""

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np

from retrieval.documents import file_listing as listing
from retrieval.documents.file_listing import FileEntry
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
from retrieval.documents.ingestion import ingest, render_page
from retrieval.embeddings import vector_store
from retrieval.embeddings.encoder import Encoder
from retrieval.embeddings.vector_store import Embeddings, VectorStore, missing_keys
from retrieval.errors import EncoderError
from retrieval.ids import document_id, document_of
from retrieval.index import manifest
from retrieval.index.bm25 import MOST_PASSAGES
from retrieval.index.local_index import LocalIndex
from retrieval.index.merge_policy import delete_segments, merge_due, merge_new
from retrieval.index.segment import LiveSegment, Segment
from retrieval.loaders.chunking import table_of_contents
from retrieval.model import Answer, Citation, Passage, PassageContext, Problem, Section, Source, TermWeight
from retrieval.pipeline import answer, explain

QUOTE_CHARS = 300

Progress = Callable[[int, int], None]

_MOST_ANSWERS = 256
# Leaves that are open at a time while documents are read: each takes two of the process' files.
_MOST_OPEN = 200
# What is put together of larger leaves takes longer than an update may.
_SOON = 20_000
# Texts: half a second to a second on one core. Larger batches are no faster.
_ENCODED_AT_ONCE = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Library:
    """What a documents folder held when it was read. Never changes: an update makes a new one.

    `version` is another one whenever the documents, or what is made of them, are. `records` tells what became
    of each file by its name. Files that are `waiting` are to be read later. What is read is written to
    `place`, or to where it is forgotten when this is.
    """

    sources: tuple[Source, ...]
    problems: tuple[Problem, ...]
    index: LocalIndex
    quote_chars: int
    version: str
    folder: Path
    records: Mapping[str, FileRecord]
    place: Path | None
    waiting: frozenset[str]
    _by_id: Mapping[str, Source]
    _answers: dict[tuple[str, int, str | None, int], Answer]

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
        """Read the folder. Blocks. Only what changed is read since the index saved in `index_dir` was made.

        `before` is the library as it was: then nothing is looked up in `index_dir` nor saved there, which is
        for `save`. `fresh` reads everything anew, `thorough` looks whether what is
        saved is as it was written. A file written less than `quiet` seconds ago may be
        half: it stays as it was, and is `waiting`. Raises
        FolderError when the folder is missing or cannot be listed; an empty folder is fine. A document that
        cannot be read is named in `problems` and left out. `progress` is called with the number of documents
        read and their total. With an `encoder`, answers compare meanings as well, once `encode` was called.
        """
        files, problems = listing.list_files(folder)
        place = before.place if before else index_dir and index_dir / _name(folder, quote_chars)
        semantics = before.index.semantics if before else _semantics(encoder, place)
        saved = None if before or fresh or place is None else manifest.load(place, thorough=thorough)
        old = before or (saved and cls._saved(*saved, semantics, folder, quote_chars, place))
        known = old.records if old else {}
        records = unchanged(files, known)
        waiting = recently_modified(files, records, quiet)
        records |= {name: known[name] for name in waiting if name in known}
        changed = [file for file in files if file.name not in records and file.name not in waiting]
        if old and not changed and len(records) == len(known):
            if not before:
                _compact(old.index)
            return old.including(problems, waiting)
        stays = {known[name].source for name in records if name in known}
        gone = [one.source.id for one in known.values() if one.source and one.source not in stays]
        leaves = old.index.without(gone).leaves if old else ()
        # While a bot runs, somebody waits for what changed; the rest is for `tidied`.
        most = _SOON if before else MOST_PASSAGES

        def indexed(place: Path | None) -> tuple[LocalIndex, dict[str, FileRecord]]:
            noted = dict(records)
            with _workplace(place) as (scratch, target):
                read = _read(folder, changed, quote_chars, scratch, noted, progress)
                new = merge_new(read, target)
                index = LocalIndex(merge_due([*leaves, *new], target, most), semantics)
                delete_segments(new, index.leaves)
            return index, {name: noted[name] for name in sorted(noted)}

        try:
            index, ordered = indexed(place)
        except OSError:
            if place is None:
                raise
            # Who saves it says why that cannot be.
            index, ordered = indexed(None)
        library = cls._of(index, ordered, quote_chars, folder, place)
        if index_dir and not before:
            library.save(index_dir)
            _compact(index)
        return library.including(problems, waiting)

    @classmethod
    def _of(
        cls,
        index: LocalIndex,
        records: Mapping[str, FileRecord],
        quote_chars: int,
        folder: Path,
        place: Path | None,
    ) -> Self:
        listed = list_sources(records.values())
        return cls(
            sources=listed,
            problems=(),
            index=index,
            quote_chars=quote_chars,
            version=library_version(records.values(), manifest.format_id(), quote_chars),
            folder=folder,
            records=records,
            _by_id={source.id: source for source in listed},
            _answers={},
            place=place,
            waiting=frozenset(),
        )

    def including(self, problems: Iterable[Problem], waiting: frozenset[str]) -> Self:
        """Add what cannot be listed to what cannot be read, and what has to wait."""
        unread = [Problem(r.file.name, r.problem) for r in self.records.values() if r.problem]
        told = tuple(sorted([*problems, *unread], key=lambda one: one.name))
        return replace(self, problems=told, waiting=waiting)

    @classmethod
    def _saved(  # noqa: PLR0913, PLR0917
        cls,
        index: LocalIndex,
        about: Mapping[str, Any],
        semantics: Embeddings | None,
        folder: Path,
        quote_chars: int,
        place: Path | None,
    ) -> Self:
        noted = map(from_row, about["records"])
        index = LocalIndex(index.leaves, semantics)
        return cls._of(index, {one.file.name: one for one in noted}, quote_chars, folder, place)

    def encode(
        self,
        progress: Progress | None = None,
        *,
        stop: Callable[[], bool] = lambda: False,
        threads: int = 1,
    ) -> bool:
        """Make the vectors that are missing, those that are made being kept at once. Blocks.

        `progress` is called with the number of texts encoded and their total; `stop` is asked between
        batches, of a second or so. With several `threads` others than this one do the work. Return whether
        all texts have a vector. Raises EncoderError where the encoder cannot be loaded.
        """
        semantics = self.index.semantics
        if semantics is None:
            return False
        keys = self.index.encoder_keys()
        todo = keys[missing_keys(semantics.store, keys)]
        done = 0
        texts = self.index.encoder_texts(todo.tolist())
        while done < len(todo):
            if stop():
                return False
            batch = list(islice(texts, _ENCODED_AT_ONCE * threads))
            if not batch:
                return False
            semantics.encode(batch, threads)
            done += len(batch)
            if progress:
                progress(done, len(todo))
        return True

    @property
    def encodable(self) -> int:
        """How many different texts the encoder reads: 0 where meaning is not compared."""
        return len(np.unique(self.index.encoder_keys())) if self.index.semantics else 0

    @property
    def unencoded(self) -> int:
        """How many of them have no vector yet."""
        semantics = self.index.semantics
        return len(missing_keys(semantics.store, self.index.encoder_keys())) if semantics else 0

    def save(self, index_dir: Path) -> None:
        """Save the index and drop those of folders that are gone; not being able to costs time, no answer."""
        place = index_dir / _name(self.folder, self.quote_chars)
        about = {
            "folder": str(self.folder.resolve()),
            "records": [to_row(record) for record in self.records.values()],
        }
        try:
            manifest.save(self.index, place, about)
            manifest.delete_stale(index_dir, place)
        except OSError as error:
            reason = error.strerror or error
            _log.warning("INDEX_DIR=%s: the index cannot be saved there (%s)", index_dir, reason)

    def tidied(self) -> Self:
        """Put together what updates have left in pieces, also where that takes long. Blocks."""
        try:
            with _workplace(self.place) as (_, target):
                leaves = merge_due(self.index.leaves, target)
        except OSError as error:
            _log.warning("the index stays in pieces (%s)", error.strerror or error)
            return self
        if leaves == list(self.index.leaves):
            return self
        return replace(self, index=LocalIndex(leaves, self.index.semantics))

    @property
    def passages(self) -> int:
        """How many passages there are."""
        return self.index.size

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the documents, those with most passages first."""
        return self.index.languages

    async def answer(self, question: str, *, top: int = 5, earlier: str | None = None) -> Answer:
        """Answer any text; `earlier` is the question before it, which it may lean on."""
        semantics = self.index.semantics
        key = question, top, earlier, len(semantics.store) if semantics else 0
        if (known := self._answers.get(key)) is not None:
            return known
        asking = partial(answer, question, quote_chars=self.quote_chars, top=top, earlier=earlier)
        try:
            found = await asking(self.index)
        except EncoderError:
            # The encoder has told why.
            found = await asking(LocalIndex(self.index.leaves))
        found = replace(found, citations=tuple(map(self._with_copies, found.citations)))
        # Each turn of a page asks the same again, and people often ask what others did.
        self._answers[key] = found
        if len(self._answers) > _MOST_ANSWERS:
            del self._answers[next(iter(self._answers))]
        return found

    def _with_copies(self, citation: Citation) -> Citation:
        source = self._by_id[document_id(citation.document)]
        return replace(citation, copies=source.copies) if source.copies else citation

    async def explain(self, question: str) -> tuple[TermWeight, ...]:
        """Tell what each word of a question weighs."""
        return await explain(question, self.index)

    def source(self, identity: str) -> Source | None:
        """Give the document of an id, or None when there is none (any more)."""
        return self._by_id.get(identity)

    async def read(self, source: Source, first: int = 0) -> Sequence[Passage]:
        """Give the passages of a document, from one on; `first` is an ordinal in it."""
        return self.index.document(source.id)[first:]

    async def sections(self, source: Source) -> tuple[Section, ...]:
        """List the headings of a document that have text, in their order."""
        return table_of_contents(passage.heading for passage in await self.read(source))

    def file(self, source: Source) -> Path:
        """Give the path of a document's file."""
        return self.folder / source.name

    def picture(self, citation: Citation) -> bytes | None:
        """Draw the page a quote is on, if its document has pages, with the quote marked. Blocks."""
        return render_page(self.folder, citation)

    async def context(self, passage_id: str) -> PassageContext | None:
        """Give a passage and its neighbours, or None when there is no such passage (any more)."""
        own = self.index.document(document_of(passage_id))
        at = own.ordinal(passage_id)
        if at is None:
            return None
        before, after = own[at - 1] if at else None, own[at + 1] if at + 1 < len(own) else None
        return PassageContext(own[at], before, after, at)


def _semantics(encoder: Encoder | None, place: Path | None) -> Embeddings | None:
    if encoder is None:
        return None
    path = place and place / vector_store.FILE_NAME
    return Embeddings(encoder, VectorStore(path, encoder.name, encoder.dimensions))


def _compact(index: LocalIndex) -> None:
    """Forget vectors of texts that are gone, where they are many."""
    if index.semantics is None:
        return
    try:
        index.semantics.store.compact(index.encoder_keys())
    except OSError as error:
        _log.warning("%s: cannot be made smaller (%s)", index.semantics.store.path, error.strerror or error)


@contextmanager
def _workplace(place: Path | None) -> Iterator[tuple[Path, Path]]:
    """Give folders to write segments to: one for what is soon forgotten, one for what stays.

    Without a place both are gone afterwards: what is open can still be read. Raises OSError.
    """
    if place:
        place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=".new-" if place else "verbatim-", dir=place and place.parent
    ) as scratch:
        yield Path(scratch), place or Path(scratch)


def _read(  # noqa: PLR0913, PLR0917
    folder: Path,
    files: Sequence[FileEntry],
    longest_piece: int,
    scratch: Path,
    records: dict[str, FileRecord],
    progress: Progress | None,
) -> list[LiveSegment]:
    """Read files, note what became of them, and give what is indexed of them."""
    leaves: list[LiveSegment] = []
    originals = {record.text: name for name, record in records.items() if record.source}
    done = 0
    for batch in ingest(folder, files, longest_piece, scratch):
        copies: list[str] = []
        for file, result in batch.results:
            record = records[file.name] = file_record(file, result, originals)
            if record.source:
                originals[record.text] = file.name
            else:
                copies.append(document_id(file.name))
            done += 1
            if progress:
                progress(done, len(files))
        if batch.segment:
            segment = Segment(batch.segment)
            leaves.append(LiveSegment(segment).without(segment.find_all(copies)))
        if len(leaves) > _MOST_OPEN:
            leaves = merge_due(leaves, scratch)
    return [leaf for leaf in leaves if leaf.size]


def _name(folder: Path, quote_chars: int) -> str:
    """Name the saved index after the folder and what decides how it is cut."""
    digest = hashlib.blake2b(f"{quote_chars} ".encode(), digest_size=16)
    digest.update(str(folder.resolve()).encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
