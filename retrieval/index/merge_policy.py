"""Which segments are put together, and when: few are searched faster, and large ones are seldom written."""

from collections.abc import Sequence
from pathlib import Path

from retrieval.index import segment_writer
from retrieval.index.bm25 import MOST_PASSAGES
from retrieval.index.segment import LiveSegment

# A leaf that counts out so many passages, when a library is opened, is written anew.
_MOST_GONE = 2_000


def merge_new(leaves: Sequence[LiveSegment], folder: Path) -> list[LiveSegment]:
    """Make of leaves as few as may be, in new files in a folder; their own order is kept. Raises OSError."""
    groups: list[list[LiveSegment]] = []
    size = MOST_PASSAGES
    for leaf in leaves:
        if size + leaf.size > MOST_PASSAGES:
            groups.append([])
            size = 0
        groups[-1].append(leaf)
        size += leaf.size
    return [
        LiveSegment(segment_writer.merge(folder, [(leaf.segment, leaf.kept) for leaf in group]))
        for group in groups
    ]


def merge_due(leaves: Sequence[LiveSegment], folder: Path, most: int = MOST_PASSAGES) -> list[LiveSegment]:
    """Put together leaves of about a size until each is far larger than those after it. Raises OSError.

    So a passage is copied about as often as the number of passages can be halved. Leaves larger than `most`
    are left for another time.
    """
    done = sorted(leaves, key=lambda leaf: -leaf.size)
    while due := _due(done, most):
        rest = [leaf for leaf in done if leaf not in due]
        done = sorted([*rest, *merge_new(due, folder)], key=lambda leaf: -leaf.size)
        delete_segments(due, [*leaves, *done])
    return done


def delete_segments(leaves: Sequence[LiveSegment], used: Sequence[LiveSegment]) -> None:
    """Delete the files of leaves that were made on the way to others, but for those that are used."""
    for leaf in leaves:
        if leaf not in used:
            leaf.segment.path.unlink(missing_ok=True)


def _due(leaves: Sequence[LiveSegment], most: int) -> list[LiveSegment]:
    """Choose what to put together next; `leaves` come largest first."""
    chosen: list[LiveSegment] = []
    size = 0
    for at, leaf in reversed(list(enumerate(leaves))):
        if size + leaf.size > min(most, MOST_PASSAGES):
            break
        if leaf.size <= 2 * size:
            chosen = list(leaves[at:])
        size += leaf.size
    if len(chosen) > 1:
        return chosen
    return next(
        ([leaf] for leaf in leaves if leaf.size <= most and len(leaf.segment) - leaf.size > _MOST_GONE), []
    )
