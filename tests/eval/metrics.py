"""Metrics of everyday questions: whether the first reply shows the answer, and how reliable confidence is."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from retrieval.model import Answer
from tests.eval.sources import Collection

QUOTES_PER_ANSWER = 5
# A longer quote counts as wrong: it cannot be read at a glance.
MAX_QUOTE_CHARS = 300
BINS = 10

DESCRIPTIONS = {
    "right@1": "an answer is shown, and the first quote contains it",
    "right@3": "an answer is shown, and one of the first three quotes contains it",
    "silent": "there is an answer, but nothing is shown",
    "wrong": "there is an answer, but none of the first three quotes of a sure reply contains it",
    "declined": "there is no answer, and the reply is not sure",
    "chars": "median length of right first quotes, in characters",
}
_TOP_QUOTES = 3

Metrics = dict[str, float | None]


class Answerer(Protocol):
    """Answers questions, as a library does."""

    async def answer(self, question: str, *, top: int) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its accepted answers; a right quote contains one. Empty if there is no answer.

    A right quote also contains all `names`, those of the row and column of a table. `is_foreign` if the
    documents are in other languages. `document` and `pages` (from 1) say where the answer is, if known.
    """

    collection: str
    text: str
    answers: tuple[str, ...]
    language: str
    kind: str
    is_foreign: bool = False
    document_name: str | None = None
    pages: frozenset[int] = frozenset()
    names: tuple[str, ...] = ()

    def accepts(self, quote: str) -> bool:
        """Return whether the quote contains an answer and all names, ignoring whitespace and case."""
        text = _normalize(quote)
        return any(_normalize(answer) in text for answer in self.answers) and all(
            _normalize(name) in text for name in self.names
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a question."""

    question: Question
    answer: Answer

    @property
    def is_sure(self) -> bool:
        return self.answer.answered

    @property
    def is_shown(self) -> bool:
        return self.is_sure or getattr(self.answer, "certainty", None) == "unsure"

    @property
    def right(self) -> list[bool]:
        """Whether each of the first three quotes contains an accepted answer, shown or not."""
        quotes = [citation.quote for citation in self.answer.citations[:_TOP_QUOTES]]
        return [len(quote) <= MAX_QUOTE_CHARS and self.question.accepts(quote) for quote in quotes]

    @property
    def is_right(self) -> bool:
        return self.right[:1] == [True]


@dataclass(frozen=True, slots=True)
class Reliability:
    """The mean confidence of some replies, and the share with a right first quote."""

    replies: int
    confidence: float | None
    right: float | None

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> "Reliability":
        return cls(
            replies=len(outcomes),
            confidence=mean(outcome.answer.confidence for outcome in outcomes),
            right=mean(outcome.is_right for outcome in outcomes),
        )


def read_questions(collection: Collection) -> list[Question]:
    """Return the questions about a collection."""
    rows = map(json.loads, collection.questions.read_text(encoding="utf-8").splitlines())
    return [
        Question(
            collection=collection.name,
            text=row["question"],
            answers=tuple(row["answers"]),
            language=row["language"],
            kind=row["kind"],
            is_foreign=row["language"] not in collection.languages,
            document_name=row.get("document"),
            pages=frozenset(row.get("pages", ())),
            names=tuple(row.get("names", ())),
        )
        for row in rows
    ]


async def ask(library: Answerer, questions: Iterable[Question]) -> list[Outcome]:
    return [
        Outcome(question, await library.answer(question.text, top=QUOTES_PER_ANSWER))
        for question in questions
    ]


def compute_metrics(outcomes: Sequence[Outcome]) -> Metrics:
    """Return the metrics of DESCRIPTIONS; None if no question counts for a metric."""
    answerable = [outcome for outcome in outcomes if outcome.question.answers]
    unanswerable = [outcome for outcome in outcomes if not outcome.question.answers]
    right = [outcome for outcome in answerable if outcome.is_shown and outcome.is_right]
    lengths = [len(outcome.answer.citations[0].quote) for outcome in right]
    return {
        "right@1": mean(outcome.is_shown and outcome.is_right for outcome in answerable),
        "right@3": mean(outcome.is_shown and any(outcome.right) for outcome in answerable),
        "silent": mean(not outcome.is_shown for outcome in answerable),
        "wrong": mean(outcome.is_sure and not any(outcome.right) for outcome in answerable),
        "declined": mean(not outcome.is_sure for outcome in unanswerable),
        "chars": statistics.median_high(lengths) if lengths else None,
    }


def reliability(outcomes: Iterable[Outcome]) -> list[Reliability]:
    """Return the reliability per tenth of confidence. No quote is right for a question without an answer."""
    bins: list[list[Outcome]] = [[] for _ in range(BINS)]
    for outcome in outcomes:
        bins[min(int(outcome.answer.confidence * BINS), BINS - 1)].append(outcome)
    return [Reliability.of(outcomes_in_bin) for outcomes_in_bin in bins]


def mean(values: Iterable[float]) -> float | None:
    items = list(values)
    return sum(items) / len(items) if items else None


def _normalize(text: str) -> str:
    return " ".join(text.split()).casefold()
