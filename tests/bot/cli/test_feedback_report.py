"""The report on stored feedback."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.cli.feedback_report import summarise, summary_json, summary_text
from bot.monitoring import FeedbackRecord

RECORDS = [
    FeedbackRecord("2024-01-02", "Who  built it?", answered=True, confidence=0.9),
    FeedbackRecord("2024-01-01", "who built IT?", answered=True, confidence=0.9),
    FeedbackRecord("2024-01-03", "How deep?", answered=False, confidence=0.1),
    FeedbackRecord("2024-01-03", "How high?", answered=False, confidence=0.3, certainty="unsure"),
    FeedbackRecord("2024-01-03", "Who built it?", True, 0.9, "a.txt", "Clara.", "down"),
    FeedbackRecord("2024-01-03", "Who built it?", True, 0.9, "a.txt", "Clara.", "up"),
]


def test_a_summary_counts() -> None:
    """Questions that differ in case and whitespace are one; votes are counted with their quotes."""
    assert {
        "first_day": "2024-01-01",
        "last_day": "2024-01-03",
        "asked": 4,
        "answered": 2,
        "unsure": 1,
        "declined": 1,
        "up": 1,
        "down": 1,
        "questions": [
            {"question": "who built it?", "times": 2},
            {"question": "how deep?", "times": 1},
            {"question": "how high?", "times": 1},
        ],
        "unanswered": [{"question": "how deep?", "times": 1}],
        "doubtful": [{"question": "how high?", "times": 1}],
        "voted_down": [
            {"question": "who built it?", "document": "a.txt", "quote": "Clara.", "times": 1},
        ],
    } == summary_json(summarise(RECORDS))


def test_a_summary_for_people() -> None:
    """The text is a line of counts and four lists."""
    assert (
        "2024-01-01 to 2024-01-03, 4 questions: 2 answered, 1 not sure, 1 not answered; 👍 1, 👎 1\n\n"
        "Not answered\n     1 how deep?\n\n"
        "Not sure\n     1 how high?\n\n"
        "Voted down\n     1 who built it? (a.txt)\n\n"
        "Asked most\n     2 who built it?\n     1 how deep?\n     1 how high?"
    ) == summary_text(summarise(RECORDS))


def test_nothing_asked() -> None:
    """A report without records says so."""
    assert "Nothing has been asked yet." == summary_text(summarise([]))
    assert (0, None) == (summary_json(summarise([]))["asked"], summary_json(summarise([]))["last_day"])


@pytest.mark.parametrize("count", [20, 21, 40])
def test_long_lists_are_cut(count: int) -> None:
    """A list has the first twenty entries, and says how many more there are."""
    listed = summary_text(
        summarise(FeedbackRecord("2024-01-01", f"Q{n}", answered=True, confidence=1) for n in range(count))
    )
    more = [f"       … and {count - 20} more"] * (count > 20)
    assert more == [line for line in listed.splitlines() if "more" in line]
    assert 20 == sum(line.startswith("     1 q") for line in listed.splitlines())


@given(st.lists(st.builds(FeedbackRecord, st.just("2024-01-01"), st.text(), st.booleans(), st.just(0.5))))
def test_any_questions_are_laid_out(feedback_records: list[FeedbackRecord]) -> None:
    """Any questions are counted, and take one line each."""
    summary = summarise(feedback_records)
    assert len(feedback_records) == sum(times for _, times in summary.questions)
    assert len(summary_text(summary).split("\n")) <= 1 + 3 * 23
