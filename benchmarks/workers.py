"""Questions answered a second by several webhook processes behind one address, against one.

Everybody asks at once while the address leads nowhere; when it opens, the sandbox brings all that waits, at
most a hundred at a time. A small balancer hands connections to the processes in turn. The sandbox and the
balancer run beside the bots, so the ratio says something only where processors are left for these.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import httpx

from benchmarks.messages import ASKED, CHATS, ROOT, answered, ask, texts
from benchmarks.table import Table
from sandbox.client import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WORKERS = 4
QUESTIONS = 600
ROUNDS = 3
_PATIENCE = 60.0


def workers(rounds: int = ROUNDS, count: int = QUESTIONS) -> Table:
    """Let one process answer, and several, in turns."""
    runs: dict[int, list[float]] = {1: [], WORKERS: []}
    for _ in range(rounds):
        for size, found in runs.items():
            found.append(asyncio.run(_run(size, count)))
    ratios = [several / one for one, several in zip(runs[1], runs[WORKERS], strict=True)]
    return Table(
        f"Questions answered by webhook processes, {count} waiting in {CHATS} chats, {rounds} rounds",
        [
            ("processes", "answers/s", "from", "to"),
            *(
                (str(size), *(f"{of(found):.0f}" for of in (median, min, max)))
                for size, found in runs.items()
            ),
            ("ratio", *(f"{of(ratios):.2f}" for of in (median, min, max))),
        ],
        (f"Processors here: {os.cpu_count()}, which the sandbox and the balancer share with the bots.",),
    )


async def _run(size: int, count: int) -> float:
    """Return how many questions so many processes answer a second."""
    door, *ports = (_free_port() for _ in range(size + 1))
    async with Sandbox.start() as sandbox, contextlib.AsyncExitStack() as stack:
        await sandbox.settings(flood=False)
        for port in ports:
            await stack.enter_async_context(_worker(sandbox, door, port))
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(*map(_ready, ports))
        crowd = [await sandbox.private_chat(f"Person {number}") for number in range(CHATS)]
        # The connections are made, and all is warm, before anything is counted.
        async with _forwarding(door, ports) as gate:
            await ask(crowd, itertools.cycle(texts()), CHATS)
            await answered(sandbox, CHATS, after=0)
            begin = (await sandbox.state())["last_call"]
            gate.clear()
            await ask(crowd, itertools.cycle(texts()), count)
            since = time.time()
            gate.set()
            return count / (await answered(sandbox, count, after=begin) - since)


@contextlib.asynccontextmanager
async def _worker(sandbox: Sandbox, door: int, port: int) -> AsyncIterator[None]:
    with tempfile.TemporaryDirectory(prefix="verbatim-") as folder:
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
        ours = {
            "PYTHONPATH": str(ROOT),
            "TELEGRAM_TOKEN": sandbox.token,
            "TELEGRAM_API_URL": sandbox.url,
            "TELEGRAM_MESSAGES_PER_SECOND": "0",
            "TELEGRAM_QUESTIONS_PER_MINUTE": "0",
            "SEEDS_DIR": str(ASKED / "documents"),
            "INDEX_DIR": str(Path(folder) / "index"),
            "WEBHOOK_URL": f"http://127.0.0.1:{door}/telegram",
            "PORT": str(port),
            "LOG_LEVEL": "ERROR",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", cwd=folder, env=kept | ours
        )
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _ready(port: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success:
                    return
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def _forwarding(port: int, to: list[int]) -> AsyncIterator[asyncio.Event]:
    """Hand connections to ports in turn; what is written waits while the event that is given is not set."""
    turn, gate = itertools.cycle(to), asyncio.Event()
    gate.set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await gate.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", next(turn))
        await asyncio.gather(carry(reader, there[1]), carry(there[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield gate
    finally:
        server.close()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
