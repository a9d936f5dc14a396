"""rank-bm25 defines the scores: every number here is held against its own."""

import random

import numpy as np
import pytest
from rank_bm25 import BM25Plus

from retrieval.ranking.forward import Rows
from retrieval.ranking.postings import K1, B, Postings


def corpus_of(size: int) -> list[list[str]]:
    chance = random.Random(size)
    words = [f"w{int(chance.paretovariate(0.6)) % 400}" for _ in range(4000)]
    return [chance.choices(words, k=chance.randint(1, 60)) for _ in range(size)]


def postings_of(corpus: list[list[str]]) -> Postings:
    vocabulary = {term: number for number, term in enumerate({term: 0 for row in corpus for term in row})}
    return Postings.build(vocabulary, Rows.of([[vocabulary[term] for term in row] for row in corpus]))


def questions(corpus: list[list[str]]) -> list[list[str]]:
    chance = random.Random(7)
    terms = sorted({term for passage in corpus for term in passage})
    asked = [chance.choices(terms, k=chance.randint(1, 9)) for _ in range(40)]
    return [*asked, [terms[0]] * 3, ["unknown"], ["unknown", terms[0]], []]


@pytest.mark.parametrize("size", [1, 2, 9, 1000])
def test_scores_are_rank_bm25s(size: int) -> None:
    """Scores equal rank-bm25's bit for bit, repeated, unknown and missing terms included."""
    corpus = corpus_of(size)
    peer, postings = BM25Plus(corpus, k1=K1, b=B, delta=0), postings_of(corpus)
    for terms in questions(corpus):
        assert peer.get_scores(terms).tolist() == postings.scores(terms).tolist()


@pytest.mark.parametrize("size", [1, 2, 9, 1000])
@pytest.mark.parametrize("limit", [1, 10, 2000])
def test_order_is_rank_bm25s(size: int, limit: int) -> None:
    """The best passages come in rank-bm25's order, equals in passage order, those without a term left out."""
    corpus = corpus_of(size)
    peer, postings = BM25Plus(corpus, k1=K1, b=B, delta=0), postings_of(corpus)
    for terms in questions(corpus):
        scores = peer.get_scores(terms)
        expected = [n for n in np.argsort(-scores, kind="stable").tolist() if set(terms) & set(corpus[n])]
        numbers, found = postings.search(terms, limit)
        assert expected[:limit] == numbers.tolist()
        assert scores[expected[:limit]].tolist() == found.tolist()


@pytest.mark.parametrize("corpus", [[], [[]], [[], []]])
def test_nothing_to_search(corpus: list[list[str]]) -> None:
    """Without passages, or with such as hold no terms, nothing is found."""
    postings = postings_of(corpus)
    assert [] == postings.search(["a"], 10)[0].tolist()
    assert len(corpus) == len(postings.scores(["a"]))


def test_frequency() -> None:
    """A term's frequency counts the passages that hold it."""
    postings = postings_of([["a", "a"], ["a", "b"], []])
    assert [2, 1, 0] == [postings.frequency(term) for term in ("a", "b", "c")]
