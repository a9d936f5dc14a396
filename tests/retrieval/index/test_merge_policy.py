from collections.abc import Sequence
from itertools import pairwise
from math import log2
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index import segment_writer
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment
from retrieval.index.segment_writer import force_merge, maybe_merge
from tests.retrieval.corpus import all_passages, document

SIZES = st.lists(st.integers(1, 12), max_size=12)


def segment(folder: str | Path, number: int, size: int) -> LiveSegment:
    """Build a segment of one document with `size` passages."""
    texts = [f"Fact {number} about goats." for _ in range(size)]
    return LiveSegment(segment_writer.write_segment(Path(folder), document(f"{number:03}.txt", texts), 300))


def ids(segments: Sequence[LiveSegment]) -> list[str]:
    return sorted(passage.id for passage in all_passages(LocalIndex(segments)))


def is_mtime_reliable(segments: Sequence[LiveSegment]) -> bool:
    """Return whether each segment is more than twice as large as all smaller ones together."""
    sizes = sorted((live.size for live in segments), reverse=True)
    return all(size > 2 * sum(sizes[at + 1 :]) for at, size in enumerate(sizes) if at + 1 < len(sizes))


@given(sizes=SIZES)
@settings(max_examples=60)
def test_maybe_merge(sizes: Sequence[int]) -> None:
    """Segments of similar size are merged until none are left; no passage is lost or duplicated."""
    with TemporaryDirectory() as folder:
        segments = [segment(folder, number, size) for number, size in enumerate(sizes)]
        merged = maybe_merge(segments, Path(folder))
        assert is_mtime_reliable(merged)
        assert ids(segments) == ids(merged)
        assert merged == sorted(merged, key=lambda live: -live.size)
        assert merged == maybe_merge(merged, Path(folder))


@given(sizes=SIZES, limit=st.integers(1, 30))
@settings(max_examples=60)
def test_large_merges_are_deferred(sizes: Sequence[int], limit: int) -> None:
    """Merges into segments above the limit are left; a later call without the limit does them."""
    with TemporaryDirectory() as folder:
        segments = [segment(folder, number, size) for number, size in enumerate(sizes)]
        merged = maybe_merge(segments, Path(folder), limit)
        assert ids(segments) == ids(merged)
        assert all(live in segments for live in merged if live.size > limit)
        assert is_mtime_reliable(maybe_merge(merged, Path(folder)))


@given(limit=st.sampled_from([10_000, 8]))
@settings(max_examples=2)
def test_many_updates(limit: int) -> None:
    """After many updates there are few segments, and each passage was rewritten few times."""
    with TemporaryDirectory() as folder:
        segments: list[LiveSegment] = []
        written, rounds = 0, 60
        for number in range(rounds):
            before = {live.segment.path for live in segments}
            segments = maybe_merge([*segments, segment(folder, number, 1)], Path(folder), limit)
            written += sum(live.size for live in segments if live.segment.path not in before)
            assert len(segments) <= (log2(number + 1) + 1 if limit > rounds else rounds / limit * 3 + 4)
        assert rounds == len(set(ids(segments))) == len(ids(segments))
        assert written <= rounds * (log2(rounds) + 1)


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8), limit=st.integers(9, 30))
@settings(max_examples=30)
def test_force_merge(sizes: Sequence[int], limit: int) -> None:
    """Neighbouring segments are merged into as few as fit the limit, in the same order."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(segment_writer, "MAX_SEGMENT_PASSAGES", limit)
        segments = [segment(folder, number, size) for number, size in enumerate(sizes)]
        merged = force_merge(segments, Path(folder))
        assert all_passages(LocalIndex(segments)) == all_passages(LocalIndex(merged))
        assert all(live.size <= limit for live in merged)
        assert all(first.size + second.size > limit for first, second in pairwise(merged))
    assert [] == force_merge([], Path(folder))


def test_one_small_segment_among_larger_ones(tmp_path: Path) -> None:
    """One small segment does not prevent the merge of many larger ones."""
    segments = [segment(tmp_path, number, size) for number, size in enumerate([1, *[5] * 20])]
    assert [101] == [live.size for live in maybe_merge(segments, tmp_path)]


def half_deleted(folder: Path, count: int) -> list[LiveSegment]:
    """Build a segment with half of its documents deleted, and one without deletions."""
    passages = [
        passage for n in range(count) for passage in document(f"{n:03}.txt", [f"goat {n}", f"keeper {n}"])
    ]
    half = LiveSegment(segment_writer.write_segment(folder, passages, 300)).without(range(0, count, 2))
    return [half, LiveSegment(segment_writer.write_segment(folder, document("whole.txt", ["goat"]), 300))]


def test_many_deleted_passages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment with many deleted passages is rewritten without them."""
    segments = half_deleted(tmp_path, 12)
    assert segments == maybe_merge(segments, tmp_path)
    monkeypatch.setattr(segment_writer, "_MAX_DELETED_PASSAGES", 5)
    merged = maybe_merge(segments, tmp_path)
    assert ids(segments) == ids(merged)
    assert [12, 1] == [len(live.segment) for live in merged]
    assert [frozenset(), frozenset()] == [live.deleted for live in merged]


def test_size_without_deleted_passages(tmp_path: Path) -> None:
    """The size that decides on merges is without deleted passages."""
    segments = [segment(tmp_path, 0, 9), segment(tmp_path, 1, 2)]
    both = force_merge([segment(tmp_path, 2, 7), segment(tmp_path, 3, 1)], tmp_path)[0].without([0])
    merged = maybe_merge([*segments, both], tmp_path)
    assert ([9, 3], ids([*segments, both])) == ([live.size for live in merged], ids(merged))
