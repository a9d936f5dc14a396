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

from sandbox.client import Sandbox
from tests.e2e.balancer import balance
from tests.e2e.conftest import TOKEN, Process, free_port, journaled, settings_of, spooled
from tests.e2e.load_generator import Count, Row, SimulatedUsers, warning_lines

pytestmark = pytest.mark.e2e

SOAK = pytest.mark.soak
MODES = pytest.mark.parametrize("mode", ["polling", "webhook"])
FLOOD_LIMIT = {"status": 429, "description": "Too Many Requests: retry after 60", "retry_after": 60}


@dataclass
class Stage:
    """A sandbox, and bots that are started and stopped in it; they share one folder, as on one host."""

    sandbox: Sandbox
    folder: Path
    documents: Path
    launch: Callable[..., Process]
    rows: list[Row]

    def settings(self, mode: str, **more: str) -> dict[str, str]:
        return settings_of(mode, TELEGRAM_API_URL=self.sandbox.url, SEEDS_DIR=str(self.documents)) | more

    async def start(self, settings: dict[str, str]) -> Process:
        bot = self.launch(**settings)
        await asyncio.to_thread(bot.until, "is listening")
        return bot

    def note(self, what: str, mode: str, count: Count, note: str = "") -> None:
        self.rows.append(Row(what, mode, count, note))


@pytest.fixture
async def stage(
    own_sandbox_url: str,
    documents: Path,
    tmp_path: Path,
    starting: Callable[..., Process],
    rows: list[Row],
) -> AsyncIterator[Stage]:
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        yield Stage(sandbox, tmp_path, documents, starting, rows)


async def _stop(bot: Process) -> float:
    """Stop a process, and return the seconds that took."""
    began = time.monotonic()
    assert 0 == await asyncio.to_thread(bot.stop)
    return time.monotonic() - began


def _check_logs(*bots: Process) -> None:
    for bot in bots:
        assert "Traceback" not in bot.output
        assert len(warning_lines(bot.output)) <= 2, warning_lines(bot.output)


@MODES
@pytest.mark.parametrize(
    ("people", "each", "kills"), [(40, 4, 1), pytest.param(200, 5, 3, marks=SOAK)], ids=["few", "many"]
)
async def test_killed_processes_lose_no_question(
    stage: Stage, mode: str, people: int, each: int, kills: int
) -> None:
    """Bots that are killed repeatedly lose no question; only those in flight may be answered twice."""
    moments = random.Random(f"{mode} {people}")
    settings = stage.settings(mode)
    crowd = await SimulatedUsers.of(stage.sandbox, people)
    bot = await stage.start(settings)
    asking = asyncio.create_task(crowd.ask(each, pause=4 * kills / each))
    at_risk = 0
    for _ in range(kills):
        # Until then a process that finds pending questions only observes.
        await asyncio.sleep(moments.uniform(2.3, 4))
        bot.kill()
        at_risk += await crowd.in_flight(journaled(stage.folder))
        bot = await stage.start(settings)
    await asking
    count = await crowd.wait_and_count(within=60)
    stage.note(f"kill -9, {kills} times", mode, count, f"at most {at_risk} could come twice")
    assert people * each == count.asked
    assert 0 == count.lost
    assert count.doubled <= at_risk
    await _stop(bot)
    assert "Traceback" not in bot.output


@MODES
@pytest.mark.parametrize("end", ["killed", "stopped"])
async def test_unconfirmed_answers_are_not_repeated(stage: Stage, mode: str, end: str) -> None:
    """Answers that could not be confirmed before the end of a process are not given by the next one."""
    settings = stage.settings(mode)
    bot = await stage.start(settings)
    held, others = await SimulatedUsers.of(stage.sandbox, 1), await SimulatedUsers.of(stage.sandbox, 20)
    if mode == "polling":
        # The offset cannot pass a question that waits.
        await stage.sandbox.fault("sendMessage", chat_id=held.chats[0].id, **FLOOD_LIMIT)
    else:
        # The bot's confirmations do not arrive.
        await stage.sandbox.fault("webhook", kind="drop", is_applied=True, times=1000)
    await held.ask()
    await others.ask()
    await _wait_until_answered(others)
    assert 21 == len(await stage.sandbox.unconfirmed())
    if end == "killed":
        bot.kill()
    else:
        await _stop(bot)
    assert 21 == len(await stage.sandbox.unconfirmed())
    await stage.sandbox.control("faults", clear=True)
    following = await stage.start(settings)
    assert Count(1, 0, 0) == await held.wait_and_count()
    count = await others.wait_and_count()
    stage.note(f"20 answered and not confirmed, then {end}", mode, count)
    assert Count(20, 0, 0) == count
    await _stop(following)
    _check_logs(bot, following)


async def _wait_until_answered(users: SimulatedUsers) -> None:
    deadline = time.monotonic() + 20
    while (await users.count()).lost:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_processes_that_share_a_folder_share_the_journal(stage: Stage) -> None:
    """An answer whose confirmation was lost is confirmed by another process, which does not repeat it."""
    ports, door = [free_port(), free_port()], free_port()
    address = {"WEBHOOK_URL": f"http://127.0.0.1:{door}/telegram"}
    async with balance(door, ports):
        bots = [await stage.start(stage.settings("polling", **address, PORT=str(port))) for port in ports]
        crowd = await SimulatedUsers.of(stage.sandbox, 30)
        await stage.sandbox.fault("webhook", kind="drop", is_applied=True, times=1000)
        await crowd.ask()
        await _wait_until_answered(crowd)
        bots[0].kill()
        assert 30 == len(await stage.sandbox.unconfirmed())
        await stage.sandbox.control("faults", clear=True)
        count = await crowd.wait_and_count()
        stage.note("two behind one address, confirmations lost, one killed", "webhook", count)
        assert Count(30, 0, 0) == count
        assert [] == await stage.sandbox.unconfirmed()
        await _stop(bots[1])
        _check_logs(*bots)


@MODES
async def test_a_folder_that_cannot_be_written(stage: Stage, mode: str) -> None:
    """Without a disk every question is answered, and none is answered twice after a stop."""
    (stage.folder / "file").touch()
    settings = stage.settings(mode, INDEX_DIR=str(stage.folder / "file" / "index"))
    settings.setdefault("PORT", str(free_port()))
    bot = await stage.start(settings)
    crowd = await SimulatedUsers.of(stage.sandbox, 40)
    await crowd.ask(2, pause=0.4)
    await _wait_until_answered(crowd)
    assert 80 == await _metric(settings["PORT"], "verbatim_journal_errors_total")
    await _stop(bot)
    following = await stage.start(settings)
    count = await crowd.wait_and_count()
    stage.note("without a disk, SIGTERM", mode, count)
    assert Count(80, 0, 0) == count
    await _stop(following)
    assert 1 == bot.output.count("cannot note answered questions")
    assert 0 == following.output.count("cannot note answered questions")
    _check_logs(bot, following)


async def _metric(port: str, name: str) -> float:
    async with httpx.AsyncClient(trust_env=False) as client:
        page = (await client.get(f"http://127.0.0.1:{port}/metrics", timeout=10)).text
    (value,) = re.findall(rf"^{name} (\S+)$", page, re.MULTILINE)
    return float(value)


@dataclass
class Replies:
    """The replies that reached the sandbox, by chat and question: when each was accepted."""

    sandbox: Sandbox
    times: dict[tuple[int, int], list[float]] = field(default_factory=dict)
    last: int = 0

    async def read(self) -> None:
        """Read the calls since the last time; the sandbox keeps 5,000."""
        for call in await self.sandbox.calls("sendMessage", after=self.last):
            self.last = call["seq"]
            if call["response"]["ok"]:
                message = call["response"]["result"]
                question = message["chat"]["id"], message["reply_to_message"]["message_id"]
                self.times.setdefault(question, []).append(call["at"] + call["seconds"])

    async def wait_for_calm(self) -> None:
        """Read until no reply has come for a second."""
        before = -1
        while before != self.last:
            before = self.last
            await asyncio.sleep(1)
            await self.read()


@SOAK
@MODES
async def test_thirty_kills(stage: Stage, mode: str) -> None:
    """Over 30 random kills and 3,000 questions none is lost, and a kill repeats only what was in flight.

    A hundred questions are asked for each kill, which comes after a random number of replies. A question is
    then in flight if the sandbox has accepted a reply of the killed process, its update is not confirmed or
    is in the spool, and it is not in the journal. The sandbox completes the calls that it has received before
    this is counted. So that the journal cannot fall behind unnoticed, no reply in flight may be older than a
    few seconds.
    """
    kills, people = 30, 100
    moments = random.Random(f"kills {mode}")
    settings = stage.settings(mode, TELEGRAM_MESSAGES_PER_SECOND="30")
    crowd, replies = await SimulatedUsers.of(stage.sandbox, people), Replies(stage.sandbox)
    in_flight: Counter[tuple[int, int]] = Counter()
    unconfirmed, oldest = 0, 0.0
    for kill in range(1, kills + 1):
        asking = asyncio.create_task(crowd.ask(pause=1.0, text="Who built the lighthouse of Nordholm?"))
        started_at, bot = time.time(), await stage.start(settings)
        last = moments.randint(len(replies.times), kill * people)
        while len(replies.times) < last:
            await asyncio.sleep(0.02)
            await replies.read()
        killed_at = time.time()
        bot.kill()
        await asking
        await replies.wait_for_calm()
        noted = journaled(stage.folder)
        updates = {one["update_id"]: one for one in await stage.sandbox.unconfirmed()}
        updates |= {one["update_id"]: one for one in spooled(stage.folder)}
        for update in updates.values():
            question = update["message"]["chat"]["id"], update["message"]["message_id"]
            replied_at = max(replies.times.get(question, [0.0]))
            unconfirmed += replied_at > started_at
            if replied_at > started_at and update["update_id"] not in noted:
                in_flight[question] += 1
                oldest = max(oldest, killed_at - replied_at)
    bot = await stage.start(settings)
    count = await crowd.wait_and_count(within=300)
    await _stop(bot)
    await replies.read()
    note = f"in flight: {in_flight.total()}; answered, and unconfirmed or in the spool: {unconfirmed}"
    stage.note(f"kill -9, {kills} times", mode, count, note)
    print(f"{mode}: {count}; {note}; {oldest:.2f} s old at most", flush=True)  # noqa: T201  # the figures are what the long run is for
    assert (kills * people, 0) == (count.asked, count.lost)
    repeated = Counter({question: len(times) - 1 for question, times in replies.times.items()})
    assert count.doubled == repeated.total()
    assert repeated <= in_flight
    assert oldest < 5
    assert "Traceback" not in bot.output


@SOAK
async def test_a_delayed_question_blocks_no_others(stage: Stage) -> None:
    """A question delayed by a flood limit blocks no others, survives kill -9, and is answered once."""
    settings = stage.settings("polling")
    bot = await stage.start(settings)
    held, others = await SimulatedUsers.of(stage.sandbox, 1), await SimulatedUsers.of(stage.sandbox, 40)
    await stage.sandbox.fault("sendMessage", chat_id=held.chats[0].id, **FLOOD_LIMIT | {"retry_after": 30})
    await held.ask()
    await others.ask(4, pause=0.8)
    began = time.monotonic()
    while (await others.count()).lost:
        assert time.monotonic() - began < 8
        await asyncio.sleep(0.1)
    while await stage.sandbox.unconfirmed():
        assert time.monotonic() - began < 8
        await asyncio.sleep(0.1)
    assert Count(160, 0, 0) == await others.count()
    assert Count(1, 1, 0) == await held.count()
    assert 1 == len(list((stage.folder / "index" / "unanswered").rglob("*.json")))
    bot.kill()
    bot = await stage.start(settings)
    count = await held.wait_and_count()
    stage.note("held back 30 s among 160 others, then kill -9", "polling", count)
    assert Count(1, 0, 0) == count
    await _stop(bot)
    assert [] == list((stage.folder / "index" / "unanswered").rglob("*.json"))
    assert Count(160, 0, 0) == await others.count()
    _check_logs(bot)


@pytest.mark.parametrize(
    ("mode", "people"),
    [
        ("polling", 40),
        pytest.param("webhook", 40, marks=SOAK),
        pytest.param("polling", 200, marks=SOAK),
        pytest.param("webhook", 200, marks=SOAK),
    ],
)
async def test_stopped_under_load(stage: Stage, mode: str, people: int) -> None:
    """Under load, SIGTERM ends the bot in ten seconds, and the next process answers the rest once."""
    settings = stage.settings(mode)
    first = await stage.start(settings)
    crowd = await SimulatedUsers.of(stage.sandbox, people)
    asking = asyncio.create_task(crowd.ask(5, pause=0.4))
    await asyncio.sleep(1.1)
    assert await _stop(first) < 10
    second = await stage.start(settings)
    await asking
    count = await crowd.wait_and_count()
    stage.note("SIGTERM under load", mode, count)
    assert Count(people * 5, 0, 0) == count
    await _stop(second)
    _check_logs(first, second)


@pytest.mark.parametrize("mode", ["polling", pytest.param("webhook", marks=SOAK)])
async def test_a_stop_does_not_wait_for_a_flood_limit(stage: Stage, mode: str) -> None:
    """A chat with a flood limit does not delay the stop; the next process answers it once."""
    settings = stage.settings(mode)
    first = await stage.start(settings)
    crowd = await SimulatedUsers.of(stage.sandbox, 1)
    await stage.sandbox.fault("sendMessage", chat_id=crowd.chats[0].id, **FLOOD_LIMIT)
    await crowd.ask()
    await stage.sandbox.calls("sendMessage", timeout=5)
    assert await _stop(first) < 3
    assert Count(1, 1, 0) == await crowd.count()
    second = await stage.start(settings)
    count = await crowd.wait_and_count()
    stage.note("SIGTERM while one chat is held back 60 s", mode, count)
    assert Count(1, 0, 0) == count
    await _stop(second)
    _check_logs(first, second)


@pytest.mark.parametrize("seconds", [3, pytest.param(10, marks=SOAK)])
async def test_a_deploy_overlaps(stage: Stage, seconds: int) -> None:
    """A new process takes over from a busy old one, and each question is answered once."""
    first = await stage.start(stage.settings("polling"))
    crowd = await SimulatedUsers.of(stage.sandbox, 40)
    asking = asyncio.create_task(crowd.ask(2 + seconds // 2, pause=2))
    await asyncio.sleep(1)
    second = await stage.start(stage.settings("polling"))
    await asyncio.sleep(seconds)
    await _stop(first)
    await asking
    count = await crowd.wait_and_count(within=30)
    stage.note(f"both alive for {seconds} s", "polling", count)
    assert Count(40 * (2 + seconds // 2), 0, 0) == count
    await _stop(second)
    _check_logs(first, second)


@SOAK
@pytest.mark.parametrize(("old", "new"), [("webhook", "polling"), ("polling", "webhook")])
async def test_the_mode_is_changed(stage: Stage, old: str, new: str) -> None:
    """A change of mode under load loses no question; only answers that were running may come twice."""
    first = await stage.start(stage.settings(old))
    crowd = await SimulatedUsers.of(stage.sandbox, 40)
    asking = asyncio.create_task(crowd.ask(6, pause=2))
    await asyncio.sleep(1)
    before = len(await stage.sandbox.calls())
    second = await stage.start(stage.settings(new))
    changed = (await stage.sandbox.calls("deleteWebhook" if new == "polling" else "setWebhook"))[-1]["at"]
    assert before < len(await stage.sandbox.calls())
    await asyncio.sleep(2)
    await _stop(first)
    await asking
    count = await crowd.wait_and_count(within=30)
    stage.note("both alive", f"{old}, then {new}", count)
    assert (240, 0) == (count.asked, count.lost)
    assert [] == [one for one in await _first_answer_times(stage.sandbox) if abs(one - changed) > 2]
    await _stop(second)
    _check_logs(first, second)


async def _first_answer_times(sandbox: Sandbox) -> list[float]:
    """Return the time of the first answer for each question that was answered more than once."""
    times: dict[tuple[int, str], list[float]] = {}
    for call in await sandbox.calls("sendMessage"):
        if call["response"]["ok"]:
            question = call["params"]["chat_id"], str(call["params"].get("reply_parameters"))
            times.setdefault(question, []).append(call["at"])
    return [min(found) for found in times.values() if len(found) > 1]


@pytest.mark.parametrize(
    "end", ["killed", pytest.param("stopped", marks=SOAK), pytest.param("alive", marks=SOAK)]
)
async def test_two_processes_behind_one_address(stage: Stage, end: str) -> None:
    """With two processes behind one webhook, each question is answered once, however one of them ends."""
    ports, door = [free_port(), free_port()], free_port()
    address = {"WEBHOOK_URL": f"http://127.0.0.1:{door}/telegram"}
    settings = [stage.settings("polling", **address, PORT=str(port)) for port in ports]
    async with balance(door, ports):
        first = await stage.start(settings[0])
        crowd = await SimulatedUsers.of(stage.sandbox, 60)
        asking = asyncio.create_task(crowd.ask(5, pause=1))
        second = await stage.start(settings[1])
        await asyncio.sleep(0.8)
        at_risk = 0
        if end == "killed":
            first.kill()
            at_risk = await crowd.in_flight(journaled(stage.folder))
        elif end == "stopped":
            await _stop(first)
        await asking
        count = await crowd.wait_and_count()
        note = f"at most {at_risk} could come twice" if at_risk else ""
        stage.note(f"two behind one address, one {end}", "webhook", count, note)
        assert (300, 0) == (count.asked, count.lost)
        assert count.doubled <= at_risk
        for bot in [first, second] if end == "alive" else [second]:
            await _stop(bot)
        _check_logs(first, second)
