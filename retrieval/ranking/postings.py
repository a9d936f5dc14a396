"""BM25 by rank-bm25, answered from posting lists with the same numbers.

rank_bm25.BM25Plus (idf = ln((N + 1) / df), positive for every term) with delta = 0 defines the scores: its
other variants give zero or negative weight to a term in half of the passages, which in a small folder is most
terms. Its own get_scores walks every passage in Python; here what each term adds is laid out once, as a
posting list.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Plus

from retrieval.ranking.forward import Rows

# Short passages saturate early: 0.6 to 0.9 beat 1.2 on paragraphs, and b made no difference there.
K1 = 0.6
B = 0.75


class _Counted(BM25Plus):  # type: ignore[misc]  # rank-bm25 has no types
    """rank-bm25 with statistics that are counted already; `weights` has the idf of each term."""

    def __init__(self, frequencies: NDArray[np.int64], size: int, length: int) -> None:
        self.corpus_size, self.avgdl = size, length / size
        self.idf: dict[int, float] = {}
        # Terms in as many passages weigh the same.
        distinct, which = np.unique(frequencies, return_inverse=True)
        self._calc_idf({count: count for count in distinct.tolist()})
        self.weights = np.array([self.idf[count] for count in distinct.tolist()])[which]


@dataclass(frozen=True, slots=True)
class Postings:
    """For each term the passages that hold it and what it adds to their scores.

    `vocabulary` gives a term's row; row r is `passages[offsets[r]:offsets[r + 1]]`, ascending, and the same
    of `weights` (float64). `size` counts the passages.
    """

    vocabulary: dict[str, int]
    offsets: NDArray[np.int64]
    passages: NDArray[np.int32]
    weights: NDArray[np.float64]
    size: int

    @classmethod
    def build(cls, vocabulary: dict[str, int], tokens: Rows) -> Self:
        """Build from each passage's terms, by number and in passage order; each term is in some passage."""
        size = len(tokens.offsets) - 1
        lengths = np.diff(tokens.offsets)
        owners = np.repeat(np.arange(size), lengths)
        # One number a posting, ascending by term and then by passage.
        keys, frequencies = np.unique(tokens.values.astype(np.int64) * size + owners, return_counts=True)
        rows, passages = np.divmod(keys, max(size, 1))
        offsets = np.searchsorted(rows, np.arange(len(vocabulary) + 1))
        if not len(keys):  # rank-bm25 divides by the number of passages and by their mean length
            return cls(vocabulary, offsets, np.zeros(0, np.int32), np.zeros(0), size)
        counted = _Counted(np.diff(offsets), size, int(tokens.offsets[-1]))
        # The operations and their order are rank-bm25's, so that the sums are equal bit for bit.
        weights = counted.weights[rows] * (
            0
            + (frequencies * (K1 + 1)) / (K1 * (1 - B + B * lengths[passages] / counted.avgdl) + frequencies)
        )
        return cls(vocabulary, offsets, passages.astype(np.int32), weights, size)

    def frequency(self, term: str) -> int:
        """Count the passages that hold a term (its document frequency)."""
        row = self.vocabulary.get(term)
        return 0 if row is None else int(self.offsets[row + 1] - self.offsets[row])

    def scores(self, terms: Iterable[str]) -> NDArray[np.float64]:
        """Score every passage, as rank_bm25.BM25Plus.get_scores does; a term asked twice counts twice."""
        scores = np.zeros(self.size)
        for term in terms:
            row = self.vocabulary.get(term)
            if row is not None:
                postings = slice(self.offsets[row], self.offsets[row + 1])
                scores[self.passages[postings]] += self.weights[postings]
        return scores

    def search(self, terms: Iterable[str], limit: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Find the best passages that share a term with the question, best first, equals in passage order.

        Gives their numbers and scores. Every weight is positive, so a score above zero is a shared term.
        """
        scores = self.scores(terms)
        found = np.flatnonzero(scores)
        if len(found) > limit:
            least = np.partition(scores[found], len(found) - limit)[len(found) - limit]
            found = found[scores[found] >= least]
        best = found[np.argsort(-scores[found], kind="stable")[:limit]]
        return best, scores[best]
