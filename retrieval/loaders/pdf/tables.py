"""Tables on a PDF's page: lines with the same wide gaps one below the other."""

from collections.abc import Sequence
from statistics import median

from retrieval.loaders.pdf.chars import PageChars
from retrieval.loaders.pdf.lines import Line, gaps

# In heights of a line.
_WIDE_GAP = 0.9
# Justified lines are stretched at all their spaces, but hardly so far.
_STRETCHED = 2.5
# A row is wider than its letters need by this factor.
_WIDE_ROW = 1.1
# The number or bullet of an item, and the space after it.
_LONGEST_MARKER = 5


def table_rows(leaf: PageChars, found: Sequence[Line]) -> list[Line]:
    """Return the lines that are table rows: two or more with the same gaps one below the other."""
    usual = median([(line.right - line.left) / len(line.text) for line in found]) if found else 0.0
    wide = [
        [] if line.right - line.left < _WIDE_ROW * usual * len(line.text) else _cell_gaps(leaf, line)
        for line in found
    ]
    return [
        line
        for at, line in enumerate(found)
        if any(_overlap(gap, other) for gap in wide[at] for near in _beside(wide, at) for other in near)
    ]


def _cell_gaps(leaf: PageChars, line: Line) -> list[tuple[float, float]]:
    """Return the gaps far wider than a space, unless the line is justified."""
    all_gaps = [(left, right) for after, left, right in gaps(leaf, line) if after > _LONGEST_MARKER]
    widths = [right - left for left, right in all_gaps]
    if len(widths) == line.text.count(" ") and max(widths, default=0) < _STRETCHED * line.height:
        return []
    return [(left, right) for left, right in all_gaps if right - left > _WIDE_GAP * line.height]


def _beside(wide: list[list[tuple[float, float]]], at: int) -> list[list[tuple[float, float]]]:
    return wide[max(0, at - 1) : at] + wide[at + 1 : at + 2]


def _overlap(gap: tuple[float, float], other: tuple[float, float]) -> bool:
    return min(gap[1], other[1]) > max(gap[0], other[0])
