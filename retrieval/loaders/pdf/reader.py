"""Reads a PDF file with PDFium: pages with their labels and lines, outline and title."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import pypdfium2
import regex
from pypdfium2 import raw

from retrieval.errors import DocumentError
from retrieval.loaders.document_builder import MAX_DOCUMENT_CHARS
from retrieval.loaders.pdf import tables
from retrieval.loaders.pdf.chars import PageChars
from retrieval.loaders.pdf.lines import Line, lines

# PDFium is not safe for threads, not even for several documents.
_LOCK = Lock()
_REASONS = {
    raw.FPDF_ERR_PASSWORD: "needs a password; save it without one",
    raw.FPDF_ERR_SECURITY: "is protected in a way that cannot be read; save it without protection",
    raw.FPDF_ERR_FORMAT: "is no PDF, cut short or damaged; copy it anew, or save it anew",
}
_DAMAGED = "is damaged; save it anew"


@contextmanager
def open_pdf(data: bytes, name: str) -> Iterator[pypdfium2.PdfDocument]:
    """Open a PDF while the block lasts; others wait. Raises DocumentError, for errors within it as well."""
    with _LOCK:
        try:
            pdf = pypdfium2.PdfDocument(data)
            try:
                if not len(pdf):
                    raise DocumentError(name, _DAMAGED)
                yield pdf
            finally:
                pdf.close()
        except pypdfium2.PdfiumError as error:
            # PDFium may tell why it refused the file before this one.
            is_told = error.err_code != raw.FPDF_ERR_PASSWORD or b"/Encrypt" in data
            reason = _REASONS.get(error.err_code, _DAMAGED) if is_told else _DAMAGED
            raise DocumentError(name, reason) from None


_MOST_PAGES = 20_000
_MOST_ENTRIES = 5_000
_DEEPEST = 15
# Which of its numbers is the height, for each way of showing a place.
_TOPS = {raw.PDFDEST_VIEW_XYZ: 1, raw.PDFDEST_VIEW_FITH: 0, raw.PDFDEST_VIEW_FITBH: 0}
_UNREADABLE = regex.compile(r"[\p{Co}\p{Cn}\ufffd]")


@dataclass(frozen=True, slots=True)
class OutlineEntry:
    """A line of the outline: levels from 1, pages from 0; `top` is the height there, in points upward."""

    text: str
    level: int
    page: int
    top: float | None


@dataclass(frozen=True, slots=True)
class PdfContents:
    """What is taken from a file; `rows` are the identities of the lines that are rows of tables."""

    title: str
    outline: tuple[OutlineEntry, ...]
    labels: tuple[str, ...]
    pages: tuple[list[Line], ...]
    rows: frozenset[int]


def read(data: bytes, name: str) -> PdfContents:
    """Read a PDF file; pages that are only pictures have no lines. Raises DocumentError."""
    with open_pdf(data, name) as pdf:
        if len(pdf) > _MOST_PAGES:
            raise DocumentError(name, f"has more than {_MOST_PAGES} pages; split it")
        pages: list[list[Line]] = []
        rows: set[int] = set()
        left = MAX_DOCUMENT_CHARS
        for number in range(len(pdf)):
            found, of_tables = _page(pdf, number)
            pages.append(found)
            rows |= of_tables
            left -= sum(len(line.text) for line in found)
            if left < 0:
                most = MAX_DOCUMENT_CHARS // 2**20
                raise DocumentError(name, f"holds more than {most} million characters; split it")
        return PdfContents(
            title=_said(lambda: pdf.get_metadata_value("Title")),
            outline=tuple(_outline(pdf)),
            labels=tuple(_label(pdf, number) for number in range(len(pdf))),
            pages=tuple(pages),
            rows=frozenset(rows),
        )


def page_lines(pdf: pypdfium2.PdfDocument, number: int) -> tuple[list[Line], PageChars] | None:
    """Return the lines and characters of a page (counted from 0); none when it is damaged or empty."""
    try:
        leaf = PageChars(pdf[number])
    except pypdfium2.PdfiumError:
        return None
    found = lines(leaf)
    if found and not _is_unreadable(found):
        return found, leaf
    leaf.close()
    return None


def _page(pdf: pypdfium2.PdfDocument, number: int) -> tuple[list[Line], set[int]]:
    read = page_lines(pdf, number)
    if read is None:
        return [], set()
    found, leaf = read
    of_tables = {id(line) for line in tables.table_rows(leaf, found)}
    leaf.close()
    return found, of_tables


def _is_unreadable(found: Sequence[Line]) -> bool:
    """Return whether characters come from a font without a Unicode mapping."""
    text = "".join(line.text for line in found)
    return 2 * len(_UNREADABLE.findall(text)) > len(text)


def _label(pdf: pypdfium2.PdfDocument, number: int) -> str:
    return _said(lambda: pdf.get_page_label(number)) or str(number + 1)


def _outline(pdf: pypdfium2.PdfDocument) -> Iterator[OutlineEntry]:
    for count, mark in enumerate(pdf.get_toc(max_depth=_DEEPEST)):
        if count == _MOST_ENTRIES:
            return
        target = mark.get_dest()
        page = target.get_index() if target else None
        text = _said(mark.get_title)
        if text and page is not None and page < len(pdf):
            yield OutlineEntry(text, mark.level + 1, page, _top(target))


def _top(target: pypdfium2.PdfDest) -> float | None:
    mode, values = target.get_view()
    at = _TOPS.get(mode)
    return values[at] if at is not None and at < len(values) else None


def _said(get: Callable[[], str]) -> str:
    """Get a short text of the file, on one line; nothing when it is damaged."""
    try:
        text = get()
    except UnicodeDecodeError:
        return ""
    return " ".join("".join(" " if unicodedata.category(c)[0] == "C" else c for c in text).split())
