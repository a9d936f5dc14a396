"""An evaluation as tables and a list of misses, and as JSON for programs."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrieval.evaluation.floors import Check
from retrieval.evaluation.metrics import EvaluationMetrics, Miss, Outcome, as_dict, compute_metrics, grouped

_MEANINGS = {
    "hit@1": "the first quote is from the document that answers",
    "hit@5": "one of the first five is",
    "mrr": "mean of 1 / the rank of the first that is",
    "quote@1": "the first quote holds the answer",
    "quote@3": "one of the first three does",
    "answered": "questions with an answer that were answered",
    "declined": "questions without an answer that were declined",
    "balanced": "the mean of these two",
    "auroc": "how well the confidence tells these two apart (0.5: by chance)",
    "verbatim": "quotes that equal their document, letter for letter (must be 1)",
    "median ms": "milliseconds of an answer: half take less",
    "p99 ms": "milliseconds of an answer: 99 of 100 take less",
}
_MISSES = {
    Miss.WRONG: "Answered with another quote",
    Miss.DECLINED: "Declined, though there is an answer",
    Miss.UNFOUNDED: "Answered, though there is no answer",
}
_NOTHING = "-"


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to tell: outcomes, the labels to group them by, and floors, if any, held against them."""

    outcomes: Sequence[Outcome]
    labels: Sequence[str] = ()
    checks: Sequence[Check] | None = None
    with_misses: bool = True

    @property
    def overall(self) -> EvaluationMetrics:
        return compute_metrics(self.outcomes)

    @property
    def groups(self) -> dict[str, dict[str, EvaluationMetrics]]:
        return {
            label: {value: compute_metrics(found) for value, found in grouped(self.outcomes, label).items()}
            for label in self.labels
        }

    @property
    def misses(self) -> dict[Miss, list[Outcome]]:
        return {miss: [outcome for outcome in self.outcomes if outcome.miss is miss] for miss in _MISSES}


def report_text(report: Report) -> str:
    """Lay the report out for people, paragraph by paragraph."""
    parts = [_overall(report.overall)]
    parts += [_by(label, groups) for label, groups in report.groups.items()]
    if report.with_misses:
        parts += [_missed(_MISSES[miss], found) for miss, found in report.misses.items() if found]
    if report.checks is not None:
        parts.append(_held(report.checks))
    return "\n\n".join(parts)


def report_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON."""
    content: dict[str, Any] = {
        "all": _numbers(report.overall),
        "by": {
            label: {value: _numbers(of) for value, of in groups.items()}
            for label, groups in report.groups.items()
        },
    }
    if report.with_misses:
        content["misses"] = [_miss(outcome) for found in report.misses.values() for outcome in found]
    if report.checks is not None:
        content["floors"] = [
            {"of": check.group, "figure": check.name, "floor": check.floor, "is": _rounded(check.figure)}
            | {"held": check.is_held}
            for check in report.checks
        ]
    return content


def _overall(of: EvaluationMetrics) -> str:
    without = of.questions - of.answerable
    counted = f"{of.questions} questions: {of.answerable} with an answer, {without} without"
    rows = [
        (name, _shown(name, value), _MEANINGS[name])
        for name, value in as_dict(of).items()
        if value is not None
    ]
    return f"{counted}\n\n" + _table(rows, left={0, 2})


def _by(label: str, groups: Mapping[str, EvaluationMetrics]) -> str:
    """Lay out a line for each group, with the figures that any of them has."""
    measured = {value: as_dict(of) for value, of in groups.items()}
    names = [name for name in _MEANINGS if any(of[name] is not None for of in measured.values())]
    rows = [(label, "n", *names)]
    rows += [
        (value or _NOTHING, str(groups[value].questions), *(_shown(name, of[name]) for name in names))
        for value, of in measured.items()
    ]
    return _table(rows, left={0})


def _missed(title: str, outcomes: Sequence[Outcome]) -> str:
    return "\n\n".join([f"{title}: {len(outcomes)}", *map(_told, outcomes)])


def _told(outcome: Outcome) -> str:
    case, citations = outcome.case, outcome.answer.citations
    lines = [f"line {case.line}: {_line(case.question)}"]
    if case.answers:
        document = f" ({case.document})" if case.document else ""
        lines.append(f"  wanted: {' | '.join(map(_line, case.answers))}{document}")
    if citations:
        first = citations[0]
        lines.append(f"  quoted: {_line(first.quote)} ({_line(first.document)}, line {first.locator.line})")
    lines.append(f"  confidence {outcome.answer.confidence:.2f}{_found(outcome)}")
    return "\n".join(lines)


def _found(outcome: Outcome) -> str:
    if not outcome.case.answers:
        return ""
    return (
        f", the answer is in quote {outcome.rank}"
        if outcome.rank
        else ", the answer is in none of the quotes"
    )


def _held(checks: Sequence[Check]) -> str:
    rows = [("floors", "figure", "is", "floor", "difference", "")]
    rows += [
        (
            check.group,
            check.name,
            _shown(check.name, check.figure),
            f"{check.floor:.3f}",
            _NOTHING if check.figure is None else f"{check.figure - check.floor:+.3f}",
            "" if check.is_held else "BELOW",
        )
        for check in checks
    ]
    below = sum(not check.is_held for check in checks)
    return f"{_table(rows, left={0, 1, 5})}\n\n{below} of {len(checks)} figures below their floors"


def _miss(outcome: Outcome) -> dict[str, Any]:
    first = next(iter(outcome.answer.citations), None)
    return {
        "miss": outcome.miss,
        "line": outcome.case.line,
        "question": outcome.case.question,
        "answers": list(outcome.case.answers),
        "document": outcome.case.document,
        "confidence": round(outcome.answer.confidence, 4),
        "quote": first and first.quote,
        "quote_document": first and first.document,
        "quote_line": first and first.locator.line,
        "answer_rank": outcome.rank,
    }


def _numbers(of: EvaluationMetrics) -> dict[str, float | None]:
    counts = {"questions": of.questions, "answerable": of.answerable}
    return counts | {name: _rounded(value) for name, value in as_dict(of).items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return _NOTHING
    return f"{value:.1f}" if name.endswith("ms") else f"{value:.3f}"


def _line(text: str) -> str:
    """Put any text on one line of a terminal, without what would move its cursor."""
    joined = " ".join(text.split())
    return "".join("\ufffd" if unicodedata.category(letter) == "Cc" else letter for letter in joined)


def _table(rows: Sequence[Sequence[str]], left: set[int]) -> str:
    """Align the columns, to the left or to the right."""
    clean = [[_line(cell) for cell in row] for row in rows]
    widths = [max(map(_columns, column)) for column in zip(*clean, strict=True)]
    return "\n".join("  ".join(_cells(row, widths, left)).rstrip() for row in clean)


def _cells(row: Iterable[str], widths: Sequence[int], left: set[int]) -> Iterator[str]:
    for number, cell in enumerate(row):
        space = " " * (widths[number] - _columns(cell))
        yield cell + space if number in left else space + cell


def _columns(text: str) -> int:
    return sum(
        0
        if unicodedata.category(letter) in {"Mn", "Me", "Cf"}
        else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )
