"""Tables on PDF pages: adjacent lines with the same wide gaps."""

from collections.abc import Sequence
from statistics import median

from retrieval.loaders.pdf.chars import PageChars
from retrieval.loaders.pdf.lines_and_columns import Line, find_gaps

_MIN_CELL_GAP_HEIGHTS = 0.9
# Justified lines are stretched at every space, but rarely by more than this.
_MAX_JUSTIFIED_GAP_HEIGHTS = 2.5
# Minimum row width, relative to its letters.
_MIN_ROW_WIDTH_RATIO = 1.1
# The number or bullet of an item, and the space after it.
_MAX_MARKER_CHARS = 5


def find_table_rows(chars: PageChars, all_lines: Sequence[Line]) -> list[Line]:
    """Return the lines that are table rows: they share a wide gap with an adjacent line."""
    usual = median([(line.right - line.left) / len(line.text) for line in all_lines]) if all_lines else 0.0
    wide = [
        []
        if line.right - line.left < _MIN_ROW_WIDTH_RATIO * usual * len(line.text)
        else _cell_gaps(chars, line)
        for line in all_lines
    ]
    return [
        line
        for at, line in enumerate(all_lines)
        if any(_overlap(gap, other) for gap in wide[at] for near in _beside(wide, at) for other in near)
    ]


def _cell_gaps(chars: PageChars, line: Line) -> list[tuple[float, float]]:
    """Return the gaps far wider than a space, unless the line is justified."""
    all_gaps = [(left, right) for after, left, right in find_gaps(chars, line) if after > _MAX_MARKER_CHARS]
    widths = [right - left for left, right in all_gaps]
    if (
        len(widths) == line.text.count(" ")
        and max(widths, default=0) < _MAX_JUSTIFIED_GAP_HEIGHTS * line.height
    ):
        return []
    return [(left, right) for left, right in all_gaps if right - left > _MIN_CELL_GAP_HEIGHTS * line.height]


def _beside(wide: list[list[tuple[float, float]]], at: int) -> list[list[tuple[float, float]]]:
    return wide[max(0, at - 1) : at] + wide[at + 1 : at + 2]


def _overlap(gap: tuple[float, float], other: tuple[float, float]) -> bool:
    return min(gap[1], other[1]) > max(gap[0], other[0])
