from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retrieval.index.candidates import Candidates
from retrieval.query.matching import QueryMatches
from retrieval.query.query import Query
from retrieval.quotes.quote_selection import CandidateSpans, find_spans

Look = Callable[..., tuple[Query, Candidates, QueryMatches] | None]

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


def bounds(spans: CandidateSpans) -> list[tuple[int, int]]:
    """Return the first and the last piece of each span."""
    return sorted(zip(spans.first.tolist(), spans.last.tolist(), strict=True))


@given(texts=TEXTS, max_chars=st.integers(1, 200), excluded=st.integers(0, 4))
@settings(max_examples=40)
def test_all_spans(texts: Sequence[tuple[str, str]], max_chars: int, excluded: int, look: Look) -> None:
    """Spans are all adjacent pieces of one shortlisted candidate that fit, and every single piece."""
    looked = look("Does the goat like milk or the keeper?", texts, 60)
    assume(looked is not None)
    _, candidates, matches = looked  # type: ignore[misc]
    shortlisted = np.flatnonzero(np.arange(len(candidates.passages)) != excluded)
    assume(len(shortlisted))
    expected = [
        (first, last)
        for first, owner in enumerate(matches.owners)
        for last in range(first, min(first + 24, len(matches.owners)))
        if owner in shortlisted
        and matches.owners[last] == owner
        and (first == last or matches.ends[last] - matches.starts[first] <= max_chars)
    ]
    assert expected == bounds(find_spans(matches, shortlisted, max_chars))


@given(texts=TEXTS)
@settings(max_examples=40)
def test_matches_of_spans(texts: Sequence[tuple[str, str]], look: Look) -> None:
    """The matches of a span are the sums of its pieces' counts and the maxima of their similarities."""
    looked = look("Does the goat like milk or the keeper?", texts, 60)
    assume(looked is not None)
    _, candidates, matches = looked  # type: ignore[misc]
    spans = find_spans(matches, np.arange(len(candidates.passages)), 120)
    for row, (first, last) in enumerate(zip(spans.first, spans.last, strict=True)):
        own = slice(first, last + 1)
        assert matches.words[own].sum(axis=0).tolist() == spans.words[row].tolist()
        assert matches.grams[own].sum(axis=0).tolist() == spans.grams[row].tolist()
        assert matches.years[own].sum() == spans.years[row]
        assert matches.numbers[own].sum() == spans.numbers[row]
        assert matches.capitals[own].sum() == spans.capitals[row]
        assert matches.similarity[own].max(axis=0).tolist() == spans.similarity[row].tolist()


def test_passage_boundary(look: Look) -> None:
    """No span crosses from one passage to the next."""
    looked = look("goat", [("en", "The goat eats."), ("en", "The goat sleeps.")])
    assert looked is not None
    assert [(0, 0), (1, 1)] == bounds(find_spans(looked[2], np.arange(2), 300))
