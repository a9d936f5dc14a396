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

from sandbox.client import Sandbox
from tests.e2e.conftest import TOKEN
from tests.e2e.raw_http import PATH, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

CHATS = 200
QUESTIONS = 20_000
STEP = 2_000
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
class Figures:
    resident: list[int]
    seconds: list[float]
    lost: int = 0
    doubled: int = 0


async def _resident(http: httpx.AsyncClient, port: int) -> int:
    page = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    found = re.search(r"^process_resident_memory_bytes (\S+)$", page, re.MULTILINE)
    assert found is not None
    return int(float(found[1]))


@dataclass
class SimulatedUsers:
    """Two hundred users, each of whom asks the next question when the last one is answered."""

    sandbox: Sandbox
    left: dict[int, list[str]]
    sent: set[tuple[int, int]] = field(default_factory=set)
    answers: Counter[tuple[int, int]] = field(default_factory=Counter)

    async def ask(self, chat: int) -> None:
        text = self.left[chat].pop()
        asked = await self.sandbox.control("send", chat_id=chat, text=text, **{"from": chat})
        self.sent.add((chat, asked["message_id"]))

    async def talk(self, seen: int) -> None:
        """Run until all questions are asked and no more answers come."""
        asking = [asyncio.create_task(self.ask(chat)) for chat in self.left]
        while True:
            is_over = self.answers.total() >= STEP
            heard = await self.sandbox.control(
                "events", after=seen, kinds=["message"], timeout=1 if is_over else TIMEOUT_SECONDS
            )
            if not heard["events"]:
                break
            seen = heard["last"]
            for chat, message in ((one["chat_id"], one["message"]) for one in heard["events"]):
                if message["from"]["is_bot"]:
                    self.answers[chat, message["reply_to_message"]["message_id"]] += 1
                    if self.left[chat]:
                        asking.append(asyncio.create_task(self.ask(chat)))
        await asyncio.gather(*asking)


async def _create_users(sandbox: Sandbox, step: int) -> SimulatedUsers:
    """Create new users, so that no chat of the sandbox grows with the run."""
    people = [(await sandbox.user(f"P{number}"))["id"] for number in range(CHATS)]
    # The number makes the text of each question unique.
    asked = [
        f"{QUESTION_TEXTS[number % len(QUESTION_TEXTS)]} {step * STEP + number}" for number in range(STEP)
    ]
    return SimulatedUsers(sandbox, {person: asked[place::CHATS] for place, person in enumerate(people)})


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_twenty_thousand_questions(
    mode: str,
    starting: Callable[..., Any],
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
    bot = starting(**settings)
    bot.until("is listening")
    figures = Figures([], [])
    # Few connections, which are never idle for long: the sandbox closes idle ones.
    limits = httpx.Limits(max_connections=24, keepalive_expiry=2)
    async with httpx.AsyncClient(timeout=2 * TIMEOUT_SECONDS, trust_env=False, limits=limits) as http:
        sandbox = Sandbox(own_sandbox_url, TOKEN, http)
        for step in range(QUESTIONS // STEP):
            crowd = await _create_users(sandbox, step)
            began = time.monotonic()
            await crowd.talk((await sandbox.state())["last_event"])
            # In the last second no question is sent.
            figures.seconds.append(time.monotonic() - began - 1)
            assert STEP == len(crowd.sent)
            figures.lost += sum(not crowd.answers[one] for one in crowd.sent)
            figures.doubled += crowd.answers.total() - len(crowd.answers)
            figures.resident.append(await _resident(http, port))
            print(  # noqa: T201  # the figures are what the long run is for
                f"{mode}: {(step + 1) * STEP} questions, {figures.resident[-1] / 2**20:.1f} MB, "
                f"{STEP / figures.seconds[-1]:.0f} questions a second",
                flush=True,
            )
        assert [] == await sandbox.unconfirmed()
    assert (0, 0) == (figures.lost, figures.doubled)
    assert max(figures.resident) - figures.resident[0] < MAX_GROWTH_BYTES
    assert "Traceback" not in bot.output
    assert 0 == bot.stop()
