"""Ours, driven as its peers are."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from benchmarks.peers.engine import Asked
from retrieval.documents.library import Library
from retrieval.query.query import parse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Engine:
    """A library; what it does beside searching is asked for with the methods that others lack."""

    def __init__(self) -> None:
        self._library: Library

    def build(self, folder: Path, saved: Path) -> None:
        self._library = Library.open(folder, index_dir=saved)

    def open(self, folder: Path, saved: Path) -> None:
        self.build(folder, saved)

    def search(self, asked: Asked, limit: int) -> Sequence[str]:
        found = asyncio.run(self._library.index.search(asked.terms, limit))
        return [passage.text for passage in found.passages]

    def terms(self, texts: Sequence[str]) -> list[Asked]:
        """Analyse questions as an answer does."""
        languages = self._library.languages
        return [Asked(text, tuple(parse(text, languages).terms)) for text in texts]

    def timed(self, questions: Sequence[Asked], limit: int) -> list[float]:
        """Ask one by one; gives the seconds of each. As for its peers, what is found is not read."""
        best, took = self._library.index.best, []
        for asked in questions:
            began = time.perf_counter()
            best(asked.terms, limit)
            took.append(time.perf_counter() - began)
        return took

    def answered(self, questions: Sequence[Asked]) -> list[float]:
        """Answer one by one; gives the seconds of each."""

        async def run() -> list[float]:
            took = []
            for asked in questions:
                began = time.perf_counter()
                await self._library.answer(asked.text)
                took.append(time.perf_counter() - began)
            return took

        return asyncio.run(run())
