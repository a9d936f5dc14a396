"""Answers to a question: citations, each with its location, and how certain the first one is."""

from dataclasses import dataclass
from typing import Literal

from retrieval.model.document import Passage, Span, Unit

# Whether the first quote answers the question, may answer it, or does not.
Certainty = Literal["sure", "unsure", "none"]


@dataclass(frozen=True, slots=True)
class Locator:
    """The location of a quote in its document, as shown to people. Values are None if not applicable.

    Lines count from 1. `page`, `unit` and `label` are as in Passage. `is_scanned` means that the quote was
    read by OCR.
    """

    heading: str | None
    page: int | None
    line: int
    line_end: int
    paragraph: int
    unit: Unit = "line"
    label: str | None = None
    is_scanned: bool = False


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote and its source. `span` and `highlights` are spans of the document's text.

    `copies` are the names of documents with the same text.
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
    an answer. `confidence` is from 0 to 1, comparable between questions and corpora. `suggestion` is the
    question with misspelt words corrected from the corpus, or None. `asks_nothing` is True for small talk and
    questions without content words. If a question has several `parts`, the first citations, as many as these,
    answer one each.
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
