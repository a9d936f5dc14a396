"""tantivy: a compressed inverted index on disk, with dynamic pruning."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tantivy  # type: ignore[import-not-found]  # installed in .venv-bench only

from benchmarks.peers.engine import read_paragraphs

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.peers.engine import Question

_WRITER_HEAP_BYTES = 256_000_000
_QUERY_SYNTAX = re.compile(r"[^\w\s]")


class Engine:
    """English stemming, OR queries, and no total count of hits."""

    def __init__(self) -> None:
        self._index: Any = None
        self._searcher: Any = None

    def build(self, folder: Path, index_folder: Path) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("text", stored=False, tokenizer_name="en_stem", index_option="freq")
        index_folder.mkdir(parents=True)
        index = tantivy.Index(builder.build(), path=str(index_folder))
        writer = index.writer(heap_size=_WRITER_HEAP_BYTES, num_threads=1)
        for paragraph in read_paragraphs(folder):
            writer.add_document(tantivy.Document(text=paragraph))
        writer.commit()
        writer.wait_merging_threads()

    def open(self, _: Path, index_folder: Path) -> None:
        self._index = tantivy.Index.open(str(index_folder))
        self._searcher = self._index.searcher()

    def search(self, question: Question, limit: int) -> object:
        query = self._index.parse_query(_QUERY_SYNTAX.sub(" ", question.text), ["text"])
        return self._searcher.search(query, limit, count=False).hits
