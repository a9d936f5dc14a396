"""The interface of the engines, and their questions."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# The parameters of our BM25.
K1 = 0.6
B = 0.75


@dataclass(frozen=True, slots=True)
class Question:
    """A question as typed, and its stemmed words."""

    text: str
    terms: tuple[str, ...]


class Engine(Protocol):
    """A search engine over the paragraphs of a folder of texts."""

    def build(self, folder: Path, index_folder: Path) -> None:
        """Index the folder and, if supported, save the index."""

    def open(self, folder: Path, index_folder: Path) -> None:
        """Open the saved index."""

    def search(self, question: Question, limit: int) -> object:
        """Return the best paragraphs with their scores, in the engine's own form."""


def time_searches(engine: Engine, questions: Sequence[Question], limit: int) -> list[float]:
    """Search for each question and return the seconds of each."""
    times = []
    for question in questions:
        start = time.perf_counter()
        engine.search(question, limit)
        times.append(time.perf_counter() - start)
    return times


def read_paragraphs(folder: Path) -> Iterator[str]:
    """Yield all paragraphs in order of file names."""
    for file in sorted(folder.glob("*.txt")):
        yield from file.read_text("utf-8").rstrip("\n").split("\n\n")
