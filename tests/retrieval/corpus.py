"""Generated passages, and the contents of indexes and libraries in comparable form."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from retrieval.documents.local_library import LocalLibrary
from retrieval.embeddings.encoder import Encoder
from retrieval.embeddings.vector_store import EmbeddingStore
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.local_index import LocalIndex
from retrieval.model import LineMark, Passage, Span, make_passage_id


def document(name: str, texts: Sequence[str], language: str = "en") -> list[Passage]:
    """Return the passages of a document, one for each text."""
    occurrences: Counter[str] = Counter()
    passages: list[Passage] = []
    for number, text in enumerate(texts, 1):
        identity = make_passage_id(name, text, occurrences[text])
        occurrences[text] += 1
        span = Span(7 * number, 7 * number + len(text))
        heading = ("Top", f"Part {number}")[: number % 3]
        place = (number, number, language, number % 4 or None)
        lines = (LineMark(0, number), LineMark(2, number + 3), LineMark(300, number + 1))[: number % 4]
        paragraphs = (350, 400)[: number % 3]
        passages.append(
            Passage(
                identity, name, name.upper(), span, text, heading, *place, lines=lines, paragraphs=paragraphs
            )
        )
    return passages


def all_passages(index: LocalIndex) -> list[Passage]:
    """Return all passages of an index, segment by segment."""
    return [
        passage
        for live in index.segments
        for passage in live.segment.passages(np.flatnonzero(live.alive).tolist())
    ]


def with_vectors(index: LocalIndex, encoder: Encoder) -> LocalIndex:
    """Return the index with the vectors of all texts that the encoder reads."""
    embeddings = EmbeddingStore.open(encoder, None)
    texts = list(index.encoder_texts(index.encoder_keys().tolist()))
    if texts:
        embeddings.encode(texts)
    return LocalIndex(index.segments, embeddings)


def library_passages(library: LocalLibrary) -> list[Passage]:
    """Return all passages of a library, in the order of its sources."""
    return [passage for source in library.sources for passage in library.index.passages_of(source.id)]


def forward_rows(forward: ForwardIndex) -> list[Any]:
    """Return the tokens and pieces of each passage, independent of the numbers of the forms."""
    forms = forward.vocabulary
    result: list[Any] = []
    for number in range(len(forward.tokens)):
        tokens, cuts = forward.row(number)
        own = forward.tokens.values[tokens]
        pieces = (forward.pieces.values[cuts], forward.piece_ends[cuts], forward.piece_tokens[cuts])
        of_forms = (forms.names[own], forms.terms[own], forms.token_types[own], forms.lengths[own])
        grams = [forms.grams.row(form).tolist() for form in own.tolist()]
        columns = [column.tolist() for column in (*of_forms, forward.starts[tokens], *pieces)]
        result.append((*columns, grams))
    return result


def uncached(library: LocalLibrary) -> LocalLibrary:
    """Return the library without the answers it has cached."""
    return replace(library, snapshot=replace(library.snapshot, _answers=OrderedDict()))


def search_bm25(index: LocalIndex, terms: Sequence[str], limit: int) -> list[tuple[Passage, float]]:
    """Return the best passages with their BM25 scores."""
    hits = index.rank_by_bm25(terms, limit)
    return list(zip(index._read_passages(hits)[0], hits.scores.tolist(), strict=True))
