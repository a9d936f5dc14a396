"""Tables on PDF pages whose cells have lines around them: cells of several lines, empty and merged ones.

A row is what is between two lines. Boxes that a program draws around running text are not tables.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

from retrieval.loaders.pdf.characters import PageChars
from retrieval.loaders.pdf.lines_and_columns import Line, find_gaps, part_of
from retrieval.loaders.pdf.number_rows import MAX_BASE_DISTANCE_HEIGHTS, is_number_text, join_label_lines
from retrieval.loaders.pdf.rulings import Grid, Place, find_grids
from retrieval.loaders.table_rows import (
    MAX_PART_CHARS,
    Header,
    MergedArea,
    MergedCells,
    TableRow,
    header_rows,
)

_MIN_ROWS = 3
_MIN_COLUMNS = 2
_MIN_FULL_SHARE = 0.5
_MIN_LABELLED_SHARE = 0.6
_MAX_LABEL_CHARS = 50
_MAX_LINES_PER_LABEL = 1.3
_MIN_WIDE_GAP_HEIGHTS = 2.0
# More of the text in long cells is running text in boxes, unless there are several rows below names.
_MAX_LONG_SHARE = 0.5
_MAX_CELL_CHARS = 100
_MIN_ROWS_OF_TEXT = 5
# Of a page, such as its running head and number.
_MAX_OTHER_LINES = 4
# Names of groups of columns, such as years, may be above the first line.
_MIN_GROUPS = 2
_MAX_NAMES_DISTANCE_HEIGHTS = 1.5
# Of the vertical lines of a table on two pages, in points.
_MAX_SHIFT_POINTS = 3.0


@dataclass(frozen=True, slots=True)
class RuledTable:
    """The rows of a table with the lines that each is on, and all its lines.

    `rest` are parts of these lines outside the table. `xs` are the x positions of its vertical lines.
    `header` are the rows that name its columns, which may be on a page before. It may continue a table
    `is_first` if few lines of the page are above it, and be continued `is_last` if few are below it.
    """

    rows: tuple[TableRow, ...]
    sources: tuple[tuple[Line, ...], ...]
    lines: tuple[Line, ...]
    rest: tuple[Line, ...]
    xs: tuple[float, ...]
    is_first: bool
    is_last: bool
    header: tuple[TableRow, ...] = ()

    @property
    def is_of_numbers(self) -> bool:
        """Whether most cells after the first are numbers, which mark columns by their alignment."""
        cells = [cell for row in self.rows for cell in row.cells[1:] if cell]
        return 2 * sum(map(is_number_text, cells)) > len(cells)

    def continues(self, above: "RuledTable") -> bool:
        """Return whether this is the table on the page before, without its names."""
        return (
            self.is_first
            and above.is_last
            and bool(above.header)
            and len(self.xs) == len(above.xs)
            and all(abs(own - x) < _MAX_SHIFT_POINTS for own, x in zip(self.xs, above.xs, strict=True))
            and self.rows[0].cells != above.header[0].cells
        )


@dataclass(frozen=True, slots=True)
class _Fragment:
    """A part of a line that is in one cell, or in none.

    `down` and `along` are where it is in its cell: lines grow downwards, words along a line. These differ
    from the page for text that is turned.
    """

    line: Line
    part: Line
    place: Place | None
    down: float
    along: float


def find_ruled_tables(chars: PageChars, lines: Sequence[Line]) -> Iterator[RuledTable]:
    """Yield the tables with ruling lines from the top."""
    taken: set[int] = set()
    for grid in find_grids(chars) if lines else ():
        grid = _with_names_above(chars, lines, grid)  # noqa: PLW2901
        near = [line for line in lines if grid.ys[-1] < line.base < grid.ys[0] and id(line) not in taken]
        fragments = [fragment for line in near for fragment in _fragments(chars, line, grid)]
        if left := _left_of_labels(fragments, grid):
            grid = grid.with_first_column(left)  # noqa: PLW2901
            fragments = [fragment for line in near for fragment in _fragments(chars, line, grid)]
        inside = {id(fragment.line) for fragment in fragments if fragment.place}
        if any(line.runs_left for line in near if id(line) in inside):
            continue
        above = sum(line.base > grid.ys[0] for line in lines)
        below = sum(line.base < grid.ys[-1] for line in lines)
        in_grid = [fragment for fragment in fragments if id(fragment.line) in inside]
        if _has_columns_without_line(chars, in_grid):
            continue
        table = _table(grid, in_grid, is_first=above <= _MAX_OTHER_LINES, is_last=below <= _MAX_OTHER_LINES)
        # Most rows continue next to the grid, in another table, which needs the whole lines.
        if table and 2 * len(table.rest) < max(2 * _MIN_ROWS, len(table.rows)):
            yield table
            taken |= inside


def _with_names_above(chars: PageChars, lines: Sequence[Line], grid: Grid) -> Grid:
    """Return the grid with the line above it if that names groups of its columns, which all have as many."""
    above = min((line for line in lines if line.base > grid.ys[0]), key=lambda line: line.base, default=None)
    if above is None or above.base - grid.ys[0] > _MAX_NAMES_DISTANCE_HEIGHTS * above.height:
        return grid
    starts = [0, *(after for after, _, _ in find_gaps(chars, above)), len(above.text)]
    parts = [part for start, end in pairwise(starts) if (part := part_of(chars, above, start, end))]
    columns = len(grid.xs) - 1
    if len(parts) < _MIN_GROUPS:
        return grid
    for labels in range(1, columns - _MIN_GROUPS):
        width, rest = divmod(columns - labels, len(parts))
        groups = [(first, first + width - 1) for first in range(labels, columns, max(width, 1))]
        if (
            not rest
            and width > 1
            and all(
                grid.xs[first] < part.left and part.right < grid.xs[last + 1]
                for part, (first, last) in zip(parts, groups, strict=True)
            )
        ):
            return grid.with_row_above(above.base + above.height, groups)
    return grid


def _fragments(chars: PageChars, line: Line, grid: Grid) -> Iterator[_Fragment]:
    """Yield the parts of a line in the cells of a grid, and outside it."""
    start, place = 0, None
    is_first = True
    for index, char_index in enumerate(line.char_indices):
        if char_index < 0 or line.text[index].isspace():
            continue
        box = chars.box(char_index)
        char_place = grid.place((box.left + box.right) / 2, (box.bottom + box.top) / 2)
        if not is_first and char_place != place:
            if part := part_of(chars, line, start, index):
                yield _fragment(chars, line, part, place)
            start = index
        place, is_first = char_place, False
    if part := part_of(chars, line, start, len(line.text)):
        yield _fragment(chars, line, part, place)


def _fragment(chars: PageChars, line: Line, part: Line, place: Place | None) -> _Fragment:
    rise = chars.base(part.char_indices[-1]) - part.base
    if abs(rise) < part.height or abs(rise) < part.right - part.left:
        return _Fragment(line, part, place, -part.base, part.left)
    turn = 1 if rise > 0 else -1
    return _Fragment(line, part, place, turn * part.left, turn * part.base)


def _left_of_labels(fragments: Sequence[_Fragment], grid: Grid) -> float | None:
    """Return the left edge of labels next to a grid, if most of its rows have one; else None.

    A label is short and on the same line as a cell; in text next to a table most lines are not.
    """
    beside = [
        fragment.part for fragment in fragments if not fragment.place and fragment.part.right < grid.xs[0]
    ]
    inside = [fragment.part.base for fragment in fragments if fragment.place]
    labels = [
        part
        for part in beside
        if len(part.text) <= _MAX_LABEL_CHARS
        and any(abs(part.base - base) < MAX_BASE_DISTANCE_HEIGHTS * part.height for base in inside)
    ]
    middle = (grid.xs[0] + grid.xs[1]) / 2
    filled = {fragment.place.top for fragment in fragments if fragment.place}
    labelled = {place.top for part in labels if (place := grid.place(middle, part.base))}
    if len(labelled) < max(_MIN_ROWS, _MIN_LABELLED_SHARE * len(filled)):
        return None
    if len(beside) > _MAX_LINES_PER_LABEL * len(labelled):
        return None
    return min(part.left for part in labels)


def _has_columns_without_line(chars: PageChars, fragments: Sequence[_Fragment]) -> bool:
    """Return whether most cells of a column have a wide gap: no line is drawn between two columns."""
    by_place: dict[Place, list[Line]] = {}
    for fragment in fragments:
        if fragment.place:
            by_place.setdefault(fragment.place, []).append(fragment.part)
    columns: dict[tuple[int, int], list[bool]] = {}
    for place, parts in by_place.items():
        columns.setdefault((place.left, place.right), []).append(_has_wide_gap(chars, parts))
    return any(sum(column) >= max(_MIN_ROWS, len(column) / 2) for column in columns.values())


def _has_wide_gap(chars: PageChars, parts: Sequence[Line]) -> bool:
    """Return whether words on a line of a cell are far apart; PDFium may have them as one line or several."""
    placed = sorted(parts, key=lambda part: (-part.base, part.left))
    return any(
        right - left > _MIN_WIDE_GAP_HEIGHTS * part.height
        for part in parts
        for _, left, right in find_gaps(chars, part)
    ) or any(
        after.left - before.right > _MIN_WIDE_GAP_HEIGHTS * before.height
        and abs(before.base - after.base) < MAX_BASE_DISTANCE_HEIGHTS * before.height
        for before, after in pairwise(placed)
    )


def _table(grid: Grid, fragments: Sequence[_Fragment], *, is_first: bool, is_last: bool) -> RuledTable | None:
    """Return the table of a grid; None if it is not a table, or if a line between rows is missing."""
    by_place: dict[Place, list[_Fragment]] = {}
    for fragment in fragments:
        if fragment.place:
            by_place.setdefault(fragment.place, []).append(fragment)
    cells = {place: _visual_lines(parts) for place, parts in by_place.items()}
    if not _is_table(cells):
        return None
    merged = MergedCells(
        MergedArea(place.top + 1, place.bottom + 1, place.left, place.right)
        for place in {place for row in grid.places for place in row}
        if place.top < place.bottom or place.left < place.right
    )
    rows: list[TableRow] = []
    sources: list[tuple[Line, ...]] = []
    for number in range(len(grid.ys) - 1):
        row_cells = {place: texts for place, texts in cells.items() if place.top == number}
        texts = [""] * (len(grid.xs) - 1)
        for place, lines in row_cells.items():
            texts[place.left] = reduce(join_label_lines, lines)
        row = merged.apply(number + 1, texts)
        if any(texts):
            rows.append(row)
            lines_by_id = {id(f.line): f.line for f in fragments if f.place and f.place.top == number}
            sources.append(tuple(lines_by_id.values()))
    header = header_rows(rows, mode_of(len(grid.xs) - 1))
    if (not header or len(rows) < _MIN_ROWS_OF_TEXT) and _share_in_long(
        cells, _MAX_CELL_CHARS
    ) > _MAX_LONG_SHARE:
        return None
    return RuledTable(
        tuple(rows),
        tuple(sources),
        tuple({id(fragment.line): fragment.line for fragment in fragments}.values()),
        tuple(fragment.part for fragment in fragments if not fragment.place),
        grid.xs,
        is_first,
        is_last,
        tuple(header),
    )


def mode_of(columns: int) -> Header:
    """Return how sure it is that a table begins with names.

    Two columns are often a name and its meaning, from the first row on.
    """
    return "expected" if columns > _MIN_COLUMNS else "evident"


def _visual_lines(fragments: Sequence[_Fragment]) -> list[str]:
    """Return the lines of a cell from the top; PDFium may have each word of a line as one."""
    rows: list[list[_Fragment]] = []
    for fragment in sorted(fragments, key=lambda fragment: fragment.down):
        if rows and fragment.down - rows[-1][0].down < MAX_BASE_DISTANCE_HEIGHTS * fragment.part.height:
            rows[-1].append(fragment)
        else:
            rows.append([fragment])
    return [
        " ".join(fragment.part.text for fragment in sorted(row, key=lambda fragment: fragment.along))
        for row in rows
    ]


def _is_table(cells: dict[Place, list[str]]) -> bool:
    """Return whether cells are those of a table: several rows and columns, and no running text.

    Two cells side by side with several lines each, one with only numbers, are rows without lines
    between them.
    """
    by_row: dict[int, list[list[str]]] = {}
    for place, lines in cells.items():
        by_row.setdefault(place.top, []).append(lines)
    columns = {place.left for place in cells}
    if len(by_row) < _MIN_ROWS or len(columns) < _MIN_COLUMNS:
        return False
    if any(any(map(_is_stack, row)) and _count_tall(row) > 1 for row in by_row.values()):
        return False
    full = sum(len(row) > 1 for row in by_row.values())
    is_text = _share_in_long(cells, MAX_PART_CHARS) > _MAX_LONG_SHARE
    return full >= _MIN_FULL_SHARE * len(by_row) and not is_text


def _share_in_long(cells: dict[Place, list[str]], max_chars: int) -> float:
    """Return the share of the text that is in cells longer than this."""
    lengths = [sum(map(len, lines)) for lines in cells.values()]
    return sum(length for length in lengths if length > max_chars) / sum(lengths)


def _is_stack(lines: Sequence[str]) -> bool:
    return len(lines) > 1 and all(map(is_number_text, lines))


def _count_tall(cells: Sequence[Sequence[str]]) -> int:
    """Return how many cells have about as many lines as the highest stack of numbers."""
    highest = max(len(lines) for lines in cells if _is_stack(lines))
    return sum(len(lines) >= max(2, _MIN_FULL_SHARE * highest) for lines in cells)
