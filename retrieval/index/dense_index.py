"""Nearest passages by embedding: a scan of one bit per dimension, then exact inner products of the best.

A vector of 384 dimensions is 48 bytes in the scan, which takes a few milliseconds for 300,000 vectors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings.encoder import Vectors
from retrieval.embeddings.vector_store import VectorStore
from retrieval.index.segment import LiveSegment

Ordinals = NDArray[np.intp]

# Vectors nearest by their bits, which are then compared exactly.
_MAX_RESCORED = 400
_SAMPLE_SIZE = 1_000
_VECTORS_PER_BLOCK = 20_000
# A language with fewer vectors gets no baseline of its own.
_MIN_LANGUAGE_VECTORS = 4
# A language's typical similarity is a prior that counts as this many vectors.
_PRIOR_VECTORS = 40
# How far the mean of the less similar half is below the mean of all (0.010 to 0.018 in five languages).
_LOWER_HALF_OFFSET = 0.014


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """The vectors of passages, with one bit per dimension.

    `segments` (ordinals), `passages` (numbers there), `rows` (of a store) and `bits` are parallel. `bits` has
    the shape (vectors, dimensions / 64), rounded up: the signs of the vectors after subtracting `mean`.
    `sample` are some of the vectors, with that mean; `samples` are some of each language. `mean` has the
    shape (dimensions,), a sample (vectors, dimensions).
    """

    segments: Ordinals
    passages: Ordinals
    rows: Ordinals
    bits: NDArray[np.uint64]
    mean: Vectors
    sample: Vectors
    samples: Mapping[str, Vectors]

    @classmethod
    def build(
        cls,
        segments: Ordinals,
        passages: Ordinals,
        rows: Ordinals,
        languages: NDArray[np.str_],
        store: VectorStore,
    ) -> "VectorIndex":
        """Index rows of a store, ignoring -1. The arrays are parallel; `languages` are of the passages."""
        exists = rows >= 0
        segments, passages, rows, languages = (
            segments[exists],
            passages[exists],
            rows[exists],
            languages[exists],
        )
        sample = store.vectors(sample_rows(rows))
        mean: Vectors = sample.mean(axis=0) if len(sample) else np.zeros(sample.shape[1], np.float32)
        bits = [
            _sign_bits(store.vectors(rows[at : at + _VECTORS_PER_BLOCK]) - mean)
            for at in range(0, len(rows), _VECTORS_PER_BLOCK)
        ]
        own = {str(language): rows[languages == language] for language in np.unique(languages)}
        samples = {
            language: store.vectors(sample_rows(of_language))
            for language, of_language in own.items()
            if _MIN_LANGUAGE_VECTORS <= len(of_language) < len(rows)
        }
        packed = np.concatenate(bits) if bits else _sign_bits(sample)
        return cls(segments, passages, rows, packed, mean, sample, samples)

    def nearest(self, question: Vectors, store: VectorStore, limit: int) -> list[tuple[int, int]]:
        """Return the `limit` passages with the most similar vectors (segment ordinal, number), best first."""
        if not len(self.rows):
            return []
        (wanted,) = _sign_bits((question - self.mean)[None])
        distances = np.bitwise_count(self.bits ^ wanted).sum(axis=1, dtype=np.uint16)
        count = min(_MAX_RESCORED, len(distances))
        likely = np.argpartition(distances, count - 1)[:count] if count < len(distances) else np.arange(count)
        similarity = store.vectors(self.rows[likely]) @ question
        # Ties are in the order of the index; the partition does not keep that.
        order = likely[np.lexsort((likely, -similarity))]
        positions = dict.fromkeys(
            zip(self.segments[order].tolist(), self.passages[order].tolist(), strict=True)
        )
        return list(positions)[:limit]

    def baselines(
        self, question: Vectors, languages: Sequence[str], mean_vectors: Mapping[str, Vectors]
    ) -> NDArray[np.float32]:
        """Return for each language the question's similarity to vectors that do not answer it.

        A question is more similar to any text in its own language. The fewer vectors the index has, the more
        the language's mean vector counts: a few may all be about one subject. A language with hardly any
        vectors gets the baseline of all.
        """
        by_language: dict[str, float] = {}
        for language in set(languages):
            own = baseline(self.samples.get(language, self.sample), question)
            if language in mean_vectors:
                count, prior = len(self.rows), float(mean_vectors[language] @ question) - _LOWER_HALF_OFFSET
                own = (count * own + _PRIOR_VECTORS * prior) / (count + _PRIOR_VECTORS)
            by_language[language] = own
        return np.array([by_language[language] for language in languages], np.float32)


@dataclass(frozen=True, slots=True)
class DenseIndex:
    """The vectors of an index: of whole passages, and of their pieces.

    `stored` is how many vectors the store had when this was built, `missing` how many the index needs that it
    did not have.
    """

    wholes: VectorIndex
    pieces: VectorIndex
    stored: int
    missing: int

    @classmethod
    def build(cls, segments: Sequence[LiveSegment], store: VectorStore) -> "DenseIndex":
        """Index the vectors of the passages that are not deleted."""
        stored, none = len(store), np.zeros(0, np.intp)
        ordinals, passages, is_whole, keys = [none], [none], [none > 0], [np.zeros(0, np.uint64)]
        languages = [np.zeros(0, "U3")]
        for ordinal, live in enumerate(segments):
            rows = live.segment.encoder_keys
            passage = np.repeat(np.arange(len(rows)), rows.lengths)
            # The first key of a passage is of the whole.
            is_first = np.zeros(len(passage), np.bool_)
            is_first[rows.offsets[:-1]] = True
            is_alive = live.alive[passage]
            ordinals.append(np.full(int(is_alive.sum()), ordinal))
            passages.append(passage[is_alive])
            is_whole.append(is_first[is_alive])
            keys.append(rows.values[is_alive])
            languages.append(live.segment.passage_languages()[passage[is_alive]])
        whole, store_rows = np.concatenate(is_whole), store.rows(np.concatenate(keys))
        owners, numbers, language_codes = map(np.concatenate, (ordinals, passages, languages))
        return cls(
            VectorIndex.build(owners[whole], numbers[whole], store_rows[whole], language_codes[whole], store),
            VectorIndex.build(
                owners[~whole], numbers[~whole], store_rows[~whole], language_codes[~whole], store
            ),
            stored,
            int((store_rows < 0).sum()),
        )

    def nearest(self, question: Vectors, store: VectorStore, limit: int) -> list[tuple[int, int]]:
        """Return the nearest passages (segment ordinal, number): `limit` as wholes, `limit` by pieces."""
        return [
            *self.wholes.nearest(question, store, limit),
            *self.pieces.nearest(question, store, limit),
        ]


def sample_rows(rows: NDArray[Any]) -> NDArray[Any]:
    """Return evenly spaced rows, 1,000 to 2,000 of them, or all if there are fewer."""
    return rows[:: max(len(rows) // _SAMPLE_SIZE, 1)]


def baseline(sample: Vectors, question: Vectors) -> float:
    """Return the question's mean similarity to the less similar half of a sample, 0 for an empty one."""
    return lower_half_mean(sample @ question) if len(sample) else 0.0


def lower_half_mean(similarity: Vectors) -> float:
    """Return the mean of the lower half of similarities, of which there must be one.

    That half does not answer the question. The mean of all would be too high in a library of a few passages
    on one subject.
    """
    return float(np.sort(similarity)[: -(-len(similarity) // 2)].mean())


def _sign_bits(vectors: Vectors) -> NDArray[np.uint64]:
    """Return the signs of vectors as bits, padded to words of 64: shape (vectors, words)."""
    packed = np.packbits(vectors > 0, axis=1)
    width = -(-packed.shape[1] // 8) * 8
    return np.pad(packed, ((0, 0), (0, width - packed.shape[1]))).view(np.uint64)
