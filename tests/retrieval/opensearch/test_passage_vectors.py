"""The vectors that a cluster stores with passages."""

import asyncio
import logging
from binascii import b2a_base64
from pathlib import Path

import numpy as np
import pytest

from retrieval.embeddings.vector_store import Embeddings, VectorStore
from retrieval.index import segment_writer
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment, Segment
from retrieval.model import Passage
from retrieval.opensearch.passage_vectors import (
    PassageVectors,
    VectorSample,
    cached_embeddings,
    encode,
    vectors_of,
)
from tests.retrieval.fake_encoder import FakeEncoder


@pytest.fixture
def segment(everything: list[Passage], tmp_path: Path) -> Segment:
    return segment_writer.build(tmp_path, everything, 300)


def fake() -> Embeddings:
    encoder = FakeEncoder()
    return Embeddings(encoder, VectorStore(None, encoder.name, encoder.dimensions))


def test_quantized_once() -> None:
    """Vectors that were quantized before stay as they are, so that a store's are the cluster's."""
    drawn = np.random.default_rng(1).standard_normal((50, 16)).astype(np.float32)
    once = PassageVectors.of(np.array([50]), drawn)
    again = PassageVectors.of(np.array([50]), np.concatenate([once.wholes(), once.pieces()]))
    assert once.numbers.tolist() == again.numbers.tolist()
    assert np.allclose(once.scales, again.scales, rtol=1e-6)
    assert np.abs(drawn - np.concatenate([once.wholes(), once.pieces()])).max() < 0.02


def test_compared() -> None:
    """Passages are compared as wholes beside the mean; the vectors of their pieces go along in order."""
    vectors = PassageVectors.of(np.array([2, 1, 3]), np.eye(6, 8, dtype=np.float32))
    found = vectors.sample().compare(vectors.take(np.array([2, 0, 1])), np.arange(8, dtype=np.float32))
    assert found is not None
    # Passages are as similar as 0, 2 and 3, pieces as 1, 4 and 5: the lower halves have means of 1 and 2.5.
    assert [2.0, -1.0, 1.0] == np.round(found.wholes, 4).tolist()
    assert [4, 5, 1] == found.pieces.argmax(axis=1).tolist()
    assert 2.5 == round(float(found.baselines[0]), 4)


@pytest.mark.parametrize("counts", [[2, 0], [0, 0], []])
def test_not_compared(counts: list[int]) -> None:
    """Where a passage has no vectors, or there is none, nothing is compared."""
    vectors = PassageVectors.of(np.array(counts, np.int64), np.ones((sum(counts), 8), np.float32))
    assert vectors.sample().compare(vectors, np.ones(8, np.float32)) is None


@pytest.mark.parametrize("counts", [[3, 1, 2], [1], [0]])
def test_a_sample_comes_back(counts: list[int]) -> None:
    """A sample is read as it was packed, also one without pieces, and an empty one."""
    drawn = np.random.default_rng(1).standard_normal((sum(counts), 16)).astype(np.float32)
    sample = PassageVectors.of(np.array(counts), drawn).sample()
    read = VectorSample.read(b2a_base64(sample.packed(), newline=False).decode())
    assert (sample.wholes.shape, sample.pieces.shape) == (read.wholes.shape, read.pieces.shape)
    assert np.allclose(sample.wholes, read.wholes, rtol=1e-5)
    assert np.allclose(sample.pieces, read.pieces, rtol=1e-5)


def test_only_what_is_missing_is_encoded(segment: Segment) -> None:
    """Each text is encoded once, and not again when its passages are gone through another time."""
    embeddings = fake()
    encoder = embeddings.encoder
    assert isinstance(encoder, FakeEncoder)
    some, everything = list(range(5)), list(range(len(segment)))
    made = [sum(encode(segment, numbers, embeddings)) for numbers in (some, everything, everything)]
    assert [len(embeddings.store), 0] == [sum(made), made[-1]]
    assert len(encoder.texts) == len(embeddings.store)
    assert all(made[:2])


def test_what_is_stored_is_what_the_embedded_index_compares(segment: Segment) -> None:
    """A passage's vectors compare with a question as those that the index on this machine looks up."""
    embeddings, numbers = fake(), list(range(len(segment)))
    for _ in encode(segment, numbers, embeddings):
        pass
    index = LocalIndex([LiveSegment(segment)], embeddings)
    question = embeddings.encoder.encode_question("Who built the lighthouse?")
    expected = asyncio.run(index.search(["lighthous"], len(segment), question))
    assert expected.meaning is not None
    rows = {passage.id: row for row, passage in enumerate(segment.passages(numbers))}
    found = vectors_of(segment, [rows[one.id] for one in expected.passages], embeddings.store)
    meaning = found.sample().compare(found, question)
    assert meaning is not None
    # The baseline is the same for all.
    assert np.allclose(
        expected.meaning.wholes - meaning.wholes, expected.meaning.wholes[0] - meaning.wholes[0]
    )
    assert np.allclose(expected.meaning.pieces, meaning.pieces)


def test_vectors_are_kept(segment: Segment, tmp_path: Path) -> None:
    """What was encoded for an index is there for the next process, in a folder of its own."""
    encoder, numbers = FakeEncoder(), list(range(len(segment)))
    for name in ("one", "one", "two"):
        embeddings = cached_embeddings(encoder, tmp_path / "index", name)
        before = len(encoder.texts)
        for _ in encode(segment, numbers, embeddings):
            pass
        assert (name == "one" and bool(before)) == (before == len(encoder.texts))
    assert {"cluster-one", "cluster-two"} == {path.name for path in (tmp_path / "index").iterdir()}


def test_vectors_that_cannot_be_kept(
    segment: Segment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where vectors cannot be saved, one line says so, and they are used."""
    embeddings = fake()
    append = embeddings.store.append

    def fail(*given: object) -> None:
        append(*given)  # type: ignore[arg-type]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(embeddings.store, "append", fail)
    with caplog.at_level(logging.WARNING):
        assert sum(encode(segment, [0], embeddings))
    assert "No space left on device" in caplog.text
    assert vectors_of(segment, [0], embeddings.store).counts.all()


def test_vectors_that_were_not_made(segment: Segment) -> None:
    """A text without a vector is an error, and no other text's vector."""
    with pytest.raises(ValueError, match="not encoded"):
        vectors_of(segment, [0], fake().store)
