"""BM25 by rank-bm25, answered from posting lists with the same numbers.

rank_bm25.BM25Plus (idf = ln((N + 1) / df), positive for every term) with delta = 0 defines the scores: its
other variants give zero or negative weight to a term in half of the passages, which in a small folder is most
terms. Its own get_scores walks every passage in Python; here what each term adds is laid out once, as a
posting list.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray
from rank_bm25 import BM25Plus

# Short passages saturate early: 0.6 to 0.9 beat 1.2 on paragraphs, and b made no difference there.
K1 = 0.6
B = 0.75


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
    def build(cls, corpus: Sequence[Sequence[str]]) -> Self:
        """Build from each passage's terms, in passage order."""
        if not any(corpus):  # rank-bm25 divides by the number of passages and by their mean length
            return cls({}, np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0), len(corpus))
        ranking = BM25Plus(corpus, k1=K1, b=B, delta=0)
        vocabulary = {term: row for row, term in enumerate(ranking.idf)}
        rows = np.fromiter(map(vocabulary.__getitem__, chain.from_iterable(ranking.doc_freqs)), np.int64)
        frequencies = np.fromiter(chain.from_iterable(doc.values() for doc in ranking.doc_freqs), np.int64)
        passages = np.repeat(np.arange(len(corpus)), [len(doc) for doc in ranking.doc_freqs])
        order = np.argsort(rows, kind="stable")
        rows, frequencies, passages = rows[order], frequencies[order], passages[order]
        idf = np.fromiter(ranking.idf.values(), np.float64)
        lengths = np.array(ranking.doc_len)[passages]
        # The operations and their order are rank-bm25's, so that the sums are equal bit for bit.
        weights = idf[rows] * (
            0 + (frequencies * (K1 + 1)) / (K1 * (1 - B + B * lengths / ranking.avgdl) + frequencies)
        )
        offsets = np.searchsorted(rows, np.arange(len(vocabulary) + 1))
        return cls(vocabulary, offsets, passages.astype(np.int32), weights, len(corpus))

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
