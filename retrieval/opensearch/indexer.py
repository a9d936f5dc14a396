"""From a documents folder to an index in a cluster, which then takes the place of the one before."""

import asyncio
import logging
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path

from retrieval.documents import file_listing as listing
from retrieval.documents.file_listing import FileEntry
from retrieval.documents.file_records import FileRecord, file_record, library_version, unchanged
from retrieval.documents.ingestion import Batch, ingest
from retrieval.embeddings.vector_store import Embeddings
from retrieval.ids import document_id
from retrieval.index.segment import Segment
from retrieval.model import Problem
from retrieval.opensearch import bulk
from retrieval.opensearch.client import WRITING, Cluster, RefusedError
from retrieval.opensearch.documents import Reader, StoredFileRecord, sample_entry
from retrieval.opensearch.index_builder import IndexBuilder, IndexingError
from retrieval.opensearch.index_snapshot import find_current, read_file_records
from retrieval.opensearch.mappings import IndexMetadata
from retrieval.opensearch.write_lock import WriteLock

Progress = Callable[[int, int], None]

# Batches that are written at a time; each has a segment on the disk.
_AHEAD = 2
_LOG_SECONDS = 60.0
# The vectors of so many passages stand for those of all.
_SAMPLE = 1_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """How an index is made. `shards` part it, `replicas` copies of each are kept where there are nodes."""

    alias: str = "verbatim"
    quote_chars: int = 300
    shards: int = 1
    replicas: int = 1
    fresh: bool = False


async def write(  # noqa: PLR0913  # each has a name
    cluster: Cluster,
    folder: Path,
    plan: IndexPlan,
    *,
    progress: Progress | None = None,
    waits: Callable[[str], None] | None = None,
    embeddings: Embeddings | None = None,
) -> None:
    """Bring the index up to date with the folder: what changed is read, the rest is taken over.

    The current index stays as it is until the new one is complete. One process writes at a time; `waits` is
    called with the writer when that is another process. What an interrupted run has written is used. With
    `embeddings`, passages are stored with their vectors; missing ones are made, and kept there. Raises
    FolderError, UnavailableError, IndexingError.
    """
    files, problems = await asyncio.to_thread(listing.list_files, folder)
    try:
        async with WriteLock.held(cluster, plan.alias, waits) as lease:
            await _Indexer(cluster, folder, plan, lease, progress, embeddings).run(files, problems)
    except RefusedError as error:
        raise IndexingError(f"{error}; the index is as it was") from None


@dataclass(frozen=True, slots=True)
class _PreviousIndex:
    """An index to start from, and whether it was left unfinished."""

    name: str
    about: IndexMetadata


@dataclass
class _Indexer:
    cluster: Cluster
    folder: Path
    plan: IndexPlan
    lease: WriteLock
    progress: Progress | None
    embeddings: Embeddings | None
    draft: IndexBuilder = field(init=False)
    _done: int = 0
    _total: int = 0
    _encoded: int = 0
    _told_at: float = field(default_factory=time.monotonic)
    _sending: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(bulk.TOGETHER))

    async def run(self, files: Sequence[FileEntry], problems: Sequence[Problem]) -> None:
        model = self.embeddings.encoder.name if self.embeddings else ""
        wanted = IndexMetadata.new(self.plan.alias, self.plan.shards, self.plan.quote_chars, model)
        current = await find_current(self.cluster, self.plan.alias)
        base = await self._base(wanted, current)
        known = await self._known(base)
        records = {} if self.plan.fresh else unchanged(files, known)
        changed = [file for file in files if file.name not in records]
        told = tuple(problems)
        is_same = not changed and len(records) == len(known)
        if base and base.about.done and is_same and told == base.about.problems:
            await IndexBuilder(self.cluster, base.name).finish(self.plan.replicas)
            return
        about = replace(wanted, base=current and current[0], problems=told)
        self.draft = IndexBuilder(self.cluster, f"{self.plan.alias}-{secrets.token_hex(6)}")
        await self.lease.builds(self.draft.name)
        try:
            await self._begin(about, base)
        except RefusedError:
            if base is None or base.about.done:
                raise
            # What was left is of no use.
            self.lease.left = None
            await self.run(files, problems)
            return
        await self._remove([name for name in known if name not in records], base)
        await self._fill(changed, records)
        finished = await self._finish(about, records)
        await self._swap(finished)
        await self.lease.builds(None)
        await self._tidy(keep={self.draft.name, about.base or ""})

    async def _base(
        self, wanted: IndexMetadata, current: tuple[str, IndexMetadata | None] | None
    ) -> _PreviousIndex | None:
        """Choose what to start from: what a run that broke off has left of this, else the index that is."""
        if self.plan.fresh:
            return None
        if self.lease.left:
            about = await _about(self.cluster, self.lease.left)
            if about and about.fits(wanted) and about.base == (current and current[0]):
                # Whoever was taken for gone, and is not, writes to it no more.
                await IndexBuilder(self.cluster, self.lease.left).stop_writing()
                return _PreviousIndex(self.lease.left, about)
        if current and current[1] and current[1].done and current[1].fits(wanted):
            return _PreviousIndex(current[0], current[1])
        if current:
            told = "OpenSearch: %s is of another version or other settings: all documents are read anew"
            _log.warning(told, current[0])
        return None

    async def _known(self, base: _PreviousIndex | None) -> dict[str, FileRecord]:
        if base is None:
            return {}
        await IndexBuilder(self.cluster, base.name).refresh()
        return {record.file.name: record for record in await read_file_records(self.cluster, base.name)}

    async def _begin(self, about: IndexMetadata, base: _PreviousIndex | None) -> None:
        """Make the new index: empty, or with all that the base has."""
        if base is None:
            await self.draft.create(about)
            return
        await self.draft.copy(base.name, about)
        if not base.about.done:
            await IndexBuilder(self.cluster, base.name).drop()

    async def _remove(self, names: Sequence[str], base: _PreviousIndex | None) -> None:
        """Take out what is not to stay, and passages of documents that were not written to their end."""
        gone = {document_id(name) for name in names}
        if base and not base.about.done:
            await self.draft.refresh()
            whole = {
                document_id(one.file.name) for one in await read_file_records(self.cluster, self.draft.name)
            }
            gone |= await self.draft.documents() - whole
        if gone:
            await self.draft.remove(gone)

    async def _fill(self, changed: Sequence[FileEntry], records: dict[str, FileRecord]) -> None:
        """Read files and write them; `records` is told what became of each."""
        self._total = len(changed)
        originals = {record.text: name for name, record in records.items() if record.source}
        writing: set[asyncio.Task[None]] = set()
        with tempfile.TemporaryDirectory(prefix="verbatim-") as scratch:
            batches = ingest(self.folder, changed, self.plan.quote_chars, Path(scratch))
            try:
                while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                    self.lease.check()
                    made: list[FileRecord] = []
                    for file, result in batch.results:
                        record = records[file.name] = file_record(file, result, originals)
                        made.append(record)
                        if record.source:
                            originals[record.text] = file.name
                    if len(writing) == _AHEAD:
                        done, writing = await asyncio.wait(writing, return_when=asyncio.FIRST_COMPLETED)
                        for task in done:
                            task.result()
                    writing.add(asyncio.create_task(self._write(batch, made)))
                await asyncio.gather(*writing)
            finally:
                for task in writing:
                    task.cancel()
                await asyncio.gather(*writing, return_exceptions=True)
                await asyncio.to_thread(_close, batches)

    async def _write(self, batch: Batch, made: Sequence[FileRecord]) -> None:
        """Write a batch's passages, and then what became of its files: so what is noted is whole."""
        told = [StoredFileRecord(record) for record in made if not record.source]
        if batch.segment:
            segment = Segment(batch.segment)
            batch.segment.unlink()
            own = [record for record in made if record.source]
            documents = segment.document_ordinals([document_id(record.file.name) for record in own])
            reader = Reader(segment, documents, self.embeddings)
            encoding, parts = reader.encode(), reader.parts()
            while (count := await asyncio.to_thread(next, encoding, None)) is not None:
                self.lease.check()
                self._tell_encoded(count)
            while True:
                async with self._sending:
                    part = await asyncio.to_thread(next, parts, None)
                    if part is None:
                        break
                    await bulk.write(self.cluster, self.draft.name, part)
            told += [reader.noted(record) for record in own]
        async with self._sending:
            await bulk.write(self.cluster, self.draft.name, [one.entry() for one in told])
        self._done += len(made)
        if self.progress:
            self.progress(self._done, self._total)

    def _tell_encoded(self, count: int) -> None:
        """Log once a minute how many texts were encoded: a batch of files may take an hour."""
        self._encoded += count
        if time.monotonic() - self._told_at > _LOG_SECONDS:
            self._told_at = time.monotonic()
            _log.info("Comparing meanings: %s texts were encoded", f"{self._encoded:,}")

    async def _finish(self, about: IndexMetadata, records: Mapping[str, FileRecord]) -> IndexMetadata:
        """Count what is there, and say so; from here on nothing is written to it any more."""
        self.lease.check()
        await self.draft.forget()
        await self._take_sample()
        count = await self.draft.count()
        wanted = sum(record.source.passages for record in records.values() if record.source)
        if count.size != wanted:
            told = f"{count.size} of {wanted} passages were written"
            raise IndexingError(f"{told}; the index is as it was, try again")
        ordered = [records[name] for name in sorted(records)]
        made = library_version(ordered, about.format_id, self.plan.quote_chars)
        finished = replace(about, done=True, version=made, **count._asdict())
        await self.draft.tell(finished)
        await self.draft.finish(self.plan.replicas)
        return finished

    async def _take_sample(self) -> None:
        """Have a sample of the vectors in the index: what the others are compared with."""
        if self.embeddings:
            sample = (await self.draft.sample(_SAMPLE)).vectors.sample()
            await bulk.write(self.cluster, self.draft.name, [sample_entry(sample)])
            await self.draft.refresh()

    async def _swap(self, finished: IndexMetadata) -> None:
        """Put the new index in the place of the one that was there at first, unless another one is now."""
        self.lease.check()
        alias, before = self.plan.alias, finished.base
        add = {"add": {"index": self.draft.name, "alias": alias}}
        remove = {"remove": {"index": before or f"{alias}-*", "alias": alias, "must_exist": bool(before)}}
        try:
            await self.cluster.send("POST", "/_aliases", {"actions": [remove, add]}, timeout=WRITING)
        except RefusedError as error:
            now = await find_current(self.cluster, alias)
            if now and now[0] == self.draft.name:
                return
            if error.status == HTTPStatus.NOT_FOUND:
                raise IndexingError("another process has put its index there meanwhile; try again") from None
            raise

    async def _tidy(self, keep: set[str]) -> None:
        """Delete what is neither searched nor was until now: who still asks the one before is answered."""
        told = await self.cluster.get(f"/{self.plan.alias}-*/_mapping", filter_path="*.mappings._meta")
        for name, mapping in told.items():
            about = mapping["mappings"]["_meta"]
            if name not in keep and about.get("alias") == self.plan.alias:
                await IndexBuilder(self.cluster, name).drop()


async def _about(cluster: Cluster, name: str) -> IndexMetadata | None:
    try:
        told = await cluster.get(f"/{name}/_mapping")
    except RefusedError as error:
        if not error.is_missing:
            raise
        return None
    return IndexMetadata.read(told[name]["mappings"].get("_meta", {}))


def _close(batches: Iterator[Batch]) -> None:
    """End the processes that read, where not all was asked for."""
    close = getattr(batches, "close", None)
    if close:
        close()
