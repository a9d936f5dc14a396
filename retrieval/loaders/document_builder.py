"""Builds documents for formats whose files are not plain text."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import regex

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.heading_lines import HeadingLines, TextLine, find_headings
from retrieval.model import Document, Heading, LineMark, Page, Span, TableSpan, Unit
from retrieval.sentences import LEAD_IN_ENDINGS

# Compressed text, and column names repeated in each row, can be far larger than the file.
MAX_DOCUMENT_CHARS = 32 * 1024 * 1024
_MAX_TITLE_CHARS = 60
_SEPARATOR = "\n\n"
_MAX_TABLE_TITLE_CHARS = 250
# The title of a table may be followed by notes.
_MAX_LINES_AFTER_TITLE = 2
_TABLE_TITLE = regex.compile(
    r"(?:\p{L}{0,3}(?:table|tabelle|tableau|tab\.|tabla|tabela|tabella|cuadro|quadro|tablo|çizelge|таблица|таблиця)"
    r"|جدول|表|표)\s*:?\s*(?:\p{L}[.-]?)?\p{N}",
    regex.IGNORECASE,
)


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
        self._tables: list[TableSpan] = []
        # The blocks that begin in bold type, by their start, and how many characters are.
        self._bold: dict[int, int] = {}
        # The headings that may be the title; None: all.
        self._title_headings: list[Heading] | None = None
        # The texts of the last blocks below a heading.
        self._recent: list[str] = []

    def add_block(
        self,
        text: str,
        lines: Iterable[LineMark] = (),
        list_number: int = 0,
        *,
        pages: Iterable[Page] = (),
        bold_chars: int = 0,
    ) -> None:
        """Add a paragraph, stripped; a blank one is ignored.

        `lines` map its text to source lines, with offsets from the start of `text`. Consecutive blocks with
        the same non-zero `list_number` belong to one list or table. `pages` begin inside it, with offsets
        as those of `lines`. Its first `bold_chars` are in bold type.
        """
        span = self._add(text, lines)
        if span:
            bold = bold_chars - len(text) + len(text.lstrip())
            if bold > 0:
                self._bold[span.start] = min(bold, len(span))
            self._add_pages(span, len(text) - len(text.lstrip()), pages)
            self._blocks.append(span)
            self._recent = [*self._recent[-_MAX_LINES_AFTER_TITLE:], text.strip()]
            if list_number:
                start = self._lists.pop().start if list_number == self._list_number else span.start
                self._lists.append(Span(start, span.end))
            self._list_number = list_number

    def add_row(
        self, text: str, title: str = "", lines: Iterable[LineMark] = (), list_number: int = 0
    ) -> None:
        """Add a row of a table with the names of its columns, as a paragraph."""
        count = len(self._blocks)
        self.add_block(text, lines, list_number)
        if len(self._blocks) == count:
            return
        span = self._blocks[-1]
        last = self._tables[-1] if self._tables else None
        if last and count and last.span.end == self._blocks[-2].end and last.title == title:
            self._tables[-1] = TableSpan(Span(last.span.start, span.end), title)
        else:
            self._tables.append(TableSpan(span, title))

    def take_table_title(self) -> str:
        """Return the title of a table that begins here: one of the last blocks, if it looks like a title.

        It is a heading of the rows and cannot be quoted any more, unless it is a lead-in.
        """
        index, title = find_table_title(self._recent)
        if title and not is_lead_in(self._recent[index]):
            del self._blocks[index - len(self._recent)]
            self._recent = []
        return title

    def add_heading(self, text: str, level: int, lines: Iterable[LineMark] = ()) -> None:
        """Add a heading; a blank one is ignored."""
        self._list_number = 0
        self._recent = []
        span = self._add(text, lines)
        if span:
            self._headings.append(Heading(span, level, " ".join(text.split())))

    def find_headings(self) -> None:
        """Turn lines of blocks that look like headings into headings, if only a title is marked as one.

        Rows of tables, and items of lists unless they are bold, are never headings.
        """
        if not self._blocks or any(heading.span > self._blocks[0] for heading in self._headings):
            return
        text = _SEPARATOR.join(self._parts)
        places = [
            (number, Span(block.start + line.start, block.start + line.end))
            for number, block in enumerate(self._blocks)
            for line in _line_spans(block.of(text))
        ]
        inside = [*self._lists, *(table.span for table in self._tables)]
        starts, ends = sorted(span.start for span in inside), sorted(span.end for span in inside)
        covered = {
            number
            for number, block in enumerate(self._blocks)
            if self._bold_chars(number, block) < len(block)
            and bisect_right(starts, block.start) > bisect_right(ends, block.start)
        }
        heading_lines = find_headings(
            [
                TextLine(
                    "" if number in covered else span.of(text),
                    is_apart=span.start == self._blocks[number].start,
                    is_full=False,
                    bold_chars=self._bold_chars(number, span),
                )
                for number, span in places
            ]
        )
        lowest = max((heading.level for heading in self._headings), default=0)
        taken = {
            index for heading_line in heading_lines for index in range(heading_line.first, heading_line.end)
        }
        run_ins = {heading_line.first for heading_line in heading_lines if heading_line.run_in_chars}
        rest: list[Span] = []
        for index, (number, span) in enumerate(places):
            if index in taken:
                continue
            is_next = (
                index not in run_ins
                and index > 0
                and index - 1 not in taken
                and places[index - 1][0] == number
            )
            if is_next:
                rest[-1] = Span(rest[-1].start, span.end)
            else:
                rest.append(span)
        self._blocks = rest
        headings = [
            Heading(
                heading_line.span(places[heading_line.first][1], places[heading_line.last][1]),
                lowest + heading_line.level,
                heading_line.text,
            )
            for heading_line in heading_lines
        ]
        is_titled = bool(heading_lines) and _is_title(heading_lines[0])
        self._title_headings = [*self._headings, *(headings[:1] if is_titled else ())]
        self._headings += headings

    def _bold_chars(self, block: int, line: Span) -> int:
        """Return how many characters of a line of a block are in bold type at its start."""
        start = self._blocks[block].start
        return min(max(start + self._bold.get(start, 0) - line.start, 0), len(line))

    def add_unquotable(self, text: str, lines: Iterable[LineMark] = ()) -> None:
        """Add text that is not a block of its own, such as column names: it can be read but not quoted."""
        self._add(text, lines)

    @property
    def has_bold_starts(self) -> bool:
        """Whether several blocks begin in bold type."""
        return len(self._bold) > 1

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
            tables=tuple(self._tables),
        )

    def _first_heading(self) -> str | None:
        headings = self._headings if self._title_headings is None else self._title_headings
        return min(headings, key=lambda heading: heading.level).text if headings else None

    def _add(self, text: str, lines: Iterable[LineMark] = ()) -> Span | None:
        words = text.strip()
        if not words:
            return None
        start = self._end + len(_SEPARATOR) if self._end else 0
        self._end = start + len(words)
        if self._end > MAX_DOCUMENT_CHARS:
            raise too_long_error(self._name)
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


def too_long_error(name: str) -> DocumentError:
    """Return the error for a document with more than MAX_DOCUMENT_CHARS."""
    return DocumentError(
        name,
        f"has more than {MAX_DOCUMENT_CHARS // 2**20} million characters; split it",
        kind=ProblemKind.TOO_LARGE,
    )


def _line_spans(text: str) -> list[Span]:
    """Return the spans of the lines of a text that are not blank, stripped."""
    spans: list[Span] = []
    start = 0
    for line in text.split("\n"):
        if words := line.strip():
            first = start + line.index(words[0])
            spans.append(Span(first, first + len(words)))
        start += len(line) + 1
    return spans


def _is_title(heading: HeadingLines) -> bool:
    """Return whether a heading recognised by its look is the title of its document."""
    return heading.first == 0 and not (heading.is_numbered or heading.run_in_chars)


def find_table_title(before: Sequence[str]) -> tuple[int, str]:
    """Return the index of the title of a table among the texts before it, and the title; empty if none is.

    The last text may also be a lead-in.
    """
    for index, text in reversed(list(enumerate(before))):
        words = " ".join(text.split())
        is_last = index == len(before) - 1
        if index < len(before) - 1 - _MAX_LINES_AFTER_TITLE or len(words) > _MAX_TABLE_TITLE_CHARS:
            continue
        if (_TABLE_TITLE.match(words) and not words.endswith(".")) or (is_last and is_lead_in(words)):
            return index, words.rstrip(" :：﹕")
    return -1, ""


def is_lead_in(text: str) -> bool:
    return text.rstrip().endswith(LEAD_IN_ENDINGS)


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
