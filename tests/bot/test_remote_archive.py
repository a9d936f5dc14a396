import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.ops.metrics import Metrics
from bot.remote_archive import RemoteArchive, RemoteIndex
from bot.search_service import Archive
from retrieval.errors import RetrievalError, UnavailableError
from tests.bot.conftest import FakeArchive, make_answer, make_citation
from tests.bot.ops.test_metrics import read
from tests.bot.virtual_clock import fast


class FakeShelf(FakeArchive):
    """One index of a cluster; `searches` counts those for next to nothing."""

    searches = 0
    cluster: "FakeCluster"

    async def reachable(self) -> None:
        self.searches += 1
        self._reach()

    async def refreshed(self) -> "FakeShelf":
        return await self.cluster.open()


@dataclass
class FakeCluster:
    """Leads to the index that counts now, unless it is away."""

    shelf: FakeShelf = field(default_factory=FakeShelf)
    is_away: bool = False
    looks: int = 0
    swapped: list[RemoteIndex] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)

    async def open(self) -> FakeShelf:
        self.looks += 1
        if self.is_away:
            raise UnavailableError(f"node {self.looks} does not answer")
        self.shelf.cluster = self
        return self.shelf

    def fail(self, *, is_away: bool) -> None:
        self.is_away = self.shelf.is_away = is_away

    def remote(self) -> RemoteArchive:
        return RemoteArchive(self.open, self.swapped.append, self.metrics)

    @property
    def reachable(self) -> float:
        return read(self.metrics)["verbatim_documents_reachable", frozenset()]


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


async def _unavailable(asked: Awaitable[object]) -> bool:
    try:
        await asked
    except UnavailableError:
        return True
    return False


async def test_it_answers_from_the_index_that_counts(cluster: FakeCluster) -> None:
    """What is asked is asked of the index in the cluster, whichever it is."""
    archive, following = cluster.shelf, cluster.remote()
    await following.look()
    remote = _archive(following)
    archive.answers["Who?"] = make_answer(make_citation("It was she.", (0, 11)))
    archive.pictures[1] = b"png"
    (source,) = archive.sources
    assert archive.answers["Who?"] == await remote.answer("Who?")
    assert await archive.explain("Who?") == await remote.explain("Who?")
    assert (None, [], []) == (
        await remote.context("x"),
        await remote.sections(source),
        await remote.read(source),
    )
    assert (archive.sources, 12, (), archive.version) == (
        remote.sources,
        remote.passages,
        remote.problems,
        remote.version,
    )
    assert (source, Path("folder/name.txt")) == (remote.source(source.id), remote.file(source))
    assert b"png" == remote.picture(archive.answers["Who?"].citations[0])


def _archive(remote: Archive) -> Archive:
    """See that it is all that handlers need."""
    return remote


ASKS: dict[str, Callable[[RemoteArchive], Awaitable[object]]] = {
    "answer": lambda remote: remote.answer("Who?"),
    "context": lambda remote: remote.context("x"),
}


@pytest.mark.parametrize("name", ASKS)
async def test_an_outage_is_told_once(
    cluster: FakeCluster, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """However much is asked meanwhile, the log has a line when the cluster goes and one when it is back."""
    remote = cluster.remote()
    await remote.look()
    with caplog.at_level(logging.INFO):
        assert not await _unavailable(ASKS[name](remote))
        cluster.fail(is_away=True)
        for _ in range(5):
            assert await _unavailable(ASKS[name](remote))
            await remote.look()
        assert 0 == cluster.reachable
        cluster.fail(is_away=False)
        assert not await _unavailable(ASKS[name](remote))
        assert not await _unavailable(ASKS[name](remote))
    assert ["no node answers", "The cluster answers again after 0 s"] == caplog.messages
    assert 1 == cluster.reachable


async def test_what_the_cluster_refuses_is_an_outage_too(cluster: FakeCluster) -> None:
    """An index that is gone, or whatever else the cluster will not do, is told as one that is away."""

    async def refuse(*_: object, **__: object) -> Any:
        raise RetrievalError("no such index")

    remote = cluster.remote()
    await remote.look()
    cluster.shelf.explain = refuse  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match="no such index"):
        await remote.explain("Who?")


@fast
async def test_away_from_the_start(cluster: FakeCluster) -> None:
    """A cluster that is away when the bot starts is looked for every few seconds, and then answers."""
    cluster.fail(is_away=True)
    remote = cluster.remote()
    following = asyncio.create_task(remote.follow())
    await asyncio.sleep(60)
    assert await _unavailable(remote.answer("Who?"))
    with pytest.raises(UnavailableError, match="node 1 does not answer"):
        _ = remote.sources
    assert 10 < cluster.looks < 20
    cluster.fail(is_away=False)
    await asyncio.sleep(5)
    assert not await _unavailable(remote.answer("Who?"))
    assert [cluster.shelf] == cluster.swapped
    following.cancel()


async def test_it_is_back_when_it_can_search(cluster: FakeCluster, caplog: pytest.LogCaptureFixture) -> None:
    """A cluster that starts tells of its index before it can search it: that is no end of an outage."""
    remote = cluster.remote()
    await remote.look()
    cluster.fail(is_away=True)
    assert await _unavailable(remote.answer("Who?"))
    cluster.is_away = False
    await remote.look()
    assert 0 == cluster.reachable
    cluster.fail(is_away=False)
    await remote.look()
    assert 1 == cluster.reachable
    assert ["no node answers"] == caplog.messages


@fast
async def test_another_index_takes_over(cluster: FakeCluster) -> None:
    """Half a minute after another index was put in the place of one, it answers."""
    remote = cluster.remote()
    following = asyncio.create_task(remote.follow())
    await asyncio.sleep(45)
    assert (2, [cluster.shelf]) == (cluster.looks, cluster.swapped)
    before, cluster.shelf = cluster.shelf, FakeShelf(version="another")
    await asyncio.sleep(30)
    assert "another" == remote.version
    assert [before, cluster.shelf] == cluster.swapped
    following.cancel()


@fast
async def test_an_index_that_is_gone_is_replaced_at_once(cluster: FakeCluster) -> None:
    """When the index that answered is gone, the one that took over is looked for with the next question."""
    remote = cluster.remote()
    following = asyncio.create_task(remote.follow())
    await asyncio.sleep(1)
    cluster.shelf.is_away, cluster.shelf = True, FakeShelf(version="another")
    assert await _unavailable(remote.answer("Who?"))
    await asyncio.sleep(0.1)
    assert not await _unavailable(remote.answer("Who?"))
    assert "another" == remote.version
    following.cancel()


@fast
async def test_whether_it_is_reached(cluster: FakeCluster) -> None:
    """It is tried whether the cluster can be searched, at most every few seconds."""
    remote = cluster.remote()
    assert not await remote.is_reached()
    await remote.look()
    assert [True] * 20 == await asyncio.gather(*(remote.is_reached() for _ in range(20)))
    assert 0 == cluster.shelf.searches
    await asyncio.sleep(4)
    assert [True] * 20 == await asyncio.gather(*(remote.is_reached() for _ in range(20)))
    assert 1 == cluster.shelf.searches
    await asyncio.sleep(4)
    cluster.fail(is_away=True)
    assert not await remote.is_reached()
    cluster.fail(is_away=False)
    assert await remote.is_reached()
