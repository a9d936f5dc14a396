"""BM25 with the scores of rank-bm25, computed from posting lists, and the search for the best passages.

The scores are those of rank_bm25.BM25Plus with delta = 0, whose idf = ln((N + 1) / df) is positive for every
term. rank-bm25's other variants give a zero or negative weight to a term in half of the passages, and in a
small folder that is most terms. Its own get_scores walks every passage in Python; a posting list has only the
passages with the term. Postings hold nothing that depends on other passages: term weights and length norms
are computed for each question.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from rank_bm25 import BM25Plus

from retrieval.index.arrays import RaggedArray, row_ends
from retrieval.index.vocabulary import Vocabulary

# Short passages saturate early: 0.6 to 0.9 beat 1.2 on paragraphs, and b made no difference there.
K1 = 0.6
B = 0.75
# A posting (uint32) is the passage's number, and in the lower bits the term's frequency in it.
FREQUENCY_BITS = 12
_FREQUENCY_MASK = (1 << FREQUENCY_BITS) - 1
MAX_SEGMENT_PASSAGES = 1 << (32 - FREQUENCY_BITS)
# Postings copied at a time, which takes some tens of megabytes of working memory.
_POSTINGS_PER_BLOCK = 2_000_000

Scores = NDArray[np.float64]
Float32Array = NDArray[np.float32]
Ordinals = NDArray[np.intp]


class Weighting(BM25Plus):  # type: ignore[misc]  # rank-bm25 has no types
    """rank-bm25's weights for statistics that are counted already."""

    def __init__(self, size: int, length: int) -> None:
        """Take the number of passages, and the number of tokens in all of them together."""
        self.corpus_size, self.avgdl = size, length / size if size else 0.0
        self.idf: dict[int, float] = {}

    def inverse_document_frequency(self, frequency: int) -> float:
        """Return the weight of a term that `frequency` passages have."""
        if frequency not in self.idf:
            self._calc_idf({frequency: frequency})
        return self.idf[frequency]

    def norms(self, lengths: NDArray[Any]) -> Scores:
        """Return the length norms of passages of `lengths` tokens: rank-bm25's operations in their order."""
        return K1 * (1 - B + B * lengths.astype(np.float64) / max(self.avgdl, 1e-9))


@dataclass(frozen=True, slots=True)
class InvertedIndex:
    """For each term the passages that have it, and its frequency in each.

    `terms` are digests in ascending order. Row r of `lists` has the postings of `terms[r]` (uint32, ascending
    by passage). `lengths` are the passages' lengths in tokens.
    """

    terms: NDArray[np.uint64]
    lists: RaggedArray
    lengths: NDArray[np.uint16]

    @classmethod
    def build(cls, forms: Vocabulary, tokens: RaggedArray) -> Self:
        """Build from the tokens of each passage, as rows of form numbers.

        Raises ValueError for more than 1,048,576 passages.
        """
        size = len(tokens)
        if size > MAX_SEGMENT_PASSAGES:
            raise ValueError(f"{size} passages are more than {MAX_SEGMENT_PASSAGES}")
        terms, row_of_form = np.unique(forms.terms, return_inverse=True)
        keys = np.repeat(np.arange(size), tokens.lengths)
        keys |= row_of_form[tokens.values] * MAX_SEGMENT_PASSAGES
        keys.sort()
        first = np.flatnonzero(np.diff(keys, prepend=-1))
        # Passages are too short for this to cut a frequency.
        counts = np.minimum(np.diff(np.append(first, len(keys))), _FREQUENCY_MASK)
        rows, passages = np.divmod(keys[first], MAX_SEGMENT_PASSAGES)
        lists = RaggedArray(
            np.searchsorted(rows, np.arange(len(terms) + 1)),
            (passages << FREQUENCY_BITS | counts).astype(np.uint32),
        )
        return cls(terms, lists, tokens.lengths.astype(np.uint16))

    @classmethod
    def merge(cls, parts: Sequence[tuple[Self, NDArray[np.bool_]]]) -> "InvertedIndex":
        """Merge the passages where each part's mask is true, numbered from 0 in the order of the parts."""
        terms = np.unique(np.concatenate([part.terms for part, _ in parts]))
        counts = np.zeros(len(terms), np.int64)
        for part, mask in parts:
            counts[np.searchsorted(terms, part.terms)] += part.document_frequencies(mask)
        occurs = counts > 0
        terms, counts = terms[occurs], counts[occurs]
        # The next free position in each posting list.
        free = row_ends(counts)
        lists = RaggedArray(free.copy(), np.empty(int(free[-1]), np.uint32))
        first = 0
        for part, mask in parts:
            numbers = (np.cumsum(mask) - 1 + first).astype(np.uint32)
            for rows, postings, lengths in part.blocks(mask):
                row = np.searchsorted(terms, part.terms[rows][lengths > 0])
                lengths = lengths[lengths > 0]  # noqa: PLW2901
                positions = np.repeat(free[row] - (np.cumsum(lengths) - lengths), lengths)
                positions += np.arange(len(postings))
                passages = numbers[postings >> FREQUENCY_BITS] << FREQUENCY_BITS
                lists.values[positions] = passages | (postings & _FREQUENCY_MASK)
                free[row] += lengths
            first += int(mask.sum())
        return cls(terms, lists, np.concatenate([part.lengths[mask] for part, mask in parts]))

    def document_frequencies(self, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return for each term how many of the passages where `mask` is true have it."""
        if mask.all():
            return self.lists.lengths
        # Passages of symbols alone, such as 😀, have no terms: then there are no blocks.
        empty = self.lists.lengths[:0]
        return np.concatenate([empty, *(lengths for _, _, lengths in self.blocks(mask))])

    def blocks(
        self, mask: NDArray[np.bool_]
    ) -> Iterator[tuple[slice, NDArray[np.uint32], NDArray[np.int64]]]:
        """Yield blocks of whole posting lists without the passages where `mask` is false.

        A block is a range of rows, the remaining postings, and how many remain in each row.
        """
        is_whole = bool(mask.all())
        cuts = np.searchsorted(self.lists.offsets, np.arange(0, len(self.lists.values), _POSTINGS_PER_BLOCK))
        cuts = np.unique([*cuts.tolist(), 0, len(self.terms)])
        for start, stop in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            offsets = self.lists.offsets[start : stop + 1]
            postings = self.lists.values[offsets[0] : offsets[-1]]
            lengths = np.diff(offsets)
            if not is_whole:
                remains = mask[postings >> FREQUENCY_BITS]
                postings = postings[remains]
                lengths = np.diff(row_ends(remains)[offsets - offsets[0]])
            yield slice(start, stop), postings, lengths

    def rows(self, terms: NDArray[np.uint64]) -> list[int]:
        """Return the row of each term, -1 for those in no passage."""
        if not len(self.terms):
            return [-1] * len(terms)
        at = np.minimum(self.terms.searchsorted(terms), len(self.terms) - 1)
        rows: list[int] = np.where(self.terms.take(at) == terms, at, -1).tolist()
        return rows

    def posting_list(self, row: int) -> NDArray[np.uint32]:
        """Return the postings of a row that `rows` returned: none for row -1."""
        return self.lists.row(row) if row >= 0 else self.lists.values[:0]


def decode_passages(postings: NDArray[np.uint32]) -> Ordinals:
    return (postings >> FREQUENCY_BITS).astype(np.intp)


def decode_frequencies(postings: NDArray[np.uint32], dtype: DTypeLike = np.float64) -> NDArray[Any]:
    return (postings & _FREQUENCY_MASK).astype(dtype)


def term_scores(frequencies: NDArray[Any], weights: Any, norms: NDArray[Any]) -> NDArray[Any]:
    """Return what terms add to passages' scores, with rank-bm25's operations in their order.

    The shapes broadcast: `frequencies` may be (terms, passages), `weights` (terms, 1) and `norms`
    (passages,).
    """
    scores: NDArray[Any] = weights * (frequencies * (K1 + 1) / (norms + frequencies))
    return scores


def term_frequencies(passages: Ordinals, lists: Sequence[NDArray[np.uint32]]) -> Scores:
    """Return the frequency of each posting list's term in each passage, shape (terms, passages)."""
    wanted = passages.astype(np.uint32) << FREQUENCY_BITS
    postings = np.zeros((len(lists), len(passages)), np.uint32)
    for row, own in zip(postings, lists, strict=True):
        if len(own):
            own.take(own.searchsorted(wanted), out=row, mode="clip")
    # Where a passage does not have the term, the search ended at the posting of another passage.
    postings[postings ^ wanted > _FREQUENCY_MASK] = 0
    return decode_frequencies(postings)


# MaxScore (Turtle and Flood 1995): the exact top passages of a segment, without scoring every passage.
#
# Terms are taken in the order of their weights, rare ones first. As soon as `limit` passages each score more
# than the remaining terms can add, a passage with none of the terms so far cannot be among the top. The
# remaining lists are then only searched for the passages that still can.

# The sums are of 32 bits and in another order; they differ from the scores by less than this factor.
_FLOAT32_MARGIN = 1 - 1e-4
# If more sums than one in each cache line are set, it is faster to clear them all.
_FLOATS_PER_CACHE_LINE = 16
_NO_PASSAGES = np.zeros(0, np.intp)
# Checking which passages can still win costs as much as adding this many postings, and this share of the
# postings added so far.
_PRUNING_COST_POSTINGS = 6_144
_PRUNING_COST_SHARE = 0.5
# Postings added at a time, so that they stay in the processor's cache.
_POSTINGS_PER_SUM = 32_768
# Up to this many passages are searched for in all remaining lists at once.
_MAX_BATCH_PASSAGES = 256


@dataclass(frozen=True, slots=True)
class SegmentQuery:
    """A query to one segment: a posting list and a weight for each term, in the order of the query.

    `approximate_norms` has the length norm of each passage of the segment in 32 bits, half the memory to
    read; it is infinite for deleted passages. `exact_norms` returns the norms of some passages in 64 bits.
    """

    lists: Sequence[NDArray[np.uint32]]
    weights: Sequence[float]
    approximate_norms: Float32Array
    exact_norms: Callable[[Ordinals], Scores]


def top_passages(
    query: SegmentQuery, limit: int, min_score: float, sums: Float32Array
) -> tuple[Ordinals, Scores]:
    """Return the `limit` best passages of those that score `min_score` or more, and their scores.

    Passages with the same score as the last are included. The order is undefined. Scores are rank-bm25's bit
    for bit: each is added up in the order of the query. `sums` is working memory, shape (passages,): it must
    be zero, and is zero again afterwards.
    """
    order = sorted(range(len(query.lists)), key=lambda term: -query.weights[term])
    lists = [query.lists[term] for term in order]
    weights = [query.weights[term] for term in order]
    bounds = [weight * (K1 + 1) if len(own) else 0.0 for weight, own in zip(weights, lists, strict=True)]
    # What the terms from each one on can add to a score.
    remaining = [*accumulate(reversed(bounds), initial=0.0)][::-1]
    passages, approximate, added = _accumulate(query, order, remaining, limit, min_score, sums)
    frequencies = np.zeros((0, len(passages)))
    term = added
    while term < len(order):
        # Many passages: after each list there may be fewer for the next. Few: all lists at once is faster.
        until = term + 1 if len(passages) > _MAX_BATCH_PASSAGES else len(order)
        counts = term_frequencies(passages, lists[term:until])
        norms = query.approximate_norms[passages]
        approximate = approximate + term_scores(counts, np.array(weights[term:until])[:, None], norms).sum(
            axis=0
        )
        term = until
        needed = max(min_score, kth_best(approximate, limit)) - remaining[term]
        can_win = approximate >= needed * _FLOAT32_MARGIN
        passages, approximate = passages[can_win], approximate[can_win]
        frequencies = np.vstack((frequencies, counts))[:, can_win]
    frequencies = np.vstack((term_frequencies(passages, lists[:added]), frequencies))
    gained = term_scores(frequencies, np.array(weights)[:, None], query.exact_norms(passages))
    scores = np.zeros(len(passages))
    for at in sorted(range(len(order)), key=order.__getitem__):
        scores += gained[at]
    is_top = (scores >= max(min_score, kth_best(scores, limit))) & (scores > 0)
    return passages[is_top], scores[is_top]


def _accumulate(  # noqa: PLR0913, PLR0917
    query: SegmentQuery,
    order: Sequence[int],
    remaining: Sequence[float],
    limit: int,
    min_score: float,
    sums: Float32Array,
) -> tuple[Ordinals, NDArray[Any], int]:
    """Add up terms in `order` until a passage with none of them cannot win.

    Returns the passages that can, their sums, and the number of terms added. Clears `sums`.
    """
    groups: list[Ordinals] = []
    pending: list[int] = []
    count = added = 0
    while True:
        is_last = added == len(order)
        if is_last or _is_pruning_worthwhile(
            len(query.lists[order[added]]), count, remaining[0] - remaining[added], remaining[added]
        ):
            groups += _add_terms(query, pending, sums)
            pending = []
            passages = groups[0] if len(groups) == 1 else np.concatenate(groups or [_NO_PASSAGES])
            scores = sums.take(passages)
            # A passage is here once for each of its terms, so `limit` passages are up to `limit * added`
            # here.
            top = _sort_unique(passages[scores >= _kth_best_lower_bound(scores, limit * max(added, 1))])
            needed = max(min_score, kth_best(sums.take(top), limit))
            if is_last or needed * _FLOAT32_MARGIN > remaining[added]:
                break
        pending.append(order[added])
        count += len(query.lists[order[added]])
        added += 1
    can_win = (scores >= (needed - remaining[added]) * _FLOAT32_MARGIN) & (scores > 0)
    winners = _sort_unique(passages[can_win])
    scores = sums.take(winners)
    if len(passages) * _FLOATS_PER_CACHE_LINE > len(sums):
        sums.fill(0)
    else:
        sums[passages] = 0
    return winners, scores, added


def _is_pruning_worthwhile(size: int, count: int, max_added: float, max_remaining: float) -> bool:
    """Return whether to check which passages can win before adding a list of `size` postings.

    `count` postings are added so far. Their terms give a passage at most `max_added`; if the remaining terms
    can add as much, nothing can be pruned.
    """
    is_cheaper = size > _PRUNING_COST_POSTINGS + _PRUNING_COST_SHARE * count
    return is_cheaper and max_added > max_remaining


def _sort_unique(passages: Ordinals) -> Ordinals:
    """Return the distinct passages, sorted. Sorts its argument in place."""
    passages.sort()
    is_first = np.ones(len(passages), np.bool_)
    np.not_equal(passages[1:], passages[:-1], out=is_first[1:])
    return passages[is_first]


def _add_terms(query: SegmentQuery, terms: Sequence[int], sums: Float32Array) -> list[Ordinals]:
    """Add terms to the sums of their passages; return these in blocks, once for each of their terms."""
    blocks: list[Ordinals] = []
    if not terms:
        return blocks
    lists = [query.lists[term] for term in terms]
    postings = np.concatenate(lists)
    term_weights = np.array([query.weights[term] * (K1 + 1) for term in terms], np.float32)
    weights = np.repeat(term_weights, [len(own) for own in lists])
    for at in range(0, len(postings), _POSTINGS_PER_SUM):
        block = postings[at : at + _POSTINGS_PER_SUM]
        passages = decode_passages(block)
        frequencies = decode_frequencies(block, np.float32)
        gained = query.approximate_norms.take(passages)
        gained += frequencies
        np.divide(frequencies, gained, out=gained)
        gained *= weights[at : at + _POSTINGS_PER_SUM]
        np.add.at(sums, passages, gained)
        blocks.append(passages)
    return blocks


def kth_best(scores: NDArray[Any], k: int) -> float:
    """Return the `k`-th greatest score, 0 when there are fewer."""
    if len(scores) < k:
        return 0.0
    ordered = scores.copy()
    ordered.partition(len(scores) - k)
    return float(ordered[len(scores) - k])


def _kth_best_lower_bound(scores: Float32Array, k: int) -> float:
    """Return a score that at least `k` of them reach: from the greatest of each block if they are many."""
    width = len(scores) // (8 * k)
    if width > 1:
        scores = scores[: len(scores) // width * width].reshape(-1, width).max(axis=1)
    return kth_best(scores, k)
