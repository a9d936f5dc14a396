import asyncio
from collections.abc import Mapping, Sequence
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


def frequencies(leaf: LiveSegment) -> Mapping[str, int]:
    return asyncio.run(LocalIndex([leaf]).frequencies(TERMS))


@given(
    documents=st.lists(DOCUMENT, min_size=1, max_size=6),
    rounds=st.lists(st.sets(st.integers(0, 5)), max_size=3),
)
@settings(max_examples=80)
def test_without(documents: Sequence[tuple[str, list[str]]], rounds: Sequence[set[int]]) -> None:
    """Without what is gone, at once or by and by, a leaf counts what one of the others alone would."""
    made = [document(f"{n}.txt", texts, language) for n, (language, texts) in enumerate(documents)]
    gone = set().union(*rounds) & set(range(len(made)))
    stays = [one for n, own in enumerate(made) if n not in gone for one in own]
    with TemporaryDirectory() as folder:
        whole = segment_writer.build(Path(folder), [one for own in made for one in own], 300)
        leaf = LiveSegment(whole)
        for some in rounds:
            leaf = leaf.without(some & gone)
        assert LiveSegment(whole, frozenset(gone)) == leaf
        if not stays:
            assert (0, 0) == (leaf.size, leaf.length)
            return
        alone = LiveSegment(segment_writer.build(Path(folder), stays, 300))
        assert (alone.size, alone.length, +alone.languages) == (leaf.size, leaf.length, +leaf.languages)
        assert stays == whole.passages(np.flatnonzero(leaf.alive).tolist())
        assert frequencies(alone) == frequencies(leaf)


def test_nothing_changes() -> None:
    """A leaf is the same one when nothing more is taken out."""
    with TemporaryDirectory() as folder:
        leaf = LiveSegment(segment_writer.build(Path(folder), document("a.txt", ["goat"]), 300), frozenset())
    assert leaf.without([]) is leaf
    gone = leaf.without([0])
    assert gone.without([0]) is gone


def test_norms() -> None:
    """A passage has the norm of its length, one that is gone an infinite one."""
    texts = ["goat", "goat " * 7, "goat " * 300]
    with TemporaryDirectory() as folder:
        passages = [one for n, text in enumerate(texts) for one in document(f"{n}.txt", [text])]
        leaf = LiveSegment(segment_writer.build(Path(folder), passages, 300)).without([1])
    weighting = Weighting(2, 301)
    norms = weighting.norms(np.array([1, 7, 300], np.uint16)).astype(np.float32).tolist()
    assert [norms[0], np.inf, norms[2]] == leaf.approximate_norms(weighting).tolist()
