"""Excel workbooks: each sheet is a heading, each row a paragraph; numbers and dates are shown as formatted.

Read from the XML itself; docs/decisions/0004-office-readers.md compares the libraries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import isfinite
from xml.etree.ElementTree import Element

import regex

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders import document_builder, table_rows
from retrieval.loaders.document_builder import MAX_DOCUMENT_CHARS, DocumentBuilder
from retrieval.loaders.number_formats import BUILT_IN, EPOCH, EPOCH_1904, format_number, format_plain
from retrieval.loaders.ooxml.package import Package, attribute, descendants
from retrieval.loaders.table_rows import MergedArea, MergedCells, TableRow
from retrieval.model import Document

MAX_ROWS = 100_000
MAX_COLUMNS = 16_384
_SKIPPED = frozenset({"rPh", "rPr"})
_LETTERS = regex.compile(r"[A-Z]{1,3}")
_NUMBER = regex.compile(r"[0-9]{1,7}")
_AREA = regex.compile(r"(?P<left>[A-Z]{1,3})(?P<top>[0-9]{1,7}):(?P<right>[A-Z]{1,3})(?P<bottom>[0-9]{1,7})")
_ESCAPE = regex.compile(r"_x([0-9A-Fa-f]{4})_")
_CONTROL = regex.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True, slots=True)
class _Workbook:
    """Data shared by all sheets: shared strings, number format codes by style, and the date of day 0."""

    texts: tuple[str, ...]
    formats: tuple[str, ...]
    epoch: datetime


def load(data: bytes, name: str) -> Document:
    """Read a .xlsx file; a row is labelled by its number, and a formula has its saved result, if any.

    Raises DocumentError for more than MAX_ROWS in all sheets.
    """
    package = Package(data, name, "workbook")
    parts = {relation.id: relation.path for relation in package.relations(package.path)}
    book = _read_workbook(package)
    builder, count = DocumentBuilder(name), 0
    for sheet in package.main.iter("sheet"):
        path = parts.get(attribute(sheet, "id", "relationships") or "", "")
        if path not in package.archive or sheet.get("state", "visible") != "visible":
            continue
        numbered = _rows(package.archive.parse_xml(path), book, name)
        rows = [(label, row) for label, row in numbered if row.filled]
        count += len(rows)
        if count > MAX_ROWS:
            raise DocumentError(name, f"has more than {MAX_ROWS} rows; split it", kind=ProblemKind.TOO_LARGE)
        table_rows.add_sheet(builder, sheet.get("name", ""), rows)
    return builder.build(package.title or document_builder.title_from_name(name), unit="row")


def _rows(sheet: Element, book: _Workbook, name: str) -> Iterator[tuple[str, TableRow]]:
    """Yield the rows with their numbers; a row without one follows the row before it."""
    number = 0
    merged = MergedCells(_merged_areas(sheet))
    for row in sheet.iter("row"):
        given = row.get("r", "")
        number = int(given) if _NUMBER.fullmatch(given) else number + 1
        cells: list[str] = []
        column = -1
        for cell in row.iter("c"):
            column = _column_index(cell.get("r", ""), column + 1)
            if text := _cell_text(cell, book):
                cells += [""] * (column - len(cells))
                cells.append(text)
        if sum(map(len, cells)) > MAX_DOCUMENT_CHARS:
            raise DocumentError(
                name, f"row {number} is too long to be read; split it", kind=ProblemKind.TOO_LARGE
            )
        yield str(number), merged.apply(number, cells)


def _merged_areas(sheet: Element) -> Iterator[MergedArea]:
    for cell in sheet.iter("mergeCell"):
        if area := _AREA.fullmatch(cell.get("ref", "")):
            columns = (_column_number(area[side]) - 1 for side in ("left", "right"))
            yield MergedArea(int(area["top"]), int(area["bottom"]), *columns)


def _column_index(reference: str, following: int) -> int:
    """Return the number of a cell's column, from 0.

    A cell without a reference, or with one that goes backwards, is in the column `following` the last one.
    """
    letters = reference.rstrip("0123456789")
    return max(following, _column_number(letters) - 1) if letters else following


@lru_cache(MAX_COLUMNS)
def _column_number(letters: str) -> int:
    """Return the number of a column from its letters, from 1; 0 when they are invalid."""
    if not _LETTERS.fullmatch(letters):
        return 0
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return min(number, MAX_COLUMNS)


def _cell_text(cell: Element, book: _Workbook) -> str:
    """Return the displayed text of a cell; empty for errors and for formulas without a saved result."""
    kind, value = cell.get("t", "n"), cell.findtext("v") or ""
    if kind == "inlineStr":
        return _join_runs(cell)
    if kind == "s":
        number = int(value) if _NUMBER.fullmatch(value) else len(book.texts)
        return book.texts[number] if number < len(book.texts) else ""
    if kind == "b":
        return {"1": "TRUE", "0": "FALSE"}.get(value, "")
    if kind == "n":
        return _format_cell(value, cell.get("s", ""), book)
    return _unescape(value).strip() if kind in {"str", "d"} else ""


def _format_cell(value: str, style: str, book: _Workbook) -> str:
    try:
        number = float(value)
    except ValueError:
        return ""
    if not isfinite(number):
        return ""
    index = int(style) if _NUMBER.fullmatch(style) else 0
    code = book.formats[index] if index < len(book.formats) else ""
    return format_number(number, code, book.epoch) if code else format_plain(number)


def _join_runs(element: Element) -> str:
    runs = (inner.text or "" for inner in descendants(element, _SKIPPED) if inner.tag == "t")
    return _unescape("".join(runs)).strip()


def _unescape(text: str) -> str:
    """Decode `_xHHHH_`, which represents a character that XML does not allow (ST_Xstring in ECMA-376)."""
    if "_x" not in text:
        return text
    decoded = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    # Two escapes may form a surrogate pair. Control characters other than line ends are dropped.
    decoded = decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROL.sub("", decoded.replace("\r\n", "\n").replace("\r", "\n"))


def _read_workbook(package: Package) -> _Workbook:
    texts = package.related(package.path, "sharedStrings")
    styles = package.related(package.path, "styles")
    properties = package.main.find("workbookPr")
    is_1904 = properties is not None and properties.get("date1904") in {"1", "true"}
    return _Workbook(
        texts=tuple(_join_runs(text) for text in texts.findall("si")) if texts is not None else (),
        formats=tuple(_formats(styles)) if styles is not None else (),
        epoch=EPOCH_1904 if is_1904 else EPOCH,
    )


def _formats(styles: Element) -> Iterator[str]:
    """Yield the number format code of each style; the empty text when there is none."""
    codes = {str(number): code for number, code in BUILT_IN.items()}
    codes |= {format_.get("numFmtId", ""): format_.get("formatCode", "") for format_ in styles.iter("numFmt")}
    for style in styles.iterfind("cellXfs/xf"):
        code = codes.get(style.get("numFmtId", ""), "")
        yield "" if code.lower() in {"general", "@"} else code
