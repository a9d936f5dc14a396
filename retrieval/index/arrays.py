"""Rows of different lengths in one array, and files of named arrays that are mapped into memory."""

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
    """Rows one after the other: row r is `values[offsets[r]:offsets[r + 1]]`."""

    offsets: NDArray[np.int64]
    values: NDArray[Any]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], kind: DTypeLike = np.int32) -> Self:
        offsets = np.fromiter(accumulate(map(len, rows), initial=0), np.int64, len(rows) + 1)
        return cls(offsets, np.fromiter(chain.from_iterable(rows), kind, int(offsets[-1])))

    @classmethod
    def counted(cls, lengths: NDArray[Any], values: NDArray[Any]) -> Self:
        return cls(row_ends(lengths), values)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        return cls.counted(
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
        """Give the positions in `values` of the named rows' members, and how many each row has."""
        first = self.offsets[numbers]
        lengths = self.offsets[numbers + 1] - first
        found = np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
        found += np.arange(len(found))
        return found, lengths

    def take(self, numbers: NDArray[Any]) -> "RaggedArray":
        """Give the named rows, in that order."""
        positions, lengths = self.positions(numbers)
        return RaggedArray.counted(lengths, self.values.take(positions))


def row_ends(lengths: NDArray[Any]) -> NDArray[np.int64]:
    """Give where each row ends, after a first zero."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


# Arrays begin where any number may, and a line of the processor's cache does.
_ALIGNED = 64
_AT_ONCE = 8 * 1024**2
# Of the number that ends the file: how long what names the arrays is.
_LENGTH = 8


class ArrayWriter:
    """Writes arrays one after the other; what names them, and `facts` of any JSON, come last."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._arrays: dict[str, tuple[str, int, int]] = {}

    def add(self, name: str, blocks: NDArray[Any] | Iterable[NDArray[Any]], kind: Any = None) -> None:
        """Write an array, whole or in blocks; `kind` is needed for those. Raises OSError."""
        self._file.write(b"\0" * (-self._file.tell() % _ALIGNED))
        start, size = self._file.tell(), 0
        for block in [blocks] if isinstance(blocks, np.ndarray) else blocks:
            kind = np.dtype(block.dtype if kind is None else kind)
            self._file.write(np.ascontiguousarray(block, kind).data.cast("B") if len(block) else b"")
            size += len(block)
        self._arrays[name] = np.dtype(kind).str, start, size

    def close(self, facts: Any) -> None:
        head = json.dumps({"arrays": self._arrays, "facts": facts}).encode()
        self._file.write(head + len(head).to_bytes(_LENGTH, "little"))


class ArrayFile:
    """The arrays of a file, opened. Raises OSError or ValueError where there is no such file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._file)
        size = os.fstat(self._file).st_size
        head = (
            size - _LENGTH - int.from_bytes(os.pread(self._file, _LENGTH, max(size - _LENGTH, 0)), "little")
        )
        if head < 0:
            raise ValueError(f"{path}: is damaged")
        self._map = mmap.mmap(self._file, 0, prot=mmap.PROT_READ)
        try:
            told = json.loads(os.pread(self._file, size - _LENGTH - head, head))
            self._arrays: dict[str, tuple[np.dtype[Any], int, int]] = {
                name: (np.dtype(kind), start, count) for name, (kind, start, count) in told["arrays"].items()
            }
            self.facts: Any = told["facts"]
            is_whole = all(
                start >= 0 <= count and start + kind.itemsize * count <= head
                for kind, start, count in self._arrays.values()
            )
        # numpy takes the name of a kind for a piece of Python.
        except (LookupError, TypeError, AttributeError, SyntaxError):
            is_whole = False
        if not is_whole:
            raise ValueError(f"{path}: is damaged")

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Give an array as it lies in memory."""
        kind, start, count = self._arrays[name]
        return np.frombuffer(self._map, kind, count, start) if count else np.zeros(0, kind)

    def read(self, name: str, first: int, last: int) -> bytes:
        """Read part of an array, as bytes."""
        (part,) = self.read_each(name, [(first, last)])
        return part

    def read_each(self, name: str, places: Sequence[tuple[int, int]]) -> list[bytes]:
        """Read parts of an array, each from its first to before its last."""
        kind, start, _ = self._arrays[name]
        file, size, pread = self._file, kind.itemsize, os.pread
        if len(places) > 1 and hasattr(os, "posix_fadvise"):
            # What is not in memory yet comes from the disk all at once, not one after the other.
            for first, last in places:
                os.posix_fadvise(file, start + size * first, size * (last - first), os.POSIX_FADV_WILLNEED)
        return [pread(file, size * (last - first), start + size * first) for first, last in places]

    def blocks(self, name: str, first: int, last: int) -> Iterator[NDArray[Any]]:
        """Read a long part of an array, some at a time."""
        kind, _, _ = self._arrays[name]
        step = _AT_ONCE // kind.itemsize
        for start in range(first, last, step):
            yield np.frombuffer(self.read(name, start, min(start + step, last)), kind)

    def copy(self, path: Path) -> None:
        """Write the file anew, to a place that it appears in as a whole. Raises OSError."""
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
            for start in range(0, len(self._map), _AT_ONCE):
                file.write(os.pread(self._file, _AT_ONCE, start))
            file.flush()
        Path(file.name).replace(path)

    def let_go(self) -> None:
        """Give back the memory of what was touched: it stays in the system's, and comes back when needed."""
        self._map.madvise(mmap.MADV_DONTNEED)
