"""Builds a Document for formats whose files are not text, and the text of table rows in it."""

from collections.abc import Iterable, Sequence

import regex

from retrieval.errors import DocumentError
from retrieval.model import Document, Heading, LineMark, Page, Span, Unit

_LONGEST_NAME = 100
# A word, or a year; not a date, a number or a sum.
_NAME = regex.compile(r"(?=\D.*\p{L}|\p{L}).*|(?:19|20)\d\d")


def column_names(first: Sequence[str], *, marked: bool = False) -> tuple[str, ...]:
    """Take a table's first row for the names of its columns, or give none.

    Unless the document has marked it as such, every cell but the first must be filled, short, no number, and
    unlike the others; and one column alone needs no name.
    """
    found = tuple(" ".join(cell.split()) for cell in first)
    while found and not found[-1]:
        found = found[:-1]
    if marked:
        return tuple(name if len(name) <= _LONGEST_NAME else "" for name in found)
    are_names = all(map(_is_name, found[1:])) and (not found or not found[0] or _is_name(found[0]))
    return found if len(set(found)) == len(found) > 1 and are_names else ()


def row_text(cells: Sequence[str], columns: Sequence[str] = ()) -> str:
    """Set a row as `name: cell` lines, or as `cell | cell` without names; empty cells are left out."""
    held = [(number, cell.strip()) for number, cell in enumerate(cells) if cell and not cell.isspace()]
    if not any(columns):
        return " | ".join(cell for _, cell in held)
    return "\n".join(
        f"{columns[number]}: {cell}" if number < len(columns) and columns[number] else cell
        for number, cell in held
    )


def _is_name(text: str) -> bool:
    return len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None


# What is unpacked, or repeated from row to row, may be far more than the file.
MOST_CHARACTERS = 32 * 1024 * 1024
_TITLE_CHARS = 60
_BETWEEN = "\n\n"


class DocumentBuilder:
    """Puts blocks and headings one below the other, an empty line between them.

    Raises DocumentError when they are more than MOST_CHARACTERS.
    """

    def __init__(self, name: str) -> None:
        """Begin the document of this name."""
        self._name = name
        self._parts: list[str] = []
        self._end = 0
        self._blocks: list[Span] = []
        self._headings: list[Heading] = []
        self._pages: list[Page] = []
        self._lines: list[LineMark] = []
        self._lists: list[Span] = []
        self._list = 0

    def block(self, text: str, lines: Iterable[LineMark] = (), in_list: int = 0) -> None:
        """Add a paragraph, space at its ends left out; a blank one is none.

        `lines` say which lines of the source its parts are from; their offsets are from its start. Blocks
        after each other with the same `in_list`, but 0, are of one list or table.
        """
        span = self._add(text, lines)
        if span:
            self._blocks.append(span)
            if in_list:
                start = self._lists.pop().start if in_list == self._list else span.start
                self._lists.append(Span(start, span.end))
            self._list = in_list

    def heading(self, text: str, level: int, lines: Iterable[LineMark] = ()) -> None:
        """Add a heading; a blank one is none."""
        self._list = 0
        span = self._add(text, lines)
        if span:
            self._headings.append(Heading(span, level, " ".join(text.split())))

    def aside(self, text: str, lines: Iterable[LineMark] = ()) -> None:
        """Add what belongs to the text and says nothing by itself, such as the names of columns."""
        self._add(text, lines)

    def page(self, label: str) -> None:
        """Begin a page, slide, row or chapter; one without text is none."""
        self._list = 0
        start = self._end + len(_BETWEEN) if self._end else 0
        if self._pages and self._pages[-1].start == start:
            self._pages.pop()
        self._pages.append(Page(start, label))

    def document(self, title: str | None = None, unit: Unit = "paragraph") -> Document:
        """Finish; without a title it is the first heading of the highest level, or the first words."""
        text = _BETWEEN.join(self._parts)
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
        start = self._end + len(_BETWEEN) if self._end else 0
        self._end = start + len(words)
        if self._end > MOST_CHARACTERS:
            raise DocumentError(
                self._name, f"holds more than {MOST_CHARACTERS // 2**20} million characters; split it"
            )
        self._parts.append(words)
        self._mark(start, len(text) - len(text.lstrip()), lines)
        return Span(start, self._end)

    def _mark(self, start: int, left_out: int, lines: Iterable[LineMark]) -> None:
        for mark in lines:
            own = LineMark(start + max(mark.start - left_out, 0), mark.line)
            if own.start >= self._end:
                break
            if self._lines and self._lines[-1].start == own.start:
                self._lines.pop()
            if not self._lines or self._lines[-1].line != own.line:
                self._lines.append(own)


def title_from_opening(text: str) -> str:
    """Take a text's first words, for a document that has no title."""
    line = " ".join(text[: 10 * _TITLE_CHARS].lstrip().split("\n", 1)[0].split())
    if len(line) <= _TITLE_CHARS:
        return line.rstrip(" ,;:–-") or line
    cut = line.rfind(" ", 1, _TITLE_CHARS)
    return line[: cut if cut > 0 else _TITLE_CHARS].rstrip(" ,;:–-") + "…"
