"""The bot on a real cluster: it follows the index, and says kindly when the cluster is away."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bot.i18n.messages import speaking
from sandbox.client import ChatClient, Sandbox
from tests.e2e.conftest import BAKERY, LIGHTHOUSE, TOKEN, Process, free_port
from tests.e2e.workers import four_processes
from tests.opensearch.cluster import Cluster

pytestmark = pytest.mark.opensearch

TEXTS = speaking("en")
QUESTION = "Who built the lighthouse of Nordholm?"
OTHER = "How long does the rye bread rest before it is baked?"
SOON = 60.0


@dataclass
class Town:
    """A bot in a sandbox of its own, on one node that can be killed."""

    cluster: Cluster
    folder: Path
    sandbox: Sandbox
    port: int
    start: Callable[..., Process]
    environment: dict[str, str]

    def index(self) -> str:
        """Fill the cluster with what the folder holds."""
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
        command = [sys.executable, "-m", "bot.cli", "index"]
        done = subprocess.run(
            command,
            cwd=self.folder.parent,
            env=kept | {"MEANING": "off"} | self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout

    async def page(self, path: str) -> int:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://127.0.0.1:{self.port}{path}", timeout=20)).status_code

    async def until_ready(self, expected: int) -> None:
        deadline = time.monotonic() + SOON
        while await self.page("/readyz") != expected:
            assert time.monotonic() < deadline, f"/readyz was not {expected} within {SOON} s"
            await asyncio.sleep(0.2)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start one node, which tests leave running."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def telegram() -> Iterator[str]:
    """Start a sandbox."""
    command = [sys.executable, "-m", "sandbox", "--token", TOKEN, "--empty"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().decode().removeprefix("sandbox ready: ").strip().rstrip("/")
        finally:
            process.terminate()


@pytest.fixture
async def town(cluster: Cluster, telegram: str, tmp_path: Path) -> AsyncIterator[Town]:
    folder, port = tmp_path / "documents", free_port()
    folder.mkdir()
    (folder / "lighthouse.txt").write_text(LIGHTHOUSE, encoding="utf-8")
    processes: list[Process] = []
    environment = {
        "OPENSEARCH_URL": cluster.urls[0],
        "OPENSEARCH_INDEX": f"town-{port}",
        "OPENSEARCH_REPLICAS": "0",
        "SEEDS_DIR": str(folder),
        "TELEGRAM_TOKEN": TOKEN,
        "TELEGRAM_API_URL": telegram,
        "TELEGRAM_MESSAGES_PER_SECOND": "0",
        "TELEGRAM_QUESTIONS_PER_MINUTE": "0",
        "PORT": str(port),
    }

    def start(**more: str) -> Process:
        processes.append(Process.start(tmp_path, **environment | more))
        return processes[-1]

    try:
        async with Sandbox.at(telegram, token=TOKEN) as sandbox:
            yield Town(cluster, folder, sandbox, port, start, environment)
    finally:
        for process in processes:
            process.end()


async def _ask(chat: ChatClient, question: str) -> str:
    await chat.send(question)
    return (await chat.next_message()).text


async def test_an_index_is_filled_answers_and_is_replaced(town: Town) -> None:
    """What `verbatim index` put into the cluster answers; what it puts there later does so a little later."""
    assert "1 document, " in town.index()
    bot = town.start()
    await asyncio.to_thread(bot.until, "is listening")
    chat = await town.sandbox.private_chat("Ada")
    assert "Clara Brandt" in await _ask(chat, QUESTION)
    assert TEXTS.declined in await _ask(chat, OTHER)
    (town.folder / "bakery.md").write_text(BAKERY, encoding="utf-8")
    assert "2 documents, " in town.index()
    await asyncio.to_thread(bot.until, "Documents in the cluster: 2", SOON)
    assert "eighteen hours" in await _ask(chat, OTHER)
    assert 0 == await asyncio.to_thread(bot.stop)
    assert "Traceback" not in bot.output


async def test_four_processes_on_one_cluster(town: Town) -> None:
    """Four processes answer from one cluster; one is killed and one stopped, and no question is lost."""
    town.index()
    await town.sandbox.settings(flood=False)
    await four_processes(town.sandbox, town.start)


async def test_the_cluster_goes_and_comes_back(town: Town) -> None:
    """While its only node is dead people are told to ask again and hosts to wait; then all is well again."""
    town.index()
    bot = town.start()
    await asyncio.to_thread(bot.until, "is listening")
    chat = await town.sandbox.private_chat("Ada")
    assert "Clara Brandt" in await _ask(chat, QUESTION)
    await town.until_ready(200)
    await asyncio.to_thread(town.cluster.kill, 0)
    for _ in range(3):
        assert TEXTS.unreachable == await _ask(chat, QUESTION + " And when?")
    await town.until_ready(503)
    assert 200 == await town.page("/healthz")
    town.cluster.start(0)
    await town.until_ready(200)
    assert "Clara Brandt" in await _ask(chat, QUESTION + " And when?")
    assert 1 == bot.output.count("OpenSearch does not answer")
    assert 1 == bot.output.count("The cluster answers again")
    assert "Traceback" not in bot.output


async def test_the_bot_starts_before_the_cluster(town: Town) -> None:
    """A bot that starts while the cluster is away says so to people, waits, and then answers."""
    town.index()
    await asyncio.to_thread(town.cluster.kill, 0)
    bot = town.start()
    await asyncio.to_thread(bot.until, "is listening")
    chat = await town.sandbox.private_chat("Ada")
    assert TEXTS.unreachable == await _ask(chat, QUESTION)
    assert (200, 503) == (await town.page("/healthz"), await town.page("/readyz"))
    town.cluster.start(0)
    await town.until_ready(200)
    assert "Clara Brandt" in await _ask(chat, QUESTION)
