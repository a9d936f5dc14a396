"""Nearest passages by embedding: a scan of one bit per dimension, then exact inner products of the best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.encoder import Vectors
from retrieval.embeddings.vector_store import VectorStore
from retrieval.index.segment import LiveSegment

Ordinals = NDArray[np.intp]

# So many of the nearest by bits are compared exactly.
_MAX_RESCORED = 400
_SAMPLE_SIZE = 1_000
_VECTORS_PER_BLOCK = 20_000
# Fewer vectors of a language say nothing about it.
_MIN_LANGUAGE_VECTORS = 4
# What is usual in a language counts as this many vectors, and as the less similar half of them. That half's
# mean is so much below the mean of all (in five languages 0.010 to 0.018).
_PRIOR_VECTORS = 40
_LOWER_HALF_OFFSET = 0.014


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """Vectors of a store, by one bit a dimension: the leaves and passages they belong to, and their rows.

    `sample` are some of the vectors, `mean` is their mean, and `samples` are some of each language.
    """

    leaves: Ordinals
    passages: Ordinals
    rows: Ordinals
    bits: NDArray[np.uint64]
    mean: Vectors
    sample: Vectors
    samples: Mapping[str, Vectors]

    @classmethod
    def build(
        cls,
        leaves: Ordinals,
        passages: Ordinals,
        rows: Ordinals,
        languages: NDArray[np.str_],
        store: VectorStore,
    ) -> "VectorIndex":
        """Index rows of a store, -1 for those that have none; `languages` are those of the passages."""
        has = rows >= 0
        leaves, passages, rows, languages = leaves[has], passages[has], rows[has], languages[has]
        sample = store.vectors(sampled(rows))
        mean: Vectors = sample.mean(axis=0) if len(sample) else np.zeros(sample.shape[1], np.float32)
        bits = [
            _sign_bits(store.vectors(rows[at : at + _VECTORS_PER_BLOCK]) - mean)
            for at in range(0, len(rows), _VECTORS_PER_BLOCK)
        ]
        own = {str(language): rows[languages == language] for language in np.unique(languages)}
        samples = {
            language: store.vectors(sampled(of_language))
            for language, of_language in own.items()
            if _MIN_LANGUAGE_VECTORS <= len(of_language) < len(rows)
        }
        packed = np.concatenate(bits) if bits else _sign_bits(sample)
        return cls(leaves, passages, rows, packed, mean, sample, samples)

    def nearest(self, question: Vectors, store: VectorStore, limit: int) -> list[tuple[int, int]]:
        """Return the leaves and numbers of the passages with the most similar vectors, best first."""
        if not len(self.rows):
            return []
        (wanted,) = _sign_bits((question - self.mean)[None])
        distances = np.bitwise_count(self.bits ^ wanted).sum(axis=1, dtype=np.uint16)
        count = min(_MAX_RESCORED, len(distances))
        likely = np.argpartition(distances, count - 1)[:count] if count < len(distances) else np.arange(count)
        similarity = store.vectors(self.rows[likely]) @ question
        # Equals come in the order of the index, whatever the partition left.
        order = likely[np.lexsort((likely, -similarity))]
        found = dict.fromkeys(zip(self.leaves[order].tolist(), self.passages[order].tolist(), strict=True))
        return list(found)[:limit]

    def baselines(
        self, question: Vectors, languages: Sequence[str], typical: Mapping[str, Vectors]
    ) -> NDArray[np.float32]:
        """Return for each language how similar the question is to vectors of it that do not answer it.

        A question is more similar to any text of its own language. Of few vectors in all, which may be about
        one subject, less is concluded, and more from the language's `typical` vector. A language of hardly
        any counts as all.
        """
        known: dict[str, float] = {}
        for language in set(languages):
            own = baseline(self.samples.get(language, self.sample), question)
            if language in typical:
                count, usual = len(self.rows), float(typical[language] @ question) - _LOWER_HALF_OFFSET
                own = (count * own + _PRIOR_VECTORS * usual) / (count + _PRIOR_VECTORS)
            known[language] = own
        return np.array([known[language] for language in languages], np.float32)


@dataclass(frozen=True, slots=True)
class DenseIndex:
    """The vectors of an index: of its passages as wholes, and of their pieces.

    `stored` is how many vectors the store had, `missing` how many of the index it lacked.
    """

    wholes: VectorIndex
    pieces: VectorIndex
    stored: int
    missing: int

    @classmethod
    def build(cls, leaves: Sequence[LiveSegment], store: VectorStore) -> "DenseIndex":
        """Gather the vectors of the passages that are not gone."""
        stored, none = len(store), np.zeros(0, np.intp)
        of_leaf, passages, is_whole, keys = [none], [none], [none > 0], [np.zeros(0, np.uint64)]
        languages = [np.zeros(0, "U3")]
        for ordinal, leaf in enumerate(leaves):
            rows = leaf.segment.encoder_keys
            own = np.repeat(np.arange(len(rows)), rows.lengths)
            first = np.zeros(len(own), np.bool_)
            first[rows.offsets[:-1]] = True
            live = leaf.alive[own]
            of_leaf.append(np.full(int(live.sum()), ordinal))
            passages.append(own[live])
            is_whole.append(first[live])
            keys.append(rows.values[live])
            languages.append(leaf.segment.passage_languages()[own[live]])
        whole, found = np.concatenate(is_whole), store.rows(np.concatenate(keys))
        owners, numbers, of_passage = map(np.concatenate, (of_leaf, passages, languages))
        return cls(
            VectorIndex.build(owners[whole], numbers[whole], found[whole], of_passage[whole], store),
            VectorIndex.build(owners[~whole], numbers[~whole], found[~whole], of_passage[~whole], store),
            stored,
            int((found < 0).sum()),
        )

    def nearest(self, question: Vectors, store: VectorStore, limit: int) -> list[tuple[int, int]]:
        """Return the places of the nearest passages as wholes, then of those with the nearest pieces."""
        return [
            *self.wholes.nearest(question, store, limit),
            *self.pieces.nearest(question, store, limit),
        ]


def sampled(rows: NDArray[Any]) -> NDArray[Any]:
    """Return a thousand or two of the rows, or all of fewer."""
    return rows[:: max(len(rows) // _SAMPLE_SIZE, 1)]


def baseline(sample: Vectors, question: Vectors) -> float:
    """Return how similar the question is to vectors that do not answer it.

    These are the less similar half of a sample: the mean of all would be too high in a library of a few
    passages on one subject.
    """
    if not len(sample):
        return 0.0
    similarity = np.sort(sample @ question)
    return float(similarity[: -(-len(similarity) // 2)].mean())


def _sign_bits(vectors: Vectors) -> NDArray[np.uint64]:
    packed = np.packbits(vectors > 0, axis=1)
    width = -(-packed.shape[1] // 8) * 8
    return np.pad(packed, ((0, 0), (0, width - packed.shape[1]))).view(np.uint64)
