"""Questions answered per second by several webhook processes behind one address, compared with one.

All questions are sent while the load balancer holds requests back. Then the sandbox delivers them, at most
100 at a time, and the balancer distributes connections to the processes in turn. The sandbox and the
balancer also need processor time, so the ratio is meaningful only on a machine with spare processors.
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

from benchmarks.messages import CHATS, EVAL_DIR, ROOT, question_texts, send_questions, wait_for_answers
from benchmarks.table import Table
from sandbox.control_client import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WORKERS = 4
QUESTIONS = 600
ROUNDS = 3
_START_TIMEOUT_SECONDS = 60.0


def workers(rounds: int = ROUNDS, count: int = QUESTIONS) -> Table:
    """Measure one process and several in turn."""
    runs: dict[int, list[float]] = {1: [], WORKERS: []}
    for _ in range(rounds):
        for size, rates in runs.items():
            rates.append(asyncio.run(_measure(size, count)))
    ratios = [several / single for single, several in zip(runs[1], runs[WORKERS], strict=True)]
    return Table(
        f"Questions answered by webhook processes, {count} waiting in {CHATS} chats, {rounds} rounds",
        [
            ("processes", "answers/s", "from", "to"),
            *(
                (str(size), *(f"{statistic(rates):.0f}" for statistic in (median, min, max)))
                for size, rates in runs.items()
            ),
            ("ratio", *(f"{statistic(ratios):.2f}" for statistic in (median, min, max))),
        ],
        (f"Processors: {os.cpu_count()}, shared by the bots, the sandbox and the balancer.",),
    )


async def _measure(size: int, count: int) -> float:
    """Return the questions per second answered by `size` processes."""
    balancer_port, *ports = (_free_port() for _ in range(size + 1))
    async with Sandbox.start() as sandbox, contextlib.AsyncExitStack() as stack:
        await sandbox.settings(flood=False)
        for port in ports:
            await stack.enter_async_context(_run_worker(sandbox, balancer_port, port))
        async with asyncio.timeout(_START_TIMEOUT_SECONDS):
            await asyncio.gather(*map(_wait_until_ready, ports))
        chats = [await sandbox.private_chat(f"Person {number}") for number in range(CHATS)]
        # Warm up: connections are opened and caches filled before the measurement.
        async with _balance(balancer_port, ports) as is_open:
            await send_questions(chats, itertools.cycle(question_texts()), CHATS)
            await wait_for_answers(sandbox, CHATS, after=0)
            begin = (await sandbox.state())["last_call"]
            is_open.clear()
            await send_questions(chats, itertools.cycle(question_texts()), count)
            start = time.time()
            is_open.set()
            return count / (await wait_for_answers(sandbox, count, after=begin) - start)


@contextlib.asynccontextmanager
async def _run_worker(sandbox: Sandbox, balancer_port: int, port: int) -> AsyncIterator[None]:
    with tempfile.TemporaryDirectory(prefix="verbatim-") as folder:
        inherited = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
        settings = {
            "PYTHONPATH": str(ROOT),
            "TELEGRAM_TOKEN": sandbox.token,
            "TELEGRAM_API_URL": sandbox.url,
            "TELEGRAM_MESSAGES_PER_SECOND": "0",
            "TELEGRAM_QUESTIONS_PER_MINUTE": "0",
            "SEEDS_DIR": str(EVAL_DIR / "documents"),
            "INDEX_DIR": str(Path(folder) / "index"),
            "WEBHOOK_URL": f"http://127.0.0.1:{balancer_port}/telegram",
            "PORT": str(port),
            "LOG_LEVEL": "ERROR",
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", cwd=folder, env=inherited | settings
        )
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _wait_until_ready(port: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success:
                    return
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def _balance(port: int, to: list[int]) -> AsyncIterator[asyncio.Event]:
    """Forward connections to the ports in turn. Yields an event; no data is forwarded while it is not set."""
    targets, is_open = itertools.cycle(to), asyncio.Event()
    is_open.set()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await is_open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", next(targets))
        await asyncio.gather(pipe(reader, target_writer), pipe(target_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield is_open
    finally:
        server.close()


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])
