"""The best passages of a segment, exactly, without looking at all that hold a common term.

Terms are taken rare ones first (MaxScore: Turtle and Flood 1995). Once as many passages as are wanted have
more than all terms that are left could bring, a passage with none of the terms so far cannot be among the
best: from there on, the lists are only asked about passages that still can.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.ranking.postings import K1, Numbers, Scores, frequencies_of, gains, look_up, passages_of

# Sums in another order differ by less than this share of them.
_SLACK = 1 - 1e-9
# A list is added without thinking when it is short, or little beside those before.
_SHORT = 2_048
_MUCH = 2
# So few passages are looked up in all lists at once.
_MANY = 256


@dataclass(frozen=True, slots=True)
class Asked:
    """A question to one segment: a posting list and a weight a term, in the question's order.

    `norms` are the passages'; passages that are gone have an infinite one.
    """

    lists: Sequence[NDArray[np.uint32]]
    weights: Sequence[float]
    norms: Scores


def best(asked: Asked, limit: int, least: float, sums: Scores) -> tuple[Numbers, Scores]:
    """Find the passages whose scores are `least` or more, and among the `limit` best or equal to the last.

    They come in no order. Their scores are rank-bm25's bit for bit: each is added up in the question's order.
    `sums` is working memory, zero for each passage, and is zero again afterwards.
    """
    order = sorted(range(len(asked.lists)), key=lambda term: -asked.weights[term])
    lists = [asked.lists[term] for term in order]
    bounds = [asked.weights[term] * (K1 + 1) if len(asked.lists[term]) else 0.0 for term in order]
    rest = np.append(np.cumsum(bounds[::-1])[::-1], 0.0).tolist()
    (passages, scores), term = _gather(asked, order, rest, limit, least, sums)
    while term < len(order) and len(passages) > _MANY + 2 * limit:
        (frequencies,) = look_up(passages, lists[term : term + 1])
        scores = scores + gains(frequencies, asked.weights[order[term]], asked.norms[passages])
        term += 1
        passages, scores = _winners(passages, scores, limit, least, rest[term])
    scores = np.zeros(len(passages))
    weights = np.array(asked.weights)[:, None]
    for gained in gains(look_up(passages, asked.lists), weights, asked.norms[passages]):
        scores += gained
    enough = scores >= max(least, kth(scores, limit))
    enough &= scores > 0
    return passages[enough], scores[enough]


def _gather(  # noqa: PLR0913, PLR0917
    asked: Asked, order: Sequence[int], rest: Sequence[float], limit: int, least: float, sums: Scores
) -> tuple[tuple[Numbers, Scores], int]:
    """Add up the rare terms; give the passages that can win, what they have, and how many terms that is."""
    groups: list[Numbers] = []
    count = term = 0
    while True:
        taken, more = term, 0
        while term < len(order) and len(asked.lists[order[term]]) <= max(_SHORT, _MUCH * (count + more)):
            more += len(asked.lists[order[term]])
            term += 1
        if term == taken and term < len(order):
            more, term = len(asked.lists[order[term]]), term + 1
        if more:
            groups.append(_add(asked, order[taken:term], sums))
            count += more
        passages = np.concatenate(groups) if groups else np.zeros(0, np.intp)
        scores = sums[passages]
        # Each passage is here once for each of its terms.
        enough = max(least, _kth_at_least(scores, limit * max(term, 1)))
        if term == len(order) or enough * _SLACK > rest[term]:
            sums[passages] = 0
            likely = scores >= (enough - rest[term]) * _SLACK
            passages, which = np.unique(passages[likely], return_index=True)
            return _winners(passages, scores[likely][which], limit, least, rest[term]), term


def _add(asked: Asked, terms: Sequence[int], sums: Scores) -> Numbers:
    """Add what terms bring to the sums of their passages, and name these, once for each term."""
    lists = [asked.lists[term] for term in terms]
    postings = np.concatenate(lists)
    passages = passages_of(postings)
    weights = np.repeat([asked.weights[term] for term in terms], [len(one) for one in lists])
    np.add.at(sums, passages, gains(frequencies_of(postings), weights, asked.norms[passages]))
    return passages


def _winners(
    passages: Numbers, scores: Scores, limit: int, least: float, rest: float
) -> tuple[Numbers, Scores]:
    """Keep the passages that can be among the best if they get all that is left."""
    can = scores >= (max(least, kth(scores, limit)) - rest) * _SLACK
    return passages[can], scores[can]


def kth(scores: Scores, limit: int) -> float:
    """Give the `limit`-th greatest score, or none when there are fewer."""
    if len(scores) < limit:
        return 0.0
    return float(np.partition(scores, len(scores) - limit)[len(scores) - limit])


def _kth_at_least(scores: Scores, limit: int) -> float:
    """Give a score that `limit` of them reach: of many, the greatest in each block stand for all."""
    width = len(scores) // (8 * limit)
    if width > 1:
        scores = scores[: len(scores) // width * width].reshape(-1, width).max(axis=1)
    return kth(scores, limit)
