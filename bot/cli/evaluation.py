"""`verbatim eval`: measures how well the documents answer questions, and reports the figures.

A report is text with tables and a list of misses, or JSON.

"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from bot.cli.indexing import open_documents
from bot.cli.output import UsageFailure, print_text
from config.settings import read_settings
from retrieval.evaluation import (
    EvaluationMetrics,
    FloorCheck,
    Miss,
    Outcome,
    as_dict,
    check_floors,
    compute_metrics,
    dataset_digest,
    document_texts,
    group_by_label,
    read_cases,
    read_floors,
)
from retrieval.evaluation import evaluate as measure


def evaluate(  # noqa: PLR0913  # one for each option
    docs: Path | None,
    file: BinaryIO,
    floors_file: BinaryIO | None,
    *,
    labels: Sequence[str],
    as_json: bool,
    misses: bool,
) -> None:
    """Print the figures, and exit with whether they are good enough."""
    folder, data = docs or read_settings().seeds_dir, file.read()
    with open_documents(docs) as (library, runner):
        names = [name for source in library.sources for name in (source.name, *source.copies)]
        cases = read_cases(data, file.name, names)
        for label in labels:
            if not any(label in case.labels for case in cases):
                raise UsageFailure(f"{file.name}: --by {label}: no line has this key with a text")
        limits = read_floors(floors_file.read(), floors_file.name) if floors_file else None
        outcomes = runner.run(measure(library, cases, document_texts(folder)))
    checks = check_floors(limits, outcomes) if limits else None
    report = Report(outcomes, labels, checks, misses)
    print_text(json.dumps(report_json(report), ensure_ascii=False) if as_json else report_text(report))
    if limits and (digest := dataset_digest(data, folder, names)) != limits.digest:
        raise UsageFailure(
            f"{limits.name}: digest mismatch: expected {limits.digest}, got {digest}. The questions or "
            "documents have changed: check that the floors still make sense, then put the new digest there"
        )
    is_verbatim = report.overall.verbatim in {None, 1.0}
    sys.exit(0 if is_verbatim and all(check.is_met for check in checks or ()) else 1)


_DESCRIPTIONS = {
    "hit@1": "the first quote is from the document that answers",
    "hit@5": "one of the first five quotes is from it",
    "mrr": "mean of 1 / rank of the first quote from it",
    "quote@1": "the first quote contains an accepted answer",
    "quote@3": "one of the first three quotes does",
    "answered": "share of questions with an answer, replied to as sure",
    "declined": "share of questions without an answer, not replied to as sure",
    "balanced": "mean of answered and declined",
    "auroc": "how well confidence separates questions with and without an answer (0.5: chance)",
    "verbatim": "share of quotes identical to the document text (must be 1)",
    "median ms": "median milliseconds per answer",
    "p99 ms": "99th percentile of milliseconds per answer",
}
_MISS_TITLES = {
    Miss.WRONG: "Answered with a wrong quote",
    Miss.UNSURE: "Not sure, though there is an answer",
    Miss.DECLINED: "Declined, though there is an answer",
    Miss.UNFOUNDED: "Answered, though there is no answer",
}
_NO_VALUE = "-"


@dataclass(frozen=True, slots=True)
class Report:
    """Outcomes, the labels to group them by, and their comparison with floors, if there are any."""

    outcomes: Sequence[Outcome]
    labels: Sequence[str] = ()
    checks: Sequence[FloorCheck] | None = None
    with_misses: bool = True

    @property
    def overall(self) -> EvaluationMetrics:
        return compute_metrics(self.outcomes)

    @property
    def groups(self) -> dict[str, dict[str, EvaluationMetrics]]:
        return {
            label: {
                value: compute_metrics(group) for value, group in group_by_label(self.outcomes, label).items()
            }
            for label in self.labels
        }

    @property
    def misses(self) -> dict[Miss, list[Outcome]]:
        return {miss: [outcome for outcome in self.outcomes if outcome.miss is miss] for miss in _MISS_TITLES}


def report_text(report: Report) -> str:
    """Return the report as plain text."""
    sections = [_overall_section(report.overall)]
    sections += [_group_table(label, groups) for label, groups in report.groups.items()]
    if report.with_misses:
        sections += [
            _misses_section(_MISS_TITLES[miss], outcomes)
            for miss, outcomes in report.misses.items()
            if outcomes
        ]
    if report.checks is not None:
        sections.append(_floors_section(report.checks))
    return "\n\n".join(sections)


def report_json(report: Report) -> dict[str, Any]:
    """Return the report as a JSON object."""
    content: dict[str, Any] = {
        "all": _metrics_json(report.overall),
        "by": {
            label: {value: _metrics_json(metrics) for value, metrics in groups.items()}
            for label, groups in report.groups.items()
        },
    }
    if report.with_misses:
        content["misses"] = [_miss_json(outcome) for group in report.misses.values() for outcome in group]
    if report.checks is not None:
        content["floors"] = [
            {
                "of": check.group,
                "figure": check.metric,
                "floor": check.floor,
                "is": _round(check.value),
                "held": check.is_met,
            }
            for check in report.checks
        ]
    return content


def _overall_section(metrics: EvaluationMetrics) -> str:
    unanswerable = metrics.questions - metrics.answerable
    counts = f"{metrics.questions} questions: {metrics.answerable} with an answer, {unanswerable} without"
    rows = [
        (name, _format_value(name, value), _DESCRIPTIONS[name])
        for name, value in as_dict(metrics).items()
        if value is not None
    ]
    return f"{counts}\n\n" + _format_table(rows, left={0, 2})


def _group_table(label: str, groups: Mapping[str, EvaluationMetrics]) -> str:
    """Return a table with a row per group and a column per metric that any of them has."""
    metrics_by_value = {value: as_dict(metrics) for value, metrics in groups.items()}
    names = [
        name
        for name in _DESCRIPTIONS
        if any(metrics[name] is not None for metrics in metrics_by_value.values())
    ]
    rows = [(label, "n", *names)]
    rows += [
        (
            value or _NO_VALUE,
            str(groups[value].questions),
            *(_format_value(name, metrics[name]) for name in names),
        )
        for value, metrics in metrics_by_value.items()
    ]
    return _format_table(rows, left={0})


def _misses_section(title: str, outcomes: Sequence[Outcome]) -> str:
    return "\n\n".join([f"{title}: {len(outcomes)}", *map(_miss_text, outcomes)])


def _miss_text(outcome: Outcome) -> str:
    case, citations = outcome.case, outcome.answer.citations
    lines = [f"line {case.line}: {_as_line(case.question)}"]
    if case.answers:
        document = f" ({case.document_name})" if case.document_name else ""
        lines.append(f"  expected: {' | '.join(map(_as_line, case.answers))}{document}")
    if citations:
        first = citations[0]
        lines.append(
            f"  quoted: {_as_line(first.quote)} ({_as_line(first.document_name)}, line {first.locator.line})"
        )
    lines.append(f"  confidence {outcome.answer.confidence:.2f}{_rank_text(outcome)}")
    return "\n".join(lines)


def _rank_text(outcome: Outcome) -> str:
    if not outcome.case.answers:
        return ""
    return (
        f", the answer is in quote {outcome.rank}"
        if outcome.rank
        else ", the answer is in none of the quotes"
    )


def _floors_section(checks: Sequence[FloorCheck]) -> str:
    rows = [("floors", "figure", "is", "floor", "difference", "")]
    rows += [
        (
            check.group,
            check.metric,
            _format_value(check.metric, check.value),
            f"{check.floor:.3f}",
            _NO_VALUE if check.value is None else f"{check.value - check.floor:+.3f}",
            "" if check.is_met else "BELOW",
        )
        for check in checks
    ]
    below = sum(not check.is_met for check in checks)
    return f"{_format_table(rows, left={0, 1, 5})}\n\n{below} of {len(checks)} figures below their floors"


def _miss_json(outcome: Outcome) -> dict[str, Any]:
    first = next(iter(outcome.answer.citations), None)
    return {
        "miss": outcome.miss,
        "line": outcome.case.line,
        "question": outcome.case.question,
        "answers": list(outcome.case.answers),
        "document": outcome.case.document_name,
        "confidence": round(outcome.answer.confidence, 4),
        "quote": first and first.quote,
        "quote_document": first and first.document_name,
        "quote_line": first and first.locator.line,
        "answer_rank": outcome.rank,
    }


def _metrics_json(metrics: EvaluationMetrics) -> dict[str, float | None]:
    counts = {"questions": metrics.questions, "answerable": metrics.answerable}
    return counts | {name: _round(value) for name, value in as_dict(metrics).items()}


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _format_value(name: str, value: float | None) -> str:
    if value is None:
        return _NO_VALUE
    return f"{value:.1f}" if name.endswith("ms") else f"{value:.3f}"


def _as_line(text: str) -> str:
    """Return a text as a single line, with control characters replaced: they could move the cursor."""
    joined = " ".join(text.split())
    return "".join("\ufffd" if unicodedata.category(char) == "Cc" else char for char in joined)


def _format_table(rows: Sequence[Sequence[str]], left: set[int]) -> str:
    """Align columns to the right, or to the left if their position is in `left`."""
    lines = [[_as_line(cell) for cell in row] for row in rows]
    widths = [max(map(_display_width, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(_pad_cells(row, widths, left)).rstrip() for row in lines)


def _pad_cells(row: Iterable[str], widths: Sequence[int], left: set[int]) -> Iterator[str]:
    for column, cell in enumerate(row):
        padding = " " * (widths[column] - _display_width(cell))
        yield cell + padding if column in left else padding + cell


def _display_width(text: str) -> int:
    return sum(
        0
        if unicodedata.category(char) in {"Mn", "Me", "Cf"}
        else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )
