"""A library whose index is in a cluster: what the bot asks, answered from there."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

from retrieval.documents.ingestion import render_page
from retrieval.embeddings.encoder import Encoder
from retrieval.errors import UnavailableError
from retrieval.model import Answer, Citation, Passage, PassageContext, Problem, Section, Source, TermWeight
from retrieval.opensearch.client import Cluster, RefusedError
from retrieval.opensearch.index_snapshot import IndexSnapshot, find_current

T = TypeVar("T")


class ClusterLibrary:
    """What a documents folder held when it was indexed. Never changes: `refreshed` gives what took its place.

    Where its index is gone, what is asked is asked of the one that took its place.
    Every method that waits raises UnavailableError while the cluster does not answer.
    """

    def __init__(
        self, cluster: Cluster, alias: str, folder: Path, edition: IndexSnapshot, encoder: Encoder | None
    ) -> None:
        self.folder = folder
        self._cluster, self._alias, self._edition, self._encoder = cluster, alias, edition, encoder
        self._newer: Self | None = None
        self._opening = asyncio.Lock()

    @classmethod
    async def open(
        cls, cluster: Cluster, folder: Path, *, alias: str = "verbatim", encoder: Encoder | None = None
    ) -> Self:
        """Open what the alias names. `folder` is where files are looked for, when somebody wants one whole.

        With the `encoder` that made the index's vectors, answers compare meanings as well. Raises
        UnavailableError, also when nothing was indexed yet.
        """
        return cls(cluster, alias, folder, await _opened(cluster, alias, encoder), encoder)

    async def refreshed(self) -> Self:
        """Give the library that the alias names now: this one, as long as nothing else was indexed."""
        if self._newer is not None:
            return await self._newer.refreshed()
        async with self._opening:
            if self._newer is None:
                edition = await _opened(self._cluster, self._alias, self._encoder, self._edition)
                if edition is self._edition:
                    return self
                self._newer = type(self)(self._cluster, self._alias, self.folder, edition, self._encoder)
            return self._newer

    async def reachable(self) -> None:
        """Search for nothing in particular."""
        await self._asked(lambda edition: edition.look())

    @property
    def sources(self) -> tuple[Source, ...]:
        """The documents, in the order of their names."""
        return self._edition.sources

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was left out."""
        return self._edition.problems

    @property
    def passages(self) -> int:
        """How many passages there are."""
        return self._edition.index.size

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the documents, those with most passages first."""
        return self._edition.index.languages

    @property
    def version(self) -> str:
        """Another one whenever the documents, or what is made of them, are."""
        return self._edition.about.version

    @property
    def quote_chars(self) -> int:
        """How long a quote may be: as it was when the documents were indexed."""
        return self._edition.about.quote_chars

    async def answer(self, question: str, *, top: int = 5, earlier: str | None = None) -> Answer:
        """Answer any text; `earlier` is the question before it, which it may lean on."""
        return await self._asked(lambda edition: edition.answer(question, top, earlier))

    async def explain(self, question: str) -> tuple[TermWeight, ...]:
        """Tell what each word of a question weighs."""
        return await self._asked(lambda edition: edition.explain(question))

    def source(self, identity: str) -> Source | None:
        """Give the document of an id, or None when there is none (any more)."""
        return self._edition.by_id.get(identity)

    async def read(self, source: Source, first: int = 0, count: int | None = None) -> Sequence[Passage]:
        """Give the passages of a document, from one on, all or so many; `first` is an ordinal in it."""
        return await self._asked(lambda edition: edition.read(source, first, count))

    async def sections(self, source: Source) -> tuple[Section, ...]:
        """List the headings of a document that have text, in their order."""
        return await self._asked(lambda edition: edition.sections(source))

    async def context(self, passage_id: str) -> PassageContext | None:
        """Give a passage and its neighbours, or None when there is no such passage (any more)."""
        return await self._asked(lambda edition: edition.context(passage_id))

    def file(self, source: Source) -> Path:
        """Give the path of a document's file."""
        return self.folder / source.name

    def picture(self, citation: Citation) -> bytes | None:
        """Draw the page a quote is on, if its document has pages, with the quote marked. Blocks."""
        return render_page(self.folder, citation)

    async def _asked(self, ask: Callable[[IndexSnapshot], Awaitable[T]]) -> T:
        try:
            return await ask(self._edition)
        except RefusedError as error:
            if not error.is_missing:
                raise
        newer = await self.refreshed()
        try:
            return await ask(newer._edition)  # noqa: SLF001  # another one of this class
        except RefusedError as error:
            if not error.is_missing:
                raise
            raise UnavailableError("the index is being replaced; try again") from None


async def _opened(
    cluster: Cluster, alias: str, encoder: Encoder | None, known: IndexSnapshot | None = None
) -> IndexSnapshot:
    """Open what the alias names, unless that is known."""
    while True:
        found = await find_current(cluster, alias)
        name, about = found or ("", None)
        # What another version of ours made is not for this one, which goes on with what it has.
        if known and (known.index.name == name or (found and about is None)):
            return known
        if about is None or not about.done:
            raise UnavailableError(
                f"OpenSearch has no index for this version under the name {alias!r}; run `verbatim index`"
            )
        try:
            return await IndexSnapshot.open(cluster, name, about, encoder)
        except RefusedError as error:
            # It was replaced, and then deleted, since it was found.
            if not error.is_missing:
                raise
