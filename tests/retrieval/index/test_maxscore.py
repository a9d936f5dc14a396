"""The best passages, held against the scores of all of them, added up one by one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrieval.index.bm25 import FREQUENCY_BITS, K1
from retrieval.index.maxscore import SegmentQuery, kth_best, top_passages

# In which share of the passages a term is, and what it weighs.
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
    """Passages with posting lists, and the score of each in a question."""

    asked: SegmentQuery
    scores: NDArray[np.float64]


def case(size: int, terms: Sequence[tuple[float, float]], lengths: int, gone: float, seed: int) -> Case:
    """Make a question up; of few `lengths` and frequencies many scores are equal."""
    chance = np.random.default_rng(seed)
    lengthy = chance.integers(1, lengths + 1, size).astype(np.float64)
    norms = np.multiply(K1, 0.25 + 0.75 * lengthy / max(lengths / 2, 1), dtype=np.float64)
    is_gone = chance.random(size) < gone
    rough = np.where(is_gone, np.inf, norms).astype(np.float32)
    lists, scores = [], np.zeros(size)
    for share, weight in terms:
        held = np.flatnonzero(chance.random(size) < share)
        counts = np.minimum(chance.zipf(2.5, len(held)), chance.choice([1, 3, 4095]))
        lists.append((held << FREQUENCY_BITS | counts).astype(np.uint32))
        scores[held] += weight * (counts * (K1 + 1) / (norms[held] + counts))
    scores[is_gone] = 0
    return Case(SegmentQuery(lists, [weight for _, weight in terms], rough, lambda some: norms[some]), scores)


def check(one: Case, limit: int, least: float) -> None:
    sums = np.zeros(len(one.scores), np.float32)
    numbers, scores = top_passages(one.asked, limit, least, sums)
    last = kth_best(one.scores, limit)
    expected = np.flatnonzero((one.scores >= max(least, last)) & (one.scores > 0)).tolist()
    assert expected == sorted(numbers.tolist())
    assert one.scores[numbers].tolist() == scores.tolist()
    assert not sums.any()


@given(
    size=SIZES,
    terms=TERMS,
    lengths=st.sampled_from([1, 3, 400]),
    gone=st.sampled_from([0, 0, 0.2, 1]),
    seed=st.integers(0, 9999),
    limit=st.integers(1, 100),
)
@settings(max_examples=250)
@example(size=20_000, terms=[(1, 0.001), (0.7, 0.5), (0.01, 4)], lengths=1, gone=0, seed=0, limit=64)
@example(size=20_000, terms=[(0.95, 1.0)] * 5, lengths=400, gone=0.2, seed=0, limit=1)
@example(size=20_000, terms=[(0.01, 5.0)] * 3 + [(1, 0.0005)] * 5, lengths=3, gone=0, seed=0, limit=10)
def test_the_best(  # noqa: PLR0913, PLR0917
    size: int, terms: Sequence[tuple[float, float]], lengths: int, gone: float, seed: int, limit: int
) -> None:
    """None of the best is missed, equals to the last come with it, and scores are exact to the bit."""
    one = case(size, terms, lengths, gone, seed)
    check(one, limit, 0.0)
    ranked = np.sort(one.scores)[::-1]
    for least in (float(ranked[min(limit, size) - 1]), float(ranked[min(limit // 2, size - 1)]), 1e9):
        check(one, limit, least)


def test_a_repeated_term_counts_again() -> None:
    """A term that is asked for several times counts as often."""
    one = case(20_000, [(0.4, 1.5), (0.001, 5.0)], 400, 0, 1)
    common = case(20_000, [(0.4, 1.5)], 400, 0, 1)
    asked = replace(one.asked, lists=[*one.asked.lists, common.asked.lists[0]], weights=[1.5, 5.0, 1.5])
    check(Case(asked, one.scores + common.scores), 20, 0.0)


@pytest.mark.parametrize(("limit", "expected"), [(1, 5.0), (2, 3.0), (3, 3.0), (4, 1.0), (5, 0.0)])
def test_kth(limit: int, expected: float) -> None:
    """The score of a rank is that of the greatest without those above it, none when there are fewer."""
    assert expected == kth_best(np.array([3.0, 1.0, 5.0, 3.0]), limit)
