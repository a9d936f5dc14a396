"""Tables of numbers side by side on a PDF page: where each begins, and the lines divided between them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import regex

from retrieval.loaders.pdf.characters import PageChars
from retrieval.loaders.pdf.lines_and_columns import Line, split_at
from retrieval.loaders.pdf.number_rows import (
    ENDS_IN_NUMBER,
    MAX_HEADER_DISTANCE_HEIGHTS,
    MAX_MISALIGNMENT_HEIGHTS,
    MAX_ROW_DISTANCE_HEIGHTS,
    MIN_CELL_GAP_HEIGHTS,
    NumberRow,
    PlacedWord,
    is_number,
    read_row,
    read_words,
)

_WORD_AFTER_NUMBER = regex.compile(r"\s[^\s\p{L}]*\d\S*\s+\P{N}")
_MIN_ROWS = 4
_MIN_REGULAR_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Lines across tables side by side, each with its parts from the left, and the labels of each table.

    `strips` are the parts in each table, from the top.
    """

    lines: tuple[tuple[Line, tuple[Line, ...]], ...]
    strips: tuple[tuple[Line, ...], ...]
    labels: tuple[frozenset[str], ...]


def find_side_by_side(chars: PageChars, lines: Sequence[Line]) -> Iterator[SideBySide]:
    """Yield the places where several rows are side by side: a label and numbers, a label and numbers.

    These may also be the rows of one table that has words in a column in the middle.
    """
    placed = sorted((line for line in lines if not line.runs_left), key=lambda line: -line.base)
    end = 0
    for first, last, rows in _runs(chars, placed):
        edges = _edges(rows)
        if not edges or first < end:
            continue
        start, end = _extent(chars, placed, (first, last), edges)
        region = [
            (line, _divide(chars, line, edges)) for line in placed[start:end] if not _is_beside(line, edges)
        ]
        yield SideBySide(
            tuple(region),
            tuple(
                tuple(part for _, parts in region for part in parts if left < part.left < right)
                for left, right in pairwise(edges)
            ),
            tuple(frozenset(row.label_text for row in own) for own in zip(*rows, strict=True)),
        )


def _runs(chars: PageChars, placed: Sequence[Line]) -> Iterator[tuple[int, int, list[list[NumberRow]]]]:
    """Yield the first and last of near lines with several rows, and those with the usual number."""
    run: list[tuple[int, list[NumberRow]]] = []
    for index, line in enumerate(placed):
        if not (_WORD_AFTER_NUMBER.search(line.text) and ENDS_IN_NUMBER.search(line.text)):
            continue
        rows = _rows(line, read_words(chars, line))
        if len(rows) < 2:  # noqa: PLR2004
            continue
        if run and placed[run[-1][0]].base - line.base > MAX_ROW_DISTANCE_HEIGHTS * line.height:
            yield from _usual(run)
            run = []
        run.append((index, rows))
    if run:
        yield from _usual(run)


def _usual(run: Sequence[tuple[int, list[NumberRow]]]) -> Iterator[tuple[int, int, list[list[NumberRow]]]]:
    count = Counter(len(rows) for _, rows in run).most_common(1)[0][0]
    usual = [rows for _, rows in run if len(rows) == count]
    if len(usual) >= _MIN_ROWS:
        yield run[0][0], run[-1][0], usual


def _rows(line: Line, words: Sequence[PlacedWord]) -> list[NumberRow]:
    """Return the rows side by side on a line: each is words and then numbers; none if a part is not a row."""
    starts = [
        index
        for index, (before, after) in enumerate(pairwise(words), 1)
        if is_number(before)
        and not is_number(after)
        and after.left - before.right > MIN_CELL_GAP_HEIGHTS * line.height
    ]
    rows = [read_row(line, words[start:end]) for start, end in pairwise([0, *starts, len(words)])]
    own = [row for row in rows if row and not is_number(row.label[0])]
    return own if len(own) == len(rows) else []


def _edges(rows: Sequence[Sequence[NumberRow]]) -> list[float]:
    """Return the x positions before, between and after tables with these rows; none if they are irregular."""
    height = median(row.line.height for own in rows for row in own)
    counts = Counter(len(row.numbers) for own in rows for row in own)
    total = sum(counts.values())
    if counts.most_common(1)[0][1] < _MIN_REGULAR_SHARE * total:
        return []
    strips = list(zip(*rows, strict=True))
    for strip in strips:
        usual = median(row.label[0].left for row in strip)
        near = sum(abs(row.label[0].left - usual) < MAX_MISALIGNMENT_HEIGHTS * height for row in strip)
        if near < _MIN_REGULAR_SHARE * len(strip):
            return []
    lefts = [min(row.label[0].left for row in strip) for strip in strips]
    rights = [max(row.numbers[-1].right for row in strip) for strip in strips]
    if any(right >= left for right, left in zip(rights, lefts[1:], strict=False)):
        return []
    middles = [(right + left) / 2 for right, left in zip(rights, lefts[1:], strict=False)]
    return [lefts[0] - height, *middles, rights[-1] + height]


def _extent(
    chars: PageChars, placed: Sequence[Line], rows: tuple[int, int], edges: Sequence[float]
) -> tuple[int, int]:
    """Return the first and last (exclusive) line that the edges divide, around the lines of rows."""

    def reach(index: int, step: int, max_distance: float) -> int:
        near = placed[index]
        while 0 <= index + step < len(placed):
            line = placed[index + step]
            if not _is_beside(line, edges):
                is_far = abs(near.base - line.base) > max_distance * max(line.height, near.height)
                if is_far or not _is_divided(_divide(chars, line, edges), edges):
                    break
                near = line
            index += step
        return index

    first = reach(rows[0], -1, MAX_HEADER_DISTANCE_HEIGHTS)
    return first, reach(rows[1], 1, MAX_ROW_DISTANCE_HEIGHTS) + 1


def _is_beside(line: Line, edges: Sequence[float]) -> bool:
    return line.right < edges[0] or line.left > edges[-1]


def _divide(chars: PageChars, line: Line, edges: Sequence[float]) -> tuple[Line, ...]:
    """Return the parts of a line between the edges, as far as it has wide gaps there."""
    parts = [line]
    for edge in edges:
        parts = [*parts[:-1], *split_at(chars, parts[-1], edge)]
    return tuple(parts)


def _is_divided(parts: Sequence[Line], edges: Sequence[float]) -> bool:
    return not any(part.left < edge < part.right for part in parts for edge in edges)
