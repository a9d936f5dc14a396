"""Ragged arrays, and files of named arrays.

A file's arrays are mapped into memory, or read in parts without that. Mapped pages that were touched count as
the process's own memory until the system takes them back; parts that are read do not. Several processes share
one file, and a file that is deleted stays readable while it is open.
"""

import json
import mmap
import os
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray


@dataclass(frozen=True, slots=True)
class RaggedArray:
    """Rows of different lengths in one array: row r is `values[offsets[r]:offsets[r + 1]]`."""

    offsets: NDArray[np.int64]
    values: NDArray[Any]

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[int]], dtype: DTypeLike = np.int32) -> Self:
        offsets = np.fromiter(accumulate(map(len, rows), initial=0), np.int64, len(rows) + 1)
        return cls(offsets, np.fromiter(chain.from_iterable(rows), dtype, int(offsets[-1])))

    @classmethod
    def from_lengths(cls, lengths: NDArray[Any], values: NDArray[Any]) -> Self:
        """Return rows of these lengths; `values` are those of all rows."""
        return cls(row_ends(lengths), values)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        return cls.from_lengths(
            np.concatenate([part.lengths for part in parts]), np.concatenate([part.values for part in parts])
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    def row(self, number: int) -> NDArray[Any]:
        return self.values[self.offsets[number] : self.offsets[number + 1]]

    def positions(self, numbers: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the positions in `values` of all elements of these rows, and the lengths of the rows."""
        first = self.offsets[numbers]
        lengths = self.offsets[numbers + 1] - first
        positions = np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
        positions += np.arange(len(positions))
        return positions, lengths

    def take(self, numbers: NDArray[Any]) -> "RaggedArray":
        """Return these rows, in the order of `numbers`."""
        positions, lengths = self.positions(numbers)
        return RaggedArray.from_lengths(lengths, self.values.take(positions))


def row_ends(lengths: NDArray[Any]) -> NDArray[np.int64]:
    """Return the offsets of rows of these lengths, shape (rows + 1,)."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


# The size of a cache line, and a multiple of every dtype's alignment.
_ALIGNMENT_BYTES = 64
_BLOCK_BYTES = 8 * 1024**2
# The file ends with the length of its JSON header, as a little-endian integer of this size.
_FOOTER_BYTES = 8


class ArrayWriter:
    """Writes arrays one after the other; `close` adds the header after them.

    The header is JSON: the dtype, start and length of each array, and any facts.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._arrays: dict[str, tuple[str, int, int]] = {}

    def add(self, name: str, blocks: NDArray[Any] | Iterable[NDArray[Any]], dtype: Any = None) -> None:
        """Write an array, whole or in blocks, which need a `dtype`. Raises OSError."""
        self._file.write(b"\0" * (-self._file.tell() % _ALIGNMENT_BYTES))
        start, size = self._file.tell(), 0
        for block in [blocks] if isinstance(blocks, np.ndarray) else blocks:
            dtype = np.dtype(block.dtype if dtype is None else dtype)
            self._file.write(np.ascontiguousarray(block, dtype).data.cast("B") if len(block) else b"")
            size += len(block)
        self._arrays[name] = np.dtype(dtype).str, start, size

    def close(self, facts: Any) -> None:
        header = json.dumps({"arrays": self._arrays, "facts": facts}).encode()
        self._file.write(header + len(header).to_bytes(_FOOTER_BYTES, "little"))


class ArrayFile:
    """A file of one-dimensional arrays, opened for reading."""

    def __init__(self, path: Path) -> None:
        """Open the file. Raises OSError, and ValueError if it is damaged or of another kind."""
        self.path = path
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        # When the process ends, the system closes it.
        weakref.finalize(self, os.close, self._file).atexit = False
        size = os.fstat(self._file).st_size
        footer = os.pread(self._file, _FOOTER_BYTES, max(size - _FOOTER_BYTES, 0))
        header_start = size - _FOOTER_BYTES - int.from_bytes(footer, "little")
        if header_start < 0:
            raise ValueError(f"{path}: damaged")
        self._map = mmap.mmap(self._file, 0, prot=mmap.PROT_READ)
        try:
            header = json.loads(os.pread(self._file, size - _FOOTER_BYTES - header_start, header_start))
            self._arrays: dict[str, tuple[np.dtype[Any], int, int]] = {
                name: (np.dtype(dtype), start, count)
                for name, (dtype, start, count) in header["arrays"].items()
            }
            self.facts: Any = header["facts"]
            is_whole = all(
                start >= 0 <= count and start + dtype.itemsize * count <= header_start
                for dtype, start, count in self._arrays.values()
            )
        # numpy parses some dtype strings as Python, hence the SyntaxError.
        except (LookupError, TypeError, AttributeError, SyntaxError):
            is_whole = False
        if not is_whole:
            raise ValueError(f"{path}: damaged")

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return an array that is mapped into memory, read-only."""
        dtype, start, count = self._arrays[name]
        return np.frombuffer(self._map, dtype, count, start) if count else np.zeros(0, dtype)

    def read(self, name: str, first: int, last: int) -> bytes:
        """Read the elements `first` to `last` (exclusive) of an array, as bytes."""
        (part,) = self.read_each(name, [(first, last)])
        return part

    def read_each(self, name: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read several ranges of elements of an array, as bytes."""
        dtype, start, _ = self._arrays[name]
        file, size, pread = self._file, dtype.itemsize, os.pread
        if len(ranges) > 1 and hasattr(os, "posix_fadvise"):
            # The disk then reads all that is not cached at once, not one range after the other.
            for first, last in ranges:
                os.posix_fadvise(file, start + size * first, size * (last - first), os.POSIX_FADV_WILLNEED)
        return [pread(file, size * (last - first), start + size * first) for first, last in ranges]

    def blocks(self, name: str, first: int, last: int) -> Iterator[NDArray[Any]]:
        """Read the elements `first` to `last` (exclusive) in blocks of up to 8 MB."""
        dtype, _, _ = self._arrays[name]
        step = _BLOCK_BYTES // dtype.itemsize
        for start in range(first, last, step):
            yield np.frombuffer(self.read(name, start, min(start + step, last)), dtype)

    def copy(self, path: Path) -> None:
        """Write a copy to `path`, atomically. Raises OSError."""
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
            for start in range(0, len(self._map), _BLOCK_BYTES):
                file.write(os.pread(self._file, _BLOCK_BYTES, start))
            file.flush()
        Path(file.name).replace(path)

    def release_pages(self) -> None:
        """Take the mapped pages out of the process's memory; the system's cache keeps them."""
        self._map.madvise(mmap.MADV_DONTNEED)
