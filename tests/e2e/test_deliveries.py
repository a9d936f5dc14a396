"""Every question is answered exactly once, however processes start, stop and overlap."""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from sandbox.control_client import Sandbox
from tests.e2e.balancer import balance
from tests.e2e.conftest import TOKEN, Process, bot_settings, free_port, journaled_ids, spooled_updates
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
        await asyncio.to_thread(bot.wait_for_output, "is ready")
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
    """Bots that are killed repeatedly lose no question; only those in flight may be answered twice."""
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
        at_risk += await users.count_replies_in_flight(journaled_ids(deployment.folder))
        bot = await deployment.start(settings)
    await load
    count = await users.wait_and_count(timeout_seconds=60)
    deployment.record(f"kill -9, {kills} times", mode, count, f"at most {at_risk} could come twice")
    assert user_count * questions_per_user == count.asked
    assert 0 == count.lost
    assert count.doubled <= at_risk
    await _timed_stop(bot)
    assert "Traceback" not in bot.output


@MODES
@pytest.mark.parametrize("end", ["killed", "stopped"])
async def test_unconfirmed_answers_are_not_repeated(deployment: Deployment, mode: str, end: str) -> None:
    """Answers that could not be confirmed before a process ended are not given again by the next one."""
    settings = deployment.settings(mode)
    first = await deployment.start(settings)
    delayed_user, other_users = (
        await SimulatedUsers.create(deployment.sandbox, 1),
        await SimulatedUsers.create(deployment.sandbox, 20),
    )
    if mode == "polling":
        # The offset cannot pass a question that waits.
        await deployment.sandbox.fault("sendMessage", chat_id=delayed_user.chats[0].id, **FLOOD_LIMIT)
    else:
        # The bot's confirmations do not arrive.
        await deployment.sandbox.fault("webhook", kind="drop", is_applied=True, times=1000)
    await delayed_user.ask()
    await other_users.ask()
    await _wait_until_answered(other_users)
    assert 21 == len(await deployment.sandbox.unconfirmed())
    if end == "killed":
        first.kill()
    else:
        await _timed_stop(first)
    assert 21 == len(await deployment.sandbox.unconfirmed())
    await deployment.sandbox.control("faults", clear=True)
    second = await deployment.start(settings)
    assert Count(1, 0, 0) == await delayed_user.wait_and_count()
    count = await other_users.wait_and_count()
    deployment.record(f"20 answered and not confirmed, then {end}", mode, count)
    assert Count(20, 0, 0) == count
    await _timed_stop(second)
    _check_logs(first, second)


async def _wait_until_answered(users: SimulatedUsers) -> None:
    deadline = time.monotonic() + 20
    while (await users.count()).lost:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_processes_that_share_a_folder_share_the_journal(deployment: Deployment) -> None:
    """An answer whose confirmation was lost is confirmed by another process, which does not repeat it."""
    ports, public_port = [free_port(), free_port()], free_port()
    address = {"WEBHOOK_URL": f"http://127.0.0.1:{public_port}/telegram"}
    settings = [deployment.settings("polling", **address, PORT=str(port)) for port in ports]
    async with balance(public_port, ports):
        first, second = await deployment.start(settings[0]), await deployment.start(settings[1])
        users = await SimulatedUsers.create(deployment.sandbox, 30)
        await deployment.sandbox.fault("webhook", kind="drop", is_applied=True, times=1000)
        await users.ask()
        await _wait_until_answered(users)
        first.kill()
        assert 30 == len(await deployment.sandbox.unconfirmed())
        await deployment.sandbox.control("faults", clear=True)
        count = await users.wait_and_count()
        deployment.record("two behind one address, confirmations lost, one killed", "webhook", count)
        assert Count(30, 0, 0) == count
        assert [] == await deployment.sandbox.unconfirmed()
        await _timed_stop(second)
        _check_logs(first, second)


@MODES
async def test_a_folder_that_cannot_be_written(deployment: Deployment, mode: str) -> None:
    """Without a disk every question is answered, and none is answered twice after a stop."""
    (deployment.folder / "file").touch()
    settings = deployment.settings(mode, INDEX_DIR=str(deployment.folder / "file" / "index"))
    settings.setdefault("PORT", str(free_port()))
    first = await deployment.start(settings)
    users = await SimulatedUsers.create(deployment.sandbox, 40)
    await users.ask(2, pause=0.4)
    await _wait_until_answered(users)
    assert 80 == await _metric(settings["PORT"], "verbatim_journal_errors_total")
    await _timed_stop(first)
    second = await deployment.start(settings)
    count = await users.wait_and_count()
    deployment.record("without a disk, SIGTERM", mode, count)
    assert Count(80, 0, 0) == count
    await _timed_stop(second)
    assert 1 == first.output.count("cannot note answered questions")
    assert 0 == second.output.count("cannot note answered questions")
    _check_logs(first, second)


async def _metric(port: str, name: str) -> float:
    async with httpx.AsyncClient(trust_env=False) as client:
        page = (await client.get(f"http://127.0.0.1:{port}/metrics", timeout=10)).text
    (value,) = re.findall(rf"^{name} (\S+)$", page, re.MULTILINE)
    return float(value)


@dataclass
class Replies:
    """The times at which the sandbox accepted replies, by chat and question."""

    sandbox: Sandbox
    times: dict[tuple[int, int], list[float]] = field(default_factory=dict)
    last_call: int = 0

    async def read(self) -> None:
        """Read the calls made since the last `read`. The sandbox stores the last 5,000."""
        for call in await self.sandbox.calls("sendMessage", after=self.last_call):
            self.last_call = call["seq"]
            if call["response"]["ok"]:
                message = call["response"]["result"]
                question = message["chat"]["id"], message["reply_to_message"]["message_id"]
                self.times.setdefault(question, []).append(call["at"] + call["seconds"])

    async def read_until_quiet(self) -> None:
        """Read until no reply has come for a second."""
        previous_call = -1
        while previous_call != self.last_call:
            previous_call = self.last_call
            await asyncio.sleep(1)
            await self.read()


@SOAK
@MODES
async def test_thirty_kills(deployment: Deployment, mode: str) -> None:
    """Over 30 random kills and 3,000 questions none is lost, and a kill repeats only what was in flight.

    A hundred questions are asked for each kill, which comes after a random number of replies. A question is
    in flight if the sandbox has accepted a reply of the killed process, its update is unconfirmed or in the
    spool, and it is not in the journal. This is counted after the sandbox has completed the calls that it
    received. No reply in flight may be older than a few seconds, so the journal cannot fall behind unnoticed.
    """
    kills, user_count = 30, 100
    rng = random.Random(f"kills {mode}")
    settings = deployment.settings(mode, TELEGRAM_MESSAGES_PER_SECOND="30")
    users = await SimulatedUsers.create(deployment.sandbox, user_count)
    replies = Replies(deployment.sandbox)
    in_flight: Counter[tuple[int, int]] = Counter()
    unconfirmed, max_age_seconds = 0, 0.0
    for kill in range(1, kills + 1):
        load = asyncio.create_task(users.ask(pause=1.0, text="Who built the lighthouse of Nordholm?"))
        started_at, bot = time.time(), await deployment.start(settings)
        reply_count = rng.randint(len(replies.times), kill * user_count)
        while len(replies.times) < reply_count:
            await asyncio.sleep(0.02)
            await replies.read()
        killed_at = time.time()
        bot.kill()
        await load
        await replies.read_until_quiet()
        journaled = journaled_ids(deployment.folder)
        updates = {update["update_id"]: update for update in await deployment.sandbox.unconfirmed()}
        updates |= {update["update_id"]: update for update in spooled_updates(deployment.folder)}
        for update in updates.values():
            question = update["message"]["chat"]["id"], update["message"]["message_id"]
            replied_at = max(replies.times.get(question, [0.0]))
            unconfirmed += replied_at > started_at
            if replied_at > started_at and update["update_id"] not in journaled:
                in_flight[question] += 1
                max_age_seconds = max(max_age_seconds, killed_at - replied_at)
    bot = await deployment.start(settings)
    count = await users.wait_and_count(timeout_seconds=300)
    await _timed_stop(bot)
    await replies.read()
    note = f"in flight: {in_flight.total()}; answered, and unconfirmed or in the spool: {unconfirmed}"
    deployment.record(f"kill -9, {kills} times", mode, count, note)
    print(f"{mode}: {count}; {note}; {max_age_seconds:.2f} s old at most", flush=True)  # noqa: T201  # the figures are what the long run is for
    assert (kills * user_count, 0) == (count.asked, count.lost)
    repeated = Counter({question: len(times) - 1 for question, times in replies.times.items()})
    assert count.doubled == repeated.total()
    assert repeated <= in_flight
    assert max_age_seconds < 5
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
    count = await users.wait_and_count(timeout_seconds=120)
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
            at_risk = await users.count_replies_in_flight(journaled_ids(deployment.folder))
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
