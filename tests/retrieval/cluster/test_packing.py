from binascii import b2a_base64
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval.cluster.packing import pack, unpack
from retrieval.cluster.schema import spelt
from retrieval.model import Passage
from retrieval.ranking.forward import Forward
from tests.retrieval.corpus import document, rows


def nameless(forward: Forward) -> list[Any]:
    """Give what is known of each passage but for the names of its forms."""
    return [row[1:] for row in rows(forward)]


def through(passages: list[Passage]) -> tuple[Forward, Any]:
    forward, _ = Forward.build(passages, 300)
    packed = pack(passages, forward, range(7, 7 + len(passages)))
    return forward, unpack(b2a_base64(one, newline=False).decode() for one in packed)


def test_passages_come_back(everything: list[Passage]) -> None:
    """Passages of eight languages are unpacked as they were, with what the second stage needs."""
    forward, found = through(everything)
    assert everything == found.passages()
    assert nameless(forward) == nameless(found.forward)
    assert list(range(7, 7 + len(everything))) == found.ordinals.tolist()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), max_size=5))
def test_any_text_comes_back(texts: list[str]) -> None:
    """Any text comes back, also an empty one and none."""
    passages = document("a.txt", texts)
    forward, found = through(passages)
    assert passages == found.passages()
    assert nameless(forward) == nameless(found.forward)


@given(st.sets(st.integers(0, 2**64 - 1), min_size=1))
def test_terms_are_words(digests: set[int]) -> None:
    """Each digest is a word of its own, and of letters that no tokenizer parts."""
    words = spelt(np.array(sorted(digests), np.uint64))
    assert len(digests) == len(set(words))
    assert {True} == {
        len(word) == 11 and word.isascii() and not set(word) & set(' \t\n"\\') for word in words
    }
