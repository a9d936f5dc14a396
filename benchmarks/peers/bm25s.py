"""bm25s with numba: the scores of each term are computed when the index is built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bm25s  # type: ignore[import-not-found]  # installed in .venv-bench only
import Stemmer

from benchmarks.peers.engine import K1, B, read_paragraphs

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.peers.engine import Question


class Engine:
    """Its own tokenizer with an English stemmer, without stop words."""

    def __init__(self) -> None:
        self._index: Any = None

    def build(self, folder: Path, index_folder: Path) -> None:
        tokens = bm25s.tokenize(
            list(read_paragraphs(folder)),
            stopwords=None,
            stemmer=Stemmer.Stemmer("english"),
            show_progress=False,
        )
        self._index = bm25s.BM25(k1=K1, b=B, backend="numba")
        self._index.index(tokens, show_progress=False)
        self._index.save(index_folder, show_progress=False)

    def open(self, _: Path, index_folder: Path) -> None:
        self._index = bm25s.BM25.load(index_folder, show_progress=False)

    def search(self, question: Question, limit: int) -> object:
        return self._index.retrieve([list(question.terms)], k=limit, show_progress=False, n_threads=1)
