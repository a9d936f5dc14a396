"""A long run: 20,000 questions without lost or repeated answers, and without growing memory."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.control_client import Sandbox
from tests.e2e.conftest import TOKEN
from tests.e2e.raw_http import PATH, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

CHATS = 200
QUESTIONS = 20_000
QUESTIONS_PER_STEP = 2_000
MAX_GROWTH_BYTES = 10 * 2**20
TIMEOUT_SECONDS = 30.0
# Some are answered, some declined, some in other scripts, and some long.
QUESTION_TEXTS = (
    "Who built the lighthouse of Nordholm?",
    "How many steps does the keeper climb?",
    "When does the bakery open in the morning?",
    "Who won the chess championship in Reykjavik?",
    "Wie lange ruht das Roggenbrot?",
    "灯塔是谁建造的?",
    "من بنى المنارة؟",
    "Does the lighthuose of Nordhlom have a lamp? " * 20,
)


@dataclass
class Measurements:
    resident: list[int]
    seconds: list[float]
    lost: int = 0
    doubled: int = 0


async def _resident_bytes(http: httpx.AsyncClient, port: int) -> int:
    page = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    match = re.search(r"^process_resident_memory_bytes (\S+)$", page, re.MULTILINE)
    assert match is not None
    return int(float(match[1]))


@dataclass
class SimulatedUsers:
    """Two hundred users, each of whom asks the next question when the last one is answered."""

    sandbox: Sandbox
    remaining: dict[int, list[str]]
    sent: set[tuple[int, int]] = field(default_factory=set)
    answers: Counter[tuple[int, int]] = field(default_factory=Counter)

    async def ask(self, chat: int) -> None:
        text = self.remaining[chat].pop()
        message = await self.sandbox.control("send", chat_id=chat, text=text, **{"from": chat})
        self.sent.add((chat, message["message_id"]))

    async def run(self, seen: int) -> None:
        """Run until all questions are asked and no more answers come."""
        tasks = [asyncio.create_task(self.ask(chat)) for chat in self.remaining]
        while True:
            is_complete = self.answers.total() >= QUESTIONS_PER_STEP
            response = await self.sandbox.control(
                "events", after=seen, kinds=["message"], timeout=1 if is_complete else TIMEOUT_SECONDS
            )
            if not response["events"]:
                break
            seen = response["last"]
            for chat, message in ((event["chat_id"], event["message"]) for event in response["events"]):
                if message["from"]["is_bot"]:
                    self.answers[chat, message["reply_to_message"]["message_id"]] += 1
                    if self.remaining[chat]:
                        tasks.append(asyncio.create_task(self.ask(chat)))
        await asyncio.gather(*tasks)


async def _create_users(sandbox: Sandbox, step: int) -> SimulatedUsers:
    """Create new users, so that no chat of the sandbox grows with the run."""
    ids = [(await sandbox.user(f"P{number}"))["id"] for number in range(CHATS)]
    # The number makes the text of each question unique.
    texts = [
        f"{QUESTION_TEXTS[number % len(QUESTION_TEXTS)]} {step * QUESTIONS_PER_STEP + number}"
        for number in range(QUESTIONS_PER_STEP)
    ]
    return SimulatedUsers(sandbox, {user_id: texts[index::CHATS] for index, user_id in enumerate(ids)})


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_twenty_thousand_questions(
    mode: str,
    start_bot: Callable[..., Any],
    own_sandbox_url: str,
    documents: Path,
) -> None:
    """Each of 20,000 questions is answered once, and memory does not grow after the first 2,000."""
    port = free_port()
    settings = {
        "TELEGRAM_TOKEN": TOKEN,
        "TELEGRAM_API_URL": own_sandbox_url,
        "TELEGRAM_MESSAGES_PER_SECOND": "0",
        "TELEGRAM_QUESTIONS_PER_MINUTE": "0",
        "SEEDS_DIR": str(documents),
        "PORT": str(port),
    }
    if mode == "webhook":
        settings["WEBHOOK_URL"] = f"http://127.0.0.1:{port}{PATH}"
    bot = start_bot(**settings)
    bot.wait_for_output("is ready")
    measured = Measurements([], [])
    # Few connections, which are never idle for long: the sandbox closes idle ones.
    limits = httpx.Limits(max_connections=24, keepalive_expiry=2)
    async with httpx.AsyncClient(timeout=2 * TIMEOUT_SECONDS, trust_env=False, limits=limits) as http:
        sandbox = Sandbox(own_sandbox_url, TOKEN, http)
        for step in range(QUESTIONS // QUESTIONS_PER_STEP):
            users = await _create_users(sandbox, step)
            start = time.monotonic()
            await users.run((await sandbox.state())["last_event"])
            # In the last second no question is sent.
            measured.seconds.append(time.monotonic() - start - 1)
            assert QUESTIONS_PER_STEP == len(users.sent)
            measured.lost += sum(not users.answers[question] for question in users.sent)
            measured.doubled += users.answers.total() - len(users.answers)
            measured.resident.append(await _resident_bytes(http, port))
            print(  # noqa: T201  # progress of a long run
                f"{mode}: {(step + 1) * QUESTIONS_PER_STEP} questions, "
                f"{measured.resident[-1] / 2**20:.1f} MB, "
                f"{QUESTIONS_PER_STEP / measured.seconds[-1]:.0f} questions a second",
                flush=True,
            )
        assert [] == await sandbox.unconfirmed()
    assert (0, 0) == (measured.lost, measured.doubled)
    assert max(measured.resident) - measured.resident[0] < MAX_GROWTH_BYTES
    assert "Traceback" not in bot.output
    assert 0 == bot.stop()
