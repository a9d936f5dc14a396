"""Excel workbooks before 2007 (.xls), as .xlsx ones are read: a sheet is a heading, a row a paragraph.

xlrd reads them: it gives the formats of numbers and the merged cells. Other programs save web pages and newer
workbooks with this suffix. docs/decisions/0004-office-readers.md compares the libraries.
"""

import io
from collections.abc import Iterator
from datetime import datetime
from math import isfinite
from typing import Any

import xlrd
from xlrd.sheet import Sheet

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders import table_rows
from retrieval.loaders.document_builder import MAX_DOCUMENT_CHARS, DocumentBuilder, title_from_name
from retrieval.loaders.file_signatures import real_suffix
from retrieval.loaders.html import html
from retrieval.loaders.number_formats import BUILT_IN, EPOCH, EPOCH_1904, format_number, format_plain
from retrieval.loaders.ooxml import xlsx
from retrieval.loaders.table_rows import MergedArea, MergedCells, TableRow
from retrieval.model import Document

MAX_ROWS = xlsx.MAX_ROWS
_OTHER_LOADERS = {".xlsx": xlsx.load, ".html": html.load}
_NO_FORMAT = frozenset({"", "general", "@"})
_KINDS = frozenset({xlrd.XL_CELL_TEXT, xlrd.XL_CELL_NUMBER, xlrd.XL_CELL_DATE, xlrd.XL_CELL_BOOLEAN})
_ENCRYPTED = "encrypted"


def load(data: bytes, name: str) -> Document:
    """Load an .xls file; a row is labelled by its number, and a formula has its saved result.

    Raises DocumentError, for more than MAX_ROWS in all sheets, too.
    """
    if other := _OTHER_LOADERS.get(real_suffix(data, ".xls")):
        return other(data, name)
    builder, count = DocumentBuilder(name), 0
    for title, rows in _sheets(data, name):
        count += len(rows)
        if count > MAX_ROWS:
            raise DocumentError(name, f"has more than {MAX_ROWS} rows; split it", kind=ProblemKind.TOO_LARGE)
        table_rows.add_sheet(builder, title, rows)
    return builder.build(title_from_name(name), unit="row")


def _sheets(data: bytes, name: str) -> Iterator[tuple[str, list[tuple[str, TableRow]]]]:
    """Yield the names of the visible sheets, each with its rows and their numbers."""
    try:
        # It prints warnings about a file to the log file.
        with xlrd.open_workbook(
            file_contents=data, formatting_info=True, on_demand=True, ragged_rows=True, logfile=io.StringIO()
        ) as book:
            formats = _formats(book)
            epoch = EPOCH_1904 if book.datemode else EPOCH
            for number in range(book.nsheets):
                sheet = book.sheet_by_index(number)
                if sheet.visibility == 0:
                    yield sheet.name, list(_rows(sheet, formats, epoch, name))
                book.unload_sheet(number)
    except DocumentError:
        raise
    except Exception as error:  # noqa: BLE001  # its parser raises all kinds of errors on damaged files
        if _ENCRYPTED in str(error):
            reason = "is encrypted; save it without a password"
            raise DocumentError(name, reason, kind=ProblemKind.PROTECTED) from None
        raise DocumentError(name, "is damaged; save it again in Excel, or as .xlsx") from None


def _rows(
    sheet: Sheet, formats: dict[int, str], epoch: datetime, name: str
) -> Iterator[tuple[str, TableRow]]:
    merged = MergedCells(
        MergedArea(top + 1, bottom, left, right - 1) for top, bottom, left, right in sheet.merged_cells
    )
    for number in range(sheet.nrows):
        cells: list[str] = []
        kinds, values = sheet.row_types(number), sheet.row_values(number)
        for column, kind in enumerate(kinds):
            if kind not in _KINDS:
                continue
            code = formats.get(sheet.cell_xf_index(number, column), "")
            if text := _cell_text(kind, values[column], code, epoch):
                cells += [""] * (column - len(cells))
                cells.append(text)
        if sum(map(len, cells)) > MAX_DOCUMENT_CHARS:
            raise DocumentError(
                name, f"row {number + 1} is too long to be read; split it", kind=ProblemKind.TOO_LARGE
            )
        row = merged.apply(number + 1, cells)
        if row.filled:
            yield str(number + 1), row


def _cell_text(kind: int, value: Any, code: str, epoch: datetime) -> str:
    """Return the displayed text of a cell; `code` is the format of its number, if any."""
    if kind == xlrd.XL_CELL_TEXT:
        return str(value).replace("\0", "").encode("utf-8", "replace").decode().strip()
    if kind == xlrd.XL_CELL_BOOLEAN:
        return "TRUE" if value else "FALSE"
    if not isfinite(value):
        return ""
    return format_number(value, code, epoch) if code else format_plain(value)


def _formats(book: xlrd.Book) -> dict[int, str]:
    """Return the number format codes of the styles that have one."""
    codes = {key: number_format.format_str or "" for key, number_format in book.format_map.items()} | BUILT_IN
    formats = {number: codes.get(style.format_key, "") for number, style in enumerate(book.xf_list)}
    return {number: code for number, code in formats.items() if code.lower() not in _NO_FORMAT}
