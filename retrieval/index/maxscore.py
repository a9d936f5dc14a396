"""The best passages of a segment, exactly, without looking at all that hold a common term.

Terms are taken rare ones first (MaxScore: Turtle and Flood 1995). Once as many passages as are wanted have
more than all terms that are left could bring, a passage with none of the terms so far cannot be among the
best: from there on, the lists are only asked about passages that still can.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.index.bm25 import K1, Numbers, Rough, Scores, frequencies_of, gains, look_up, passages_of

# Rough sums, of 32 bits and in another order, differ from the scores by less than this share of them.
_SLACK = 1 - 1e-4
# Sums that lie in one line of the processor's cache: past one in each, clearing all of them is quicker.
_LINE = 16
_NONE = np.zeros(0, np.intp)
# To look what can still win takes as long as adding so many postings, and a share of those added so far.
_SHORT = 6_144
_LITTLE = 0.5
# Postings that are added up at a time.
_AT_ONCE = 32_768
# So few passages are looked up in all lists at once.
_MANY = 256


@dataclass(frozen=True, slots=True)
class SegmentQuery:
    """A question to one segment: a posting list and a weight a term, in the question's order.

    `rough` are the passages' norms in 32 bits, infinite for passages that are gone: half the memory to go
    through. `norms` gives those of some passages as they are.
    """

    lists: Sequence[NDArray[np.uint32]]
    weights: Sequence[float]
    rough: Rough
    norms: Callable[[Numbers], Scores]


def top_passages(asked: SegmentQuery, limit: int, least: float, sums: Rough) -> tuple[Numbers, Scores]:
    """Find the passages whose scores are `least` or more, and among the `limit` best or equal to the last.

    They come in no order. Their scores are rank-bm25's bit for bit: each is added up in the question's order.
    `sums` is working memory, 32 bits of zero for each passage, and is zero again afterwards.
    """
    order = sorted(range(len(asked.lists)), key=lambda term: -asked.weights[term])
    lists = [asked.lists[term] for term in order]
    weights = [asked.weights[term] for term in order]
    bounds = [weight * (K1 + 1) if len(one) else 0.0 for weight, one in zip(weights, lists, strict=True)]
    rest = [*accumulate(reversed(bounds), initial=0.0)][::-1]
    passages, rough, added = _gather(asked, order, rest, limit, least, sums)
    frequencies = np.zeros((0, len(passages)))
    term = added
    while term < len(order):
        # As long as there are many, each list may leave fewer for the next; few are asked about all at once.
        until = term + 1 if len(passages) > _MANY else len(order)
        found = look_up(passages, lists[term:until])
        rough = rough + gains(found, np.array(weights[term:until])[:, None], asked.rough[passages]).sum(
            axis=0
        )
        term = until
        can_win = rough >= (max(least, kth_best(rough, limit)) - rest[term]) * _SLACK
        passages, rough = passages[can_win], rough[can_win]
        frequencies = np.vstack((frequencies, found))[:, can_win]
    frequencies = np.vstack((look_up(passages, lists[:added]), frequencies))
    gained = gains(frequencies, np.array(weights)[:, None], asked.norms(passages))
    scores = np.zeros(len(passages))
    for at in sorted(range(len(order)), key=order.__getitem__):
        scores += gained[at]
    enough = (scores >= max(least, kth_best(scores, limit))) & (scores > 0)
    return passages[enough], scores[enough]


def _gather(  # noqa: PLR0913, PLR0917
    asked: SegmentQuery, order: Sequence[int], rest: Sequence[float], limit: int, least: float, sums: Rough
) -> tuple[Numbers, NDArray[Any], int]:
    """Add up the rare terms; give the passages that can win, what they have, and how many terms that is."""
    groups: list[Numbers] = []
    waiting: list[int] = []
    count = done = 0
    while True:
        last = done == len(order)
        if last or _is_worth_a_look(len(asked.lists[order[done]]), count, rest[0] - rest[done], rest[done]):
            groups += _add(asked, waiting, sums)
            waiting = []
            passages = groups[0] if len(groups) == 1 else np.concatenate(groups or [_NONE])
            scores = sums.take(passages)
            # Each passage is here once for each of its terms.
            top = _distinct(passages[scores >= _kth_at_least(scores, limit * max(done, 1))])
            enough = max(least, kth_best(sums.take(top), limit))
            if last or enough * _SLACK > rest[done]:
                break
        waiting.append(order[done])
        count += len(asked.lists[order[done]])
        done += 1
    likely = _distinct(passages[(scores >= (enough - rest[done]) * _SLACK) & (scores > 0)])
    scores = sums.take(likely)
    if len(passages) * _LINE > len(sums):
        sums.fill(0)
    else:
        sums[passages] = 0
    return likely, scores, done


def _is_worth_a_look(size: int, count: int, had: float, left: float) -> bool:
    """Tell whether to look what can still win before a list of this size is added to `count` postings.

    By what both take; and no passage has more than the terms so far could bring.
    """
    return size > _SHORT + _LITTLE * count and had > left


def _distinct(passages: Numbers) -> Numbers:
    passages.sort()
    is_first = np.ones(len(passages), np.bool_)
    np.not_equal(passages[1:], passages[:-1], out=is_first[1:])
    return passages[is_first]


def _add(asked: SegmentQuery, terms: Sequence[int], sums: Rough) -> list[Numbers]:
    """Add what terms bring to the sums of their passages, and name these, once for each term."""
    found: list[Numbers] = []
    if not terms:
        return found
    lists = [asked.lists[term] for term in terms]
    postings = np.concatenate(lists)
    own = np.array([asked.weights[term] * (K1 + 1) for term in terms], np.float32)
    weight = np.repeat(own, [len(one) for one in lists])
    # In parts that stay in the processor's cache.
    for at in range(0, len(postings), _AT_ONCE):
        part = postings[at : at + _AT_ONCE]
        passages = passages_of(part)
        frequencies = frequencies_of(part, np.float32)
        gained = asked.rough.take(passages)
        gained += frequencies
        np.divide(frequencies, gained, out=gained)
        gained *= weight[at : at + _AT_ONCE]
        np.add.at(sums, passages, gained)
        found.append(passages)
    return found


def kth_best(scores: NDArray[Any], limit: int) -> float:
    """Give the `limit`-th greatest score, or none when there are fewer."""
    if len(scores) < limit:
        return 0.0
    ordered = scores.copy()
    ordered.partition(len(scores) - limit)
    return float(ordered[len(scores) - limit])


def _kth_at_least(scores: Rough, limit: int) -> float:
    """Give a score that `limit` of them reach: of many, the greatest in each block stand for all."""
    width = len(scores) // (8 * limit)
    if width > 1:
        scores = scores[: len(scores) // width * width].reshape(-1, width).max(axis=1)
    return kth_best(scores, limit)
