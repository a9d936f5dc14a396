"""PDF files: paragraphs over lines, columns and pages, headings by the outline, pages by their labels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import regex

from retrieval.errors import DocumentError
from retrieval.language import detect
from retrieval.loaders.document_builder import title_from_opening
from retrieval.loaders.pdf import outline, reader
from retrieval.loaders.pdf.headers_footers import strip_headers_footers
from retrieval.loaders.pdf.lines import Line
from retrieval.loaders.pdf.paragraphs import (
    Dehyphenator,
    Paragraph,
    PlacedLine,
    Typography,
    continues_paragraph,
    join_lines,
    paragraphs,
    usual_typography,
)
from retrieval.model import Document, Heading, Page, Span
from retrieval.sentences import pieces

_BETWEEN = "\n\n"
_MOST_TITLE = 200
_MOST_LEVELS = 6
# An outline of one line is a title.
_FEWEST_ENTRIES = 2
# A sentence is never parted by this.
_ANY_LENGTH = 2**30
_SAMPLE = 20_000
# What programs put where a title should be.
_NO_TITLE = regex.compile(
    r".*\.(?:docx?|odt|rtf|tex|dvi|indd|qxp|pptx?|xlsx?|pdf|html?|txt)|(?:un)?titled.*|microsoft \w+ - .*"
    r"|document\d*|\P{L}*",
    regex.IGNORECASE,
)
_LEADERS, _FEWEST_DOTS = 24, 2
_CONTENTS = regex.compile(r"(?:[.·_]\s?){4,}\s*+[\p{N}ivxlcdm-]*$|…{2,}\s*+[\p{N}ivxlcdm-]*$")


def load(data: bytes, name: str) -> Document:
    """Read a .pdf file; the title is that of its properties, else its first heading, else its first words."""
    book = reader.read(data, name)
    if not any(book.pages):
        raise DocumentError(name, "holds no text, only pictures: have it read by OCR (ocrmypdf) first")
    kept = strip_headers_footers(book.pages, book.labels)
    placed, anchors = outline.place_outline(
        [
            [PlacedLine(line, number, id(line) in book.rows) for line in page if not _is_contents(line)]
            for number, page in enumerate(kept)
        ],
        book.outline,
    )
    own = usual_typography(kept)
    whole = list(_over_pages(paragraphs(page, own) for page in placed))
    return _PdfBuilder(whole).document(name, book, own, anchors)


def _is_contents(line: Line) -> bool:
    """Return whether a line is an entry of a table of contents, with dots leading to a page number."""
    end = line.text[-_LEADERS:]
    return sum(map(end.count, ".…·_")) >= _FEWEST_DOTS and _CONTENTS.search(end) is not None


def _over_pages(by_page: Iterable[list[Paragraph]]) -> Iterator[Paragraph]:
    """Join what goes on over a page."""
    last: Paragraph | None = None
    for found in by_page:
        for paragraph in found:
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
    """The text of a document, and where in it each line and paragraph stands."""

    def __init__(self, whole: Sequence[Paragraph]) -> None:
        self._whole = whole
        self._words = Dehyphenator(placed.line.text for paragraph in whole for placed in paragraph.lines)
        self._parts: list[str] = []
        self._length = 0
        self._lines: dict[int, int] = {}
        self._starts: dict[int, int] = {}
        self._spans = [self._write(paragraph) for paragraph in whole]
        self.text = "".join(self._parts)

    def document(
        self, name: str, book: reader.PdfContents, own: Typography, anchors: Mapping[int, PlacedLine]
    ) -> Document:
        headings, left_out = self._headings(book, own, anchors)
        language = detect(self.text[:_SAMPLE])
        blocks = tuple(
            block
            for number, span in enumerate(self._spans)
            if number not in left_out
            for block in self._by_page(self._whole[number], span, language)
        )
        return Document(
            name=name,
            title=self._title(book, own, headings) or title_from_opening(self.text) or name,
            text=self.text,
            blocks=blocks or tuple(self._spans),
            headings=headings,
            pages=self._pages(book.labels),
            unit="page",
        )

    def _write(self, paragraph: Paragraph) -> Span:
        """Put a paragraph below the last, the words that its lines part joined."""
        if self._parts:
            self._add(_BETWEEN)
        start = self._length
        text = paragraph.lines[0].line.text
        for at, placed in enumerate(paragraph.lines):
            self._lines[id(placed.line)] = self._length
            self._starts.setdefault(placed.page, self._length)
            between = ""
            after = paragraph.lines[at + 1].line.text if at + 1 < len(paragraph.lines) else ""
            if after and paragraph.joints[at] == " ":
                text, between = self._words.join(text, after)
            elif after:
                between = paragraph.joints[at]
            self._add(text + between)
            text = after
        return Span(start, self._length)

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def _pages(self, labels: Sequence[str]) -> tuple[Page, ...]:
        """Return every page of the file, to count them; an empty one starts where the next does."""
        start, found = len(self.text), []
        for number in range(len(labels) - 1, -1, -1):
            start = min(start, self._starts.get(number, start))
            found.append(Page(start, labels[number]))
        return tuple(found[::-1])

    def _by_page(self, paragraph: Paragraph, span: Span, language: str) -> Iterator[Span]:
        """Part a paragraph after the sentence that goes on over a page: a quote is where it begins."""
        start = span.start
        numbers = sorted({placed.page for placed in paragraph.lines})
        for number in numbers[1:]:
            turn = self._starts[number]
            for piece in pieces(self.text[start : span.end], language, _ANY_LENGTH):
                if start + piece.end > turn:
                    yield Span(start, start + piece.end)
                    start += piece.end
                    break
            start += len(self.text[start : span.end]) - len(self.text[start : span.end].lstrip())
        if start < span.end:
            yield Span(start, span.end)

    # Headings

    def _headings(
        self, book: reader.PdfContents, own: Typography, anchors: Mapping[int, PlacedLine]
    ) -> tuple[tuple[Heading, ...], set[int]]:
        """Return the headings, and the numbers of the paragraphs that became headings."""
        if len(book.outline) < _FEWEST_ENTRIES:
            return self._large(own)
        entries = {n: p.heading for n, p in enumerate(self._whole) if p.heading is not None}
        spans = [(self._spans[number], entry) for number, entry in entries.items()]
        spans += [(self._anchor(placed.line), entry) for entry, placed in anchors.items()]
        spans.sort(key=lambda pair: (pair[0].start, pair[1]))
        headings = tuple(Heading(span, book.outline[at].level, book.outline[at].text) for span, at in spans)
        return headings, entries.keys() | self._titles(own)

    def _titles(self, own: Typography) -> set[int]:
        """Find what is set largest on the first page: a title says nothing by itself."""
        first = min(self._starts, default=0)
        large = {
            number: _size(paragraph)
            for number, paragraph in enumerate(self._whole)
            if paragraph.lines[0].page == first and own.is_large(paragraph)
        }
        return {number for number, size in large.items() if size == max(large.values())}

    def _anchor(self, line: Line) -> Span:
        start = self._lines[id(line)]
        return Span(start, start + len(line.text))

    def _large(self, own: Typography) -> tuple[tuple[Heading, ...], set[int]]:
        """Take for headings what is set in larger letters; the larger, the higher."""
        large = {n: p for n, p in enumerate(self._whole) if own.is_large(p)}
        sizes = sorted({_size(paragraph) for paragraph in large.values()}, reverse=True)[:_MOST_LEVELS]
        levels = {n: sizes.index(_size(p)) + 1 for n, p in large.items() if _size(p) in sizes}
        return tuple(
            Heading(self._spans[number], level, " ".join(self._spans[number].of(self.text).split()))
            for number, level in levels.items()
        ), set(levels)

    def _title(self, book: reader.PdfContents, own: Typography, headings: Sequence[Heading]) -> str | None:
        if len(book.title) <= _MOST_TITLE and not _NO_TITLE.fullmatch(book.title):
            return book.title
        largest = self._titles(own)
        if largest:
            return " ".join(self._spans[min(largest)].of(self.text).split())
        return min(headings, key=lambda heading: heading.level).text if headings else None


def _size(paragraph: Paragraph) -> int:
    return round(max(placed.line.height for placed in paragraph.lines))
