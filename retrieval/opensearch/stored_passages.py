"""The content of an index in a cluster: passages with their vectors, file records, and settings.

Each passage is an OpenSearch document with the digests of its terms, in their order. So is the record of each
file of the documents folder, and a sample of the vectors. The metadata of the index is in its `_meta`.

A passage is stored as bytes together with its forward index, so that no text is tokenised for a question:
unpacking 64 passages takes 2 ms; tokenising them took 5 ms in English and more in Chinese. The first of its
vectors is that of the whole, then come those of its pieces in order.
"""

import hashlib
import json
import os
from binascii import a2b_base64, b2a_base64
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from itertools import chain, islice, pairwise
from pathlib import Path
from struct import Struct
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from retrieval.documents.file_records import FileRecord, record_from_row, record_to_row
from retrieval.embeddings.encoder import Encoder, QuestionVectors, Vectors
from retrieval.embeddings.vector_store import (
    FILE_NAME,
    EmbeddingStore,
    EncoderText,
    VectorStore,
    baseline,
    sample_rows,
)
from retrieval.errors import ProblemKind
from retrieval.index import segment
from retrieval.index.candidates import MeaningScores
from retrieval.index.forward_index import ForwardIndex, heading_tokens
from retrieval.index.inverted_index import K1, B, RaggedArray, Vocabulary, row_ends
from retrieval.index.manifest import format_id
from retrieval.index.segment import Segment
from retrieval.index.spelling import is_correction_candidate
from retrieval.language import fold
from retrieval.loaders.chunking import table_of_contents
from retrieval.model import Passage, Problem, Section, Span, document_id_of, make_document_id
from retrieval.opensearch.client import BulkItem

# Texts in a batch, which takes half a second to a second. Larger batches are not faster.
_TEXTS_PER_THREAD = 16
_PASSAGES_PER_BLOCK = 1_000
# The numbers of wholes, pieces and dimensions.
_SAMPLE_HEADER = Struct("<III")


@dataclass(frozen=True, slots=True)
class PassageVectors:
    """The vectors of some passages, quantized to 8 bits a dimension.

    `counts` are the numbers of vectors of each passage: one for the whole and one for each piece, or 0. A
    vector is its row of `numbers`, shape (vectors, dimensions), times its scale.
    """

    counts: NDArray[np.int64]
    scales: NDArray[np.float32]
    numbers: NDArray[np.int8]

    @classmethod
    def quantize(cls, counts: NDArray[np.int64], vectors: Vectors) -> Self:
        """Quantize vectors; quantizing dequantized vectors again does not change them."""
        scales = np.maximum(np.abs(vectors).max(axis=1, initial=0), 1e-9) / 127
        return cls(counts, scales.astype(np.float32), np.rint(vectors / scales[:, None]).astype(np.int8))

    @classmethod
    def empty(cls, passages: int) -> Self:
        """Return the vectors of passages that were not encoded."""
        return cls(np.zeros(passages, np.int64), np.zeros(0, np.float32), np.zeros((0, 0), np.int8))

    @property
    def dimensions(self) -> int:
        return int(self.numbers.shape[1])

    def take(self, passages: NDArray[np.intp]) -> "PassageVectors":
        """Return the vectors of these passages, in the order given."""
        positions, counts = RaggedArray.from_lengths(self.counts, self.scales).positions(passages)
        return PassageVectors(counts, self.scales[positions], self.numbers[positions])

    def wholes(self) -> Vectors:
        """Return the vectors of whole passages, without those that were not encoded."""
        return self._dequantize(self._is_whole())

    def pieces(self) -> Vectors:
        """Return the vectors of all pieces, in the order of the passages."""
        return self._dequantize(~self._is_whole())

    def sample(self) -> "VectorSample":
        return VectorSample(sample_rows(self.wholes()), sample_rows(self.pieces()))

    def _is_whole(self) -> NDArray[np.bool_]:
        is_whole = np.zeros(len(self.scales), np.bool_)
        is_whole[row_ends(self.counts)[:-1][self.counts > 0]] = True
        return is_whole

    def _dequantize(self, mask: NDArray[np.bool_]) -> Vectors:
        vectors: Vectors = self.numbers[mask].astype(np.float32) * self.scales[mask, None]
        return vectors


@dataclass(frozen=True, slots=True)
class VectorSample:
    """Vectors of a sample of an index's passages and of their pieces, from which baselines are computed."""

    wholes: Vectors
    pieces: Vectors

    def compare(self, passages: PassageVectors, question: QuestionVectors) -> MeaningScores | None:
        """Return similarities to a question and their baselines, or None if a passage was not encoded."""
        if not len(passages.counts) or not passages.counts.all():
            return None
        vector = question.vector
        wholes: Vectors = passages.wholes() @ vector - np.float32(baseline(self.wholes, vector))
        pieces = passages.pieces()
        baselines = np.full(len(pieces), baseline(self.pieces, vector), np.float32)
        return MeaningScores(vector, wholes, pieces, baselines)

    def pack(self) -> bytes:
        vectors = PassageVectors.quantize(
            np.array([len(self.wholes) + len(self.pieces)]), np.concatenate([self.wholes, self.pieces])
        )
        header = _SAMPLE_HEADER.pack(len(self.wholes), len(self.pieces), vectors.dimensions)
        return header + vectors.scales.astype("<f4").tobytes() + vectors.numbers.tobytes()

    @classmethod
    def unpack(cls, stored: str) -> Self:
        """Return a packed sample, given in base64."""
        data = a2b_base64(stored)
        wholes, pieces, dimensions = _SAMPLE_HEADER.unpack_from(data)
        count = wholes + pieces
        scales = np.frombuffer(data, "<f4", count, _SAMPLE_HEADER.size)
        numbers = np.frombuffer(data, np.int8, count * dimensions, _SAMPLE_HEADER.size + scales.nbytes)
        vectors: Vectors = numbers.reshape(count, dimensions).astype(np.float32) * scales[:, None]
        return cls(vectors[:wholes], vectors[wholes:])


def cached_embeddings(encoder: Encoder, index_dir: Path | None, alias: str) -> EmbeddingStore:
    """Return the encoder with its vectors for this alias, stored in a file if there is an `index_dir`."""
    path = index_dir and index_dir / f"cluster-{alias}" / FILE_NAME
    return EmbeddingStore(encoder, VectorStore(path, encoder.name, encoder.dimensions))


def encode_missing_passages(
    segment: Segment, numbers: Sequence[int], embeddings: EmbeddingStore
) -> Iterator[int]:
    """Encode the texts of passages that have no vectors yet; yield the size of each batch. Blocks."""
    for start in range(0, len(numbers), _PASSAGES_PER_BLOCK):
        block = numbers[start : start + _PASSAGES_PER_BLOCK]
        keys = segment.encoder_keys.take(np.array(block, np.int64))
        # Positions in `keys`; a text of several passages is encoded for the first of them.
        missing = embeddings.store.missing(keys.values)
        if not len(missing):
            continue
        passages = np.unique(np.repeat(block, keys.lengths)[missing])
        texts = _each_text_once(segment.encoder_texts(passages.tolist()), set(keys.values[missing].tolist()))
        threads = os.cpu_count() or 1
        while batch := list(islice(texts, _TEXTS_PER_THREAD * threads)):
            embeddings.encode(batch, threads)
            yield len(batch)


def stored_vectors(segment: Segment, numbers: Sequence[int], store: VectorStore) -> PassageVectors:
    """Return the vectors of passages of a segment. Raises ValueError if one is not in the store."""
    keys = segment.encoder_keys.take(np.array(numbers, np.int64))
    rows = store.rows(keys.values)
    if (rows < 0).any():
        raise ValueError(f"{segment.path}: {(rows < 0).sum()} texts are not encoded")
    return PassageVectors.quantize(keys.lengths, store.vectors(rows))


def _each_text_once(texts: Iterator[EncoderText], wanted: set[int]) -> Iterator[EncoderText]:
    for text in texts:
        if text.key in wanted:
            wanted.discard(text.key)
            yield text


# Increase it when the layout of what is stored changes: indexes are then rebuilt.
FORMAT_VERSION = 7
_ALPHABET = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", np.uint8)
_TERM_CHARS = 11

# The id of the document with the vector sample, if the passages have vectors.
SAMPLE_ID = "sample"

PASSAGES_FILTER: Mapping[str, Any] = {"exists": {"field": "n"}}


@dataclass(frozen=True, slots=True)
class IndexMetadata:
    """The `_meta` of an index.

    `alias` marks the index as ours. `base` is the index that `alias` pointed to when this one was begun. The
    fields from `size` to `version` are set when the index is `done`; `length` is in tokens. `model` is the
    name of the encoder of the stored vectors, empty if there are none.
    """

    alias: str
    shards: int
    quote_chars: int
    base: str | None = None
    format: int = FORMAT_VERSION
    format_id: str = ""
    done: bool = False
    size: int = 0
    length: int = 0
    languages: tuple[str, ...] = ()
    version: str = ""
    problems: tuple[Problem, ...] = ()
    model: str = ""

    @classmethod
    def new(cls, alias: str, shards: int, quote_chars: int, model: str) -> Self:
        return cls(alias, shards, quote_chars, format=FORMAT_VERSION, format_id=format_id(), model=model)

    @classmethod
    def read(cls, meta: Mapping[str, Any]) -> Self | None:
        """Return the metadata, or None for an index that is not ours or of another format."""
        if meta.get("format") != FORMAT_VERSION:
            return None
        try:
            problems = tuple(
                Problem(name, reason, ProblemKind(kind), *rest)
                for name, reason, kind, *rest in meta["problems"]
            )
            return cls(**{**meta, "languages": tuple(meta["languages"]), "problems": problems})
        except (LookupError, TypeError, ValueError):
            return None

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"problems": [astuple(problem) for problem in self.problems]}

    def fits(self, other: "IndexMetadata") -> bool:
        """Return whether passages of the other index can be copied into this one unchanged."""
        mine = (self.alias, self.shards, self.quote_chars, self.format, self.format_id, self.model)
        return mine == (
            other.alias,
            other.shards,
            other.quote_chars,
            other.format,
            other.format_id,
            other.model,
        )


def index_definition(metadata: IndexMetadata) -> dict[str, Any]:
    """Return the settings and mappings of a new index."""
    return {
        "settings": {
            "number_of_shards": metadata.shards,
            **BULK_LOAD_SETTINGS,
            "similarity": {"ours": {"type": "BM25", "k1": K1, "b": B}},
        },
        "mappings": {
            "dynamic": "strict",
            # Passages are stored once, in `b`. Sources, even temporary ones, triple the disk space.
            "_source": {"enabled": False, "recovery_source_enabled": False},
            "_meta": metadata.to_json(),
            "properties": {
                "document": {"type": "keyword"},
                "n": {"type": "integer"},
                "tokens": {"type": "integer"},
                "language": {"type": "keyword"},
                "terms": {
                    "type": "text",
                    "analyzer": "whitespace",
                    "similarity": "ours",
                    "index_options": "freqs",
                },
                # The heading fields.
                "context": {
                    "type": "text",
                    "analyzer": "whitespace",
                    "index_options": "docs",
                    "norms": False,
                },
                # The document's name, which orders passages of equal scores.
                "path": {"type": "keyword", "index": False},
                "b": {"type": "binary", "store": True},
                "name": {"type": "keyword"},
                "words": {
                    "type": "text",
                    "analyzer": "whitespace",
                    "index_options": "docs",
                    "norms": False,
                },
            },
        },
    }


# Replicas are made of the finished index; until then it is not searched.
BULK_LOAD_SETTINGS = {
    "number_of_replicas": 0,
    "auto_expand_replicas": False,
    "refresh_interval": "-1",
    "blocks.write": None,
    "merge.policy.expunge_deletes_allowed": 0,
}


def finished_settings(replicas: int) -> dict[str, Any]:
    """Return the settings of a finished index: read-only, with up to `replicas` replicas, one per node."""
    return {"index": {"auto_expand_replicas": f"0-{replicas}" if replicas else False, "blocks.write": True}}


def spell_terms(terms: NDArray[np.uint64]) -> list[str]:
    """Return the digests of terms as words of 11 characters, which the whitespace analyzer does not split."""
    shifts = np.arange(0, 6 * _TERM_CHARS, 6, dtype=np.uint64)
    characters = _ALPHABET[((terms[:, None] >> shifts) & np.uint64(63)).astype(np.intp)]
    text = characters.tobytes().decode("ascii")
    return [text[start : start + _TERM_CHARS] for start in range(0, len(text), _TERM_CHARS)]


STORED_FIELD_ONLY: Mapping[str, Any] = {"_source": False, "stored_fields": ["b"]}


def stored_field(hit: Mapping[str, Any]) -> str:
    """Return the content of a hit: `b` in base64."""
    return str(hit["fields"]["b"][0])


# The numbers of forms, grams, tokens and pieces, the passage's ordinal in its document, and the number of
# vectors and of their dimensions.
_PACKED_HEADER = Struct("<HIIHIHH")


def pack_passages(
    passages: Sequence[Passage],
    forward: ForwardIndex,
    ordinals: Iterable[int],
    vectors: PassageVectors | None = None,
) -> list[bytes]:
    """Pack passages; `ordinals` are their positions in their documents."""
    vectors = vectors or PassageVectors.empty(len(passages))
    forms, tokens = forward.vocabulary, forward.tokens
    owners = np.repeat(np.arange(len(passages)), tokens.lengths)
    keys, local = np.unique(owners * max(len(forms), 1) + tokens.values, return_inverse=True)
    used = keys % max(len(forms), 1)
    cuts = np.searchsorted(keys, np.arange(len(passages) + 1) * max(len(forms), 1)).tolist()
    grams = forms.grams.take(used)
    gram_cuts = grams.offsets[cuts].tolist()
    local -= np.repeat(np.array(cuts[:-1], np.int64), tokens.lengths)
    terms, token_types = _to_bytes(forms.terms[used], "<u8"), _to_bytes(forms.token_types[used], "<u1")
    lengths, counts = _to_bytes(forms.lengths[used], "<u2"), _to_bytes(grams.lengths, "<u2")
    codes = _to_bytes(grams.values, "<u4")
    numbers, starts = _to_bytes(local, "<u2"), _to_bytes(forward.starts, "<u2")
    columns = [forward.pieces.values, forward.piece_ends, forward.piece_tokens]
    pieces = _to_bytes(np.stack(columns, axis=1), "<u2")
    scales, dimensions = _to_bytes(vectors.scales, "<f4"), vectors.dimensions
    vector_numbers = vectors.numbers.tobytes()
    rows = zip(
        passages,
        ordinals,
        pairwise(cuts),
        pairwise(gram_cuts),
        pairwise(tokens.offsets.tolist()),
        pairwise(forward.pieces.offsets.tolist()),
        pairwise(row_ends(vectors.counts).tolist()),
        strict=True,
    )
    return [
        b"".join(
            (
                _PACKED_HEADER.pack(
                    f[1] - f[0], g[1] - g[0], t[1] - t[0], p[1] - p[0], n, v[1] - v[0], dimensions
                ),
                terms[8 * f[0] : 8 * f[1]],
                codes[4 * g[0] : 4 * g[1]],
                lengths[2 * f[0] : 2 * f[1]],
                counts[2 * f[0] : 2 * f[1]],
                numbers[2 * t[0] : 2 * t[1]],
                starts[2 * t[0] : 2 * t[1]],
                pieces[6 * p[0] : 6 * p[1]],
                token_types[f[0] : f[1]],
                scales[4 * v[0] : 4 * v[1]],
                vector_numbers[dimensions * v[0] : dimensions * v[1]],
                _encode_record(passage),
            )
        )
        for passage, n, f, g, t, p, v in rows
    ]


# The columns in their order: the bytes of an element, and the header field that counts the elements. After
# the last one, the scales of the vectors, come the vectors' numbers.
_PACKED_COLUMNS = ((8, 0), (4, 1), (2, 0), (2, 0), (2, 2), (2, 2), (6, 3), (1, 0), (4, 5))


@dataclass(frozen=True, slots=True)
class DecodedPassages:
    """Unpacked passages; `ordinals` are their positions in their documents.

    The names of the forms are 0: only merging segments needs them.
    """

    records: Sequence[bytes]
    forward: ForwardIndex
    ordinals: NDArray[np.int64]
    vectors: PassageVectors

    def passage(self, number: int) -> Passage:
        return _decode_record(self.records[number])

    def passages(self) -> list[Passage]:
        return [_decode_record(record) for record in self.records]


def unpack_passages(stored: Iterable[str]) -> DecodedPassages:
    """Unpack passages from base64, in the given order."""
    columns: list[list[bytes]] = [[] for _ in _PACKED_COLUMNS]
    headers: list[tuple[int, ...]] = []
    records: list[bytes] = []
    vector_numbers: list[bytes] = []
    for row in stored:
        data = a2b_base64(row)
        header = _PACKED_HEADER.unpack_from(data)
        headers.append(header)
        offset = _PACKED_HEADER.size
        for column, (width, field) in zip(columns, _PACKED_COLUMNS, strict=True):
            end = offset + width * header[field]
            column.append(data[offset:end])
            offset = end
        end = offset + header[5] * header[6]
        vector_numbers.append(data[offset:end])
        records.append(data[end:])
    terms, codes, lengths, counts, numbers, starts, pieces, token_types, scales = map(b"".join, columns)
    sizes = np.array(headers, np.int64).reshape(-1, 7)
    first = np.cumsum(sizes[:, 0]) - sizes[:, 0]
    values = np.frombuffer(numbers, "<u2") + np.repeat(first, sizes[:, 2])
    cuts = np.frombuffer(pieces, "<u2").reshape(-1, 3)
    digests = np.frombuffer(terms, "<u8")
    vocabulary = Vocabulary(
        np.zeros(len(digests), np.uint64),
        digests,
        np.frombuffer(token_types, np.uint8),
        np.frombuffer(lengths, "<u2"),
        RaggedArray.from_lengths(np.frombuffer(counts, "<u2"), np.frombuffer(codes, "<u4")),
    )
    forward = ForwardIndex(
        vocabulary,
        RaggedArray.from_lengths(sizes[:, 2], values.astype(np.int32)),
        np.frombuffer(starts, "<u2"),
        RaggedArray.from_lengths(sizes[:, 3], cuts[:, 0]),
        cuts[:, 1],
        cuts[:, 2],
    )
    dimensions = int(sizes[:, 6].max(initial=0))
    vectors = PassageVectors(
        sizes[:, 5],
        np.frombuffer(scales, "<f4"),
        np.frombuffer(b"".join(vector_numbers), np.int8).reshape(int(sizes[:, 5].sum()), dimensions),
    )
    return DecodedPassages(records, forward, sizes[:, 4], vectors)


def _to_bytes(numbers: NDArray[Any], dtype: str) -> bytes:
    return numbers.astype(dtype).tobytes()


# From the paragraph's number to the label of the place.
_PLACE_FIELDS = 5


def _encode_record(passage: Passage) -> bytes:
    fields = [
        passage.id,
        passage.document_name,
        passage.title,
        passage.span.start,
        passage.heading,
        passage.line,
        passage.paragraph,
        passage.language,
        passage.page,
        passage.unit,
        passage.label,
        segment.encode_line_marks(passage),
        passage.paragraphs,
        segment.encode_labels(passage),
        *segment.encode_scan(passage),
    ]
    return f"{json.dumps(fields, separators=(',', ':'))}\n{passage.text}".encode()


def _decode_record(record: bytes) -> Passage:
    fields, _, text = record.decode().partition("\n")
    passage_id, document, title, start, heading, line, *rest = json.loads(fields)
    place, (lines, paragraphs, labels, *scan) = rest[:_PLACE_FIELDS], rest[_PLACE_FIELDS:]
    span = Span(start, start + len(text))
    place += [segment.decode_line_marks(lines, line), tuple(paragraphs), segment.decode_labels(labels)]
    place.append(segment.decode_scan(scan))
    return Passage(passage_id, document, title, span, text, tuple(heading), line, *place)


# About the number that fits into one bulk request.
_PASSAGES_PER_BATCH = 1_000
# Shorter words are never suggested as corrections; the whitespace analyzer would split longer ones.
_MIN_WORD_CHARS, _MAX_WORD_CHARS = 3, 200


def record_id(name: str) -> str:
    """Return the id of a file's stored record."""
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredFileRecord:
    """A file's record, and its document's headings and words that misspelt ones can be corrected to."""

    record: FileRecord
    sections: tuple[Section, ...] = ()
    words: frozenset[str] = frozenset()

    def bulk_item(self) -> BulkItem:
        sections = [[section.heading, section.level, section.first] for section in self.sections]
        name = self.record.file.name
        data = json.dumps([record_to_row(self.record), sections]).encode()
        body = {
            "document": make_document_id(name),
            "name": name,
            "words": " ".join(sorted(self.words)),
            "b": b2a_base64(data, newline=False).decode("ascii"),
        }
        return BulkItem(record_id(name), json.dumps(body).encode())

    @classmethod
    def read(cls, stored: str) -> "StoredFileRecord":
        """Return the stored record without the words, which are indexed but not stored."""
        record, sections = json.loads(a2b_base64(stored))
        return cls(record_from_row(record), tuple(Section(*row) for row in sections))


def sample_item(sample: VectorSample) -> BulkItem:
    body = {"b": b2a_base64(sample.pack(), newline=False).decode("ascii")}
    return BulkItem(SAMPLE_ID, json.dumps(body).encode())


class BulkItemReader:
    """Reads documents of a segment as bulk items, and collects their headings and words.

    With `embeddings`, passages are stored with vectors; exhaust `encode` before `batches`.
    """

    def __init__(self, segment: Segment, documents: Sequence[int], embeddings: EmbeddingStore | None) -> None:
        self._segment = segment
        self._embeddings = embeddings
        self._ranges = [
            range(*segment.document_starts[ordinal : ordinal + 2].tolist()) for ordinal in documents
        ]
        self._headings: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
        self._words: defaultdict[str, set[str]] = defaultdict(set)

    def encode(self) -> Iterator[int]:
        """Encode the texts that have no vectors yet; yield the size of each batch. Blocks."""
        if self._embeddings:
            yield from encode_missing_passages(
                self._segment, list(chain.from_iterable(self._ranges)), self._embeddings
            )

    def batches(self) -> Iterator[list[BulkItem]]:
        """Yield the passages in order, in batches."""
        numbers = list(chain.from_iterable(self._ranges))
        ordinals = list(chain.from_iterable(range(len(passage_range)) for passage_range in self._ranges))
        for start in range(0, len(numbers), _PASSAGES_PER_BATCH):
            yield self._read_batch(
                numbers[start : start + _PASSAGES_PER_BATCH], ordinals[start : start + _PASSAGES_PER_BATCH]
            )

    def stored_record(self, record: FileRecord) -> StoredFileRecord:
        """Return a file's record with what was collected, after all its passages were read."""
        name = record.file.name
        return StoredFileRecord(record, table_of_contents(self._headings[name]), frozenset(self._words[name]))

    def _read_batch(self, numbers: Sequence[int], ordinals: Sequence[int]) -> list[BulkItem]:
        passages, forward = self._segment.candidates(numbers)
        self._collect(passages, forward)
        terms = spell_terms(forward.vocabulary.terms)
        tokens, cuts = forward.tokens.values.tolist(), pairwise(forward.tokens.offsets.tolist())
        store = self._embeddings.store if self._embeddings else None
        vectors = stored_vectors(self._segment, numbers, store) if store is not None else None
        packed = pack_passages(passages, forward, ordinals, vectors)
        rows = zip(passages, ordinals, cuts, _heading_terms(passages), packed, strict=True)
        return [
            _passage_item(passage, n, [terms[form] for form in tokens[first:last]], headings, data)
            for passage, n, (first, last), headings, data in rows
        ]

    def _collect(self, passages: Sequence[Passage], forward: ForwardIndex) -> None:
        for passage in passages:
            self._headings[passage.document_name].append(passage.heading)
        names = {
            name: number
            for number, name in enumerate(dict.fromkeys(passage.document_name for passage in passages))
        }
        document_of_passage = np.array([names[passage.document_name] for passage in passages])
        owners = np.repeat(np.arange(len(passages)), forward.tokens.lengths)
        lengths = forward.vocabulary.lengths[forward.tokens.values]
        (words,) = np.nonzero((lengths >= _MIN_WORD_CHARS) & (lengths <= _MAX_WORD_CHARS))
        keys = document_of_passage[owners[words]] * len(forward.vocabulary) + forward.tokens.values[words]
        # The first occurrence of each form in each document.
        _, first = np.unique(keys, return_index=True)
        positions = words[first]
        occurrences = zip(
            owners[positions].tolist(),
            forward.starts[positions].tolist(),
            lengths[positions].tolist(),
            strict=True,
        )
        for owner, start, length in occurrences:
            passage = passages[owner]
            word = _fold(passage.text[start : start + length], passage.language)
            if word and is_correction_candidate(word):
                self._words[passage.document_name].add(word)


def _fold(word: str, language: str) -> str:
    return word.casefold() if word.isascii() and language != "tr" else fold(word, language)


def _heading_terms(passages: Sequence[Passage]) -> Iterator[list[str]]:
    """Yield the distinct terms of each passage's heading fields."""
    vocabulary, rows = heading_tokens(passages)
    terms, values = spell_terms(vocabulary.terms), rows.values.tolist()
    for first, last in pairwise(rows.offsets.tolist()):
        yield list(dict.fromkeys(terms[form] for form in values[first:last]))


def _passage_item(
    passage: Passage, ordinal: int, terms: Sequence[str], headings: Sequence[str], packed: bytes
) -> BulkItem:
    # Ids, digests and language codes need no escaping, so this is safe, and ten times as fast as json.dumps.
    body = (
        f'{{"document":"{document_id_of(passage.id)}","n":{ordinal},"tokens":{len(terms)},'
        f'"language":"{passage.language}","terms":"{" ".join(terms)}",'
        f'"context":"{" ".join(headings)}","path":{json.dumps(passage.document_name)},"b":"'
    )
    return BulkItem(passage.id, b'%s%s"}' % (body.encode(), b2a_base64(packed, newline=False)))
