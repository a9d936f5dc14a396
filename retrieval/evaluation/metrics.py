"""How well a library answers questions whose answers are known."""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Protocol

from retrieval.errors import DocumentError
from retrieval.loaders.formats import load, read
from retrieval.model import Answer

TOP = 5


class Answering(Protocol):
    """What answers questions: a library, wherever its index is."""

    async def answer(self, question: str, *, top: int) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Case:
    """A question and what a right quote holds: one of `answers`; none of them when there is no answer.

    `document` is the one that answers, where that is known. Cases are grouped by their `labels`. `line` is
    where the case stands in its file.
    """

    question: str
    answers: tuple[str, ...] = ()
    document: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    line: int = 0

    def is_held_by(self, quote: str) -> bool:
        """Return whether the quote contains an answer, ignoring case and line breaks."""
        text = _plain(quote)
        return any(_plain(answer) in text for answer in self.answers)


class Miss(StrEnum):
    """What can go wrong with a question."""

    WRONG = "wrong"
    DECLINED = "declined"
    UNFOUNDED = "unfounded"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case got. `verbatim` is how many of the answer's quotes equal the text of their document."""

    case: Case
    answer: Answer
    verbatim: int
    seconds: float

    @property
    def rank(self) -> int | None:
        """The rank of the first quote that holds the answer."""
        return next((c.rank for c in self.answer.citations if self.case.is_held_by(c.quote)), None)

    @property
    def document_rank(self) -> int | None:
        """The rank of the first quote from the document that answers."""
        return next((c.rank for c in self.answer.citations if c.document == self.case.document), None)

    @property
    def miss(self) -> Miss | None:
        """What went wrong: a first quote without the answer, none at all, or one where there is no answer."""
        if not self.case.answers:
            return Miss.UNFOUNDED if self.answer.answered else None
        if not self.answer.answered:
            return Miss.DECLINED
        return None if self.rank == 1 else Miss.WRONG


@dataclass(frozen=True, slots=True)
class EvaluationMetrics:
    """What outcomes come to: shares from 0 to 1, and milliseconds. None is what these cases cannot tell.

    `hit_1`, `hit_5` and `mrr` (mean reciprocal rank) are of the document, over the cases that name it;
    `quote_1` and `quote_3` of the answer, over the cases that have one, answered or not. `balanced` is the
    mean of `answered` and `declined`. `auroc` is how often an answerable question has more confidence than
    an unanswerable one.
    """

    questions: int
    answerable: int
    hit_1: float | None
    hit_5: float | None
    mrr: float | None
    quote_1: float | None
    quote_3: float | None
    answered: float | None
    declined: float | None
    balanced: float | None
    auroc: float | None
    verbatim: float | None
    median_ms: float | None
    p99_ms: float | None


# The names that people, programs and floors know the figures by.
NAMES = {
    "hit@1": "hit_1",
    "hit@5": "hit_5",
    "mrr": "mrr",
    "quote@1": "quote_1",
    "quote@3": "quote_3",
    "answered": "answered",
    "declined": "declined",
    "balanced": "balanced",
    "auroc": "auroc",
    "verbatim": "verbatim",
    "median ms": "median_ms",
    "p99 ms": "p99_ms",
}


def as_dict(of: EvaluationMetrics) -> dict[str, float | None]:
    return {name: getattr(of, attribute) for name, attribute in NAMES.items()}


async def evaluate(library: Answering, cases: Iterable[Case], text_of: Callable[[str], str]) -> list[Outcome]:
    """Ask every case; `text_of` gives the text of a document by its name, to hold the quotes against."""
    outcomes = []
    for case in cases:
        begun = time.perf_counter()
        answer = await library.answer(case.question, top=TOP)
        seconds = time.perf_counter() - begun
        verbatim = sum(c.span.of(text_of(c.document)) == c.quote for c in answer.citations)
        outcomes.append(Outcome(case, answer, verbatim, seconds))
    return outcomes


def document_texts(folder: Path) -> Callable[[str], str]:
    """Return a function that reads a document's text; empty when it cannot be read (any more)."""

    @cache
    def text_of(name: str) -> str:
        try:
            return load(read(folder / name, name), name).text
        except DocumentError:
            return ""

    return text_of


def compute_metrics(outcomes: Sequence[Outcome]) -> EvaluationMetrics:
    inside = [outcome for outcome in outcomes if outcome.case.answers]
    outside = [outcome for outcome in outcomes if not outcome.case.answers]
    ranks = [outcome.rank for outcome in inside]
    documents = [outcome.document_rank for outcome in inside if outcome.case.document is not None]
    quotes = sum(len(outcome.answer.citations) for outcome in outcomes)
    answered = _mean(outcome.answer.answered for outcome in inside)
    declined = _mean(not outcome.answer.answered for outcome in outside)
    times = sorted(outcome.seconds * 1000 for outcome in outcomes)
    return EvaluationMetrics(
        questions=len(outcomes),
        answerable=len(inside),
        hit_1=_within(documents, 1),
        hit_5=_within(documents, 5),
        mrr=_mean(1 / rank if rank else 0.0 for rank in documents),
        quote_1=_within(ranks, 1),
        quote_3=_within(ranks, 3),
        answered=answered,
        declined=declined,
        balanced=None if answered is None or declined is None else (answered + declined) / 2,
        auroc=auroc([o.answer.confidence for o in inside], [o.answer.confidence for o in outside]),
        verbatim=sum(outcome.verbatim for outcome in outcomes) / quotes if quotes else None,
        median_ms=statistics.median(times) if times else None,
        p99_ms=times[math.ceil(0.99 * len(times)) - 1] if times else None,
    )


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Return the share of pairs in which the positive is greater, ties counting half; None without pairs.

    By the sum of ranks (Mann and Whitney), where equal values share the mean of their ranks.
    """
    if not positive or not negative:
        return None
    ranked = sorted([(value, True) for value in positive] + [(value, False) for value in negative])
    total, begin = 0.0, 0
    while begin < len(ranked):
        end = begin
        while end < len(ranked) and ranked[end][0] == ranked[begin][0]:
            end += 1
        total += (begin + end + 1) / 2 * sum(is_positive for _, is_positive in ranked[begin:end])
        begin = end
    least = len(positive) * (len(positive) + 1) / 2
    return (total - least) / (len(positive) * len(negative))


def grouped(outcomes: Iterable[Outcome], label: str) -> dict[str, list[Outcome]]:
    """Group by a label, in order of its values; what does not have it comes last, under the empty text."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.case.labels.get(label, ""), []).append(outcome)
    return dict(sorted(groups.items(), key=lambda group: (not group[0], group[0])))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _within(ranks: Sequence[int | None], most: int) -> float | None:
    return _mean(rank is not None and rank <= most for rank in ranks)


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None
