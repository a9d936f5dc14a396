"""BM25 by rank-bm25, answered from posting lists with the same numbers.

rank_bm25.BM25Plus (idf = ln((N + 1) / df), positive for every term) with delta = 0 defines the scores: its
other variants give zero or negative weight to a term in half of the passages, which in a small folder is most
terms. Its own get_scores walks every passage in Python; here each term's passages are laid out once, as a
posting list. Lists hold counts alone, nothing that other passages could change: what a term weighs, and how
long a passage is beside the mean, is worked out when a question comes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from rank_bm25 import BM25Plus

from retrieval.index.arrays import RaggedArray, row_ends
from retrieval.index.vocabulary import Vocabulary

# Short passages saturate early: 0.6 to 0.9 beat 1.2 on paragraphs, and b made no difference there.
K1 = 0.6
B = 0.75
# A posting is the passage's number and, in the lower bits, how often the term is in it.
FREQUENCY_BITS = 12
_FREQUENCY = (1 << FREQUENCY_BITS) - 1
MOST_PASSAGES = 1 << (32 - FREQUENCY_BITS)

Scores = NDArray[np.float64]
Rough = NDArray[np.float32]
Numbers = NDArray[np.intp]


class Weighting(BM25Plus):  # type: ignore[misc]  # rank-bm25 has no types
    """rank-bm25 with statistics that are counted already."""

    def __init__(self, size: int, length: int) -> None:
        """Weigh by `size` passages of `length` tokens together."""
        self.corpus_size, self.avgdl = size, length / size if size else 0.0
        self.idf: dict[int, float] = {}

    def inverse_document_frequency(self, frequency: int) -> float:
        """Weigh a term that so many passages hold."""
        if frequency not in self.idf:
            self._calc_idf({frequency: frequency})
        return self.idf[frequency]

    def norms(self, lengths: NDArray[Any]) -> Scores:
        """Give what a passage's length does to its counts, by rank-bm25's operations in their order."""
        return K1 * (1 - B + B * lengths.astype(np.float64) / max(self.avgdl, 1e-9))


@dataclass(frozen=True, slots=True)
class Postings:
    """For each term the passages that hold it, and how often.

    `terms` are digests, ascending; row r of `lists` holds the postings of `terms[r]` (uint32, ascending by
    passage). `lengths` are the passages' in tokens.
    """

    terms: NDArray[np.uint64]
    lists: RaggedArray
    lengths: NDArray[np.uint16]

    @classmethod
    def build(cls, forms: Vocabulary, tokens: RaggedArray) -> Self:
        """Build from each passage's forms; at most 1,048,576 passages."""
        size = len(tokens)
        if size > MOST_PASSAGES:
            raise ValueError(f"{size} passages are more than {MOST_PASSAGES}")
        terms, row_of_form = np.unique(forms.terms, return_inverse=True)
        keys = np.repeat(np.arange(size), tokens.lengths)
        keys |= row_of_form[tokens.values] * MOST_PASSAGES
        keys.sort()
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        # No passage is so long that a term could be in it more often.
        counts = np.minimum(np.diff(np.append(first, len(keys))), _FREQUENCY)
        rows, passages = np.divmod(keys[first], MOST_PASSAGES)
        lists = RaggedArray(
            np.searchsorted(rows, np.arange(len(terms) + 1)),
            (passages << FREQUENCY_BITS | counts).astype(np.uint32),
        )
        return cls(terms, lists, tokens.lengths.astype(np.uint16))

    @classmethod
    def merge(cls, parts: Sequence[tuple[Self, NDArray[np.bool_]]]) -> "Postings":
        """Put together the passages that are to be kept, numbered anew in this order."""
        terms = np.unique(np.concatenate([part.terms for part, _ in parts]))
        counts = np.zeros(len(terms), np.int64)
        for part, kept in parts:
            counts[np.searchsorted(terms, part.terms)] += part.frequencies(kept)
        held = counts > 0
        terms, counts = terms[held], counts[held]
        free = row_ends(counts)
        lists = RaggedArray(free.copy(), np.empty(int(free[-1]), np.uint32))
        first = 0
        for part, kept in parts:
            numbers = (np.cumsum(kept) - 1 + first).astype(np.uint32)
            for rows, entries, lengths in part.slices(kept):
                at = np.searchsorted(terms, part.terms[rows][lengths > 0])
                lengths = lengths[lengths > 0]  # noqa: PLW2901
                place = np.repeat(free[at] - (np.cumsum(lengths) - lengths), lengths)
                place += np.arange(len(entries))
                passage = numbers[entries >> FREQUENCY_BITS] << FREQUENCY_BITS
                lists.values[place] = passage | (entries & _FREQUENCY)
                free[at] += lengths
            first += int(kept.sum())
        return cls(terms, lists, np.concatenate([part.lengths[kept] for part, kept in parts]))

    def frequencies(self, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Count for each term the passages that hold it among some."""
        if kept.all():
            return self.lists.lengths
        # Signs alone, as 😀, are passages without a term.
        none = self.lists.lengths[:0]
        return np.concatenate([none, *(lengths for _, _, lengths in self.slices(kept))])

    def slices(
        self, kept: NDArray[np.bool_]
    ) -> Iterator[tuple[slice, NDArray[np.uint32], NDArray[np.int64]]]:
        """Go through the lists, some at a time: their rows, postings to be kept, and how many each has."""
        whole = bool(kept.all())
        cuts = np.searchsorted(self.lists.offsets, np.arange(0, len(self.lists.values), _AT_ONCE))
        cuts = np.unique([*cuts.tolist(), 0, len(self.terms)])
        for start, stop in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            offsets = self.lists.offsets[start : stop + 1]
            entries = self.lists.values[offsets[0] : offsets[-1]]
            lengths = np.diff(offsets)
            if not whole:
                stays = kept[entries >> FREQUENCY_BITS]
                entries = entries[stays]
                lengths = np.diff(row_ends(stays)[offsets - offsets[0]])
            yield slice(start, stop), entries, lengths

    def rows(self, terms: NDArray[np.uint64]) -> list[int]:
        """Give the row of each term, -1 for those that no passage holds."""
        if not len(self.terms):
            return [-1] * len(terms)
        at = np.minimum(self.terms.searchsorted(terms), len(self.terms) - 1)
        rows: list[int] = np.where(self.terms.take(at) == terms, at, -1).tolist()
        return rows

    def postings(self, row: int) -> NDArray[np.uint32]:
        return self.lists.row(row) if row >= 0 else self.lists.values[:0]


# Postings that are copied in one go: some tens of megabytes of working memory.
_AT_ONCE = 2_000_000


def passages_of(postings: NDArray[np.uint32]) -> Numbers:
    return (postings >> FREQUENCY_BITS).astype(np.intp)


def frequencies_of(postings: NDArray[np.uint32], kind: DTypeLike = np.float64) -> NDArray[Any]:
    return (postings & _FREQUENCY).astype(kind)


def gains(frequencies: NDArray[Any], weights: Any, norms: NDArray[Any]) -> NDArray[Any]:
    """Give what terms add to scores of passages by how often they are in them, as rank-bm25 works it out."""
    gained: NDArray[Any] = weights * (frequencies * (K1 + 1) / (norms + frequencies))
    return gained


def look_up(passages: Numbers, lists: Sequence[NDArray[np.uint32]]) -> Scores:
    """Give how often each term (first axis), by its posting list, is in each of some passages."""
    wanted = passages.astype(np.uint32) << FREQUENCY_BITS
    found = np.zeros((len(lists), len(passages)), np.uint32)
    for row, postings in zip(found, lists, strict=True):
        if len(postings):
            postings.take(postings.searchsorted(wanted), out=row, mode="clip")
    # What was found is the next passage's posting where the term is not in this one.
    found[found ^ wanted > _FREQUENCY] = 0
    return frequencies_of(found)
