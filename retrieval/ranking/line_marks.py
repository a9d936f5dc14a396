"""The line marks of a passage as numbers, for a saved record."""

from collections.abc import Sequence
from itertools import accumulate, islice, pairwise

from retrieval.model import LineMark, Passage


def packed(passage: Passage) -> list[int]:
    """Return the differences between the marks: offsets and lines in turn, beginning with the passage's."""
    marks = (LineMark(0, passage.line), *passage.lines)
    return [number for a, b in pairwise(marks) for number in (b.start - a.start, b.line - a.line)]


def unpacked(numbers: Sequence[int], line: int) -> tuple[LineMark, ...]:
    """Return the marks of a passage that begins in this line."""
    starts = accumulate(numbers[::2])
    lines = islice(accumulate(numbers[1::2], initial=line), 1, None)
    return tuple(map(LineMark, starts, lines))
