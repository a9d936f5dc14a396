"""The line marks of a passage as numbers, for a saved record."""

from collections.abc import Sequence
from itertools import pairwise

from retrieval.model import LineMark, Passage


def packed(passage: Passage) -> list[int]:
    """Return the differences between the marks: offsets and lines in turn, beginning with the passage's."""
    marks = (LineMark(0, passage.line), *passage.lines)
    return [number for a, b in pairwise(marks) for number in (b.start - a.start, b.line - a.line)]


def unpacked(numbers: Sequence[int], line: int) -> tuple[LineMark, ...]:
    """Return the marks of a passage that begins in this line."""
    marks: list[LineMark] = []
    start = 0
    for step, lines in zip(numbers[::2], numbers[1::2], strict=True):
        start, line = start + step, line + lines
        marks.append(LineMark(start, line))
    return tuple(marks)
