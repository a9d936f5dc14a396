"""An index that is being made, which nobody searches yet."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from time import monotonic
from typing import Any, NamedTuple

from retrieval.errors import RetrievalError
from retrieval.opensearch import mappings
from retrieval.opensearch.client import MERGING, WRITING, Cluster, RefusedError
from retrieval.opensearch.codec import DecodedPassages, unpack
from retrieval.opensearch.mappings import IndexMetadata

# Documents that are taken out in one request.
_AT_ONCE = 500
# Fewer deleted passages hardly change what the cluster finds; ours are exact with any.
_FEW = 0.01
_PATIENCE = 40.0

_log = logging.getLogger(__name__)


class IndexingError(RetrievalError):
    """The index could not be made; the one before is as it was."""


class IndexCounts(NamedTuple):
    """How many passages there are, how many tokens in them, and their languages, most passages first."""

    size: int
    length: int
    languages: tuple[str, ...]


class IndexBuilder:
    """An index by its name, while it is made. What the cluster refuses raises RefusedError."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    async def create(self, about: IndexMetadata) -> None:
        """Make it, empty."""
        shape = mappings.creation(about)
        try:
            await self._create(self.name, shape)
        except RefusedError as error:
            # Older versions do not know it.
            if "recovery_source_enabled" not in str(error):
                raise
            del shape["mappings"]["_source"]["recovery_source_enabled"]
            await self._create(self.name, shape)

    async def copy(self, base: str, about: IndexMetadata) -> None:
        """Make it of all that another one has, which is closed to writing; they share files on the disk."""
        await self._create(f"{base}/_clone/{self.name}", {"settings": {"index": mappings.LOADING}})
        await self.tell(about)

    async def _create(self, path: str, body: Mapping[str, Any]) -> None:
        try:
            await self._send("PUT", f"/{path}", body)
        except RefusedError as error:
            # The same request that came through when its answer did not.
            if not error.is_conflict:
                raise
        if not await self._is_green("60s"):
            raise IndexingError(f"OpenSearch has no room for {self.name}; see that its nodes are well")

    async def tell(self, about: IndexMetadata) -> None:
        """Say what is said of it."""
        await self._send("PUT", f"/{self.name}/_mapping", {"_meta": about.kept()})

    async def refresh(self) -> None:
        """Have searches find what was written."""
        await self._send("POST", f"/{self.name}/_refresh")

    async def documents(self) -> set[str]:
        """Return the ids of the documents that have passages in this index."""
        found: set[str] = set()
        after: dict[str, Any] = {}
        while True:
            source = {"sources": [{"d": {"terms": {"field": "document"}}}], "size": 1_000, **after}
            asked = {"size": 0, "query": mappings.PASSAGES, "aggs": {"all": {"composite": source}}}
            told = (await self.cluster.search(self.name, asked, WRITING))["aggregations"]["all"]
            found.update(bucket["key"]["d"] for bucket in told["buckets"])
            if "after_key" not in told:
                return found
            after = {"after": told["after_key"]}

    async def remove(self, documents: Iterable[str]) -> None:
        """Take out documents by their ids: their passages, and what is told of their files."""
        await self.refresh()
        ordered = sorted(documents)
        for at in range(0, len(ordered), _AT_ONCE):
            body = {"query": {"terms": {"document": ordered[at : at + _AT_ONCE]}}}
            params = {"conflicts": "proceed", "slices": "auto"}
            path = f"/{self.name}/_delete_by_query"
            told = await self.cluster.send("POST", path, body, params=params, timeout=MERGING)
            if told["failures"]:
                raise IndexingError("OpenSearch could not take documents out; the index is as it was")

    async def forget(self) -> None:
        """Have the cluster drop what was taken out, which its own scores count until then.

        It may have to keep that for half a minute, which is waited for where it is much.
        """
        deadline = monotonic() + _PATIENCE
        while True:
            await self._send("POST", f"/{self.name}/_flush")
            params = {"only_expunge_deletes": "true"}
            await self.cluster.send("POST", f"/{self.name}/_forcemerge", params=params, timeout=MERGING)
            await self.refresh()
            docs = (await self.cluster.get(f"/{self.name}/_stats/docs"))["_all"]["primaries"]["docs"]
            if docs["deleted"] <= docs["count"] * _FEW or monotonic() > deadline:
                return
            await asyncio.sleep(1.0)

    async def count(self) -> IndexCounts:
        """Count what is there."""
        asked = {
            "size": 0,
            "track_total_hits": True,
            "query": mappings.PASSAGES,
            "aggs": {
                "tokens": {"sum": {"field": "tokens"}},
                "languages": {"terms": {"field": "language", "size": 1_000}},
            },
        }
        told = await self.cluster.search(self.name, asked, WRITING)
        counts = {one["key"]: one["doc_count"] for one in told["aggregations"]["languages"]["buckets"]}
        languages = tuple(sorted(counts, key=lambda language: (-counts[language], language)))
        return IndexCounts(
            told["hits"]["total"]["value"], round(told["aggregations"]["tokens"]["value"]), languages
        )

    async def sample(self, size: int) -> DecodedPassages:
        """Read so many passages, drawn by lot, or all there are."""
        hits = (await self.cluster.search(self.name, mappings.sample(size), WRITING))["hits"]["hits"]
        return unpack(map(mappings.stored, hits))

    async def stop_writing(self) -> None:
        """Close it to whoever still writes to it."""
        await self._send("PUT", f"/{self.name}/_settings", {"index": {"blocks.write": True}})

    async def finish(self, replicas: int) -> None:
        """Close it to writing, and have as many copies made as are wanted."""
        await self._send("PUT", f"/{self.name}/_settings", mappings.loaded(replicas))
        if not await self._is_green("110s"):
            _log.warning("OpenSearch is still making copies of %s", self.name)

    async def drop(self) -> None:
        """Delete it, if it is there."""
        try:
            await self._send("DELETE", f"/{self.name}")
        except RefusedError as error:
            if not error.is_missing:
                raise

    async def _is_green(self, within: str) -> bool:
        params = {"wait_for_status": "green", "timeout": within}
        path = f"/_cluster/health/{self.name}"
        try:
            told = await self.cluster.send("GET", path, params=params, timeout=WRITING)
        except RefusedError as error:
            # Some versions say so when the time is over.
            if error.status != HTTPStatus.REQUEST_TIMEOUT:
                raise
            return False
        return not told["timed_out"]

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return await self.cluster.send(method, path, body, timeout=WRITING)
