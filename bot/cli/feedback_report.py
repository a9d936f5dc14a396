"""What the records of feedback say: what was asked, what was not answered, what was voted down."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bot.ops.feedback import FeedbackRecord
from bot.views.truncation import label

_MOST_LISTED = 20
_MOST_QUESTION = 100


@dataclass(frozen=True, slots=True)
class Summary:
    """Questions are counted as one where only case and space differ; the most frequent come first.

    `doubtful` are those that were answered with the closest passages. A quote that was voted on stands beside
    its question and its document.
    """

    asked: int
    answered: int
    unsure: int
    declined: int
    up: int
    down: int
    first_day: str
    last_day: str
    questions: tuple[tuple[str, int], ...]
    unanswered: tuple[tuple[str, int], ...]
    doubtful: tuple[tuple[str, int], ...]
    disliked: tuple[tuple[str, str, str, int], ...]


def summarise(records: Iterable[FeedbackRecord]) -> Summary:
    every = list(records)
    asked = [record for record in every if record.vote is None]
    votes = [record for record in every if record.vote is not None]
    days = sorted(record.day for record in every)
    kinds = Counter(record.kind for record in asked)
    return Summary(
        asked=len(asked),
        answered=kinds["sure"],
        unsure=kinds["unsure"],
        declined=kinds["none"],
        up=sum(record.vote == "up" for record in votes),
        down=sum(record.vote == "down" for record in votes),
        first_day=days[0] if days else "",
        last_day=days[-1] if days else "",
        questions=_counted(asked),
        unanswered=_counted(record for record in asked if record.kind == "none"),
        doubtful=_counted(record for record in asked if record.kind == "unsure"),
        disliked=tuple(
            (*found, count)
            for found, count in Counter(
                (_folded(record.question), record.document, record.quote)
                for record in votes
                if record.vote == "down"
            ).most_common()
        ),
    )


def _counted(records: Iterable[FeedbackRecord]) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(_folded(record.question) for record in records).most_common())


def _folded(question: str) -> str:
    return " ".join(question.casefold().split())


def summary_text(summary: Summary) -> str:
    """Lay it out for a terminal."""
    if not summary.asked and not summary.up and not summary.down:
        return "Nothing has been asked yet."
    counts = (
        f"{summary.first_day} to {summary.last_day}: {summary.asked} asked, {summary.answered} answered, "
        f"{summary.unsure} not sure, {summary.declined} not; 👍 {summary.up}, 👎 {summary.down}"
    )
    lines = [counts, *_listed("Not answered", summary.unanswered), *_listed("Not sure", summary.doubtful)]
    disliked = tuple((f"{question} ({document})", count) for question, document, _, count in summary.disliked)
    lines += _listed("Voted down", disliked)
    lines += _listed("Asked most", summary.questions)
    return "\n".join(lines)


def _listed(heading: str, found: tuple[tuple[str, int], ...]) -> list[str]:
    if not found:
        return []
    rest = [f"       … and {len(found) - _MOST_LISTED} more"] if len(found) > _MOST_LISTED else []
    shown = [f"{count:6} {label(question, _MOST_QUESTION)}" for question, count in found[:_MOST_LISTED]]
    return ["", heading, *shown, *rest]


def summary_json(summary: Summary) -> dict[str, Any]:
    """Return the whole summary as one JSON object."""
    return {
        "first_day": summary.first_day or None,
        "last_day": summary.last_day or None,
        "asked": summary.asked,
        "answered": summary.answered,
        "unsure": summary.unsure,
        "declined": summary.declined,
        "up": summary.up,
        "down": summary.down,
        "questions": [{"question": q, "times": n} for q, n in summary.questions],
        "unanswered": [{"question": q, "times": n} for q, n in summary.unanswered],
        "doubtful": [{"question": q, "times": n} for q, n in summary.doubtful],
        "voted_down": [
            {"question": q, "document": d, "quote": quote, "times": n} for q, d, quote, n in summary.disliked
        ],
    }
