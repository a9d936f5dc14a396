"""A library with its index in a cluster: finds the index that the alias points to, and answers from it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

from retrieval.documents.file_listing import FileRecord, list_sources
from retrieval.documents.library import Library, Snapshot
from retrieval.embeddings.encoder import Encoder
from retrieval.errors import RetrievalError, UnavailableError
from retrieval.opensearch import stored_passages
from retrieval.opensearch.client import WRITE_TIMEOUT, ClusterClient, RefusedError
from retrieval.opensearch.search_index import OpenSearchIndex
from retrieval.opensearch.stored_passages import IndexMetadata, StoredFileRecord

_log = logging.getLogger(__name__)


_FILE_RECORDS_FILTER: Mapping[str, Any] = {"exists": {"field": "name"}}
# About 5 MB.
_RECORDS_PER_REQUEST = 5_000


async def find_current_index(cluster: ClusterClient, alias: str) -> tuple[str, IndexMetadata | None] | None:
    """Return the index that the alias points to, and its metadata; no metadata if its format differs."""
    try:
        mapping_by_index = await cluster.get(f"/{alias}/_mapping")
    except RefusedError as error:
        if not error.is_missing:
            raise
        return None
    for name, mapping in mapping_by_index.items():
        return name, IndexMetadata.read(mapping["mappings"].get("_meta", {}))
    return None


async def read_file_records(cluster: ClusterClient, index: str) -> list[FileRecord]:
    """Return the records of all files, ordered by name."""
    records: list[FileRecord] = []
    while True:
        after = records[-1].file.name if records else None
        query = _file_records_query(after, _RECORDS_PER_REQUEST)
        response = await cluster.search(index, query, WRITE_TIMEOUT)
        hits = response["hits"]["hits"]
        records += [StoredFileRecord.read(stored_passages.stored_field(hit)).record for hit in hits]
        if len(hits) < _RECORDS_PER_REQUEST:
            return records


def _file_records_query(after: str | None, size: int) -> dict[str, Any]:
    """Return a query for the file records that follow the name `after`, ordered by name."""
    return {
        "size": size,
        "track_total_hits": False,
        "query": _FILE_RECORDS_FILTER,
        "sort": ["name"],
        **({} if after is None else {"search_after": [after]}),
        **stored_passages.STORED_FIELD_ONLY,
    }


async def open_current_snapshot(
    cluster: ClusterClient,
    alias: str,
    encoder: Encoder | None,
    known: Snapshot[OpenSearchIndex] | None = None,
) -> Snapshot[OpenSearchIndex]:
    """Return a snapshot of the index that the alias points to; `known` itself when that is still the one.

    Raises UnavailableError, also when nothing has been indexed for this version of Verbatim.
    """
    while True:
        current = await find_current_index(cluster, alias)
        name, metadata = current or ("", None)
        # This process cannot read the index of another version of Verbatim.
        if known and (known.index.name == name or (current and metadata is None)):
            return known
        if metadata is None or not metadata.done:
            raise UnavailableError(
                f"OpenSearch has no index for this version under the name {alias!r}; run `verbatim index`"
            )
        try:
            return await _open_snapshot(cluster, name, metadata, encoder)
        except RefusedError as error:
            # The index was replaced and deleted after it was found.
            if not error.is_missing:
                raise


async def _open_snapshot(
    cluster: ClusterClient, name: str, metadata: IndexMetadata, encoder: Encoder | None
) -> Snapshot[OpenSearchIndex]:
    records = await read_file_records(cluster, name)
    unread = [record.problem for record in records if record.problem]
    problems = tuple(sorted([*metadata.problems, *unread], key=lambda problem: problem.name))
    index = OpenSearchIndex(cluster, name, metadata)
    if encoder and metadata.size:
        index = await index.with_encoder(encoder)
        if index.encoder is None:
            _log.warning(
                "OpenSearch: %s has no vectors of the encoder %s; matching words only; run `verbatim index`",
                name,
                encoder.name,
            )
    return Snapshot(index, list_sources(records), problems, metadata.version, metadata.quote_chars)


T = TypeVar("T")

ClusterSnapshot = Snapshot[OpenSearchIndex]


class ClusterLibrary(Library[OpenSearchIndex]):
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
    def without_snapshot(
        cls, cluster: ClusterClient, folder: Path, *, alias: str = "verbatim", encoder: Encoder | None = None
    ) -> Self:
        """Return a library that has to be refreshed before it answers.

        With the `encoder` that made the index's vectors, answers compare meanings as well.
        """
        return cls(partial(open_current_snapshot, cluster, alias, encoder), folder)

    @classmethod
    async def open(
        cls, cluster: ClusterClient, folder: Path, *, alias: str = "verbatim", encoder: Encoder | None = None
    ) -> Self:
        """Return a library that is ready. Raises UnavailableError, also when nothing has been indexed."""
        library = cls.without_snapshot(cluster, folder, alias=alias, encoder=encoder)
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
