"""The index on this machine: segments on disk, searched as one."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.encoder import Encoder, Vectors
from retrieval.embeddings.vector_store import Embeddings
from retrieval.errors import DamagedError
from retrieval.ids import document_id, document_of
from retrieval.index import segment_writer
from retrieval.index.arrays import RaggedArray
from retrieval.index.bm25 import (
    Float32Array,
    InvertedIndex,
    Ordinals,
    Scores,
    Weighting,
    decode_passages,
    gains,
    term_frequencies,
)
from retrieval.index.context_fields import CONTEXTS, context_weight, rarest
from retrieval.index.dense_index import DenseIndex
from retrieval.index.encoder_inputs import EncoderText
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.maxscore import SegmentQuery, kth_best, top_passages
from retrieval.index.protocol import Candidates, MeaningScores
from retrieval.index.segment import LiveSegment, Passages
from retrieval.index.spelling import find_correction
from retrieval.index.tokenizer import tokenize
from retrieval.index.vocabulary import digests
from retrieval.loaders.chunking import table_of_contents
from retrieval.model import Passage, Section

# Above so many postings a search is long enough (5 ms) to be done beside the event loop, which takes 0.1 ms.
_LONG = 1_000_000
_RARE = 0.1
# So many searches touch a good part of an index, which would then count as ours for ever; to give that back
# is worth the while where it is large (in bytes of posting lists).
_BETWEEN = 256
_LARGE = 64 * 1024**2
# Passages that the nearest vectors add to the candidates.
_NEAREST = 32
# The nearest are looked for anew when the store has grown by a twentieth.
_GROWN = 1.05
_READ_AT_ONCE = 1_000

# A leaf's ordinal and the number of a passage there.
Place = tuple[int, int]

# The posting list of each term (second axis) in each leaf (first axis).
Lists = Sequence[Sequence[NDArray[np.uint32]]]


@dataclass(frozen=True, slots=True)
class Hits:
    """Passages that were found, best first: their leaves' ordinals, their numbers there, their scores."""

    leaves: Ordinals
    numbers: Ordinals
    scores: Scores

    def take(self, order: Ordinals) -> "Hits":
        return Hits(self.leaves[order], self.numbers[order], self.scores[order])


class LocalIndex:
    """All passages of a library, as `leaves`. Never changes."""

    def __init__(self, leaves: Sequence[LiveSegment] = (), semantics: Embeddings | None = None) -> None:
        self.leaves = tuple(leaves)
        self.semantics = semantics
        self._dense: DenseIndex | None = None
        self.size = sum(leaf.size for leaf in leaves)
        counted = sum((leaf.languages for leaf in leaves), Counter[str]())
        self.languages = tuple(sorted(counted, key=lambda language: (-counted[language], language)))
        self._weighting = Weighting(self.size, sum(leaf.length for leaf in leaves))
        # What a search adds up in: taken by one, put back for the next.
        self._sums: list[Sequence[Float32Array]] = []
        self._searches = 0
        self._is_large = sum(leaf.segment.postings.lists.values.nbytes for leaf in self.leaves) > _LARGE

    @classmethod
    def build(cls, passages: Sequence[Passage], longest_piece: int) -> Self:
        """Index passages for as long as this is used."""
        if not passages:
            return cls()
        with tempfile.TemporaryDirectory() as folder:
            return cls([LiveSegment(segment_writer.build(Path(folder), passages, longest_piece))])

    @cached_property
    def _rough_norms(self) -> list[Float32Array]:
        return [leaf.approximate_norms(self._weighting) for leaf in self.leaves]

    def document(self, identity: str) -> Passages:
        """Give the passages of the document with this id, none when there is no such."""
        for leaf in self.leaves:
            found = leaf.segment.find(identity)
            if found is not None and found not in leaf.deleted:
                return Passages(leaf.segment, *leaf.segment.documents[found : found + 2].tolist())
        return Passages(None, 0, 0)

    def without(self, documents: Iterable[str]) -> "LocalIndex":
        """Leave out documents, by their ids."""
        gone = list(documents)
        leaves = (leaf.without(leaf.segment.find_all(gone)) for leaf in self.leaves)
        return LocalIndex([leaf for leaf in leaves if leaf.size], self.semantics)

    @property
    def encoder(self) -> Encoder | None:
        """What encodes questions, or None where meaning is not compared."""
        return None if self.semantics is None else self.semantics.encoder

    @property
    def vector_count(self) -> int:
        return len(self.semantics.store) if self.semantics else 0

    def without_encoder(self) -> "LocalIndex":
        return LocalIndex(self.leaves)

    async def document_passages(self, document: str, first: int, count: int) -> Sequence[Passage]:
        return self.document(document)[first : first + count]

    async def ordinal(self, passage: str) -> int | None:
        return self.document(document_of(passage)).ordinal(passage)

    async def sections(self, name: str) -> tuple[Section, ...]:
        return table_of_contents(passage.heading for passage in self.document(document_id(name)))

    async def ping(self) -> None:
        """Do nothing: an index on this machine can always be searched."""

    async def frequencies(self, terms: Sequence[str]) -> Mapping[str, int]:
        return dict(zip(terms, self._lists(terms)[1], strict=True))

    async def search(self, terms: Sequence[str], limit: int, question: Vectors | None = None) -> Candidates:
        """Return candidates. Raises DamagedError where what is saved is not as it was written."""
        try:
            return await self._search(terms, limit, question)
        except (ValueError, IndexError) as error:
            where = self.leaves[0].segment.path.parent if self.leaves else ""
            raise DamagedError(f"{where}: is damaged; `verbatim index` makes it anew") from error

    async def _search(self, terms: Sequence[str], limit: int, question: Vectors | None) -> Candidates:
        lists, frequencies = self._lists(terms)
        # Terms in more passages than these are hardly ever gone through.
        rare = sum(count for count in frequencies if count <= self.size * _RARE)
        if (rare or sum(frequencies)) > _LONG:
            hits = await asyncio.to_thread(self._best, lists, frequencies, limit)
        else:
            hits = self._best(lists, frequencies, limit)
        near = await self._nearest(question) if question is not None else []
        hits = _joined(hits, [*self._best_contexts(terms, lists, frequencies), *near])
        passages, forward, keys = self._read(hits)
        return Candidates(
            passages,
            forward,
            dict(zip(terms, frequencies, strict=True)),
            self.size,
            self._compare(passages, keys, question),
        )

    def _best_contexts(self, terms: Sequence[str], bodies: Lists, frequencies: Sequence[int]) -> list[Place]:
        """Return the places of the passages that match best in their contexts and bodies together.

        Only those whose context holds a term: of a document or section that the question names, these are the
        passages that say most of the rest of it. `bodies` and `frequencies` are of the passages' own text.
        """
        wanted = digests(terms)
        lists = [leaf.context_posting_lists(wanted) for leaf in self.leaves]
        counts = [sum(len(of_leaf[at]) for of_leaf in lists) for at in range(len(terms))]
        used = rarest(counts)
        weigh = self._weighting.inverse_document_frequency
        weights = np.array([weigh(count) if count else 0.0 for count in frequencies])[:, None]
        found: list[tuple[float, int, int]] = []
        for ordinal, (leaf, own, body) in enumerate(zip(self.leaves, lists, bodies, strict=True)):
            held = [decode_passages(own[at]) for at in used]
            gained = [np.full(len(own[at]), context_weight(counts[at], self.size)) for at in used]
            numbers, which = np.unique(np.concatenate([*held, np.zeros(0, np.intp)]), return_inverse=True)
            if not len(numbers):
                continue
            scores = np.bincount(which, np.concatenate(gained))
            norms = self._norms(leaf.segment.postings, numbers)
            scores += gains(term_frequencies(numbers, body), weights, norms).sum(axis=0)
            order = np.lexsort((numbers, -scores))[:CONTEXTS]
            found += zip(
                (-scores[order]).tolist(), [ordinal] * len(order), numbers[order].tolist(), strict=True
            )
        return [(ordinal, number) for _, ordinal, number in sorted(found)[:CONTEXTS]]

    async def _nearest(self, question: Vectors) -> list[Place]:
        if self.semantics is None:
            return []
        store = self.semantics.store
        dense = self._dense
        if dense is None or (dense.missing and len(store) > dense.stored * _GROWN):
            dense = self._dense = await asyncio.to_thread(DenseIndex.build, self.leaves, store)
        return await asyncio.to_thread(dense.nearest, question, store, _NEAREST)

    def _compare(
        self, passages: Sequence[Passage], keys: RaggedArray, question: Vectors | None
    ) -> MeaningScores | None:
        """Compare passages, by the keys of what the encoder read of them; None if any has no vector."""
        if question is None or self.semantics is None or self._dense is None or not len(keys):
            return None
        store = self.semantics.store
        rows = store.rows(keys.values)
        if (rows < 0).any():
            return None
        vectors = store.vectors(rows)
        is_whole = np.zeros(len(rows), np.bool_)
        is_whole[keys.offsets[:-1]] = True
        languages = [passage.language for passage in passages]
        typical = {
            language: means
            for language in set(languages)
            if (means := self.semantics.encoder.typical(language)) is not None
        }
        usual = [{language: means[at] for language, means in typical.items()} for at in (0, 1)]
        of_wholes = self._dense.wholes.baselines(question, languages, usual[0])
        of_pieces = self._dense.pieces.baselines(question, languages, usual[1])
        return MeaningScores(
            question,
            vectors[is_whole] @ question - of_wholes,
            vectors[~is_whole],
            np.repeat(of_pieces, keys.lengths - 1),
        )

    def encoder_keys(self) -> NDArray[np.uint64]:
        """Return the keys of all that the encoder reads."""
        keys = [leaf.segment.encoder_keys.values[_live(leaf)] for leaf in self.leaves]
        return np.concatenate(keys) if keys else np.zeros(0, np.uint64)

    def encoder_texts(self, keys: Iterable[int]) -> Iterator[EncoderText]:
        """Yield what the encoder reads for these keys, in the order of the index, each once."""
        wanted = set(keys)
        for leaf in self.leaves:
            segment, left = leaf.segment, np.array(sorted(wanted), np.uint64)
            own = np.repeat(np.arange(len(segment)), segment.encoder_keys.lengths)
            numbers = np.unique(own[np.isin(segment.encoder_keys.values, left) & _live(leaf)])
            for at in range(0, len(numbers), _READ_AT_ONCE):
                for read in segment.encoder_texts(numbers[at : at + _READ_AT_ONCE].tolist()):
                    if read.key in wanted:
                        wanted.discard(read.key)
                        yield read

    def best(self, terms: Sequence[str], limit: int) -> Hits:
        """Find the best passages by their BM25 scores, which are rank_bm25.BM25Plus' own, bit for bit."""
        return self._best(*self._lists(terms), limit)

    async def nearest(self, words: Sequence[str]) -> Mapping[str, str]:
        spellings = [leaf.segment.spelling for leaf in self.leaves]
        found = {word: find_correction(word, spellings, self._holds) for word in words}
        return {word: right for word, right in found.items() if right}

    def _holds(self, word: str) -> bool:
        """Tell whether a passage still holds a word: a segment keeps the words of what was left out of it."""
        terms = list({token.term for language in self.languages for token in tokenize(word, language)})
        return any(self._lists(terms)[1])

    def _lists(self, terms: Sequence[str]) -> tuple[Lists, list[int]]:
        """Give the posting lists of terms, and their document frequencies."""
        wanted = digests(terms)
        found = [leaf.posting_lists(wanted) for leaf in self.leaves]
        lists = [[own for own, _ in of_leaf] for of_leaf in found]
        return lists, [sum(of_leaf[at][1] for of_leaf in found) for at in range(len(terms))]

    def ranked(self, terms: Sequence[str], limit: int) -> list[tuple[Passage, float]]:
        """Find the best passages and their scores."""
        hits = self.best(terms, limit)
        return list(zip(self._read(hits)[0], hits.scores.tolist(), strict=True))

    def _best(self, lists: Lists, frequencies: Sequence[int], limit: int) -> Hits:
        if not any(frequencies):
            return Hits(np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0))
        weigh = self._weighting.inverse_document_frequency
        weights = [weigh(count) if count else 0.0 for count in frequencies]
        sums = (
            self._sums.pop()
            if self._sums
            else [np.zeros(len(leaf.segment), np.float32) for leaf in self.leaves]
        )
        found: list[tuple[Ordinals, Scores]] = []
        least = 0.0
        for leaf, own, rough, zeros in zip(self.leaves, lists, self._rough_norms, sums, strict=True):
            asked = SegmentQuery(own, weights, rough, partial(self._norms, leaf.segment.postings))
            found.append(top_passages(asked, limit, least, zeros))
            least = max(least, kth_best(np.concatenate([scores for _, scores in found]), limit))
        self._sums.append(sums)
        self._searches += 1
        if self._is_large and self._searches % _BETWEEN == 0:
            for leaf in self.leaves:
                leaf.segment.arrays.release_pages()
        counts = [len(numbers) for numbers, _ in found]
        hits = Hits(
            np.repeat(np.arange(len(found)), counts),
            np.concatenate([numbers for numbers, _ in found]),
            np.concatenate([scores for _, scores in found]),
        )
        return hits.take(self._order(hits)[:limit])

    def _norms(self, postings: InvertedIndex, passages: Ordinals) -> Scores:
        return self._weighting.norms(postings.lengths[passages])

    def _order(self, hits: Hits) -> Ordinals:
        """Order passages by their scores, and equals by their documents' names and their places there."""
        order = np.argsort(-hits.scores)
        ranked = hits.scores[order]
        if (ranked[1:] < ranked[:-1]).all():
            return order
        documents = [
            (leaf, int(self.leaves[leaf].segment.document_of(number)))
            for leaf, number in zip(hits.leaves.tolist(), hits.numbers.tolist(), strict=True)
        ]
        names = {
            place: self.leaves[place[0]].segment.document_name(place[1]).name for place in set(documents)
        }
        rank = {name: at for at, name in enumerate(sorted(names.values()))}
        of_document = np.array([rank[names[place]] for place in documents])
        return np.lexsort((hits.numbers, of_document, -hits.scores))

    def _read(self, hits: Hits) -> tuple[list[Passage], ForwardIndex, RaggedArray]:
        """Read passages, in this order, what the second stage needs of them, and their encoder keys."""
        present = np.unique(hits.leaves).tolist()
        own = [np.flatnonzero(hits.leaves == leaf) for leaf in present]
        read = [
            self.leaves[leaf].segment.candidates(hits.numbers[at].tolist())
            for leaf, at in zip(present, own, strict=True)
        ]
        rows = [
            self.leaves[leaf].segment.encoder_keys.take(hits.numbers[at])
            for leaf, at in zip(present, own, strict=True)
        ]
        passages, forward = read[0] if read else ([], ForwardIndex.join([]))
        keys = RaggedArray.join(rows) if rows else RaggedArray.of([], np.uint64)
        if len(read) < 2:  # noqa: PLR2004
            return passages, forward, keys
        order = np.argsort([place for at in own for place in at.tolist()])
        passages = [passage for some, _ in read for passage in some]
        forward = ForwardIndex.join([of_leaf for _, of_leaf in read])
        return [passages[at] for at in order.tolist()], forward.take(order), keys.take(order)


def _live(leaf: LiveSegment) -> NDArray[np.bool_]:
    """Return which encoder keys are of passages that are not gone."""
    live: NDArray[np.bool_] = np.repeat(leaf.alive, leaf.segment.encoder_keys.lengths)
    return live


def _joined(hits: Hits, more: Iterable[Place]) -> Hits:
    """Add places that are not among the hits, in their order."""
    known = set(zip(hits.leaves.tolist(), hits.numbers.tolist(), strict=True))
    new = [place for place in dict.fromkeys(more) if place not in known]
    if not new:
        return hits
    leaves, numbers = np.array(new, np.intp).T
    return Hits(
        np.concatenate([hits.leaves, leaves]),
        np.concatenate([hits.numbers, numbers]),
        np.concatenate([hits.scores, np.zeros(len(new))]),
    )
