"""OpenDocument spreadsheets: each sheet is a heading, each row a paragraph; cells as they are displayed.

The file itself holds the displayed text of every cell; docs/decisions/0010-opendocument-readers.md compares
the libraries.
"""

from collections.abc import Iterator
from math import isfinite
from xml.etree.ElementTree import Element

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders import document_builder, tables
from retrieval.loaders.document_builder import MAX_DOCUMENT_CHARS, DocumentBuilder
from retrieval.loaders.number_formats import format_plain
from retrieval.loaders.odf.opendocument import (
    OFFICE,
    TABLE,
    OpenDocument,
    joined_text,
    repetitions,
    table_rows,
)
from retrieval.loaders.tables import TableRow
from retrieval.model import Document

MAX_ROWS = 100_000
MAX_COLUMNS = 16_384
# Counting the empty cells before the last filled one of each row.
MAX_CELLS = 5_000_000
# The last row that LibreOffice has.
_MAX_ROW_NUMBER = 1_048_576
_VALUES = {"string": "string-value", "boolean": "boolean-value", "date": "date-value", "time": "time-value"}
_CALC_EXTENSION = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"


def load(data: bytes, name: str) -> Document:
    """Load an .ods file; a row is labelled by its number.

    Raises DocumentError for more than MAX_ROWS or MAX_CELLS in all sheets, counting each repetition of a row
    that holds text.
    """
    package = OpenDocument(data, name, "spreadsheet")
    styles = package.styles("table")
    builder, row_count, cell_count = DocumentBuilder(name), 0, 0
    for sheet in package.body.findall("table"):
        style = styles.get(sheet.get(f"{TABLE}style-name", ""))
        if style is not None and not style.is_shown:
            continue
        rows: list[tuple[str, TableRow]] = []
        for row in _rows(sheet, name):
            rows.append(row)
            row_count += 1
            cell_count += len(row[1].cells)
            if row_count > MAX_ROWS:
                raise DocumentError(
                    name, f"has more than {MAX_ROWS} rows; split it", kind=ProblemKind.TOO_LARGE
                )
            if cell_count > MAX_CELLS:
                raise DocumentError(
                    name, f"has more than {MAX_CELLS} cells; split it", kind=ProblemKind.TOO_LARGE
                )
        tables.add_sheet(builder, sheet.get(f"{TABLE}name", ""), rows)
    return builder.build(package.title or document_builder.title_from_name(name), unit="row")


def _rows(sheet: Element, name: str) -> Iterator[tuple[str, TableRow]]:
    """Yield the rows that hold text with their numbers. Empty rows cost nothing, however often repeated."""
    number = 1
    above: dict[int, tuple[int, str]] = {}
    for row, is_header in table_rows(sheet):
        times = repetitions(row, "rows-repeated")
        cells, covered = _row_texts(row, above)
        if cells:
            if sum(map(len, cells)) > MAX_DOCUMENT_CHARS:
                raise DocumentError(
                    name, f"row {number} is too long to be read; split it", kind=ProblemKind.TOO_LARGE
                )
            for repeated in range(times):
                yield str(number + repeated), TableRow(tuple(cells), is_header, covered)
        number = min(number + times, _MAX_ROW_NUMBER)


def _row_texts(row: Element, above: dict[int, tuple[int, str]]) -> tuple[list[str], frozenset[int]]:
    """Return the text of each column up to the last that is filled, and the columns under wide cells.

    `above` has the merged cells of the rows above by column: how many more rows they cover, and their text.
    It is repeated in rows that have other text.
    """
    texts: list[str] = []
    covered: set[int] = set()
    merged: dict[int, str] = {}
    column = 0
    for cell in row:
        if cell.tag not in {"table-cell", "covered-table-cell"}:
            continue
        times = min(repetitions(cell, "columns-repeated"), MAX_COLUMNS - column)
        if cell.tag == "covered-table-cell":
            # A covered cell lies under a merged one and is not displayed.
            for under in range(column, column + times):
                if under in above:
                    merged[under] = _take_merged(above, under)
                else:
                    covered.add(under)
        elif text := _cell_text(cell):
            texts += [""] * (column - len(texts))
            texts += [text] * times
            if (rows := repetitions(cell, "rows-spanned")) > 1:
                above[column] = rows - 1, text
        column += times
    if texts:
        for under, text in merged.items():
            texts += [""] * (under + 1 - len(texts))
            texts[under] = text
    return texts, frozenset(covered)


def _take_merged(above: dict[int, tuple[int, str]], column: int) -> str:
    """Return the text of the merged cell that covers a column of the next row."""
    left, text = above.pop(column)
    if left > 1:
        above[column] = left - 1, text
    return text


def _cell_text(cell: Element) -> str:
    """Return the displayed text of a cell; empty for errors."""
    if cell.get(f"{_CALC_EXTENSION}value-type") == "error":
        return ""
    text = joined_text(cell) if len(cell) else ""
    return text or _format_value(cell)


def _format_value(cell: Element) -> str:
    """Return the value of a cell without displayed text, which some programs leave out."""
    kind = cell.get(f"{OFFICE}value-type", "")
    attribute = _VALUES.get(kind)
    if attribute is not None:
        value = cell.get(f"{OFFICE}{attribute}", "").strip()
        return value.upper() if kind == "boolean" else value
    number = _number(cell.get(f"{OFFICE}value", ""))
    if number is None:
        return cell.get(f"{OFFICE}string-value", "").strip()
    if kind == "percentage":
        return f"{format_plain(100 * number)}%"
    return f"{format_plain(number)} {cell.get(f'{OFFICE}currency', '')}".strip()


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) else None
