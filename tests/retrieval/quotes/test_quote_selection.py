from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retrieval.index.protocol import Candidates
from retrieval.query.query import Query
from retrieval.query.reranker import MatchFeatures
from retrieval.quotes.citations import Excerpt
from retrieval.quotes.quote_selection import RankedSpans, rank_spans, select_quotes
from retrieval.quotes.scoring import MEANING, WORDS, Weights
from tests.retrieval.fake_encoder import FakeEncoder

Look = Callable[..., tuple[Query, Candidates, MatchFeatures] | None]

SENTENCE = st.sampled_from(["The goat eats. ", "A keeper came! ", "Goats. ", "Salt and milk, 1874. ", "No. "])
TEXTS = st.lists(
    st.tuples(st.just("en"), st.lists(SENTENCE, min_size=1, max_size=12).map("".join)), min_size=1, max_size=5
)


@given(texts=TEXTS, longest=st.integers(15, 120), top=st.integers(1, 8))
@settings(max_examples=50)
def test_chosen(texts: Sequence[tuple[str, str]], longest: int, top: int, look: Look) -> None:
    """Excerpts fit, do not overlap, begin with the best run, and are as many as asked for where there are."""
    looked = look("Does the goat eat salt?", list(texts), longest)
    assume(looked is not None)
    asked, candidates, evidence = looked  # type: ignore[misc]
    ranking = rank_spans(asked, evidence, candidates, longest)
    chosen = select_quotes(ranking, evidence, top)
    assert ranking.scores.max() == chosen[0].score
    assert len(chosen) <= top
    for excerpt in chosen:
        assert 0 < excerpt.end - excerpt.start <= longest
    places = sorted((e.candidate, e.start, e.end) for e in chosen)
    for (candidate, _, end), (other, start, _) in pairwise(places):
        assert candidate != other or end <= start
    everything = select_quotes(ranking, evidence, 10_000)
    assert chosen == everything[:top]
    covered = sum(
        int(
            ((evidence.owners == e.candidate) & (evidence.starts >= e.start) & (evidence.ends <= e.end)).sum()
        )
        for e in everything
    )
    assert len(np.unique(ranking.runs.first)) == covered


def places(chosen: list[Excerpt]) -> list[tuple[int, int]]:
    return [(excerpt.candidate, excerpt.start) for excerpt in chosen]


@pytest.mark.parametrize(("better", "expected"), [(0.4, [0, 2, 1]), (0.6, [0, 1, 2])])
def test_other_places(better: float, expected: list[int], look: Look) -> None:
    """Beside a chosen run another has to be better by a half than one elsewhere, to be chosen before it."""
    looked = look("goat", [("en", "The goat eats. A goat."), ("en", "The goat.")], 16)
    assert looked is not None
    ranking = rank_spans(looked[0], looked[2], looked[1], 16)
    assert [0, 1, 2] == sorted(ranking.runs.first.tolist())
    elsewhere = 0 if looked[2].owners.tolist() == [0, 1, 1] else 2
    near = [piece for piece in range(3) if piece != elsewhere]
    scores = np.zeros(3)
    by_piece = dict(zip(ranking.runs.first.tolist(), range(3), strict=True))
    scores[by_piece[near[0]]], scores[by_piece[near[1]]], scores[by_piece[elsewhere]] = 9, 5 + better, 5
    chosen = select_quotes(RankedSpans(ranking.runs, ranking.features, scores, ranking.weights), looked[2], 3)
    order = [near[0], near[1], elsewhere]
    wanted = [(int(looked[2].owners[order[i]]), int(looked[2].starts[order[i]])) for i in expected]
    assert wanted == places(chosen)


@pytest.mark.parametrize(("encoder", "weights"), [(None, WORDS), (FakeEncoder(), MEANING)])
def test_fit(encoder: FakeEncoder | None, weights: Weights, look: Look) -> None:
    """Scores are the features by the weights of the fit for what is known: words alone, or meaning too."""
    looked = look("Does the goat eat?", [("en", "Snow fell. The goat eats. No.")], 20, encoder=encoder)
    assert looked is not None
    ranking = rank_spans(looked[0], looked[2], looked[1], 20)
    assert weights is ranking.weights
    scores = sum(weight * ranking.features[name] for name, weight in weights.quote.items())
    assert ranking.scores.tolist() == pytest.approx(np.asarray(scores).tolist())


def test_best(look: Look) -> None:
    """The best run's features are those of the one with the highest score."""
    looked = look("Does the goat eat?", [("en", "Snow fell. The goat eats. No.")], 20)
    assert looked is not None
    ranking = rank_spans(looked[0], looked[2], looked[1], 20)
    best = int(np.argmax(ranking.scores))
    assert {name: values[best] for name, values in ranking.features.items()} == ranking.best
