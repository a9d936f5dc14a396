"""Builds documents for formats whose files are not plain text, and formats table rows as text."""

from collections.abc import Iterable, Sequence

import regex

from retrieval.errors import DocumentError, ProblemKind
from retrieval.model.document import Document, Heading, LineMark, Page, Span, Unit

_MAX_COLUMN_NAME_CHARS = 100
# Text with a letter and without a leading digit, or a year; not a date, number or amount.
_COLUMN_NAME = regex.compile(r"(?=\D.*\p{L}|\p{L}).*|(?:19|20)\d\d")


def detect_column_names(first: Sequence[str], *, marked: bool = False) -> tuple[str, ...]:
    """Return the column names in a table's first row, or () if it does not hold names.

    A row that the document has `marked` as a header always does. In others every cell but the first must be
    filled, short, no number and unique, and there must be two or more.
    """
    names = tuple(" ".join(cell.split()) for cell in first)
    while names and not names[-1]:
        names = names[:-1]
    if marked:
        return tuple(name if len(name) <= _MAX_COLUMN_NAME_CHARS else "" for name in names)
    are_names = all(map(_is_column_name, names[1:])) and (
        not names or not names[0] or _is_column_name(names[0])
    )
    return names if len(set(names)) == len(names) > 1 and are_names else ()


def format_row(cells: Sequence[str], columns: Sequence[str] = ()) -> str:
    """Format a row as `name: cell` lines, or as `cell | cell` without names; empty cells are omitted."""
    filled = [(number, cell.strip()) for number, cell in enumerate(cells) if cell and not cell.isspace()]
    if not any(columns):
        return " | ".join(cell for _, cell in filled)
    return "\n".join(
        f"{columns[number]}: {cell}" if number < len(columns) and columns[number] else cell
        for number, cell in filled
    )


def _is_column_name(text: str) -> bool:
    return len(text) <= _MAX_COLUMN_NAME_CHARS and _COLUMN_NAME.fullmatch(text) is not None


# Compressed text, and column names repeated in each row, can be far larger than the file.
MAX_DOCUMENT_CHARS = 32 * 1024 * 1024
_MAX_TITLE_CHARS = 60
_SEPARATOR = "\n\n"


class DocumentBuilder:
    """Collects blocks and headings into one text, with an empty line between them.

    Raises DocumentError when the text exceeds MAX_DOCUMENT_CHARS.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._parts: list[str] = []
        self._end = 0
        self._blocks: list[Span] = []
        self._headings: list[Heading] = []
        self._pages: list[Page] = []
        self._lines: list[LineMark] = []
        self._lists: list[Span] = []
        self._list_number = 0

    def add_block(
        self,
        text: str,
        lines: Iterable[LineMark] = (),
        list_number: int = 0,
        *,
        pages: Iterable[Page] = (),
    ) -> None:
        """Add a paragraph, stripped; a blank one is ignored.

        `lines` map its text to source lines, with offsets from the start of `text`. Consecutive blocks with
        the same non-zero `list_number` belong to one list or table. `pages` begin inside it, with offsets
        as those of `lines`.
        """
        span = self._add(text, lines)
        if span:
            self._add_pages(span, len(text) - len(text.lstrip()), pages)
            self._blocks.append(span)
            if list_number:
                start = self._lists.pop().start if list_number == self._list_number else span.start
                self._lists.append(Span(start, span.end))
            self._list_number = list_number

    def add_heading(self, text: str, level: int, lines: Iterable[LineMark] = ()) -> None:
        """Add a heading; a blank one is ignored."""
        self._list_number = 0
        span = self._add(text, lines)
        if span:
            self._headings.append(Heading(span, level, " ".join(text.split())))

    def add_unquotable(self, text: str, lines: Iterable[LineMark] = ()) -> None:
        """Add text that is not a block of its own, such as column names: it can be read but not quoted."""
        self._add(text, lines)

    @property
    def has_headings(self) -> bool:
        return bool(self._headings)

    def begin_page(self, label: str) -> None:
        """Begin a page, slide, row or chapter; one without text is dropped."""
        self._list_number = 0
        start = self._end + len(_SEPARATOR) if self._end else 0
        if self._pages and self._pages[-1].start == start:
            self._pages.pop()
        self._pages.append(Page(start, label))

    def build(self, title: str | None = None, unit: Unit = "paragraph") -> Document:
        """Return the document; its title defaults to the first of the highest headings or the first words."""
        text = _SEPARATOR.join(self._parts)
        pages = tuple(page for page in self._pages if page.start < self._end)
        return Document(
            name=self._name,
            title=" ".join((title or "").split())
            or self._first_heading()
            or title_from_opening(text)
            or self._name,
            text=text,
            blocks=tuple(self._blocks),
            headings=tuple(self._headings),
            pages=pages,
            unit=unit,
            lines=tuple(self._lines),
            lists=tuple(self._lists),
        )

    def _first_heading(self) -> str | None:
        return min(self._headings, key=lambda heading: heading.level).text if self._headings else None

    def _add(self, text: str, lines: Iterable[LineMark] = ()) -> Span | None:
        words = text.strip()
        if not words:
            return None
        start = self._end + len(_SEPARATOR) if self._end else 0
        self._end = start + len(words)
        if self._end > MAX_DOCUMENT_CHARS:
            raise DocumentError(
                self._name,
                f"holds more than {MAX_DOCUMENT_CHARS // 2**20} million characters; split it",
                kind=ProblemKind.TOO_LARGE,
            )
        self._parts.append(words)
        self._add_line_marks(start, len(text) - len(text.lstrip()), lines)
        return Span(start, self._end)

    def _add_pages(self, span: Span, stripped: int, pages: Iterable[Page]) -> None:
        for page in pages:
            start = span.start + max(page.start - stripped, 0)
            if start < span.end and not (self._pages and self._pages[-1].start >= start):
                self._pages.append(Page(start, page.label))

    def _add_line_marks(self, start: int, stripped: int, lines: Iterable[LineMark]) -> None:
        for mark in lines:
            shifted = LineMark(start + max(mark.start - stripped, 0), mark.line)
            if shifted.start >= self._end:
                break
            if self._lines and self._lines[-1].start == shifted.start:
                self._lines.pop()
            if not self._lines or self._lines[-1].line != shifted.line:
                self._lines.append(shifted)


def add_sheet(builder: DocumentBuilder, title: str, rows: list[tuple[str, list[str]]]) -> None:
    """Add the rows of a sheet, with their numbers, below its title; the first of two cells names columns."""
    if rows:
        builder.add_heading(title, 1)
    columns: tuple[str, ...] | None = None
    for number, cells in rows:
        if columns is None and sum(map(bool, cells)) > 1:
            columns = detect_column_names(cells) if number != rows[-1][0] else ()
            if columns:
                builder.add_unquotable(format_row(cells))
                continue
        builder.begin_page(number)
        builder.add_block(format_row(cells, columns or ()))


def title_from_name(name: str) -> str:
    """Return the file name without folder and suffix, for formats whose first words make no title."""
    return name.rpartition("/")[2].rpartition(".")[0]


def title_from_opening(text: str) -> str:
    """Return the first words of a text, at most 60 characters, as a title."""
    line = " ".join(text[: 10 * _MAX_TITLE_CHARS].lstrip().split("\n", 1)[0].split())
    if len(line) <= _MAX_TITLE_CHARS:
        return line.rstrip(" ,;:–-") or line
    cut = line.rfind(" ", 1, _MAX_TITLE_CHARS)
    return line[: cut if cut > 0 else _MAX_TITLE_CHARS].rstrip(" ,;:–-") + "…"
