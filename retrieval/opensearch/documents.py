"""The OpenSearch documents of an index: one for each passage and file, and one for the vector sample."""

import hashlib
import json
from binascii import a2b_base64, b2a_base64
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from retrieval.documents.file_records import FileRecord, record_from_row, record_to_row
from retrieval.embeddings.vector_store import Embeddings
from retrieval.ids import document_id, document_of
from retrieval.index.context_fields import context_tokens
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.segment import Segment
from retrieval.index.spelling import is_correction_candidate
from retrieval.index.tokenizer import fold
from retrieval.loaders.chunking import table_of_contents
from retrieval.model import Passage, Section
from retrieval.opensearch import mappings
from retrieval.opensearch.bulk import BulkItem
from retrieval.opensearch.codec import pack
from retrieval.opensearch.passage_vectors import VectorSample, encode, stored_vectors

# About as many as fit into one bulk request.
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
            "document": document_id(name),
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
    return BulkItem(mappings.SAMPLE_ID, json.dumps(body).encode())


class DocumentReader:
    """Reads documents of a segment as bulk items, and collects their headings and words meanwhile.

    With `embeddings`, passages are stored with vectors; exhaust `encode` before `batches`.
    """

    def __init__(self, segment: Segment, documents: Sequence[int], embeddings: Embeddings | None) -> None:
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
            yield from encode(self._segment, list(chain.from_iterable(self._ranges)), self._embeddings)

    def batches(self) -> Iterator[list[BulkItem]]:
        """Yield the passages in order, in batches."""
        numbers = list(chain.from_iterable(self._ranges))
        ordinals = list(chain.from_iterable(range(len(own)) for own in self._ranges))
        for at in range(0, len(numbers), _PASSAGES_PER_BATCH):
            yield self._read_batch(
                numbers[at : at + _PASSAGES_PER_BATCH], ordinals[at : at + _PASSAGES_PER_BATCH]
            )

    def stored_record(self, record: FileRecord) -> StoredFileRecord:
        """Return a file's record with what was collected, after all its passages were read."""
        name = record.file.name
        return StoredFileRecord(record, table_of_contents(self._headings[name]), frozenset(self._words[name]))

    def _read_batch(self, numbers: Sequence[int], ordinals: Sequence[int]) -> list[BulkItem]:
        passages, forward = self._segment.candidates(numbers)
        self._collect(passages, forward)
        terms = mappings.spell_terms(forward.vocabulary.terms)
        tokens, cuts = forward.tokens.values.tolist(), pairwise(forward.tokens.offsets.tolist())
        store = self._embeddings.store if self._embeddings else None
        vectors = stored_vectors(self._segment, numbers, store) if store is not None else None
        packed = pack(passages, forward, ordinals, vectors)
        rows = zip(passages, ordinals, cuts, _context_terms(passages), packed, strict=True)
        return [
            _passage_item(passage, n, [terms[form] for form in tokens[first:last]], context, data)
            for passage, n, (first, last), context, data in rows
        ]

    def _collect(self, passages: Sequence[Passage], forward: ForwardIndex) -> None:
        for passage in passages:
            self._headings[passage.document].append(passage.heading)
        names = {name: at for at, name in enumerate(dict.fromkeys(passage.document for passage in passages))}
        document_of_passage = np.array([names[passage.document] for passage in passages])
        owners = np.repeat(np.arange(len(passages)), forward.tokens.lengths)
        lengths = forward.vocabulary.lengths[forward.tokens.values]
        (words,) = np.nonzero((lengths >= _MIN_WORD_CHARS) & (lengths <= _MAX_WORD_CHARS))
        keys = document_of_passage[owners[words]] * len(forward.vocabulary) + forward.tokens.values[words]
        # The first occurrence of each form in each document.
        _, first = np.unique(keys, return_index=True)
        at = words[first]
        occurrences = zip(owners[at].tolist(), forward.starts[at].tolist(), lengths[at].tolist(), strict=True)
        for owner, start, length in occurrences:
            passage = passages[owner]
            word = _fold(passage.text[start : start + length], passage.language)
            if word and is_correction_candidate(word):
                self._words[passage.document].add(word)


def _fold(word: str, language: str) -> str:
    return word.casefold() if word.isascii() and language != "tr" else fold(word, language)


def _context_terms(passages: Sequence[Passage]) -> Iterator[list[str]]:
    """Yield the distinct terms of each passage's context fields."""
    vocabulary, rows = context_tokens(passages)
    terms, values = mappings.spell_terms(vocabulary.terms), rows.values.tolist()
    for first, last in pairwise(rows.offsets.tolist()):
        yield list(dict.fromkeys(terms[form] for form in values[first:last]))


def _passage_item(
    passage: Passage, ordinal: int, terms: Sequence[str], context: Sequence[str], packed: bytes
) -> BulkItem:
    # Ids, digests and language codes need no escaping, so this is safe, and ten times as fast as json.dumps.
    body = (
        f'{{"document":"{document_of(passage.id)}","n":{ordinal},"tokens":{len(terms)},'
        f'"language":"{passage.language}","terms":"{" ".join(terms)}",'
        f'"context":"{" ".join(context)}","path":{json.dumps(passage.document)},"b":"'
    )
    return BulkItem(passage.id, b'%s%s"}' % (body.encode(), b2a_base64(packed, newline=False)))
