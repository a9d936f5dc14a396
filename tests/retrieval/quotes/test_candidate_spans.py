from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retrieval.index.protocol import Candidates
from retrieval.query.query import Query
from retrieval.query.reranker import MatchFeatures
from retrieval.quotes.quote_selection import CandidateSpans, find_spans

Look = Callable[..., tuple[Query, Candidates, MatchFeatures] | None]

SENTENCE = st.sampled_from(
    [
        "The goat eats. ",
        "A keeper in 1874 came! ",
        "Goats. ",
        "Salt, milk and Holloway. ",
        "No. ",
        "Козы тут. ",
    ]
)
TEXT = st.lists(SENTENCE, min_size=1, max_size=30).map("".join)
TEXTS = st.lists(st.tuples(st.just("en"), TEXT), min_size=1, max_size=4)


def pairs(runs: CandidateSpans) -> list[tuple[int, int]]:
    return sorted(zip(runs.first.tolist(), runs.last.tolist(), strict=True))


@given(texts=TEXTS, longest=st.integers(1, 200), left_out=st.integers(0, 4))
@settings(max_examples=40)
def test_all_runs(texts: Sequence[tuple[str, str]], longest: int, left_out: int, look: Look) -> None:
    """Runs are all neighbouring pieces of one kept candidate that fit, and every piece by itself."""
    looked = look("Does the goat like milk or the keeper?", texts, 60)
    assume(looked is not None)
    _, candidates, evidence = looked  # type: ignore[misc]
    kept = np.flatnonzero(np.arange(len(candidates.passages)) != left_out)
    assume(len(kept))
    expected = [
        (first, last)
        for first, owner in enumerate(evidence.owners)
        for last in range(first, min(first + 24, len(evidence.owners)))
        if owner in kept
        and evidence.owners[last] == owner
        and (first == last or evidence.ends[last] - evidence.starts[first] <= longest)
    ]
    assert expected == pairs(find_spans(evidence, kept, longest))


@given(texts=TEXTS)
@settings(max_examples=40)
def test_what_runs_hold(texts: Sequence[tuple[str, str]], look: Look) -> None:
    """A run holds what its pieces hold: counts added up, and the greatest likeness."""
    looked = look("Does the goat like milk or the keeper?", texts, 60)
    assume(looked is not None)
    _, candidates, evidence = looked  # type: ignore[misc]
    runs = find_spans(evidence, np.arange(len(candidates.passages)), 120)
    for run, (first, last) in enumerate(zip(runs.first, runs.last, strict=True)):
        own = slice(first, last + 1)
        assert evidence.words[own].sum(axis=0).tolist() == runs.words[run].tolist()
        assert evidence.grams[own].sum(axis=0).tolist() == runs.grams[run].tolist()
        assert evidence.years[own].sum() == runs.years[run]
        assert evidence.numbers[own].sum() == runs.numbers[run]
        assert evidence.capitals[own].sum() == runs.capitals[run]
        assert evidence.likeness[own].max(axis=0).tolist() == runs.likeness[run].tolist()


def test_one_place_only(look: Look) -> None:
    """No run goes over from one passage to the next."""
    looked = look("goat", [("en", "The goat eats."), ("en", "The goat sleeps.")])
    assert looked is not None
    assert [(0, 0), (1, 1)] == pairs(find_spans(looked[2], np.arange(2), 300))
