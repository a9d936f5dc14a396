import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.documents.document_manager import ClusterMonitor
from bot.monitoring import Metrics
from retrieval.documents.library import Snapshot
from retrieval.errors import RetrievalError, UnavailableError
from retrieval.index.local_index import LocalIndex
from retrieval.opensearch.client import RefusedError
from retrieval.opensearch.cluster_library import ClusterLibrary
from tests.bot.test_metrics import read
from tests.bot.virtual_clock import fast


@dataclass
class FakeCluster:
    """Serves one index at a time, unless it is down; `pings` counts the cheapest searches."""

    version: str = "first"
    is_down: bool = False
    can_search: bool = True
    is_deleted: bool = False
    openings: int = 0
    pings: int = 0
    metrics: Metrics = field(default_factory=Metrics)
    versions: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.library = ClusterLibrary(self.open, Path("folder"))
        self.monitor = ClusterMonitor(
            self.library, lambda: self.versions.append(self.library.version), self.metrics
        )

    async def open(self, known: Snapshot[Any] | None) -> Snapshot[Any]:
        self.openings += 1
        if self.is_down:
            raise UnavailableError(f"node {self.openings} does not answer")
        if known and known.version == self.version:
            return known
        return Snapshot(FakeIndex(self, self.version), (), (), self.version, 300)

    @property
    def reachable(self) -> float:
        return read(self.metrics)["verbatim_documents_reachable", frozenset()]


class FakeIndex(LocalIndex):
    """An index without passages, in a cluster that may be down or have deleted it."""

    def __init__(self, cluster: FakeCluster, version: str) -> None:
        super().__init__()
        self._cluster, self._version = cluster, version

    async def ping(self) -> None:
        cluster = self._cluster
        cluster.pings += 1
        if cluster.is_down or not cluster.can_search:
            raise UnavailableError("no node answers")
        if cluster.is_deleted and cluster.version != self._version:
            raise RefusedError(404, "index_not_found_exception", "no such index")


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


async def _fails(work: Awaitable[object]) -> bool:
    try:
        await work
    except UnavailableError:
        return True
    return False


async def test_an_outage_is_logged_once(cluster: FakeCluster, caplog: pytest.LogCaptureFixture) -> None:
    """However many requests fail, the log has one line when an outage begins and one when it ends."""
    await cluster.monitor.refresh()
    with caplog.at_level(logging.INFO):
        assert not await _fails(cluster.library.ping())
        cluster.is_down = True
        for _ in range(5):
            assert await _fails(cluster.library.ping())
            await cluster.monitor.refresh()
        assert 0 == cluster.reachable
        cluster.is_down = False
        assert not await _fails(cluster.library.ping())
        assert not await _fails(cluster.library.ping())
    assert ["no node answers", "The cluster answers again after 0 s"] == caplog.messages
    assert 1 == cluster.reachable


async def test_a_refusal_is_an_outage_too(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else the cluster rejects is raised as unavailable, with its own words."""

    async def refuse(_: object) -> None:
        raise RetrievalError("not allowed")

    await cluster.monitor.refresh()
    monkeypatch.setattr(FakeIndex, "ping", refuse)
    with pytest.raises(UnavailableError, match="not allowed"):
        await cluster.library.ping()
    assert 0 == cluster.reachable


@fast
async def test_down_from_the_start(cluster: FakeCluster) -> None:
    """A cluster that is down when the bot starts is tried every few seconds until it answers."""
    cluster.is_down = True
    running = asyncio.create_task(cluster.monitor.run())
    await asyncio.sleep(60)
    assert await _fails(cluster.library.ping())
    with pytest.raises(UnavailableError, match=r"node \d+ does not answer"):
        _ = cluster.library.sources
    assert 10 < cluster.openings < 20
    cluster.is_down = False
    await asyncio.sleep(5)
    assert not await _fails(cluster.library.ping())
    assert ["first"] == cluster.versions
    running.cancel()


async def test_an_outage_ends_with_a_search(cluster: FakeCluster, caplog: pytest.LogCaptureFixture) -> None:
    """A starting cluster names its index before it can search it: that does not end an outage."""
    await cluster.monitor.refresh()
    cluster.is_down = True
    assert await _fails(cluster.library.ping())
    cluster.is_down, cluster.can_search = False, False
    await cluster.monitor.refresh()
    assert 0 == cluster.reachable
    cluster.can_search = True
    await cluster.monitor.refresh()
    assert 1 == cluster.reachable
    assert ["no node answers"] == caplog.messages


@fast
async def test_another_index_takes_over(cluster: FakeCluster) -> None:
    """An index that replaces the current one is answered from within half a minute."""
    running = asyncio.create_task(cluster.monitor.run())
    await asyncio.sleep(45)
    assert (2, ["first"]) == (cluster.openings, cluster.versions)
    cluster.version = "second"
    await asyncio.sleep(30)
    assert ("second", ["first", "second"]) == (cluster.library.version, cluster.versions)
    running.cancel()


@fast
async def test_a_deleted_index_is_replaced_at_once(cluster: FakeCluster) -> None:
    """A request to an index that was deleted is answered by the index that replaced it."""
    running = asyncio.create_task(cluster.monitor.run())
    await asyncio.sleep(1)
    cluster.version, cluster.is_deleted = "second", True
    assert not await _fails(cluster.library.ping())
    assert "second" == cluster.library.version
    await asyncio.sleep(30)
    assert ["first", "second"] == cluster.versions
    running.cancel()


@fast
async def test_a_failed_request_refreshes_at_once(cluster: FakeCluster) -> None:
    """After a request has failed the index is looked up again, long before the next regular time."""
    running = asyncio.create_task(cluster.monitor.run())
    await asyncio.sleep(1)
    cluster.can_search = False
    assert await _fails(cluster.library.ping())
    openings, cluster.can_search = cluster.openings, True
    await asyncio.sleep(0.1)
    assert openings + 1 == cluster.openings
    running.cancel()


@fast
async def test_whether_it_is_reachable(cluster: FakeCluster) -> None:
    """The cluster is pinged at most every few seconds, however often health is asked for."""
    monitor = cluster.monitor
    assert not await monitor.is_reachable()
    await monitor.refresh()
    assert [True] * 20 == await asyncio.gather(*(monitor.is_reachable() for _ in range(20)))
    assert 0 == cluster.pings
    await asyncio.sleep(4)
    assert [True] * 20 == await asyncio.gather(*(monitor.is_reachable() for _ in range(20)))
    assert 1 == cluster.pings
    await asyncio.sleep(4)
    cluster.is_down = True
    assert not await monitor.is_reachable()
    cluster.is_down = False
    assert await monitor.is_reachable()
