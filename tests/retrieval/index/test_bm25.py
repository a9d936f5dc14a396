"""The scores are those of rank-bm25: all numbers are compared with its own."""

import asyncio
import random
from dataclasses import dataclass
from functools import cache
from itertools import chain, pairwise
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
from retrieval.model.document import Passage
from tests.retrieval.corpus import document

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
    index = LocalIndex(segments).without([document_of(passages[0].id) for passages in deleted])
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
        assert expected[:limit] == corpus.index.search_bm25(terms, limit)


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
    assert [] == index.search_bm25(["a"], 10)
    assert len(texts) == index.size


def test_high_frequencies() -> None:
    """Frequencies are exact up to 4,095, the most a posting can store."""
    counts = [4094, 4095, 4000, 1]
    index = LocalIndex.build(document("a.txt", ["ab " * count for count in counts], "xx"), 300)
    reference = BM25Plus([["ab"] * count for count in counts], k1=K1, b=B, delta=0)
    scores = {passage.line - 1: score for passage, score in index.search_bm25(["ab"], 10)}
    assert dict(enumerate(reference.get_scores(["ab"]).tolist())) == scores
