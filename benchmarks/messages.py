"""Messages answered per second, beside a bot that only says them back.

Both bots meet the same: a sandbox of their own with a crowd in it, and one after the other all questions at
once. The bot is stopped (SIGSTOP) while they are asked, so that it finds them waiting, and the bot is what
takes the time. What an answer costs is the processor time of the bot's process between the two.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.table import Table
from sandbox.client import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sandbox.client import ChatClient

ROOT = Path(__file__).parents[1]
ASKED = ROOT / "tests" / "eval"
GOAL = 0.8
# More than the bots answer side by side, so that neither waits for a chat of its own making.
CHATS = 100
QUESTIONS = 600
WARM = 100
ROUNDS = 3
_PATIENCE = 120.0
_LOOK = 0.2


@dataclass(frozen=True, slots=True)
class Run:
    """One bot through all questions: what it answered a second, and the processor seconds an answer took."""

    rate: float
    cost: float | None


def messages(rounds: int = ROUNDS, questions: int = QUESTIONS) -> Table:
    """Let both bots answer, in turns; POSIX only."""
    runs: dict[str, list[Run]] = {"echo": [], "Verbatim": []}
    modules = {"echo": "benchmarks.echo", "Verbatim": "bot"}
    for _ in range(rounds):
        for name, module in modules.items():
            runs[name].append(asyncio.run(_run(module, questions)))
    ratios = [one.rate / other.rate for one, other in zip(runs["Verbatim"], runs["echo"], strict=True)]
    theirs, ours = _cost(runs["echo"]), _cost(runs["Verbatim"])
    # Steadier than what is answered a second, where others use the processor as well.
    cheaper = f"{theirs / ours:.2f}" if ours else "-"
    return Table(
        f"Messages answered, {questions} waiting in {CHATS} chats, {rounds} rounds",
        [
            ("bot", "answers/s", "from", "to", "CPU ms/answer"),
            *(_row(name, found) for name, found in runs.items()),
            ("ratio", *(f"{of(ratios):.2f}" for of in (median, min, max)), cheaper),
        ],
        (f"The median of the rounds; the ratio should be at least {GOAL}.",),
    )


def _row(name: str, runs: list[Run]) -> tuple[str, ...]:
    rates = [run.rate for run in runs]
    cost = _cost(runs)
    shown = f"{cost * 1000:.1f}" if cost else "-"
    return name, f"{median(rates):.0f}", f"{min(rates):.0f}", f"{max(rates):.0f}", shown


def _cost(runs: list[Run]) -> float:
    """Return the processor seconds of an answer, or 0 where nothing tells them."""
    return median(run.cost or 0.0 for run in runs)


async def _run(module: str, questions: int) -> Run:
    async with Sandbox.start() as sandbox, _bot(module, sandbox) as pid:
        await sandbox.settings(flood=False)
        await sandbox.connected(timeout=_PATIENCE)
        crowd = [await sandbox.private_chat(f"Person {number}") for number in range(CHATS)]
        asking = itertools.cycle(texts())
        await ask(crowd, asking, WARM)
        await answered(sandbox, WARM, after=0)
        begin = (await sandbox.state())["last_call"]
        os.kill(pid, signal.SIGSTOP)
        await ask(crowd, asking, questions)
        spent, since = _processor_seconds(pid), time.time()
        os.kill(pid, signal.SIGCONT)
        until = await answered(sandbox, questions, after=begin)
        used = _processor_seconds(pid)
    cost = None if used is None or spent is None else (used - spent) / questions
    return Run(questions / (until - since), cost)


@contextlib.asynccontextmanager
async def _bot(module: str, sandbox: Sandbox) -> AsyncIterator[int]:
    """Run a bot as fast as it can be, on the documents the questions are about; gives its process id."""
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
            "LOG_LEVEL": "WARNING",
        }
        # There is no .env in an empty folder, so the operator's own settings stay out of this.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, cwd=folder, env=kept | ours
        )
        try:
            yield process.pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def texts() -> list[str]:
    lines = (ASKED / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines if line.strip()]


async def ask(crowd: list[ChatClient], asking: itertools.cycle[str], count: int) -> None:
    """Everybody asks in turn, so that neighbours in the queue are of different chats."""
    for chat in itertools.islice(itertools.cycle(crowd), count):
        await chat.send(next(asking))


async def answered(sandbox: Sandbox, count: int, *, after: int) -> float:
    """Wait until so many messages were sent; gives when the last one was."""
    deadline, sent = time.monotonic() + _PATIENCE, 0
    while time.monotonic() < deadline:
        calls = await sandbox.calls("sendMessage", after=after)
        sent += len(calls)
        if calls:
            after = calls[-1]["seq"]
        if sent >= count:
            return float(calls[-1]["at"]) + float(calls[-1]["seconds"])
        await asyncio.sleep(_LOOK)
    raise TimeoutError(f"{sent} of {count} messages were answered within {_PATIENCE} s")


def _processor_seconds(pid: int) -> float | None:
    """Read what a process has used so far, where the system tells (Linux)."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
