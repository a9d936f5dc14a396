"""Summarises feedback: what was asked, what was not answered, and what was voted down."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot import monitoring
from bot.cli.output import count_noun, print_text
from bot.monitoring import FeedbackRecord
from bot.views.message import one_line
from config import ConfigError
from config.settings import read_settings

_MAX_LISTED_QUESTIONS = 20
_MAX_QUESTION_CHARS = 100


@dataclass(frozen=True, slots=True)
class FeedbackSummary:
    """Counts of records, and lists with the most frequent first.

    Questions that differ only in case and whitespace count as one. `doubtful` questions were answered with
    the closest passages. An entry of `disliked` is a question, a document, a quote and a count.
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


def report(folders: Sequence[Path], *, as_json: bool) -> None:
    """Print a summary of the records in these folders, or without any in FEEDBACK_DIR."""
    if not folders:
        folder = read_settings().feedback_dir
        if folder is None:
            raise ConfigError("FEEDBACK_DIR is not set, so nothing is collected: set it to a folder")
        folders = (folder,)
    records = (record for folder in folders for record in monitoring.read_records(folder))
    summary = summarise(records)
    print_text(json.dumps(summary_json(summary), ensure_ascii=False) if as_json else summary_text(summary))


def summarise(records: Iterable[FeedbackRecord]) -> FeedbackSummary:
    records = list(records)
    questions = [record for record in records if record.vote is None]
    votes = [record for record in records if record.vote is not None]
    days = sorted(record.day for record in records)
    kinds = Counter(record.kind for record in questions)
    return FeedbackSummary(
        asked=len(questions),
        answered=kinds["sure"],
        unsure=kinds["unsure"],
        declined=kinds["none"],
        up=sum(record.vote == "up" for record in votes),
        down=sum(record.vote == "down" for record in votes),
        first_day=days[0] if days else "",
        last_day=days[-1] if days else "",
        questions=_count_questions(questions),
        unanswered=_count_questions(record for record in questions if record.kind == "none"),
        doubtful=_count_questions(record for record in questions if record.kind == "unsure"),
        disliked=tuple(
            (*vote, count)
            for vote, count in Counter(
                (_normalise(record.question), record.document, record.quote)
                for record in votes
                if record.vote == "down"
            ).most_common()
        ),
    )


def _count_questions(records: Iterable[FeedbackRecord]) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(_normalise(record.question) for record in records).most_common())


def _normalise(question: str) -> str:
    return " ".join(question.casefold().split())


def summary_text(summary: FeedbackSummary) -> str:
    """Return the summary as text for a terminal."""
    if not summary.asked and not summary.up and not summary.down:
        return "Nothing has been asked yet."
    counts = (
        f"{summary.first_day} to {summary.last_day}, {count_noun(summary.asked, 'question')}: "
        f"{summary.answered} answered, {summary.unsure} not sure, {summary.declined} not answered; "
        f"👍 {summary.up}, 👎 {summary.down}"
    )
    lines = [
        counts,
        *_list_lines("Not answered", summary.unanswered),
        *_list_lines("Not sure", summary.doubtful),
    ]
    disliked = tuple((f"{question} ({document})", count) for question, document, _, count in summary.disliked)
    lines += _list_lines("Voted down", disliked)
    lines += _list_lines("Asked most", summary.questions)
    return "\n".join(lines)


def _list_lines(heading: str, entries: tuple[tuple[str, int], ...]) -> list[str]:
    if not entries:
        return []
    rest = (
        [f"       … and {len(entries) - _MAX_LISTED_QUESTIONS} more"]
        if len(entries) > _MAX_LISTED_QUESTIONS
        else []
    )
    lines = [
        f"{count:6} {one_line(question, _MAX_QUESTION_CHARS)}"
        for question, count in entries[:_MAX_LISTED_QUESTIONS]
    ]
    return ["", heading, *lines, *rest]


def summary_json(summary: FeedbackSummary) -> dict[str, Any]:
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
