"""The data types of retrieval: documents and their passages, answers and their citations, and ids.

Positions in a document are spans over its text, so that a quote is verbatim by construction. Ids are stable
across machines, and short enough for links and buttons.
"""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Literal

from retrieval.errors import ProblemKind

# The unit of locations in a document: lines, unless the format has something better.
Unit = Literal["line", "paragraph", "page", "slide", "row", "chapter", "time", "cell", "record", "message"]
# The units of tables and records: such a document is not running text.
ROW_UNITS: frozenset[Unit] = frozenset({"row", "record"})
# The headers that the text of a mail begins with, as "From: ...".
SHOWN_MAIL_HEADERS = ("From", "To", "Cc", "Date")

# Of quotes that OCR was this sure of, 9 words in 10 and more are right; below it, fewer.
MIN_OCR_CONFIDENCE = 80.0
# Of 257 numbers above it all were right, of 17 below it 8 (docs/decisions/0012-ocr.md).
MIN_OCR_NUMBER_CONFIDENCE = 70


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
    separated by a space; either may be missing.
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
class TableSpan:
    """The span of rows with values, each with the names of its columns, and the title of their table."""

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
    tables: tuple[TableSpan, ...] = ()
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
    document_name: str
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
            confidence >= MIN_OCR_CONFIDENCE
            and all(
                of_part >= MIN_OCR_NUMBER_CONFIDENCE
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

    @property
    def parent_section(self) -> str | None:
        """The heading above the last one, unless it is part of the title."""
        if self.unit == "row" or len(self.heading) < 2:  # noqa: PLR2004
            return None
        parent = self.heading[-2]
        return None if parent.casefold() in self.title.casefold() else parent


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
    """A document of a library, as /sources lists it.

    `id` has 8 characters of A-Z a-z 0-9 _ - and depends on the name only. `size` is in bytes, `modified_at`
    is the modification time (POSIX, UTC). `copies` are the names of other files with the same text.
    """

    id: str
    name: str
    title: str
    passages: int
    characters: int
    language: str
    size: int = 0
    modified_at: float = 0.0
    copies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a document; `first` is the ordinal of its first passage."""

    heading: str
    level: int
    first: int


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that was not indexed: its path below the folder, and the reason with what to do about it.

    `real_suffix` is as in DocumentError.
    """

    name: str
    reason: str
    kind: ProblemKind = ProblemKind.UNREADABLE
    real_suffix: str = ""


# Whether the first quote answers the question, may answer it, or does not.
Certainty = Literal["sure", "unsure", "none"]


@dataclass(frozen=True, slots=True)
class Locator:
    """The location of a quote in its document, as shown to people. Values are None if not applicable.

    Lines count from 1. `page`, `unit` and `label` are as in Passage. `is_scanned` means that the quote was
    read by OCR. `parent` is the heading above `heading`, unless it is part of the title.
    """

    heading: str | None
    page: int | None
    line: int
    line_end: int
    paragraph: int
    unit: Unit = "line"
    label: str | None = None
    is_scanned: bool = False
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote and its source. `span` and `highlights` are spans of the document's text.

    `copies` are the names of documents with the same text. `key` is the span of the sentence that most likely
    answers, if the quote has several and one stands out.
    """

    rank: int
    document_name: str
    title: str
    span: Span
    quote: str
    highlights: tuple[Span, ...]
    score: float
    locator: Locator
    passage: Passage
    copies: tuple[str, ...] = ()
    key: Span | None = None

    @property
    def is_verbatim(self) -> bool:
        """Whether the quote equals its span of the passage's text."""
        start, end = self.span.start - self.passage.span.start, self.span.end - self.passage.span.start
        return 0 <= start < end and self.passage.text[start:end] == self.quote

    @property
    def scan_confidence(self) -> float | None:
        """How sure OCR was of the quote, from 0 to 100; None if it was not read by OCR."""
        offset = self.passage.span.start
        return self.passage.scan_confidence(self.span.start - offset, self.span.end - offset)

    @property
    def is_legible(self) -> bool:
        """Whether the quote may be shown as text: OCR was sure enough of it, or had no part in it."""
        offset = self.passage.span.start
        return self.passage.is_legible(self.span.start - offset, self.span.end - offset)


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a question.

    `citations` are ordered best first; unless `certainty` is "sure" they are the closest passages rather than
    an answer. `confidence` is from 0 to 1, comparable between questions and libraries. `suggestion` is the
    question with misspelt words corrected from the documents, or None. `asks_nothing` is True for small talk
    and questions without content words. If a question has several `parts`, the first
    citations answer one each.
    """

    question: str
    certainty: Certainty
    confidence: float
    citations: tuple[Citation, ...]
    suggestion: str | None = None
    asks_nothing: bool = False
    parts: int = 1

    @property
    def answered(self) -> bool:
        """Whether the first quote counts as the answer."""
        return self.certainty == "sure"


@dataclass(frozen=True, slots=True)
class TermWeight:
    """The weight of a word of a question: its inverse document frequency, and how many passages contain it.

    `content` is False for stop words, which have little weight.
    """

    word: str
    content: bool
    passages: int
    weight: float


_DOCUMENT_ID_BYTES = 6
_PASSAGE_DIGEST_BYTES = 9
_PASSAGE_DIGEST_CHARS = 12


@lru_cache(maxsize=256)
def make_document_id(name: str) -> str:
    """Return the id of a document: 8 characters of A-Z a-z 0-9 _ -, a digest of its name."""
    return _digest(name, _DOCUMENT_ID_BYTES)


def make_passage_id(document_name: str, words: str, occurrence: int) -> str:
    """Return the id of a passage: a digest of its words in 12 characters, then the 8 of its document.

    `occurrence`, from 0, distinguishes passages with the same words. A passage keeps its id when the document
    changes elsewhere.
    """
    words_digest = _digest(f"{document_name}\0{occurrence}\0{words}", _PASSAGE_DIGEST_BYTES)
    return words_digest + make_document_id(document_name)


def document_id_of(passage_id: str) -> str:
    """Return the id of the document that a passage id belongs to."""
    return passage_id[_PASSAGE_DIGEST_CHARS:]


def _digest(text: str, size: int) -> str:
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()
    return base64.urlsafe_b64encode(raw).decode()


# The documents of a chat are in a folder named after it, so that their ids differ from those of any other
# chat's documents and of the library's.
_CHAT_DOCUMENT = re.compile(r"@(-?[0-9]{1,20})/")


def chat_folder(chat_id: int) -> str:
    """Return the folder that begins the names of the documents of a chat."""
    return f"@{chat_id}"


def chat_document_name(chat_id: int, file_name: str) -> str:
    """Return the name of a document of a chat."""
    return f"{chat_folder(chat_id)}/{file_name}"


def is_chat_document(name: str) -> bool:
    """Return whether a document belongs to a chat rather than to the library."""
    return _CHAT_DOCUMENT.match(name) is not None


def shown_name(name: str) -> str:
    """Return the name of a document as people see it: without the folder of its chat."""
    return _CHAT_DOCUMENT.sub("", name, count=1)


def logged_name(name: str) -> str:
    """Return the name of a document for the log, where the names of a chat's documents do not belong."""
    return f"a chat's document (*{PurePosixPath(name).suffix[:10]})" if is_chat_document(name) else name
