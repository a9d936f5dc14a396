"""Documents, their parts, and the passages that they are split into.

Positions in a document are spans over its text, so that a quote is verbatim by construction.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from retrieval.errors import ProblemKind

# The unit of locations in a document: lines, unless the format has something better.
Unit = Literal["line", "paragraph", "page", "slide", "row", "chapter", "time", "cell", "record", "message"]

# Of quotes that OCR was this sure of, 9 words in 10 and more are right; below it, fewer.
MIN_QUOTED_CONFIDENCE = 80.0
# Of 257 numbers above it all were right, of 17 below it 8 (docs/decisions/0012-ocr.md).
MIN_NUMBER_CONFIDENCE = 70


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `start` to `end` (exclusive) of a document's text."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def of(self, text: str) -> str:
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading. It covers the text up to the next heading of its level or a higher one; 1 is the highest.

    `text` is the words of its span without markup.
    """

    span: Span
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page, row or another place of the document's unit: the offset of its text, and its label for people.

    The label is its number or name; of a time, hours, minutes and seconds; of a message, its number and date,
    with a space between them, of which one may be missing.
    """

    start: int
    label: str


@dataclass(frozen=True, slots=True)
class LineMark:
    """The source line, from 1, of the text from offset `start` to the next mark."""

    start: int
    line: int


@dataclass(frozen=True, slots=True)
class ScanMark:
    """How sure OCR was, from 0 to 100, of the text from offset `start` to the next mark.

    None: the text was not read by OCR.
    """

    start: int
    confidence: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """The span of rows with values, told with the names of their columns, and the title of their table."""

    span: Span
    title: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a file in the documents folder, without lone surrogates, and its structure.

    `name` is the path below the folder, with forward slashes. `blocks` are the spans of paragraphs in reading
    order, without headings; a run-in heading is the start of one. `unit` is the kind of `pages`, if there are
    any. `lines` are sorted, and empty if the text equals the file or the format has no lines. `lists` are the
    spans of outermost lists and tables. `tables` are sorted.
    `scan` has a mark for each word that was read by OCR; it is sorted, and empty without any. `scanned_pages`
    is the number of pages with such words; `unread_pages` are those, from 0, that only OCR can read and that
    have not been read yet.
    """

    name: str
    title: str
    text: str
    blocks: tuple[Span, ...]
    headings: tuple[Heading, ...] = ()
    pages: tuple[Page, ...] = ()
    unit: Unit = "line"
    lines: tuple[LineMark, ...] = ()
    lists: tuple[Span, ...] = ()
    tables: tuple[Table, ...] = ()
    scan: tuple[ScanMark, ...] = ()
    scanned_pages: int = 0
    unread_pages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """The unit of ranking: a paragraph, several short ones that belong together, or part of a long one.

    `id` has at most 32 characters of A-Z a-z 0-9 _ - and depends only on the document's name and the
    passage's words. `heading` is the path of headings above the passage, and the title of its table. `line`,
    `paragraph` and `page` count from 1; only pages and slides have a `page`. `label` is the number or name of
    the `unit` where the passage begins. `language` is an ISO 639-1 code. Offsets in `lines` and `paragraphs`
    are from the start of the passage: `lines` are as in Document, the first at 0; `paragraphs` are the starts
    of all but the first; `labels` are the places of the unit that begin after the passage does, which only
    times can. `scan` are the marks of words that were read by OCR, empty without any.
    """

    id: str
    document: str
    title: str
    span: Span
    text: str
    heading: tuple[str, ...]
    line: int
    paragraph: int
    language: str
    page: int | None = None
    unit: Unit = "line"
    label: str | None = None
    lines: tuple[LineMark, ...] = ()
    paragraphs: tuple[int, ...] = ()
    labels: tuple[Page, ...] = ()
    scan: tuple[ScanMark, ...] = ()

    def scan_confidence(self, start: int, end: int) -> float | None:
        """Return how sure OCR was, from 0 to 100, of the text between two offsets of the passage.

        This is the mean over the characters that OCR has read, None without any.
        """
        total = chars = 0
        for part_start, part_end, confidence in self._scanned_parts(start, end):
            count = part_end - part_start
            total, chars = total + count * confidence, chars + count
        return total / chars if chars else None

    def is_legible(self, start: int, end: int) -> bool:
        """Return whether OCR was sure enough of the text between two offsets to quote it, or did not read it.

        A wrong digit is worse than a wrong letter, so each number counts by itself.
        """
        confidence = self.scan_confidence(start, end)
        return confidence is None or (
            confidence >= MIN_QUOTED_CONFIDENCE
            and all(
                of_part >= MIN_NUMBER_CONFIDENCE
                for part_start, part_end, of_part in self._scanned_parts(start, end)
                if any(map(str.isdigit, self.text[part_start:part_end]))
            )
        )

    def _scanned_parts(self, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Yield start, end and confidence of each word that OCR has read between two offsets."""
        ends = [mark.start for mark in self.scan[1:]] + [len(self.text)]
        for mark, mark_end in zip(self.scan, ends, strict=False):
            part_start, part_end = max(mark.start, start), min(mark_end, end)
            if part_start < part_end and mark.confidence is not None:
                yield part_start, part_end, mark.confidence

    @property
    def section(self) -> str | None:
        """The last heading, as shown to people; of a row its sheet, not the title of its table."""
        if not self.heading:
            return None
        return self.heading[0 if self.unit == "row" else -1]


@dataclass(frozen=True, slots=True)
class PassageWithNeighbours:
    """A passage and its neighbours, which are None at the ends of the document.

    `ordinal` is its position among the document's passages, from 0.
    """

    passage: Passage
    before: Passage | None
    after: Passage | None
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A document in the list of sources. `size` is in bytes, `changed` is the modification time (POSIX, UTC).

    `id` has 8 characters of A-Z a-z 0-9 _ - and depends on the name only. `copies` are the names of other
    files with the same text.
    """

    id: str
    name: str
    title: str
    passages: int
    characters: int
    language: str
    size: int = 0
    changed: float = 0.0
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a document; `first` is the ordinal of its first passage."""

    heading: str
    level: int
    first: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A file left out of the index: its path below the folder, and the reason with what to do about it.

    `real_suffix` is as in DocumentError.
    """

    name: str
    reason: str
    kind: ProblemKind = ProblemKind.UNREADABLE
    real_suffix: str = ""
