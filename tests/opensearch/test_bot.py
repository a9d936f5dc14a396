"""The bot on a real cluster: it uses new indexes, and tells users when the cluster is unreachable."""

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

from bot.i18n.texts import texts_for
from sandbox.control_client import ChatClient, Sandbox
from tests.e2e.conftest import BAKERY, LIGHTHOUSE, TOKEN, Process, free_port
from tests.e2e.workers import check_four_processes
from tests.opensearch.cluster import LocalCluster

pytestmark = pytest.mark.opensearch

TEXTS = texts_for("en")
QUESTION = "Who built the lighthouse of Nordholm?"
BAKERY_QUESTION = "How long does the rye bread rest before it is baked?"
READY_TIMEOUT_SECONDS = 60.0


@dataclass
class Deployment:
    """A bot with its sandbox, documents folder and cluster of one node."""

    cluster: LocalCluster
    folder: Path
    sandbox: Sandbox
    port: int
    start: Callable[..., Process]
    environment: dict[str, str]

    def index(self) -> str:
        """Run `verbatim index`; return its output."""
        inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
        command = [sys.executable, "-m", "bot.cli", "index"]
        completed = subprocess.run(
            command,
            cwd=self.folder.parent,
            env=inherited | {"MEANING": "off"} | self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return completed.stdout

    async def status_of(self, path: str) -> int:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://127.0.0.1:{self.port}{path}", timeout=20)).status_code

    async def wait_for_readiness(self, expected: int) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while await self.status_of("/readyz") != expected:
            assert time.monotonic() < deadline, f"/readyz was not {expected} within {READY_TIMEOUT_SECONDS} s"
            await asyncio.sleep(0.2)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Start one node; each test leaves it running."""
    with LocalCluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def telegram() -> Iterator[str]:
    """Start a sandbox; return its URL."""
    command = [sys.executable, "-m", "sandbox", "--token", TOKEN, "--empty"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().decode().removeprefix("sandbox ready: ").strip().rstrip("/")
        finally:
            process.terminate()


@pytest.fixture
async def deployment(cluster: LocalCluster, telegram: str, tmp_path: Path) -> AsyncIterator[Deployment]:
    folder, port = tmp_path / "documents", free_port()
    folder.mkdir()
    (folder / "lighthouse.txt").write_text(LIGHTHOUSE, encoding="utf-8")
    processes: list[Process] = []
    environment = {
        "OPENSEARCH_URL": cluster.urls[0],
        "OPENSEARCH_INDEX": f"bot-{port}",
        "OPENSEARCH_REPLICAS": "0",
        "SEEDS_DIR": str(folder),
        "TELEGRAM_TOKEN": TOKEN,
        "TELEGRAM_API_URL": telegram,
        "TELEGRAM_MESSAGES_PER_SECOND": "0",
        "TELEGRAM_QUESTIONS_PER_MINUTE": "0",
        "PORT": str(port),
    }

    def start(**settings: str) -> Process:
        processes.append(Process.start(tmp_path, **environment | settings))
        return processes[-1]

    try:
        async with Sandbox.at(telegram, token=TOKEN) as sandbox:
            yield Deployment(cluster, folder, sandbox, port, start, environment)
    finally:
        for process in processes:
            process.kill_if_running()


async def _ask(chat: ChatClient, question: str) -> str:
    await chat.send(question)
    return (await chat.next_message()).text


async def test_index_is_followed(deployment: Deployment) -> None:
    """The bot answers from the index that `verbatim index` has written, and soon from the next one."""
    assert "1 document, " in deployment.index()
    bot = deployment.start()
    await asyncio.to_thread(bot.wait_for_output, "is ready")
    chat = await deployment.sandbox.private_chat("Ada")
    assert "Clara Brandt" in await _ask(chat, QUESTION)
    assert TEXTS.no_answer in await _ask(chat, BAKERY_QUESTION)
    (deployment.folder / "bakery.md").write_text(BAKERY, encoding="utf-8")
    assert "2 documents, " in deployment.index()
    await asyncio.to_thread(bot.wait_for_output, "Documents in the cluster: 2", READY_TIMEOUT_SECONDS)
    assert "eighteen hours" in await _ask(chat, BAKERY_QUESTION)
    assert 0 == await asyncio.to_thread(bot.stop)
    assert "Traceback" not in bot.output


async def test_four_processes_on_one_cluster(deployment: Deployment) -> None:
    """Four processes share a cluster; when one is killed and one stopped, no question is lost."""
    deployment.index()
    await deployment.sandbox.settings(flood=False)
    await check_four_processes(deployment.sandbox, deployment.start)


async def test_outage(deployment: Deployment) -> None:
    """During an outage users are told to ask again and /readyz is 503; afterwards the bot answers again."""
    deployment.index()
    bot = deployment.start()
    await asyncio.to_thread(bot.wait_for_output, "is ready")
    chat = await deployment.sandbox.private_chat("Ada")
    assert "Clara Brandt" in await _ask(chat, QUESTION)
    await deployment.wait_for_readiness(200)
    await asyncio.to_thread(deployment.cluster.kill, 0)
    for _ in range(3):
        assert TEXTS.documents_unreachable == await _ask(chat, QUESTION + " And when?")
    await deployment.wait_for_readiness(503)
    assert 200 == await deployment.status_of("/healthz")
    deployment.cluster.start(0)
    await deployment.wait_for_readiness(200)
    assert "Clara Brandt" in await _ask(chat, QUESTION + " And when?")
    assert 1 == bot.output.count("OpenSearch does not answer")
    assert 1 == bot.output.count("The cluster answers again")
    assert "Traceback" not in bot.output


async def test_start_during_an_outage(deployment: Deployment) -> None:
    """A bot that starts during an outage says so to users, and answers when the cluster is back."""
    deployment.index()
    await asyncio.to_thread(deployment.cluster.kill, 0)
    bot = deployment.start()
    await asyncio.to_thread(bot.wait_for_output, "is ready")
    chat = await deployment.sandbox.private_chat("Ada")
    assert TEXTS.documents_unreachable == await _ask(chat, QUESTION)
    assert (200, 503) == (await deployment.status_of("/healthz"), await deployment.status_of("/readyz"))
    deployment.cluster.start(0)
    await deployment.wait_for_readiness(200)
    assert "Clara Brandt" in await _ask(chat, QUESTION)
