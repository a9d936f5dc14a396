"""Fixtures that run the real bot and the sandbox as processes, which communicate only over HTTP."""

import contextlib
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from sandbox.control_client import Sandbox
from tests import prefork
from tests.e2e.load_generator import FaultRow, format_table

TOKEN = "1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
# A machine that runs other tests at the same time takes a multiple of the usual second.
TIMEOUT_SECONDS = 60.0

# Three passages: the second is too long to be merged with its neighbours.
LIGHTHOUSE = """The lighthouse of Nordholm

The lighthouse of Nordholm 🗼 was built in 1874 by the engineer Clara Brandt. \
Its lamp can be seen from 31 kilometres away.

Every evening the keeper climbs 212 steps to light the lamp. \
In winter the stairs are covered with ice, and a rope 🪢 is fixed to the wall. \
The oil is carried up in two cans of copper, and what is left of it in the morning is measured with a rod \
and written into a book.

Since 1961 nobody has lived in the lighthouse. The keeper's cottage is now a museum of knots.
"""
BAKERY = """# The bakery

## Opening hours

The bakery opens at six in the morning and closes when the last loaf is sold.

## Recipes

The rye bread rests for eighteen hours before it is baked.
"""


def bot_settings(mode: str, **overrides: str) -> dict[str, str]:
    """Return the environment of a bot without rate limits, in webhook mode with a free port."""
    settings = {
        "TELEGRAM_TOKEN": TOKEN,
        "TELEGRAM_MESSAGES_PER_SECOND": "0",
        "TELEGRAM_QUESTIONS_PER_MINUTE": "0",
    }
    if mode == "webhook":
        port = free_port()
        settings |= {"PORT": str(port), "WEBHOOK_URL": f"http://127.0.0.1:{port}/telegram"}
    return settings | overrides


def journaled_ids(folder: Path) -> set[int]:
    """Return the ids in the journal of a process that was started in this folder."""
    files = (folder / "index" / "answered").glob("*/*.log")
    return {int(line.split()[0]) for file in files for line in file.read_text().splitlines() if line}


def spooled_updates(folder: Path) -> list[dict[str, Any]]:
    """Return the updates in the spool of a process that was started in this folder."""
    files = (folder / "index" / "unanswered").glob("*/*.json")
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _inherited() -> dict[str, str]:
    """Return the environment of a process without settings of the bot."""
    names = ("PATH", "HOME", "LANG", "SYSTEMROOT", "PYTHONPATH")
    return {name: os.environ[name] for name in names if name in os.environ}


@dataclass
class Process:
    """A bot process; `output` is everything that it wrote to stdout and stderr."""

    popen: prefork.StartedProcess
    log: Path

    @classmethod
    def start(cls, folder: Path, **environment: str) -> Self:
        log = folder / f"output-{len(list(folder.glob('output-*.txt')))}.txt"
        with log.open("wb") as stream:
            settings = {"INDEX_DIR": str(folder / "index"), "MEANING": "off"} | environment
            popen = prefork.start(
                "bot", cwd=folder, env=_inherited() | settings, stdout=stream, stderr=stream
            )
        return cls(popen, log)

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait(self, seconds: float = TIMEOUT_SECONDS) -> int:
        return self.popen.wait(seconds)

    def wait_for_output(self, text: str, seconds: float = TIMEOUT_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.output:
            assert time.monotonic() < deadline, f"not in the output within {seconds} s: {text}\n{self.output}"
            assert self.popen.poll() is None, f"ended without the output: {text}\n{self.output}"
            time.sleep(0.02)

    def stop(self) -> int:
        self.popen.terminate()
        return self.wait()

    def kill(self) -> None:
        self.popen.kill()
        self.popen.wait()

    def kill_if_running(self) -> None:
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    """Start one sandbox that tests share."""
    with run_sandbox() as url:
        yield url


@pytest.fixture
def own_sandbox_url() -> Iterator[str]:
    """Start a sandbox for one test."""
    with run_sandbox() as url:
        yield url


@contextlib.contextmanager
def run_sandbox() -> Iterator[str]:
    """Run a sandbox and yield its URL."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as output:
        with os.fdopen(writing, "wb") as stdout:
            arguments = ["--token", TOKEN, "--empty"]
            process = prefork.start("sandbox", arguments, cwd=Path.cwd(), env=_inherited(), stdout=stdout)
        try:
            line = output.readline().decode()
            yield line.removeprefix("sandbox ready: ").strip().rstrip("/")
        finally:
            process.terminate()
            process.wait()


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "lighthouse.txt").write_text(LIGHTHOUSE, encoding="utf-8")
    (folder / "town").mkdir()
    (folder / "town" / "bakery.md").write_text(BAKERY, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def bot(sandbox_url: str, documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Start one bot, at log level DEBUG, for all tests that only send messages."""
    process = Process.start(
        tmp_path_factory.mktemp("bot"),
        TELEGRAM_TOKEN=TOKEN,
        TELEGRAM_API_URL=sandbox_url,
        TELEGRAM_MESSAGES_PER_SECOND="0",
        SEEDS_DIR=str(documents),
        LOG_LEVEL="DEBUG",
    )
    try:
        process.wait_for_output("is ready")
        yield process
    finally:
        process.kill_if_running()


@dataclass(frozen=True)
class ServedBot:
    """A bot in one mode, polling or webhook, with a sandbox of its own."""

    mode: str
    url: str
    process: Process


@pytest.fixture(scope="module", params=["polling", "webhook"])
def served(
    request: pytest.FixtureRequest, documents: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedBot]:
    """Start a bot in each mode, at log level DEBUG, for a whole module."""
    with run_sandbox() as url:
        settings = bot_settings(
            request.param, TELEGRAM_API_URL=url, SEEDS_DIR=str(documents), LOG_LEVEL="DEBUG"
        )
        process = Process.start(tmp_path_factory.mktemp("served"), **settings)
        try:
            process.wait_for_output("is ready")
            yield ServedBot(request.param, url, process)
        finally:
            process.kill_if_running()


@pytest.fixture(scope="session")
def rows() -> Iterator[list[FaultRow]]:
    """Collect the outcome of each fault. They are written to the file VERBATIM_FAULT_TABLE, if set."""
    collected: list[FaultRow] = []
    yield collected
    if name := os.environ.get("VERBATIM_FAULT_TABLE"):
        Path(name).write_text(format_table(collected), encoding="utf-8")


@pytest.fixture
async def sandbox(sandbox_url: str, bot: Process) -> AsyncIterator[Sandbox]:  # noqa: ARG001  # it has to run
    """Connect to the shared sandbox, in which the bot is running."""
    async with Sandbox.at(sandbox_url, token=TOKEN) as client:
        await client.settings(flood=False)
        yield client


@pytest.fixture
def start_bot(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Return a function that starts bots, which are stopped after the test."""
    processes: list[Process] = []

    def start(**environment: str) -> Process:
        processes.append(Process.start(tmp_path, **environment))
        return processes[-1]

    yield start
    for process in processes:
        process.kill_if_running()
