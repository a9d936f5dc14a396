from collections.abc import Sequence
from itertools import pairwise
from math import log2
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index import merge_policy, segment_writer
from retrieval.index.local_index import LocalIndex
from retrieval.index.merge_policy import force_merge, maybe_merge
from retrieval.index.segment import LiveSegment
from tests.retrieval.corpus import document, held

SIZES = st.lists(st.integers(1, 12), max_size=12)


def leaf(folder: str | Path, number: int, size: int) -> LiveSegment:
    """Make a leaf of a document."""
    texts = [f"Fact {number} about goats." for _ in range(size)]
    return LiveSegment(segment_writer.build(Path(folder), document(f"{number:03}.txt", texts), 300))


def ids(leaves: Sequence[LiveSegment]) -> list[str]:
    return sorted(passage.id for passage in held(LocalIndex(leaves)))


def are_settled(leaves: Sequence[LiveSegment]) -> bool:
    """Tell whether each is more than twice as large as all after it together."""
    sizes = sorted((leaf.size for leaf in leaves), reverse=True)
    return all(size > 2 * sum(sizes[at + 1 :]) for at, size in enumerate(sizes) if at + 1 < len(sizes))


@given(sizes=SIZES)
@settings(max_examples=60)
def test_settled(sizes: Sequence[int]) -> None:
    """No leaf is left beside others that it is about as large as, and nothing is lost or doubled."""
    with TemporaryDirectory() as folder:
        leaves = [leaf(folder, number, size) for number, size in enumerate(sizes)]
        done = maybe_merge(leaves, Path(folder))
        assert are_settled(done)
        assert ids(leaves) == ids(done)
        assert done == sorted(done, key=lambda one: -one.size)
        assert done == maybe_merge(done, Path(folder))


@given(sizes=SIZES, most=st.integers(1, 30))
@settings(max_examples=60)
def test_large_ones_wait(sizes: Sequence[int], most: int) -> None:
    """What would be larger than it may is left for another time; then it is as if it had not waited."""
    with TemporaryDirectory() as folder:
        leaves = [leaf(folder, number, size) for number, size in enumerate(sizes)]
        done = maybe_merge(leaves, Path(folder), most)
        assert ids(leaves) == ids(done)
        assert all(one in leaves for one in done if one.size > most)
        assert are_settled(maybe_merge(done, Path(folder)))


@given(most=st.sampled_from([10_000, 8]))
@settings(max_examples=2)
def test_many_updates(most: int) -> None:
    """Over many updates of a document there are few leaves, and few passages are written again for each."""
    with TemporaryDirectory() as folder:
        leaves: list[LiveSegment] = []
        written, rounds = 0, 60
        for number in range(rounds):
            before = {one.segment.path for one in leaves}
            leaves = maybe_merge([*leaves, leaf(folder, number, 1)], Path(folder), most)
            written += sum(one.size for one in leaves if one.segment.path not in before)
            assert len(leaves) <= (log2(number + 1) + 1 if most > rounds else rounds / most * 3 + 4)
        assert rounds == len(set(ids(leaves))) == len(ids(leaves))
        assert written <= rounds * (log2(rounds) + 1)


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8), most=st.integers(9, 30))
@settings(max_examples=30)
def test_put_together(sizes: Sequence[int], most: int) -> None:
    """As few leaves as may be come of many, none larger than it may be, in their own order."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(merge_policy, "MOST_PASSAGES", most)
        leaves = [leaf(folder, number, size) for number, size in enumerate(sizes)]
        done = force_merge(leaves, Path(folder))
        assert held(LocalIndex(leaves)) == held(LocalIndex(done))
        assert all(one.size <= most for one in done)
        assert all(one.size + other.size > most for one, other in pairwise(done))
    assert [] == force_merge([], Path(folder))


def test_small_ones_keep_none_apart(tmp_path: Path) -> None:
    """One small leaf does not keep many larger ones from being put together."""
    leaves = [leaf(tmp_path, number, size) for number, size in enumerate([1, *[5] * 20])]
    assert [101] == [one.size for one in maybe_merge(leaves, tmp_path)]


def gaps(folder: Path, count: int) -> list[LiveSegment]:
    """Make a leaf that half of the documents are gone from, and one that is whole."""
    passages = [one for n in range(count) for one in document(f"{n:03}.txt", [f"goat {n}", f"keeper {n}"])]
    half = LiveSegment(segment_writer.build(folder, passages, 300)).without(range(0, count, 2))
    return [half, LiveSegment(segment_writer.build(folder, document("whole.txt", ["goat"]), 300))]


def test_gaps_are_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leaf that counts out many passages is written anew without them."""
    leaves = gaps(tmp_path, 12)
    assert leaves == maybe_merge(leaves, tmp_path)
    monkeypatch.setattr(merge_policy, "_MAX_DELETED_PASSAGES", 5)
    done = maybe_merge(leaves, tmp_path)
    assert ids(leaves) == ids(done)
    assert [12, 1] == [len(one.segment) for one in done]
    assert [frozenset(), frozenset()] == [one.deleted for one in done]


def test_what_is_left_of_a_leaf_counts(tmp_path: Path) -> None:
    """A leaf that most is gone from is as small as what is left of it."""
    leaves = [leaf(tmp_path, 0, 9), leaf(tmp_path, 1, 2)]
    both = force_merge([leaf(tmp_path, 2, 7), leaf(tmp_path, 3, 1)], tmp_path)[0].without([0])
    done = maybe_merge([*leaves, both], tmp_path)
    assert ([9, 3], ids([*leaves, both])) == ([one.size for one in done], ids(done))
