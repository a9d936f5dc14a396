"""Indexes a documents folder in a cluster.

A new index is built next to the current one, from a clone of it where possible. When it is complete, the
alias is moved to it. Until then searches use the current index.

A lock lets only one process write, and passes on when that process dies. It is a document that its holder
renews every 5 seconds. A process that sees it unchanged for 20 seconds takes it over. Only changes of the
document count, so the clocks of machines need not agree.
"""

import asyncio
import logging
import os
import secrets
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, Self

from retrieval.documents import file_listing as listing
from retrieval.documents.file_listing import FileEntry
from retrieval.documents.file_records import FileRecord, file_record, library_version, unchanged
from retrieval.documents.ingestion import Batch, ingest
from retrieval.embeddings.vector_store import EmbeddingStore
from retrieval.errors import RetrievalError, UnavailableError
from retrieval.index.segment import Segment
from retrieval.model import Problem, make_document_id
from retrieval.opensearch import stored_passages
from retrieval.opensearch.client import (
    MAX_CONCURRENT_BULK_REQUESTS,
    MERGE_TIMEOUT,
    WRITE_TIMEOUT,
    ClusterClient,
    RefusedError,
    bulk_write,
)
from retrieval.opensearch.cluster_library import find_current_index, read_file_records
from retrieval.opensearch.stored_passages import (
    BulkItemReader,
    DecodedPassages,
    IndexMetadata,
    StoredFileRecord,
    sample_item,
    unpack_passages,
)

_RENEW_SECONDS = 5.0
_EXPIRY_SECONDS = 20.0
_POLL_SECONDS = 1.0
_LOCK_ID = "writer"

_log = logging.getLogger(__name__)


class WriteLockLostError(RetrievalError):
    """Another process has taken over the lock, so this one must not write to the index any more."""


@dataclass
class WriteLock:
    """The exclusive right to write; `unfinished` is the index that an earlier holder has not finished."""

    cluster: ClusterClient
    index: str
    unfinished: str | None = None
    _building: str | None = None
    _holder: str | None = None
    _version: dict[str, str] = field(default_factory=dict)
    _is_lost: bool = False
    _write_mutex: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    @asynccontextmanager
    async def acquire(
        cls, cluster: ClusterClient, alias: str, on_wait: Callable[[str], None] | None = None
    ) -> AsyncIterator[Self]:
        """Hold the lock during a `with` block; `on_wait` is called once if another process holds it."""
        lock = cls(cluster, f"{alias}-lock")
        await lock._wait_and_acquire(on_wait)
        renewing = asyncio.create_task(lock._renew())
        try:
            yield lock
        finally:
            renewing.cancel()
            await lock._release()

    async def set_unfinished(self, index: str | None) -> None:
        """Record the index being built, for the next holder after a crash. Raises WriteLockLostError."""
        self._building = index
        await self._write()

    def check(self) -> None:
        """Raise WriteLockLostError if another process has taken over the lock."""
        if self._is_lost:
            raise WriteLockLostError("another process has taken over writing the index; this one stops")

    async def _wait_and_acquire(self, on_wait: Callable[[str], None] | None) -> None:
        await self._create_index()
        last_version: Any = None
        unchanged_since = time.monotonic()
        has_reported = False
        while True:
            lock = await self._read()
            holder = lock["_source"]["holder"] if lock else None
            version = (lock["_seq_no"], lock["_primary_term"]) if lock else None
            if version != last_version:
                last_version, unchanged_since = version, time.monotonic()
            if holder is None or time.monotonic() - unchanged_since > _EXPIRY_SECONDS:
                self._version = {"op_type": "create"} if lock is None else _version_condition(lock)
                self.unfinished = self._building = lock["_source"]["building"] if lock else None
                self._holder = f"{socket.gethostname()}, process {os.getpid()}"
                try:
                    await self._write()
                except WriteLockLostError:
                    self._is_lost = False
                    continue
                return
            if not has_reported and on_wait:
                on_wait(str(holder))
                has_reported = True
            await asyncio.sleep(_POLL_SECONDS)

    async def _create_index(self) -> None:
        definition = {
            "settings": {"number_of_shards": 1, "auto_expand_replicas": "0-1"},
            "mappings": {
                "dynamic": "strict",
                "properties": {"holder": {"type": "keyword"}, "building": {"type": "keyword"}},
            },
        }
        try:
            await self.cluster.send("PUT", f"/{self.index}", definition, timeout=WRITE_TIMEOUT)
        except RefusedError as error:
            if not error.is_conflict:
                raise

    async def _read(self) -> Any:
        try:
            return await self.cluster.get(f"/{self.index}/_doc/{_LOCK_ID}")
        except RefusedError as error:
            if not error.is_missing:
                raise
            return None

    async def _write(self) -> None:
        """Write the lock if nobody else has since the last write. Raises WriteLockLostError."""
        body = {"holder": self._holder, "building": self._building}
        async with self._write_mutex:
            self.check()
            try:
                result = await self.cluster.send(
                    "PUT",
                    f"/{self.index}/_doc/{_LOCK_ID}",
                    body,
                    params=self._version,
                    timeout=WRITE_TIMEOUT,
                )
            except RefusedError as error:
                if not error.is_conflict:
                    raise
                # When the client repeats a request, the second conflicts with the first.
                lock = await self._read()
                if lock is None or lock["_source"] != body:
                    self._is_lost = True
                    self.check()
                self._version = _version_condition(lock)
            else:
                self._version = _version_condition(result)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            try:
                await self._write()
            except WriteLockLostError:
                return
            except (UnavailableError, RefusedError) as error:
                _log.warning("%s", error)

    async def _release(self) -> None:
        self._holder = None
        try:
            await self._write()
        except RetrievalError:
            # The lock then expires.
            return


def _version_condition(document: Any) -> dict[str, str]:
    """Return the parameters of a write that fails if the document has changed since."""
    return {"if_seq_no": str(document["_seq_no"]), "if_primary_term": str(document["_primary_term"])}


# Documents deleted by one request.
_DOCUMENTS_PER_REQUEST = 500
# Deleted passages distort the cluster's scores, by which candidates are chosen; this share hardly matters.
# Final scores are computed here, and always exact.
_MAX_DELETED_SHARE = 0.01
_EXPUNGE_TIMEOUT_SECONDS = 40.0


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
        definition = stored_passages.index_definition(metadata)
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
            f"{base}/_clone/{self.name}", {"settings": {"index": stored_passages.BULK_LOAD_SETTINGS}}
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
                "query": stored_passages.PASSAGES_FILTER,
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
        for start in range(0, len(ordered), _DOCUMENTS_PER_REQUEST):
            body = {"query": {"terms": {"document": ordered[start : start + _DOCUMENTS_PER_REQUEST]}}}
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
            "query": stored_passages.PASSAGES_FILTER,
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
        return unpack_passages(map(stored_passages.stored_field, response["hits"]["hits"]))

    async def block_writes(self) -> None:
        """Make the index read-only, in case its last writer still runs."""
        await self._send("PUT", f"/{self.name}/_settings", {"index": {"blocks.write": True}})

    async def finish(self, replicas: int) -> None:
        """Make the index read-only and set its number of replicas."""
        await self._send("PUT", f"/{self.name}/_settings", stored_passages.finished_settings(replicas))
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
        "query": {"function_score": {"query": stored_passages.PASSAGES_FILTER, **random_score}},
        **stored_passages.STORED_FIELD_ONLY,
    }


ProgressCallback = Callable[[int, int], None]

# Batches written concurrently; each has a segment on disk.
_MAX_CONCURRENT_BATCHES = 2
_LOG_INTERVAL_SECONDS = 60.0
# Passages whose vectors are the sample that baselines are computed from.
_SAMPLE_PASSAGES = 1_000


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """The settings of an index. `replicas` are per shard, limited by the number of nodes.

    `fresh` reads all documents again.
    """

    alias: str = "verbatim"
    quote_chars: int = 300
    shards: int = 1
    replicas: int = 1
    fresh: bool = False


async def write_index(  # noqa: PLR0913  # each has a name
    cluster: ClusterClient,
    folder: Path,
    plan: IndexPlan,
    *,
    progress: ProgressCallback | None = None,
    on_wait: Callable[[str], None] | None = None,
    embeddings: EmbeddingStore | None = None,
) -> None:
    """Bring the index up to date with the folder: read changed files, copy the rest from the current index.

    Only one process writes at a time. While another one does, wait, after calling `on_wait` with its name.
    The work of an interrupted run is continued. With `embeddings`, passages are stored with their vectors,
    which are made where the store has none. Raises FolderError, UnavailableError and IndexingError.
    """
    files, problems = await asyncio.to_thread(listing.list_files, folder)
    try:
        async with WriteLock.acquire(cluster, plan.alias, on_wait) as lock:
            await _ClusterUpdate(cluster, folder, plan, lock, progress, embeddings).run(files, problems)
    except RefusedError as error:
        raise IndexingError(f"{error}; the current index is unchanged") from None


@dataclass(frozen=True, slots=True)
class _PreviousIndex:
    """An index to start from: the current one, or an unfinished one of an interrupted run."""

    name: str
    metadata: IndexMetadata


@dataclass
class _ClusterUpdate:
    cluster: ClusterClient
    folder: Path
    plan: IndexPlan
    lock: WriteLock
    progress: ProgressCallback | None
    embeddings: EmbeddingStore | None
    new_index: NewIndex = field(init=False)
    _done: int = 0
    _total: int = 0
    _encoded: int = 0
    _logged_at: float = field(default_factory=time.monotonic)
    _request_slots: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(MAX_CONCURRENT_BULK_REQUESTS)
    )

    async def run(self, files: Sequence[FileEntry], problems: Sequence[Problem]) -> None:
        model = self.embeddings.encoder.name if self.embeddings else ""
        wanted = IndexMetadata.new(self.plan.alias, self.plan.shards, self.plan.quote_chars, model)
        current = await find_current_index(self.cluster, self.plan.alias)
        base = await self._choose_base(wanted, current)
        known = await self._read_records(base)
        records = {} if self.plan.fresh else unchanged(files, known)
        changed = [file for file in files if file.name not in records]
        listing_problems = tuple(problems)
        is_same = not changed and len(records) == len(known)
        if base and base.metadata.done and is_same and listing_problems == base.metadata.problems:
            await NewIndex(self.cluster, base.name).finish(self.plan.replicas)
            return
        metadata = replace(wanted, base=current and current[0], problems=listing_problems)
        self.new_index = NewIndex(self.cluster, f"{self.plan.alias}-{secrets.token_hex(6)}")
        await self.lock.set_unfinished(self.new_index.name)
        try:
            await self._create(metadata, base)
        except RefusedError:
            if base is None or base.metadata.done:
                raise
            # The unfinished index cannot be cloned.
            self.lock.unfinished = None
            await self.run(files, problems)
            return
        await self._delete([name for name in known if name not in records], base)
        await self._index_files(changed, records)
        finished = await self._finish(metadata, records)
        await self._move_alias(finished)
        await self.lock.set_unfinished(None)
        await self._delete_old(keep={self.new_index.name, metadata.base or ""})

    async def _choose_base(
        self, wanted: IndexMetadata, current: tuple[str, IndexMetadata | None] | None
    ) -> _PreviousIndex | None:
        """Return the index to clone: an interrupted run's, else the current one, or None if neither fits."""
        if self.plan.fresh:
            return None
        if self.lock.unfinished:
            metadata = await _read_metadata(self.cluster, self.lock.unfinished)
            if metadata and metadata.fits(wanted) and metadata.base == (current and current[0]):
                # The interrupted process may only have been suspended.
                await NewIndex(self.cluster, self.lock.unfinished).block_writes()
                return _PreviousIndex(self.lock.unfinished, metadata)
        if current and current[1] and current[1].done and current[1].fits(wanted):
            return _PreviousIndex(current[0], current[1])
        if current:
            _log.warning(
                "OpenSearch: %s has another version or other settings; reading all documents again",
                current[0],
            )
        return None

    async def _read_records(self, base: _PreviousIndex | None) -> dict[str, FileRecord]:
        if base is None:
            return {}
        await NewIndex(self.cluster, base.name).refresh()
        return {record.file.name: record for record in await read_file_records(self.cluster, base.name)}

    async def _create(self, metadata: IndexMetadata, base: _PreviousIndex | None) -> None:
        """Create the new index: empty, or as a clone of the base."""
        if base is None:
            await self.new_index.create(metadata)
            return
        await self.new_index.copy(base.name, metadata)
        if not base.metadata.done:
            await NewIndex(self.cluster, base.name).delete()

    async def _delete(self, names: Sequence[str], base: _PreviousIndex | None) -> None:
        """Delete these files, and documents that an interrupted run has not written completely."""
        deleted = {make_document_id(name) for name in names}
        if base and not base.metadata.done:
            await self.new_index.refresh()
            # A document's record is written after its passages.
            records = await read_file_records(self.cluster, self.new_index.name)
            complete = {make_document_id(record.file.name) for record in records}
            deleted |= await self.new_index.list_documents() - complete
        if deleted:
            await self.new_index.delete_documents(deleted)

    async def _index_files(self, changed: Sequence[FileEntry], records: dict[str, FileRecord]) -> None:
        """Read files and index them; adds the record of each to `records`."""
        self._total = len(changed)
        originals = {record.text_digest: name for name, record in records.items() if record.source}
        writing: set[asyncio.Task[None]] = set()
        with tempfile.TemporaryDirectory(prefix="verbatim-") as scratch:
            batches = ingest(self.folder, changed, self.plan.quote_chars, Path(scratch))
            try:
                while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                    self.lock.check()
                    batch_records: list[FileRecord] = []
                    for file, result in batch.results:
                        record = records[file.name] = file_record(file, result, originals)
                        batch_records.append(record)
                        if record.source:
                            originals[record.text_digest] = file.name
                    if len(writing) == _MAX_CONCURRENT_BATCHES:
                        done, writing = await asyncio.wait(writing, return_when=asyncio.FIRST_COMPLETED)
                        for task in done:
                            task.result()
                    writing.add(asyncio.create_task(self._write_batch(batch, batch_records)))
                await asyncio.gather(*writing)
            finally:
                for task in writing:
                    task.cancel()
                await asyncio.gather(*writing, return_exceptions=True)
                await asyncio.to_thread(_close_iterator, batches)

    async def _write_batch(self, batch: Batch, records: Sequence[FileRecord]) -> None:
        """Write a batch's passages, then its file records: a document with a record is complete."""
        stored = [StoredFileRecord(record) for record in records if not record.source]
        if batch.segment:
            segment = Segment(batch.segment)
            batch.segment.unlink()
            indexed = [record for record in records if record.source]
            documents = segment.document_ordinals([make_document_id(record.file.name) for record in indexed])
            reader = BulkItemReader(segment, documents, self.embeddings)
            encoding, batches = reader.encode(), reader.batches()
            while (count := await asyncio.to_thread(next, encoding, None)) is not None:
                self.lock.check()
                self._log_encoded(count)
            while True:
                async with self._request_slots:
                    items = await asyncio.to_thread(next, batches, None)
                    if items is None:
                        break
                    await bulk_write(self.cluster, self.new_index.name, items)
            stored += [reader.stored_record(record) for record in indexed]
        async with self._request_slots:
            await bulk_write(self.cluster, self.new_index.name, [record.bulk_item() for record in stored])
        self._done += len(records)
        if self.progress:
            self.progress(self._done, self._total)

    def _log_encoded(self, count: int) -> None:
        """Log the number of encoded texts once a minute: a batch of files may take an hour."""
        self._encoded += count
        if time.monotonic() - self._logged_at > _LOG_INTERVAL_SECONDS:
            self._logged_at = time.monotonic()
            _log.info("Encoding passages: %s texts so far", f"{self._encoded:,}")

    async def _finish(self, metadata: IndexMetadata, records: Mapping[str, FileRecord]) -> IndexMetadata:
        """Check that the index is complete, then write its final metadata and make it read-only."""
        self.lock.check()
        await self.new_index.expunge_deleted()
        await self._write_sample()
        count = await self.new_index.count()
        wanted = sum(record.source.passages for record in records.values() if record.source)
        if count.size != wanted:
            raise IndexingError(
                f"{count.size} of {wanted} passages were written; the current index is unchanged, try again"
            )
        ordered = [records[name] for name in sorted(records)]
        version = library_version(ordered, metadata.format_id, self.plan.quote_chars)
        finished = replace(metadata, done=True, version=version, **count._asdict())
        await self.new_index.write_metadata(finished)
        await self.new_index.finish(self.plan.replicas)
        return finished

    async def _write_sample(self) -> None:
        """Store the vectors of random passages, from which searches compute baselines."""
        if self.embeddings:
            sample = (await self.new_index.sample(_SAMPLE_PASSAGES)).vectors.sample()
            await bulk_write(self.cluster, self.new_index.name, [sample_item(sample)])
            await self.new_index.refresh()

    async def _move_alias(self, finished: IndexMetadata) -> None:
        """Point the alias to the new index, unless it no longer points to the index found at the start."""
        self.lock.check()
        alias, before = self.plan.alias, finished.base
        add = {"add": {"index": self.new_index.name, "alias": alias}}
        remove = {"remove": {"index": before or f"{alias}-*", "alias": alias, "must_exist": bool(before)}}
        try:
            await self.cluster.send("POST", "/_aliases", {"actions": [remove, add]}, timeout=WRITE_TIMEOUT)
        except RefusedError as error:
            now = await find_current_index(self.cluster, alias)
            if now and now[0] == self.new_index.name:
                return
            if error.status == HTTPStatus.NOT_FOUND:
                raise IndexingError(
                    "another process has replaced the index in the meantime; try again"
                ) from None
            raise

    async def _delete_old(self, keep: set[str]) -> None:
        """Delete the alias's other indexes; `keep` has the previous one, which clients may still search."""
        mapping_by_index = await self.cluster.get(
            f"/{self.plan.alias}-*/_mapping", filter_path="*.mappings._meta"
        )
        for name, mapping in mapping_by_index.items():
            meta = mapping["mappings"]["_meta"]
            if name not in keep and meta.get("alias") == self.plan.alias:
                await NewIndex(self.cluster, name).delete()


async def _read_metadata(cluster: ClusterClient, name: str) -> IndexMetadata | None:
    try:
        mapping = await cluster.get(f"/{name}/_mapping")
    except RefusedError as error:
        if not error.is_missing:
            raise
        return None
    return IndexMetadata.read(mapping[name]["mappings"].get("_meta", {}))


def _close_iterator(batches: Iterator[Batch]) -> None:
    """Stop the processes that read files, if the batches are not exhausted."""
    close = getattr(batches, "close", None)
    if close:
        close()
