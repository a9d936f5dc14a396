"""Merge policy: when segments are merged, and which.

Few segments are searched faster. Large ones are rewritten rarely.
"""

from collections.abc import Sequence
from pathlib import Path

from retrieval.index import segment_writer
from retrieval.index.bm25 import MAX_SEGMENT_PASSAGES
from retrieval.index.segment import LiveSegment

# A segment with more deleted passages than these is rewritten without them.
_MAX_DELETED_PASSAGES = 2_000


def force_merge(segments: Sequence[LiveSegment], folder: Path) -> list[LiveSegment]:
    """Merge neighbouring segments into as few new ones as possible, in the same order. Raises OSError.

    `folder` is for the new files. A segment has at most MAX_SEGMENT_PASSAGES passages.
    """
    groups: list[list[LiveSegment]] = []
    size = MAX_SEGMENT_PASSAGES
    for segment in segments:
        if size + segment.size > MAX_SEGMENT_PASSAGES:
            groups.append([])
            size = 0
        groups[-1].append(segment)
        size += segment.size
    return [
        LiveSegment(segment_writer.merge_segments(folder, [(live.segment, live.alive) for live in group]))
        for group in groups
    ]


def maybe_merge(
    segments: Sequence[LiveSegment], folder: Path, max_passages: int = MAX_SEGMENT_PASSAGES
) -> list[LiveSegment]:
    """Merge segments of similar size until each is more than twice as large as all smaller ones together.

    So a passage is copied about log2(passages) times. Merges into more than `max_passages` are left for
    another time. Returns the segments, largest first. Raises OSError.
    """
    merged = sorted(segments, key=lambda segment: -segment.size)
    while chosen := _choose_segments(merged, max_passages):
        rest = [segment for segment in merged if segment not in chosen]
        merged = sorted([*rest, *force_merge(chosen, folder)], key=lambda segment: -segment.size)
        delete_unused_segments(chosen, [*segments, *merged])
    return merged


def delete_unused_segments(segments: Sequence[LiveSegment], used: Sequence[LiveSegment]) -> None:
    """Delete the files of the segments that are not among `used`."""
    for live in segments:
        if live not in used:
            live.segment.path.unlink(missing_ok=True)


def _choose_segments(segments: Sequence[LiveSegment], max_passages: int) -> list[LiveSegment]:
    """Return the segments to merge next, none when all is done. `segments` come largest first."""
    chosen: list[LiveSegment] = []
    size = 0
    for at, segment in reversed(list(enumerate(segments))):
        if size + segment.size > min(max_passages, MAX_SEGMENT_PASSAGES):
            break
        if segment.size <= 2 * size:
            chosen = list(segments[at:])
        size += segment.size
    if len(chosen) > 1:
        return chosen
    return next(
        (
            [live]
            for live in segments
            if live.size <= max_passages and len(live.segment) - live.size > _MAX_DELETED_PASSAGES
        ),
        [],
    )
