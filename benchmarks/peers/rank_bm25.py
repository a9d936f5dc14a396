"""rank-bm25: the plain formula over every passage. Our scores must equal its scores."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import Stemmer
from rank_bm25 import BM25Plus

from benchmarks.peers.engine import K1, B, read_paragraphs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.peers.engine import Question

_WORD = re.compile(r"\w+")
# Scores this close may be in either order, because some engines use single precision.
_RELATIVE_TOLERANCE = 1e-6


class Engine:
    """An index in memory, which cannot be saved."""

    def __init__(self) -> None:
        self._index: Any = None
        self._folder: Path

    def build(self, folder: Path, _: Path) -> None:
        self._folder = folder
        stem = cache(Stemmer.Stemmer("english").stemWord)
        texts = [[stem(word) for word in _WORD.findall(text.lower())] for text in read_paragraphs(folder)]
        self._index = BM25Plus(texts, k1=K1, b=B, delta=0)

    def open(self, folder: Path, index_folder: Path) -> None:
        self.build(folder, index_folder)

    def search(self, question: Question, limit: int) -> object:
        scores = self._index.get_scores(question.terms)
        best = np.argsort(scores)[::-1][:limit]
        return best, scores[best]

    def count_differing(self, questions: Sequence[Question], results: Sequence[Sequence[str]]) -> int:
        """Return the number of questions whose `results` do not have the best scores in order."""
        numbers = {text: number for number, text in enumerate(read_paragraphs(self._folder))}
        differing = 0
        for question, texts in zip(questions, results, strict=True):
            scores = self._index.get_scores(question.terms)
            best = np.sort(scores)[::-1][: len(texts)]
            differing += not np.allclose(
                scores[[numbers[text] for text in texts]], best, rtol=_RELATIVE_TOLERANCE
            )
        return differing
