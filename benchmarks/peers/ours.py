"""Our own index and answers, with the interface of the other engines."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from benchmarks.peers.engine import Question
from retrieval.documents.local_library import LocalLibrary
from retrieval.query.query import parse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Engine:
    """A library. It has more methods than the other engines."""

    def __init__(self) -> None:
        self._library: LocalLibrary

    def build(self, folder: Path, index_folder: Path) -> None:
        self._library = LocalLibrary.open(folder, index_dir=index_folder)

    def open(self, folder: Path, index_folder: Path) -> None:
        self.build(folder, index_folder)

    def search(self, question: Question, limit: int) -> Sequence[str]:
        candidates = asyncio.run(self._library.index.search(question.terms, limit))
        return [passage.text for passage in candidates.passages]

    def terms(self, texts: Sequence[str]) -> list[Question]:
        """Return questions with the terms that an answer searches for."""
        languages = self._library.languages
        return [Question(text, tuple(parse(text, languages).terms)) for text in texts]

    def time_searches(self, questions: Sequence[Question], limit: int) -> list[float]:
        """Search for each question and return the seconds of each, without reading the passages."""
        rank, times = self._library.index.rank_by_bm25, []
        for question in questions:
            start = time.perf_counter()
            rank(question.terms, limit)
            times.append(time.perf_counter() - start)
        return times

    def time_answers(self, questions: Sequence[Question]) -> list[float]:
        """Answer each question and return the seconds of each."""

        async def run() -> list[float]:
            times = []
            for question in questions:
                start = time.perf_counter()
                await self._library.answer(question.text)
                times.append(time.perf_counter() - start)
            return times

        return asyncio.run(run())
