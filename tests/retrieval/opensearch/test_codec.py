from binascii import b2a_base64
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.index.forward_index import ForwardIndex
from retrieval.model import Passage
from retrieval.opensearch.codec import DecodedPassages, pack, unpack
from retrieval.opensearch.mappings import spelt
from retrieval.opensearch.passage_vectors import PassageVectors
from tests.retrieval.corpus import document, forward_rows


def nameless(forward: ForwardIndex) -> list[Any]:
    """Return what is known of each passage but for the names of its forms."""
    return [row[1:] for row in forward_rows(forward)]


def through(
    passages: list[Passage], vectors: PassageVectors | None = None
) -> tuple[ForwardIndex, DecodedPassages]:
    forward, _ = ForwardIndex.build(passages, 300)
    packed = pack(passages, forward, range(7, 7 + len(passages)), vectors)
    return forward, unpack(b2a_base64(one, newline=False).decode() for one in packed)


def some_vectors(counts: list[int], dimensions: int = 16) -> PassageVectors:
    """Make vectors up, so many for each passage."""
    drawn = np.random.default_rng(1).standard_normal((sum(counts), dimensions)).astype(np.float32)
    return PassageVectors.of(np.array(counts, np.int64), drawn)


def held(vectors: PassageVectors) -> list[Any]:
    return [vectors.counts.tolist(), vectors.scales.tolist(), vectors.numbers.tolist()]


@pytest.mark.parametrize("is_encoded", [False, True])
def test_passages_come_back(everything: list[Passage], is_encoded: bool) -> None:
    """Passages of eight languages are unpacked as they were, with what the second stage needs."""
    counts = [1 + n % 4 if is_encoded else 0 for n in range(len(everything))]
    vectors = some_vectors(counts)
    forward, found = through(everything, vectors if is_encoded else None)
    assert everything == found.passages()
    assert nameless(forward) == nameless(found.forward)
    assert list(range(7, 7 + len(everything))) == found.ordinals.tolist()
    assert held(vectors if is_encoded else PassageVectors.none(len(everything))) == held(found.vectors)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), max_size=5))
def test_any_text_comes_back(texts: list[str]) -> None:
    """Any text comes back, also an empty one and none."""
    passages = document("a.txt", texts)
    vectors = some_vectors([n % 3 for n in range(len(passages))])
    forward, found = through(passages, vectors)
    assert passages == found.passages()
    assert nameless(forward) == nameless(found.forward)
    assert vectors.counts.tolist() == found.vectors.counts.tolist()
    assert vectors.numbers.tolist() == found.vectors.numbers.tolist()


@given(st.sets(st.integers(0, 2**64 - 1), min_size=1))
def test_terms_are_words(digests: set[int]) -> None:
    """Each digest is a word of its own, and of letters that no tokenizer parts."""
    words = spelt(np.array(sorted(digests), np.uint64))
    assert len(digests) == len(set(words))
    assert {True} == {
        len(word) == 11 and word.isascii() and not set(word) & set(' \t\n"\\') for word in words
    }
