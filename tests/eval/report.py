"""The report of everyday questions as plain text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.eval import page_metrics
from tests.eval.metrics import (
    BINS,
    DESCRIPTIONS,
    Metrics,
    Outcome,
    Reliability,
    compute_metrics,
    reliability,
)
from tests.eval.sources import Collection

ALL = "all"
# The part that weights may be fitted to, and tables to look at. Misses of other parts are never shown.
FIT = "fit"
TABLES = "tables"
SHOWN_PARTS = (FIT, TABLES)
PARTS = (*SHOWN_PARTS, "report", "tables-report", "second-report")


@dataclass(frozen=True, slots=True)
class CollectionResult:
    """A collection and its outcomes. `page_metrics` are those of quotes, and of BM25 over pages."""

    collection: Collection
    outcomes: Sequence[Outcome]
    page_metrics: tuple[Metrics, Metrics] | None = None


def report_sections(results: Sequence[CollectionResult], *, with_misses: bool = False) -> Iterator[str]:
    """Yield the sections of the report. Questions are shown for SHOWN_PARTS only."""
    outcomes = [outcome for result in results for outcome in result.outcomes]
    answerable = sum(bool(outcome.question.answers) for outcome in outcomes)
    unanswerable = len(outcomes) - answerable
    yield f"{len(outcomes)} everyday questions: {answerable} with an answer, {unanswerable} without"
    yield _format_table([[name, description] for name, description in DESCRIPTIONS.items()], left={0, 1})
    collections = _group_by_collection(results)
    languages = _group_by_language(outcomes)
    yield _metrics_table("collection", collections)
    yield _metrics_table("question in", languages)
    bins = [
        (f"{number / BINS:.1f} to {(number + 1) / BINS:.1f}", row)
        for number, row in enumerate(reliability(outcomes))
    ]
    yield _reliability_table("confidence", bins, "questions")
    for title, groups in (("collection", collections), ("question in", languages)):
        sure = [
            (name, Reliability.of([outcome for outcome in group if outcome.is_sure]))
            for name, group in groups.items()
        ]
        yield _reliability_table(title, sure, "answered")
    for result in results:
        if result.page_metrics:
            yield _page_metrics_table(result.collection.name, *result.page_metrics)
    if with_misses:
        yield from (_misses_section(result) for result in results if result.collection.part in SHOWN_PARTS)


def _group_by_collection(results: Sequence[CollectionResult]) -> dict[str, list[Outcome]]:
    """Return the outcomes by collection, then by part, then all."""
    groups = {result.collection.name: list(result.outcomes) for result in results}
    for result in results:
        groups.setdefault(f"part: {result.collection.part}", []).extend(result.outcomes)
    return groups | {ALL: [outcome for result in results for outcome in result.outcomes]}


def _group_by_language(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    """Return the outcomes by language of the question, then those in another language than the documents."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.question.language):
        groups.setdefault(outcome.question.language, []).append(outcome)
    foreign = [outcome for group in groups.values() for outcome in group if outcome.question.is_foreign]
    return groups | ({"another than the documents": foreign} if foreign else {})


def _metrics_table(title: str, groups: Mapping[str, Sequence[Outcome]]) -> str:
    rows = [[title, "with answer", "without", *DESCRIPTIONS]]
    for name, outcomes in groups.items():
        answerable = sum(bool(outcome.question.answers) for outcome in outcomes)
        counts = [str(answerable), str(len(outcomes) - answerable)]
        rows.append(
            [name, *counts, *(_format_value(*metric) for metric in compute_metrics(outcomes).items())]
        )
    return _format_table(rows)


def _reliability_table(title: str, groups: Iterable[tuple[str, Reliability]], counted: str) -> str:
    rows = [[title, counted, "mean confidence", "first quote right"]]
    rows += [
        [name, str(group.replies), _format_value("", group.confidence), _format_value("", group.right)]
        for name, group in groups
    ]
    return _format_table(rows)


def _page_metrics_table(name: str, quotes: Metrics, bm25: Metrics) -> str:
    rows = [[name, "quotes", "BM25 over pages", ""]]
    rows += [
        [metric, _format_value(metric, quotes[metric]), _format_value(metric, bm25[metric]), description]
        for metric, description in page_metrics.DESCRIPTIONS.items()
    ]
    return _format_table(rows, left={0, 3})


def _misses_section(result: CollectionResult) -> str:
    lines = [f"{result.collection.name}: misses"]
    for outcome in result.outcomes:
        question, citations = outcome.question, outcome.answer.citations
        if kind := _miss_kind(outcome):
            quote = " ".join(citations[0].quote.split()) if citations else "-"
            lines.append(f"  {kind}  {outcome.answer.confidence:.2f}  {question.text}  |  {quote}")
    return "\n".join(lines)


def _miss_kind(outcome: Outcome) -> str | None:
    if not outcome.question.answers:
        return "answered" if outcome.is_sure else None
    if not outcome.is_shown:
        return "silent"
    if outcome.is_right:
        return None
    if any(outcome.right):
        return "in three"
    return "wrong" if outcome.is_sure else "unsure"


def _format_value(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if name == "chars" else f"{value:.3f}"


def _format_table(rows: Sequence[Sequence[str]], left: Iterable[int] = (0,)) -> str:
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    left_columns = set(left)
    lines = (
        "  ".join(
            cell.ljust(width) if column in left_columns else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
