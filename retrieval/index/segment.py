"""Immutable segments of indexed passages, one file each, and live views without deleted documents.

A segment is a file of named arrays, which are mapped into memory, or read in parts without that. Mapped pages
that were touched count as the process's own memory until the system takes them back; parts that are read do
not. Several processes share one file, and a file that is deleted stays readable while it is open.
"""

import json
import mmap
import os
import tempfile
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, chain, islice, pairwise
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, overload
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.vector_store import EncoderText
from retrieval.errors import DamagedError
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.inverted_index import (
    BM25Weights,
    Float32Array,
    InvertedIndex,
    RaggedArray,
    Vocabulary,
    decode_passages,
    digest,
    digests,
)
from retrieval.model import LineMark, Page, Passage, ScanMark, Span

# The size of a cache line, and a multiple of every dtype's alignment.
_ALIGNMENT_BYTES = 64
_BLOCK_BYTES = 8 * 1024**2
# The file ends with the length of its JSON header, as a little-endian integer of this size.
_FOOTER_BYTES = 8


class ArrayWriter:
    """Writes arrays one after the other; `close` adds the header after them.

    The header is JSON: the dtype, start and length of each array, and any facts.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._arrays: dict[str, tuple[str, int, int]] = {}

    def add(self, name: str, blocks: NDArray[Any] | Iterable[NDArray[Any]], dtype: Any = None) -> None:
        """Write an array, whole or in blocks, which need a `dtype`. Raises OSError."""
        self._file.write(b"\0" * (-self._file.tell() % _ALIGNMENT_BYTES))
        start, size = self._file.tell(), 0
        for block in [blocks] if isinstance(blocks, np.ndarray) else blocks:
            dtype = np.dtype(block.dtype if dtype is None else dtype)
            self._file.write(np.ascontiguousarray(block, dtype).data.cast("B") if len(block) else b"")
            size += len(block)
        self._arrays[name] = np.dtype(dtype).str, start, size

    def close(self, facts: Any) -> None:
        header = json.dumps({"arrays": self._arrays, "facts": facts}).encode()
        self._file.write(header + len(header).to_bytes(_FOOTER_BYTES, "little"))


class ArrayFile:
    """A file of one-dimensional arrays, opened for reading."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises OSError, and ValueError if it is damaged or of another kind."""
        self.path = path
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        # When the process ends, the system closes it.
        weakref.finalize(self, os.close, self._file).atexit = False
        size = os.fstat(self._file).st_size
        footer = os.pread(self._file, _FOOTER_BYTES, max(size - _FOOTER_BYTES, 0))
        header_start = size - _FOOTER_BYTES - int.from_bytes(footer, "little")
        if header_start < 0:
            raise ValueError(f"{path}: damaged")
        self._map = mmap.mmap(self._file, 0, prot=mmap.PROT_READ)
        try:
            header = json.loads(os.pread(self._file, size - _FOOTER_BYTES - header_start, header_start))
            self._arrays: dict[str, tuple[np.dtype[Any], int, int]] = {
                name: (np.dtype(dtype), start, count)
                for name, (dtype, start, count) in header["arrays"].items()
            }
            self.facts: Any = header["facts"]
            is_whole = all(
                start >= 0 <= count and start + dtype.itemsize * count <= header_start
                for dtype, start, count in self._arrays.values()
            )
        # numpy parses some dtype strings as Python, hence the SyntaxError.
        except (LookupError, TypeError, AttributeError, SyntaxError):
            is_whole = False
        if not is_whole:
            raise ValueError(f"{path}: damaged")

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return an array that is mapped into memory, read-only."""
        dtype, start, count = self._arrays[name]
        return np.frombuffer(self._map, dtype, count, start) if count else np.zeros(0, dtype)

    def read(self, name: str, first: int, last: int) -> bytes:
        """Read the elements `first` to `last` (exclusive) of an array, as bytes."""
        (part,) = self.read_each(name, [(first, last)])
        return part

    def read_each(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read several ranges of elements of an array, as bytes."""
        dtype, start, _ = self._arrays[name]
        file, size, pread = self._file, dtype.itemsize, os.pread
        if len(ranges) > 1 and hasattr(os, "posix_fadvise"):
            # The disk then reads all that is not cached at once, not one range after the other.
            for first, last in ranges:
                os.posix_fadvise(file, start + size * first, size * (last - first), os.POSIX_FADV_WILLNEED)
        return [pread(file, size * (last - first), start + size * first) for first, last in ranges]

    def blocks(self, name: str, first: int, last: int) -> Iterator[NDArray[Any]]:
        """Read the elements `first` to `last` (exclusive) in blocks of up to 8 MB."""
        dtype, _, _ = self._arrays[name]
        step = _BLOCK_BYTES // dtype.itemsize
        for start in range(first, last, step):
            yield np.frombuffer(self.read(name, start, min(start + step, last)), dtype)

    def copy(self, path: Path) -> None:
        """Write a copy to `path`, atomically. Raises OSError."""
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
            for start in range(0, len(self._map), _BLOCK_BYTES):
                file.write(os.pread(self._file, _BLOCK_BYTES, start))
            file.flush()
        Path(file.name).replace(path)

    def release_pages(self) -> None:
        """Take the mapped pages out of the process's memory; the system's cache keeps them."""
        self._map.madvise(mmap.MADV_DONTNEED)


# The first letter and the length in characters.
Bucket = tuple[str, int]


class SpellingDictionary:
    """The words of a segment, read from its file a bucket at a time."""

    def __init__(self, arrays: ArrayFile, buckets: Sequence[Bucket]) -> None:
        """Open what `write_buckets` wrote; `buckets` are as it returned them."""
        self._arrays = arrays
        ranges = pairwise(arrays["spelling_offsets"].tolist())
        # Where the words of each bucket are, in bytes. JSON has made lists of the buckets.
        self.buckets: dict[Bucket, tuple[int, int]] = {
            (letter, length): byte_range for (letter, length), byte_range in zip(buckets, ranges, strict=True)
        }

    def words(self, bucket: Bucket) -> list[str]:
        """Return the words of a bucket, sorted."""
        if bucket not in self.buckets:
            return []
        text = self._arrays.read("spelling", *self.buckets[bucket]).decode("utf-8", "surrogatepass")
        return [text[start : start + bucket[1]] for start in range(0, len(text), bucket[1])]


def encode_line_marks(passage: Passage) -> list[int]:
    """Return a passage's line marks as differences between neighbours: offset and line in turn."""
    marks = (LineMark(0, passage.line), *passage.lines)
    return [number for a, b in pairwise(marks) for number in (b.start - a.start, b.line - a.line)]


def decode_line_marks(numbers: Sequence[int], line: int) -> tuple[LineMark, ...]:
    """Return the line marks of a passage that begins in `line`; the inverse of `encode_line_marks`."""
    starts = accumulate(numbers[::2])
    lines = islice(accumulate(numbers[1::2], initial=line), 1, None)
    return tuple(map(LineMark, starts, lines))


def encode_labels(passage: Passage) -> list[int | str]:
    """Return the labels of the places that begin inside a passage: offset and label in turn."""
    return [value for page in passage.labels for value in (page.start, page.label)]


def decode_labels(values: Sequence[Any]) -> tuple[Page, ...]:
    """Return the places that `encode_labels` was given."""
    return tuple(map(Page, values[::2], values[1::2]))


def encode_scan(passage: Passage) -> list[list[int | None]]:
    """Return what only passages that were read by OCR have: offset and confidence of their marks in turn.

    It is the last field of a stored passage, and missing in others.
    """
    if not passage.scan:
        return []
    return [[value for mark in passage.scan for value in (mark.start, mark.confidence)]]


def decode_scan(values: Sequence[Sequence[Any]]) -> tuple[ScanMark, ...]:
    """Return the marks that `encode_scan` was given."""
    return tuple(map(ScanMark, values[0][::2], values[0][1::2])) if values else ()


SUFFIX = ".segment"
_decode_json = json.JSONDecoder().raw_decode
Mask = NDArray[np.bool_]
MaskedSegment = tuple["Segment", Mask]


class DocumentName(NamedTuple):
    name: str
    title: str


class PassageRecord(NamedTuple):
    """A passage as stored, without its tokens; the count of its pieces (uint16) comes before.

    `pieces` has three uint16 for each piece (start, end, number of tokens), `starts` a uint16 for each
    token. `body` is a line of JSON and the text. All numbers are little-endian.
    """

    pieces: bytes
    starts: bytes
    body: bytes


class Segment:
    """An immutable file of whole documents: their passages and all that is indexed of them.

    Documents have ordinals, passages have numbers, both from 0 in the order of the file.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises OSError, and ValueError if it is damaged."""
        self.arrays = arrays = ArrayFile(path)
        self.vocabulary = Vocabulary(
            arrays["form_names"],
            arrays["form_terms"],
            arrays["form_kinds"],
            arrays["form_lengths"],
            RaggedArray(arrays["gram_offsets"], arrays["grams"]),
        )
        self.postings = InvertedIndex(
            arrays["terms"],
            RaggedArray(arrays["list_offsets"], arrays["postings"]),
            arrays["passage_lengths"],
        )
        self.heading_fields = InvertedIndex(
            arrays["context_terms"],
            RaggedArray(arrays["context_offsets"], arrays["context_postings"]),
            arrays["context_lengths"],
        )
        # Keys of each passage's texts in a vector store.
        self.encoder_keys = RaggedArray(arrays["encoder_offsets"], arrays["encoder_keys"])
        self.spelling = SpellingDictionary(arrays, arrays.facts["shelves"])
        # The first passage of each document, and the number of passages at the end.
        self.document_starts: NDArray[np.int64] = arrays["documents"]
        self.languages: Counter[str] = Counter(arrays.facts["languages"])
        # Reused working memory, an int32 for each form; a thread takes one and puts it back.
        self._scratch: list[NDArray[np.int32]] = []
        self.document_name = lru_cache(maxsize=1024)(self._read_document_name)

    def __len__(self) -> int:
        return len(self.postings.lengths)

    @property
    def path(self) -> Path:
        return self.arrays.path

    def document_of(self, passages: NDArray[Any]) -> NDArray[np.intp]:
        """Return the ordinal of each passage's document."""
        return np.searchsorted(self.document_starts, passages, side="right") - 1

    def document_ordinal(self, document_id: str) -> int | None:
        """Return the ordinal of the document with this id, or None."""
        (ordinals,) = np.nonzero(self.arrays["document_names"] == np.uint64(digest(document_id)))
        return int(ordinals[-1]) if len(ordinals) else None

    def document_ordinals(self, documents: Sequence[str]) -> list[int]:
        """Return the ordinals of the documents with these ids, without those not in this segment."""
        return np.flatnonzero(np.isin(self.arrays["document_names"], digests(documents))).tolist()

    def passages(self, numbers: Sequence[int]) -> list[Passage]:
        """Read passages, in the order of `numbers`."""
        return [self._parse(record.body, document) for record, document in self._read_records(numbers)]

    def candidates(self, numbers: Sequence[int]) -> tuple[list[Passage], ForwardIndex]:
        """Read passages and their forward index, in the order of `numbers`."""
        records = self._read_records(numbers)
        forward = self._build_forward(numbers, [record for record, _ in records])
        return [self._parse(record.body, document) for record, document in records], forward

    def encoder_texts(self, numbers: Sequence[int]) -> Iterator[EncoderText]:
        """Yield the texts that the encoder reads of these passages."""
        for record, document in self._read_records(numbers):
            pieces = np.frombuffer(record.pieces, "<u2").reshape(-1, 3)
            passage = self._parse(record.body, document)
            yield from encoder_texts(passage, pieces[:, 0].tolist(), pieces[:, 1].tolist())

    def forward(self, numbers: Sequence[int]) -> ForwardIndex:
        """Read the forward index of passages, in the order of `numbers`."""
        return self._build_forward(numbers, [record for record, _ in self._read_records(numbers)])

    def _build_forward(self, numbers: Sequence[int], records: Sequence[PassageRecord]) -> ForwardIndex:
        tokens = b"".join(self._read_rows("tokens", "token_offsets", numbers))
        used, forms = self._renumber(np.frombuffer(tokens, np.int32))
        lengths = np.array([len(record.starts) for record in records], np.int64) // 2
        piece_counts = np.array([len(record.pieces) for record in records], np.int64) // 6
        pieces = np.frombuffer(b"".join([record.pieces for record in records]), np.uint16).reshape(-1, 3)
        return ForwardIndex(
            self.vocabulary.take(used),
            RaggedArray.from_lengths(lengths, forms),
            np.frombuffer(b"".join([record.starts for record in records]), np.uint16),
            RaggedArray.from_lengths(piece_counts, pieces[:, 0]),
            pieces[:, 1],
            pieces[:, 2],
        )

    def _renumber(self, forms: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return the distinct forms, and for each of `forms` its index among them.

        The same as np.unique with return_inverse, but unsorted and in linear time.
        """
        try:
            index = self._scratch.pop()
        except IndexError:
            # Other threads are using them.
            index = np.zeros(len(self.vocabulary), np.int32)
        order = np.arange(len(forms), dtype=np.int32)
        index[forms] = order
        used = forms[index[forms] == order]
        index[used] = np.arange(len(used), dtype=np.int32)
        renumbered = index[forms]
        self._scratch.append(index)
        return used, renumbered

    def _read_records(self, numbers: Sequence[int]) -> list[tuple[PassageRecord, int]]:
        """Return the record of each passage and the ordinal of its document.

        Raises DamagedError if a record does not match its checksum.
        """
        rows = self._read_rows("records", "record_offsets", numbers)
        lengths = self.postings.lengths[numbers].tolist()
        documents = self.document_of(np.array(numbers, np.int64)).tolist()
        checksums = self.arrays["record_sums"][numbers].tolist()
        if [crc32(row) for row in rows] != checksums:
            raise DamagedError(f"{self.path}: damaged; run `verbatim index` to rebuild it")
        records = [_split_record(row, length) for row, length in zip(rows, lengths, strict=True)]
        return list(zip(records, documents, strict=True))

    def _parse(self, body: bytes, document_ordinal: int) -> Passage:
        decoded = body.decode()
        head, end = _decode_json(decoded)
        passage_id, start, heading, line, paragraph, language, page, unit, label, lines, *later = head
        paragraphs, labels, *scan = later
        text = decoded[end + 1 :]
        name, title = self.document_name(document_ordinal)
        return Passage(
            passage_id,
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
            decode_line_marks(lines, line),
            tuple(paragraphs),
            decode_labels(labels),
            decode_scan(scan),
        )

    def passage_languages(self) -> NDArray[np.str_]:
        """Return the language code of each passage, shape (passages,)."""
        names = np.array(list(self.languages) or [""], np.str_)
        languages: NDArray[np.str_] = names[self.arrays["passage_languages"]]
        return languages

    def count_languages(self, mask: Mask) -> Counter[str]:
        """Count the passages of each language where `mask` is true."""
        counts = np.bincount(self.arrays["passage_languages"][mask], minlength=len(self.languages)).tolist()
        return Counter(dict(zip(self.languages, counts, strict=True)))

    def _read_document_name(self, document: int) -> DocumentName:
        (row,) = self._read_rows("document_rows", "document_offsets", [document])
        return DocumentName(*json.loads(row))

    def _read_rows(self, name: str, offsets: str, numbers: Sequence[int]) -> list[bytes]:
        """Read rows of the array `name`, which begin at the array `offsets`."""
        bounds = self.arrays[offsets]
        ranges = zip(bounds[numbers].tolist(), bounds[np.add(numbers, 1)].tolist(), strict=True)
        return self.arrays.read_each(name, list(ranges))


def _split_record(row: bytes, length: int) -> PassageRecord:
    """Split the stored row of a passage of `length` tokens."""
    pieces = 2 + 6 * int.from_bytes(row[:2], "little")
    starts = pieces + 2 * length
    return PassageRecord(row[2:pieces], row[pieces:starts], row[starts:])


class Passages(Sequence[Passage]):
    """Passages `first` to `last` (exclusive) of a segment, each read on access. None has no passages."""

    def __init__(self, segment: Segment | None, first: int, last: int) -> None:
        self._segment, self._numbers = segment, range(first, last)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> Passage: ...
    @overload
    def __getitem__(self, at: slice) -> "Passages": ...
    def __getitem__(self, at: int | slice) -> "Passage | Passages":
        selected = self._numbers[at]
        if isinstance(selected, range):
            return Passages(self._segment, selected.start, selected.stop)
        if self._segment is None:
            raise IndexError(at)
        return self._segment.passages([selected])[0]

    def ordinal(self, passage_id: str) -> int | None:
        """Return the position in this sequence of the passage with this id, or None."""
        if self._segment is None:
            return None
        names = self._segment.arrays["passage_names"][self._numbers.start : self._numbers.stop]
        (positions,) = np.nonzero(names == np.uint64(digest(passage_id)))
        return int(positions[0]) if len(positions) else None


@dataclass(frozen=True, slots=True)
class LiveSegment:
    """A segment without the documents that have changed or been removed since it was written.

    `deleted` has the ordinals of those documents. `alive` is true for each passage (of the whole segment)
    that is not of one. `size` is the number of these passages, `length` the number of their tokens.
    """

    segment: Segment
    deleted: frozenset[int] = frozenset()
    alive: NDArray[np.bool_] = field(init=False, compare=False)
    size: int = field(init=False)
    length: int = field(init=False)
    languages: Counter[str] = field(init=False)
    # The number of deleted passages in a posting list, by the list's row.
    _deleted_counts: dict[int, int] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        segment = self.segment
        alive = np.ones(len(segment), np.bool_)
        for document in self.deleted:
            alive[slice(*segment.document_starts[document : document + 2].tolist())] = False
        set_ = object.__setattr__
        set_(self, "alive", alive)
        set_(self, "size", int(alive.sum()))
        set_(self, "length", int(segment.postings.lengths.sum(where=alive, dtype=np.int64)))
        set_(self, "languages", segment.count_languages(alive) if self.deleted else segment.languages)
        set_(self, "_deleted_counts", self._count_terms(np.flatnonzero(~alive)) if self.deleted else {})

    def without(self, documents: Iterable[int]) -> "LiveSegment":
        """Return the segment with these documents, by ordinal, deleted as well."""
        deleted = self.deleted.union(documents)
        return self if deleted == self.deleted else LiveSegment(self.segment, deleted)

    def posting_lists(self, terms: NDArray[np.uint64]) -> list[tuple[NDArray[np.uint32], int]]:
        """Return for each term, by digest, its posting list and its document frequency.

        The list still has the deleted passages; the frequency counts the others only.
        """
        postings, deleted_counts = self.segment.postings, self._deleted_counts
        lists = ((row, postings.posting_list(row)) for row in postings.rows(terms))
        return [(posting_list, len(posting_list) - deleted_counts.get(row, 0)) for row, posting_list in lists]

    def heading_posting_lists(self, terms: NDArray[np.uint64]) -> list[NDArray[np.uint32]]:
        """Return for each term, by digest, the postings of the passages whose heading fields have it."""
        fields = self.segment.heading_fields
        lists = [fields.posting_list(row) for row in fields.rows(terms)]
        return (
            [posting_list[self.alive[decode_passages(posting_list)]] for posting_list in lists]
            if self.deleted
            else lists
        )

    def approximate_norms(self, weighting: BM25Weights) -> Float32Array:
        """Return the length norm of each passage in 32 bits, shape (passages,).

        Deleted passages have an infinite norm, so that every term scores 0 in them.
        """
        lengths = self.segment.postings.lengths
        norms = weighting.norms(np.arange(int(lengths.max(initial=0)) + 1)).astype(np.float32)[lengths]
        if self.deleted:
            norms[~self.alive] = np.inf
        return norms

    def _count_terms(self, passages: NDArray[np.intp]) -> dict[int, int]:
        """Return for each term that these passages have, by its posting list's row, how many have it."""
        forward = self.segment.forward(passages.tolist())
        terms, term_of_form = np.unique(forward.vocabulary.terms, return_inverse=True)
        owners = np.repeat(np.arange(len(passages)), forward.tokens.lengths)
        pairs = np.unique(owners * max(len(terms), 1) + term_of_form[forward.tokens.values])
        counts = np.bincount(pairs % max(len(terms), 1), minlength=len(terms))
        return dict(zip(self.segment.postings.rows(terms), counts.tolist(), strict=True))


# The texts of a passage that the encoder reads: the whole with its headings, and each piece alone.
#
# The whole represents the subject of the passage, a piece represents a quote. The vector of a longer quote is
# the mean of its pieces' vectors, weighted by length. That finds as many answers as a vector of the quote
# itself (figures in docs/ranking.md).

_MAX_HEADINGS_CHARS = 160
_MAX_INPUT_CHARS = 1_600


def encoder_keys(
    passages: Sequence[Passage], pieces: RaggedArray, piece_ends: NDArray[np.uint16]
) -> RaggedArray:
    """Return the keys (uint64) of the texts of each passage: of the whole, then of its pieces.

    `pieces` has the piece starts of each passage, `piece_ends` the ends of the same pieces, in characters.
    """
    starts, ends = pieces.values.tolist(), piece_ends.tolist()
    texts = [
        [_passage_text(passage), *_piece_texts(passage, starts[first:last], ends[first:last])]
        for passage, (first, last) in zip(passages, pairwise(pieces.offsets.tolist()), strict=True)
    ]
    lengths = np.array([len(row) for row in texts], np.int64)
    return RaggedArray.from_lengths(lengths, digests(chain.from_iterable(texts)))


def encoder_texts(passage: Passage, starts: Sequence[int], ends: Sequence[int]) -> Iterator[EncoderText]:
    """Yield the texts of a passage with pieces from `starts` to `ends`, in the order of `encoder_keys`."""
    whole = _passage_text(passage)
    yield EncoderText(digest(whole), whole, is_whole=True)
    for text in _piece_texts(passage, starts, ends):
        yield EncoderText(digest(text), text, is_whole=False)


def _passage_text(passage: Passage) -> str:
    """Return the title, the last two headings (each once) and the text, all cut to what the encoder reads."""
    parts = dict.fromkeys((passage.title, *passage.heading[-2:]))
    headings = " - ".join(part for part in parts if part)[:_MAX_HEADINGS_CHARS]
    return f"{headings}: {' '.join(passage.text[:_MAX_INPUT_CHARS].split())}"


def _piece_texts(passage: Passage, starts: Sequence[int], ends: Sequence[int]) -> Iterator[str]:
    for start, end in zip(starts, ends, strict=True):
        yield " ".join(passage.text[start:end].split())
