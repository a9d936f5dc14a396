"""From a documents folder to an index in a cluster, which then takes the place of the one before."""

import asyncio
import logging
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any

from retrieval import folder as listing
from retrieval.cluster import bulk, schema
from retrieval.cluster.entries import Noted, Reader
from retrieval.cluster.lease import Lease
from retrieval.cluster.reading import find, noted
from retrieval.cluster.schema import About
from retrieval.cluster.transport import MERGING, WRITING, Cluster, RefusedError
from retrieval.errors import RetrievalError
from retrieval.folder import File
from retrieval.identity import document_id
from retrieval.model import Problem
from retrieval.ranking.segment import Segment
from retrieval.reading import Batch, read_all
from retrieval.records import Record, note, unchanged, version

Progress = Callable[[int, int], None]

# Documents that are taken out of an index in one request.
_AT_ONCE = 500
# Fewer deleted passages hardly change what the cluster finds; ours are exact with any.
_FEW = 0.01
_PATIENCE = 40.0
# Batches that are written at a time; each has a segment on the disk.
_AHEAD = 2

_log = logging.getLogger(__name__)


class IndexingError(RetrievalError):
    """The index could not be made; the one before is as it was."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How an index is made. `shards` part it, `replicas` copies of each are kept where there are nodes."""

    alias: str = "verbatim"
    quote_chars: int = 300
    shards: int = 1
    replicas: int = 1
    fresh: bool = False


async def write(
    cluster: Cluster,
    folder: Path,
    plan: Plan,
    *,
    progress: Progress | None = None,
    waits: Callable[[str], None] | None = None,
) -> None:
    """Bring the index up to date with the folder: what changed is read, the rest is taken over.

    The index that is searched stays as it is until another one is whole. One process writes at a time:
    `waits` is told who does, when that is somebody else. What a run that broke off has left is taken up.
    Raises FolderError, UnavailableError, IndexingError.
    """
    files, problems = await asyncio.to_thread(listing.files, folder)
    try:
        async with Lease.held(cluster, plan.alias, waits) as lease:
            await _Writer(cluster, folder, plan, lease, progress).run(files, problems)
    except RefusedError as error:
        raise IndexingError(f"{error}; the index is as it was") from None


@dataclass(frozen=True, slots=True)
class _Base:
    """An index to start from, and whether it was left unfinished."""

    name: str
    about: About


@dataclass
class _Writer:
    cluster: Cluster
    folder: Path
    plan: Plan
    lease: Lease
    progress: Progress | None
    _name: str = ""
    _done: int = 0
    _total: int = 0
    _sending: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(bulk.TOGETHER))

    async def run(self, files: Sequence[File], problems: Sequence[Problem]) -> None:
        wanted = About.new(self.plan.alias, self.plan.shards, self.plan.quote_chars)
        current = await find(self.cluster, self.plan.alias)
        base = await self._base(wanted, current)
        known = await self._known(base)
        records = {} if self.plan.fresh else unchanged(files, known)
        changed = [file for file in files if file.name not in records]
        told = tuple(problems)
        is_same = not changed and len(records) == len(known)
        if base and base.about.done and is_same and told == base.about.problems:
            await self._keep(base.name)
            return
        about = replace(wanted, base=current and current[0], problems=told)
        self._name = f"{self.plan.alias}-{secrets.token_hex(6)}"
        await self.lease.builds(self._name)
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
        await self._tidy(keep={self._name, about.base or ""})

    async def _base(self, wanted: About, current: tuple[str, About | None] | None) -> _Base | None:
        """Choose what to start from: what a run that broke off has left of this, else the index that is."""
        if self.plan.fresh:
            return None
        if self.lease.left:
            about = await _about(self.cluster, self.lease.left)
            if about and about.fits(wanted) and about.base == (current and current[0]):
                # Whoever was taken for gone, and is not, writes to it no more.
                await self._set(self.lease.left, {"index": {"blocks.write": True}})
                return _Base(self.lease.left, about)
        if current and current[1] and current[1].done and current[1].fits(wanted):
            return _Base(current[0], current[1])
        return None

    async def _known(self, base: _Base | None) -> dict[str, Record]:
        if base is None:
            return {}
        await self._refresh(base.name)
        return {record.file.name: record for record in await noted(self.cluster, base.name)}

    async def _begin(self, about: About, base: _Base | None) -> None:
        """Make the new index: empty, or with all that the base has, whose files on the disk it shares."""
        if base is None:
            shape = schema.creation(about)
            try:
                await self._create(self._name, shape)
            except RefusedError as error:
                # Older versions do not know it.
                if "recovery_source_enabled" not in str(error):
                    raise
                del shape["mappings"]["_source"]["recovery_source_enabled"]
                await self._create(self._name, shape)
            return
        body = {"settings": {"index": schema.LOADING}}
        await self._create(f"{base.name}/_clone/{self._name}", body)
        await self._send("PUT", f"/{self._name}/_mapping", {"_meta": about.kept()})
        if not base.about.done:
            await self._drop(base.name)

    async def _create(self, path: str, body: Mapping[str, Any]) -> None:
        try:
            await self._send("PUT", f"/{path}", body)
        except RefusedError as error:
            # The same request that came through when its answer did not.
            if not error.is_conflict:
                raise
        params = {"wait_for_status": "green", "timeout": "60s"}
        told = await self.cluster.send(
            "GET", f"/_cluster/health/{self._name}", params=params, timeout=WRITING
        )
        if told["timed_out"]:
            raise IndexingError(f"OpenSearch has no room for {self._name}; see that its nodes are well")

    async def _remove(self, names: Sequence[str], base: _Base | None) -> None:
        """Take out what is not to stay, and passages of documents that were not written to their end."""
        gone = {document_id(name) for name in names}
        if base and not base.about.done:
            await self._refresh(self._name)
            whole = {document_id(r.file.name) for r in await noted(self.cluster, self._name)}
            gone |= await self._written() - whole
        if not gone:
            return
        await self._refresh(self._name)
        ordered = sorted(gone)
        for at in range(0, len(ordered), _AT_ONCE):
            self.lease.check()
            body = {"query": {"terms": {"document": ordered[at : at + _AT_ONCE]}}}
            params = {"conflicts": "proceed", "slices": "auto"}
            told = await self.cluster.send(
                "POST", f"/{self._name}/_delete_by_query", body, params=params, timeout=MERGING
            )
            if told["failures"]:
                raise IndexingError("OpenSearch could not take documents out; the index is as it was")

    async def _written(self) -> set[str]:
        """Name the documents that have passages in the new index."""
        found: set[str] = set()
        after: dict[str, Any] = {}
        while True:
            source = {"sources": [{"d": {"terms": {"field": "document"}}}], "size": 1_000, **after}
            asked = {"size": 0, "query": schema.PASSAGES, "aggs": {"all": {"composite": source}}}
            told = (await self.cluster.search(self._name, asked, WRITING))["aggregations"]["all"]
            found.update(bucket["key"]["d"] for bucket in told["buckets"])
            if "after_key" not in told:
                return found
            after = {"after": told["after_key"]}

    async def _fill(self, changed: Sequence[File], records: dict[str, Record]) -> None:
        """Read files and write them; `records` is told what became of each."""
        self._total = len(changed)
        originals = {record.text: name for name, record in records.items() if record.source}
        writing: set[asyncio.Task[None]] = set()
        with tempfile.TemporaryDirectory(prefix="verbatim-") as scratch:
            batches = read_all(self.folder, changed, self.plan.quote_chars, Path(scratch))
            try:
                while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                    self.lease.check()
                    made: list[Record] = []
                    for file, result in batch.results:
                        record = records[file.name] = note(file, result, originals)
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

    async def _write(self, batch: Batch, made: Sequence[Record]) -> None:
        """Write a batch's passages, and then what became of its files: so what is noted is whole."""
        told = [Noted(record) for record in made if not record.source]
        if batch.segment:
            segment = Segment(batch.segment)
            batch.segment.unlink()
            own = [record for record in made if record.source]
            documents = segment.find_all([document_id(record.file.name) for record in own])
            reader = Reader(segment, documents)
            parts = reader.parts()
            while True:
                async with self._sending:
                    part = await asyncio.to_thread(next, parts, None)
                    if part is None:
                        break
                    await bulk.write(self.cluster, self._name, part)
            told += [reader.noted(record) for record in own]
        async with self._sending:
            await bulk.write(self.cluster, self._name, [one.entry() for one in told])
        self._done += len(made)
        if self.progress:
            self.progress(self._done, self._total)

    async def _finish(self, about: About, records: Mapping[str, Record]) -> About:
        """Count what is there, and say so; from here on nothing is written to it any more."""
        self.lease.check()
        await self._forget()
        wanted = sum(record.source.passages for record in records.values() if record.source)
        asked = {
            "size": 0,
            "track_total_hits": True,
            "query": schema.PASSAGES,
            "aggs": {
                "tokens": {"sum": {"field": "tokens"}},
                "languages": {"terms": {"field": "language", "size": 1_000}},
            },
        }
        told = await self.cluster.search(self._name, asked, WRITING)
        size = told["hits"]["total"]["value"]
        if size != wanted:
            raise IndexingError(
                f"{size} of {wanted} passages were written; the index is as it was, try again"
            )
        counts = {one["key"]: one["doc_count"] for one in told["aggregations"]["languages"]["buckets"]}
        finished = replace(
            about,
            done=True,
            size=size,
            length=round(told["aggregations"]["tokens"]["value"]),
            languages=tuple(sorted(counts, key=lambda language: (-counts[language], language))),
            version=version([records[name] for name in sorted(records)], about.maker, self.plan.quote_chars),
        )
        await self._send("PUT", f"/{self._name}/_mapping", {"_meta": finished.kept()})
        await self._keep(self._name)
        return finished

    async def _forget(self) -> None:
        """Have the cluster drop what was taken out, which its own scores count until then.

        It may have to keep that for half a minute, which is waited for where it is much.
        """
        deadline = monotonic() + _PATIENCE
        while True:
            await self._send("POST", f"/{self._name}/_flush")
            params = {"only_expunge_deletes": "true"}
            await self.cluster.send("POST", f"/{self._name}/_forcemerge", params=params, timeout=MERGING)
            await self._refresh(self._name)
            docs = (await self.cluster.get(f"/{self._name}/_stats/docs"))["_all"]["primaries"]["docs"]
            if docs["deleted"] <= docs["count"] * _FEW or monotonic() > deadline:
                return
            await asyncio.sleep(1.0)
            self.lease.check()

    async def _keep(self, name: str) -> None:
        """Close an index to writing, and have as many copies made as are wanted."""
        await self._set(name, schema.loaded(self.plan.replicas))
        params = {"wait_for_status": "green", "wait_for_no_relocating_shards": "false", "timeout": "110s"}
        told = await self.cluster.send("GET", f"/_cluster/health/{name}", params=params, timeout=WRITING)
        if told["timed_out"]:
            _log.warning("OpenSearch is still making copies of %s", name)

    async def _swap(self, finished: About) -> None:
        """Put the new index in the place of the one that was there at first, unless another one is now."""
        self.lease.check()
        alias, before = self.plan.alias, finished.base
        add = {"add": {"index": self._name, "alias": alias}}
        remove = {"remove": {"index": before or f"{alias}-*", "alias": alias, "must_exist": bool(before)}}
        try:
            await self._send("POST", "/_aliases", {"actions": [remove, add]})
        except RefusedError as error:
            now = await find(self.cluster, alias)
            if now and now[0] == self._name:
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
                await self._drop(name)

    async def _drop(self, name: str) -> None:
        try:
            await self._send("DELETE", f"/{name}")
        except RefusedError as error:
            if not error.is_missing:
                raise

    async def _refresh(self, name: str) -> None:
        await self._send("POST", f"/{name}/_refresh")

    async def _set(self, name: str, settings: Mapping[str, Any]) -> None:
        await self._send("PUT", f"/{name}/_settings", settings)

    async def _send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return await self.cluster.send(method, path, body, timeout=WRITING)


async def _about(cluster: Cluster, name: str) -> About | None:
    try:
        told = await cluster.get(f"/{name}/_mapping")
    except RefusedError as error:
        if not error.is_missing:
            raise
        return None
    return About.read(told[name]["mappings"].get("_meta", {}))


def _close(batches: Iterator[Batch]) -> None:
    """End the processes that read, where not all was asked for."""
    close = getattr(batches, "close", None)
    if close:
        close()
