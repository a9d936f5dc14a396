"""The vector store, its file, and how it recovers from damage."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.embeddings import vector_store
from retrieval.embeddings.encoder import Vectors
from retrieval.embeddings.vector_store import Keys, VectorStore

DIMENSIONS = 16
RECORD_BYTES = 24 + DIMENSIONS


def _keys(*numbers: int) -> Keys:
    return np.array(numbers, np.uint64)


def _vectors(*seeds: int) -> Vectors:
    vectors = [np.random.default_rng(seed).standard_normal(DIMENSIONS) for seed in seeds]
    rows = np.array(vectors, np.float32).reshape(-1, DIMENSIONS)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _open(path: Path | None, model: str = "model") -> VectorStore:
    return VectorStore(path, model, DIMENSIONS)


def _store_with(path: Path | None, *seeds: int) -> VectorStore:
    """Open a store and append vectors, a record at a time."""
    store = _open(path)
    for seed in seeds:
        store.append(_keys(seed), _vectors(seed))
    return store


def _stored(store: VectorStore, *seeds: int) -> list[int]:
    """Return those of the seeds that the store has; check that their vectors are correct."""
    keys = _keys(*seeds)
    rows = store.rows(keys)
    exists = rows >= 0
    # A quantization step is at most 1/127.
    assert np.abs(store.vectors(rows[exists]) - _vectors(*keys[exists].tolist())).max(initial=0) <= 0.5 / 127
    stored: list[int] = keys[exists].tolist()
    return stored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index" / "vectors.bin"


@pytest.mark.parametrize("is_saved", [True, False])
def test_append(path: Path, *, is_saved: bool) -> None:
    """Vectors are found by their keys; other keys have no row."""
    store = _store_with(path if is_saved else None, 7, 3)
    store.append(_keys(9, 1), _vectors(9, 1))
    assert [1, 3, 7, 9] == _stored(store, 1, 2, 3, 7, 9, 10)
    assert (4, is_saved) == (len(store), path.exists())


def test_stable_rows(path: Path) -> None:
    """Rows have the same vectors after others are appended."""
    store = _store_with(path, 7, 3)
    rows = store.rows(_keys(7, 3))
    before = store.vectors(rows)
    store.append(_keys(1, 5), _vectors(1, 5))
    assert np.array_equal(before, store.vectors(rows))


@given(st.dictionaries(st.integers(0, 2**64 - 1), st.integers(0, 99), max_size=20), st.data())
@settings(max_examples=30)
def test_any_keys_in_any_parts(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict[int, int], data: st.DataObject
) -> None:
    """Any keys, appended in any parts, are found in the store, and in another that opens the file."""
    path = tmp_path_factory.mktemp("store") / "vectors.bin"
    store, items = _open(path), list(wanted.items())
    while items:
        size = data.draw(st.integers(1, len(items)))
        part, items = items[:size], items[size:]
        store.append(_keys(*(key for key, _ in part)), _vectors(*(seed for _, seed in part)))
    keys, expected = _keys(*wanted), _vectors(*wanted.values())
    for opened in (store, _open(path)):
        assert len(wanted) == len(opened)
        assert np.abs(opened.vectors(opened.rows(keys)) - expected).max(initial=0) <= 0.5 / 127


def test_missing() -> None:
    """`missing` returns the positions of the keys without a vector, once for equal keys."""
    store = _store_with(None, 7, 3)
    assert [1, 3] == store.missing(_keys(7, 5, 5, 4, 3)).tolist()
    assert [] == store.missing(_keys()).tolist()


def test_reopen(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is opened again has all its vectors, and nothing is logged."""
    _store_with(path, 7, 3)
    assert [3, 7] == _stored(_open(path), 3, 7)
    assert [] == caplog.messages


@pytest.mark.parametrize("lost", [1, RECORD_BYTES - 1])
def test_partial_record(path: Path, lost: int, caplog: pytest.LogCaptureFixture) -> None:
    """A partial record at the end is dropped, and others can be appended."""
    _store_with(path, 7, 3, 5)
    os.truncate(path, path.stat().st_size - lost)
    store = _open(path)
    assert [3, 7] == _stored(store, 3, 5, 7)
    store.append(_keys(5), _vectors(5))
    assert [3, 5, 7] == _stored(_open(path), 3, 5, 7)
    assert [] == caplog.messages


@pytest.mark.parametrize("at", range(256 + RECORD_BYTES, 256 + 2 * RECORD_BYTES, 7))
def test_damaged_record(path: Path, at: int, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged record loses its vector and logs one line; the file is repaired."""
    _store_with(path, 7, 3, 5)
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert [5, 7] == _stored(_open(path), 3, 5, 7)
    assert [f"{path}: dropped damaged vectors: 1; they are computed again"] == caplog.messages


@pytest.mark.parametrize("change", ["model", "dimensions", "header", "short"])
def test_file_of_another_model(path: Path, change: str, caplog: pytest.LogCaptureFixture) -> None:
    """A file of another model, or with a damaged header, is replaced, and one line logged."""
    _store_with(path, 7, 3)
    if change == "header":
        path.write_bytes(b"x" + path.read_bytes()[1:])
    if change == "short":
        os.truncate(path, 100)
    model = "other" if change == "model" else "model"
    dimensions = 24 if change == "dimensions" else DIMENSIONS
    for _ in range(2):
        assert 0 == len(VectorStore(path, model, dimensions))
    assert [f"{path}: damaged or written for another model; replacing it"] == caplog.messages


def test_not_writable(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If the file cannot be created, vectors are kept in memory, and one line is logged."""
    (tmp_path / "file").write_text("")
    store = _store_with(tmp_path / "file" / "vectors.bin", 7, 3)
    assert [3, 7] == _stored(store, 3, 7)
    (line,) = caplog.messages
    assert "cannot be used (File exists); vectors stay in memory" in line


def test_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed write raises an error once; old and new vectors are then kept in memory."""
    store = _store_with(path, 7)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            store.append(_keys(3), _vectors(3))
        store.append(_keys(5), _vectors(5))
    assert [3, 5, 7] == _stored(store, 3, 5, 7)


def test_two_writers(path: Path) -> None:
    """Each of two stores on one file has its own vectors, and sees those of the other when it appends."""
    first, second = _store_with(path, 7), _open(path)
    for seed, writer in enumerate([second, first, second, first, first], 10):
        writer.append(_keys(seed), _vectors(seed))
    assert [7, 10, 11, 12, 13, 14] == _stored(first, 7, *range(10, 20))
    assert [7, 10, 11, 12, 13, 14] == _stored(_open(path), 7, *range(10, 20))
    assert [7, 10, 11, 12] == _stored(second, 7, *range(10, 20))


def test_replaced_file(path: Path) -> None:
    """If another process replaces the file, an open store keeps its vectors and appends to the new file."""
    old = _store_with(path, 7, 3)
    path.unlink()
    new = _store_with(path, 5)
    rows = old.rows(_keys(7, 3))
    old.append(_keys(9), _vectors(9))
    old.append(_keys(11), _vectors(11))
    assert np.array_equal(rows, old.rows(_keys(7, 3)))
    assert [3, 7, 9, 11] == _stored(old, 3, 5, 7, 9, 11)
    new.append(_keys(13), _vectors(13))
    assert [5, 9, 11, 13] == _stored(new, 3, 5, 7, 9, 11, 13) == _stored(_open(path), 3, 5, 7, 9, 11, 13)


def test_deleted_file(path: Path) -> None:
    """A file that is deleted is created again with the next vector."""
    store = _store_with(path, 7)
    path.unlink()
    store.append(_keys(3), _vectors(3))
    assert [3, 7] == _stored(store, 3, 7)
    assert [3] == _stored(_open(path), 3, 7)


def test_compacting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unused vectors are removed if they are most of the file, and only then."""
    monkeypatch.setattr(vector_store, "_MIN_COMPACTED_RECORDS", 6)
    store = _store_with(path, *range(8))
    size = path.stat().st_size
    for keys in (_keys(), _keys(1, 2, 3)):
        store.compact(keys)
        assert (8, size) == (len(store), path.stat().st_size)
    store.compact(_keys(5, 1, 5, 5))
    assert [1, 5] == _stored(store, *range(8)) == _stored(_open(path), *range(8))
    assert 256 + 2 * RECORD_BYTES == path.stat().st_size
    store.append(_keys(2), _vectors(2))
    assert [1, 2, 5] == _stored(_open(path), *range(8))


def test_few_vectors_are_not_compacted(path: Path) -> None:
    """A small file stays as it is."""
    store = _store_with(path, *range(8))
    store.compact(_keys(1))
    assert 8 == len(store)
