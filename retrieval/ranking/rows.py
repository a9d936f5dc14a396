"""Rows of different lengths in one array."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows one after the other: row r is `values[offsets[r]:offsets[r + 1]]`."""

    offsets: NDArray[np.int64]
    values: NDArray[Any]

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]], kind: DTypeLike = np.int32) -> Self:
        offsets = np.fromiter(accumulate(map(len, rows), initial=0), np.int64, len(rows) + 1)
        return cls(offsets, np.fromiter(chain.from_iterable(rows), kind, int(offsets[-1])))

    @classmethod
    def counted(cls, lengths: NDArray[Any], values: NDArray[Any]) -> Self:
        return cls(ends(lengths), values)

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

    def take(self, numbers: NDArray[Any]) -> "Rows":
        """Give the named rows, in that order."""
        positions, lengths = self.positions(numbers)
        return Rows.counted(lengths, self.values.take(positions))


def ends(lengths: NDArray[Any]) -> NDArray[np.int64]:
    """Give where each row ends, after a first zero."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
