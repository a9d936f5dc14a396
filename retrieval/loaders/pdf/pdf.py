"""PDF files: reads them page by page, and makes a Document of their paragraphs, headings and page labels.

Paragraphs continue across lines, columns and pages. Headings are those of the outline, else paragraphs in
larger type, else lines that look like headings.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pypdfium2
import regex
from pypdfium2 import raw

from retrieval.errors import DocumentError, ProblemKind
from retrieval.language import detect
from retrieval.loaders.document_builder import (
    MAX_DOCUMENT_CHARS,
    find_table_title,
    is_lead_in,
    title_from_opening,
)
from retrieval.loaders.heading_lines import HeadingLines
from retrieval.loaders.pdf import page_tables
from retrieval.loaders.pdf.annotations import annotation_texts
from retrieval.loaders.pdf.characters import PageChars, open_pdf
from retrieval.loaders.pdf.lines_and_columns import Line, extract_lines
from retrieval.loaders.pdf.paragraphs import (
    Dehyphenator,
    OutlineEntry,
    Paragraph,
    PlacedLine,
    Typography,
    build_paragraphs,
    continues_paragraph,
    has_large_headings,
    join_lines,
    place_outline,
    split_at_headings,
    strip_headers_footers,
    usual_typography,
)
from retrieval.loaders.pdf.ruled_tables import RuledTable
from retrieval.loaders.pdf.scans import is_scanned, scanned_lines
from retrieval.model import Document, Heading, Page, ScanMark, Span, TableSpan
from retrieval.ocr import tesseract
from retrieval.ocr.scanned_page import ScannedPage
from retrieval.sentences import pieces

_MAX_PAGES = 20_000
_MAX_OUTLINE_ENTRIES = 5_000
# Of which a picture of a page looks for the names of columns.
_MAX_PAGES_OF_TABLE = 30
_MAX_OUTLINE_DEPTH = 15
# The index of the y position among the parameters of each kind of target.
_TOP_INDEX = {raw.PDFDEST_VIEW_XYZ: 1, raw.PDFDEST_VIEW_FITH: 0, raw.PDFDEST_VIEW_FITBH: 0}
_UNREADABLE = regex.compile(r"[\p{Co}\p{Cn}\ufffd]")


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
                    f"has more than {millions} million characters; split it",
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
    table = page_tables.last_ruled_table(page_tables.find_tables(chars, all_lines, above))
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
    tables = page_tables.find_tables(chars, all_lines, above)
    rest = page_tables.lines_outside(all_lines, tables)
    table_rows = {id(line) for line in page_tables.find_table_rows(chars, rest)}
    chars.close()
    with_rows = page_tables.replace_tables(all_lines, tables)
    return with_rows, table_rows, texts, page_tables.last_ruled_table(tables)


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
    position = _TOP_INDEX.get(mode)
    return values[position] if position is not None and position < len(values) else None


def _read_text(get: Callable[[], str]) -> str:
    """Return a string of the file on one line; empty when it cannot be decoded."""
    try:
        text = get()
    except UnicodeDecodeError:
        return ""
    return " ".join("".join(" " if unicodedata.category(c)[0] == "C" else c for c in text).split())


NO_TEXT = "contains no text, only pictures without text that could be read: scan it again, or remove it"
_PARAGRAPH_BREAK = "\n\n"
_MAX_TITLE_CHARS = 200
_MAX_LEVELS = 6
_MAX_PARAGRAPHS_FROM_TITLE = 3
# An outline with a single entry is a title.
_MIN_OUTLINE_ENTRIES = 2
# Sentences are not split by length.
_UNLIMITED_CHARS = 2**30
_LANGUAGE_SAMPLE_CHARS = 20_000
# Default titles of programs.
_NO_TITLE = regex.compile(
    r".*\.(?:docx?|odt|rtf|tex|dvi|indd|qxp|pptx?|xlsx?|pdf|html?|txt)|(?:un)?titled.*|microsoft \w+ - .*"
    r"|document\d*|\P{L}*",
    regex.IGNORECASE,
)
_LEADER_CHARS, _MIN_LEADER_DOTS = 24, 2
_CONTENTS_ENTRY = regex.compile(r"(?:[.·_]\s?){4,}\s*+[\p{N}ivxlcdm-]*$|…{2,}\s*+[\p{N}ivxlcdm-]*$")


def load(data: bytes, name: str, scans: Mapping[int, ScannedPage] | None = None) -> Document:
    """Read a .pdf file; the title is that of its properties, else its first heading, else its first words.

    `scans` are the pages that OCR has read, None without OCR.
    """
    book = read_pdf(data, name, scans)
    if scans is None and not any(book.pages) and not any(book.annotations):
        raise DocumentError(name, tesseract.MISSING, kind=ProblemKind.PICTURES)
    return build(book, name)


def build(book: PdfContents, name: str) -> Document:
    """Return the document of a file's contents. It has no blocks if all its pages wait for OCR."""
    if not any(book.pages) and not any(book.annotations):
        if not book.unread_pages:
            raise DocumentError(name, NO_TEXT, kind=ProblemKind.PICTURES)
        return Document(name, book.title or name, "", (), unit="page", unread_pages=book.unread_pages)
    page_lines = strip_headers_footers(book.pages, book.labels)
    placed, anchors = place_outline(
        [
            [PlacedLine(line, number, id(line) in book.rows) for line in page if not _is_contents(line)]
            for number, page in enumerate(page_lines)
        ],
        book.outline,
    )
    typography = usual_typography(page_lines)
    by_page = (
        _with_annotations(build_paragraphs(page, typography), texts, number)
        for number, (page, texts) in enumerate(zip(placed, book.annotations, strict=True))
    )
    whole = list(_join_over_pages(by_page))
    by_paragraph: dict[int, HeadingLines] = {}
    if len(book.outline) < _MIN_OUTLINE_ENTRIES and not has_large_headings(whole, typography):
        whole, by_paragraph = split_at_headings(whole)
    return _PdfBuilder(whole).build(name, book, typography, anchors, by_paragraph)


def _with_annotations(page: list[Paragraph], texts: Sequence[str], number: int) -> list[Paragraph]:
    """Return the paragraphs of a page followed by the texts of its annotations.

    A last paragraph that may continue on the next page stays the last.
    """
    noted = [
        Paragraph((PlacedLine(Line(text, [-1] * len(text), 0, 0, 0, 0), number),), (), is_open=False)
        for text in texts
    ]
    end = len(page) - 1 if len(page) > 1 and page[-1].is_open else len(page)
    return [*page[:end], *noted, *page[end:]]


def _is_contents(line: Line) -> bool:
    """Return whether a line is an entry of a table of contents, with dots leading to a page number."""
    end = line.text[-_LEADER_CHARS:]
    return sum(map(end.count, ".…·_")) >= _MIN_LEADER_DOTS and _CONTENTS_ENTRY.search(end) is not None


def _join_over_pages(by_page: Iterable[list[Paragraph]]) -> Iterator[Paragraph]:
    """Join paragraphs that continue on the next page."""
    last: Paragraph | None = None
    for page in by_page:
        for paragraph in page:
            if last is None:
                last = paragraph
            elif last.lines[-1].page != paragraph.lines[0].page and continues_paragraph(last, paragraph):
                last = join_lines(last, paragraph)
            else:
                yield last
                last = paragraph
    if last is not None:
        yield last


class _PdfBuilder:
    """The text of a document, and the offset of each line and paragraph in it."""

    def __init__(self, whole: Sequence[Paragraph]) -> None:
        self._whole = whole
        self._words = Dehyphenator(placed.line.text for paragraph in whole for placed in paragraph.lines)
        self._parts: list[str] = []
        self._length = 0
        self._lines: dict[int, int] = {}
        self._starts: dict[int, int] = {}
        self._spans = [self._write(paragraph) for paragraph in whole]
        self.text = "".join(self._parts)

    def build(
        self,
        name: str,
        book: PdfContents,
        typography: Typography,
        anchors: Mapping[int, PlacedLine],
        by_paragraph: Mapping[int, HeadingLines],
    ) -> Document:
        """Return the document; `by_paragraph` are the paragraphs that look like headings by their words."""
        headings, left_out = self._headings(book, typography, anchors)
        if by_paragraph:
            headings, left_out = self._with_headings_by_words(headings, left_out, by_paragraph)
        tables, titles = self._tables()
        left_out |= titles
        language = detect(self.text[:_LANGUAGE_SAMPLE_CHARS])
        blocks = tuple(
            block
            for number, span in enumerate(self._spans)
            if number not in left_out
            for block in self._split_at_pages(self._whole[number], span, language)
        )
        return Document(
            name=name,
            title=self._title(book, typography, headings, by_paragraph)
            or title_from_opening(self.text)
            or name,
            text=self.text,
            blocks=blocks or tuple(self._spans),
            headings=headings,
            pages=self._pages(book.labels),
            unit="page",
            scan=self._scan_marks(book.scan_marks) if book.scan_marks else (),
            scanned_pages=book.scanned_pages,
            unread_pages=book.unread_pages,
            tables=tuple(tables),
        )

    def _tables(self) -> tuple[list[TableSpan], set[int]]:
        """Return each row of a table with the title above the table, and the paragraphs that are titles."""
        tables: list[TableSpan] = []
        titles: set[int] = set()
        title, is_in_table = "", False
        for number, paragraph in enumerate(self._whole):
            is_row = paragraph.lines[0].line.is_laid_out
            if is_row and not is_in_table:
                first = max(0, number - _MAX_PARAGRAPHS_FROM_TITLE)
                texts = [span.of(self.text) for span in self._spans[first:number]]
                index, title = find_table_title(texts)
                if title and not is_lead_in(texts[index]):
                    titles.add(first + index)
            is_in_table = is_row
            if is_row:
                tables.append(TableSpan(self._spans[number], title))
        return tables, titles

    def _write(self, paragraph: Paragraph) -> Span:
        """Append a paragraph with hyphenated words joined, and return its span."""
        if self._parts:
            self._add(_PARAGRAPH_BREAK)
        start = self._length
        text = paragraph.lines[0].line.text
        for index, placed in enumerate(paragraph.lines):
            self._lines[id(placed.line)] = self._length
            self._starts.setdefault(placed.page, self._length)
            between = ""
            after = paragraph.lines[index + 1].line.text if index + 1 < len(paragraph.lines) else ""
            if after and paragraph.joints[index] == " ":
                text, between = self._words.join(text, after)
            elif after:
                between = paragraph.joints[index]
            self._add(text + between)
            text = after
        return Span(start, self._length)

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def _scan_marks(self, by_line: Mapping[int, Sequence[ScanMark]]) -> tuple[ScanMark, ...]:
        """Return the marks of words that OCR has read; other lines begin with a mark without confidence."""
        return tuple(
            ScanMark(start + mark.start, mark.confidence)
            for line, start in sorted(self._lines.items(), key=lambda item: item[1])
            for mark in by_line.get(line, (ScanMark(0, None),))
        )

    def _pages(self, labels: Sequence[str]) -> tuple[Page, ...]:
        """Return all pages of the file; an empty page starts where the next one does."""
        start, pages = len(self.text), []
        for number in range(len(labels) - 1, -1, -1):
            start = min(start, self._starts.get(number, start))
            pages.append(Page(start, labels[number]))
        return tuple(pages[::-1])

    def _split_at_pages(self, paragraph: Paragraph, span: Span, language: str) -> Iterator[Span]:
        """Split a paragraph after sentences that cross a page break: a quote has the page where it begins."""
        start = span.start
        numbers = sorted({placed.page for placed in paragraph.lines})
        for number in numbers[1:]:
            turn = self._starts[number]
            for piece in pieces(self.text[start : span.end], language, _UNLIMITED_CHARS):
                if start + piece.end > turn:
                    yield Span(start, start + piece.end)
                    start += piece.end
                    break
            start += len(self.text[start : span.end]) - len(self.text[start : span.end].lstrip())
        if start < span.end:
            yield Span(start, span.end)

    # Headings

    def _headings(
        self, book: PdfContents, typography: Typography, anchors: Mapping[int, PlacedLine]
    ) -> tuple[tuple[Heading, ...], set[int]]:
        """Return the headings, and the numbers of the paragraphs that became headings."""
        if len(book.outline) < _MIN_OUTLINE_ENTRIES:
            return self._large_headings(typography)
        entries = {n: p.heading for n, p in enumerate(self._whole) if p.heading is not None}
        spans = [(self._spans[number], entry) for number, entry in entries.items()]
        spans += [(self._line_span(placed.line), entry) for entry, placed in anchors.items()]
        spans.sort(key=lambda pair: (pair[0].start, pair[1]))
        headings = tuple(
            Heading(span, book.outline[index].level, book.outline[index].text) for span, index in spans
        )
        return headings, entries.keys() | self._title_paragraphs(typography)

    def _title_paragraphs(self, typography: Typography) -> set[int]:
        """Return the largest paragraphs of the first page: a title is not a quote."""
        first = min(self._starts, default=0)
        large = {
            number: _size(paragraph)
            for number, paragraph in enumerate(self._whole)
            if paragraph.lines[0].page == first and typography.is_large(paragraph)
        }
        return {number for number, size in large.items() if size == max(large.values())}

    def _line_span(self, line: Line) -> Span:
        start = self._lines[id(line)]
        return Span(start, start + len(line.text))

    def _large_headings(self, typography: Typography) -> tuple[tuple[Heading, ...], set[int]]:
        """Return paragraphs in larger type as headings; the larger, the higher their level."""
        large = {n: p for n, p in enumerate(self._whole) if typography.is_large(p)}
        sizes = sorted({_size(paragraph) for paragraph in large.values()}, reverse=True)[:_MAX_LEVELS]
        levels = {n: sizes.index(_size(p)) + 1 for n, p in large.items() if _size(p) in sizes}
        return tuple(
            Heading(self._spans[number], level, " ".join(self._spans[number].of(self.text).split()))
            for number, level in levels.items()
        ), set(levels)

    def _with_headings_by_words(
        self, large: Sequence[Heading], left_out: set[int], by_paragraph: Mapping[int, HeadingLines]
    ) -> tuple[tuple[Heading, ...], set[int]]:
        """Return the headings in larger type and, below them, those recognised by their words."""
        lowest = max((heading.level for heading in large), default=0)
        spans = {heading.span for heading in large}
        headings_by_words = [
            Heading(
                heading_line.span(self._spans[number], self._spans[number]),
                lowest + heading_line.level,
                heading_line.text,
            )
            for number, heading_line in by_paragraph.items()
            if self._spans[number] not in spans
        ]
        headings = sorted([*large, *headings_by_words], key=lambda heading: heading.span)
        return tuple(headings), left_out | {
            n for n, heading_line in by_paragraph.items() if not heading_line.run_in_chars
        }

    def _title(
        self,
        book: PdfContents,
        typography: Typography,
        headings: Sequence[Heading],
        by_paragraph: Mapping[int, HeadingLines],
    ) -> str | None:
        if len(book.title) <= _MAX_TITLE_CHARS and not _NO_TITLE.fullmatch(book.title):
            return book.title
        largest = self._title_paragraphs(typography)
        if largest:
            return " ".join(self._spans[min(largest)].of(self.text).split())
        if by_paragraph and (0 not in by_paragraph or by_paragraph[0].is_numbered):
            return None
        return min(headings, key=lambda heading: heading.level).text if headings else None


def _size(paragraph: Paragraph) -> int:
    return round(max(placed.line.height for placed in paragraph.lines))
