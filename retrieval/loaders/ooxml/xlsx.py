"""Excel workbooks: each sheet a heading, each row a paragraph, numbers and dates as people see them.

Read from the XML itself; docs/decisions/0004-office-readers.md compares the libraries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import isfinite
from xml.etree.ElementTree import Element

import regex

from retrieval.errors import DocumentError
from retrieval.loaders import document_builder
from retrieval.loaders.document_builder import MAX_DOCUMENT_CHARS, DocumentBuilder
from retrieval.loaders.ooxml.number_formats import BUILT_IN, format_number, format_plain
from retrieval.loaders.ooxml.package import Package, attribute, below
from retrieval.model import Document

MAX_ROWS = 100_000
MOST_COLUMNS = 16_384
_SKIPPED = frozenset({"rPh", "rPr"})
_LETTERS = regex.compile(r"[A-Z]{1,3}")
_NUMBER = regex.compile(r"[0-9]{1,7}")
_ESCAPE = regex.compile(r"_x([0-9A-Fa-f]{4})_")
_CONTROL = regex.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# Days count from the one before 1900 began, as if that had been a leap year; or from 1904.
_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 a spreadsheet's times have no zone
_EPOCH_1904 = datetime(1904, 1, 1)  # noqa: DTZ001


@dataclass(frozen=True, slots=True)
class _Workbook:
    """What all sheets share: texts by number, formats by style, and where days count from."""

    texts: tuple[str, ...]
    formats: tuple[str, ...]
    epoch: datetime


def load(data: bytes, name: str) -> Document:
    """Read a .xlsx file; rows have their numbers, and a formula its last result, if that was saved.

    A sheet's first row with more than one cell names the columns when it looks like names. Raises
    DocumentError for more than MAX_ROWS in all sheets.
    """
    package = Package(data, name, "workbook")
    parts = {relation.id: relation.path for relation in package.relations(package.path)}
    book = _shared(package)
    draft, count = DocumentBuilder(name), 0
    for sheet in package.main.iter("sheet"):
        path = parts.get(attribute(sheet, "id", "relationships") or "", "")
        if path not in package.archive or sheet.get("state", "visible") != "visible":
            continue
        read = _rows(package.archive.tree(path), book, name)
        found = [(number, cells) for number, cells in read if any(cells)]
        count += len(found)
        if count > MAX_ROWS:
            raise DocumentError(name, f"has more than {MAX_ROWS} rows; split it")
        _add(draft, sheet.get("name", ""), found)
    return draft.document(package.title or name.rpartition("/")[2].rpartition(".")[0], unit="row")


def _add(draft: DocumentBuilder, title: str, found: list[tuple[str, list[str]]]) -> None:
    if found:
        draft.heading(title, 1)
    columns: tuple[str, ...] | None = None
    for number, cells in found:
        if columns is None and sum(map(bool, cells)) > 1:
            columns = document_builder.column_names(cells) if number != found[-1][0] else ()
            if columns:
                draft.aside(document_builder.row_text(cells))
                continue
        draft.page(number)
        draft.block(document_builder.row_text(cells, columns or ()))


def _rows(sheet: Element, book: _Workbook, name: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the rows with their numbers; a row without one follows the row before it."""
    number = 0
    for row in sheet.iter("row"):
        given = row.get("r", "")
        number = int(given) if _NUMBER.fullmatch(given) else number + 1
        cells: list[str] = []
        column = -1
        for cell in row.iter("c"):
            column = _column(cell.get("r", ""), column + 1)
            if text := _text(cell, book):
                cells += [""] * (column - len(cells))
                cells.append(text)
        if sum(map(len, cells)) > MAX_DOCUMENT_CHARS:
            raise DocumentError(name, f"row {number} is too long to be read; split it")
        yield str(number), cells


def _column(reference: str, following: int) -> int:
    """Return the number of a cell's column, from 0.

    A cell without a reference, or with one that goes backwards, is in the column `following` the last one.
    """
    letters = reference.rstrip("0123456789")
    return max(following, _number_of(letters) - 1) if letters else following


@lru_cache(MOST_COLUMNS)
def _number_of(letters: str) -> int:
    """Read the letters of a column as a number, from 1; 0 when they are none."""
    if not _LETTERS.fullmatch(letters):
        return 0
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return min(number, MOST_COLUMNS)


def _text(cell: Element, book: _Workbook) -> str:
    """Return what a cell shows; the empty text for a formula without a saved result or with an error."""
    kind, value = cell.get("t", "n"), cell.findtext("v") or ""
    if kind == "inlineStr":
        return _joined(cell)
    if kind == "s":
        number = int(value) if _NUMBER.fullmatch(value) else len(book.texts)
        return book.texts[number] if number < len(book.texts) else ""
    if kind == "b":
        return {"1": "TRUE", "0": "FALSE"}.get(value, "")
    if kind == "n":
        return _figure(value, cell.get("s", ""), book)
    return _unescape(value).strip() if kind in {"str", "d"} else ""


def _figure(value: str, style: str, book: _Workbook) -> str:
    try:
        number = float(value)
    except ValueError:
        return ""
    if not isfinite(number):
        return ""
    at = int(style) if _NUMBER.fullmatch(style) else 0
    code = book.formats[at] if at < len(book.formats) else ""
    return format_number(number, code, book.epoch) if code else format_plain(number)


def _joined(element: Element) -> str:
    runs = (found.text or "" for found in below(element, _SKIPPED) if found.tag == "t")
    return _unescape("".join(runs)).strip()


def _unescape(text: str) -> str:
    """Decode `_xHHHH_`, which stands for a character that XML does not allow (ST_Xstring in ECMA-376)."""
    if "_x" not in text:
        return text
    decoded = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    # Two escapes may make a surrogate pair; what XML does not allow is no text but for line ends.
    decoded = decoded.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROL.sub("", decoded.replace("\r\n", "\n").replace("\r", "\n"))


def _shared(package: Package) -> _Workbook:
    texts = package.related(package.path, "sharedStrings")
    styles = package.related(package.path, "styles")
    properties = package.main.find("workbookPr")
    is_1904 = properties is not None and properties.get("date1904") in {"1", "true"}
    return _Workbook(
        texts=tuple(_joined(text) for text in texts.findall("si")) if texts is not None else (),
        formats=tuple(_formats(styles)) if styles is not None else (),
        epoch=_EPOCH_1904 if is_1904 else _EPOCH,
    )


def _formats(styles: Element) -> Iterator[str]:
    """Yield the number format code of each style; the empty text when there is none."""
    codes = {str(number): code for number, code in BUILT_IN.items()}
    codes |= {one.get("numFmtId", ""): one.get("formatCode", "") for one in styles.iter("numFmt")}
    for style in styles.iterfind("cellXfs/xf"):
        code = codes.get(style.get("numFmtId", ""), "")
        yield "" if code.lower() in {"general", "@"} else code
