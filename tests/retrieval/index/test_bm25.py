"""rank-bm25 defines the scores: every number here is held against its own."""

import asyncio
import random
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from rank_bm25 import BM25Plus

from retrieval.ids import document_of
from retrieval.index import segment_writer
from retrieval.index.bm25 import K1, B
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment
from retrieval.model import Passage
from tests.retrieval.corpus import document

LAYOUTS = [(1, "a segment"), (2, "a segment"), (9, "a segment"), (1000, "a segment"), (1000, "gone, apart")]


@dataclass(frozen=True)
class Corpus:
    """Passages in the order that equals come in, their terms, and an index of them."""

    passages: list[Passage]
    terms: list[list[str]]
    index: LocalIndex


def made_up(size: int) -> list[list[str]]:
    """Make passages up, in a language that has no stems."""
    chance = random.Random(size)
    words = [f"w{int(chance.paretovariate(0.6)) % 400}" for _ in range(4000)]
    return [chance.choices(words, k=chance.randint(1, 60)) for _ in range(size)]


@cache
def corpus_of(size: int, layout: str) -> Corpus:
    """Put passages into documents; these all into one segment, or at random into five and some taken out."""
    chance, texts = random.Random(size), [" ".join(terms) for terms in made_up(size)]
    cuts = sorted({0, size, *chance.choices(range(size), k=size // 12)})
    documents = [
        document(f"{number:03}.txt", texts[start:end], "xx")
        for number, (start, end) in enumerate(pairwise(cuts))
    ]
    order, gone = list(documents), documents[:0]
    if layout != "a segment":
        chance.shuffle(order)
        gone = chance.sample(documents, len(documents) // 4)
    parts = [order[at::5] for at in range(5)] if gone else [order]
    with TemporaryDirectory() as folder:
        leaves = [
            LiveSegment(segment_writer.build(Path(folder), [one for own in part for one in own], 300))
            for part in parts
        ]
    index = LocalIndex(leaves).without([document_of(own[0].id) for own in gone])
    stays = [one for own in documents if own not in gone for one in own]
    return Corpus(stays, [one.text.split() for one in stays], index)


def questions(corpus: list[list[str]]) -> list[list[str]]:
    chance = random.Random(7)
    terms = sorted({term for passage in corpus for term in passage})
    asked = [chance.choices(terms, k=chance.randint(1, 9)) for _ in range(40)]
    return [*asked, [terms[0]] * 3, ["unknown"], ["unknown", terms[0]], []]


@pytest.mark.parametrize(("size", "layout"), LAYOUTS)
@pytest.mark.parametrize("limit", [1, 10, 2000])
def test_scores_and_order_are_rank_bm25s(size: int, layout: str, limit: int) -> None:
    """The best passages have rank-bm25's scores bit for bit, in its order; repeated terms count again.

    Equals come in the order of their documents' names and their places there; what is gone counts nowhere.
    """
    corpus = corpus_of(size, layout)
    peer = BM25Plus(corpus.terms, k1=K1, b=B, delta=0)
    for terms in questions(corpus.terms):
        scores = peer.get_scores(terms)
        order = np.argsort(-scores, kind="stable").tolist()
        expected = [
            (corpus.passages[n], float(scores[n])) for n in order if set(terms) & set(corpus.terms[n])
        ]
        assert expected[:limit] == corpus.index.ranked(terms, limit)


@pytest.mark.parametrize(("size", "layout"), LAYOUTS)
def test_frequencies(size: int, layout: str) -> None:
    """A term's frequency counts the passages that hold it and are not gone."""
    corpus = corpus_of(size, layout)
    for terms in questions(corpus.terms):
        expected = {term: sum(term in own for own in corpus.terms) for term in terms}
        assert expected == asyncio.run(corpus.index.frequencies(terms))


@pytest.mark.parametrize("texts", [[], ["..."], ["...", "!"]])
def test_nothing_to_search(texts: list[str]) -> None:
    """Without passages, or with such as hold no terms, nothing is found."""
    index = LocalIndex.build(document("a.txt", texts), 300)
    assert [] == index.ranked(["a"], 10)
    assert len(texts) == index.size


def test_many_times_the_same_word() -> None:
    """A word is counted however often it is in a passage."""
    times = [4094, 4095, 4000, 1]
    index = LocalIndex.build(document("a.txt", ["ab " * count for count in times], "xx"), 300)
    peer = BM25Plus([["ab"] * count for count in times], k1=K1, b=B, delta=0)
    found = {passage.line - 1: score for passage, score in index.ranked(["ab"], 10)}
    assert dict(enumerate(peer.get_scores(["ab"]).tolist())) == found
