"""Plain-text tables."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """The results of a benchmark. The first row has the column titles; `notes` are printed below."""

    title: str
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        widths = [max(map(len, cells)) for cells in zip(*self.rows, strict=True)]
        lines = ["  ".join(_cells(row, widths)).rstrip() for row in self.rows]
        return "\n".join([self.title, "", *lines, *(["", *self.notes] if self.notes else [])])


def _cells(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """Left-align the first column and right-align the others."""
    return [
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
