from binascii import b2a_base64
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.index.forward_index import ForwardIndex
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.text import subtitles
from retrieval.model import Passage
from retrieval.opensearch.stored_passages import (
    DecodedPassages,
    PassageVectors,
    pack_passages,
    unpack_passages,
)
from tests.documents import text_samples
from tests.retrieval.corpus import document, forward_rows


def rows_without_names(forward: ForwardIndex) -> list[Any]:
    """Return the rows of a forward index without the names of forms, which are not stored."""
    return [row[1:] for row in forward_rows(forward)]


def round_trip(
    passages: list[Passage], vectors: PassageVectors | None = None
) -> tuple[ForwardIndex, DecodedPassages]:
    forward, _ = ForwardIndex.build(passages, 300)
    packed = pack_passages(passages, forward, range(7, 7 + len(passages)), vectors)
    return forward, unpack_passages(b2a_base64(data, newline=False).decode() for data in packed)


def random_vectors(counts: list[int], dimensions: int = 16) -> PassageVectors:
    drawn = np.random.default_rng(1).standard_normal((sum(counts), dimensions)).astype(np.float32)
    return PassageVectors.quantize(np.array(counts, np.int64), drawn)


def columns(vectors: PassageVectors) -> list[Any]:
    return [vectors.counts.tolist(), vectors.scales.tolist(), vectors.numbers.tolist()]


@pytest.mark.parametrize("is_encoded", [False, True])
def test_round_trip(everything: list[Passage], is_encoded: bool) -> None:
    """Passages of eight languages are unpacked unchanged, with forward index and vectors."""
    counts = [1 + n % 4 if is_encoded else 0 for n in range(len(everything))]
    vectors = random_vectors(counts)
    forward, decoded = round_trip(everything, vectors if is_encoded else None)
    assert everything == decoded.passages()
    assert rows_without_names(forward) == rows_without_names(decoded.forward)
    assert list(range(7, 7 + len(everything))) == decoded.ordinals.tolist()
    assert columns(vectors if is_encoded else PassageVectors.empty(len(everything))) == columns(
        decoded.vectors
    )


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=80), max_size=5))
def test_any_text(texts: list[str]) -> None:
    """Any text is unpacked unchanged, also an empty one; so are no texts at all."""
    passages = document("a.txt", texts)
    vectors = random_vectors([n % 3 for n in range(len(passages))])
    forward, decoded = round_trip(passages, vectors)
    assert passages == decoded.passages()
    assert rows_without_names(forward) == rows_without_names(decoded.forward)
    assert vectors.counts.tolist() == decoded.vectors.counts.tolist()
    assert vectors.numbers.tolist() == decoded.vectors.numbers.tolist()


def test_times() -> None:
    """A passage of subtitles keeps the times of the cues in it."""
    passages = list(split_passages(subtitles.load(text_samples.SRT.encode(), "ferry.srt")))
    assert 2 == len(passages[0].labels)
    assert passages == round_trip(passages)[1].passages()
