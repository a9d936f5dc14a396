"""MaxScore (Turtle and Flood 1995): the exact top passages of a segment, without scoring every passage.

Terms are taken in the order of their weights, rare ones first. As soon as `limit` passages each score more
than the remaining terms can add, a passage with none of the terms so far cannot be among the top. The
remaining lists are then only searched for the passages that still can.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.index.bm25 import (
    K1,
    Float32Array,
    Ordinals,
    Scores,
    decode_frequencies,
    decode_passages,
    term_frequencies,
    term_scores,
)

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
_POSTINGS_PER_BLOCK = 32_768
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
    for at in range(0, len(postings), _POSTINGS_PER_BLOCK):
        block = postings[at : at + _POSTINGS_PER_BLOCK]
        passages = decode_passages(block)
        frequencies = decode_frequencies(block, np.float32)
        gained = query.approximate_norms.take(passages)
        gained += frequencies
        np.divide(frequencies, gained, out=gained)
        gained *= weights[at : at + _POSTINGS_PER_BLOCK]
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
