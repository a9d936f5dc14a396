"""Messages answered per second, compared with a bot that only echoes them.

Each bot runs alone with its own sandbox and test users. It is suspended (SIGSTOP) while all questions are
sent, so that sending them does not count. The cost of an answer is the processor time of the bot's process
after it is resumed.
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
from sandbox.control_client import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sandbox.control_client import ChatClient

ROOT = Path(__file__).parents[1]
EVAL_DIR = ROOT / "tests" / "eval"
MIN_RATIO = 0.8
# More than the bots answer concurrently, so that neither waits for another answer in the same chat.
CHATS = 100
QUESTIONS = 600
WARM_UP_QUESTIONS = 100
ROUNDS = 3
_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a bot: answers per second, and processor seconds per answer (None if unknown)."""

    rate: float
    cost: float | None


def messages(rounds: int = ROUNDS, questions: int = QUESTIONS) -> Table:
    """Measure both bots in turn. POSIX only."""
    runs: dict[str, list[Run]] = {"echo": [], "Verbatim": []}
    modules = {"echo": "benchmarks.echo", "Verbatim": "bot"}
    for _ in range(rounds):
        for name, module in modules.items():
            runs[name].append(asyncio.run(_measure(module, questions)))
    ratios = [own.rate / echo.rate for own, echo in zip(runs["Verbatim"], runs["echo"], strict=True)]
    echo_cost, own_cost = _median_cost(runs["echo"]), _median_cost(runs["Verbatim"])
    # Less affected by other processes than answers per second.
    cost_ratio = f"{echo_cost / own_cost:.2f}" if own_cost else "-"
    return Table(
        f"Messages answered, {questions} waiting in {CHATS} chats, {rounds} rounds",
        [
            ("bot", "answers/s", "from", "to", "CPU ms/answer"),
            *(_row(name, runs_of_bot) for name, runs_of_bot in runs.items()),
            ("ratio", *(f"{statistic(ratios):.2f}" for statistic in (median, min, max)), cost_ratio),
        ],
        (f"The median of the rounds; the ratio should be at least {MIN_RATIO}.",),
    )


def _row(name: str, runs: list[Run]) -> tuple[str, ...]:
    rates = [run.rate for run in runs]
    cost = _median_cost(runs)
    cost_text = f"{cost * 1000:.1f}" if cost else "-"
    return name, f"{median(rates):.0f}", f"{min(rates):.0f}", f"{max(rates):.0f}", cost_text


def _median_cost(runs: list[Run]) -> float:
    """Return the median processor seconds per answer, or 0 if unknown."""
    return median(run.cost or 0.0 for run in runs)


async def _measure(module: str, questions: int) -> Run:
    async with Sandbox.start() as sandbox, _run_bot(module, sandbox) as pid:
        await sandbox.settings(flood=False)
        await sandbox.connected(timeout=_TIMEOUT_SECONDS)
        chats = [await sandbox.private_chat(f"Person {number}") for number in range(CHATS)]
        questions_cycle = itertools.cycle(question_texts())
        await send_questions(chats, questions_cycle, WARM_UP_QUESTIONS)
        await wait_for_answers(sandbox, WARM_UP_QUESTIONS, after=0)
        begin = (await sandbox.state())["last_call"]
        os.kill(pid, signal.SIGSTOP)
        await send_questions(chats, questions_cycle, questions)
        cpu_before, start = _cpu_seconds(pid), time.time()
        os.kill(pid, signal.SIGCONT)
        end = await wait_for_answers(sandbox, questions, after=begin)
        cpu_after = _cpu_seconds(pid)
    cost = None if cpu_after is None or cpu_before is None else (cpu_after - cpu_before) / questions
    return Run(questions / (end - start), cost)


@contextlib.asynccontextmanager
async def _run_bot(module: str, sandbox: Sandbox) -> AsyncIterator[int]:
    """Run a bot without rate limits on the documents of the questions. Yields its process id."""
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
            "LOG_LEVEL": "WARNING",
        }
        # An empty working folder has no .env, so the developer's own settings do not apply.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, cwd=folder, env=inherited | settings
        )
        try:
            yield process.pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def question_texts() -> list[str]:
    lines = (EVAL_DIR / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["question"] for line in lines if line.strip()]


async def send_questions(chats: list[ChatClient], questions: itertools.cycle[str], count: int) -> None:
    """Send questions from the chats in turn, so that neighbours in the queue are from different chats."""
    for chat in itertools.islice(itertools.cycle(chats), count):
        await chat.send(next(questions))


async def wait_for_answers(sandbox: Sandbox, count: int, *, after: int) -> float:
    """Wait until the bot has sent `count` messages after call `after`. Return the POSIX time of the last."""
    deadline, sent = time.monotonic() + _TIMEOUT_SECONDS, 0
    while time.monotonic() < deadline:
        calls = await sandbox.calls("sendMessage", after=after)
        sent += len(calls)
        if calls:
            after = calls[-1]["seq"]
        if sent >= count:
            return float(calls[-1]["at"]) + float(calls[-1]["seconds"])
        await asyncio.sleep(_POLL_SECONDS)
    raise TimeoutError(f"{sent} of {count} messages were answered within {_TIMEOUT_SECONDS} s")


def _cpu_seconds(pid: int) -> float | None:
    """Return the processor seconds used by a process so far, or None if unknown (Linux only)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
