"""What each engine does, and what it is asked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# As ours, so that all count alike.
K1 = 0.6
B = 0.75


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a person writes it, and its stemmed words."""

    text: str
    terms: tuple[str, ...]


class Engine(Protocol):
    """A search engine over the paragraphs of a folder of texts."""

    def build(self, folder: Path, saved: Path) -> None:
        """Read and index the folder, ready for questions; saves the index if it can."""

    def open(self, folder: Path, saved: Path) -> None:
        """Open the saved index."""

    def search(self, asked: Asked, limit: int) -> object:
        """Find the best paragraphs and their scores."""


def timed(engine: Engine, questions: Sequence[Asked], limit: int) -> list[float]:
    """Ask one by one; gives the seconds of each."""
    took = []
    for asked in questions:
        began = time.perf_counter()
        engine.search(asked, limit)
        took.append(time.perf_counter() - began)
    return took


def paragraphs(folder: Path) -> Iterator[str]:
    """Read all paragraphs in their order."""
    for file in sorted(folder.glob("*.txt")):
        yield from file.read_text("utf-8").rstrip("\n").split("\n\n")
