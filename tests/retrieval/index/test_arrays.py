import gc
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from retrieval.index import segment
from retrieval.index.segment import ArrayFile, ArrayWriter

DTYPES = st.sampled_from([np.uint8, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float64])
ARRAY = st.tuples(DTYPES, st.lists(st.integers(0, 255), max_size=40)).map(lambda a: np.array(a[1], a[0]))
FACTS = {"languages": {"en": 3, "de": 1}, "shelves": [["a", 4], ["б", 9]], "none": None}


def write(path: Path, arrays: Sequence[NDArray[Any]], facts: object = None) -> ArrayFile:
    with path.open("wb") as file:
        writer = ArrayWriter(file)
        for number, array in enumerate(arrays):
            writer.add(str(number), array)
        writer.close(facts)
    return ArrayFile(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "arrays"


@given(arrays=st.lists(ARRAY, max_size=6), cut=st.integers(0, 40))
@settings(max_examples=60)
def test_round_trip(arrays: Sequence[NDArray[Any]], cut: int) -> None:
    """Arrays of any dtype and length are read as they were written, whole or in parts."""
    with TemporaryDirectory() as folder:
        opened = write(Path(folder, "arrays"), arrays, FACTS)
        assert FACTS == opened.facts
        for number, array in enumerate(arrays):
            name, first, last = str(number), min(cut, len(array)), len(array)
            assert (array.dtype, array.tolist()) == (opened[name].dtype, opened[name].tolist())
            assert array[first:last].tobytes() == opened.read(name, first, last)
            assert array[:first].tobytes() == opened.read(name, 0, first)


@pytest.mark.parametrize("sizes", [[], [0], [3], [2, 0, 5, 1]])
def test_blocks(sizes: Sequence[int], path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array written in blocks is one array, and can be read in blocks of limited size."""
    monkeypatch.setattr(segment, "_BLOCK_BYTES", 8)
    blocks = [np.arange(size, dtype=np.int64) + 10 * at for at, size in enumerate(sizes)]
    with path.open("wb") as file:
        writer = ArrayWriter(file)
        writer.add("all", iter(blocks), np.int32)
        writer.close(None)
    opened, expected = ArrayFile(path), [number for block in blocks for number in block.tolist()]
    assert (np.dtype(np.int32), expected) == (opened["all"].dtype, opened["all"].tolist())
    read = [block.tolist() for block in opened.blocks("all", 0, len(expected))]
    assert expected == [number for block in read for number in block]
    assert all(len(block) <= 2 for block in read)


def test_aligned(path: Path) -> None:
    """Arrays are aligned to 64 bytes, whatever comes before them."""
    opened = write(path, [np.zeros(n, np.uint8) for n in (1, 3, 65)] + [np.arange(3.0)])
    assert all(opened[name].ctypes.data % 64 == 0 for name in ("0", "1", "2", "3"))


def test_read_only(path: Path) -> None:
    """Arrays that are read cannot be changed."""
    with pytest.raises(ValueError, match="read-only"):
        write(path, [np.arange(3)])["0"][0] = 1


@pytest.mark.parametrize(
    "data",
    [
        b"", b"x", b"\0" * 8, b"\xff" * 8, b"\0" * 100, b"\xff" * 100,
        b"{}" + (2).to_bytes(8, "little"),
        b"[]" + (2).to_bytes(8, "little"),
        b'{"arrays": 1, "facts": 1}' + (25).to_bytes(8, "little"),
    ],
)  # fmt: skip
def test_other_files(data: bytes, path: Path) -> None:
    """A file of another kind raises an error."""
    path.write_bytes(data)
    with pytest.raises((ValueError, OSError)):
        ArrayFile(path)


def test_truncated(path: Path) -> None:
    """A file that is cut at its start or its end raises an error."""
    write(path, [np.arange(50), np.arange(9, dtype=np.uint8)], FACTS)
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises((ValueError, OSError)):
            ArrayFile(path)
        path.write_bytes(data[len(data) - size :])
        with pytest.raises((ValueError, OSError)):
            ArrayFile(path)


def test_any_damage(path: Path) -> None:
    """Whatever bytes are changed, the file raises an error when opened, or can be read without a crash."""
    write(path, [np.arange(50), np.arange(9, dtype=np.uint8)], FACTS)
    data = path.read_bytes()
    rng = random.Random(5)
    for _ in range(2_000):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 2, 8])):
            damaged[rng.randrange(len(data))] = rng.randrange(256)
        path.write_bytes(damaged)
        with suppress(ValueError, OSError):
            opened = ArrayFile(path)
            for name in {"0", "1"} & set(opened._arrays):
                opened[name].tolist()
                opened.read(name, 0, len(opened[name]))


def test_missing(path: Path) -> None:
    """A file that is not there is an OSError."""
    with pytest.raises(OSError, match="arrays"):
        ArrayFile(path)


def test_deleted_while_open(path: Path, tmp_path: Path) -> None:
    """A file that is deleted while it is open can still be read and copied."""
    opened = write(path, [np.arange(5_000), np.arange(9)], FACTS)
    data = path.read_bytes()
    path.unlink()
    opened.release_pages()
    assert list(range(5_000)) == opened["0"].tolist()
    assert np.arange(3, 9).tobytes() == opened.read("1", 3, 9)
    opened.copy(tmp_path / "copy")
    assert [tmp_path / "copy"] == list(tmp_path.iterdir())
    assert data == (tmp_path / "copy").read_bytes()


def _open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_closed(path: Path) -> None:
    """A file stays open as long as one of its arrays is used, and no longer."""
    before = _open_files()
    array = write(path, [np.arange(5_000)])["0"]
    assert list(range(5_000)) == array.tolist()
    del array
    assert before == _open_files()
