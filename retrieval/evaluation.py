"""How well questions are answered: questions with their answers, the metrics, and floors they must reach."""

import hashlib
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from retrieval.errors import DocumentError, RetrievalError
from retrieval.loaders.formats import load_document, read_file
from retrieval.model import Answer

# Limit for a wrong value that a message shows.
_MAX_VALUE_CHARS = 60


@dataclass(frozen=True, slots=True)
class Case:
    """A question and its accepted answers; a correct quote contains one. Empty if there is no answer.

    `document_name` is that of the document with the answer, if known. `labels` are for grouping. `line` is
    the line of the file, from 1.
    """

    question: str
    answers: tuple[str, ...] = ()
    document_name: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    line: int = 0

    def accepts(self, quote: str) -> bool:
        """Return whether the quote contains an answer, ignoring case and line breaks."""
        text = _normalize(quote)
        return any(_normalize(answer) in text for answer in self.answers)


class DatasetError(RetrievalError):
    """An invalid line in a file of questions. The message names the file, the line, the key and the value."""


def read_cases(data: bytes, name: str, documents: Container[str]) -> list[Case]:
    """Return the cases in a file. Empty lines are skipped.

    `name` is the file name for messages, `documents` the names that a case may have as its document. Raises
    DatasetError.
    """
    cases = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            if line.strip():
                cases.append(_parse_case(line, number, documents))
        except DatasetError as error:
            raise DatasetError(f"{name}: line {number}: {error}") from None
    if not cases:
        raise DatasetError(
            f'{name}: no questions; write one per line: {{"question": "...", "answers": ["..."]}}'
        )
    return cases


def _parse_case(line: bytes, number: int, documents: Container[str]) -> Case:
    try:
        row = json.loads(line.decode())
    except UnicodeDecodeError:
        raise DatasetError("not UTF-8 text; save the file as UTF-8") from None
    except (ValueError, RecursionError):
        raise DatasetError(f"not JSON: {_truncate(line.decode().strip())}") from None
    if not isinstance(row, dict):
        raise DatasetError(
            f'{_format_value(row)} is not an object; write {{"question": "...", "answers": ["..."]}}'
        )
    labels = {key: value for key, value in row.items() if isinstance(value, str)}
    return Case(_parse_question(row), _parse_answers(row), _parse_document(row, documents), labels, number)


def _parse_question(row: dict[str, Any]) -> str:
    question = _require(row, "question")
    if not isinstance(question, str) or not question.strip():
        raise DatasetError(f"question: {_format_value(question)} is not a question; write a non-empty string")
    return question


def _parse_answers(row: dict[str, Any]) -> tuple[str, ...]:
    answers = _require(row, "answers")
    if not isinstance(answers, list):
        raise DatasetError(f"answers: {_format_value(answers)} is not a list; write [] if there is no answer")
    for answer in answers:
        if not isinstance(answer, str) or not answer.strip():
            raise DatasetError(
                f"answers: {_format_value(answer)} is not an answer; write a string from the documents"
            )
    return tuple(answers)


def _parse_document(row: dict[str, Any], documents: Container[str]) -> str | None:
    document = row.get("document")
    if document is None:
        return None
    if not isinstance(document, str) or document not in documents:
        raise DatasetError(
            f"document: {_format_value(document)} is not a document; "
            "write its path below the documents folder"
        )
    return document


def _require(row: dict[str, Any], key: str) -> Any:
    if key not in row:
        raise DatasetError(f"{key}: missing")
    return row[key]


def _format_value(value: Any) -> str:
    return _truncate(json.dumps(value, ensure_ascii=False))


def _truncate(text: str) -> str:
    return text if len(text) <= _MAX_VALUE_CHARS else f"{text[:_MAX_VALUE_CHARS]}…"


def _normalize(text: str) -> str:
    return " ".join(text.casefold().split())


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
        return next(
            (c.rank for c in self.answer.citations if c.document_name == self.case.document_name), None
        )

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
        verbatim = sum(c.span.of(text_of(c.document_name)) == c.quote for c in answer.citations)
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
    document_ranks = [
        outcome.document_rank for outcome in answerable if outcome.case.document_name is not None
    ]
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


# Times depend on the machine, and lower ones are better.
METRICS_WITH_FLOORS = tuple(name for name in METRIC_NAMES if not name.endswith("ms"))
_ALL_KEY = "all"
_DIGEST_KEY = "digest"
# Floors are written with three decimals; metrics are fractions.
_FLOOR_TOLERANCE = 1e-9

FloorsByMetric = Mapping[str, float]


class FloorError(RetrievalError):
    """An invalid file of floors. The message names the file, the key and the value."""


@dataclass(frozen=True, slots=True)
class Floors:
    """Floors by metric: for all questions, and for groups of them by label and value.

    `name` is the file name for messages, `digest` that of the questions and documents.
    """

    name: str
    digest: str
    overall: FloorsByMetric
    groups: Mapping[str, Mapping[str, FloorsByMetric]]


@dataclass(frozen=True, slots=True)
class FloorCheck:
    """A metric of a group and its floor; `value` is None if the metric is undefined for these questions."""

    group: str
    metric: str
    floor: float
    value: float | None

    @property
    def is_met(self) -> bool:
        return self.value is not None and self.value >= self.floor - _FLOOR_TOLERANCE


def dataset_digest(questions: bytes, folder: Path, documents: Sequence[str]) -> str:
    """Return a digest of the questions and of the names and bytes of their documents."""
    total = hashlib.blake2b(questions, digest_size=16)
    for document in sorted(documents):
        total.update(hashlib.blake2b(os.fsencode(document)).digest())
        total.update(hashlib.blake2b((folder / document).read_bytes()).digest())
    return total.hexdigest()


def read_floors(data: bytes, name: str) -> Floors:
    """Parse `{"digest": "...", "all": {METRIC: FLOOR}, LABEL: {VALUE: {METRIC: FLOOR}}}`.

    `name` is the file name for messages. Raises FloorError.
    """
    try:
        content = _parse_object(json.loads(data), name)
    except (ValueError, RecursionError):
        raise FloorError(f"{name}: not JSON") from None
    expected_digest = content.pop(_DIGEST_KEY, None)
    if not isinstance(expected_digest, str):
        raise FloorError(f"{name}: {_DIGEST_KEY}: {json.dumps(expected_digest)} is not a string")
    overall = _parse_floors(content.pop(_ALL_KEY, {}), f"{name}: {_ALL_KEY}")
    groups = {
        label: {
            value: _parse_floors(group, f"{name}: {label}: {value}")
            for value, group in _parse_object(values, f"{name}: {label}").items()
        }
        for label, values in content.items()
    }
    return Floors(name, expected_digest, overall, groups)


def check_floors(floors: Floors, outcomes: Sequence[Outcome]) -> list[FloorCheck]:
    """Compare the metrics with their floors. Raises FloorError if a group has no questions."""
    results = list(_check_group(floors.overall, _ALL_KEY, outcomes))
    for label, groups in floors.groups.items():
        outcomes_by_value = group_by_label(outcomes, label)
        for value, group in groups.items():
            if value not in outcomes_by_value:
                raise FloorError(f"{floors.name}: {label}: {value}: no such questions")
            results += _check_group(group, f"{label} {value}", outcomes_by_value[value])
    return results


def _check_group(floors: FloorsByMetric, group: str, outcomes: Sequence[Outcome]) -> Iterator[FloorCheck]:
    metrics = as_dict(compute_metrics(outcomes))
    for metric, floor in floors.items():
        yield FloorCheck(group, metric, floor, metrics[metric])


def _parse_floors(content: Any, where: str) -> FloorsByMetric:
    floors = _parse_object(content, where)
    for metric, floor in floors.items():
        if metric not in METRICS_WITH_FLOORS:
            raise FloorError(
                f"{where}: {metric}: no such figure; choose from {', '.join(METRICS_WITH_FLOORS)}"
            )
        if isinstance(floor, bool) or not isinstance(floor, int | float) or not 0 <= floor <= 1:
            raise FloorError(f"{where}: {metric}: {json.dumps(floor)} is not a number from 0 to 1")
    return floors


def _parse_object(content: Any, where: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise FloorError(f"{where}: {json.dumps(content)} is not an object")
    return content
