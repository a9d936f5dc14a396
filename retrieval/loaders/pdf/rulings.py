"""The straight lines drawn on a PDF page, and the grids that they form."""

import ctypes
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import NamedTuple

from pypdfium2 import raw

from retrieval.loaders.pdf.characters import PageChars

# In points. A thin rectangle is a line.
_MAX_THICKNESS_POINTS = 3.0
_MIN_LENGTH_POINTS = 4.0
# Lines that meet may end this far from each other.
_MAX_MEETING_DISTANCE_POINTS = 3.0
_MAX_PATHS = 20_000
_MAX_SEGMENTS = 60_000
_MAX_FORM_DEPTH = 3
# Of the columns or rows of a grid.
_MAX_CELLS = 20_000


class Ruling(NamedTuple):
    """A horizontal or vertical line: its position, and where it begins and ends in the other direction."""

    at: float
    start: float
    end: float


class Place(NamedTuple):
    """The rows and columns of a cell in a grid, first and last."""

    top: int
    bottom: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells between ruling lines: the x positions from the left, the y positions from the top.

    `places` has the cell of each row and column; those without a line between them are one.
    """

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    places: tuple[tuple[Place, ...], ...]

    def place(self, x: float, y: float) -> Place | None:
        """Return the cell at a point; None outside the grid."""
        column = bisect_right(self.xs, x) - 1
        row = len(self.ys) - 1 - bisect_right(self.ys[::-1], y)
        if 0 <= column < len(self.xs) - 1 and 0 <= row < len(self.ys) - 1:
            return self.places[row][column]
        return None

    def with_first_column(self, left: float) -> "Grid":
        """Return the grid with a column before the others, from `left`, with a cell in each row."""
        return Grid(
            (left, *self.xs),
            self.ys,
            tuple(
                (
                    Place(row, row, 0, 0),
                    *(own._replace(left=own.left + 1, right=own.right + 1) for own in places),
                )
                for row, places in enumerate(self.places)
            ),
        )

    def with_row_above(self, top: float, groups: Sequence[tuple[int, int]]) -> "Grid":
        """Return the grid with a row up to `top`; `groups` are first and last columns of its wide cells."""
        firsts = {column: (first, last) for first, last in groups for column in range(first, last + 1)}
        row = (firsts.get(column, (column, column)) for column in range(len(self.xs) - 1))
        return Grid(
            self.xs,
            (top, *self.ys),
            (
                tuple(Place(0, 0, first, last) for first, last in row),
                *(
                    tuple(own._replace(top=own.top + 1, bottom=own.bottom + 1) for own in places)
                    for places in self.places
                ),
            ),
        )


def find_grids(chars: PageChars) -> list[Grid]:
    """Return the grids on a page from the top; none if it has too many lines, as a drawing does."""
    segments = list(_segments(chars))
    if len(segments) > _MAX_SEGMENTS:
        return []
    horizontal = _merge(
        Ruling((a[1] + b[1]) / 2, *sorted((a[0], b[0]))) for a, b in segments if _is_flat(a, b)
    )
    vertical = _merge(
        Ruling((a[0] + b[0]) / 2, *sorted((a[1], b[1]))) for a, b in segments if _is_flat(a[::-1], b[::-1])
    )
    grids = [_grid(*group) for group in _connected(horizontal, vertical)]
    return sorted((grid for grid in grids if grid), key=lambda grid: -grid.ys[0])


# Segments


_Point = tuple[float, float]
# a, b, c, d, e, f of a transformation.
_Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: _Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


def _is_flat(a: _Point, b: _Point) -> bool:
    return abs(a[1] - b[1]) < 1 and abs(a[0] - b[0]) >= _MIN_LENGTH_POINTS


def _segments(chars: PageChars) -> Iterator[tuple[_Point, _Point]]:
    """Yield the straight lines of the paths on a page, as displayed; none if it has too many paths."""
    paths = list(islice(_paths(chars.page, _IDENTITY, 0), _MAX_PATHS + 1))
    for path, matrix in paths if len(paths) <= _MAX_PATHS else ():
        for a, b in _lines_of(path, matrix):
            yield chars.displayed(*a), chars.displayed(*b)


def _paths(holder: object, matrix: _Matrix, depth: int) -> Iterator[tuple[object, _Matrix]]:
    """Yield the paths of a page or a form, and the transformation of their points."""
    count, get = (
        (raw.FPDFFormObj_CountObjects, raw.FPDFFormObj_GetObject)
        if depth
        else (raw.FPDFPage_CountObjects, raw.FPDFPage_GetObject)
    )
    for index in range(count(holder)):
        item = get(holder, index)
        kind = raw.FPDFPageObj_GetType(item)
        if kind == raw.FPDF_PAGEOBJ_PATH:
            yield item, _multiply(_matrix_of(item), matrix)
        elif kind == raw.FPDF_PAGEOBJ_FORM and depth < _MAX_FORM_DEPTH:
            yield from _paths(item, _multiply(_matrix_of(item), matrix), depth + 1)


def _matrix_of(item: object) -> _Matrix:
    matrix = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(item, matrix):
        return _IDENTITY
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f


def _multiply(first: _Matrix, second: _Matrix) -> _Matrix:
    """Return the transformation that is `first`, then `second`."""
    a, b, c, d, e, f = first
    p, q, r, s, t, u = second
    return a * p + b * r, a * q + b * s, c * p + d * r, c * q + d * s, e * p + f * r + t, e * q + f * s + u


def _lines_of(path: object, matrix: _Matrix) -> list[tuple[_Point, _Point]]:
    """Return the lines of a path that are visible: strokes, and areas thin enough to be lines."""
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    if not raw.FPDFPath_GetDrawMode(path, fill, stroke) or not (fill.value or stroke.value):
        return []
    lines: list[tuple[_Point, _Point]] = []
    x, y = ctypes.c_float(), ctypes.c_float()
    start = point_before = (0.0, 0.0)
    first = 0
    for number in range(min(raw.FPDFPath_CountSegments(path), _MAX_SEGMENTS)):
        segment = raw.FPDFPath_GetPathSegment(path, number)
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = _transform(matrix, x.value, y.value)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_MOVETO:
            lines[first:] = _visible(lines[first:], is_stroked=bool(stroke.value))
            start, first = point, len(lines)
        elif kind == raw.FPDF_SEGMENT_LINETO:
            lines.append((point_before, point))
        point_before = point
        if raw.FPDFPathSegment_GetClose(segment):
            lines.append((point_before, start))
            point_before = start
    lines[first:] = _visible(lines[first:], is_stroked=bool(stroke.value))
    return lines


def _visible(lines: list[tuple[_Point, _Point]], *, is_stroked: bool) -> list[tuple[_Point, _Point]]:
    """Return the lines of a part of a path; of an area only if it is thin."""
    if is_stroked or not lines:
        return lines
    xs = [point[0] for line in lines for point in line]
    ys = [point[1] for line in lines for point in line]
    if min(max(xs) - min(xs), max(ys) - min(ys)) > _MAX_THICKNESS_POINTS:
        return []
    return lines


def _transform(matrix: _Matrix, x: float, y: float) -> _Point:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


# Grids


def _merge(rulings: Iterable[Ruling]) -> list[Ruling]:
    """Return lines on the same position that touch as one."""
    merged: list[Ruling] = []
    for same in _near(sorted(rulings), _MAX_THICKNESS_POINTS):
        position = sum(ruling.at for ruling in same) / len(same)
        parts: list[Ruling] = []
        for ruling in sorted(same, key=lambda ruling: ruling.start):
            if parts and ruling.start <= parts[-1].end + _MAX_MEETING_DISTANCE_POINTS:
                parts[-1] = Ruling(position, parts[-1].start, max(parts[-1].end, ruling.end))
            else:
                parts.append(Ruling(position, ruling.start, ruling.end))
        merged += parts
    return merged


def _near(rulings: Sequence[Ruling], distance: float) -> Iterator[list[Ruling]]:
    """Yield sorted lines in groups: each is at most at a distance from the first of its group."""
    group: list[Ruling] = []
    for ruling in rulings:
        if group and ruling.at - group[0].at > distance:
            yield group
            group = []
        group.append(ruling)
    if group:
        yield group


def _connected(
    horizontal: Sequence[Ruling], vertical: Sequence[Ruling]
) -> Iterator[tuple[list[Ruling], list[Ruling]]]:
    """Yield the horizontal and the vertical lines that are connected by crossing each other."""
    if len(horizontal) * len(vertical) > _MAX_SEGMENTS * 10:
        return
    by_line: dict[int, set[int]] = {number: set() for number in range(len(horizontal) + len(vertical))}
    for (row, flat), (column, steep) in product(enumerate(horizontal), enumerate(vertical, len(horizontal))):
        if _reaches(flat, steep.at) and _reaches(steep, flat.at):
            by_line[row].add(column)
            by_line[column].add(row)
    seen: set[int] = set()
    for number, crossing in by_line.items():
        if number in seen or not crossing:
            continue
        group, waiting = set[int](), [number]
        while waiting:
            line = waiting.pop()
            if line not in group:
                group.add(line)
                waiting += by_line[line] - group
        seen |= group
        flats = [horizontal[line] for line in sorted(group) if line < len(horizontal)]
        steeps = [vertical[line - len(horizontal)] for line in sorted(group) if line >= len(horizontal)]
        yield flats, steeps


def _reaches(ruling: Ruling, position: float) -> bool:
    return (
        ruling.start - _MAX_MEETING_DISTANCE_POINTS <= position <= ruling.end + _MAX_MEETING_DISTANCE_POINTS
    )


def _grid(horizontal: list[Ruling], vertical: list[Ruling]) -> Grid | None:
    """Return the grid of connected lines; sides without a line end where the lines do."""
    left, right = min(r.start for r in horizontal), max(r.end for r in horizontal)
    bottom, top = min(r.start for r in vertical), max(r.end for r in vertical)
    xs = _positions([*(r.at for r in vertical), left, right])
    ys = _positions([*(r.at for r in horizontal), bottom, top])[::-1]
    rows, columns = len(ys) - 1, len(xs) - 1
    if rows < 1 or columns < 1 or rows * columns > _MAX_CELLS:
        return None
    is_open_right = [
        [
            not _is_drawn(vertical, xs[column + 1], (ys[row] + ys[row + 1]) / 2)
            for column in range(columns - 1)
        ]
        for row in range(rows)
    ]
    is_open_below = [
        [
            not _is_drawn(horizontal, ys[row + 1], (xs[column] + xs[column + 1]) / 2)
            for column in range(columns)
        ]
        for row in range(rows - 1)
    ]
    places = _places(is_open_right, is_open_below, rows, columns)
    return Grid(tuple(xs), tuple(ys), places) if places else None


def _positions(values: Iterable[float]) -> list[float]:
    """Return the positions, from the lowest, with those near each other as one."""
    groups = _near([Ruling(value, 0, 0) for value in sorted(values)], _MAX_THICKNESS_POINTS)
    return [sum(own.at for own in group) / len(group) for group in groups]


def _is_drawn(rulings: Iterable[Ruling], position: float, middle: float) -> bool:
    return any(
        abs(ruling.at - position) <= _MAX_THICKNESS_POINTS and ruling.start <= middle <= ruling.end
        for ruling in rulings
    )


def _places(
    is_open_right: Sequence[Sequence[bool]],
    is_open_below: Sequence[Sequence[bool]],
    rows: int,
    columns: int,
) -> tuple[tuple[Place, ...], ...]:
    """Return the cell of each row and column; () if cells without a line between them are not a rectangle."""
    numbers = [[row * columns + column for column in range(columns)] for row in range(rows)]
    parents = list(range(rows * columns))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    for row, column in product(range(rows), range(columns)):
        if column + 1 < columns and is_open_right[row][column]:
            parents[root(numbers[row][column + 1])] = root(numbers[row][column])
        if row + 1 < rows and is_open_below[row][column]:
            parents[root(numbers[row + 1][column])] = root(numbers[row][column])
    areas: dict[int, Place] = {}
    sizes: dict[int, int] = {}
    for row, column in product(range(rows), range(columns)):
        own = root(numbers[row][column])
        area = areas.get(own, Place(row, row, column, column))
        areas[own] = Place(
            min(area.top, row), max(area.bottom, row), min(area.left, column), max(area.right, column)
        )
        sizes[own] = sizes.get(own, 0) + 1
    if any((a.bottom - a.top + 1) * (a.right - a.left + 1) != sizes[own] for own, a in areas.items()):
        return ()
    return tuple(tuple(areas[root(numbers[row][column])] for column in range(columns)) for row in range(rows))
