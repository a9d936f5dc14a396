import asyncio
import logging
from binascii import b2a_base64
from pathlib import Path

import numpy as np
import pytest

from retrieval.embeddings.encoder import QuestionVectors, Vectors
from retrieval.embeddings.vector_store import EmbeddingStore, VectorStore
from retrieval.index import segment_writer
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment, Segment
from retrieval.model import Passage
from retrieval.opensearch.stored_passages import (
    PassageVectors,
    VectorSample,
    cached_embeddings,
    encode_missing_passages,
    stored_vectors,
)
from tests.retrieval.fake_encoder import FakeEncoder


@pytest.fixture
def segment(everything: list[Passage], tmp_path: Path) -> Segment:
    return segment_writer.write_segment(tmp_path, everything, 300)


def question_of(vector: Vectors) -> QuestionVectors:
    return QuestionVectors(vector, np.zeros((0, len(vector)), np.float32))


def fake_embeddings() -> EmbeddingStore:
    encoder = FakeEncoder()
    return EmbeddingStore(encoder, VectorStore(None, encoder.name, encoder.dimensions))


def test_quantizing_twice() -> None:
    """Quantizing does not change vectors of a vector store, which were quantized before."""
    drawn = np.random.default_rng(1).standard_normal((50, 16)).astype(np.float32)
    once = PassageVectors.quantize(np.array([50]), drawn)
    again = PassageVectors.quantize(np.array([50]), np.concatenate([once.wholes(), once.pieces()]))
    assert once.numbers.tolist() == again.numbers.tolist()
    assert np.allclose(once.scales, again.scales, rtol=1e-6)
    assert np.abs(drawn - np.concatenate([once.wholes(), once.pieces()])).max() < 0.02


def test_compare() -> None:
    """Similarities of wholes are relative to their baseline; those of pieces are returned with theirs."""
    vectors = PassageVectors.quantize(np.array([2, 1, 3]), np.eye(6, 8, dtype=np.float32))
    question = question_of(np.arange(8, dtype=np.float32))
    scores = vectors.sample().compare(vectors.take(np.array([2, 0, 1])), question)
    assert scores is not None
    # Passages are as similar as 0, 2 and 3, pieces as 1, 4 and 5: the lower halves have means of 1 and 2.5.
    assert [2.0, -1.0, 1.0] == np.round(scores.wholes, 4).tolist()
    assert [4, 5, 1] == scores.pieces.argmax(axis=1).tolist()
    assert 2.5 == round(float(scores.baselines[0]), 4)


@pytest.mark.parametrize("counts", [[2, 0], [0, 0], []])
def test_compare_without_vectors(counts: list[int]) -> None:
    """There are no scores if a passage has no vectors, or if there are no passages."""
    vectors = PassageVectors.quantize(np.array(counts, np.int64), np.ones((sum(counts), 8), np.float32))
    assert vectors.sample().compare(vectors, question_of(np.ones(8, np.float32))) is None


@pytest.mark.parametrize("counts", [[3, 1, 2], [1], [0]])
def test_sample_round_trip(counts: list[int]) -> None:
    """A sample is unpacked as it was packed, also one without pieces, and an empty one."""
    drawn = np.random.default_rng(1).standard_normal((sum(counts), 16)).astype(np.float32)
    sample = PassageVectors.quantize(np.array(counts), drawn).sample()
    unpacked = VectorSample.unpack(b2a_base64(sample.pack(), newline=False).decode())
    assert (sample.wholes.shape, sample.pieces.shape) == (unpacked.wholes.shape, unpacked.pieces.shape)
    assert np.allclose(sample.wholes, unpacked.wholes, rtol=1e-5)
    assert np.allclose(sample.pieces, unpacked.pieces, rtol=1e-5)


@pytest.mark.slow
def test_only_missing_vectors_are_made(segment: Segment) -> None:
    """Each text is encoded once, however often its passages are encoded."""
    embeddings = fake_embeddings()
    encoder = embeddings.encoder
    assert isinstance(encoder, FakeEncoder)
    some, everything = list(range(5)), list(range(len(segment)))
    encoded = [
        sum(encode_missing_passages(segment, numbers, embeddings))
        for numbers in (some, everything, everything)
    ]
    assert [len(embeddings.store), 0] == [sum(encoded), encoded[-1]]
    assert len(encoder.texts) == len(embeddings.store)
    assert all(encoded[:2])


def test_same_scores_as_a_local_index(segment: Segment) -> None:
    """Scores equal those of an index on this machine, apart from its baselines by language."""
    embeddings, numbers = fake_embeddings(), list(range(len(segment)))
    for _ in encode_missing_passages(segment, numbers, embeddings):
        pass
    index = LocalIndex([LiveSegment(segment)], embeddings)
    question = embeddings.encoder.encode_question("Who built the lighthouse?")
    expected = asyncio.run(index.search(["lighthous"], len(segment), question))
    assert expected.meaning is not None
    rows = {passage.id: row for row, passage in enumerate(segment.passages(numbers))}
    vectors = stored_vectors(segment, [rows[passage.id] for passage in expected.passages], embeddings.store)
    meaning = vectors.sample().compare(vectors, question)
    assert meaning is not None
    # Here the baselines differ by a constant.
    assert np.allclose(
        expected.meaning.wholes - meaning.wholes, expected.meaning.wholes[0] - meaning.wholes[0]
    )
    assert np.allclose(expected.meaning.pieces, meaning.pieces)


def test_cached_embeddings(segment: Segment, tmp_path: Path) -> None:
    """Vectors are saved for the next process, in a folder for each alias."""
    encoder, numbers = FakeEncoder(), list(range(len(segment)))
    for name in ("one", "one", "two"):
        embeddings = cached_embeddings(encoder, tmp_path / "index", name)
        before = len(encoder.texts)
        for _ in encode_missing_passages(segment, numbers, embeddings):
            pass
        assert (name == "one" and bool(before)) == (before == len(encoder.texts))
    assert {"cluster-one", "cluster-two"} == {path.name for path in (tmp_path / "index").iterdir()}


def test_vectors_that_cannot_be_saved(
    segment: Segment, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Vectors that cannot be saved are used, and a warning is logged."""
    embeddings = fake_embeddings()
    append = embeddings.store.append

    def fail(*args: object) -> None:
        append(*args)  # type: ignore[arg-type]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(embeddings.store, "append", fail)
    with caplog.at_level(logging.WARNING):
        assert sum(encode_missing_passages(segment, [0], embeddings))
    assert "No space left on device" in caplog.text
    assert stored_vectors(segment, [0], embeddings.store).counts.all()


def test_missing_vectors(segment: Segment) -> None:
    """A text without a vector raises an error."""
    with pytest.raises(ValueError, match="texts are not encoded"):
        stored_vectors(segment, [0], fake_embeddings().store)
