"""Tables on PDF pages, with or without ruling lines.

Tables with lines around their cells: the cells are what is between the lines.

Other tables of numbers: a row is a line that ends in numbers. Rows are a table if their numbers are aligned
in columns. The words above a column are its name; words above the middle of several columns name
all of them. Other tables: adjacent lines with the same wide gaps.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import regex

from retrieval.loaders.document_builder import find_table_title, is_lead_in
from retrieval.loaders.pdf.characters import PageChars
from retrieval.loaders.pdf.lines_and_columns import Line, find_gaps
from retrieval.loaders.pdf.number_rows import (
    ENDS_IN_NUMBER,
    MAX_BASE_DISTANCE_HEIGHTS,
    MAX_HEADER_DISTANCE_HEIGHTS,
    MAX_MISALIGNMENT_HEIGHTS,
    MAX_ROW_DISTANCE_HEIGHTS,
    MIN_CELL_GAP_HEIGHTS,
    NumberRow,
    PlacedWord,
    continues,
    is_dots,
    is_number_text,
    join_label_lines,
    join_labels,
    read_row,
    read_words,
    starts_small,
)
from retrieval.loaders.pdf.ruled_tables import RuledTable, find_ruled_tables, mode_of
from retrieval.loaders.pdf.tables_side_by_side import SideBySide, find_side_by_side
from retrieval.loaders.pdf.word_tables import WordTable, find_word_tables
from retrieval.loaders.table_rows import Header, TableRow, are_column_numbers, header_rows, lay_out

_YEAR = regex.compile(r"(?:19|20)\d\d")
_DIGIT = regex.compile(r"\d")
_LEADER = regex.compile(r"(?:\s*[.·_…]){2,}\s*$|\s+\.\s*$")
# Numbers that are values, not names such as years, grades and numbers of columns.
_VALUE = regex.compile(r"\P{L}*\d[.,]\d\P{L}*|\P{L}*\d\P{L}*%\P{L}*")
_CONTINUES = regex.compile(r"[/,&–-]$")
_NOTE = regex.compile(r"[\[(]")
_MIN_ROWS = 3
# With a single column of numbers, more rows, further from their texts, distinguish a table from other lines.
_MIN_ROWS_OF_PAIRS = 4
_MIN_PAIR_GAP_HEIGHTS = 1.0
_MAX_HEADER_LINES = 6
# Of names over every column from the first row; others are nearer.
_MAX_FULL_HEADER_DISTANCE_HEIGHTS = 5.0
# Of the type of names and of rows; larger type is a title.
_MAX_HEADER_SIZE_RATIO = 1.25
_MIN_SHARED_LABELS = 0.5
_MAX_LABEL_CHARS = 120
# In line heights.
_MIN_CLUSTER_GAP_HEIGHTS = 0.55
_MAX_OFF_CENTRE_HEIGHTS = 1.6
_MAX_COLUMN_OFF_CENTRE_HEIGHTS = 0.6
# Of a name and the numbers below it.
_MAX_NAME_WIDTH_RATIO = 1.5
_MIN_ALIGNED_SHARE = 0.8
_MAX_LINES_BETWEEN_ROWS = 3
# Of one or two rows from the table above.
_MAX_GROUP_DISTANCE_HEIGHTS = 8.0
_MIN_DISTANCE_BESIDE_HEIGHTS = 2.0
_MIN_WIDE_GAP_HEIGHTS = 0.9
# Justified lines are stretched at every space, but rarely by more than this.
_MAX_JUSTIFIED_GAP_HEIGHTS = 2.5
# Minimum row width, relative to its letters.
_MIN_ROW_WIDTH_RATIO = 1.1
# The number or bullet of an item, and the space after it.
_MAX_MARKER_CHARS = 5


class _Column(NamedTuple):
    """The edges of the numbers of a column."""

    left: float
    right: float

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


@dataclass(frozen=True, slots=True)
class LaidOutRow:
    """The text of a row, or a part of it, as a line at the place of the first of its sources."""

    line: Line
    sources: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class PageTable:
    """The lines of a page that a table consists of, and its rows.

    `rest` are parts of these lines that are in no row. `ruled` is the table itself if it has lines.
    """

    lines: tuple[Line, ...]
    rows: tuple[LaidOutRow, ...]
    rest: tuple[Line, ...] = ()
    ruled: RuledTable | None = None


def find_tables(chars: PageChars, lines: Sequence[Line], above: RuledTable | None = None) -> list[PageTable]:
    """Return the tables of a page; tables side by side are one.

    `above` is a table of the page before that may continue.
    """
    tables = [
        _lay_out_ruled(table, above)
        for table in find_ruled_tables(chars, lines)
        # The names of numbers may be above the lines, or in cells that are not divided.
        if table.header or not table.is_of_numbers or (above and table.continues(above))
    ]
    tables += [
        table
        for place in find_side_by_side(chars, lines_outside(lines, tables))
        if (table := _read_side_by_side(chars, place)) is not None
    ]
    tables += _NumberTableFinder(chars, lines_outside(lines, tables)).tables()
    rest = lines_outside(lines, tables)
    return [*tables, *map(_lay_out_words, find_word_tables(chars, rest))]


def last_ruled_table(tables: Sequence[PageTable]) -> RuledTable | None:
    """Return the table with lines that may continue on the next page."""
    return next((table.ruled for table in tables[::-1] if table.ruled and table.ruled.is_last), None)


def _lay_out_ruled(table: RuledTable, above: RuledTable | None) -> PageTable:
    header: Sequence[TableRow] = ()
    if above and table.continues(above):
        header = [replace(row, is_header=True) for row in above.header]
        table = replace(table, header=above.header)
    body = [(row, sources[0], sources) for row, sources in zip(table.rows, table.sources, strict=True)]
    laid_out = _lay_out_rows(header, body, mode_of(len(table.xs) - 1))
    return PageTable(table.lines, laid_out, table.rest, table)


def _lay_out_words(table: WordTable) -> PageTable:
    body = [(TableRow(cells), line, (line,)) for cells, line in zip(table.cells, table.lines, strict=True)]
    laid_out = _lay_out_rows([TableRow(table.names, is_header=True)], body)
    return PageTable((*table.header, *table.lines), laid_out)


def _lay_out_rows(
    header: Sequence[TableRow],
    body: Sequence[tuple[TableRow, Line, tuple[Line, ...]]],
    mode: Header = "evident",
) -> tuple[LaidOutRow, ...]:
    """Return the rows below those that name the columns; a row comes with its place and its sources."""
    laid_out: list[LaidOutRow] = []
    for text in lay_out([*header, *(row for row, _, _ in body)], mode):
        if text.row >= len(header):
            _, place, sources = body[text.row - len(header)]
            laid_out += [LaidOutRow(_laid_out(place, part), sources) for part in text.parts]
    return tuple(laid_out)


def _laid_out(place: Line, text: str) -> Line:
    return replace(place, text=text, char_indices=[-1] * len(text), is_laid_out=True)


def _read_side_by_side(chars: PageChars, place: SideBySide) -> PageTable | None:
    """Return tables side by side as one; None unless they have the same names or labels."""
    pages = [_NumberTableFinder(chars, strip) for strip in place.strips]
    tables = [list(page.tables()) for page in pages]
    first, *others = place.labels
    has_same_names = len({page.names for page in pages}) == 1 and any(pages[0].names)
    has_same_labels = all(
        len(labels & first) >= _MIN_SHARED_LABELS * min(len(labels), len(first)) for labels in others
    )
    if not all(tables) or not (has_same_names or has_same_labels):
        return None
    inside = {id(part) for own in tables for table in own for part in table.lines}
    lines = [(line, parts) for line, parts in place.lines if any(id(part) in inside for part in parts)]
    return PageTable(
        tuple(line for line, _ in lines),
        tuple(row for own in tables for table in own for row in table.rows),
        tuple(part for _, parts in lines for part in parts if id(part) not in inside),
    )


def lines_outside(lines: Iterable[Line], tables: Iterable[PageTable]) -> list[Line]:
    """Return the lines that belong to no table."""
    inside = {id(line) for table in tables for line in table.lines}
    return [line for line in lines if id(line) not in inside]


def replace_tables(lines: Sequence[Line], tables: Sequence[PageTable]) -> list[Line]:
    """Return the lines with the rows of each table where its first line is."""
    table_of = {id(line): number for number, table in enumerate(tables) for line in table.lines}
    result: list[Line] = []
    done: set[int] = set()
    for line in lines:
        number = table_of.get(id(line))
        if number is None:
            result.append(line)
        elif number not in done:
            done.add(number)
            result += [row.line for row in tables[number].rows]
            result += tables[number].rest
    return result


# Columns


def _columns(rows: Sequence[NumberRow]) -> list[_Column]:
    """Return the columns in which the numbers of most rows are aligned; none if they are not."""
    counts = sorted((len(row.numbers) for row in rows), reverse=True)
    for count in dict.fromkeys(counts):
        full = [row for row in rows if len(row.numbers) == count]
        if len(full) < max(_MIN_ROWS, len(rows) / 3):
            continue
        if not (_are_pairs(full) if count == 1 else _are_apart(full)):
            return []
        height = median(row.line.height for row in full)
        columns = [
            _Column(min(c.left for c in cells), max(c.right for c in cells))
            for cells in zip(*(row.numbers for row in full), strict=True)
        ]
        if all(_is_aligned([row.numbers[index] for row in full], height) for index in range(count)) and all(
            before.right < after.left + height / 2 for before, after in pairwise(columns)
        ):
            return columns
        return []
    return []


def _are_pairs(rows: Sequence[NumberRow]) -> bool:
    """Return whether rows are texts with one number each, far from them."""
    return len(rows) >= _MIN_ROWS_OF_PAIRS and all(
        row.numbers[0].left - row.label[-1].right > _MIN_PAIR_GAP_HEIGHTS * row.line.height
        and not any(_DIGIT.match(word.text) or is_dots(word) for word in row.label)
        for row in rows
    )


def _are_apart(rows: Sequence[NumberRow]) -> bool:
    """Return whether the cells of a row are further apart than words, somewhere in it."""
    gaps = (
        [after.left - before.right for before, after in pairwise((row.label[-1], *row.numbers))]
        for row in rows
    )
    height = median(row.line.height for row in rows)
    return any(median(column_gaps) > MIN_CELL_GAP_HEIGHTS * height for column_gaps in zip(*gaps, strict=True))


def _is_aligned(cells: Sequence[PlacedWord], height: float) -> bool:
    """Return whether the cells of a column share their left or right edge, or their middle."""
    edges = [(cell.left, cell.right, cell.middle) for cell in cells]
    for positions in zip(*edges, strict=True):
        usual = median(positions)
        near = sum(abs(position - usual) < MAX_MISALIGNMENT_HEIGHTS * height for position in positions)
        if near >= _MIN_ALIGNED_SHARE * len(cells):
            return True
    return False


# Tables


class _NumberTableFinder:
    """Finds the tables of a page without lines around their cells, by their rows of numbers."""

    def __init__(self, chars: PageChars, lines: Sequence[Line]) -> None:
        self._chars = chars
        self._words: dict[int, list[PlacedWord]] = {}
        placed = sorted((line for line in lines if not line.runs_left), key=lambda line: -line.base)
        joined = {id(line): row for row in join_labels(placed, self._words_of) for line in row.lines}
        self._rows: dict[int, NumberRow] = {}
        self._placed: list[Line] = []
        for line in placed:
            row = joined[id(line)] if id(line) in joined else self._read_row(line)
            if row is None:
                self._placed.append(line)
            elif id(row.line) not in self._rows:
                self._rows[id(row.line)] = row
                self._words[id(row.line)] = [*row.label, *row.numbers]
                self._placed.append(row.line)
        self._positions = {id(line): index for index, line in enumerate(self._placed)}
        self._used: set[int] = set()
        # The columns and names of the table above.
        self._columns: list[_Column] = []
        self._header: list[TableRow] = []
        self._bottom = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns of numbers of the last table that has names."""
        return self._header[-1].cells[1:] if self._header else ()

    def tables(self) -> Iterator[PageTable]:
        """Yield the tables from the top."""
        for group in self._groups():
            rows = [self._rows[id(line)] for line in group if id(line) in self._rows]
            columns, min_rows = _columns(rows), _MIN_ROWS
            if len(rows) < _MIN_ROWS and self._continue_table_above(rows):
                columns, min_rows = self._columns, 1
            if columns and (table := self._build(group, columns, min_rows)):
                yield table
                self._used.update(map(id, table.lines))
                self._bottom = rows[-1].bottom

    def _continue_table_above(self, rows: Sequence[NumberRow]) -> bool:
        """Return whether a few rows have a number in each column of the table not far above them."""
        line = rows[0].line
        is_near = 0 < self._bottom - line.base < _MAX_GROUP_DISTANCE_HEIGHTS * line.height
        return (
            is_near
            and len(self._columns) > 1
            and all(
                len(row.numbers) == len(self._columns)
                and row.label[-1].right < self._columns[0].left
                and all(
                    cell.left <= column.right and column.left <= cell.right
                    for cell, column in zip(row.numbers, self._columns, strict=True)
                )
                for row in rows
            )
        )

    def _words_of(self, line: Line) -> list[PlacedWord]:
        if id(line) not in self._words:
            self._words[id(line)] = read_words(self._chars, line)
        return self._words[id(line)]

    def _read_row(self, line: Line) -> NumberRow | None:
        return read_row(line, self._words_of(line)) if ENDS_IN_NUMBER.search(line.text) else None

    def _groups(self) -> Iterator[list[Line]]:
        """Yield lines from the first to the last of the rows that are near each other, with those between."""
        group: list[Line] = []
        for index, line in enumerate(self._placed):
            if id(line) not in self._rows:
                continue
            if group and self._is_near(group[-1], line):
                group += self._placed[self._positions[id(group[-1])] + 1 : index + 1]
            else:
                if group:
                    yield group
                group = [line]
        if group:
            yield group

    def _is_near(self, before: Line, line: Line) -> bool:
        """Return whether a row follows another, with few lines between them.

        Lines far to the right of both do not count, such as the labels of a chart next to a table.
        """
        distance = MAX_ROW_DISTANCE_HEIGHTS * max(line.height, before.height)
        if self._rows[id(before)].bottom - line.base >= distance:
            return False
        between = self._placed[self._positions[id(before)] + 1 : self._positions[id(line)]]
        if before.left < line.right and line.left < before.right:
            right = max(before.right, line.right) + _MIN_DISTANCE_BESIDE_HEIGHTS * line.height
            between = [own for own in between if own.left < right]
        return len(between) < _MAX_LINES_BETWEEN_ROWS

    def _build(self, group: Sequence[Line], columns: list[_Column], min_rows: int) -> PageTable | None:
        """Return the table of a group of lines, with its column names from the lines above."""
        cells = {
            id(line): own
            for line in group
            if id(line) in self._rows and (own := _cells(self._rows[id(line)], columns))
        }
        in_table = [index for index, line in enumerate(group) if id(line) in cells]
        if len(in_table) < min_rows:
            return None
        own_rows = [self._rows[id(group[index])] for index in in_table]
        left = min(row.line.left for row in own_rows)
        group = [
            line
            for line in group[in_table[0] : in_table[-1] + 1]
            if id(line) in cells or (line.left < columns[-1].right and left < line.right)
        ]
        header_lines = _below_title(list(self._header_lines(group[0], left, columns)))
        sections = self._take_sections(header_lines, columns)
        while header_lines and self._is_title_above(header_lines, columns):
            header_lines.pop()
        header = self._read_header(header_lines, columns)
        if header:
            self._columns, self._header = columns, header
        elif _is_same(columns, self._columns):
            header_lines, header = [], self._header
        else:
            header_lines, sections, header = [], [], []
        body = list(self._body([*reversed(sections), *group], cells))
        if not header and (named := header_rows([row for row, _ in body])):
            self._columns, self._header = columns, [replace(row, is_header=True) for row in named]
        laid_out = _lay_out_rows(header, [(row, line, self._lines_of(line)) for row, line in body])
        lines = (own for line in (*header_lines, *sections, *group) for own in self._lines_of(line))
        return PageTable(tuple(lines), laid_out)

    def _lines_of(self, line: Line) -> tuple[Line, ...]:
        """Return the lines of the page that a line represents."""
        return self._rows[id(line)].lines if id(line) in self._rows else (line,)

    def _body(self, lines: Sequence[Line], cells: dict[int, list[str]]) -> Iterator[tuple[TableRow, Line]]:
        """Yield the rows and their lines. The first lines of a label join the row they end in."""
        waiting: list[tuple[str, Line]] = []
        for line in lines:
            row_cells = cells.get(id(line))
            if row_cells is None:
                waiting.append((_clean_label(line.text), line))
                continue
            label = _clean_label(self._rows[id(line)].label_text)
            if waiting and starts_small(label):
                label = join_label_lines(waiting.pop()[0], label)
            yield from ((TableRow((text,)), before) for text, before in waiting)
            waiting = []
            yield TableRow((label, *row_cells)), line

    def _header_lines(self, first: Line, left: float, columns: Sequence[_Column]) -> Iterator[Line]:
        """Yield the lines above the first row that may name its columns, upwards."""
        below = first
        above = self._placed[: self._positions[id(first)]]
        bases: list[float] = []
        for line in reversed(above):
            if line.left > columns[-1].right + line.height or line.right < left:
                continue
            if not bases or line.base - bases[-1] > MAX_BASE_DISTANCE_HEIGHTS * line.height:
                bases.append(line.base)
            if len(bases) > _MAX_HEADER_LINES:
                return
            words = self._words_of(line)
            is_full = below is first and _count_over(words, columns, line.height) == len(columns)
            heights = _MAX_FULL_HEADER_DISTANCE_HEIGHTS if is_full else MAX_HEADER_DISTANCE_HEIGHTS
            distance = heights * max(line.height, below.height)
            is_large = line.height > _MAX_HEADER_SIZE_RATIO * first.height
            if id(line) in self._used or line.base - below.base > distance or is_large:
                return
            if not words or _NOTE.match(line.text) or _is_title(line, words, left, columns):
                return
            yield line
            below = line

    def _take_sections(self, header_lines: list[Line], columns: Sequence[_Column]) -> list[Line]:
        """Remove and return the lowest lines that name the rows below, not the columns.

        They are above the labels only, which a line above already names, or there are no lines above.
        """
        sections = []
        while header_lines and all(_is_label(word, columns) for word in self._words_of(header_lines[0])):
            is_last = len(header_lines) == 1
            if not is_last and not any(
                _is_label(word, columns) for line in header_lines[1:] for word in self._words_of(line)
            ):
                break
            sections.append(header_lines.pop(0))
        return sections

    def _is_title_above(self, header_lines: Sequence[Line], columns: Sequence[_Column]) -> bool:
        """Return whether the highest line is over the labels only, and the next does not continue it."""
        top, below = header_lines[-1], header_lines[-2:-1]
        return all(_is_label(word, columns) for word in self._words_of(top)) and not (
            below
            and (starts_small(below[0].text) or _CONTINUES.search(top.text))
            and continues(top, below[0])
        )

    def _read_header(self, lines: Sequence[Line], columns: Sequence[_Column]) -> list[TableRow]:
        height = median(line.height for line in lines) if lines else 0.0
        words = [
            word
            for row in _visual_lines([word for line in lines for word in self._words_of(line)], height)
            if not are_column_numbers([own.text for own in row])
            for word in row
        ]
        header = _header(words, columns, height) if words else []
        values = sum(map(bool, map(_VALUE.fullmatch, header[-1].cells[1:]))) if header else 0
        return header if 2 * values <= len(columns) else []


def _below_title(header_lines: Sequence[Line]) -> list[Line]:
    """Return the lines below the title of a table, such as "Table 7. Ships".

    Lines that continue the title are dropped, too, if there are others below them.
    """
    end = next(
        (
            index
            for index, line in enumerate(header_lines)
            if find_table_title([line.text])[1] and not is_lead_in(line.text)
        ),
        len(header_lines),
    )
    below = end
    while 0 < below < len(header_lines) and continues(header_lines[below], header_lines[below - 1]):
        below -= 1
    return list(header_lines[: below or end])


def _is_same(columns: Sequence[_Column], others: Sequence[_Column]) -> bool:
    """Return whether columns are those of another table."""
    return len(columns) == len(others) and all(
        column.left < other.right and other.left < column.right
        for column, other in zip(columns, others, strict=True)
    )


def _cells(row: NumberRow, columns: Sequence[_Column]) -> list[str] | None:
    """Return the number in each column; None if one is in no column, or two are in the same."""
    cells = [""] * len(columns)
    if row.label[-1].right > columns[0].left + row.line.height:
        return None
    if len(row.numbers) == len(columns):
        return [word.text for word in row.numbers]
    for word in row.numbers:
        near = [
            index
            for index, column in enumerate(columns)
            if column.left <= word.right and word.left <= column.right
        ]
        if len(near) != 1 or cells[near[0]]:
            return None
        cells[near[0]] = word.text
    return cells


def _clean_label(text: str) -> str:
    return _LEADER.sub("", text).strip()


# Column names


def _is_title(line: Line, words: Sequence[PlacedWord], left: float, columns: Sequence[_Column]) -> bool:
    """Return whether a line runs from the labels, or from before several columns, into the columns."""
    clusters = [own for row in _visual_lines(words, line.height) for own in _clusters(row, line.height)]
    over = [cluster for cluster in clusters if cluster.right > columns[0].middle]
    before = columns[0].left - line.height
    is_group = len(over) > 1 and _spread(over, columns, line.height) is not None
    return any(
        cluster.left < left + line.height
        or (len(columns) > 1 and cluster.left < before and cluster.right > columns[1].middle and not is_group)
        for cluster in over
    ) or (len(clusters) == 1 and not over and len(clusters[0].text) > _MAX_LABEL_CHARS)


def _count_over(words: Sequence[PlacedWord], columns: Sequence[_Column], height: float) -> int:
    """Return how many columns have a text or year over them that is over no other."""
    clusters = [
        cluster
        for row in _visual_lines(words, height)
        for cluster in _clusters(row, height)
        if not is_number_text(cluster.text) or _YEAR.fullmatch(cluster.text)
    ]
    over = [
        [index for index, c in enumerate(columns) if cluster.left < c.right and c.left < cluster.right]
        for cluster in clusters
    ]
    return len({cluster[0] for cluster in over if len(cluster) == 1})


def _clusters(words: Sequence[PlacedWord], height: float) -> Iterator[PlacedWord]:
    """Yield the words without wide gaps between them as one."""
    start = 0
    for index in range(1, len(words) + 1):
        if (
            index == len(words)
            or words[index].left - words[index - 1].right > _MIN_CLUSTER_GAP_HEIGHTS * height
        ):
            cluster = words[start:index]
            yield PlacedWord(
                " ".join(word.text for word in cluster), cluster[0].left, cluster[-1].right, cluster[0].base
            )
            start = index


def _header(words: Sequence[PlacedWord], columns: Sequence[_Column], height: float) -> list[TableRow]:
    """Return the rows that name the columns, from the words above them; none if a column has no name."""
    names: list[list[str]] = [[] for _ in columns]
    groups: list[list[str]] = []
    label: list[str] = []
    for line in _visual_lines(words, height):
        label.append(" ".join(word.text for word in line if _is_label(word, columns)))
        over = [
            own
            for own in _clusters([word for word in line if not _is_label(word, columns)], height)
            if own.left <= columns[-1].right + height
        ]
        spread = _spread(over, columns, height) if 0 < len(over) < len(columns) else None
        if spread is not None and any(names):
            groups.append(spread)
            continue
        for cluster in over:
            covers = sum(cluster.left < column.middle < cluster.right for column in columns)
            own = [cluster] if covers < 2 else [w for w in line if cluster.left <= w.left <= cluster.right]  # noqa: PLR2004
            for word in reversed(own):
                nearest = min(range(len(columns)), key=lambda index: _distance(word, columns[index]))
                names[nearest].insert(0, word.text)
    if not all(own or (groups and groups[0][index]) for index, own in enumerate(names)):
        return []
    rows = [
        TableRow((" ".join(filter(None, reversed(label))), *(" ".join(own) for own in names)), is_header=True)
    ]
    for spread in groups:
        covered = frozenset(
            index for index, (before, text) in enumerate(pairwise(spread), 2) if text == before
        )
        cells = ("", *("" if index in covered else text for index, text in enumerate(spread, 1)))
        rows.insert(0, TableRow(cells, is_header=True, covered=covered))
    return rows


def _visual_lines(words: Sequence[PlacedWord], height: float) -> list[list[PlacedWord]]:
    """Return words by line, from the lowest; PDFium joins cells of different lines."""
    lines: list[list[PlacedWord]] = []
    for word in sorted(words, key=lambda word: word.base):
        if lines and word.base - lines[-1][0].base < MAX_BASE_DISTANCE_HEIGHTS * height:
            lines[-1].append(word)
        else:
            lines.append([word])
    return [sorted(line, key=lambda word: word.left) for line in lines]


def _is_label(word: PlacedWord, columns: Sequence[_Column]) -> bool:
    """Return whether a word is above the labels of rows."""
    return (
        word.right <= columns[0].left
        and word.middle < columns[0].left - (columns[0].right - columns[0].left) / 2
    )


def _distance(word: PlacedWord, column: _Column) -> float:
    if column.left <= word.middle <= column.right:
        return 0.0
    return min(abs(word.middle - column.left), abs(word.middle - column.right))


def _spread(over: Sequence[PlacedWord], columns: Sequence[_Column], height: float) -> list[str] | None:
    """Return the text above each column if each cluster is above the middle of its columns.

    The first columns may have none. A single cluster in the middle of one column belongs to that alone.
    """
    if len(over) == 1 and any(
        abs(over[0].middle - column.middle) < _MAX_COLUMN_OFF_CENTRE_HEIGHTS * height
        and over[0].right - over[0].left < _MAX_NAME_WIDTH_RATIO * (column.right - column.left)
        for column in columns
    ):
        return None
    for skipped in range(len(columns) - len(over)):
        counts = _partition(over, columns[skipped:])
        texts = [""] * skipped
        for cluster, count in zip(over, counts, strict=True):
            own = columns[len(texts) : len(texts) + count]
            if abs(cluster.middle - (own[0].left + own[-1].right) / 2) > _MAX_OFF_CENTRE_HEIGHTS * height:
                break
            texts += [cluster.text] * count
        if len(texts) == len(columns):
            return texts if any(count > 1 for count in counts) else None
    return None


def _partition(over: Sequence[PlacedWord], columns: Sequence[_Column]) -> list[int]:
    """Return how many columns belong to each cluster, so that their middles are nearest to it in all."""
    best: list[dict[int, tuple[float, list[int]]]] = [{0: (0.0, [])}]
    for cluster in over:
        reached: dict[int, tuple[float, list[int]]] = {}
        for start, (cost, counts) in best[-1].items():
            for end in range(start + 1, len(columns) + 1):
                middle = (columns[start].left + columns[end - 1].right) / 2
                total = cost + abs(middle - cluster.middle)
                if end not in reached or total < reached[end][0]:
                    reached[end] = total, [*counts, end - start]
        best.append(reached)
    return best[-1][len(columns)][1]


# Tables of words


def find_table_rows(chars: PageChars, all_lines: Sequence[Line]) -> list[Line]:
    """Return the lines that are table rows: they share a wide gap with an adjacent line."""
    usual = median([(line.right - line.left) / len(line.text) for line in all_lines]) if all_lines else 0.0
    wide = [
        []
        if line.right - line.left < _MIN_ROW_WIDTH_RATIO * usual * len(line.text)
        else _wide_gaps(chars, line)
        for line in all_lines
    ]
    return [
        line
        for index, line in enumerate(all_lines)
        if any(
            _do_overlap(gap, other) for gap in wide[index] for near in _beside(wide, index) for other in near
        )
    ]


def _wide_gaps(chars: PageChars, line: Line) -> list[tuple[float, float]]:
    """Return the gaps far wider than a space, unless the line is justified."""
    all_gaps = [(left, right) for after, left, right in find_gaps(chars, line) if after > _MAX_MARKER_CHARS]
    widths = [right - left for left, right in all_gaps]
    if (
        len(widths) == line.text.count(" ")
        and max(widths, default=0) < _MAX_JUSTIFIED_GAP_HEIGHTS * line.height
    ):
        return []
    return [(left, right) for left, right in all_gaps if right - left > _MIN_WIDE_GAP_HEIGHTS * line.height]


def _beside(wide: list[list[tuple[float, float]]], index: int) -> list[list[tuple[float, float]]]:
    return wide[max(0, index - 1) : index] + wide[index + 1 : index + 2]


def _do_overlap(gap: tuple[float, float], other: tuple[float, float]) -> bool:
    return min(gap[1], other[1]) > max(gap[0], other[0])
