"""Nearest windows by meaning: a scan over one bit a dimension, then exact inner products of the best.

A window's 384 dimensions are compared as 48 bytes first, so a scan of 300,000 windows takes some milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.meaning.encoder import Vectors
from retrieval.meaning.vector_store import VectorStore
from retrieval.ranking.leaf import Leaf

Numbers = NDArray[np.intp]

# So many of the nearest by bits are compared exactly.
_RESCORED = 400
_SAMPLE = 1_000
_BLOCK = 20_000


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """Vectors of a store, by one bit a dimension: the leaves and passages they belong to, and their rows.

    `sample` are some of the vectors, `mean` is their mean.
    """

    leaves: Numbers
    passages: Numbers
    rows: Numbers
    bits: NDArray[np.uint64]
    mean: Vectors
    sample: Vectors

    @classmethod
    def build(cls, leaves: Numbers, passages: Numbers, rows: Numbers, store: VectorStore) -> "VectorIndex":
        """Index rows of a store, -1 for those that have none."""
        has = rows >= 0
        leaves, passages, rows = leaves[has], passages[has], rows[has]
        sample = store.vectors(rows[:: max(len(rows) // _SAMPLE, 1)])
        mean: Vectors = sample.mean(axis=0) if len(sample) else np.zeros(sample.shape[1], np.float32)
        bits = [_bits(store.vectors(rows[at : at + _BLOCK]) - mean) for at in range(0, len(rows), _BLOCK)]
        return cls(leaves, passages, rows, np.concatenate(bits) if bits else _bits(sample), mean, sample)

    def nearest(self, question: Vectors, store: VectorStore, limit: int) -> list[tuple[int, int]]:
        """Return the leaves and numbers of the passages with the most similar vectors, best first."""
        if not len(self.rows):
            return []
        (wanted,) = _bits((question - self.mean)[None])
        distances = np.bitwise_count(self.bits ^ wanted).sum(axis=1, dtype=np.uint16)
        count = min(_RESCORED, len(distances))
        likely = np.argpartition(distances, count - 1)[:count] if count < len(distances) else np.arange(count)
        similarity = store.vectors(self.rows[likely]) @ question
        # Equals come in the order of the index, whatever the partition left.
        order = likely[np.lexsort((likely, -similarity))]
        found = dict.fromkeys(zip(self.leaves[order].tolist(), self.passages[order].tolist(), strict=True))
        return list(found)[:limit]

    def baseline(self, question: Vectors) -> float:
        """Return how similar the question is to any of the vectors: the mean over a sample."""
        return float((self.sample @ question).mean()) if len(self.sample) else 0.0


@dataclass(frozen=True, slots=True)
class DenseIndex:
    """The windows and headings of an index. `stored` is how many vectors the store had, `missing` how many lacked."""

    windows: VectorIndex
    headings: VectorIndex
    stored: int
    missing: int

    @classmethod
    def build(cls, leaves: Sequence[Leaf], store: VectorStore) -> "DenseIndex":
        """Gather the windows and headings of the passages that are not gone; of a heading its first passage."""
        stored = len(store)
        window_leaves, window_passages, window_keys = _none(), _none(), [np.zeros(0, np.uint64)]
        heading_leaves, heading_passages, heading_keys = _none(), _none(), [np.zeros(0, np.uint64)]
        for ordinal, leaf in enumerate(leaves):
            windows, headings = leaf.segment.windows, leaf.segment.heading_keys
            own = np.repeat(np.arange(len(windows)), windows.lengths)
            live = leaf.kept[own]
            window_leaves.append(np.full(int(live.sum()), ordinal))
            window_passages.append(own[live])
            window_keys.append(windows.values[live])
            kept = np.flatnonzero(leaf.kept)
            heading_leaves.append(np.full(len(kept), ordinal))
            heading_passages.append(kept)
            heading_keys.append(headings[kept])
        window_rows = store.rows(np.concatenate(window_keys))
        _, first = np.unique(np.concatenate(heading_keys), return_index=True)
        heading_rows = store.rows(np.concatenate(heading_keys)[first])
        return cls(
            VectorIndex.build(
                np.concatenate(window_leaves), np.concatenate(window_passages), window_rows, store
            ),
            VectorIndex.build(
                np.concatenate(heading_leaves)[first],
                np.concatenate(heading_passages)[first],
                heading_rows,
                store,
            ),
            stored,
            int((window_rows < 0).sum() + (heading_rows < 0).sum()),
        )

    def nearest(self, question: Vectors, store: VectorStore, limit: int) -> list[tuple[int, int]]:
        """Return the places of the passages with the most similar windows, then those of the most similar headings."""
        near = self.windows.nearest(question, store, limit)
        return [*near, *self.headings.nearest(question, store, limit // 2)]


def _none() -> list[Numbers]:
    return [np.zeros(0, np.intp)]


def _bits(vectors: Vectors) -> NDArray[np.uint64]:
    packed = np.packbits(vectors > 0, axis=1)
    width = -(-packed.shape[1] // 8) * 8
    return np.pad(packed, ((0, 0), (0, width - packed.shape[1]))).view(np.uint64)
