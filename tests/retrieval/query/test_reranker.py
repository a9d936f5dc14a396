from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_bm25 import BM25Plus

from retrieval.index.bm25 import K1, B
from retrieval.index.protocol import Candidates
from retrieval.query.query import Query
from retrieval.query.reranker import KEPT, MatchFeatures, bm25, keep, likeness_nearby, passage_features

Look = Callable[..., tuple[Query, Candidates, MatchFeatures] | None]


@given(
    corpus=st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=9), min_size=1, max_size=6),
    asked=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True),
)
def test_bm25(corpus: list[list[str]], asked: list[str]) -> None:
    """Over the rows alone, scores are rank-bm25's."""
    peer = BM25Plus(corpus, k1=K1, b=B, delta=0)
    counts = np.array([[row.count(term) for term in asked] for row in corpus], np.float64)
    idf = np.array([peer.idf.get(term, 0.0) for term in asked])
    lengths = np.array([len(row) for row in corpus], np.float64)
    assert peer.get_scores(asked).tolist() == pytest.approx(bm25(counts, idf, lengths).tolist())


def of(look: Look, question: str, *texts: str) -> tuple[dict[str, list[float]], list[int]]:
    """Return the features and the kept candidates, both by the texts' order."""
    looked = look(question, [("en", text) for text in texts])
    assert looked is not None
    asked, candidates, evidence = looked
    features = passage_features(asked, evidence)
    numbers = np.array([int(passage.id[1:]) for passage in candidates.passages])
    order = np.argsort(numbers)
    by_text = {name: values[order].tolist() for name, values in features.items()}
    return by_text, numbers[keep(features)].tolist()


def test_features(look: Look) -> None:
    """Each feature prefers the passage that has what it looks for."""
    texts = ["The goat of Holloway eats salt.", "The goat eats. Snow fell on Skerry, where salt is made."]
    features, _ = of(look, "Does the goat of Holloway eat salt?", *texts)
    for name in ("stems", "grams", "piece", "pairs", "names"):
        assert features[name][0] > features[name][1], name
    assert 1 == round(features["names"][0], 6)
    assert (0, 0) == (features["names"][1], features["lost_names"][0])
    assert 0 < features["lost_names"][1] < 1


def test_kept(look: Look) -> None:
    """The best candidates are kept, best first, equals in the first stage's order."""
    texts = ["The goat sleeps here and there for a long time."] * (KEPT + 5)
    _, kept = of(look, "Does the goat eat salt?", *texts, "A goat eats salt.")
    assert [len(texts), *range(KEPT - 1)] == kept


def test_nearby(look: Look) -> None:
    """Words of the same document count where they stand at most three paragraphs away."""
    looked = look("goat tower", [("en", "goat"), ("en", "tower"), ("en", "goat"), ("en", "tower")])
    assert looked is not None
    _, candidates, evidence = looked
    near = likeness_nearby(evidence, candidates.passages, np.arange(len(candidates.passages)))
    by_id = {passage.id: row.tolist() for passage, row in zip(candidates.passages, near, strict=True)}
    assert {"p0": [1, 1], "p1": [1, 1], "p2": [1, 1], "p3": [0, 1]} == by_id
