"""What the rest of retrieval asks of an index, embedded or distributed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.model import Passage
from retrieval.ranking.forward import Forward


@dataclass(frozen=True, slots=True)
class Candidates:
    """The first stage's best passages, best first, and what the second stage needs to look closer.

    `numbers` are rows of `forward`, `scores` (float64) run beside them, `passage` gives the passage of a row.
    `frequencies` holds the document frequency of each term asked for, among `size` passages.
    """

    numbers: NDArray[np.intp]
    scores: NDArray[np.float64]
    forward: Forward
    passage: Callable[[int], Passage]
    frequencies: Mapping[str, int]
    size: int


class Index(Protocol):
    """Finds passages by their terms."""

    @property
    def languages(self) -> Sequence[str]:
        """The languages of the passages, as ISO 639-1 codes."""

    @property
    def size(self) -> int:
        """How many passages there are."""

    def frequency(self, term: str) -> int:
        """Tell how many passages hold the term."""

    async def search(self, terms: Sequence[str], limit: int) -> Candidates:
        """Find the `limit` passages with the best BM25 scores among those that hold any of the terms."""

    def holds(self, term: str) -> bool:
        """Tell whether any passage holds the term."""

    def nearest(self, word: str) -> str | None:
        """Give the passages' own word that a word they do not hold is probably a misspelling of."""
