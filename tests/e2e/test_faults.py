"""Faults of Telegram, and their effect on the answers of the running bot, in both modes."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import ChatClient, Sandbox
from tests.e2e.conftest import TOKEN, Process, Served, settings_of
from tests.e2e.load_generator import Count, Row, SimulatedUsers, warning_lines

pytestmark = pytest.mark.e2e

PEOPLE, EACH = 5, 2
HELD: dict[str, Any] = {
    "status": 429,
    "description": "Too Many Requests: retry after 1",
    "retry_after": 1,
}
GATEWAY: dict[str, Any] = {"status": 502, "description": "Bad Gateway"}
UNKNOWN: dict[str, Any] = {"status": 401, "description": "Unauthorized"}
MISSING: dict[str, Any] = {"status": 404, "description": "Not Found"}
OTHER: dict[str, Any] = {
    "status": 409,
    "description": "Conflict: terminated by other getUpdates request",
}
MAX_LOG_LINES = 5


@dataclass
class Watched:
    """A bot during a fault: its output since the fault began, and the table for the outcome."""

    served: Served
    sandbox: Sandbox
    rows: list[Row]
    start: int

    @property
    def mode(self) -> str:
        return self.served.mode

    @property
    def log(self) -> str:
        return self.served.process.output[self.start :]

    async def check_recovery(self, fault: str, count: Count, note: str = "") -> None:
        """Record the outcome, and check that the bot answers and has not filled its log."""
        self.rows.append(Row(fault, self.mode, count, note))
        assert [] == (await self.sandbox.control("faults"))["faults"]
        after = await SimulatedUsers.of(self.sandbox, 1)
        await after.ask()
        assert Count(1, 0, 0) == await after.wait_and_count(calm=0)
        said = warning_lines(self.log)
        assert len(said) <= MAX_LOG_LINES, said
        assert "Traceback" not in self.log
        assert TOKEN.partition(":")[2] not in self.log


@pytest.fixture
async def watched(served: Served, rows: list[Row]) -> AsyncIterator[Watched]:
    async with Sandbox.at(served.url, token=TOKEN) as sandbox:
        await sandbox.control("faults", clear=True)
        yield Watched(served, sandbox, rows, len(served.process.output))


# Those that end in "taken" may show a reply twice.
SENDING: dict[str, dict[str, Any]] = {
    "429, retry after 4 s": HELD | {"retry_after": 4},
    "500 twice": {"times": 2},
    "502 twice": GATEWAY | {"times": 2},
    "answers 1 s late": {"kind": "delay", "seconds": 1},
    "dropped twice": {"kind": "drop", "times": 2},
    "dropped, taken": {"kind": "drop", "is_applied": True},
    "500, taken": {"is_applied": True},
    "cut, to no effect": {"kind": "cut"},
    "cut, taken": {"kind": "cut", "is_applied": True},
    "garbage with 200, to no effect": {"kind": "garbage", "status": 200},
    "garbage with 200, taken": {"kind": "garbage", "status": 200, "is_applied": True},
    "garbage with 502": {"kind": "garbage", "status": 502},
}
TIMEOUTS: dict[str, dict[str, Any]] = {
    "no answer within 5 s": {"kind": "drop", "seconds": 6},
    "no answer within 5 s, later taken": {"kind": "delay", "seconds": 6},
}


@pytest.mark.parametrize(
    "is_patient", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["", "timeouts"]
)
async def test_faults_of_replies(watched: Watched, *, is_patient: bool) -> None:
    """No question is lost, only unconfirmed replies may come twice, and chats do not delay each other."""
    faults = TIMEOUTS if is_patient else SENDING
    crowds = {name: await SimulatedUsers.of(watched.sandbox, PEOPLE) for name in faults}
    for name, crowd in crowds.items():
        for chat in crowd.chats:
            await watched.sandbox.fault("sendMessage", chat_id=chat.id, **faults[name])
        await crowd.ask()
    calm = await SimulatedUsers.of(watched.sandbox, PEOPLE)
    await calm.ask()
    assert PEOPLE == len([await chat.next_message() for chat in calm.chats])
    assert Count(PEOPLE, PEOPLE, 0) == await crowds[next(iter(faults))].count()
    counts = {name: await crowd.wait_and_count() for name, crowd in crowds.items()}
    for name, count in counts.items():
        await watched.check_recovery(f"sendMessage: {name}", count)
    most = {name: PEOPLE if name.endswith("taken") else 0 for name in faults}
    assert dict.fromkeys(faults, 0) == {name: count.lost for name, count in counts.items()}
    assert {} == {name: count for name, count in counts.items() if count.doubled > most[name]}


Happening = Callable[[Sandbox, ChatClient], Awaitable[None]]


async def _blocked(_: Sandbox, chat: ChatClient) -> None:
    await chat.block()


async def _kicked(sandbox: Sandbox, chat: ChatClient) -> None:
    await sandbox.control("bot_member", chat_id=chat.id, is_member=False, **{"from": chat.user_id})


async def _closed(sandbox: Sandbox, chat: ChatClient) -> None:
    for topic in next(one for one in (await sandbox.state())["chats"] if one["id"] == chat.id)["topics"]:
        await sandbox.control("topic_closed", chat_id=chat.id, topic=topic["id"], is_closed=True)


async def _place(sandbox: Sandbox, happening: Happening) -> tuple[ChatClient, dict[str, Any]]:
    if happening is _blocked:
        return await sandbox.private_chat(), {}
    chat = await sandbox.group(is_forum=happening is _closed)
    if happening is not _closed:
        return chat, {}
    topic = await sandbox.control("topic", chat_id=chat.id, name="Talk", **{"from": chat.user_id})
    return chat, {"thread_id": topic["id"]}


GONE: dict[Happening, str] = {
    _blocked: "bot was blocked by the user",
    _kicked: "bot was kicked from the group chat",
    _closed: "topic_closed",
}


async def test_chats_that_cannot_be_written_to(watched: Watched) -> None:
    """If the bot may no longer write to a chat, it gives up at once and logs no warning."""
    sandbox = watched.sandbox
    chats: list[tuple[Happening, ChatClient, dict[str, Any]]] = []
    for happening in GONE:
        chats += [(happening, *await _place(sandbox, happening)) for _ in range(PEOPLE)]
    # The bot may greet those who add it to a group.
    await _wait_until_confirmed(sandbox)
    for _, chat, fields in chats:
        await sandbox.fault("sendMessage", chat_id=chat.id, **HELD)
        await chat.send("/help", **fields)
    await _wait_for_faults(sandbox, lambda faults: not faults)
    for happening, chat, _ in chats:
        await happening(sandbox, chat)
    await _wait_until_confirmed(sandbox)
    ids = {chat.id for _, chat, _ in chats}
    calls = [one for one in await sandbox.calls("sendMessage") if _chat(one) in ids]
    refused = Counter(_chat(one) for one in calls if one["response"].get("error_code") in {400, 403})
    assert dict.fromkeys(ids, 1) == refused
    said = [line.lower() for line in watched.log.splitlines() if " INFO " in line]
    told = {words: sum(words in line for line in said) for words in GONE.values()}
    assert dict.fromkeys(GONE.values(), PEOPLE) == told
    assert [] == warning_lines(watched.log)
    for words in GONE.values():
        await watched.check_recovery(words, Count(PEOPLE, PEOPLE, 0), "given up, one line at INFO")


async def _wait_until_confirmed(sandbox: Sandbox) -> None:
    """Wait until the bot has finished all questions."""
    deadline = time.monotonic() + 15
    while await sandbox.unconfirmed():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def _wait_for_faults(sandbox: Sandbox, is_so: Callable[[list[Any]], bool]) -> None:
    """Wait until the pending faults satisfy a condition."""
    deadline = time.monotonic() + 10
    while not is_so((await sandbox.control("faults"))["faults"]):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def _chat(call: dict[str, Any]) -> int:
    return int(call["params"].get("chat_id", 0))


async def test_the_question_is_deleted_before_the_answer(watched: Watched) -> None:
    """The answer is sent once, without being a reply."""
    crowd = await SimulatedUsers.of(watched.sandbox, PEOPLE)
    for chat in crowd.chats:
        await watched.sandbox.fault("sendMessage", chat_id=chat.id, **HELD)
    await crowd.ask()
    await _wait_for_faults(watched.sandbox, lambda faults: not faults)
    for question in crowd.asked:
        await question.delete()
    count = await _count_answers(watched.sandbox, crowd.chats)
    assert Count(PEOPLE, 0, 0) == count
    await watched.check_recovery("the question is deleted before the answer", count)


async def _count_answers(sandbox: Sandbox, chats: list[ChatClient]) -> Count:
    """Count the bot's messages in chats with one question each, once it has finished."""
    await _wait_until_confirmed(sandbox)
    await asyncio.sleep(0.3)
    said = [sum(_is_reply(one.raw) for one in await chat.messages()) for chat in chats]
    return Count(len(chats), said.count(0), sum(copies - 1 for copies in said if copies))


def _is_reply(message: dict[str, Any]) -> bool:
    return bool(message["from"]["is_bot"] and "text" in message)


async def test_the_group_becomes_a_supergroup_before_the_answer(watched: Watched) -> None:
    """The answer is sent once, to the supergroup."""
    groups = [await watched.sandbox.group(f"Group {number}") for number in range(PEOPLE)]
    await _wait_until_confirmed(watched.sandbox)
    for group in groups:
        await watched.sandbox.fault("sendMessage", chat_id=group.id, **HELD)
        await group.send("/help")
    await _wait_for_faults(watched.sandbox, lambda faults: not faults)
    moved = [
        await watched.sandbox.control("migrate", chat_id=group.id, **{"from": group.user_id})
        for group in groups
    ]
    new = [
        ChatClient(watched.sandbox, chat["id"], group.user_id, 0)
        for chat, group in zip(moved, groups, strict=True)
    ]
    count = await _count_answers(watched.sandbox, new)
    assert Count(PEOPLE, 0, 0) == count
    await watched.check_recovery("the group becomes a supergroup before the answer", count)


PRESSING: list[dict[str, Any]] = [
    HELD,
    {},
    {"kind": "drop"},
    {"kind": "drop", "is_applied": True},
    {"kind": "garbage", "status": 200, "is_applied": True},
]


@pytest.mark.parametrize("method", ["answerCallbackQuery", "editMessageText"])
async def test_faults_of_button_presses(watched: Watched, method: str) -> None:
    """A press is acknowledged and the message changes, whatever faults the calls have."""
    chats = [await watched.sandbox.private_chat() for _ in PRESSING]
    for chat in chats:
        await chat.send("lighthouse Nordholm lamp keeper")
    answers = [await chat.next_message() for chat in chats]
    for fault in PRESSING:
        await watched.sandbox.fault(method, **fault)
    told = await asyncio.gather(*(answer.press("›") for answer in answers))
    await asyncio.gather(*(chat.next_message(kinds=["edited_message"]) for chat in chats))
    shown = [(await chat.messages())[-1].text for chat in chats]
    changed = sum(text != answer.text for text, answer in zip(shown, answers, strict=True))
    count = Count(len(chats), max(told.count(None), len(chats) - changed), 0)
    assert Count(len(chats), 0, 0) == count
    await watched.check_recovery(f"{method}: 429, 500, dropped, dropped and garbage once taken", count)


POLLING: dict[str, dict[str, Any]] = {
    "429, retry after 1 s": HELD,
    "500 twice": {"times": 2},
    "502 twice": GATEWAY | {"times": 2},
    "401 twice": UNKNOWN | {"times": 2},
    "404 twice": MISSING | {"times": 2},
    "409 twice": OTHER | {"times": 2},
    "answers 2 s late": {"kind": "delay", "seconds": 2},
    "dropped before it is taken": {"kind": "drop"},
    "dropped once it is taken": {"kind": "drop", "is_applied": True},
    "cut, taken": {"kind": "cut", "is_applied": True},
    "garbage with 200, taken": {"kind": "garbage", "status": 200, "is_applied": True},
    "garbage with 502": {"kind": "garbage", "status": 502},
}
BRINGING: dict[str, dict[str, Any]] = {
    "not reached, three times": {"kind": "drop", "times": 3},
    "taken, and the answer lost": {"kind": "drop", "is_applied": True},
}


# Each causes a longer outage, or is similar to another.
LONG = {"502 twice", "404 twice", "answers 2 s late", "dropped before it is taken", "garbage with 502"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=[pytest.mark.soak] if one in LONG else []) for one in [*POLLING, *BRINGING]],
)
async def test_faults_of_receiving_updates(watched: Watched, name: str) -> None:
    """No question is lost or answered twice when receiving updates fails."""
    faults, method = (POLLING, "getUpdates") if watched.mode == "polling" else (BRINGING, "webhook")
    if name not in faults:
        pytest.skip("this cannot happen in this mode")
    crowd = await SimulatedUsers.of(watched.sandbox, PEOPLE)
    times = PEOPLE if watched.mode == "webhook" else 1
    await watched.sandbox.fault(method, **faults[name] | {"times": times * faults[name].get("times", 1)})
    await crowd.ask(EACH)
    count = await crowd.wait_and_count()
    assert Count(PEOPLE * EACH, 0, 0) == count
    await watched.check_recovery(f"{method}: {name}", count)


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_faults_of_the_start(
    starting: Callable[..., Process],
    own_sandbox_url: str,
    documents: Path,
    rows: list[Row],
    mode: str,
) -> None:
    """A start whose calls are refused, dropped and delayed is repeated until it succeeds."""
    method = {"polling": "deleteWebhook", "webhook": "setWebhook"}[mode]
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        crowd = await SimulatedUsers.of(sandbox, PEOPLE)
        await crowd.ask()
        await sandbox.fault("getMe", **GATEWAY)
        for fault in (HELD, {"kind": "drop", "is_applied": True}):
            await sandbox.fault(method, **fault)
        bot = starting(**settings_of(mode, TELEGRAM_API_URL=own_sandbox_url, SEEDS_DIR=str(documents)))
        bot.until("is listening")
        count = await crowd.wait_and_count()
        assert Count(PEOPLE, 0, 0) == count
        assert [] == (await sandbox.control("faults"))["faults"]
        rows.append(Row(f"getMe: 502, {method}: 429, dropped", mode, count))
    assert 0 == bot.stop()
    assert len(warning_lines(bot.output)) <= MAX_LOG_LINES
    assert "Traceback" not in bot.output
