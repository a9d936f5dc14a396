"""What everyday questions come to: what the first reply shows, and whether its confidence is reliable."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from retrieval.model import Answer
from tests.eval.sources import Collection

TOP = 5
# A longer quote fits no message at a glance: it counts as wrong.
LONGEST_QUOTE = 300
BINS = 10

MEANINGS = {
    "right@1": "an answer is shown, and the first quote holds it",
    "right@3": "an answer is shown, and one of the first three quotes holds it",
    "silent": "there is an answer, but nothing is shown",
    "wrong": "there is an answer, but none of the first three quotes of a sure reply holds it",
    "declined": "there is no answer, and none is given as if sure",
    "chars": "median length of the first quotes that are right",
}
_REACHED_AT = 3

Figures = dict[str, float | None]


class Answering(Protocol):
    """What answers questions: a library."""

    async def answer(self, question: str, *, top: int) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Question:
    """A question with what a right quote holds: any of `answers`; none of them when there is no answer.

    `is_foreign` is one in another language than its documents. `document` and `pages` (counted from 1) are
    where the answer stands, where that is known.
    """

    collection: str
    text: str
    answers: tuple[str, ...]
    language: str
    kind: str
    is_foreign: bool = False
    document: str | None = None
    pages: frozenset[int] = frozenset()

    def is_held_by(self, quote: str) -> bool:
        """Return whether the quote holds an answer, spaces and case aside."""
        return any(_plain(answer) in _plain(quote) for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a question got."""

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
        """Whether each of the first three quotes holds an answer, shown or not."""
        quotes = [citation.quote for citation in self.answer.citations[:_REACHED_AT]]
        return [len(quote) <= LONGEST_QUOTE and self.question.is_held_by(quote) for quote in quotes]

    @property
    def is_right(self) -> bool:
        return self.right[:1] == [True]


@dataclass(frozen=True, slots=True)
class Reliability:
    """How sure some replies are on average, and how many of them have a right first quote."""

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


def questions(collection: Collection) -> list[Question]:
    """Read the questions about a collection."""
    rows = map(json.loads, collection.questions.read_text(encoding="utf-8").splitlines())
    return [
        Question(
            collection=collection.name,
            text=row["question"],
            answers=tuple(row["answers"]),
            language=row["language"],
            kind=row["kind"],
            is_foreign=row["language"] not in collection.languages,
            document=row.get("document"),
            pages=frozenset(row.get("pages", ())),
        )
        for row in rows
    ]


async def ask(library: Answering, asked: Iterable[Question]) -> list[Outcome]:
    return [Outcome(question, await library.answer(question.text, top=TOP)) for question in asked]


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """Return the figures of MEANINGS; None is what these questions cannot tell."""
    inside = [outcome for outcome in outcomes if outcome.question.answers]
    outside = [outcome for outcome in outcomes if not outcome.question.answers]
    right = [outcome for outcome in inside if outcome.is_shown and outcome.is_right]
    lengths = [len(outcome.answer.citations[0].quote) for outcome in right]
    return {
        "right@1": mean(outcome.is_shown and outcome.is_right for outcome in inside),
        "right@3": mean(outcome.is_shown and any(outcome.right) for outcome in inside),
        "silent": mean(not outcome.is_shown for outcome in inside),
        "wrong": mean(outcome.is_sure and not any(outcome.right) for outcome in inside),
        "declined": mean(not outcome.is_sure for outcome in outside),
        "chars": statistics.median_high(lengths) if lengths else None,
    }


def reliability(outcomes: Iterable[Outcome]) -> list[Reliability]:
    """Return a line for each tenth of confidence, of all questions; one without an answer is never right."""
    bins: list[list[Outcome]] = [[] for _ in range(BINS)]
    for outcome in outcomes:
        bins[min(int(outcome.answer.confidence * BINS), BINS - 1)].append(outcome)
    return [Reliability.of(found) for found in bins]


def mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
