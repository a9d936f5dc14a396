"""While nodes fail, hang and restart, questions are answered or raise UnavailableError."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import UnavailableError
from retrieval.model import Answer
from retrieval.opensearch import ClusterClient, ClusterLibrary, ConnectionSettings, IndexPlan, write_index
from tests.opensearch.cluster import LocalCluster
from tests.opensearch.compare_indexes import EVAL_DOCUMENTS, questions

pytestmark = pytest.mark.opensearch

_log = logging.getLogger(__name__)


@dataclass
class Load:
    """Clients that ask one question after the other, and the results so far."""

    library: ClusterLibrary
    expected: dict[str, Answer]
    answered: int = 0
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    slowest: float = 0.0
    _is_stopped: bool = False

    async def run(self, clients: int = 4) -> None:
        await asyncio.gather(*(self._client(n) for n in range(clients)))

    def stop(self) -> None:
        self._is_stopped = True

    async def _client(self, n: int) -> None:
        questions = list(self.expected)
        while not self._is_stopped:
            n += 1
            question = questions[n % len(questions)]
            start = time.monotonic()
            try:
                # Each question is different, because answers are cached.
                answer = await self.library.answer(question + " " * n)
            except UnavailableError as error:
                self.failed.append(str(error))
            else:
                self.answered += 1
                if answer.citations[:1] != self.expected[question].citations[:1]:
                    self.wrong.append(question)
            self.slowest = max(self.slowest, time.monotonic() - start)


@pytest.fixture
async def load(three_nodes: LocalCluster, tmp_path: Path) -> AsyncIterator[Load]:
    """Index the documents of the evaluation in three shards with one replica each."""
    local = LocalLibrary.open(EVAL_DOCUMENTS, index_dir=tmp_path)
    expected = {question: await local.answer(question) for question, _ in questions()[:60]}
    async with ClusterClient(ConnectionSettings.from_addresses(",".join(three_nodes.urls))) as cluster:
        await write_index(cluster, EVAL_DOCUMENTS, IndexPlan("failing", shards=3, replicas=1))
        yield Load(await ClusterLibrary.open(cluster, EVAL_DOCUMENTS, alias="failing"), expected)


async def ask_during(load: Load, three_nodes: LocalCluster, action: str, node: int) -> None:
    """Ask for 18 seconds, and call `action` for the node after three."""
    running = asyncio.create_task(load.run())
    await asyncio.sleep(3)
    await asyncio.to_thread(getattr(three_nodes, action), node)
    await asyncio.sleep(15)
    load.stop()
    await running


@pytest.mark.parametrize("node", [0, 2])
async def test_killed_node(load: Load, three_nodes: LocalCluster, node: int) -> None:
    """With one replica, killing a node fails no question and changes no answer."""
    await ask_during(load, three_nodes, "kill", node)
    three_nodes.start(node)
    await asyncio.to_thread(three_nodes.wait)
    _log.info("%d answers, the slowest after %.2f s", load.answered, load.slowest)
    assert (load.failed, load.wrong) == ([], [])
    assert load.answered > 50
    assert load.slowest < 6


async def test_hanging_node(load: Load, three_nodes: LocalCluster) -> None:
    """A node that accepts connections without answering delays few questions, and is then excluded."""
    try:
        await ask_during(load, three_nodes, "pause", 1)
    finally:
        three_nodes.resume(1)
    await asyncio.to_thread(three_nodes.wait)
    _log.info(
        "%d answers, %d failed, the slowest after %.2f s", load.answered, len(load.failed), load.slowest
    )
    assert [] == load.wrong
    assert load.slowest < 10
    assert load.answered > 50


async def test_all_nodes_restart(load: Load, three_nodes: LocalCluster) -> None:
    """Without any node every request fails within 5 seconds; after a restart questions are answered again."""
    question = next(iter(load.expected))
    await load.library.ping()
    for node in range(three_nodes.size):
        await asyncio.to_thread(three_nodes.kill, node)
    for ask in (load.library.answer(question), load.library.ping(), load.library.refresh()):
        start = time.monotonic()
        with pytest.raises(UnavailableError, match="OpenSearch does not answer"):
            await ask
        assert time.monotonic() - start < 5
    for node in range(three_nodes.size):
        three_nodes.start(node)
    start = time.monotonic()
    while True:
        try:
            answer = await load.library.answer(question)
            break
        except UnavailableError:
            assert time.monotonic() - start < 180
            await asyncio.sleep(0.5)
    _log.info("answered again after %.0f s", time.monotonic() - start)
    assert load.expected[question].citations == answer.citations
    await asyncio.to_thread(three_nodes.wait)
