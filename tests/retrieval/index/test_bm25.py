"""The scores are those of rank-bm25, and the top passages those of an exhaustive scoring of all passages."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rank_bm25 import BM25Plus

from retrieval.index import segment_writer
from retrieval.index.inverted_index import FREQUENCY_BITS, K1, B, SegmentQuery, kth_best, top_passages
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment
from retrieval.model import Passage, document_id_of
from tests.retrieval.corpus import document, search_bm25

LAYOUTS = [
    (1, "a segment"),
    (2, "a segment"),
    (9, "a segment"),
    (1000, "a segment"),
    (1000, "several segments"),
]


@dataclass(frozen=True)
class Corpus:
    """An index, its passages in the order of ties, and their terms."""

    passages: list[Passage]
    terms: list[list[str]]
    index: LocalIndex


def random_terms(size: int) -> list[list[str]]:
    """Return the terms of random passages; their language has no stemmer."""
    rng = random.Random(size)
    words = [f"w{int(rng.paretovariate(0.6)) % 400}" for _ in range(4000)]
    return [rng.choices(words, k=rng.randint(1, 60)) for _ in range(size)]


@cache
def corpus_of(size: int, layout: str) -> Corpus:
    """Index random documents in one segment, or in five of which a quarter of the documents are deleted."""
    rng, texts = random.Random(size), [" ".join(terms) for terms in random_terms(size)]
    cuts = sorted({0, size, *rng.choices(range(size), k=size // 12)})
    documents = [
        document(f"{number:03}.txt", texts[start:end], "xx")
        for number, (start, end) in enumerate(pairwise(cuts))
    ]
    order, deleted = list(documents), documents[:0]
    if layout != "a segment":
        rng.shuffle(order)
        deleted = rng.sample(documents, len(documents) // 4)
    parts = [order[at::5] for at in range(5)] if deleted else [order]
    with TemporaryDirectory() as folder:
        segments = [
            LiveSegment(segment_writer.write_segment(Path(folder), list(chain.from_iterable(part)), 300))
            for part in parts
        ]
    index = LocalIndex(segments).without([document_id_of(passages[0].id) for passages in deleted])
    alive = [passage for passages in documents if passages not in deleted for passage in passages]
    return Corpus(alive, [passage.text.split() for passage in alive], index)


def queries(corpus: list[list[str]]) -> list[list[str]]:
    rng = random.Random(7)
    terms = sorted({term for passage in corpus for term in passage})
    samples = [rng.choices(terms, k=rng.randint(1, 9)) for _ in range(40)]
    return [*samples, [terms[0]] * 3, ["unknown"], ["unknown", terms[0]], []]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "layout"), LAYOUTS)
@pytest.mark.parametrize("limit", [1, 10, 2000])
def test_scores_and_order_are_rank_bm25s(size: int, layout: str, limit: int) -> None:
    """The best passages have rank-bm25's scores bit for bit, in its order; repeated terms count repeatedly.

    Ties are ordered by document name and position in the document; deleted documents have no influence.
    """
    corpus = corpus_of(size, layout)
    reference = BM25Plus(corpus.terms, k1=K1, b=B, delta=0)
    for terms in queries(corpus.terms):
        scores = reference.get_scores(terms)
        order = np.argsort(-scores, kind="stable").tolist()
        expected = [
            (corpus.passages[n], float(scores[n])) for n in order if set(terms) & set(corpus.terms[n])
        ]
        assert expected[:limit] == search_bm25(corpus.index, terms, limit)


@pytest.mark.parametrize(("size", "layout"), LAYOUTS)
def test_frequencies(size: int, layout: str) -> None:
    """A term's document frequency counts the passages that have it and are not deleted."""
    corpus = corpus_of(size, layout)
    for terms in queries(corpus.terms):
        expected = {term: sum(term in own for own in corpus.terms) for term in terms}
        assert expected == asyncio.run(corpus.index.document_frequencies(terms))


@pytest.mark.parametrize("texts", [[], ["..."], ["...", "!"]])
def test_nothing_to_search(texts: list[str]) -> None:
    """An index without passages, or without terms, finds nothing."""
    index = LocalIndex.build(document("a.txt", texts), 300)
    assert [] == search_bm25(index, ["a"], 10)
    assert len(texts) == index.size


def test_high_frequencies() -> None:
    """Frequencies are exact up to 4,095, the most a posting can store."""
    counts = [4094, 4095, 4000, 1]
    index = LocalIndex.build(document("a.txt", ["ab " * count for count in counts], "xx"), 300)
    reference = BM25Plus([["ab"] * count for count in counts], k1=K1, b=B, delta=0)
    scores = {passage.line - 1: score for passage, score in search_bm25(index, ["ab"], 10)}
    assert dict(enumerate(reference.get_scores(["ab"]).tolist())) == scores


# The share of the passages that have a term, and the term's weight.
TERMS = st.lists(
    st.tuples(
        st.sampled_from([0, 0.0001, 0.001, 0.01, 0.1, 0.3, 0.7, 0.95, 1]),
        st.sampled_from([0.0005, 0.01, 0.5, 1.0, 1.0, 2.5, 7.0]) | st.floats(0.001, 9),
    ),
    max_size=8,
)
SIZES = st.sampled_from([1, 7, 300, 20_000, 20_000, 20_000])


@dataclass(frozen=True)
class Case:
    """A query, and the score of each passage."""

    query: SegmentQuery
    scores: NDArray[np.float64]


def case(size: int, terms: Sequence[tuple[float, float]], max_length: int, deleted: float, seed: int) -> Case:
    """Return a random case; small values of `max_length` and of frequencies make many equal scores.

    `deleted` is the share of deleted passages.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, max_length + 1, size).astype(np.float64)
    norms = np.multiply(K1, 0.25 + 0.75 * lengths / max(max_length / 2, 1), dtype=np.float64)
    is_deleted = rng.random(size) < deleted
    approximate = np.where(is_deleted, np.inf, norms).astype(np.float32)
    lists, scores = [], np.zeros(size)
    for share, weight in terms:
        passages = np.flatnonzero(rng.random(size) < share)
        counts = np.minimum(rng.zipf(2.5, len(passages)), rng.choice([1, 3, 4095]))
        lists.append((passages << FREQUENCY_BITS | counts).astype(np.uint32))
        scores[passages] += weight * (counts * (K1 + 1) / (norms[passages] + counts))
    scores[is_deleted] = 0
    weights = [weight for _, weight in terms]
    return Case(SegmentQuery(lists, weights, approximate, lambda passages: norms[passages]), scores)


def check(expected: Case, limit: int, min_score: float) -> None:
    sums = np.zeros(len(expected.scores), np.float32)
    passages, scores = top_passages(expected.query, limit, min_score, sums)
    needed = max(min_score, kth_best(expected.scores, limit))
    is_top = (expected.scores >= needed) & (expected.scores > 0)
    assert np.flatnonzero(is_top).tolist() == sorted(passages.tolist())
    assert expected.scores[passages].tolist() == scores.tolist()
    assert not sums.any()


@given(
    size=SIZES,
    terms=TERMS,
    max_length=st.sampled_from([1, 3, 400]),
    deleted=st.sampled_from([0, 0, 0.2, 1]),
    seed=st.integers(0, 9999),
    limit=st.integers(1, 100),
)
@settings(max_examples=250)
@example(size=20_000, terms=[(1, 0.001), (0.7, 0.5), (0.01, 4)], max_length=1, deleted=0, seed=0, limit=64)
@example(size=20_000, terms=[(0.95, 1.0)] * 5, max_length=400, deleted=0.2, seed=0, limit=1)
@example(size=20_000, terms=[(0.01, 5.0)] * 3 + [(1, 0.0005)] * 5, max_length=3, deleted=0, seed=0, limit=10)
def test_top_passages(  # noqa: PLR0913, PLR0917
    size: int, terms: Sequence[tuple[float, float]], max_length: int, deleted: float, seed: int, limit: int
) -> None:
    """All of the best passages are found, with ties to the last, and scores are exact to the bit."""
    expected = case(size, terms, max_length, deleted, seed)
    check(expected, limit, 0.0)
    ranked = np.sort(expected.scores)[::-1]
    for min_score in (float(ranked[min(limit, size) - 1]), float(ranked[min(limit // 2, size - 1)]), 1e9):
        check(expected, limit, min_score)


def test_repeated_term() -> None:
    """A term that is repeated in the query counts each time."""
    both = case(20_000, [(0.4, 1.5), (0.001, 5.0)], 400, 0, 1)
    common = case(20_000, [(0.4, 1.5)], 400, 0, 1)
    lists = [*both.query.lists, common.query.lists[0]]
    query = replace(both.query, lists=lists, weights=[1.5, 5.0, 1.5])
    check(Case(query, both.scores + common.scores), 20, 0.0)


@pytest.mark.parametrize(("k", "expected"), [(1, 5.0), (2, 3.0), (3, 3.0), (4, 1.0), (5, 0.0)])
def test_kth_best(k: int, expected: float) -> None:
    """The k-th best score counts equal scores separately, and is 0 if there are fewer than k."""
    assert expected == kth_best(np.array([3.0, 1.0, 5.0, 3.0]), k)
