from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_bm25 import BM25Plus

from retrieval.index.candidates import Candidates
from retrieval.index.inverted_index import K1, B
from retrieval.query.matching import (
    SHORTLIST_SIZE,
    QueryMatches,
    bm25,
    nearby_similarity,
    passage_features,
    shortlist,
)
from retrieval.query.query import Query

Look = Callable[..., tuple[Query, Candidates, QueryMatches] | None]


@given(
    corpus=st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=9), min_size=1, max_size=6),
    query=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True),
)
def test_bm25(corpus: list[list[str]], query: list[str]) -> None:
    """Scores over a few rows equal those of rank-bm25."""
    reference = BM25Plus(corpus, k1=K1, b=B, delta=0)
    counts = np.array([[row.count(term) for term in query] for row in corpus], np.float64)
    idf = np.array([reference.idf.get(term, 0.0) for term in query])
    lengths = np.array([len(row) for row in corpus], np.float64)
    assert reference.get_scores(query).tolist() == pytest.approx(bm25(counts, idf, lengths).tolist())


def rank(look: Look, question: str, *texts: str) -> tuple[dict[str, list[float]], list[int]]:
    """Return the features, and the shortlist as numbers of texts, best first."""
    looked = look(question, [("en", text) for text in texts])
    assert looked is not None
    query, candidates, matches = looked
    features = passage_features(query, matches)
    numbers = np.array([int(passage.id[1:]) for passage in candidates.passages])
    order = np.argsort(numbers)
    by_text = {name: values[order].tolist() for name, values in features.items()}
    return by_text, numbers[shortlist(features)].tolist()


def test_features(look: Look) -> None:
    """Each feature is higher for the passage that matches better."""
    texts = ["The goat of Holloway eats salt.", "The goat eats. Snow fell on Skerry, where salt is made."]
    features, _ = rank(look, "Does the goat of Holloway eat salt?", *texts)
    for name in ("terms", "grams", "best_piece", "pairs", "names"):
        assert features[name][0] > features[name][1], name
    assert 1 == round(features["names"][0], 6)
    assert (0, 0) == (features["names"][1], features["missing_names"][0])
    assert 0 < features["missing_names"][1] < 1


def test_shortlist(look: Look) -> None:
    """The shortlist has the best candidates, best first, ties in the order of the first stage."""
    texts = ["The goat sleeps here and there for a long time."] * (SHORTLIST_SIZE + 5)
    _, shortlisted = rank(look, "Does the goat eat salt?", *texts, "A goat eats salt.")
    assert [len(texts), *range(SHORTLIST_SIZE - 1)] == shortlisted


def test_nearby_similarity(look: Look) -> None:
    """Words in passages of the same document count up to three paragraphs away."""
    looked = look("goat tower", [("en", "goat"), ("en", "tower"), ("en", "goat"), ("en", "tower")])
    assert looked is not None
    _, candidates, matches = looked
    near = nearby_similarity(matches, candidates.passages, np.arange(len(candidates.passages)))
    by_id = {passage.id: row.tolist() for passage, row in zip(candidates.passages, near, strict=True)}
    assert {"p0": [1, 1], "p1": [1, 1], "p2": [1, 1], "p3": [0, 1]} == by_id
