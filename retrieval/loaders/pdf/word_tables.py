"""Tables of words on PDF pages without ruling lines: rows of one line, all cells filled, below names.

Running text in columns is not a table: nothing above it names every column.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import regex

from retrieval.loaders.pdf.characters import PageChars
from retrieval.loaders.pdf.lines_and_columns import Line, find_gaps
from retrieval.loaders.pdf.number_rows import (
    MAX_HEADER_DISTANCE_HEIGHTS,
    MAX_LINE_DISTANCE_HEIGHTS,
    starts_small,
)

_MIN_COLUMNS = 3
_MIN_LETTER_WIDTH_HEIGHTS = 0.5
_MIN_ROWS = 4
_MAX_HEADER_LINES = 4
_MIN_GAP_HEIGHTS = 0.9
_MAX_MISALIGNMENT_HEIGHTS = 0.5
_MAX_ROW_DISTANCE_HEIGHTS = 2.2
# Cells that continue the line above, as running text in columns does, begin with a small letter.
_MAX_SMALL_SHARE = 0.3
_NAME = regex.compile(r".*\p{L}.*|(?:19|20)\d\d")


class Cell(NamedTuple):
    """The text of a cell and its edges."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class WordTable:
    """The lines that name the columns and the names; the lines of the rows and their cells."""

    header: tuple[Line, ...]
    names: tuple[str, ...]
    lines: tuple[Line, ...]
    cells: tuple[tuple[str, ...], ...]


def find_word_tables(chars: PageChars, lines: Sequence[Line]) -> Iterator[WordTable]:
    """Yield the tables of words among lines that are in no other table."""
    placed = sorted((line for line in lines if not line.runs_left), key=lambda line: -line.base)
    cells = [
        _cells(chars, line) if _has_room(line) else [Cell(line.text, line.left, line.right)]
        for line in placed
    ]
    for start, end in _runs(placed, cells):
        first, names, after = start, tuple(cell.text for cell in cells[start]), start + 1
        if start and (own := _names(cells[start - 1], cells[start:end])):
            distance = placed[start - 1].base - placed[start].base
            if distance > MAX_HEADER_DISTANCE_HEIGHTS * placed[start].height:
                continue
            first, names, after = start - 1, own, start
        if (first == start or any(map(starts_small, names))) and (
            named := _names_over_lines(placed, cells, start, end)
        ):
            (first, names), after = named, start
        rows = range(after, end - _is_continued(placed, end))
        is_whole = first == 0 or not _is_continued(placed, first)
        is_shorter = first < start or _is_shorter(names, [cells[index] for index in rows])
        is_named = is_shorter and _are_names(names, [cells[index] for index in rows])
        if len(rows) >= _MIN_ROWS and is_whole and is_named:
            yield WordTable(
                tuple(placed[first:after]),
                names,
                tuple(placed[index] for index in rows),
                tuple(tuple(cell.text for cell in cells[index]) for index in rows),
            )


def _has_room(line: Line) -> bool:
    """Return whether a line is so wide for its letters that it may have wide gaps."""
    return line.right - line.left > _MIN_LETTER_WIDTH_HEIGHTS * line.height * len(line.text)


def _cells(chars: PageChars, line: Line) -> list[Cell]:
    cells: list[Cell] = []
    start, left = 0, line.left
    for after, gap_left, gap_right in find_gaps(chars, line):
        if gap_right - gap_left > _MIN_GAP_HEIGHTS * line.height:
            cells.append(Cell(line.text[start:after].strip(), left, gap_left))
            start, left = after, gap_right
    return [*cells, Cell(line.text[start:].strip(), left, line.right)]


def _runs(placed: Sequence[Line], cells: Sequence[Sequence[Cell]]) -> Iterator[tuple[int, int]]:
    """Yield the first and last (exclusive) of lines whose cells begin below each other."""
    start = 0
    for index in range(1, len(placed) + 1):
        if index < len(placed) and _is_below(placed[index - 1 : index + 1], cells[index - 1], cells[index]):
            continue
        if index - start >= _MIN_ROWS and len(cells[start]) >= _MIN_COLUMNS:
            yield start, index
        start = index


def _is_below(lines: Sequence[Line], above: Sequence[Cell], cells: Sequence[Cell]) -> bool:
    before, line = lines
    return (
        len(above) == len(cells) >= _MIN_COLUMNS
        and before.base - line.base < _MAX_ROW_DISTANCE_HEIGHTS * line.height
        and all(
            abs(own.left - other.left) < _MAX_MISALIGNMENT_HEIGHTS * line.height
            for own, other in zip(above, cells, strict=True)
        )
    )


def _names(header: Sequence[Cell], rows: Sequence[Sequence[Cell]]) -> tuple[str, ...]:
    """Return the text above each column; () unless each text of the line above is over one column."""
    if len(header) != len(rows[0]):
        return ()
    columns = [(min(c.left for c in own), max(c.right for c in own)) for own in zip(*rows, strict=True)]
    is_over = all(
        cell.left < right and left < cell.right for cell, (left, right) in zip(header, columns, strict=True)
    )
    return tuple(cell.text for cell in header) if is_over else ()


def _names_over_lines(
    placed: Sequence[Line], cells: Sequence[Sequence[Cell]], start: int, end: int
) -> tuple[int, tuple[str, ...]] | None:
    """Return the first of several lines above the rows that name the columns, and the names; None if none do.

    Each text of these lines is over one column, and each column has one.
    """
    lefts = [min(cell.left for cell in own) for own in zip(*cells[start:end], strict=True)]
    columns = list(pairwise([*lefts, max(cells[index][-1].right for index in range(start, end))]))
    names: list[list[str]] = [[] for _ in columns]
    first, below = start, placed[start]
    max_heights = MAX_HEADER_DISTANCE_HEIGHTS
    while first > 0 and start - first < _MAX_HEADER_LINES:
        line = placed[first - 1]
        over = [_column_below(cell, columns) for cell in cells[first - 1]]
        if line.base - below.base > max_heights * line.height or -1 in over:
            break
        for index, cell in zip(over[::-1], cells[first - 1][::-1], strict=True):
            names[index].insert(0, cell.text)
        first, below, max_heights = first - 1, line, MAX_LINE_DISTANCE_HEIGHTS
    return (first, tuple(map(" ".join, names))) if first < start and all(names) else None


def _column_below(cell: Cell, columns: Sequence[tuple[float, float]]) -> int:
    """Return the column below a text; -1 if there is none, or several."""
    shared = [min(cell.right, right) - max(cell.left, left) for left, right in columns]
    best = max(range(len(columns)), key=lambda index: shared[index])
    others = max((own for index, own in enumerate(shared) if index != best), default=0.0)
    return best if shared[best] > 0 and 2 * others < shared[best] else -1


def _are_names(names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bool:
    """Return whether texts name the columns of rows: each is a word, unlike the cells, and in no row."""
    cells = [cell.text for row in rows for cell in row]
    return (
        all(map(_NAME.fullmatch, names))
        and not any(map(starts_small, names))
        and sum(map(starts_small, cells)) <= _MAX_SMALL_SHARE * len(cells)
        and not any(map(str.isdecimal, "".join(names)))
        and not set(names) & set(cells)
    )


def _is_shorter(names: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bool:
    """Return whether names that begin where the cells do are shorter than any row."""
    return sum(map(len, names)) < min(sum(len(cell.text) for cell in row) for row in rows)


def _is_continued(placed: Sequence[Line], index: int) -> bool:
    """Return whether the line at a place may continue a cell of the one before."""
    if not 0 < index < len(placed):
        return False
    before, line = placed[index - 1], placed[index]
    is_beside = line.left > before.right or before.left > line.right
    return not is_beside and before.base - line.base < MAX_LINE_DISTANCE_HEIGHTS * line.height
