"""A library of documents, with its index on this machine or in a cluster: what can be asked of it."""

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from retrieval.documents.ingestion import render_page_picture
from retrieval.errors import EncoderError
from retrieval.index.candidates import DocumentIndex
from retrieval.loaders.containers import container_of
from retrieval.model import (
    Answer,
    Citation,
    Passage,
    PassageWithNeighbours,
    Problem,
    Section,
    Source,
    TermWeight,
    document_id,
    document_of,
)
from retrieval.overview import Overview, make_overview
from retrieval.pipeline import answer_question, explain

_MAX_CACHED_ANSWERS = 256
_MAX_CACHED_OVERVIEWS = 64

T = TypeVar("T")
IndexT = TypeVar("IndexT", bound=DocumentIndex)


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[IndexT]):
    """The indexed documents at one time. Immutable, except for a cache of answers and overviews.

    `problems` are the files that were left out. `version` changes with the documents or their index.
    """

    index: IndexT
    sources: tuple[Source, ...]
    problems: tuple[Problem, ...]
    version: str
    quote_chars: int
    _answers: OrderedDict[tuple[str, int, str | None, int], Answer] = field(default_factory=OrderedDict)
    _overviews: OrderedDict[str, Overview] = field(default_factory=OrderedDict)
    _by_id: Mapping[str, Source] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_id", {source.id: source for source in self.sources})

    def source(self, identity: str) -> Source | None:
        return self._by_id.get(identity)

    async def answer(self, question: str, top: int, earlier: str | None) -> Answer:
        """Answer a question. Answers are cached: paging repeats questions, and people ask the same."""
        key = question, top, earlier, self.index.vector_count
        if (cached := self._answers.get(key)) is not None:
            self._answers.move_to_end(key)
            return cached
        answer_with = partial(
            answer_question, question, quote_chars=self.quote_chars, top=top, earlier=earlier
        )
        try:
            result = await answer_with(self.index)
        except EncoderError:
            # The encoder has logged the reason.
            result = await answer_with(self.index.without_encoder())
        result = replace(result, citations=tuple(map(self._with_copies, result.citations)))
        self._answers[key] = result
        if len(self._answers) > _MAX_CACHED_ANSWERS:
            self._answers.popitem(last=False)
        return result

    def _with_copies(self, citation: Citation) -> Citation:
        copies = self._by_id[document_id(citation.document)].copies
        return replace(citation, copies=copies) if copies else citation

    async def passage_with_neighbours(self, passage_id: str) -> PassageWithNeighbours | None:
        ordinal = await self.index.ordinal(passage_id)
        if ordinal is None:
            return None
        first = max(ordinal - 1, 0)
        passages = await self.index.document_passages(document_of(passage_id), first, ordinal + 2 - first)
        at = ordinal - first
        before = passages[at - 1] if at else None
        after = passages[at + 1] if at + 1 < len(passages) else None
        return PassageWithNeighbours(passages[at], before, after, ordinal)

    async def overview(self, source: Source) -> Overview:
        """Return the overview of a document. Those made last are cached."""
        if (cached := self._overviews.get(source.id)) is not None:
            self._overviews.move_to_end(source.id)
            return cached
        passages = await self.index.document_passages(source.id, 0, source.passages)
        result = await asyncio.to_thread(make_overview, passages, self.quote_chars)
        self._overviews[source.id] = result
        if len(self._overviews) > _MAX_CACHED_OVERVIEWS:
            self._overviews.popitem(last=False)
        return result


class Library(ABC, Generic[IndexT]):
    """Answers questions about the documents in `folder`, and returns their passages.

    All coroutines raise UnavailableError while the cluster cannot be reached.
    """

    __slots__ = ()

    folder: Path

    @property
    @abstractmethod
    def snapshot(self) -> Snapshot[IndexT]:
        """The current documents and index."""

    async def _ask(self, work: Callable[[Snapshot[IndexT]], Awaitable[T]]) -> T:
        """Run `work` on the current snapshot. A subclass may retry it on a newer one."""
        return await work(self.snapshot)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The documents, sorted by name."""
        return self.snapshot.sources

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The files that were left out of the index."""
        return self.snapshot.problems

    @property
    def passages(self) -> int:
        """The number of passages."""
        return self.snapshot.index.size

    @property
    def languages(self) -> Sequence[str]:
        """The languages of the documents, by number of passages, most first."""
        return self.snapshot.index.languages

    @property
    def version(self) -> str:
        """A digest that changes with the documents or their index."""
        return self.snapshot.version

    @property
    def quote_chars(self) -> int:
        """The maximum length of a quote in characters. Documents are indexed for it."""
        return self.snapshot.quote_chars

    async def answer(self, question: str, *, top: int = 5, earlier: str | None = None) -> Answer:
        """Answer a question with up to `top` quotes. It may refer to the `earlier` question."""
        return await self._ask(lambda snapshot: snapshot.answer(question, top, earlier))

    async def explain(self, question: str) -> tuple[TermWeight, ...]:
        """Return the weights of the words of a question, highest first."""
        return await self._ask(lambda snapshot: explain(question, snapshot.index))

    def source(self, identity: str) -> Source | None:
        """Return the document with this id, or None."""
        return self.snapshot.source(identity)

    async def read(self, source: Source, first: int = 0, count: int | None = None) -> Sequence[Passage]:
        """Return up to `count` passages of a document (default: all) from ordinal `first` on."""
        number = source.passages - first if count is None else count
        return await self._ask(lambda snapshot: snapshot.index.document_passages(source.id, first, number))

    async def sections(self, source: Source) -> tuple[Section, ...]:
        """Return the sections of a document that have text, in document order."""
        return await self._ask(lambda snapshot: snapshot.index.sections(source.name))

    async def overview(self, source: Source) -> Overview:
        """Return the central sentences of a document, and the headings of a long one."""
        return await self._ask(lambda snapshot: snapshot.overview(source))

    async def passage_with_neighbours(self, passage_id: str) -> PassageWithNeighbours | None:
        """Return a passage and its neighbours, or None without a passage of this id."""
        return await self._ask(lambda snapshot: snapshot.passage_with_neighbours(passage_id))

    def file(self, source: Source) -> Path:
        """Return the path of a document's file, or of the archive or mail that it is in."""
        file = self.folder / source.name
        return container_of(file) or file

    def picture(self, citation: Citation) -> bytes | None:
        """Return the page of a quote as a JPEG with the quote marked, or None without pages. Blocks."""
        return render_page_picture(self.folder, citation)


SingleLibrary: TypeAlias = Library[Any]
