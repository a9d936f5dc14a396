"""Who writes the index: one process at a time, and another one when that is gone.

The note that says so is renewed while its holder lives. Who finds it unchanged for long takes it over:
that it does not change is all that is looked at, so no two clocks need agree.
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
from retrieval.opensearch.client import WRITING, Cluster, RefusedError

_RENEWED = 5.0
_GONE = 20.0
_LOOKS = 1.0
_NOTE = "writer"

_log = logging.getLogger(__name__)


class WriteLockLostError(RetrievalError):
    """Another process has taken over, so this one has to leave the index alone."""


@dataclass
class WriteLock:
    """The right to write. `left` is what the holder before has left unfinished."""

    cluster: Cluster
    index: str
    left: str | None = None
    _building: str | None = None
    _holder: str | None = None
    _version: dict[str, str] = field(default_factory=dict)
    _is_lost: bool = False
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    @asynccontextmanager
    async def held(
        cls, cluster: Cluster, alias: str, waits: Callable[[str], None] | None = None
    ) -> AsyncIterator[Self]:
        """Wait until nobody else writes, and hold the lease meanwhile; `waits` is told who does, once."""
        lease = cls(cluster, f"{alias}-lock")
        await lease._take(waits)
        renewing = asyncio.create_task(lease._renew())
        try:
            yield lease
        finally:
            renewing.cancel()
            await lease._give_back()

    async def builds(self, index: str | None) -> None:
        """Note which index is being made, for whoever comes after a crash. Raises OvertakenError."""
        self._building = index
        await self._write()

    def check(self) -> None:
        """Raise OvertakenError when this process was taken for gone."""
        if self._is_lost:
            raise WriteLockLostError("another process has taken over writing the index; this one stops")

    async def _take(self, waits: Callable[[str], None] | None) -> None:
        await self._make_place()
        seen: Any = None
        since = time.monotonic()
        told = False
        while True:
            note = await self._read()
            holder = note["_source"]["holder"] if note else None
            version = (note["_seq_no"], note["_primary_term"]) if note else None
            if version != seen:
                seen, since = version, time.monotonic()
            if holder is None or time.monotonic() - since > _GONE:
                self._version = {"op_type": "create"} if note is None else _only_if(note)
                self.left = self._building = note["_source"]["building"] if note else None
                self._holder = f"{socket.gethostname()}, process {os.getpid()}"
                try:
                    await self._write()
                except WriteLockLostError:
                    self._is_lost = False
                    continue
                return
            if not told and waits:
                waits(str(holder))
                told = True
            await asyncio.sleep(_LOOKS)

    async def _make_place(self) -> None:
        shape = {
            "settings": {"number_of_shards": 1, "auto_expand_replicas": "0-1"},
            "mappings": {
                "dynamic": "strict",
                "properties": {"holder": {"type": "keyword"}, "building": {"type": "keyword"}},
            },
        }
        try:
            await self.cluster.send("PUT", f"/{self.index}", shape, timeout=WRITING)
        except RefusedError as error:
            if not error.is_conflict:
                raise

    async def _read(self) -> Any:
        try:
            return await self.cluster.get(f"/{self.index}/_doc/{_NOTE}")
        except RefusedError as error:
            if not error.is_missing:
                raise
            return None

    async def _write(self) -> None:
        body = {"holder": self._holder, "building": self._building}
        async with self._busy:
            self.check()
            try:
                told = await self.cluster.send(
                    "PUT", f"/{self.index}/_doc/{_NOTE}", body, params=self._version, timeout=WRITING
                )
            except RefusedError as error:
                if not error.is_conflict:
                    raise
                # A request that was sent twice meets itself.
                note = await self._read()
                if note is None or note["_source"] != body:
                    self._is_lost = True
                    self.check()
                self._version = _only_if(note)
            else:
                self._version = _only_if(told)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(_RENEWED)
            try:
                await self._write()
            except WriteLockLostError:
                return
            except (UnavailableError, RefusedError) as error:
                _log.warning("%s", error)

    async def _give_back(self) -> None:
        self._holder = None
        try:
            await self._write()
        except RetrievalError:
            # It is taken for gone soon enough.
            return


def _only_if(note: Any) -> dict[str, str]:
    return {"if_seq_no": str(note["_seq_no"]), "if_primary_term": str(note["_primary_term"])}
