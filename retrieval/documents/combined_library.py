"""The documents of a chat and the library that all chats share, asked as one library."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from retrieval.documents.library import SingleLibrary
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
    document_of,
)
from retrieval.overview import Overview

_BY_CERTAINTY: Mapping[Certainty, int] = {"none": 0, "unsure": 1, "sure": 2}
# The first quote is the chat's own unless the confidence of the shared library is higher by more than this.
_EQUALLY_GOOD = 0.1


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
        """The files that were left out of the shared library."""
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

    def source(self, identity: str) -> Source | None:
        """Return the document with this id, or None."""
        return self._holding(identity).source(identity)

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
        return await self._holding(document_of(passage_id)).passage_with_neighbours(passage_id)

    def file(self, source: Source) -> Path:
        """Return the path of a document's file."""
        return self._holding(source.id).file(source)

    def picture(self, citation: Citation) -> bytes | None:
        """Return the page of a quote as a JPEG with the quote marked, or None without pages. Blocks."""
        return self._holding(document_of(citation.passage.id)).picture(citation)

    def _holding(self, document: str) -> SingleLibrary:
        return self.own if self.own.source(document) else self.shared


AnyLibrary: TypeAlias = SingleLibrary | CombinedLibrary


def merge_answers(own: Answer, shared: Answer, top: int) -> Answer:
    """Return the better of two answers to a question, with the quotes of the other among its own.

    Answers are compared by certainty, then by confidence; of equally good ones, `own` is better. The quotes
    alternate, unless the other answer's are no answer at all: then they come last.
    """
    first, second = own, shared
    own_rank, shared_rank = _BY_CERTAINTY[own.certainty], _BY_CERTAINTY[shared.certainty]
    if shared_rank > own_rank or (
        shared_rank == own_rank and shared.confidence > own.confidence + _EQUALLY_GOOD
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


def _merge_weights(one: TermWeight, other: TermWeight) -> TermWeight:
    """Return how often a word occurs in both libraries, and its weight where it occurs."""
    weights = [term.weight for term in (one, other) if term.passages] or [one.weight]
    passages = one.passages + other.passages
    return TermWeight(one.word, one.content or other.content, passages, max(weights))
