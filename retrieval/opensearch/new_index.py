"""Builds an index that is not searched yet, as its alias does not point to it."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from time import monotonic
from typing import Any, NamedTuple

from retrieval.errors import RetrievalError
from retrieval.opensearch import index_mapping
from retrieval.opensearch.client import MERGE_TIMEOUT, WRITE_TIMEOUT, ClusterClient, RefusedError
from retrieval.opensearch.index_mapping import IndexMetadata
from retrieval.opensearch.stored_passages import DecodedPassages, unpack_passages

# Documents deleted by one request.
_DOCUMENTS_PER_REQUEST = 500
# Deleted passages distort the cluster's scores, by which candidates are chosen; this share hardly matters.
# Final scores are computed here, and always exact.
_MAX_DELETED_SHARE = 0.01
_EXPUNGE_TIMEOUT_SECONDS = 40.0

_log = logging.getLogger(__name__)


class IndexingError(RetrievalError):
    """The new index could not be completed; the current one is unchanged."""


class IndexCounts(NamedTuple):
    """The numbers of passages and of their tokens, and the languages, those of most passages first."""

    size: int
    length: int
    languages: tuple[str, ...]


class NewIndex:
    """An index under construction. All methods raise RefusedError for a request that the cluster refuses."""

    def __init__(self, cluster: ClusterClient, name: str) -> None:
        self.cluster = cluster
        self.name = name

    async def create(self, metadata: IndexMetadata) -> None:
        """Create the index without documents."""
        definition = index_mapping.index_definition(metadata)
        try:
            await self._create(self.name, definition)
        except RefusedError as error:
            # Older versions of OpenSearch do not have this setting.
            if "recovery_source_enabled" not in str(error):
                raise
            del definition["mappings"]["_source"]["recovery_source_enabled"]
            await self._create(self.name, definition)

    async def copy(self, base: str, metadata: IndexMetadata) -> None:
        """Create the index as a clone of `base`, which must be read-only; both share files on disk."""
        await self._create(
            f"{base}/_clone/{self.name}", {"settings": {"index": index_mapping.BULK_LOAD_SETTINGS}}
        )
        await self.write_metadata(metadata)

    async def _create(self, path: str, body: Mapping[str, Any]) -> None:
        try:
            await self._send("PUT", f"/{path}", body)
        except RefusedError as error:
            # The request is repeated when its first response is lost.
            if not error.is_conflict:
                raise
        if not await self._is_green("60s"):
            raise IndexingError(f"OpenSearch cannot allocate {self.name}; check the health of its nodes")

    async def write_metadata(self, metadata: IndexMetadata) -> None:
        await self._send("PUT", f"/{self.name}/_mapping", {"_meta": metadata.to_json()})

    async def refresh(self) -> None:
        """Make what was written visible to searches."""
        await self._send("POST", f"/{self.name}/_refresh")

    async def list_documents(self) -> set[str]:
        """Return the ids of the documents that have passages in this index."""
        documents: set[str] = set()
        after: dict[str, Any] = {}
        while True:
            composite = {"sources": [{"d": {"terms": {"field": "document"}}}], "size": 1_000, **after}
            query = {
                "size": 0,
                "query": index_mapping.PASSAGES_FILTER,
                "aggs": {"all": {"composite": composite}},
            }
            response = await self.cluster.search(self.name, query, WRITE_TIMEOUT)
            result = response["aggregations"]["all"]
            documents.update(bucket["key"]["d"] for bucket in result["buckets"])
            if "after_key" not in result:
                return documents
            after = {"after": result["after_key"]}

    async def delete_documents(self, documents: Iterable[str]) -> None:
        """Delete the passages and file records of the documents with these ids."""
        await self.refresh()
        ordered = sorted(documents)
        for at in range(0, len(ordered), _DOCUMENTS_PER_REQUEST):
            body = {"query": {"terms": {"document": ordered[at : at + _DOCUMENTS_PER_REQUEST]}}}
            params = {"conflicts": "proceed", "slices": "auto"}
            path = f"/{self.name}/_delete_by_query"
            response = await self.cluster.send("POST", path, body, params=params, timeout=MERGE_TIMEOUT)
            if response["failures"]:
                raise IndexingError("OpenSearch could not delete documents; the current index is unchanged")

    async def expunge_deleted(self) -> None:
        """Merge away deleted documents, which count in the cluster's scores until then.

        The cluster may keep them for half a minute: if they are many, wait up to 40 seconds.
        """
        deadline = monotonic() + _EXPUNGE_TIMEOUT_SECONDS
        while True:
            await self._send("POST", f"/{self.name}/_flush")
            params = {"only_expunge_deletes": "true"}
            await self.cluster.send("POST", f"/{self.name}/_forcemerge", params=params, timeout=MERGE_TIMEOUT)
            await self.refresh()
            docs = (await self.cluster.get(f"/{self.name}/_stats/docs"))["_all"]["primaries"]["docs"]
            if docs["deleted"] <= docs["count"] * _MAX_DELETED_SHARE or monotonic() > deadline:
                return
            await asyncio.sleep(1.0)

    async def count(self) -> IndexCounts:
        query = {
            "size": 0,
            "track_total_hits": True,
            "query": index_mapping.PASSAGES_FILTER,
            "aggs": {
                "tokens": {"sum": {"field": "tokens"}},
                "languages": {"terms": {"field": "language", "size": 1_000}},
            },
        }
        response = await self.cluster.search(self.name, query, WRITE_TIMEOUT)
        buckets = response["aggregations"]["languages"]["buckets"]
        counts = {bucket["key"]: bucket["doc_count"] for bucket in buckets}
        languages = tuple(sorted(counts, key=lambda language: (-counts[language], language)))
        return IndexCounts(
            response["hits"]["total"]["value"], round(response["aggregations"]["tokens"]["value"]), languages
        )

    async def sample(self, size: int) -> DecodedPassages:
        """Return up to `size` random passages."""
        response = await self.cluster.search(self.name, _sample_query(size), WRITE_TIMEOUT)
        return unpack_passages(map(index_mapping.stored_field, response["hits"]["hits"]))

    async def block_writes(self) -> None:
        """Make the index read-only, in case its last writer still runs."""
        await self._send("PUT", f"/{self.name}/_settings", {"index": {"blocks.write": True}})

    async def finish(self, replicas: int) -> None:
        """Make the index read-only and set its number of replicas."""
        await self._send("PUT", f"/{self.name}/_settings", index_mapping.finished_settings(replicas))
        if not await self._is_green("110s"):
            _log.warning("OpenSearch is still creating replicas of %s", self.name)

    async def delete(self) -> None:
        """Delete the index if it exists."""
        try:
            await self._send("DELETE", f"/{self.name}")
        except RefusedError as error:
            if not error.is_missing:
                raise

    async def _is_green(self, within: str) -> bool:
        params = {"wait_for_status": "green", "timeout": within}
        path = f"/_cluster/health/{self.name}"
        try:
            health = await self.cluster.send("GET", path, params=params, timeout=WRITE_TIMEOUT)
        except RefusedError as error:
            # Some versions answer with this status after the timeout.
            if error.status != HTTPStatus.REQUEST_TIMEOUT:
                raise
            return False
        return not health["timed_out"]

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return await self.cluster.send(method, path, body, timeout=WRITE_TIMEOUT)


def _sample_query(size: int) -> dict[str, Any]:
    """Return a query for `size` random passages, the same ones each time."""
    random_score = {"random_score": {"seed": 1, "field": "_seq_no"}, "boost_mode": "replace"}
    return {
        "size": size,
        "track_total_hits": False,
        "query": {"function_score": {"query": index_mapping.PASSAGES_FILTER, **random_score}},
        **index_mapping.STORED_FIELD_ONLY,
    }
