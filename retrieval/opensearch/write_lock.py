"""A lock that lets only one process write an index, and passes on when that process dies.

The lock is a document that its holder renews every 5 seconds. A process that sees it unchanged for 20 seconds
takes it over. Only changes of the document count, so the clocks of machines need not agree.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from retrieval.errors import RetrievalError, UnavailableError
from retrieval.opensearch.client import WRITE_TIMEOUT, ClusterClient, RefusedError

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
