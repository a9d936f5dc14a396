from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrieval.index.interface import Candidates
from retrieval.query.match_features import (
    SHORTLIST_SIZE,
    IntArray,
    MatchFeatures,
    passage_features,
    shortlist,
)
from retrieval.query.query import Query
from retrieval.quotes.citations import Excerpt
from retrieval.quotes.confidence import WITH_MEANING, WITH_TOKENS, WORDS_ONLY, Coefficients
from retrieval.quotes.quote_selection import RankedSpans, rank_spans, select_quotes
from tests.retrieval.fake_encoder import FakeEncoder

Look = Callable[..., tuple[Query, Candidates, MatchFeatures] | None]

SENTENCE = st.sampled_from(["The goat eats. ", "A keeper came! ", "Goats. ", "Salt and milk, 1874. ", "No. "])
TEXTS = st.lists(
    st.tuples(st.just("en"), st.lists(SENTENCE, min_size=1, max_size=12).map("".join)), min_size=1, max_size=5
)


@given(texts=TEXTS, max_chars=st.integers(15, 120), top=st.integers(1, 8))
@settings(max_examples=50)
def test_select_quotes(texts: Sequence[tuple[str, str]], max_chars: int, top: int, look: Look) -> None:
    """Quotes fit, do not overlap, start with the best span, and stop at `top` or when no piece is left."""
    looked = look("Does the goat eat salt?", list(texts), max_chars)
    assume(looked is not None)
    query, candidates, matches = looked  # type: ignore[misc]
    ranking = rank_spans(query, matches, candidates, max_chars)
    selected = select_quotes(ranking, matches, top)
    assert ranking.scores.max() == selected[0].score
    assert len(selected) <= top
    for excerpt in selected:
        assert 0 < excerpt.end - excerpt.start <= max_chars
    ordered = sorted((excerpt.candidate, excerpt.start, excerpt.end) for excerpt in selected)
    for (candidate, _, end), (other, start, _) in pairwise(ordered):
        assert candidate != other or end <= start
    everything = select_quotes(ranking, matches, 10_000)
    assert selected == everything[:top]
    covered = sum(
        int(
            (
                (matches.owners == excerpt.candidate)
                & (matches.starts >= excerpt.start)
                & (matches.ends <= excerpt.end)
            ).sum()
        )
        for excerpt in everything
    )
    assert len(np.unique(ranking.spans.first)) == covered


def starts(selected: list[Excerpt]) -> list[tuple[int, int]]:
    return [(excerpt.candidate, excerpt.start) for excerpt in selected]


@pytest.mark.parametrize(("advantage", "expected"), [(0.4, [0, 2, 1]), (0.6, [0, 1, 2])])
def test_adjacent_spans(advantage: float, expected: list[int], look: Look) -> None:
    """Next to a selected span, a span must score 0.5 more than one elsewhere to be selected first."""
    looked = look("goat", [("en", "The goat eats. A goat."), ("en", "The goat.")], 16)
    assert looked is not None
    ranking = rank_spans(looked[0], looked[2], looked[1], 16)
    assert [0, 1, 2] == sorted(ranking.spans.first.tolist())
    elsewhere = 0 if looked[2].owners.tolist() == [0, 1, 1] else 2
    near = [piece for piece in range(3) if piece != elsewhere]
    scores = np.zeros(3)
    by_piece = dict(zip(ranking.spans.first.tolist(), range(3), strict=True))
    scores[by_piece[near[0]]], scores[by_piece[near[1]]], scores[by_piece[elsewhere]] = 9, 5 + advantage, 5
    selected = select_quotes(
        RankedSpans(ranking.spans, ranking.features, scores, ranking.coefficients), looked[2], 3
    )
    order = [near[0], near[1], elsewhere]
    expected_starts = [(int(looked[2].owners[order[i]]), int(looked[2].starts[order[i]])) for i in expected]
    assert expected_starts == starts(selected)


@pytest.mark.parametrize(("encoder", "coefficients"), [(None, WORDS_ONLY), (FakeEncoder(), WITH_TOKENS)])
def test_fit(encoder: FakeEncoder | None, coefficients: Coefficients, look: Look) -> None:
    """Scores are the features times the coefficients, of the fit with tokens if they are encoded."""
    looked = look("Does the goat eat?", [("en", "Snow fell. The goat eats. No.")], 20, encoder=encoder)
    assert looked is not None
    ranking = rank_spans(looked[0], looked[2], looked[1], 20)
    assert coefficients is ranking.coefficients
    scores = sum(coefficient * ranking.features[name] for name, coefficient in coefficients.quote.items())
    assert ranking.scores.tolist() == pytest.approx(np.asarray(scores).tolist())


@pytest.mark.parametrize("is_shortlisted", [True, False])
def test_fit_with_tokens(look: Look, *, is_shortlisted: bool) -> None:
    """The fit with tokens is used if all shortlisted passages have tokens, whether or not others have."""
    texts = [("en", f"The goat eats {'salt ' * number}.") for number in range(SHORTLIST_SIZE + 5)]
    looked = look("Does the goat eat salt?", texts, 120, encoder=FakeEncoder())
    assert looked is not None
    query, candidates, matches = looked
    shortlisted = shortlist(passage_features(query, matches))
    others = np.setdiff1d(np.arange(len(candidates.passages)), shortlisted)
    assert SHORTLIST_SIZE == len(shortlisted) < len(candidates.passages)
    missing = shortlisted[-1] if is_shortlisted else others[0]
    assert matches.meaning is not None
    compare = matches.meaning.compare_tokens
    assert compare is not None

    def compare_all_but_one(ordinals: IntArray) -> NDArray[np.float32] | None:
        return None if missing in ordinals else compare(ordinals)

    meaning = replace(matches.meaning, compare_tokens=compare_all_but_one)
    ranking = rank_spans(query, replace(matches, meaning=meaning), candidates, 120)
    assert ranking.coefficients is (WITH_MEANING if is_shortlisted else WITH_TOKENS)
    assert is_shortlisted == ("token_meaning" not in ranking.features)
    expected = rank_spans(
        query,
        replace(matches, meaning=replace(matches.meaning, compare_tokens=None))
        if is_shortlisted
        else matches,
        candidates,
        120,
    )
    assert expected.scores.tolist() == ranking.scores.tolist()


def test_best_features(look: Look) -> None:
    """The best features are those of the span with the highest score."""
    looked = look("Does the goat eat?", [("en", "Snow fell. The goat eats. No.")], 20)
    assert looked is not None
    ranking = rank_spans(looked[0], looked[2], looked[1], 20)
    best = int(np.argmax(ranking.scores))
    assert {name: values[best] for name, values in ranking.features.items()} == ranking.best_features
