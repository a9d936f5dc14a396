"""What is written to a cluster: a segment's passages, and what became of each file."""

import hashlib
import json
from binascii import a2b_base64, b2a_base64
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np

from retrieval.documents.file_records import FileRecord, from_row, to_row
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
from retrieval.opensearch.passage_vectors import VectorSample, encode, vectors_of

# Passages that are packed at a time, about as many as go into one request.
_AT_ONCE = 1_000
# Shorter words are no misspelt one's right spelling; longer ones the cluster would cut in pieces.
_SHORTEST_WORD, _LONGEST_WORD = 3, 200


def record_id(name: str) -> str:
    """Return the id of a file's stored record."""
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredFileRecord:
    """What became of a file, and of its document the headings and the words that people may misspell."""

    record: FileRecord
    sections: tuple[Section, ...] = ()
    words: frozenset[str] = frozenset()

    def entry(self) -> BulkItem:
        sections = [[one.heading, one.level, one.first] for one in self.sections]
        name = self.record.file.name
        told = json.dumps([to_row(self.record), sections]).encode()
        body = {
            "document": document_id(name),
            "name": name,
            "words": " ".join(sorted(self.words)),
            "b": b2a_base64(told, newline=False).decode("ascii"),
        }
        return BulkItem(record_id(name), json.dumps(body).encode())

    @classmethod
    def read(cls, stored: str) -> "StoredFileRecord":
        """Read what was kept, but for the words."""
        record, sections = json.loads(a2b_base64(stored))
        return cls(from_row(record), tuple(Section(*row) for row in sections))


def sample_entry(sample: VectorSample) -> BulkItem:
    body = {"b": b2a_base64(sample.packed(), newline=False).decode("ascii")}
    return BulkItem(mappings.SAMPLE, json.dumps(body).encode())


class Reader:
    """Reads documents of a segment, and notes of each by its name what `Noted` tells.

    With `embeddings` the passages have vectors, once all of `encode` was gone through.
    """

    def __init__(self, segment: Segment, documents: Sequence[int], embeddings: Embeddings | None) -> None:
        self._segment = segment
        self._embeddings = embeddings
        self._ranges = [range(*segment.document_starts[one : one + 2].tolist()) for one in documents]
        self._headings: defaultdict[str, list[tuple[str, ...]]] = defaultdict(list)
        self._words: defaultdict[str, set[str]] = defaultdict(set)

    def encode(self) -> Iterator[int]:
        """Make the vectors that the passages lack, some at a time, and yield how many. Blocks."""
        if self._embeddings:
            yield from encode(self._segment, list(chain.from_iterable(self._ranges)), self._embeddings)

    def parts(self) -> Iterator[list[BulkItem]]:
        """Yield the passages in order, in parts."""
        numbers = list(chain.from_iterable(self._ranges))
        ordinals = list(chain.from_iterable(range(len(own)) for own in self._ranges))
        for at in range(0, len(numbers), _AT_ONCE):
            yield self._part(numbers[at : at + _AT_ONCE], ordinals[at : at + _AT_ONCE])

    def noted(self, record: FileRecord) -> StoredFileRecord:
        """Return a file's record, after all its passages were read."""
        name = record.file.name
        return StoredFileRecord(record, table_of_contents(self._headings[name]), frozenset(self._words[name]))

    def _part(self, numbers: Sequence[int], ordinals: Sequence[int]) -> list[BulkItem]:
        passages, forward = self._segment.candidates(numbers)
        self._note(passages, forward)
        terms = mappings.spelt(forward.vocabulary.terms)
        tokens, cuts = forward.tokens.values.tolist(), pairwise(forward.tokens.offsets.tolist())
        store = self._embeddings.store if self._embeddings else None
        vectors = vectors_of(self._segment, numbers, store) if store is not None else None
        packed = pack(passages, forward, ordinals, vectors)
        rows = zip(passages, ordinals, cuts, _contexts(passages), packed, strict=True)
        return [
            _entry(passage, n, [terms[form] for form in tokens[first:last]], context, told)
            for passage, n, (first, last), context, told in rows
        ]

    def _note(self, passages: Sequence[Passage], forward: ForwardIndex) -> None:
        for passage in passages:
            self._headings[passage.document].append(passage.heading)
        names = {name: at for at, name in enumerate(dict.fromkeys(one.document for one in passages))}
        of_passage = np.array([names[passage.document] for passage in passages])
        owners = np.repeat(np.arange(len(passages)), forward.tokens.lengths)
        lengths = forward.vocabulary.lengths[forward.tokens.values]
        (long,) = np.nonzero((lengths >= _SHORTEST_WORD) & (lengths <= _LONGEST_WORD))
        keys = of_passage[owners[long]] * len(forward.vocabulary) + forward.tokens.values[long]
        # Each form once a document, where it stands first.
        _, first = np.unique(keys, return_index=True)
        at = long[first]
        places = zip(owners[at].tolist(), forward.starts[at].tolist(), lengths[at].tolist(), strict=True)
        for owner, start, length in places:
            passage = passages[owner]
            word = _folded(passage.text[start : start + length], passage.language)
            if word and is_correction_candidate(word):
                self._words[passage.document].add(word)


def _folded(word: str, language: str) -> str:
    return word.casefold() if word.isascii() and language != "tr" else fold(word, language)


def _contexts(passages: Sequence[Passage]) -> Iterator[list[str]]:
    """Yield the terms of each passage's context, each once."""
    forms, rows = context_tokens(passages)
    terms, values = mappings.spelt(forms.terms), rows.values.tolist()
    for first, last in pairwise(rows.offsets.tolist()):
        yield list(dict.fromkeys(terms[form] for form in values[first:last]))


def _entry(
    passage: Passage, ordinal: int, terms: Sequence[str], context: Sequence[str], packed: bytes
) -> BulkItem:
    # Ids, digests and codes of languages need no escapes: ten times as fast as writing any JSON.
    body = (
        f'{{"document":"{document_of(passage.id)}","n":{ordinal},"tokens":{len(terms)},'
        f'"language":"{passage.language}","terms":"{" ".join(terms)}",'
        f'"context":"{" ".join(context)}","path":{json.dumps(passage.document)},"b":"'
    )
    return BulkItem(passage.id, b'%s%s"}' % (body.encode(), b2a_base64(packed, newline=False)))
