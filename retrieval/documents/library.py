"""A library of documents: its interface, with its index on this machine or in a cluster.

`CombinedLibrary` searches two of them as one: the documents of a chat, and the library that all chats share.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from retrieval.documents.page_pictures import render_page_picture
from retrieval.errors import EncoderError
from retrieval.index.candidates import ReadableIndex
from retrieval.loaders.containers import container_of
from retrieval.model import (
    Answer,
    Certainty,
    Citation,
    Passage,
    PassageWithNeighbours,
    Problem,
    Section,
    Source,
    TermWeight,
    document_id_of,
    make_document_id,
)
from retrieval.overview import Overview, make_overview
from retrieval.pipeline import explain, run_pipeline

_MAX_CACHED_ANSWERS = 256
_MAX_CACHED_OVERVIEWS = 64

T = TypeVar("T")
IndexT = TypeVar("IndexT", bound=ReadableIndex)


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[IndexT]):
    """The indexed documents at one time. Immutable, except for a cache of answers and overviews.

    `problems` are the files that were skipped. `version` changes with the documents or their index.
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

    def source(self, document_id: str) -> Source | None:
        return self._by_id.get(document_id)

    async def answer(self, question: str, top: int, earlier: str | None) -> Answer:
        """Answer a question. Answers are cached: paging repeats questions, and people ask the same."""
        key = question, top, earlier, self.index.vector_count
        if (cached := self._answers.get(key)) is not None:
            self._answers.move_to_end(key)
            return cached
        answer_with = partial(run_pipeline, question, quote_chars=self.quote_chars, top=top, earlier=earlier)
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
        copies = self._by_id[make_document_id(citation.document_name)].copies
        return replace(citation, copies=copies) if copies else citation

    async def passage_with_neighbours(self, passage_id: str) -> PassageWithNeighbours | None:
        ordinal = await self.index.ordinal(passage_id)
        if ordinal is None:
            return None
        first = max(ordinal - 1, 0)
        passages = await self.index.document_passages(document_id_of(passage_id), first, ordinal + 2 - first)
        index = ordinal - first
        before = passages[index - 1] if index else None
        after = passages[index + 1] if index + 1 < len(passages) else None
        return PassageWithNeighbours(passages[index], before, after, ordinal)

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
        """The files that were not indexed."""
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

    def source(self, document_id: str) -> Source | None:
        """Return the document with this id, or None."""
        return self.snapshot.source(document_id)

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


_BY_CERTAINTY: Mapping[Certainty, int] = {"none": 0, "unsure": 1, "sure": 2}
# The first quote is the chat's own unless the confidence of the shared library is higher by more than this.
_MAX_CONFIDENCE_DIFFERENCE = 0.1


@dataclass(frozen=True, slots=True)
class CombinedLibrary:
    """Two libraries with the interface of one. Documents in `own` come before those in `shared`.

    Each library ranks its own passages, so no document of a chat has an effect on what other chats are
    answered.
    """

    own: SingleLibrary
    shared: SingleLibrary

    @property
    def sources(self) -> tuple[Source, ...]:
        """The documents, first the chat's own, each part sorted by name."""
        return (*self.own.sources, *self.shared.sources)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The files of the shared library that were not indexed."""
        return self.shared.problems

    @property
    def passages(self) -> int:
        """The number of passages."""
        return self.own.passages + self.shared.passages

    @property
    def version(self) -> str:
        """The version of the shared library."""
        return self.shared.version

    async def answer(self, question: str, *, top: int = 5, earlier: str | None = None) -> Answer:
        """Answer a question from both libraries with up to `top` quotes; raises UnavailableError."""
        # One after the other: the second takes the vectors of the question from the encoder's cache.
        own = await self.own.answer(question, top=top, earlier=earlier)
        # Other questions come in between.
        await asyncio.sleep(0)
        return merge_answers(own, await self.shared.answer(question, top=top, earlier=earlier), top)

    async def explain(self, question: str) -> tuple[TermWeight, ...]:
        """Return the weights of the words of a question, highest first."""
        both = await asyncio.gather(self.own.explain(question), self.shared.explain(question))
        terms: dict[str, TermWeight] = {}
        for term in (*both[0], *both[1]):
            known = terms.get(term.word)
            terms[term.word] = _merge_weights(known, term) if known else term
        return tuple(sorted(terms.values(), key=lambda term: (-term.content, -term.weight)))

    def source(self, document_id: str) -> Source | None:
        """Return the document with this id, or None."""
        return self._holding(document_id).source(document_id)

    async def read(self, source: Source, first: int = 0, count: int | None = None) -> Sequence[Passage]:
        """Return up to `count` passages of a document (default: all) from ordinal `first` on."""
        return await self._holding(source.id).read(source, first, count)

    async def sections(self, source: Source) -> tuple[Section, ...]:
        """Return the sections of a document that have text, in document order."""
        return await self._holding(source.id).sections(source)

    async def overview(self, source: Source) -> Overview:
        """Return the central sentences of a document, and the headings of a long one."""
        return await self._holding(source.id).overview(source)

    async def passage_with_neighbours(self, passage_id: str) -> PassageWithNeighbours | None:
        """Return a passage and its neighbours, or None without a passage of this id."""
        return await self._holding(document_id_of(passage_id)).passage_with_neighbours(passage_id)

    def file(self, source: Source) -> Path:
        """Return the path of a document's file."""
        return self._holding(source.id).file(source)

    def picture(self, citation: Citation) -> bytes | None:
        """Return the page of a quote as a JPEG with the quote marked, or None without pages. Blocks."""
        return self._holding(document_id_of(citation.passage.id)).picture(citation)

    def _holding(self, document_id: str) -> SingleLibrary:
        return self.own if self.own.source(document_id) else self.shared


AnyLibrary: TypeAlias = SingleLibrary | CombinedLibrary


def merge_answers(own: Answer, shared: Answer, top: int) -> Answer:
    """Return the better of two answers to a question, with the quotes of the other among its own.

    Answers are compared by certainty, then by confidence; of equally good ones, `own` is better. The quotes
    alternate, unless the other answer has certainty `none`: then its quotes come last.
    """
    first, second = own, shared
    own_rank, shared_rank = _BY_CERTAINTY[own.certainty], _BY_CERTAINTY[shared.certainty]
    if shared_rank > own_rank or (
        shared_rank == own_rank and shared.confidence > own.confidence + _MAX_CONFIDENCE_DIFFERENCE
    ):
        first, second = shared, own
    # The quotes that answer a part each stay together.
    together = first.parts if first.parts > 1 else 0
    merged, rest = list(first.citations[:together]), first.citations[together:]
    if second.certainty == "none" and first.certainty != "none":
        merged += [*rest, *second.citations]
    else:
        for number in range(max(len(rest), len(second.citations))):
            merged += [*rest[number : number + 1], *second.citations[number : number + 1]]
    citations = tuple(replace(citation, rank=rank) for rank, citation in enumerate(merged[:top], 1))
    return replace(
        first,
        citations=citations,
        suggestion=first.suggestion or second.suggestion,
        asks_nothing=own.asks_nothing and shared.asks_nothing,
    )


def _merge_weights(first: TermWeight, second: TermWeight) -> TermWeight:
    """Return how often a word occurs in both libraries, and its weight where it occurs."""
    weights = [term.weight for term in (first, second) if term.passages] or [first.weight]
    passages = first.passages + second.passages
    return TermWeight(first.word, first.content or second.content, passages, max(weights))
