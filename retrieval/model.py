"""The values that travel from a document's bytes to an answer.

Everything that points into a document is a span over its text, never a copy of it,
so that a quote is verbatim by construction.
"""

from dataclasses import dataclass
from typing import Literal

# What people count places in: lines, unless a document has something better.
Unit = Literal["line", "paragraph", "page", "slide", "row", "chapter"]

# How far an answer is to be trusted: a quote answers, a quote may answer, none does.
Certainty = Literal["sure", "unsure", "none"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters `start` to `end` (excluded) of a document's text."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def of(self, text: str) -> str:
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, which reigns from its span to the next one of its level or above (1 is the highest).

    `text` is what people read in it: its span's words without marks.
    """

    span: Span
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page, slide, row or chapter: where its text begins, and the number or name that people know it by."""

    start: int
    label: str


@dataclass(frozen=True, slots=True)
class LineMark:
    """The source line, counted from 1, of the text from offset `start` up to the next mark."""

    start: int
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """One file of the documents folder, decoded; its text holds no lone surrogates.

    `name` is its path below the folder, with forward slashes. `blocks` are the spans of its natural
    paragraphs in reading order, headings left out. `unit` says what `pages` are, if there are any.
    `lines` are sorted; there are none where the text is the file itself, or the file has no lines. `lists`
    are the spans of lists and tables, none inside another.
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


@dataclass(frozen=True, slots=True)
class Passage:
    """What ranking ranks: a paragraph, some short ones that belong together, or part of a long one.

    `id` is made of A-Z a-z 0-9 _ -, at most 32 of them; it stays the same while the document's name and the
    passage's words do. `heading` is the path of headings above the passage.
    `line` and `paragraph` count from 1, and so does `page`, of pages and slides only; `label` is the number
    or name of whichever `unit` it begins in. `language` is an ISO 639-1 code. `lines` are as in Document,
    with offsets from the start of the passage; the first is 0. `paragraphs` are the offsets at which its
    further paragraphs begin: neighbours that belong together are one passage.
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


@dataclass(frozen=True, slots=True)
class Locator:
    """Where in a document a quote stands, for people: what does not apply is None. Lines count from 1.

    `page`, `unit` and `label` are as in Passage.
    """

    heading: str | None
    page: int | None
    line: int
    line_end: int
    paragraph: int
    unit: Unit = "line"
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote and its source. `quote` is `span` of the document's text; `highlights` are spans of it too.

    `copies` are other documents of the same text.
    """

    rank: int
    document: str
    title: str
    span: Span
    quote: str
    highlights: tuple[Span, ...]
    score: float
    locator: Locator
    passage: Passage
    copies: tuple[str, ...] = ()

    @property
    def is_verbatim(self) -> bool:
        """Whether the quote equals its span of the passage's text."""
        start, end = self.span.start - self.passage.span.start, self.span.end - self.passage.span.start
        return 0 <= start < end and self.passage.text[start:end] == self.quote


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question gets.

    `citations` are listed best first; unless `certainty` is "sure" they are only the closest passages, not
    an answer. `confidence` is 0 to 1 and comparable between questions and corpora.
    `suggestion` is the question with its misspelt words corrected from the corpus' own, or None.
    `asks_nothing` tells small talk, and what has no word that names anything.
    """

    question: str
    certainty: Certainty
    confidence: float
    citations: tuple[Citation, ...]
    suggestion: str | None = None
    asks_nothing: bool = False

    @property
    def answered(self) -> bool:
        """Whether the first quote is taken for the answer."""
        return self.certainty == "sure"


@dataclass(frozen=True, slots=True)
class PassageContext:
    """A passage and its neighbours in the same document; None at the document's ends.

    `ordinal` counts the document's passages before it.
    """

    passage: Passage
    before: Passage | None
    after: Passage | None
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """A document as people list it: `size` is its file's bytes, `changed` when it was written (POSIX, UTC).

    `id` is made of 8 of A-Z a-z 0-9 _ -, and of its name alone. `copies` are other files of the same text.
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
    """What stands under a heading of a document: `first` is the ordinal of its first passage there."""

    heading: str
    level: int
    first: int


@dataclass(frozen=True, slots=True)
class TermWeight:
    """What a word of a question weighs: its inverse document frequency, and in how many passages it is.

    `content` words name something; the others only ask or join, and hardly count.
    """

    word: str
    content: bool
    passages: int
    weight: float


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that was left out of the index: its path below the folder, what is wrong and what to do."""

    name: str
    reason: str
