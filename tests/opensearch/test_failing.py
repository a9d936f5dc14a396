"""Nodes die, hang and come back: questions are answered, or told that they cannot be, and answered again."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from retrieval.documents.library import Library
from retrieval.errors import UnavailableError
from retrieval.model import Answer
from retrieval.opensearch import Cluster, ClusterLibrary, ConnectionSettings, IndexPlan, write
from tests.opensearch.cluster import Cluster as Nodes
from tests.opensearch.compare_indexes import EVAL, questions

pytestmark = pytest.mark.opensearch

_log = logging.getLogger(__name__)


@dataclass
class Load:
    """Clients that ask all the time, each as soon as it has its answer."""

    library: ClusterLibrary
    expected: dict[str, Answer]
    answered: int = 0
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    slowest: float = 0.0
    _is_over: bool = False

    async def run(self, clients: int = 4) -> None:
        await asyncio.gather(*(self._client(n) for n in range(clients)))

    def stop(self) -> None:
        self._is_over = True

    async def _client(self, n: int) -> None:
        asked = list(self.expected)
        while not self._is_over:
            n += 1
            question = asked[n % len(asked)]
            began = time.monotonic()
            try:
                # No two are the same question, or the answer would be remembered.
                found = await self.library.answer(question + " " * n)
            except UnavailableError as error:
                self.failed.append(str(error))
            else:
                self.answered += 1
                if found.citations[:1] != self.expected[question].citations[:1]:
                    self.wrong.append(question)
            self.slowest = max(self.slowest, time.monotonic() - began)


@pytest.fixture
async def load(three_nodes: Nodes, tmp_path: Path) -> AsyncIterator[Load]:
    """Index the evaluation's documents in three shards with a copy of each, to be asked about."""
    mine = Library.open(EVAL, index_dir=tmp_path)
    expected = {question: await mine.answer(question) for question, _ in questions()[:60]}
    async with Cluster(ConnectionSettings.of(",".join(three_nodes.urls))) as cluster:
        await write(cluster, EVAL, IndexPlan("failing", shards=3, replicas=1))
        yield Load(await ClusterLibrary.open(cluster, EVAL, alias="failing"), expected)


async def under_load(load: Load, three_nodes: Nodes, harm: str, node: int) -> None:
    running = asyncio.create_task(load.run())
    await asyncio.sleep(3)
    await asyncio.to_thread(getattr(three_nodes, harm), node)
    await asyncio.sleep(15)
    load.stop()
    await running


@pytest.mark.parametrize("node", [0, 2])
async def test_a_node_is_killed(load: Load, three_nodes: Nodes, node: int) -> None:
    """With one copy of each shard, a node that is killed costs no answer, and none is another one for it."""
    await under_load(load, three_nodes, "kill", node)
    three_nodes.start(node)
    await asyncio.to_thread(three_nodes.wait)
    _log.info("%d answers, the slowest after %.2f s", load.answered, load.slowest)
    assert (load.failed, load.wrong) == ([], [])
    assert load.answered > 50
    assert load.slowest < 6


async def test_a_node_hangs(load: Load, three_nodes: Nodes) -> None:
    """A node that takes connections and says nothing makes few wait, and is left out then."""
    try:
        await under_load(load, three_nodes, "pause", 1)
    finally:
        three_nodes.resume(1)
    await asyncio.to_thread(three_nodes.wait)
    _log.info(
        "%d answers, %d failed, the slowest after %.2f s", load.answered, len(load.failed), load.slowest
    )
    assert [] == load.wrong
    assert load.slowest < 10
    assert load.answered > 50


async def test_all_stop_and_start(load: Load, three_nodes: Nodes) -> None:
    """Without a node one line says so, at once; when all are back, so are the answers, by themselves."""
    question = next(iter(load.expected))
    await load.library.ping()
    for node in range(three_nodes.size):
        await asyncio.to_thread(three_nodes.kill, node)
    for ask in (load.library.answer(question), load.library.ping(), load.library.refresh()):
        began = time.monotonic()
        with pytest.raises(UnavailableError, match="OpenSearch does not answer"):
            await ask
        assert time.monotonic() - began < 5
    for node in range(three_nodes.size):
        three_nodes.start(node)
    began = time.monotonic()
    while True:
        try:
            found = await load.library.answer(question)
            break
        except UnavailableError:
            assert time.monotonic() - began < 180
            await asyncio.sleep(0.5)
    _log.info("answered again after %.0f s", time.monotonic() - began)
    assert load.expected[question].citations == found.citations
    await asyncio.to_thread(three_nodes.wait)
