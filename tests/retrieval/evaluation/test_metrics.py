"""Figures of an evaluation: small cases worked out by hand, and AUROC against counting all pairs."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents.library import Library
from retrieval.evaluation.metrics import (
    Case,
    Miss,
    Outcome,
    as_dict,
    auroc,
    compute_metrics,
    document_texts,
    evaluate,
    grouped,
)
from retrieval.model import Answer, Citation, Locator, Passage, Span

CONFIDENCES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0]) | st.floats(0, 1), max_size=30)


def _citation(rank: int, quote: str, document: str = "a.txt") -> Citation:
    span = Span(0, len(quote))
    passage = Passage("p", document, "Title", span, quote, (), 1, 1, "en")
    return Citation(rank, document, "Title", span, quote, (), 1.0, Locator(None, None, 1, 1, 1), passage)


def _outcome(case: Case, confidence: float, *quotes: tuple[str, str], seconds: float = 0.001) -> Outcome:
    cited = tuple(_citation(rank, text, document) for rank, (text, document) in enumerate(quotes, 1))
    return Outcome(
        case,
        Answer(case.question, "sure" if confidence >= 0.5 else "none", confidence, cited),
        len(cited),
        seconds,
    )


OUTCOMES = [
    # Right at once.
    _outcome(Case("q1", ("red",), "a.txt", {"of": "x"}), 0.9, ("It is red.", "a.txt"), seconds=0.001),
    # Answered with the third quote, from the second document.
    _outcome(
        Case("q2", ("blue", "azure"), "b.txt", {"of": "x"}),
        0.6,
        ("One.", "a.txt"),
        ("Two.", "b.txt"),
        ("It is AZURE.", "b.txt"),
        seconds=0.002,
    ),
    # Declined, and nowhere to be found; its document is not known.
    _outcome(Case("q3", ("green",)), 0.2, ("One.", "a.txt"), seconds=0.003),
    # No answer, and declined.
    _outcome(Case("q4", labels={"of": "y"}), 0.1, ("One.", "a.txt"), seconds=0.004),
    # No answer, but answered.
    _outcome(Case("q5", labels={"of": "y"}), 0.6, ("One.", "a.txt"), seconds=0.010),
]


def test_figures_worked_out_by_hand() -> None:
    """Each figure is over the cases that can tell it, as its name says."""
    expected = {
        "hit@1": 1 / 2,
        "hit@5": 2 / 2,
        "mrr": (1 + 1 / 2) / 2,
        "quote@1": 1 / 3,
        "quote@3": 2 / 3,
        "answered": 2 / 3,
        "declined": 1 / 2,
        "balanced": (2 / 3 + 1 / 2) / 2,
        # 0.9 beats both, 0.6 beats one and ties with the other, 0.2 beats one.
        "auroc": (2 + 1.5 + 1) / 6,
        "verbatim": 1.0,
        "median ms": 3.0,
        "p99 ms": 10.0,
    }
    measured = compute_metrics(OUTCOMES)
    assert (5, 3) == (measured.questions, measured.answerable)
    assert pytest.approx(expected) == as_dict(measured)


def test_what_cases_cannot_tell_is_none() -> None:
    """Without unanswerable questions, documents or quotes there is no figure, rather than a wrong one."""
    measured = compute_metrics([_outcome(Case("q", ("red",)), 0.9)])
    untold = {name for name, value in as_dict(measured).items() if value is None}
    assert {"hit@1", "hit@5", "mrr", "declined", "balanced", "auroc", "verbatim"} == untold
    assert {None} == set(as_dict(compute_metrics([])).values())


def test_misses() -> None:
    """An outcome says what went wrong, and nothing when all is right."""
    expected = [None, Miss.WRONG, Miss.DECLINED, None, Miss.UNFOUNDED]
    assert expected == [outcome.miss for outcome in OUTCOMES]


def test_groups_are_by_label() -> None:
    """Cases are grouped by the value of a label; those without it come last."""
    found = {value: [o.case.question for o in group] for value, group in grouped(OUTCOMES, "of").items()}
    assert [("x", ["q1", "q2"]), ("y", ["q4", "q5"]), ("", ["q3"])] == list(found.items())


def test_an_answer_is_found_across_lines_and_in_capitals() -> None:
    """Line breaks and capitals of the document do not hide an answer; other words do."""
    case = Case("q", ("taken off by helicopter",))
    assert case.is_held_by("The crew was Taken off\nby  helicopter.")
    assert not case.is_held_by("The crew was taken off by a helicopter.")


@given(CONFIDENCES, CONFIDENCES)
def test_auroc_equals_the_count_of_all_pairs(positive: Sequence[float], negative: Sequence[float]) -> None:
    """AUROC by ranks is the share of pairs in the right order, a tie counting half."""
    pairs = [(p > n) + (p == n) / 2 for p, n in product(positive, negative)]
    expected = pytest.approx(sum(pairs) / len(pairs)) if pairs else None
    assert expected == auroc(positive, negative)


async def test_quotes_are_held_against_the_documents_read_anew(tmp_path: Path) -> None:
    """A quote counts as verbatim by what the file says now, not by what the index says."""
    place = tmp_path / "tower.txt"
    place.write_text("The tower of Nordholm was built in 1874 by Clara Brandt.\n", encoding="utf-8")
    library = Library.open(tmp_path)
    case = Case("Who built the tower of Nordholm?", ("Clara Brandt",), "tower.txt")
    (outcome,) = await evaluate(library, [case], document_texts(tmp_path))
    assert (1, 1, 1) == (outcome.rank, outcome.document_rank, outcome.verbatim)
    assert 0 < outcome.seconds < 60
    place.write_text("Nothing of the sort.\n", encoding="utf-8")
    assert 0.0 == compute_metrics(await evaluate(library, [case], document_texts(tmp_path))).verbatim
    place.unlink()
    assert 0.0 == compute_metrics(await evaluate(library, [case], document_texts(tmp_path))).verbatim
