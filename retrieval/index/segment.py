"""Immutable segments of indexed passages, one file each, and live views that leave out deleted documents."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple, overload
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import DamagedError
from retrieval.index import encoder_inputs, spelling
from retrieval.index.arrays import ArrayFile, RaggedArray
from retrieval.index.bm25 import Postings, Rough, Weighting, passages_of
from retrieval.index.encoder_inputs import EncoderText
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.vocabulary import Vocabulary, digest, digests
from retrieval.model import LineMark, Passage, Span


def packed(passage: Passage) -> list[int]:
    """Return the differences between the marks: offsets and lines in turn, beginning with the passage's."""
    marks = (LineMark(0, passage.line), *passage.lines)
    return [number for a, b in pairwise(marks) for number in (b.start - a.start, b.line - a.line)]


def unpacked(numbers: Sequence[int], line: int) -> tuple[LineMark, ...]:
    """Return the marks of a passage that begins in this line."""
    starts = accumulate(numbers[::2])
    lines = islice(accumulate(numbers[1::2], initial=line), 1, None)
    return tuple(map(LineMark, starts, lines))


SUFFIX = ".segment"
_decode = json.JSONDecoder().raw_decode
Mask = NDArray[np.bool_]
Kept = tuple["Segment", Mask]


class DocumentName(NamedTuple):
    """A document of a segment."""

    name: str
    title: str


class PassageRecord(NamedTuple):
    """A passage as it is on the disk, after the number of its pieces (uint16) and without its tokens.

    `pieces` are three uint16 each (start, end, tokens), `starts` the tokens' (uint16); `told` is a line of
    JSON and the text.
    """

    pieces: bytes
    starts: bytes
    told: bytes


class Segment:
    """The passages of whole documents, one document after the other. Damaged: OSError, ValueError."""

    def __init__(self, path: Path) -> None:
        self.columns = columns = ArrayFile(path)
        self.forms = Vocabulary(
            columns["form_names"],
            columns["form_terms"],
            columns["form_kinds"],
            columns["form_lengths"],
            RaggedArray(columns["gram_offsets"], columns["grams"]),
        )
        self.postings = Postings(
            columns["terms"],
            RaggedArray(columns["list_offsets"], columns["postings"]),
            columns["passage_lengths"],
        )
        self.context = Postings(
            columns["context_terms"],
            RaggedArray(columns["context_offsets"], columns["context_postings"]),
            columns["context_lengths"],
        )
        # By these a vector store knows what the encoder reads of each passage.
        self.encoder_keys = RaggedArray(columns["encoder_offsets"], columns["encoder_keys"])
        self.spelling = spelling.Spelling(columns, columns.facts["shelves"])
        # Where each document's passages begin, and the last one's end.
        self.documents: NDArray[np.int64] = columns["documents"]
        self.languages: Counter[str] = Counter(columns.facts["languages"])
        # Working memory, taken by one and put back for the next.
        self._places: list[NDArray[np.int32]] = []
        self.named = lru_cache(maxsize=1024)(self._named)

    def __len__(self) -> int:
        return len(self.postings.lengths)

    @property
    def path(self) -> Path:
        return self.columns.path

    def document_of(self, passages: NDArray[Any]) -> NDArray[np.intp]:
        """Give the ordinals of the passages' documents."""
        return np.searchsorted(self.documents, passages, side="right") - 1

    def find(self, document: str) -> int | None:
        """Give the ordinal of the document with this id, if it is here."""
        (found,) = np.nonzero(self.columns["document_names"] == np.uint64(digest(document)))
        return int(found[-1]) if len(found) else None

    def find_all(self, documents: Sequence[str]) -> list[int]:
        """Give the ordinals of the documents with these ids that are here."""
        return np.flatnonzero(np.isin(self.columns["document_names"], digests(documents))).tolist()

    def passages(self, numbers: Sequence[int]) -> list[Passage]:
        """Read passages, in that order."""
        return [self._passage(record.told, document) for record, document in self._records(numbers)]

    def candidates(self, numbers: Sequence[int]) -> tuple[list[Passage], ForwardIndex]:
        """Read passages, in that order, and what the second stage needs of them."""
        records = self._records(numbers)
        forward = self._forward(numbers, [record for record, _ in records])
        return [self._passage(record.told, document) for record, document in records], forward

    def encoder_texts(self, numbers: Sequence[int]) -> Iterator[EncoderText]:
        """Yield what the encoder reads of passages."""
        for record, document in self._records(numbers):
            pieces = np.frombuffer(record.pieces, "<u2").reshape(-1, 3)
            passage = self._passage(record.told, document)
            yield from encoder_inputs.encoder_texts(passage, pieces[:, 0].tolist(), pieces[:, 1].tolist())

    def forward(self, numbers: Sequence[int]) -> ForwardIndex:
        """Read what the second stage needs of passages."""
        return self._forward(numbers, [record for record, _ in self._records(numbers)])

    def _forward(self, numbers: Sequence[int], records: Sequence[PassageRecord]) -> ForwardIndex:
        read = b"".join(self._rows("tokens", "token_offsets", numbers))
        used, forms = self._distinct(np.frombuffer(read, np.int32))
        lengths = np.array([len(record.starts) for record in records], np.int64) // 2
        piece_counts = np.array([len(record.pieces) for record in records], np.int64) // 6
        pieces = np.frombuffer(b"".join([record.pieces for record in records]), np.uint16).reshape(-1, 3)
        return ForwardIndex(
            self.forms.take(used),
            RaggedArray.counted(lengths, forms),
            np.frombuffer(b"".join([record.starts for record in records]), np.uint16),
            RaggedArray.counted(piece_counts, pieces[:, 0]),
            pieces[:, 1],
            pieces[:, 2],
        )

    def _distinct(self, forms: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Give the different forms, and each form's place among them: as np.unique does, without sorting."""
        place = self._places.pop() if self._places else np.zeros(len(self.forms), np.int32)
        order = np.arange(len(forms), dtype=np.int32)
        place[forms] = order
        used = forms[place[forms] == order]
        place[used] = np.arange(len(used), dtype=np.int32)
        found = place[forms]
        self._places.append(place)
        return used, found

    def _records(self, numbers: Sequence[int]) -> list[tuple[PassageRecord, int]]:
        """Read records, and the ordinals of their documents."""
        rows = self._rows("records", "record_offsets", numbers)
        lengths = self.postings.lengths[numbers].tolist()
        documents = self.document_of(np.array(numbers, np.int64)).tolist()
        sums = self.columns["record_sums"][numbers].tolist()
        if [crc32(row) for row in rows] != sums:
            raise DamagedError(f"{self.path}: is damaged; `verbatim index` makes it anew")
        records = [_record(row, length) for row, length in zip(rows, lengths, strict=True)]
        return list(zip(records, documents, strict=True))

    def _passage(self, told: bytes, document: int) -> Passage:
        words = told.decode()
        head, end = _decode(words)
        identity, start, heading, line, paragraph, language, page, unit, label, lines, paragraphs = head
        text = words[end + 1 :]
        name, title = self.named(document)
        return Passage(
            identity,
            name,
            title,
            Span(start, start + len(text)),
            text,
            tuple(heading),
            line,
            paragraph,
            language,
            page,
            unit,
            label,
            unpacked(lines, line),
            tuple(paragraphs),
        )

    def passage_languages(self) -> NDArray[np.str_]:
        """Return the language of each passage."""
        names = np.array(list(self.languages) or [""], np.str_)
        languages: NDArray[np.str_] = names[self.columns["passage_languages"]]
        return languages

    def counted(self, kept: Mask) -> Counter[str]:
        """Count the passages of each language among some."""
        counts = np.bincount(self.columns["passage_languages"][kept], minlength=len(self.languages)).tolist()
        return Counter(dict(zip(self.languages, counts, strict=True)))

    def _named(self, document: int) -> DocumentName:
        (row,) = self._rows("document_rows", "document_offsets", [document])
        return DocumentName(*json.loads(row))

    def _rows(self, name: str, offsets: str, numbers: Sequence[int]) -> list[bytes]:
        """Read rows, in that order."""
        at = self.columns[offsets]
        places = zip(at[numbers].tolist(), at[np.add(numbers, 1)].tolist(), strict=True)
        return self.columns.read_each(name, list(places))


def _record(row: bytes, length: int) -> PassageRecord:
    pieces = 2 + 6 * int.from_bytes(row[:2], "little")
    starts = pieces + 2 * length
    return PassageRecord(row[2:pieces], row[pieces:starts], row[starts:])


class Passages(Sequence[Passage]):
    """Neighbouring passages of a segment, each read when it is asked for."""

    def __init__(self, segment: Segment | None, first: int, last: int) -> None:
        self._segment, self._numbers = segment, range(first, last)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> Passage: ...
    @overload
    def __getitem__(self, at: slice) -> "Passages": ...
    def __getitem__(self, at: int | slice) -> "Passage | Passages":
        found = self._numbers[at]
        if isinstance(found, range):
            return Passages(self._segment, found.start, found.stop)
        if self._segment is None:
            raise IndexError(at)
        return self._segment.passages([found])[0]

    def ordinal(self, identity: str) -> int | None:
        """Tell which of these has this id."""
        if self._segment is None:
            return None
        names = self._segment.columns["passage_names"][self._numbers.start : self._numbers.stop]
        (found,) = np.nonzero(names == np.uint64(digest(identity)))
        return int(found[0]) if len(found) else None


@dataclass(frozen=True, slots=True)
class LiveSegment:
    """A segment and the ordinals of its documents that are `gone`, which count for nothing.

    `kept` tells which passages stay, `size` how many they are, `length` their tokens.
    """

    segment: Segment
    gone: frozenset[int] = frozenset()
    kept: NDArray[np.bool_] = field(init=False, compare=False)
    size: int = field(init=False)
    length: int = field(init=False)
    languages: Counter[str] = field(init=False)
    # For each row of the postings how many of its passages are gone.
    _lost: dict[int, int] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        segment = self.segment
        kept = np.ones(len(segment), np.bool_)
        for document in self.gone:
            kept[slice(*segment.documents[document : document + 2].tolist())] = False
        set_ = object.__setattr__
        set_(self, "kept", kept)
        set_(self, "size", int(kept.sum()))
        set_(self, "length", int(segment.postings.lengths.sum(where=kept, dtype=np.int64)))
        set_(self, "languages", segment.counted(kept) if self.gone else segment.languages)
        set_(self, "_lost", self._counted(np.flatnonzero(~kept)) if self.gone else {})

    def without(self, documents: Iterable[int]) -> "LiveSegment":
        gone = self.gone.union(documents)
        return self if gone == self.gone else LiveSegment(self.segment, gone)

    def lists(self, terms: NDArray[np.uint64]) -> list[tuple[NDArray[np.uint32], int]]:
        """Give the posting list of each term, by its digest, and how many of these passages hold it."""
        postings, lost = self.segment.postings, self._lost
        found = ((row, postings.postings(row)) for row in postings.rows(terms))
        return [(own, len(own) - lost.get(row, 0)) for row, own in found]

    def context_lists(self, terms: NDArray[np.uint64]) -> list[NDArray[np.uint32]]:
        """Return for each term, by its digest, the postings of the passages whose context holds it."""
        context = self.segment.context
        lists = [context.postings(row) for row in context.rows(terms)]
        return [own[self.kept[passages_of(own)]] for own in lists] if self.gone else lists

    def rough_norms(self, weighting: Weighting) -> Rough:
        """Give the norms of all passages; a passage that is gone scores nothing by its infinite one."""
        lengths = self.segment.postings.lengths
        norms = weighting.norms(np.arange(int(lengths.max(initial=0)) + 1)).astype(np.float32)[lengths]
        if self.gone:
            norms[~self.kept] = np.inf
        return norms

    def _counted(self, passages: NDArray[np.intp]) -> dict[int, int]:
        """Count the terms of some passages, each once a passage."""
        forward = self.segment.forward(passages.tolist())
        terms, of_form = np.unique(forward.forms.terms, return_inverse=True)
        owners = np.repeat(np.arange(len(passages)), forward.tokens.lengths)
        pairs = np.unique(owners * max(len(terms), 1) + of_form[forward.tokens.values])
        counts = np.bincount(pairs % max(len(terms), 1), minlength=len(terms))
        return dict(zip(self.segment.postings.rows(terms), counts.tolist(), strict=True))
