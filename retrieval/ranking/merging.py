"""Which segments are put together, and when: few are searched faster, and large ones are seldom written."""

from collections.abc import Sequence
from pathlib import Path

from retrieval.ranking import segments
from retrieval.ranking.leaf import Leaf
from retrieval.ranking.postings import MOST_PASSAGES

# A leaf that counts out so many passages, when a library is opened, is written anew.
_MOST_GONE = 2_000


def put_together(leaves: Sequence[Leaf], folder: Path) -> list[Leaf]:
    """Make of leaves as few as may be, in new files in a folder; their own order is kept. Raises OSError."""
    groups: list[list[Leaf]] = []
    size = MOST_PASSAGES
    for leaf in leaves:
        if size + leaf.size > MOST_PASSAGES:
            groups.append([])
            size = 0
        groups[-1].append(leaf)
        size += leaf.size
    return [Leaf(segments.merge(folder, [(leaf.segment, leaf.kept) for leaf in group])) for group in groups]


def settled(leaves: Sequence[Leaf], folder: Path, most: int = MOST_PASSAGES) -> list[Leaf]:
    """Put together leaves of about a size until each is far larger than those after it. Raises OSError.

    So a passage is copied about as often as the number of passages can be halved. Leaves larger than `most`
    are left for another time.
    """
    done = sorted(leaves, key=lambda leaf: -leaf.size)
    while due := _due(done, most):
        rest = [leaf for leaf in done if leaf not in due]
        done = sorted([*rest, *put_together(due, folder)], key=lambda leaf: -leaf.size)
        drop(due, [*leaves, *done])
    return done


def drop(leaves: Sequence[Leaf], used: Sequence[Leaf]) -> None:
    """Delete the files of leaves that were made on the way to others, but for those that are used."""
    for leaf in leaves:
        if leaf not in used:
            leaf.segment.path.unlink(missing_ok=True)


def _due(leaves: Sequence[Leaf], most: int) -> list[Leaf]:
    """Choose what to put together next; `leaves` come largest first."""
    chosen: list[Leaf] = []
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
