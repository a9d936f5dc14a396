"""Watches a cluster: notices when it cannot be reached, and when another index replaces the current one."""

import asyncio
import contextlib
import time
from collections.abc import Callable

from bot.monitoring import Metrics, OutageLog
from retrieval.errors import RetrievalError, UnavailableError
from retrieval.opensearch.cluster_library import ClusterLibrary

_REFRESH_INTERVAL_SECONDS = 30.0
# During an outage. A question that is answered ends the outage at once.
_RETRY_INTERVAL_SECONDS = 5.0
_REACHED_TTL_SECONDS = 3.0


class ClusterMonitor:
    """Keeps a library on the index that the alias points to; `on_change` is called for each new one.

    The log has one line when an outage begins and one when it ends.
    """

    def __init__(self, library: ClusterLibrary, on_change: Callable[[], None], metrics: Metrics) -> None:
        self._library = library
        self._on_change = on_change
        self._metrics = metrics
        self._reason = ""
        self._reported: object = None
        self._outage = OutageLog("The cluster")
        self._wake = asyncio.Event()
        self._pinging = asyncio.Lock()
        self._reached_at = float("-inf")
        library.observe(self._observe)

    async def refresh(self) -> float:
        """Refresh the library once; return the seconds until that should be repeated."""
        self._wake.clear()
        try:
            await self._library.refresh()
            # The library also refreshes itself, when a request finds its index deleted.
            if self._library.snapshot is not self._reported:
                self._reported = self._library.snapshot
                self._on_change()
            if self._outage:
                # A starting cluster can name its index before it can search it.
                await self._library.ping()
        except RetrievalError as error:
            self._observe(error)
            return min(self._outage.failed(self._reason), _RETRY_INTERVAL_SECONDS)
        self._observe(None)
        return _REFRESH_INTERVAL_SECONDS

    async def run(self) -> None:
        """Refresh the library at intervals until cancelled, and at once when a request fails."""
        while True:
            delay = await self.refresh()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    async def is_reachable(self) -> bool:
        """Return whether the cluster can be searched, or could be a few seconds ago."""
        async with self._pinging:
            if time.monotonic() - self._reached_at > _REACHED_TTL_SECONDS:
                with contextlib.suppress(UnavailableError):
                    await self._library.ping()
            return time.monotonic() - self._reached_at <= _REACHED_TTL_SECONDS

    def _observe(self, error: RetrievalError | None) -> None:
        """Record the outcome of a request to the cluster; None is a success."""
        if error is None:
            self._reached_at = time.monotonic()
            self._metrics.set_reachable(documents=True)
            self._outage.recovered()
            return
        self._reached_at = float("-inf")
        if not self._outage:
            # Later errors may name other nodes; only the first is logged.
            self._reason = str(error)
            self._outage.failed(self._reason)
            self._metrics.set_reachable(documents=False)
            # The index may have been replaced and deleted.
            self._wake.set()
