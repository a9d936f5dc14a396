"""Every question is answered exactly once, however processes start, stop and overlap."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.client import Sandbox
from tests.e2e.balancer import balance
from tests.e2e.conftest import TOKEN, Process, bot_settings, free_port
from tests.e2e.load_generator import Count, FaultRow, SimulatedUsers, warning_lines

pytestmark = pytest.mark.e2e

SOAK = pytest.mark.soak
MODES = pytest.mark.parametrize("mode", ["polling", "webhook"])
FLOOD_LIMIT = {"status": 429, "description": "Too Many Requests: retry after 60", "retry_after": 60}


@dataclass
class Deployment:
    """A sandbox with bots that tests start and stop; the bots share a folder, as on one host."""

    sandbox: Sandbox
    folder: Path
    documents: Path
    start_bot: Callable[..., Process]
    rows: list[FaultRow]

    def settings(self, mode: str, **more: str) -> dict[str, str]:
        return bot_settings(mode, TELEGRAM_API_URL=self.sandbox.url, SEEDS_DIR=str(self.documents)) | more

    async def start(self, settings: dict[str, str]) -> Process:
        bot = self.start_bot(**settings)
        await asyncio.to_thread(bot.wait_for_output, "is listening")
        return bot

    def record(self, fault: str, mode: str, count: Count, note: str = "") -> None:
        self.rows.append(FaultRow(fault, mode, count, note))


@pytest.fixture
async def deployment(
    own_sandbox_url: str,
    documents: Path,
    tmp_path: Path,
    start_bot: Callable[..., Process],
    rows: list[FaultRow],
) -> AsyncIterator[Deployment]:
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        yield Deployment(sandbox, tmp_path, documents, start_bot, rows)


async def _timed_stop(bot: Process) -> float:
    """Stop a process, and return the seconds that took."""
    start = time.monotonic()
    assert 0 == await asyncio.to_thread(bot.stop)
    return time.monotonic() - start


def _check_logs(*bots: Process) -> None:
    for bot in bots:
        assert "Traceback" not in bot.output
        assert len(warning_lines(bot.output)) <= 2, warning_lines(bot.output)


@MODES
@pytest.mark.parametrize(
    ("user_count", "questions_per_user", "kills"),
    [(40, 4, 1), pytest.param(200, 5, 3, marks=SOAK)],
    ids=["few", "many"],
)
async def test_killed_processes_lose_no_question(
    deployment: Deployment, mode: str, user_count: int, questions_per_user: int, kills: int
) -> None:
    """Bots that are killed repeatedly lose no question; only unconfirmed ones may be answered twice."""
    rng = random.Random(f"{mode} {user_count}")
    settings = deployment.settings(mode)
    users = await SimulatedUsers.create(deployment.sandbox, user_count)
    bot = await deployment.start(settings)
    load = asyncio.create_task(users.ask(questions_per_user, pause=4 * kills / questions_per_user))
    at_risk = 0
    for _ in range(kills):
        # A new process that finds pending updates does not answer before this time.
        await asyncio.sleep(rng.uniform(2.3, 4))
        bot.kill()
        at_risk += await users.count_unconfirmed_answers()
        bot = await deployment.start(settings)
    await load
    count = await users.wait_and_count(timeout_seconds=60)
    deployment.record(f"kill -9, {kills} times", mode, count, f"at most {at_risk} could come twice")
    assert user_count * questions_per_user == count.asked
    assert 0 == count.lost
    assert count.doubled <= at_risk
    await _timed_stop(bot)
    assert "Traceback" not in bot.output


@SOAK
async def test_a_delayed_question_blocks_no_others(deployment: Deployment) -> None:
    """A question delayed by a flood limit blocks no others, survives kill -9, and is answered once."""
    settings = deployment.settings("polling")
    bot = await deployment.start(settings)
    delayed_user, other_users = (
        await SimulatedUsers.create(deployment.sandbox, 1),
        await SimulatedUsers.create(deployment.sandbox, 40),
    )
    await deployment.sandbox.fault(
        "sendMessage", chat_id=delayed_user.chats[0].id, **FLOOD_LIMIT | {"retry_after": 30}
    )
    await delayed_user.ask()
    await other_users.ask(4, pause=0.8)
    start = time.monotonic()
    while (await other_users.count()).lost:
        assert time.monotonic() - start < 8
        await asyncio.sleep(0.1)
    while await deployment.sandbox.unconfirmed():
        assert time.monotonic() - start < 8
        await asyncio.sleep(0.1)
    assert Count(160, 0, 0) == await other_users.count()
    assert Count(1, 1, 0) == await delayed_user.count()
    assert 1 == len(list((deployment.folder / "index" / "unanswered").rglob("*.json")))
    bot.kill()
    bot = await deployment.start(settings)
    count = await delayed_user.wait_and_count()
    deployment.record("held back 30 s among 160 others, then kill -9", "polling", count)
    assert Count(1, 0, 0) == count
    await _timed_stop(bot)
    assert [] == list((deployment.folder / "index" / "unanswered").rglob("*.json"))
    assert Count(160, 0, 0) == await other_users.count()
    _check_logs(bot)


@pytest.mark.parametrize(
    ("mode", "user_count"),
    [
        ("polling", 40),
        pytest.param("webhook", 40, marks=SOAK),
        pytest.param("polling", 200, marks=SOAK),
        pytest.param("webhook", 200, marks=SOAK),
    ],
)
async def test_stopped_under_load(deployment: Deployment, mode: str, user_count: int) -> None:
    """Under load, SIGTERM ends the bot in ten seconds, and the next process answers the rest once."""
    settings = deployment.settings(mode)
    first = await deployment.start(settings)
    users = await SimulatedUsers.create(deployment.sandbox, user_count)
    load = asyncio.create_task(users.ask(5, pause=0.4))
    await asyncio.sleep(1.1)
    assert await _timed_stop(first) < 10
    second = await deployment.start(settings)
    await load
    count = await users.wait_and_count()
    deployment.record("SIGTERM under load", mode, count)
    assert Count(user_count * 5, 0, 0) == count
    await _timed_stop(second)
    _check_logs(first, second)


@pytest.mark.parametrize("mode", ["polling", pytest.param("webhook", marks=SOAK)])
async def test_a_stop_does_not_wait_for_a_flood_limit(deployment: Deployment, mode: str) -> None:
    """A chat with a flood limit does not delay the stop; the next process answers it once."""
    settings = deployment.settings(mode)
    first = await deployment.start(settings)
    users = await SimulatedUsers.create(deployment.sandbox, 1)
    await deployment.sandbox.fault("sendMessage", chat_id=users.chats[0].id, **FLOOD_LIMIT)
    await users.ask()
    await deployment.sandbox.calls("sendMessage", timeout=5)
    assert await _timed_stop(first) < 3
    assert Count(1, 1, 0) == await users.count()
    second = await deployment.start(settings)
    count = await users.wait_and_count()
    deployment.record("SIGTERM while one chat is held back 60 s", mode, count)
    assert Count(1, 0, 0) == count
    await _timed_stop(second)
    _check_logs(first, second)


@pytest.mark.parametrize("seconds", [3, pytest.param(10, marks=SOAK)])
async def test_a_deploy_overlaps(deployment: Deployment, seconds: int) -> None:
    """A new process takes over from a busy old one, and each question is answered once."""
    first = await deployment.start(deployment.settings("polling"))
    users = await SimulatedUsers.create(deployment.sandbox, 40)
    load = asyncio.create_task(users.ask(2 + seconds // 2, pause=2))
    await asyncio.sleep(1)
    second = await deployment.start(deployment.settings("polling"))
    await asyncio.sleep(seconds)
    await _timed_stop(first)
    await load
    count = await users.wait_and_count(timeout_seconds=30)
    deployment.record(f"both alive for {seconds} s", "polling", count)
    assert Count(40 * (2 + seconds // 2), 0, 0) == count
    await _timed_stop(second)
    _check_logs(first, second)


@SOAK
@pytest.mark.parametrize(("old", "new"), [("webhook", "polling"), ("polling", "webhook")])
async def test_the_mode_is_changed(deployment: Deployment, old: str, new: str) -> None:
    """A change of mode under load loses no question; only answers in progress may be sent twice."""
    first = await deployment.start(deployment.settings(old))
    users = await SimulatedUsers.create(deployment.sandbox, 40)
    load = asyncio.create_task(users.ask(6, pause=2))
    await asyncio.sleep(1)
    before = len(await deployment.sandbox.calls())
    second = await deployment.start(deployment.settings(new))
    changed = (await deployment.sandbox.calls("deleteWebhook" if new == "polling" else "setWebhook"))[-1][
        "at"
    ]
    assert before < len(await deployment.sandbox.calls())
    await asyncio.sleep(2)
    await _timed_stop(first)
    await load
    count = await users.wait_and_count(timeout_seconds=30)
    deployment.record("both alive", f"{old}, then {new}", count)
    assert (240, 0) == (count.asked, count.lost)
    assert [] == [
        seconds for seconds in await _first_answer_times(deployment.sandbox) if abs(seconds - changed) > 2
    ]
    await _timed_stop(second)
    _check_logs(first, second)


async def _first_answer_times(sandbox: Sandbox) -> list[float]:
    """Return the times of the first answers to questions that were answered more than once."""
    times: dict[tuple[int, str], list[float]] = {}
    for call in await sandbox.calls("sendMessage"):
        if call["response"]["ok"]:
            question = call["params"]["chat_id"], str(call["params"].get("reply_parameters"))
            times.setdefault(question, []).append(call["at"])
    return [min(answer_times) for answer_times in times.values() if len(answer_times) > 1]


@pytest.mark.parametrize(
    "end", ["killed", pytest.param("stopped", marks=SOAK), pytest.param("alive", marks=SOAK)]
)
async def test_two_processes_behind_one_address(deployment: Deployment, end: str) -> None:
    """With two processes behind one webhook, each question is answered once, however one of them ends."""
    ports, public_port = [free_port(), free_port()], free_port()
    address = {"WEBHOOK_URL": f"http://127.0.0.1:{public_port}/telegram"}
    settings = [deployment.settings("polling", **address, PORT=str(port)) for port in ports]
    async with balance(public_port, ports):
        first = await deployment.start(settings[0])
        users = await SimulatedUsers.create(deployment.sandbox, 60)
        load = asyncio.create_task(users.ask(5, pause=1))
        second = await deployment.start(settings[1])
        await asyncio.sleep(0.8)
        at_risk = 0
        if end == "killed":
            first.kill()
            at_risk = await users.count_unconfirmed_answers()
        elif end == "stopped":
            await _timed_stop(first)
        await load
        count = await users.wait_and_count()
        note = f"at most {at_risk} could come twice" if at_risk else ""
        deployment.record(f"two behind one address, one {end}", "webhook", count, note)
        assert (300, 0) == (count.asked, count.lost)
        assert count.doubled <= at_risk
        for bot in [first, second] if end == "alive" else [second]:
            await _timed_stop(bot)
        _check_logs(first, second)
