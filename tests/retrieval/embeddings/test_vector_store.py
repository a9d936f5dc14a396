"""The file of vectors, and what becomes of it when it is damaged."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.embeddings import vector_store
from retrieval.embeddings.encoder import Vectors
from retrieval.embeddings.vector_store import Keys, VectorStore, missing_keys

DIMENSIONS = 16
RECORD_BYTES = 24 + DIMENSIONS


def _keys(*numbers: int) -> Keys:
    return np.array(numbers, np.uint64)


def _vectors(*seeds: int) -> Vectors:
    made = [np.random.default_rng(seed).standard_normal(DIMENSIONS) for seed in seeds]
    rows = np.array(made, np.float32).reshape(-1, DIMENSIONS)
    unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _open(path: Path | None, model: str = "model") -> VectorStore:
    return VectorStore(path, model, DIMENSIONS)


def _filled(path: Path | None, *seeds: int) -> VectorStore:
    """Open a store and put vectors into it, a record at a time."""
    store = _open(path)
    for seed in seeds:
        store.append(_keys(seed), _vectors(seed))
    return store


def _held(store: VectorStore, *seeds: int) -> list[int]:
    """Return those of the seeds whose vector is there, as it was but for the quantization."""
    keys = _keys(*seeds)
    rows = store.rows(keys)
    found = rows >= 0
    # A step of the quantization is at most 1/127.
    assert np.abs(store.vectors(rows[found]) - _vectors(*keys[found].tolist())).max(initial=0) <= 0.5 / 127
    held: list[int] = keys[found].tolist()
    return held


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index" / "vectors.bin"


@pytest.mark.parametrize("is_saved", [True, False])
def test_vectors_are_kept(path: Path, *, is_saved: bool) -> None:
    """What was appended is found by its key; other keys have no row."""
    store = _filled(path if is_saved else None, 7, 3)
    store.append(_keys(9, 1), _vectors(9, 1))
    assert [1, 3, 7, 9] == _held(store, 1, 2, 3, 7, 9, 10)
    assert (4, is_saved) == (len(store), path.exists())


def test_a_row_stays_that_of_its_vector(path: Path) -> None:
    """Rows that were asked for hold what they held after others were appended."""
    store = _filled(path, 7, 3)
    rows = store.rows(_keys(7, 3))
    before = store.vectors(rows)
    store.append(_keys(1, 5), _vectors(1, 5))
    assert np.array_equal(before, store.vectors(rows))


@given(st.dictionaries(st.integers(0, 2**64 - 1), st.integers(0, 99), max_size=20), st.data())
@settings(max_examples=30)
def test_any_keys_in_any_parts(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict[int, int], data: st.DataObject
) -> None:
    """Whatever the keys, and however they come, all are found, also by who opens the file anew."""
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


def test_missing_keys() -> None:
    """Keys without a vector are named by their positions, each once."""
    store = _filled(None, 7, 3)
    assert [1, 3] == missing_keys(store, _keys(7, 5, 5, 4, 3)).tolist()
    assert [] == missing_keys(store, _keys()).tolist()


def test_the_file_is_used_again(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is opened again has all its vectors, and says nothing."""
    _filled(path, 7, 3)
    assert [3, 7] == _held(_open(path), 3, 7)
    assert [] == caplog.messages


@pytest.mark.parametrize("lost", [1, RECORD_BYTES - 1])
def test_a_torn_last_record(path: Path, lost: int, caplog: pytest.LogCaptureFixture) -> None:
    """A record that was half written when the process died is left out, and others can follow."""
    _filled(path, 7, 3, 5)
    os.truncate(path, path.stat().st_size - lost)
    store = _open(path)
    assert [3, 7] == _held(store, 3, 5, 7)
    store.append(_keys(5), _vectors(5))
    assert [3, 5, 7] == _held(_open(path), 3, 5, 7)
    assert [] == caplog.messages


@pytest.mark.parametrize("at", range(256 + RECORD_BYTES, 256 + 2 * RECORD_BYTES, 7))
def test_a_flipped_byte(path: Path, at: int, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged record costs that one vector, and one line in the log; then the file is sound."""
    _filled(path, 7, 3, 5)
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert [5, 7] == _held(_open(path), 3, 5, 7)
    assert [f"{path}: dropped damaged vectors: 1; they are computed again"] == caplog.messages


@pytest.mark.parametrize("change", ["model", "dimensions", "header", "short"])
def test_a_file_of_another_model(path: Path, change: str, caplog: pytest.LogCaptureFixture) -> None:
    """Vectors of another model are of no use: the file is replaced, with one line in the log."""
    _filled(path, 7, 3)
    if change == "header":
        path.write_bytes(b"x" + path.read_bytes()[1:])
    if change == "short":
        os.truncate(path, 100)
    model = "other" if change == "model" else "model"
    dimensions = 24 if change == "dimensions" else DIMENSIONS
    for _ in range(2):
        assert 0 == len(VectorStore(path, model, dimensions))
    assert [f"{path}: damaged or written for another model; replacing it"] == caplog.messages


def test_a_place_that_cannot_be_written_to(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where there can be no file, vectors are in memory, and one line says why."""
    (tmp_path / "file").write_text("")
    store = _filled(tmp_path / "file" / "vectors.bin", 7, 3)
    assert [3, 7] == _held(store, 3, 7)
    (line,) = caplog.messages
    assert "cannot be used (File exists); vectors stay in memory" in line


def test_a_disk_that_is_full(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When writing fails it is told once; all vectors, those of before too, are there until the end."""
    store = _filled(path, 7)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            store.append(_keys(3), _vectors(3))
        store.append(_keys(5), _vectors(5))
    assert [3, 5, 7] == _held(store, 3, 5, 7)


def test_two_that_write_to_one_file(path: Path) -> None:
    """Each keeps its vectors, and finds those of the other when it writes next."""
    one, other = _filled(path, 7), _open(path)
    for seed, writer in enumerate([other, one, other, one, one], 10):
        writer.append(_keys(seed), _vectors(seed))
    assert [7, 10, 11, 12, 13, 14] == _held(one, 7, *range(10, 20)) == _held(_open(path), 7, *range(10, 20))
    assert [7, 10, 11, 12] == _held(other, 7, *range(10, 20))


def test_a_file_that_another_process_has_replaced(path: Path) -> None:
    """What is open stays as it is, what is added goes into the new file as well."""
    one = _filled(path, 7, 3)
    path.unlink()
    other = _filled(path, 5)
    rows = one.rows(_keys(7, 3))
    one.append(_keys(9), _vectors(9))
    one.append(_keys(11), _vectors(11))
    assert np.array_equal(rows, one.rows(_keys(7, 3)))
    assert [3, 7, 9, 11] == _held(one, 3, 5, 7, 9, 11)
    other.append(_keys(13), _vectors(13))
    assert [5, 9, 11, 13] == _held(other, 3, 5, 7, 9, 11, 13) == _held(_open(path), 3, 5, 7, 9, 11, 13)


def test_a_file_that_was_deleted(path: Path) -> None:
    """A file that somebody deletes is there again with the next vector."""
    store = _filled(path, 7)
    path.unlink()
    store.append(_keys(3), _vectors(3))
    assert [3, 7] == _held(store, 3, 7)
    assert [3] == _held(_open(path), 3, 7)


def test_compacting(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors of texts that are gone are left out when they are most of the file, and never without need."""
    monkeypatch.setattr(vector_store, "_MIN_COMPACTED_RECORDS", 6)
    store = _filled(path, *range(8))
    size = path.stat().st_size
    for keys in (_keys(), _keys(1, 2, 3)):
        store.compact(keys)
        assert (8, size) == (len(store), path.stat().st_size)
    store.compact(_keys(5, 1, 5, 5))
    assert [1, 5] == _held(store, *range(8)) == _held(_open(path), *range(8))
    assert 256 + 2 * RECORD_BYTES == path.stat().st_size
    store.append(_keys(2), _vectors(2))
    assert [1, 2, 5] == _held(_open(path), *range(8))


def test_few_vectors_are_not_compacted(path: Path) -> None:
    """A small file stays as it is."""
    store = _filled(path, *range(8))
    store.compact(_keys(1))
    assert 8 == len(store)
