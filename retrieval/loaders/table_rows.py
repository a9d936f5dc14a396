"""Tables as text: finds the rows that name the columns, and lays out each row with the names of its columns.

All formats share this, so that a row reads the same in each:

    Region: Victoria
    Response clear, Yes
    no.: 2,145,629
    %: 64.9

A row too long for one quote is laid out in several parts, each with the cells that identify the row.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Literal, NamedTuple

import regex

from retrieval.loaders.document_builder import DocumentBuilder

# A part of a row fits into a quote.
MAX_PART_CHARS = 280
_MAX_COLUMN_NAME_CHARS = 200
_MAX_SECTION_CHARS = 100
_MAX_SECTION_NUMBERS = 3
_MAX_TITLE_CHARS = 200
_MAX_TITLE_CELLS = 2
_MAX_HEADER_ROWS = 4
_MAX_KEY_COLUMNS = 3
_MIN_COLUMN_NUMBERS = 4
# The columns that identify a row may take this much of a part.
_MAX_KEY_CHARS = 140
_MIN_IDENTIFIED_SHARE = 0.9
# Rows of texts with more cells than this, on average, are records and not items of a list.
_MAX_LIST_CELLS = 3
# A row of a single cell is a note if that is longer than the first cells of other rows by this.
_NOTE_LENGTH_RATIO = 2
_LEVEL_SEPARATOR = ", "
# Text with a letter and without a leading digit, or a year; not a date, number or amount.
_COLUMN_NAME = regex.compile(r"(?=\D.*\p{L}|\p{L}).*|(?:19|20)\d\d", regex.DOTALL)
_YEAR = regex.compile(r"(?:19|20)\d\d(?:\s?[-–/]\s?(?:19|20)?\d\d)?\s?\*?")
# Numbers, dates and amounts, also with a unit; marks for a value that is missing.
_VALUE = regex.compile(
    r"\P{L}*\d\P{L}*(?:\p{L}{1,3}\.?)?|[-–—.…*]+|(?:n\s?/\s?a|nan|na|nil|x|\([a-z]\))\.?", regex.IGNORECASE
)
# A number and its unit as a word.
_AMOUNT = regex.compile(r"\P{L}*\d\P{L}*\p{L}+\.?")
_DIGITS = regex.compile(r"\d+")
_DATE = regex.compile(r"\d{1,4}([./-])\d{1,2}\1\d{1,4}")


@dataclass(frozen=True, slots=True)
class TableRow:
    """The text of each column of a row.

    `is_header` if the document marks the row as a header. `covered` are the columns under a cell that begins
    further left. `is_strong` if its first cell is emphasized.
    """

    cells: tuple[str, ...]
    is_header: bool = False
    covered: frozenset[int] = frozenset()
    is_strong: bool = False

    @property
    def label(self) -> str:
        """The text of the first column."""
        return self.cells[0] if self.cells else ""

    @property
    def filled(self) -> list[int]:
        """The columns with text."""
        return [column for column, cell in enumerate(self.cells) if cell]


class _ColumnName(NamedTuple):
    """The name of a column, and that of the group of columns it belongs to, if any."""

    name: str
    group: str = ""

    @property
    def full(self) -> str:
        return _LEVEL_SEPARATOR.join(filter(None, (self.group, self.name)))

    def shares(self, other: "_ColumnName") -> int:
        """Return 2 if both columns are of the same group, 1 if of the same one at the highest level, or 0."""
        is_same_top = self.group.split(_LEVEL_SEPARATOR)[0] == other.group.split(_LEVEL_SEPARATOR)[0] != ""
        return is_same_top + (is_same_top and self.group == other.group)


_ColumnNames = tuple[_ColumnName, ...]


@dataclass(frozen=True, slots=True)
class RowText:
    """The parts of a row as text, and its index in the table.

    `is_of_values` if its cells have names and the table is of values, not of words as a list is.
    """

    row: int
    parts: tuple[str, ...]
    is_of_values: bool = False


# How sure it is that a table without marked rows begins with column names: a file of a table alone often
# does, a table in a text only if its cells show it.
Header = Literal["expected", "evident"]


def lay_out(rows: Sequence[TableRow], header: Header = "evident") -> Iterator[RowText]:
    """Yield the rows as text, without those that only name columns or a group of rows below them."""
    stripped = [replace(row, cells=_strip(row.cells)) for row in rows]
    for first, names, body in _tables(stripped, header):
        yield from _lay_out_body(first, names, body)


def header_rows(rows: Sequence[TableRow], header: Header = "evident") -> Sequence[TableRow]:
    """Return the rows that name the columns of the first table among the rows that has names."""
    stripped = [replace(row, cells=_strip(row.cells)) for row in rows]
    for index in range(len(stripped)):
        if found_header := _header_at(stripped, index, header, is_first=not _has_table(stripped[:index])):
            return rows[found_header[0] : found_header[1]]
    return ()


def add_sheet(builder: DocumentBuilder, title: str, rows: Sequence[tuple[str, TableRow]]) -> None:
    """Add the rows of a sheet, with their labels, below its title; each row is a page."""
    if rows:
        builder.add_heading(title, 1)
    title_of_table, above = "", ""
    for text in lay_out([row for _, row in rows], "expected"):
        builder.begin_page(rows[text.row][0])
        if not text.is_of_values:
            above = above or (text.parts[0] if _is_title(rows[text.row][1], text.parts[0]) else "")
        elif above:
            title_of_table, above = above, ""
        title_of_table = builder.take_table_title() or title_of_table
        for part in text.parts:
            builder.add_row(part, title_of_table) if text.is_of_values else builder.add_block(part)


def _is_title(row: TableRow, text: str) -> bool:
    """Return whether a row without names may be the title of the table below it: a text, perhaps numbered."""
    cells = [cell for cell in row.cells if cell.strip()]
    texts = [cell for cell in cells if not _is_value(cell.strip())]
    return len(texts) == 1 and len(cells) <= _MAX_TITLE_CELLS and len(text) <= _MAX_TITLE_CHARS


def add_table(builder: DocumentBuilder, rows: Sequence[TableRow], list_number: int = 0) -> None:
    """Add the rows of a table in a text."""
    texts = list(lay_out(rows))
    title = builder.take_table_title() if any(text.is_of_values for text in texts) else ""
    for text in texts:
        for part in text.parts:
            if text.is_of_values:
                builder.add_row(part, title, list_number=list_number)
            else:
                builder.add_block(part, list_number=list_number)


def _first_row_names(cells: Sequence[str]) -> tuple[str, ...]:
    """Return the column names in a table's first row, or () if it does not hold names.

    Every cell but the first must be filled, short, no number and unique, and there must be two or more.
    """
    names = tuple(" ".join(cell.split()) for cell in cells)
    are_names = all(map(_is_column_name, names[1:])) and (
        not names or not names[0] or _is_column_name(names[0])
    )
    return names if len(set(names)) == len(names) > 1 and are_names else ()


def _format_plain(row: TableRow) -> str:
    """Format a row without column names.

    Empty cells between others keep their place, unless half of the cells are empty.
    """
    first = next(iter(row.filled), 0)
    cells = [c for column, c in enumerate(row.cells) if c or (column > first and column not in row.covered)]
    filled = [cell for cell in row.cells if cell]
    return " | ".join(cells if 2 * len(filled) > len(cells) else filled)


def _is_column_name(text: str) -> bool:
    return len(text) <= _MAX_COLUMN_NAME_CHARS and _COLUMN_NAME.fullmatch(text) is not None


def _strip(cells: Iterable[str]) -> tuple[str, ...]:
    texts = [cell.strip() for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return tuple(texts)


# Finding column names


def _tables(
    rows: Sequence[TableRow], header: Header
) -> Iterator[tuple[int, _ColumnNames, Sequence[TableRow]]]:
    """Yield the tables among the rows: the index of the first row, the column names, and the rows.

    Rows above the first column names, such as a title, are a table without names.
    """
    start, index = 0, 0
    names: _ColumnNames = ()
    while index < len(rows):
        found_header = _header_at(rows, index, header, is_first=not names and not _has_table(rows[:index]))
        if found_header is None:
            index += 1
            continue
        first, end, found_names = found_header
        if start < first:
            yield start, names, rows[start:first]
        start = index = end + (
            end < len(rows) - 1 and are_column_numbers(list(filter(None, rows[end].cells)))
        )
        names = found_names
    if start < len(rows):
        yield start, names, rows[start:]


def are_column_numbers(cells: Sequence[str]) -> bool:
    """Return whether the cells of a row below names number the columns, from the first or the second."""
    first = 1 if cells and cells[0] == "1" else 2
    numbers = [str(number) for number in range(first, first + len(cells))]
    return len(cells) >= _MIN_COLUMN_NUMBERS and list(cells) == numbers


def _has_table(rows: Sequence[TableRow]) -> bool:
    return any(len(row.filled) > 1 for row in rows)


def _header_at(
    rows: Sequence[TableRow], index: int, header: Header, *, is_first: bool
) -> tuple[int, int, _ColumnNames] | None:
    """Return the first and last (exclusive) row of a header that begins at `index`, and its names."""
    if rows[index].is_header:
        end = index + 1
        while end < len(rows) and rows[end].is_header:
            end += 1
        end = _add_levels(rows, index, end)
        return (index, end, _column_names(rows[index:end])) if end < len(rows) else None
    if any(row.is_header for row in rows):
        return None
    starts = is_first or index == 0 or _is_note(rows[index - 1], rows[index])
    if starts and (last := _evident_end(rows, index)) is not None:
        first = _first_level(rows, index, last)
        return first, last, _column_names(rows[first:last])
    if is_first and len(rows[index].filled) > 1 and _is_likely_header(rows, index, header):
        end = _merged_end(rows, index)
        if end > index + 1:
            return index, end, _column_names(rows[index:end])
        names = _first_row_names(rows[index].cells)
        return (index, index + 1, _column_names(rows[index:end])) if names else None
    return None


def _is_note(above: TableRow, row: TableRow) -> bool:
    """Return whether a row is above the table: it has one cell, or at most half as many as the next row."""
    return len(above.filled) < 2 or (2 * len(above.filled) <= len(row.filled) and not row.covered)  # noqa: PLR2004


def _merged_end(rows: Sequence[TableRow], index: int) -> int:
    """Return the end of the header whose first row has merged cells: the rows below name the parts of these.

    Merged over several rows, a cell has the same text in each of them.
    """
    end = index + 1
    while (
        end < len(rows) - 1
        and end - index < _MAX_HEADER_ROWS
        and rows[end - 1].covered
        and _are_names(rows[end])
    ):
        row, above = rows[end], rows[end - 1].cells + ("",) * len(rows[end].cells)
        wide = {column - 1 for column in rows[end - 1].covered} | rows[end - 1].covered
        if not all(column in wide or row.cells[column] == above[column] for column in row.filled):
            break
        if all(row.cells[column] == above[column] for column in row.filled):
            break
        end += 1
    return end


def _add_levels(rows: Sequence[TableRow], first: int, end: int) -> int:
    """Return the end of a marked header with the rows below that name the parts of its wide columns.

    Such a row leaves the first column empty, and has names where the header above has an empty or wide cell.
    """
    while end < len(rows) and end - first < _MAX_HEADER_ROWS:
        row, above = rows[end], rows[end - 1]
        has_gap = any(column >= len(above.cells) or not above.cells[column] for column in row.filled)
        if not has_gap or not row.filled or not _are_names(row) or (row.label and row.label != above.label):
            break
        end += 1
    return end


def _evident_end(rows: Sequence[TableRow], index: int) -> int | None:
    """Return the end of the header rows from `index`; None unless names are above values."""
    end = index
    while end < len(rows) and end - index < _MAX_HEADER_ROWS and _are_names(rows[end]):
        if end > index and not _is_level(rows[end - 1], rows[end]):
            break
        end += 1
    if end == index or end == len(rows):
        return None
    named = {column for row in rows[index:end] for column in (*row.filled, *row.covered)}
    width = max(len(row.filled) for row in rows[index:end])
    data = next((row for row in rows[end : end + 3] if 1 < 2 * len(row.filled) >= width), None)
    if data is None:
        return None
    columns = [column for column in data.filled if column > 0]
    dated = {column for row in rows[index:end] for column in row.filled if _DATE.fullmatch(row.cells[column])}
    values = [
        column
        for column in columns
        if column in named
        and _is_amount(data.cells[column])
        and not (column in dated and _DATE.fullmatch(data.cells[column]))
    ]
    return end if values and len(values) * 2 >= len(columns) else None


def _is_level(above: TableRow, row: TableRow) -> bool:
    """Return whether a row below names, itself of names, has those of parts of the columns."""
    if 2 * len(row.filled) < len(above.filled):
        return False
    if any(_AMOUNT.fullmatch(cell) and not _YEAR.fullmatch(cell) for cell in row.cells):
        return False
    has_gap = any(column >= len(above.cells) or not above.cells[column] for column in row.filled)
    return has_gap or not row.label or len(above.filled) <= 2 < len(row.filled)  # noqa: PLR2004


def _first_level(rows: Sequence[TableRow], first: int, end: int) -> int:
    """Return the first row that names columns: one with few cells above many is a note about the table."""
    width = len(rows[end - 1].filled)
    while first < end - 1 and not rows[first].covered and rows[first].filled == [0, 1] and width > 3:  # noqa: PLR2004
        first += 1
    return first


def _are_names(row: TableRow) -> bool:
    """Return whether the cells of a row, two or more, are texts, years or dates."""
    cells = [row.cells[column] for column in row.filled]
    if len(cells) < 2:  # noqa: PLR2004
        return False
    if not all(
        _YEAR.fullmatch(cell) or _DATE.fullmatch(cell) or not _is_value(cell) for cell in cells[1:]
    ) or (_is_value(cells[0]) and not _YEAR.fullmatch(cells[0])):
        return False
    return all(len(cell) <= _MAX_COLUMN_NAME_CHARS for cell in cells)


def _is_value(cell: str) -> bool:
    return _VALUE.fullmatch(cell) is not None


def _is_amount(cell: str) -> bool:
    return _is_value(cell) or _AMOUNT.fullmatch(cell) is not None


def _is_likely_header(rows: Sequence[TableRow], index: int, header: Header) -> bool:
    """Return whether a first row of texts above texts names the columns."""
    below = rows[index + 1 :]
    if not below:
        return False
    cells, after = rows[index].cells, below[0].cells
    if any(
        _DIGITS.search(cell) and _DIGITS.sub("0", cell) == _DIGITS.sub("0", other)
        for cell, other in zip(cells, after, strict=False)
    ):
        return False
    if header == "expected":
        return True
    # In a text, two columns are often a name and its meaning, from the first row on.
    filled = len(rows[index].filled)
    return (
        filled > 2  # noqa: PLR2004
        and len(below) > 1
        and not any(map(_DIGITS.search, cells))
        and sum(map(len, cells)) < min(sum(map(len, row.cells)) for row in below if len(row.filled) >= filled)
        if any(len(row.filled) >= filled for row in below)
        else False
    )


def _column_names(header: Sequence[TableRow]) -> _ColumnNames:
    """Return the names of the columns: the texts above them, from the top, each once."""
    width = max((len(row.cells) for row in header), default=0)
    width = max([width, *(max(row.covered, default=-1) + 1 for row in header)])
    levels = [_spread(row, width, is_last=number == len(header)) for number, row in enumerate(header, 1)]
    return tuple(_join_levels([level[column] for level in levels]) for column in range(width))


def _spread(row: TableRow, width: int, *, is_last: bool) -> list[str]:
    """Return the text above each column: wide cells are above all their columns.

    Without marks of wide cells, a cell of an upper level spans the empty ones to its right.
    """
    texts = [" ".join(cell.split()) for cell in row.cells] + [""] * (width - len(row.cells))
    for column in range(1, width):
        if texts[column]:
            continue
        if column in row.covered or (not row.covered and not is_last and column > 1 and texts[column - 1]):
            texts[column] = texts[column - 1]
    return texts


def _join_levels(texts: Sequence[str]) -> _ColumnName:
    """Return the name of a column from those of its levels; one that is too long is dropped."""
    filled = [text for text in texts if text]
    kept = [text for before, text in pairwise(["", *filled]) if text != before]
    if not kept or len(kept[-1]) > _MAX_COLUMN_NAME_CHARS:
        return _ColumnName("")
    group = _LEVEL_SEPARATOR.join(kept[:-1])
    return _ColumnName(kept[-1], group if len(group) <= _MAX_COLUMN_NAME_CHARS else "")


# Laying out rows


def _lay_out_body(first: int, names: _ColumnNames, body: Sequence[TableRow]) -> Iterator[RowText]:
    if not names:
        for number, row in enumerate(body, first):
            if text := _format_plain(row):
                yield RowText(number, (text,))
        return
    filled = _carry_keys(body)
    keys = _key_columns(filled)
    longest = max((len(row.label) for row in filled if len(row.filled) > 1), default=0)
    is_of_values = _is_of_values(filled)
    section, is_strong = "", False
    for number, row in enumerate(filled):
        if not row.filled:
            continue
        if is_strong and row.is_strong:
            section = ""  # a row on the level of the section
        if _is_section(filled, number, keys):
            section, is_strong = row.cells[row.filled[0]], row.is_strong
        elif row.filled == [0] and len(row.label) > _NOTE_LENGTH_RATIO * longest > 0:
            yield RowText(first + number, (row.label,))
        else:
            parts = tuple(_parts(row.cells, names, keys, section))
            yield RowText(first + number, parts, is_of_values)


def _is_of_values(body: Sequence[TableRow]) -> bool:
    """Return whether most rows have a value after their first cell, or too many cells for a list."""
    rows = [row for row in body if len(row.filled) > 1]
    if rows and sum(len(row.filled) for row in rows) > _MAX_LIST_CELLS * len(rows):
        return True
    return 2 * sum(any(map(_is_amount, row.cells[1:])) for row in rows) > len(rows)


def _is_section(body: Sequence[TableRow], number: int, keys: int) -> bool:
    """Return whether a row has a single short cell, among the first columns, that names the rows below."""
    row = body[number]
    if len(row.filled) != 1 or row.filled[0] >= keys:
        return False
    text = row.cells[row.filled[0]]
    # A row whose columns could not be separated names nothing.
    if len(text) > _MAX_SECTION_CHARS or sum(map(_is_amount, text.split())) > _MAX_SECTION_NUMBERS:
        return False
    return number + 1 < len(body) and len(body[number + 1].filled) > 1


def _carry_keys(body: Sequence[TableRow]) -> list[TableRow]:
    """Fill the empty first cells of rows that begin with a name or a year with those of the row above."""
    carried: list[TableRow] = []
    above: tuple[str, ...] = ()
    for row in body:
        first = row.filled[0] if row.filled else 0
        if (
            0 < first < min(_MAX_KEY_COLUMNS, len(above))
            and len(row.filled) > 1
            and (not _is_value(row.cells[first]) or _YEAR.fullmatch(row.cells[first]))
        ):
            row = replace(row, cells=(*above[:first], *row.cells[first:]))  # noqa: PLW2901
        carried.append(row)
        above = row.cells if len(row.filled) > 1 else ()
    return carried


def _key_columns(body: Sequence[TableRow]) -> int:
    """Return how many of the first columns identify a row: the fewest that differ between the rows.

    Columns of values other than years do not count.
    """
    rows = [row.cells for row in body if len(row.filled) > 1]
    count = 1
    while count < _MAX_KEY_COLUMNS:
        keys = [cells[:count] for cells in rows]
        are_numbers = _are_numbers(keys)
        if not are_numbers and len(set(keys)) >= _MIN_IDENTIFIED_SHARE * len(rows):
            return count
        if are_numbers:
            named = range(count, _MAX_KEY_COLUMNS)
            count = next((column for column in named if not _has_values(rows, column)), -1)
            if count < 0:
                return 1
        elif _has_values(rows, count):
            return count
        count += 1
    return count


def _has_values(rows: Sequence[tuple[str, ...]], column: int) -> bool:
    """Return whether most cells of a column are values other than years, or there are none."""
    values = [
        _is_value(cells[column]) and not _YEAR.fullmatch(cells[column])
        for cells in rows
        if len(cells) > column
    ]
    return not values or 2 * sum(values) > len(values)


def _are_numbers(keys: Sequence[tuple[str, ...]]) -> bool:
    """Return whether the keys are numbers, such as those of rows or items, which name nothing."""
    numbers = sum(all(_is_value(cell) and not _YEAR.fullmatch(cell) for cell in key) for key in keys)
    return len(keys) > 1 and 2 * numbers > len(keys)


def _parts(cells: Sequence[str], names: _ColumnNames, keys: int, section: str) -> Iterator[str]:
    """Yield a row in parts of at most MAX_PART_CHARS, if its cells allow, each with the row's key."""
    names = (*names, *[_ColumnName("")] * (len(cells) - len(names)))
    filled = [column for column, cell in enumerate(cells) if cell]
    whole = "\n".join([*_section_lines(section), *_lines(cells, names, filled)])
    if len(whole) <= MAX_PART_CHARS:
        yield whole
        return
    key = [*_section_lines(section), *_lines(cells, names, [column for column in filled if column < keys])]
    if len("\n".join(key)) > _MAX_KEY_CHARS:
        key, keys = [], 0
    rest = _bound([column for column in filled if column >= keys], names)
    for part in _divide(cells, names, key, rest):
        yield "\n".join([*key, *_lines(cells, names, part)])


def _divide(
    cells: Sequence[str], names: _ColumnNames, key: Sequence[str], bound: Sequence[list[int]]
) -> list[list[int]]:
    """Return the columns of each part of a row: as few parts as fit below the key.

    A group of columns stays whole if it can, and parts of about the same length say more than a short one.
    """
    # The best way to divide the first columns: parts, levels of groups that are cut, squares of the lengths,
    # and where the last part begins.
    best = [(0, 0, 0, 0)]
    above = sum(len(line) + 1 for line in key)
    for end in range(1, len(bound) + 1):
        ways: list[tuple[int, int, int, int]] = []
        lengths = _lengths(cells, names, bound[:end][::-1])
        for start, length in zip(range(end - 1, -1, -1), lengths, strict=True):
            if above + length > MAX_PART_CHARS and ways:
                break
            parts, cut, squares, _ = best[start]
            if start:
                cut += names[bound[start - 1][-1]].shares(names[bound[start][0]])
            ways.append((parts + 1, cut, squares + (above + length) ** 2, start))
        best.append(min(ways))
    divided: list[list[int]] = []
    end = len(bound)
    while end:
        start = best[end][3]
        divided.insert(0, [column for columns in bound[start:end] for column in columns])
        end = start
    return divided


def _lengths(cells: Sequence[str], names: _ColumnNames, backwards: Iterable[Sequence[int]]) -> Iterator[int]:
    """Yield the length of the lines of the last columns, then with those before them, and so on."""
    length, group, in_group, first = -1, "", 0, -1
    for columns in backwards:
        for column in reversed(columns):
            name, own = names[column].name, names[column].group
            if own and own == group:
                if in_group == 1:
                    length += len(group) + 1 + len(_named(cells[first], names[first].name))
                    length -= len(_named(cells[first], names[first].full))
                length += len(_named(cells[column], name)) + 1
                in_group += 1
            else:
                length += len(_named(cells[column], names[column].full)) + 1
                group, in_group = own, 1
            first = column
        yield length


def _bound(columns: Sequence[int], names: _ColumnNames) -> list[list[int]]:
    """Return the columns with those whose group they name, such as a number and its rate, together."""
    bound: list[list[int]] = []
    for column in columns:
        if bound and names[column].group and names[bound[-1][0]].full == names[column].group:
            bound[-1].append(column)
        else:
            bound.append([column])
    return bound


def _section_lines(section: str) -> list[str]:
    return [section] if section else []


def _lines(cells: Sequence[str], names: _ColumnNames, columns: Sequence[int]) -> Iterator[str]:
    """Yield a line for each of the columns, and one for each group of several columns above its first."""
    for group, members in groupby(columns, key=lambda column: names[column].group):
        grouped = list(members)
        if group and len(grouped) > 1:
            yield group
            yield from (_named(cells[column], names[column].name) for column in grouped)
        else:
            yield from (_named(cells[column], names[column].full) for column in grouped)


def _named(cell: str, name: str) -> str:
    # Some names end in a colon of their own.
    name = name.rstrip(" :：")
    return f"{name}: {cell}" if name else cell


# Merged cells of spreadsheets


class MergedArea(NamedTuple):
    """Rows from 1 and columns from 0, each first and last."""

    top: int
    bottom: int
    left: int
    right: int


class MergedCells:
    """The merged cells of a sheet. A cell over several rows is repeated in each that has other text."""

    def __init__(self, areas: Iterable[MergedArea]) -> None:
        self._areas = sorted(areas)
        self._next = 0
        self._open: list[tuple[MergedArea, str]] = []

    def apply(self, number: int, cells: list[str]) -> TableRow:
        """Return a row, the next one from the top, with the text of cells merged with those of rows above."""
        has_text = any(cells)
        self._open = [(area, text) for area, text in self._open if area.bottom >= number]
        covered: set[int] = set()
        for area, text in self._open:
            covered.update(range(area.left + 1, area.right + 1))
            if has_text and text:
                cells += [""] * (area.left + 1 - len(cells))
                cells[area.left] = cells[area.left] or text
        while self._next < len(self._areas) and self._areas[self._next].top <= number:
            area = self._areas[self._next]
            self._next += 1
            if area.top == number:
                covered.update(range(area.left + 1, area.right + 1))
                if area.bottom > number:
                    self._open.append((area, cells[area.left] if area.left < len(cells) else ""))
        return TableRow(tuple(cells), covered=frozenset(covered))
