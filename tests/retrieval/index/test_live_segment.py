import asyncio
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index import segment_writer
from retrieval.index.bm25 import Weighting
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment
from tests.retrieval.corpus import document

WORDS = ["goat", "goats", "keeper", "the", "козы", "茶馆", ".", "!"]
TERMS = ["goat", "keeper", "the", "коз", "茶馆", "茶", "unknown"]
TEXT = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)
DOCUMENT = st.tuples(st.sampled_from(["en", "ru", "zh"]), st.lists(TEXT, min_size=1, max_size=4))


def frequencies(segment: LiveSegment) -> Mapping[str, int]:
    return asyncio.run(LocalIndex([segment]).frequencies(TERMS))


@given(
    documents=st.lists(DOCUMENT, min_size=1, max_size=6),
    rounds=st.lists(st.sets(st.integers(0, 5)), max_size=3),
)
@settings(max_examples=80)
def test_without(documents: Sequence[tuple[str, list[str]]], rounds: Sequence[set[int]]) -> None:
    """A segment without some documents, deleted in any steps, counts like a segment built of the others."""
    passages = [document(f"{n}.txt", texts, language) for n, (language, texts) in enumerate(documents)]
    deleted = set().union(*rounds) & set(range(len(passages)))
    remaining = [one for n, own in enumerate(passages) if n not in deleted for one in own]
    with TemporaryDirectory() as folder:
        whole = segment_writer.build(Path(folder), list(chain.from_iterable(passages)), 300)
        live = LiveSegment(whole)
        for step in rounds:
            live = live.without(step & deleted)
        assert LiveSegment(whole, frozenset(deleted)) == live
        if not remaining:
            assert (0, 0) == (live.size, live.length)
            return
        rebuilt = LiveSegment(segment_writer.build(Path(folder), remaining, 300))
        assert (rebuilt.size, rebuilt.length, +rebuilt.languages) == (live.size, live.length, +live.languages)
        assert remaining == whole.passages(np.flatnonzero(live.alive).tolist())
        assert frequencies(rebuilt) == frequencies(live)


def test_no_change() -> None:
    """`without` returns the same object if no more documents are deleted."""
    with TemporaryDirectory() as folder:
        live = LiveSegment(segment_writer.build(Path(folder), document("a.txt", ["goat"]), 300), frozenset())
    assert live.without([]) is live
    empty = live.without([0])
    assert empty.without([0]) is empty


def test_norms() -> None:
    """A passage has the norm of its length; a deleted one has an infinite norm."""
    texts = ["goat", "goat " * 7, "goat " * 300]
    with TemporaryDirectory() as folder:
        passages = [one for n, text in enumerate(texts) for one in document(f"{n}.txt", [text])]
        live = LiveSegment(segment_writer.build(Path(folder), passages, 300)).without([1])
    weighting = Weighting(2, 301)
    norms = weighting.norms(np.array([1, 7, 300], np.uint16)).astype(np.float32).tolist()
    assert [norms[0], np.inf, norms[2]] == live.approximate_norms(weighting).tolist()
