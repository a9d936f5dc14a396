"""Reads a PDF file with PDFium: pages with their labels and lines, outline and title."""

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pypdfium2
import regex
from pypdfium2 import raw

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.document_builder import MAX_DOCUMENT_CHARS
from retrieval.loaders.pdf import tables
from retrieval.loaders.pdf.annotations import annotation_texts
from retrieval.loaders.pdf.lines_and_columns import Line, extract_lines
from retrieval.loaders.pdf.pdfium import PageChars, open_pdf
from retrieval.loaders.pdf.ruled_tables import RuledTable
from retrieval.loaders.pdf.scans import is_scanned, scanned_lines
from retrieval.model import ScanMark
from retrieval.ocr.scanned_page import ScannedPage

_MAX_PAGES = 20_000
_MAX_OUTLINE_ENTRIES = 5_000
# Of which a picture of a page looks for the names of columns.
_MAX_PAGES_OF_TABLE = 30
_MAX_OUTLINE_DEPTH = 15
# The index of the y position among the parameters of each kind of target.
_TOP_INDEX = {raw.PDFDEST_VIEW_XYZ: 1, raw.PDFDEST_VIEW_FITH: 0, raw.PDFDEST_VIEW_FITBH: 0}
_UNREADABLE = regex.compile(r"[\p{Co}\p{Cn}\ufffd]")


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """An outline entry: level from 1, page from 0; `top` is the y position of its target, in points."""

    text: str
    level: int
    page: int
    top: float | None


@dataclass(frozen=True, slots=True)
class PdfContents:
    """The contents of a file; `rows` are the ids (`id()`) of lines that are table rows.

    `annotations` are the texts of form fields and comments of each page. `scan_marks` are the marks of lines
    that OCR has read, by their id. `scanned_pages` and `unread_pages` are as in Document.
    """

    title: str
    outline: tuple[OutlineEntry, ...]
    labels: tuple[str, ...]
    pages: tuple[list[Line], ...]
    rows: frozenset[int]
    annotations: tuple[list[str], ...]
    scan_marks: Mapping[int, tuple[ScanMark, ...]] = field(default_factory=dict)
    scanned_pages: int = 0
    unread_pages: tuple[int, ...] = ()


def read_pdf(data: bytes, name: str, scans: Mapping[int, ScannedPage] | None = None) -> PdfContents:
    """Read a PDF file. Raises DocumentError.

    `scans` are the pages (from 0) that OCR has read. With None there is no OCR, and scanned pages have no
    lines.
    """
    with open_pdf(data, name) as pdf:
        if len(pdf) > _MAX_PAGES:
            raise DocumentError(
                name, f"has more than {_MAX_PAGES} pages; split it", kind=ProblemKind.TOO_LARGE
            )
        pages: list[list[Line]] = []
        annotations: list[list[str]] = []
        rows: set[int] = set()
        scanned: dict[int, ScannedPage] = {}
        unread: list[int] = []
        pdf.init_forms()
        left = MAX_DOCUMENT_CHARS
        above: RuledTable | None = None
        for number in range(len(pdf)):
            all_lines, table_rows, texts, above = _page(pdf, number, above)
            if is_scanned(pdf, number, all_lines):
                if scans and number in scans:
                    scanned[number] = scans[number]
                else:
                    unread.append(number)
            pages.append(all_lines)
            annotations.append(texts)
            rows |= table_rows
            left -= sum(len(line.text) for line in all_lines) + sum(map(len, texts))
            if left < 0:
                millions = MAX_DOCUMENT_CHARS // 2**20
                raise DocumentError(
                    name,
                    f"holds more than {millions} million characters; split it",
                    kind=ProblemKind.TOO_LARGE,
                )
        read = scanned_lines(scanned)
        pages = [read.pages.get(number) or own for number, own in enumerate(pages)]
        return PdfContents(
            title=_read_text(lambda: pdf.get_metadata_value("Title")),
            outline=tuple(_outline(pdf)),
            labels=tuple(_label(pdf, number) for number in range(len(pdf))),
            pages=tuple(pages),
            rows=frozenset(rows),
            annotations=tuple(annotations),
            scan_marks=read.marks,
            scanned_pages=sum(map(bool, read.pages.values())),
            unread_pages=tuple(unread),
        )


def page_lines(pdf: pypdfium2.PdfDocument, number: int) -> tuple[list[Line], PageChars] | None:
    """Return the lines and characters of a page (from 0); None when it is damaged, empty or unreadable."""
    try:
        chars = PageChars(pdf[number])
    except pypdfium2.PdfiumError:
        return None
    all_lines = extract_lines(chars)
    if all_lines and not _is_unreadable(all_lines):
        return all_lines, chars
    chars.close()
    return None


def table_above(pdf: pypdfium2.PdfDocument, number: int) -> RuledTable | None:
    """Return the table at the end of the page before one (from 0), with the names of its columns."""
    first = number
    while first > max(0, number - _MAX_PAGES_OF_TABLE) and _last_table(pdf, first - 1, None):
        first -= 1
    above: RuledTable | None = None
    for page in range(first, number):
        above = _last_table(pdf, page, above)
    return above


def _last_table(pdf: pypdfium2.PdfDocument, number: int, above: RuledTable | None) -> RuledTable | None:
    contents = page_lines(pdf, number)
    if contents is None:
        return None
    all_lines, chars = contents
    table = tables.last_ruled_table(tables.find_tables(chars, all_lines, above))
    chars.close()
    return table


def _page(
    pdf: pypdfium2.PdfDocument, number: int, above: RuledTable | None
) -> tuple[list[Line], set[int], list[str], RuledTable | None]:
    """Return the lines of a page, the ids of those that are table rows, and the texts of its annotations.

    The last is the table that may continue on the next page, as `above` may on this one.
    """
    contents = page_lines(pdf, number)
    if contents is None:
        return [], set(), _annotations_without_lines(pdf, number), None
    all_lines, chars = contents
    texts = annotation_texts(pdf, chars.page, all_lines, chars)
    found = tables.find_tables(chars, all_lines, above)
    rest = tables.lines_outside(all_lines, found)
    table_rows = {id(line) for line in tables.find_table_rows(chars, rest)}
    chars.close()
    return tables.replace_tables(all_lines, found), table_rows, texts, tables.last_ruled_table(found)


def _annotations_without_lines(pdf: pypdfium2.PdfDocument, number: int) -> list[str]:
    try:
        page = pdf[number]
    except pypdfium2.PdfiumError:
        return []
    texts = annotation_texts(pdf, page, (), None)
    page.close()
    return texts


def _is_unreadable(all_lines: Sequence[Line]) -> bool:
    """Return whether characters come from a font without a Unicode mapping."""
    text = "".join(line.text for line in all_lines)
    return 2 * len(_UNREADABLE.findall(text)) > len(text)


def _label(pdf: pypdfium2.PdfDocument, number: int) -> str:
    return _read_text(lambda: pdf.get_page_label(number)) or str(number + 1)


def _outline(pdf: pypdfium2.PdfDocument) -> Iterator[OutlineEntry]:
    for count, mark in enumerate(pdf.get_toc(max_depth=_MAX_OUTLINE_DEPTH)):
        if count == _MAX_OUTLINE_ENTRIES:
            return
        target = mark.get_dest()
        page = target.get_index() if target else None
        text = _read_text(mark.get_title)
        if text and page is not None and page < len(pdf):
            yield OutlineEntry(text, mark.level + 1, page, _top(target))


def _top(target: pypdfium2.PdfDest) -> float | None:
    mode, values = target.get_view()
    at = _TOP_INDEX.get(mode)
    return values[at] if at is not None and at < len(values) else None


def _read_text(get: Callable[[], str]) -> str:
    """Return a string of the file on one line; empty when it cannot be decoded."""
    try:
        text = get()
    except UnicodeDecodeError:
        return ""
    return " ".join("".join(" " if unicodedata.category(c)[0] == "C" else c for c in text).split())
