from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.embeddings.encoder import Vectors
from retrieval.embeddings.vector_store import VectorStore
from retrieval.index import dense_index, segment_writer
from retrieval.index.dense_index import DenseIndex, VectorIndex
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment
from tests.retrieval.corpus import document, with_vectors
from tests.retrieval.fake_encoder import FakeEncoder

SIZE = 32


def units(seed: int, count: int) -> Vectors:
    vectors = np.random.default_rng(seed).standard_normal((count, SIZE))
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1)[:, None]).astype(np.float32)
    return unit


def indexed(vectors: Vectors) -> tuple[VectorIndex, VectorStore]:
    """Index vectors of passages 0, 1, 2 ... of one leaf."""
    store = VectorStore(None, "fake", SIZE)
    store.append(np.arange(len(vectors), dtype=np.uint64), vectors)
    numbers = np.arange(len(vectors))
    rows = store.rows(numbers.astype(np.uint64))
    languages = np.full(len(vectors), "en")
    return VectorIndex.build(np.zeros(len(vectors), np.intp), numbers, rows, languages, store), store


def similarities(index: VectorIndex, store: VectorStore, question: Vectors) -> list[float]:
    similar: list[float] = (store.vectors(index.rows) @ question).tolist()
    return similar


@given(seed=st.integers(0, 1_000), count=st.integers(1, 300), limit=st.integers(1, 40))
@settings(max_examples=30)
def test_exact(seed: int, count: int, limit: int) -> None:
    """Where no more vectors are there than are compared exactly, the nearest are found, best first."""
    index, store = indexed(units(seed, count))
    (question,) = units(seed + 1, 1)
    similar = similarities(index, store, question)
    found = [number for _, number in index.nearest(question, store, limit)]
    assert min(limit, count) == len(found) == len(set(found))
    assert sorted(similar, reverse=True)[:limit] == pytest.approx([similar[at] for at in found], abs=1e-6)


@given(seed=st.integers(0, 1_000), count=st.integers(60, 300))
@settings(max_examples=30)
def test_exact_among_the_rescored(seed: int, count: int) -> None:
    """Of more, those are compared exactly that differ in the fewest bits, and come best first."""
    index, store = indexed(units(seed, count))
    (question,) = units(seed + 1, 1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dense_index, "_MAX_RESCORED", 50)
        found = [number for _, number in index.nearest(question, store, 300)]
    similar = similarities(index, store, question)
    signs = store.vectors(index.rows) - index.mean > 0
    bits = (signs != (question - index.mean > 0)).sum(axis=1)
    assert 50 == len(set(found))
    assert sorted(bits.tolist())[:50] == sorted(bits[found].tolist())
    ranked = [similar[at] for at in found]
    assert sorted(ranked, reverse=True) == pytest.approx(ranked, abs=1e-6)


def test_many() -> None:
    """Among many more than are compared exactly, a vector that is nearly the question is the nearest."""
    vectors = units(1, 5_000)
    index, store = indexed(vectors)
    for number in (0, 1_234, 4_999):
        question = vectors[number] + 0.3 * units(number, 1)[0]
        assert (0, number) == index.nearest(question / np.linalg.norm(question), store, 3)[0]


def test_equals() -> None:
    """Equal vectors come in the order of the index."""
    (one, other), (question,) = units(1, 2), units(2, 1)
    index, store = indexed(np.array([one, other] * 50))
    found = [number for _, number in index.nearest(question, store, 100)]
    halves = found[:50], found[50:]
    assert sorted(halves) == [list(range(0, 100, 2)), list(range(1, 100, 2))]


def test_nothing() -> None:
    """Without passages, or without vectors, nothing is near and nothing is expected."""
    store, (question,) = VectorStore(None, "fake", SIZE), units(1, 1)
    unknown = LocalIndex.build(document("a.txt", ["Goats."]), 300)
    for leaves, missing in (((), 0), (unknown.leaves, 2)):
        index = DenseIndex.build(leaves, store)
        assert (0, missing) == (index.stored, index.missing)
        assert [] == index.nearest(question, store, 5)
        assert [0.0] == index.wholes.baselines(question, ["en"], {}).tolist()


def test_places(tmp_path: Path) -> None:
    """Passages are found by themselves, then by their pieces, in whichever leaf they are."""
    encoder = FakeEncoder()
    texts = [["The goat eats salt. Snow fell."], ["A keeper sleeps.", "The ferry brings flour. It is late."]]
    leaves = [
        LiveSegment(segment_writer.build(tmp_path, document(f"{number}.txt", own), 30))
        for number, own in enumerate(texts)
    ]
    index = with_vectors(LocalIndex(leaves), encoder)
    assert index.semantics is not None
    store = index.semantics.store
    found = DenseIndex.build(index.leaves, store)
    assert (len(store), 0) == (found.stored, found.missing)
    assert (3, 5) == (len(found.wholes.rows), len(found.pieces.rows))
    for text, place in (("Snow fell.", (0, 0)), ("A keeper sleeps.", (1, 0)), ("It is late.", (1, 1))):
        near = found.nearest(encoder.encode_question(text), store, 2)
        assert place == near[2]
        assert place in near[:2]


def test_gone() -> None:
    """What is gone is not near any more, and not missing either."""
    encoder = FakeEncoder()
    passages = [*document("a.txt", ["The goat eats."]), *document("b.txt", ["A keeper sleeps.", "Goats!"])]
    whole = with_vectors(LocalIndex.build(passages, 300), encoder)
    assert whole.semantics is not None
    store = whole.semantics.store
    left = [leaf.without([1]) for leaf in whole.leaves]
    index = DenseIndex.build(left, store)
    question = encoder.encode_question("A keeper sleeps.")
    assert {(0, 0), (0, 1), (0, 2)} == set(DenseIndex.build(whole.leaves, store).nearest(question, store, 9))
    assert {(0, 0)} == set(index.nearest(question, store, 9))
    assert 0 == index.missing
    unknown = VectorStore(None, encoder.name, encoder.dimensions)
    assert 2 == DenseIndex.build(left, unknown).missing


def test_each_language_has_a_baseline() -> None:
    """A question is compared with texts of the passage's language; one of a few vectors counts as all."""
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


def test_of_few_vectors_the_usual_counts() -> None:
    """In a library of a few passages on one subject the language's usual similarity is the baseline."""
    question = np.eye(1, SIZE, dtype=np.float32)[0]
    for count, expected in ((4, 0.5), (4_000, 1.0)):
        index, _ = indexed(np.tile(question, (count, 1)))
        (baseline,) = index.baselines(question, ["en"], {"en": question * 0.45}).tolist()
        assert expected == round(baseline, 1)
