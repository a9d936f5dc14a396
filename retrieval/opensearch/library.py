"""The archive over an index in a cluster."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from retrieval.documents.archive import Archive, Snapshot
from retrieval.embeddings.encoder import Encoder
from retrieval.errors import RetrievalError, UnavailableError
from retrieval.opensearch.client import ClusterClient, RefusedError
from retrieval.opensearch.index_snapshot import open_current
from retrieval.opensearch.search_index import OpenSearchIndex

T = TypeVar("T")

ClusterSnapshot = Snapshot[OpenSearchIndex]


class ClusterLibrary(Archive[OpenSearchIndex]):
    """Answers from the index that an alias points to, as it was at the last `refresh`.

    When that index has been deleted, a request is repeated on the one that replaced it. Failures are raised
    as UnavailableError. `folder` has the documents' files, for users who want a whole file.
    """

    def __init__(
        self,
        open_snapshot: Callable[[ClusterSnapshot | None], Awaitable[ClusterSnapshot]],
        folder: Path,
    ) -> None:
        self.folder = folder
        self._open_snapshot = open_snapshot
        self._observe: Callable[[RetrievalError | None], None] = lambda _: None
        self._snapshot: ClusterSnapshot | None = None
        self._refreshing = asyncio.Lock()
        self._reason = "not connected to the cluster yet"

    @classmethod
    def at(
        cls, cluster: ClusterClient, folder: Path, *, alias: str = "verbatim", encoder: Encoder | None = None
    ) -> Self:
        """Return a library that has to be refreshed before it answers.

        With the `encoder` that made the index's vectors, answers compare meanings as well.
        """
        return cls(partial(open_current, cluster, alias, encoder), folder)

    @classmethod
    async def open(
        cls, cluster: ClusterClient, folder: Path, *, alias: str = "verbatim", encoder: Encoder | None = None
    ) -> Self:
        """Return a library that is ready. Raises UnavailableError, also when nothing has been indexed."""
        library = cls.at(cluster, folder, alias=alias, encoder=encoder)
        await library.refresh()
        return library

    @property
    def snapshot(self) -> ClusterSnapshot:
        if self._snapshot is None:
            raise UnavailableError(self._reason)
        return self._snapshot

    def observe(self, observer: Callable[[RetrievalError | None], None]) -> None:
        """Call `observer` after each request with its error, or with None."""
        self._observe = observer

    async def refresh(self) -> bool:
        """Switch to the index that the alias points to; return whether that is another one.

        Raises RetrievalError when the cluster cannot be reached or has no index.
        """
        async with self._refreshing:
            before = self._snapshot
            try:
                self._snapshot = await self._open_snapshot(before)
            except RetrievalError as error:
                self._reason = str(error)
                raise
            return self._snapshot is not before

    async def ping(self) -> None:
        """Run the cheapest search. Raises UnavailableError."""
        await self._ask(lambda snapshot: snapshot.index.ping())

    async def _ask(self, work: Callable[[ClusterSnapshot], Awaitable[T]]) -> T:
        snapshot = self.snapshot
        try:
            result = await self._on_current(snapshot, work)
        except RetrievalError as error:
            self._observe(error)
            raise UnavailableError(str(error)) from None
        self._observe(None)
        return result

    async def _on_current(
        self, snapshot: ClusterSnapshot, work: Callable[[ClusterSnapshot], Awaitable[T]]
    ) -> T:
        try:
            return await work(snapshot)
        except RefusedError as error:
            if not error.is_missing:
                raise
        await self.refresh()
        try:
            return await work(self.snapshot)
        except RefusedError as error:
            if not error.is_missing:
                raise
            raise UnavailableError("the index is being replaced; try again") from None
