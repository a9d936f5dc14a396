"""Metrics of the answers to questions whose correct answers are known."""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Protocol

from retrieval.errors import DocumentError
from retrieval.evaluation.dataset import Case
from retrieval.loaders.formats import load_document, read_file
from retrieval.model import Answer

QUOTES_PER_ANSWER = 5


class Answerer(Protocol):
    """Answers questions, as a library does."""

    async def answer(self, question: str, *, top: int) -> Answer: ...


class Miss(StrEnum):
    """How an answer can be wrong."""

    WRONG = "wrong"  # the first quote does not contain the answer
    UNSURE = "unsure"  # only the closest passages are shown, although there is an answer
    DECLINED = "declined"  # although there is an answer
    UNFOUNDED = "unfounded"  # answered although there is no answer


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a case. `verbatim` is the number of quotes that equal the text of their document."""

    case: Case
    answer: Answer
    verbatim: int
    seconds: float

    @property
    def rank(self) -> int | None:
        """The rank of the first quote that contains an accepted answer."""
        return next((c.rank for c in self.answer.citations if self.case.accepts(c.quote)), None)

    @property
    def document_rank(self) -> int | None:
        """The rank of the first quote from the case's document."""
        return next((c.rank for c in self.answer.citations if c.document == self.case.document), None)

    @property
    def miss(self) -> Miss | None:
        """How the answer is wrong, or None if it is right."""
        if not self.case.answers:
            return Miss.UNFOUNDED if self.answer.answered else None
        if not self.answer.answered:
            return Miss.UNSURE if self.answer.certainty == "unsure" else Miss.DECLINED
        return None if self.rank == 1 else Miss.WRONG


@dataclass(frozen=True, slots=True)
class EvaluationMetrics:
    """Shares from 0 to 1, and milliseconds. A metric is None if no case counts for it.

    `hit_1`, `hit_5` and `mrr` (mean reciprocal rank) look for the document, over the cases that name one;
    `quote_1` and `quote_3` look for the answer, over the cases that have one, answered or declined.
    `balanced` is the mean of `answered` and `declined`. `auroc` is how often an answerable question has more
    confidence than an unanswerable one.
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


# The names of the metrics in reports, in JSON and in files of floors.
METRIC_NAMES = {
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


def as_dict(metrics: EvaluationMetrics) -> dict[str, float | None]:
    """Return the metrics by their names in reports."""
    return {name: getattr(metrics, attribute) for name, attribute in METRIC_NAMES.items()}


async def evaluate(library: Answerer, cases: Iterable[Case], text_of: Callable[[str], str]) -> list[Outcome]:
    """Ask the question of each case. `text_of` maps a document name to its text, to verify the quotes."""
    outcomes = []
    for case in cases:
        start = time.perf_counter()
        answer = await library.answer(case.question, top=QUOTES_PER_ANSWER)
        seconds = time.perf_counter() - start
        verbatim = sum(c.span.of(text_of(c.document)) == c.quote for c in answer.citations)
        outcomes.append(Outcome(case, answer, verbatim, seconds))
    return outcomes


def document_texts(folder: Path) -> Callable[[str], str]:
    """Return a cached function from a document name to its text, which is empty if it cannot be read."""

    @cache
    def text_of(name: str) -> str:
        try:
            return load_document(read_file(folder / name, name), name).text
        except DocumentError:
            return ""

    return text_of


def compute_metrics(outcomes: Sequence[Outcome]) -> EvaluationMetrics:
    answerable = [outcome for outcome in outcomes if outcome.case.answers]
    unanswerable = [outcome for outcome in outcomes if not outcome.case.answers]
    ranks = [outcome.rank for outcome in answerable]
    document_ranks = [outcome.document_rank for outcome in answerable if outcome.case.document is not None]
    quotes = sum(len(outcome.answer.citations) for outcome in outcomes)
    answered = _mean(outcome.answer.answered for outcome in answerable)
    declined = _mean(not outcome.answer.answered for outcome in unanswerable)
    times = sorted(outcome.seconds * 1000 for outcome in outcomes)
    return EvaluationMetrics(
        questions=len(outcomes),
        answerable=len(answerable),
        hit_1=_share_within(document_ranks, 1),
        hit_5=_share_within(document_ranks, 5),
        mrr=_mean(1 / rank if rank else 0.0 for rank in document_ranks),
        quote_1=_share_within(ranks, 1),
        quote_3=_share_within(ranks, 3),
        answered=answered,
        declined=declined,
        balanced=None if answered is None or declined is None else (answered + declined) / 2,
        auroc=auroc(
            [outcome.answer.confidence for outcome in answerable],
            [outcome.answer.confidence for outcome in unanswerable],
        ),
        verbatim=sum(outcome.verbatim for outcome in outcomes) / quotes if quotes else None,
        median_ms=statistics.median(times) if times else None,
        p99_ms=times[math.ceil(0.99 * len(times)) - 1] if times else None,
    )


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Return the share of pairs in which the positive is greater; ties count half. None without pairs.

    Computed from the rank sum (Mann-Whitney U). Equal values have the mean of their ranks.
    """
    if not positive or not negative:
        return None
    ranked = sorted([(value, True) for value in positive] + [(value, False) for value in negative])
    rank_sum, begin = 0.0, 0
    while begin < len(ranked):
        end = begin
        while end < len(ranked) and ranked[end][0] == ranked[begin][0]:
            end += 1
        rank_sum += (begin + end + 1) / 2 * sum(is_positive for _, is_positive in ranked[begin:end])
        begin = end
    min_rank_sum = len(positive) * (len(positive) + 1) / 2
    return (rank_sum - min_rank_sum) / (len(positive) * len(negative))


def group_by_label(outcomes: Iterable[Outcome], label: str) -> dict[str, list[Outcome]]:
    """Group by the value of a label, sorted. Outcomes without the label are last, with the key ""."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.case.labels.get(label, ""), []).append(outcome)
    return dict(sorted(groups.items(), key=lambda group: (not group[0], group[0])))


def _share_within(ranks: Sequence[int | None], max_rank: int) -> float | None:
    return _mean(rank is not None and rank <= max_rank for rank in ranks)


def _mean(values: Iterable[float]) -> float | None:
    items = list(values)
    return sum(items) / len(items) if items else None
