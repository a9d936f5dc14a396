"""Figures laid out for a terminal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """What one benchmark found; the first row names the columns, `notes` stand below."""

    title: str
    rows: list[tuple[str, ...]]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(*self.rows, strict=True)]
        lines = ["  ".join(_cells(row, widths)).rstrip() for row in self.rows]
        return "\n".join([self.title, "", *lines, *(["", *self.notes] if self.notes else [])])


def _cells(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """Names to the left, figures to the right."""
    return [
        cell.rjust(width) if at else cell.ljust(width)
        for at, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
