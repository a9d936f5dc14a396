from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.embeddings import vector_store
from retrieval.embeddings.encoder import Vectors
from retrieval.embeddings.vector_store import VectorIndex, VectorStore
from retrieval.index import segment_writer
from retrieval.index.local_index import LocalIndex, build_dense_index
from retrieval.index.segment import LiveSegment
from tests.retrieval.corpus import document, with_vectors
from tests.retrieval.fake_encoder import FakeEncoder

SIZE = 32


def unit_vectors(seed: int, count: int) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((count, SIZE))
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1)[:, None]).astype(np.float32)
    return unit


def index_of(vectors: Vectors) -> tuple[VectorIndex, VectorStore]:
    """Index vectors of the passages 0, 1, 2 ... of one segment."""
    store = VectorStore(None, "fake", SIZE)
    store.append(np.arange(len(vectors), dtype=np.uint64), vectors)
    numbers = np.arange(len(vectors))
    rows = store.rows(numbers.astype(np.uint64))
    languages = np.full(len(vectors), "en")
    return VectorIndex.build(np.zeros(len(vectors), np.intp), numbers, rows, languages, store), store


def similarities(index: VectorIndex, store: VectorStore, question: Vectors) -> list[float]:
    products: list[float] = (store.vectors(index.rows) @ question).tolist()
    return products


@given(seed=st.integers(0, 1_000), count=st.integers(1, 300), limit=st.integers(1, 40))
@settings(max_examples=30)
def test_exact(seed: int, count: int, limit: int) -> None:
    """Among no more vectors than are compared exactly, the nearest are found, best first."""
    index, store = index_of(unit_vectors(seed, count))
    (question,) = unit_vectors(seed + 1, 1)
    similarity = similarities(index, store, question)
    nearest = [number for _, number in index.nearest(question, store, limit)]
    assert min(limit, count) == len(nearest) == len(set(nearest))
    expected = sorted(similarity, reverse=True)[:limit]
    assert expected == pytest.approx([similarity[number] for number in nearest], abs=1e-6)


@given(seed=st.integers(0, 1_000), count=st.integers(60, 300))
@settings(max_examples=30)
def test_exact_among_the_rescored(seed: int, count: int) -> None:
    """Among more vectors, those that differ in the fewest bits are compared exactly, and come best first."""
    index, store = index_of(unit_vectors(seed, count))
    (question,) = unit_vectors(seed + 1, 1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(vector_store, "_MAX_RESCORED", 50)
        nearest = [number for _, number in index.nearest(question, store, 300)]
    similarity = similarities(index, store, question)
    signs = store.vectors(index.rows) - index.mean > 0
    bits = (signs != (question - index.mean > 0)).sum(axis=1)
    assert 50 == len(set(nearest))
    assert sorted(bits.tolist())[:50] == sorted(bits[nearest].tolist())
    ranked = [similarity[number] for number in nearest]
    assert sorted(ranked, reverse=True) == pytest.approx(ranked, abs=1e-6)


def test_many() -> None:
    """Among many more vectors than are compared exactly, one that nearly equals the question is first."""
    vectors = unit_vectors(1, 5_000)
    index, store = index_of(vectors)
    for number in (0, 1_234, 4_999):
        question = vectors[number] + 0.3 * unit_vectors(number, 1)[0]
        assert (0, number) == index.nearest(question / np.linalg.norm(question), store, 3)[0]


def test_ties() -> None:
    """Equal vectors come in the order of the index."""
    (even, odd), (question,) = unit_vectors(1, 2), unit_vectors(2, 1)
    index, store = index_of(np.array([even, odd] * 50))
    nearest = [number for _, number in index.nearest(question, store, 100)]
    halves = nearest[:50], nearest[50:]
    assert sorted(halves) == [list(range(0, 100, 2)), list(range(1, 100, 2))]


def test_nothing() -> None:
    """Without passages, or without vectors, nothing is near and the baseline is 0."""
    store, (question,) = VectorStore(None, "fake", SIZE), unit_vectors(1, 1)
    without_vectors = LocalIndex.build(document("a.txt", ["Goats."]), 300)
    for segments, missing in (((), 0), (without_vectors.segments, 2)):
        index = build_dense_index(segments, store)
        assert (0, missing) == (index.stored, index.missing)
        assert [] == index.nearest(question, store, 5)
        assert [0.0] == index.wholes.baselines(question, ["en"], {}).tolist()


def test_places(tmp_path: Path) -> None:
    """Passages of all segments are found, first as wholes, then by their pieces."""
    encoder = FakeEncoder()
    texts = [["The goat eats salt. Snow fell."], ["A keeper sleeps.", "The ferry brings flour. It is late."]]
    segments = [
        LiveSegment(segment_writer.write_segment(tmp_path, document(f"{number}.txt", own), 30))
        for number, own in enumerate(texts)
    ]
    index = with_vectors(LocalIndex(segments), encoder)
    assert index.embeddings is not None
    store = index.embeddings.store
    dense = build_dense_index(index.segments, store)
    assert (len(store), 0) == (dense.stored, dense.missing)
    assert (3, 5) == (len(dense.wholes.rows), len(dense.pieces.rows))
    for text, place in (("Snow fell.", (0, 0)), ("A keeper sleeps.", (1, 0)), ("It is late.", (1, 1))):
        nearest = dense.nearest(encoder.encode_question(text).vector, store, 2)
        assert place == nearest[2]
        assert place in nearest[:2]


def test_deleted() -> None:
    """Passages of deleted documents are neither found nor counted as missing."""
    encoder = FakeEncoder()
    passages = [*document("a.txt", ["The goat eats."]), *document("b.txt", ["A keeper sleeps.", "Goats!"])]
    whole = with_vectors(LocalIndex.build(passages, 300), encoder)
    assert whole.embeddings is not None
    store = whole.embeddings.store
    remaining = [segment.without([1]) for segment in whole.segments]
    index = build_dense_index(remaining, store)
    question = encoder.encode_question("A keeper sleeps.").vector
    assert {(0, 0), (0, 1), (0, 2)} == set(
        build_dense_index(whole.segments, store).nearest(question, store, 9)
    )
    assert {(0, 0)} == set(index.nearest(question, store, 9))
    assert 0 == index.missing
    empty = VectorStore(None, encoder.name, encoder.dimensions)
    assert 2 == build_dense_index(remaining, empty).missing


def test_each_language_has_a_baseline() -> None:
    """The baseline is that of the language, or of all vectors if the language has too few."""
    store = VectorStore(None, "fake", SIZE)
    vectors = np.zeros((12, SIZE), np.float32)
    vectors[:6, 0] = 1
    vectors[6:, 1] = 1
    keys = np.arange(12, dtype=np.uint64)
    store.append(keys, vectors)
    languages = np.array([*["en"] * 6, *["de"] * 5, "fr"])
    index = VectorIndex.build(np.zeros(12, np.intp), np.arange(12), store.rows(keys), languages, store)
    english, german, french = index.baselines(vectors[0], ["en", "de", "fr"], {}).tolist()
    assert (1.0, 0.0, 0.0) == (round(english, 2), round(german, 2), round(french, 2))


def test_few_vectors_use_the_typical_similarity() -> None:
    """In a library of a few passages on one subject the baseline is the language's typical similarity."""
    question = np.eye(1, SIZE, dtype=np.float32)[0]
    for count, expected in ((4, 0.5), (4_000, 1.0)):
        index, _ = index_of(np.tile(question, (count, 1)))
        (baseline,) = index.baselines(question, ["en"], {"en": question * 0.45}).tolist()
        assert expected == round(baseline, 1)
