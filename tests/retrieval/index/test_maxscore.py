"""The top passages are those of an exhaustive scoring of all passages."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrieval.index.bm25 import FREQUENCY_BITS, K1
from retrieval.index.maxscore import SegmentQuery, kth_best, top_passages

# The share of the passages that have a term, and the term's weight.
TERMS = st.lists(
    st.tuples(
        st.sampled_from([0, 0.0001, 0.001, 0.01, 0.1, 0.3, 0.7, 0.95, 1]),
        st.sampled_from([0.0005, 0.01, 0.5, 1.0, 1.0, 2.5, 7.0]) | st.floats(0.001, 9),
    ),
    max_size=8,
)
SIZES = st.sampled_from([1, 7, 300, 20_000, 20_000, 20_000])


@dataclass(frozen=True)
class Case:
    """A query, and the score of each passage."""

    query: SegmentQuery
    scores: NDArray[np.float64]


def case(size: int, terms: Sequence[tuple[float, float]], max_length: int, deleted: float, seed: int) -> Case:
    """Return a random case; small values of `max_length` and of frequencies make many equal scores.

    `deleted` is the share of deleted passages.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, max_length + 1, size).astype(np.float64)
    norms = np.multiply(K1, 0.25 + 0.75 * lengths / max(max_length / 2, 1), dtype=np.float64)
    is_deleted = rng.random(size) < deleted
    approximate = np.where(is_deleted, np.inf, norms).astype(np.float32)
    lists, scores = [], np.zeros(size)
    for share, weight in terms:
        passages = np.flatnonzero(rng.random(size) < share)
        counts = np.minimum(rng.zipf(2.5, len(passages)), rng.choice([1, 3, 4095]))
        lists.append((passages << FREQUENCY_BITS | counts).astype(np.uint32))
        scores[passages] += weight * (counts * (K1 + 1) / (norms[passages] + counts))
    scores[is_deleted] = 0
    weights = [weight for _, weight in terms]
    return Case(SegmentQuery(lists, weights, approximate, lambda passages: norms[passages]), scores)


def check(expected: Case, limit: int, min_score: float) -> None:
    sums = np.zeros(len(expected.scores), np.float32)
    passages, scores = top_passages(expected.query, limit, min_score, sums)
    needed = max(min_score, kth_best(expected.scores, limit))
    is_top = (expected.scores >= needed) & (expected.scores > 0)
    assert np.flatnonzero(is_top).tolist() == sorted(passages.tolist())
    assert expected.scores[passages].tolist() == scores.tolist()
    assert not sums.any()


@given(
    size=SIZES,
    terms=TERMS,
    max_length=st.sampled_from([1, 3, 400]),
    deleted=st.sampled_from([0, 0, 0.2, 1]),
    seed=st.integers(0, 9999),
    limit=st.integers(1, 100),
)
@settings(max_examples=250)
@example(size=20_000, terms=[(1, 0.001), (0.7, 0.5), (0.01, 4)], max_length=1, deleted=0, seed=0, limit=64)
@example(size=20_000, terms=[(0.95, 1.0)] * 5, max_length=400, deleted=0.2, seed=0, limit=1)
@example(size=20_000, terms=[(0.01, 5.0)] * 3 + [(1, 0.0005)] * 5, max_length=3, deleted=0, seed=0, limit=10)
def test_top_passages(  # noqa: PLR0913, PLR0917
    size: int, terms: Sequence[tuple[float, float]], max_length: int, deleted: float, seed: int, limit: int
) -> None:
    """All of the best passages are found, with ties to the last, and scores are exact to the bit."""
    expected = case(size, terms, max_length, deleted, seed)
    check(expected, limit, 0.0)
    ranked = np.sort(expected.scores)[::-1]
    for min_score in (float(ranked[min(limit, size) - 1]), float(ranked[min(limit // 2, size - 1)]), 1e9):
        check(expected, limit, min_score)


def test_repeated_term() -> None:
    """A term that is repeated in the query counts each time."""
    both = case(20_000, [(0.4, 1.5), (0.001, 5.0)], 400, 0, 1)
    common = case(20_000, [(0.4, 1.5)], 400, 0, 1)
    lists = [*both.query.lists, common.query.lists[0]]
    query = replace(both.query, lists=lists, weights=[1.5, 5.0, 1.5])
    check(Case(query, both.scores + common.scores), 20, 0.0)


@pytest.mark.parametrize(("k", "expected"), [(1, 5.0), (2, 3.0), (3, 3.0), (4, 1.0), (5, 0.0)])
def test_kth_best(k: int, expected: float) -> None:
    """The k-th best score counts equal scores separately, and is 0 if there are fewer than k."""
    assert expected == kth_best(np.array([3.0, 1.0, 5.0, 3.0]), k)
