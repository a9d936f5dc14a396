"""The metrics of small cases computed by hand, and AUROC compared with counting all pairs."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents.local_library import LocalLibrary
from retrieval.evaluation import (
    Case,
    Miss,
    Outcome,
    as_dict,
    auroc,
    compute_metrics,
    document_texts,
    evaluate,
    group_by_label,
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
    # Correct first quote.
    _outcome(Case("q1", ("red",), "a.txt", {"of": "x"}), 0.9, ("It is red.", "a.txt"), seconds=0.001),
    # The third quote contains the answer; the second one is from the document.
    _outcome(
        Case("q2", ("blue", "azure"), "b.txt", {"of": "x"}),
        0.6,
        ("One.", "a.txt"),
        ("Two.", "b.txt"),
        ("It is AZURE.", "b.txt"),
        seconds=0.002,
    ),
    # Declined, no quote contains the answer, the document is not named.
    _outcome(Case("q3", ("green",)), 0.2, ("One.", "a.txt"), seconds=0.003),
    # No answer, and declined.
    _outcome(Case("q4", labels={"of": "y"}), 0.1, ("One.", "a.txt"), seconds=0.004),
    # No answer, but answered.
    _outcome(Case("q5", labels={"of": "y"}), 0.6, ("One.", "a.txt"), seconds=0.010),
]


def test_metrics() -> None:
    """Each metric equals the value computed by hand."""
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
    metrics = compute_metrics(OUTCOMES)
    assert (5, 3) == (metrics.questions, metrics.answerable)
    assert pytest.approx(expected) == as_dict(metrics)


def test_undefined_metrics() -> None:
    """A metric is None if no case counts for it."""
    metrics = compute_metrics([_outcome(Case("q", ("red",)), 0.9)])
    undefined = {name for name, value in as_dict(metrics).items() if value is None}
    assert {"hit@1", "hit@5", "mrr", "declined", "balanced", "auroc", "verbatim"} == undefined
    assert {None} == set(as_dict(compute_metrics([])).values())


def test_misses() -> None:
    """An outcome has the kind of its miss, or None."""
    expected = [None, Miss.WRONG, Miss.DECLINED, None, Miss.UNFOUNDED]
    assert expected == [outcome.miss for outcome in OUTCOMES]
    unsure = replace(OUTCOMES[2], answer=replace(OUTCOMES[2].answer, certainty="unsure"))
    assert Miss.UNSURE is unsure.miss


def test_group_by_label() -> None:
    """Outcomes are grouped by the value of a label; those without it are last."""
    groups = {
        value: [o.case.question for o in group] for value, group in group_by_label(OUTCOMES, "of").items()
    }
    assert [("x", ["q1", "q2"]), ("y", ["q4", "q5"]), ("", ["q3"])] == list(groups.items())


def test_accepted_quotes() -> None:
    """Line breaks and case are ignored when an answer is looked up in a quote; words are not."""
    case = Case("q", ("taken off by helicopter",))
    assert case.accepts("The crew was Taken off\nby  helicopter.")
    assert not case.accepts("The crew was taken off by a helicopter.")


@given(CONFIDENCES, CONFIDENCES)
def test_auroc(positive: Sequence[float], negative: Sequence[float]) -> None:
    """AUROC is the share of pairs in the right order; ties count half."""
    pairs = [(p > n) + (p == n) / 2 for p, n in product(positive, negative)]
    expected = pytest.approx(sum(pairs) / len(pairs)) if pairs else None
    assert expected == auroc(positive, negative)


async def test_changed_document(tmp_path: Path) -> None:
    """Quotes are compared with the current text of the file, not with the index."""
    path = tmp_path / "tower.txt"
    path.write_text("The tower of Nordholm was built in 1874 by Clara Brandt.\n", encoding="utf-8")
    library = LocalLibrary.open(tmp_path)
    case = Case("Who built the tower of Nordholm?", ("Clara Brandt",), "tower.txt")
    (outcome,) = await evaluate(library, [case], document_texts(tmp_path))
    assert (1, 1, 1) == (outcome.rank, outcome.document_rank, outcome.verbatim)
    assert 0 < outcome.seconds < 60
    path.write_text("Nothing of the sort.\n", encoding="utf-8")
    assert 0.0 == compute_metrics(await evaluate(library, [case], document_texts(tmp_path))).verbatim
    path.unlink()
    assert 0.0 == compute_metrics(await evaluate(library, [case], document_texts(tmp_path))).verbatim
