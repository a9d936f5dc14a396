"""What a PDF file holds: its pages with their labels and lines, its outline, its title."""

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pypdfium2
import regex
from pypdfium2 import raw

from retrieval.errors import DocumentError
from retrieval.loading import grid
from retrieval.loading.draft import MOST_CHARACTERS
from retrieval.loading.leaf import Leaf
from retrieval.loading.lines import Line, lines
from retrieval.loading.pdfium import opened

_MOST_PAGES = 20_000
_MOST_ENTRIES = 5_000
_DEEPEST = 15
# Which of its numbers is the height, for each way of showing a place.
_TOPS = {raw.PDFDEST_VIEW_XYZ: 1, raw.PDFDEST_VIEW_FITH: 0, raw.PDFDEST_VIEW_FITBH: 0}
_UNREADABLE = regex.compile(r"[\p{Co}\p{Cn}\ufffd]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the outline: levels from 1, pages from 0; `top` is the height there, in points upward."""

    text: str
    level: int
    page: int
    top: float | None


@dataclass(frozen=True, slots=True)
class Book:
    """What is taken from a file; `rows` are the identities of the lines that are rows of tables."""

    title: str
    outline: tuple[Entry, ...]
    labels: tuple[str, ...]
    pages: tuple[list[Line], ...]
    rows: frozenset[int]


def read(data: bytes, name: str) -> Book:
    """Read a PDF file; pages that are only pictures have no lines. Raises DocumentError."""
    with opened(data, name) as pdf:
        if len(pdf) > _MOST_PAGES:
            raise DocumentError(name, f"has more than {_MOST_PAGES} pages; split it")
        pages: list[list[Line]] = []
        rows: set[int] = set()
        left = MOST_CHARACTERS
        for number in range(len(pdf)):
            found, of_tables = _page(pdf, number)
            pages.append(found)
            rows |= of_tables
            left -= sum(len(line.text) for line in found)
            if left < 0:
                most = MOST_CHARACTERS // 2**20
                raise DocumentError(name, f"holds more than {most} million characters; split it")
        return Book(
            title=_said(lambda: pdf.get_metadata_value("Title")),
            outline=tuple(_outline(pdf)),
            labels=tuple(_label(pdf, number) for number in range(len(pdf))),
            pages=tuple(pages),
            rows=frozenset(rows),
        )


def page_lines(pdf: pypdfium2.PdfDocument, number: int) -> tuple[list[Line], Leaf] | None:
    """Give the lines of a page (from 0) and its characters; nothing of one that is damaged or has no text."""
    try:
        leaf = Leaf(pdf[number])
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
    of_tables = {id(line) for line in grid.rows(leaf, found)}
    leaf.close()
    return found, of_tables


def _is_unreadable(found: Sequence[Line]) -> bool:
    """Tell letters of a font that does not say which they are."""
    text = "".join(line.text for line in found)
    return 2 * len(_UNREADABLE.findall(text)) > len(text)


def _label(pdf: pypdfium2.PdfDocument, number: int) -> str:
    return _said(lambda: pdf.get_page_label(number)) or str(number + 1)


def _outline(pdf: pypdfium2.PdfDocument) -> Iterator[Entry]:
    for count, mark in enumerate(pdf.get_toc(max_depth=_DEEPEST)):
        if count == _MOST_ENTRIES:
            return
        target = mark.get_dest()
        page = target.get_index() if target else None
        text = _said(mark.get_title)
        if text and page is not None and page < len(pdf):
            yield Entry(text, mark.level + 1, page, _top(target))


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
