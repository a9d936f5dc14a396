"""Faults of Telegram, and their effect on the answers of the running bot, in both modes."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.control_client import ChatClient, Sandbox
from tests.e2e.conftest import TOKEN, Process, ServedBot, bot_settings
from tests.e2e.load_generator import Count, FaultRow, SimulatedUsers, warning_lines

pytestmark = pytest.mark.e2e

USERS, QUESTIONS_PER_USER = 5, 2
RATE_LIMITED: dict[str, Any] = {
    "status": 429,
    "description": "Too Many Requests: retry after 1",
    "retry_after": 1,
}
BAD_GATEWAY: dict[str, Any] = {"status": 502, "description": "Bad Gateway"}
UNAUTHORIZED: dict[str, Any] = {"status": 401, "description": "Unauthorized"}
NOT_FOUND: dict[str, Any] = {"status": 404, "description": "Not Found"}
CONFLICT: dict[str, Any] = {
    "status": 409,
    "description": "Conflict: terminated by other getUpdates request",
}
MAX_LOG_LINES = 5


@dataclass
class WatchedBot:
    """A bot during a fault: its output since the fault began, and the table for the outcome."""

    served: ServedBot
    sandbox: Sandbox
    rows: list[FaultRow]
    start: int

    @property
    def mode(self) -> str:
        return self.served.mode

    @property
    def log(self) -> str:
        return self.served.process.output[self.start :]

    async def check_recovery(self, fault: str, count: Count, note: str = "") -> None:
        """Record the outcome, and check that the bot answers and has logged only a few warnings."""
        self.rows.append(FaultRow(fault, self.mode, count, note))
        assert [] == (await self.sandbox.control("faults"))["faults"]
        users = await SimulatedUsers.create(self.sandbox, 1)
        await users.ask()
        assert Count(1, 0, 0) == await users.wait_and_count(settle_seconds=0)
        lines = warning_lines(self.log)
        assert len(lines) <= MAX_LOG_LINES, lines
        assert "Traceback" not in self.log
        assert TOKEN.partition(":")[2] not in self.log


@pytest.fixture
async def watched(served: ServedBot, rows: list[FaultRow]) -> AsyncIterator[WatchedBot]:
    async with Sandbox.at(served.url, token=TOKEN) as sandbox:
        await sandbox.control("faults", clear=True)
        yield WatchedBot(served, sandbox, rows, len(served.process.output))


# Faults that end in "taken" are applied by Telegram, so a reply may be sent twice.
REPLY_FAULTS: dict[str, dict[str, Any]] = {
    "429, retry after 4 s": RATE_LIMITED | {"retry_after": 4},
    "500 twice": {"times": 2},
    "502 twice": BAD_GATEWAY | {"times": 2},
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
TIMEOUT_FAULTS: dict[str, dict[str, Any]] = {
    "no answer within 5 s": {"kind": "drop", "seconds": 6},
    "no answer within 5 s, later taken": {"kind": "delay", "seconds": 6},
}


@pytest.mark.parametrize(
    "with_timeouts", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["", "timeouts"]
)
async def test_faults_of_replies(watched: WatchedBot, *, with_timeouts: bool) -> None:
    """No question is lost, only unconfirmed replies may come twice, and chats do not delay each other."""
    faults = TIMEOUT_FAULTS if with_timeouts else REPLY_FAULTS
    users_by_fault = {name: await SimulatedUsers.create(watched.sandbox, USERS) for name in faults}
    for name, users in users_by_fault.items():
        for chat in users.chats:
            await watched.sandbox.fault("sendMessage", chat_id=chat.id, **faults[name])
        await users.ask()
    other_users = await SimulatedUsers.create(watched.sandbox, USERS)
    await other_users.ask()
    assert USERS == len([await chat.next_message() for chat in other_users.chats])
    assert Count(USERS, USERS, 0) == await users_by_fault[next(iter(faults))].count()
    counts = {name: await users.wait_and_count() for name, users in users_by_fault.items()}
    for name, count in counts.items():
        await watched.check_recovery(f"sendMessage: {name}", count)
    max_doubled = {name: USERS if name.endswith("taken") else 0 for name in faults}
    assert dict.fromkeys(faults, 0) == {name: count.lost for name, count in counts.items()}
    assert {} == {name: count for name, count in counts.items() if count.doubled > max_doubled[name]}


Event = Callable[[Sandbox, ChatClient], Awaitable[None]]


async def _block_bot(_: Sandbox, chat: ChatClient) -> None:
    await chat.block()


async def _remove_bot(sandbox: Sandbox, chat: ChatClient) -> None:
    await sandbox.control("bot_member", chat_id=chat.id, is_member=False, **{"from": chat.user_id})


async def _close_topic(sandbox: Sandbox, chat: ChatClient) -> None:
    for topic in next(
        chat_state for chat_state in (await sandbox.state())["chats"] if chat_state["id"] == chat.id
    )["topics"]:
        await sandbox.control("topic_closed", chat_id=chat.id, topic=topic["id"], is_closed=True)


async def _create_chat(sandbox: Sandbox, event: Event) -> tuple[ChatClient, dict[str, Any]]:
    if event is _block_bot:
        return await sandbox.private_chat(), {}
    chat = await sandbox.group(is_forum=event is _close_topic)
    if event is not _close_topic:
        return chat, {}
    topic = await sandbox.control("topic", chat_id=chat.id, name="Talk", **{"from": chat.user_id})
    return chat, {"thread_id": topic["id"]}


LOG_TEXTS: dict[Event, str] = {
    _block_bot: "bot was blocked by the user",
    _remove_bot: "bot was kicked from the group chat",
    _close_topic: "topic_closed",
}


async def test_chats_that_cannot_be_written_to(watched: WatchedBot) -> None:
    """If the bot can no longer write to a chat, it gives up at once and logs no warning."""
    sandbox = watched.sandbox
    chats: list[tuple[Event, ChatClient, dict[str, Any]]] = []
    for event in LOG_TEXTS:
        chats += [(event, *await _create_chat(sandbox, event)) for _ in range(USERS)]
    # The bot sends a greeting when it is added to a group.
    await _wait_until_confirmed(sandbox)
    for _, chat, fields in chats:
        # Long enough to take away all chats in the meantime, also on a busy machine.
        await sandbox.fault("sendMessage", chat_id=chat.id, **RATE_LIMITED | {"retry_after": 4})
        await chat.send("/help", **fields)
    await _wait_for_faults(sandbox, lambda faults: not faults)
    for event, chat, _ in chats:
        await event(sandbox, chat)
    await _wait_until_confirmed(sandbox)
    ids = {chat.id for _, chat, _ in chats}
    calls = [call for call in await sandbox.calls("sendMessage") if _chat_id(call) in ids]
    refused = Counter(_chat_id(call) for call in calls if call["response"].get("error_code") in {400, 403})
    assert dict.fromkeys(ids, 1) == refused
    info_lines = [line.lower() for line in watched.log.splitlines() if " INFO " in line]
    counts = {text: sum(text in line for line in info_lines) for text in LOG_TEXTS.values()}
    assert dict.fromkeys(LOG_TEXTS.values(), USERS) == counts
    assert [] == warning_lines(watched.log)
    for text in LOG_TEXTS.values():
        await watched.check_recovery(text, Count(USERS, USERS, 0), "given up, one line at INFO")


async def _wait_until_confirmed(sandbox: Sandbox) -> None:
    """Wait until the bot has finished all questions."""
    deadline = time.monotonic() + 15
    while await sandbox.unconfirmed():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def _wait_for_faults(sandbox: Sandbox, condition: Callable[[list[Any]], bool]) -> None:
    """Wait until the pending faults satisfy a condition."""
    deadline = time.monotonic() + 10
    while not condition((await sandbox.control("faults"))["faults"]):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def _chat_id(call: dict[str, Any]) -> int:
    return int(call["params"].get("chat_id", 0))


async def test_the_question_is_deleted_before_the_answer(watched: WatchedBot) -> None:
    """The answer is sent once, without being a reply."""
    users = await SimulatedUsers.create(watched.sandbox, USERS)
    for chat in users.chats:
        await watched.sandbox.fault("sendMessage", chat_id=chat.id, **RATE_LIMITED)
    await users.ask()
    await _wait_for_faults(watched.sandbox, lambda faults: not faults)
    for question in users.questions:
        await question.delete()
    count = await _count_answers(watched.sandbox, users.chats)
    assert Count(USERS, 0, 0) == count
    await watched.check_recovery("the question is deleted before the answer", count)


async def _count_answers(sandbox: Sandbox, chats: list[ChatClient]) -> Count:
    """Count the bot's messages in chats with one question each, once it has finished."""
    await _wait_until_confirmed(sandbox)
    await asyncio.sleep(0.3)
    counts = [sum(_is_reply(message.raw) for message in await chat.messages()) for chat in chats]
    return Count(len(chats), counts.count(0), sum(answers - 1 for answers in counts if answers))


def _is_reply(message: dict[str, Any]) -> bool:
    return bool(message["from"]["is_bot"] and "text" in message)


async def test_the_group_becomes_a_supergroup_before_the_answer(watched: WatchedBot) -> None:
    """The answer is sent once, to the supergroup."""
    groups = [await watched.sandbox.group(f"Group {number}") for number in range(USERS)]
    await _wait_until_confirmed(watched.sandbox)
    for group in groups:
        await watched.sandbox.fault("sendMessage", chat_id=group.id, **RATE_LIMITED)
        await group.send("/help")
    await _wait_for_faults(watched.sandbox, lambda faults: not faults)
    migrated = [
        await watched.sandbox.control("migrate", chat_id=group.id, **{"from": group.user_id})
        for group in groups
    ]
    supergroups = [
        ChatClient(watched.sandbox, chat["id"], group.user_id, 0)
        for chat, group in zip(migrated, groups, strict=True)
    ]
    count = await _count_answers(watched.sandbox, supergroups)
    assert Count(USERS, 0, 0) == count
    await watched.check_recovery("the group becomes a supergroup before the answer", count)


PRESS_FAULTS: list[dict[str, Any]] = [
    RATE_LIMITED,
    {},
    {"kind": "drop"},
    {"kind": "drop", "is_applied": True},
    {"kind": "garbage", "status": 200, "is_applied": True},
]


@pytest.mark.parametrize("method", ["answerCallbackQuery", "editMessageText"])
async def test_faults_of_button_presses(watched: WatchedBot, method: str) -> None:
    """A press is acknowledged and the message changes, whatever faults the calls have."""
    chats = [await watched.sandbox.private_chat() for _ in PRESS_FAULTS]
    for chat in chats:
        await chat.send("lighthouse Nordholm lamp keeper")
    answers = [await chat.next_message() for chat in chats]
    for fault in PRESS_FAULTS:
        await watched.sandbox.fault(method, **fault)
    notices = await asyncio.gather(*(answer.press("›") for answer in answers))
    await asyncio.gather(*(chat.next_message(kinds=["edited_message"]) for chat in chats))
    texts = [(await chat.messages())[-1].text for chat in chats]
    changed = sum(text != answer.text for text, answer in zip(texts, answers, strict=True))
    count = Count(len(chats), max(notices.count(None), len(chats) - changed), 0)
    assert Count(len(chats), 0, 0) == count
    await watched.check_recovery(f"{method}: 429, 500, dropped, dropped and garbage once taken", count)


POLLING_FAULTS: dict[str, dict[str, Any]] = {
    "429, retry after 1 s": RATE_LIMITED,
    "500 twice": {"times": 2},
    "502 twice": BAD_GATEWAY | {"times": 2},
    "401 twice": UNAUTHORIZED | {"times": 2},
    "404 twice": NOT_FOUND | {"times": 2},
    "409 twice": CONFLICT | {"times": 2},
    "answers 2 s late": {"kind": "delay", "seconds": 2},
    "dropped before it is taken": {"kind": "drop"},
    "dropped once it is taken": {"kind": "drop", "is_applied": True},
    "cut, taken": {"kind": "cut", "is_applied": True},
    "garbage with 200, taken": {"kind": "garbage", "status": 200, "is_applied": True},
    "garbage with 502": {"kind": "garbage", "status": 502},
}
WEBHOOK_FAULTS: dict[str, dict[str, Any]] = {
    "not reached, three times": {"kind": "drop", "times": 3},
    "taken, and the answer lost": {"kind": "drop", "is_applied": True},
}


# These take long, or are similar to others.
SLOW_FAULTS = {"502 twice", "404 twice", "answers 2 s late", "dropped before it is taken", "garbage with 502"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.soak] if name in SLOW_FAULTS else [])
        for name in [*POLLING_FAULTS, *WEBHOOK_FAULTS]
    ],
)
async def test_faults_of_receiving_updates(watched: WatchedBot, name: str) -> None:
    """No question is lost or answered twice when receiving updates fails."""
    faults, method = (
        (POLLING_FAULTS, "getUpdates") if watched.mode == "polling" else (WEBHOOK_FAULTS, "webhook")
    )
    if name not in faults:
        pytest.skip("this cannot happen in this mode")
    users = await SimulatedUsers.create(watched.sandbox, USERS)
    times = USERS if watched.mode == "webhook" else 1
    await watched.sandbox.fault(method, **faults[name] | {"times": times * faults[name].get("times", 1)})
    await users.ask(QUESTIONS_PER_USER)
    count = await users.wait_and_count()
    assert Count(USERS * QUESTIONS_PER_USER, 0, 0) == count
    await watched.check_recovery(f"{method}: {name}", count)


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_faults_of_the_start(
    start_bot: Callable[..., Process],
    own_sandbox_url: str,
    documents: Path,
    rows: list[FaultRow],
    mode: str,
) -> None:
    """The bot starts although calls are rejected, dropped and rate limited at first."""
    method = {"polling": "deleteWebhook", "webhook": "setWebhook"}[mode]
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        users = await SimulatedUsers.create(sandbox, USERS)
        await users.ask()
        await sandbox.fault("getMe", **BAD_GATEWAY)
        for fault in (RATE_LIMITED, {"kind": "drop", "is_applied": True}):
            await sandbox.fault(method, **fault)
        bot = start_bot(**bot_settings(mode, TELEGRAM_API_URL=own_sandbox_url, SEEDS_DIR=str(documents)))
        bot.wait_for_output("is ready")
        count = await users.wait_and_count()
        assert Count(USERS, 0, 0) == count
        assert [] == (await sandbox.control("faults"))["faults"]
        rows.append(FaultRow(f"getMe: 502, {method}: 429, dropped", mode, count))
    assert 0 == bot.stop()
    assert len(warning_lines(bot.output)) <= MAX_LOG_LINES
    assert "Traceback" not in bot.output
