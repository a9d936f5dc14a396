"""The event loop is never blocked, whatever is asked."""

import asyncio
import random
import re
import string
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.e2e.conftest import TOKEN
from tests.e2e.raw_http import HOST, PATH, free_port

pytestmark = pytest.mark.e2e

DOCUMENTS = Path(__file__).parents[1] / "eval" / "documents"
MAX_MESSAGE_CHARS = 4096
TRIES = 3
# In debug mode asyncio logs callbacks that take longer than 0.1 s.
SLOW = re.compile(r"Executing .* took (\d+\.\d+) seconds")
MAX_BLOCKED_SECONDS = 0.1


def _words(letters: str, length: int) -> str:
    chance = random.Random(letters)
    words = ("".join(chance.choices(letters, k=length)) for _ in range(MAX_MESSAGE_CHARS // length))
    return " ".join(words)[:MAX_MESSAGE_CHARS]


def _letters(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


QUESTIONS = {
    "a letter": "x",
    "a question": "How many checkpoints does Turkey have in Idlib?",
    "one letter": "a" * MAX_MESSAGE_CHARS,
    "one word": "a " * (MAX_MESSAGE_CHARS // 2),
    "different words": _words(string.ascii_lowercase, 6),
    "long words": _words(string.ascii_lowercase, 20),
    "punctuation": _words(string.punctuation, MAX_MESSAGE_CHARS),
    "apostrophes": "a'" * (MAX_MESSAGE_CHARS // 2),
    "marks": "e" + "\u0301" * (MAX_MESSAGE_CHARS - 1),
    "marked letters": "e\u0301" * (MAX_MESSAGE_CHARS // 2),
    "digits": _words(string.digits, MAX_MESSAGE_CHARS),
    "thousands": "1,000," * (MAX_MESSAGE_CHARS // 6),
    "numbers": _words(string.digits, 4),
    "spaces": "a" + " " * (MAX_MESSAGE_CHARS - 2) + "b",
    "lines": "\n" * (MAX_MESSAGE_CHARS - 1) + "b",
    "unseen": "a\u200d\ufeff" * (MAX_MESSAGE_CHARS // 3),
    "emoji": "🗼" * (MAX_MESSAGE_CHARS // 2),
    "Cyrillic": _words(_letters(0x430, 0x44F), 6),
    "Arabic": _words(_letters(0x627, 0x64A), 6),
    "Devanagari": _words(_letters(0x905, 0x939), 6),
    "Thai": _words(_letters(0xE01, 0xE2E), MAX_MESSAGE_CHARS),
    "Chinese": _words(_letters(0x4E00, 0x9FA5), MAX_MESSAGE_CHARS),
    "Japanese": _words(_letters(0x3041, 0x3096), MAX_MESSAGE_CHARS),
    "Korean": _words(_letters(0xAC00, 0xD7A3), MAX_MESSAGE_CHARS),
    "mentions": "@verbatim_bot" * (MAX_MESSAGE_CHARS // 13),
    "commands": "/ask " * (MAX_MESSAGE_CHARS // 5),
    "a question in German": "Wie viele Kontrollpunkte hat die Türkei in Idlib?",
    "a question in Chinese": "土耳其在伊德利卜有多少个检查站?",
    "a question in Arabic": "كم عدد نقاط التفتيش التركية في إدلب؟",
}


def _questions_from_documents() -> dict[str, str]:
    """Return questions made of the documents: their texts, all their words, and all words misspelt."""
    whole = [file.read_text(encoding="utf-8") for file in sorted(DOCUMENTS.rglob("*.*"))]
    words = sorted({word for text in whole for word in text.split() if word.isalpha() and len(word) > 5})
    random.Random(7).shuffle(words)
    return {
        "a document": whole[0][:MAX_MESSAGE_CHARS],
        "all words": " ".join(words)[:MAX_MESSAGE_CHARS],
        "slips": " ".join(word[:2] + word[3:] for word in words)[:MAX_MESSAGE_CHARS],
    }


async def _converse(sandbox: Sandbox, question: str) -> None:
    """Ask, press every button of the answer, ask a follow-up question, and send a command."""
    chat = await sandbox.private_chat()
    await chat.send(question)
    answer = await chat.next_message()
    for data in [button["callback_data"] for button in answer.buttons if "callback_data" in button]:
        await answer.press_data(data)
    await answer.press_data("q2 " + "é" * 30)
    await answer.reply("And when was that?")
    await chat.next_message()
    await chat.send("/sources")
    await chat.next_message()


def _slowdown() -> float:
    """Return how many times slower work is because of other load on the machine; 1 without any."""
    began, worked = time.monotonic(), time.thread_time()
    while time.thread_time() - worked < 0.2:
        pass
    return (time.monotonic() - began) / (time.thread_time() - worked)


async def _blocking_log_lines(bot: Any, url: str, questions: dict[str, str]) -> list[str]:
    """Ask a few questions at a time, and return what blocked the event loop."""
    before, stretch = len(bot.output), _slowdown()
    async with Sandbox.at(url, token=TOKEN) as sandbox:
        await sandbox.settings(flood=False)
        room = asyncio.Semaphore(2)

        async def one(question: str) -> None:
            async with room:
                await _converse(sandbox, question)

        await asyncio.gather(*(one(question) for question in questions.values()))
    most = MAX_BLOCKED_SECONDS * max(stretch, _slowdown())
    lines = bot.output[before:].splitlines()
    return [line for line in lines if (found := SLOW.search(line)) and float(found[1]) > most]


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_the_loop_is_never_blocked(
    mode: str, starting: Callable[..., Any], own_sandbox_url: str
) -> None:
    """No message, however long and unusual, blocks the event loop for a tenth of a second."""
    port = free_port()
    address = {"PORT": str(port), "WEBHOOK_URL": f"http://{HOST}:{port}{PATH}"} if mode == "webhook" else {}
    questions = QUESTIONS | _questions_from_documents()
    slow: list[str] = []
    # The machine may have been held up, not the loop: what is slow by itself is so every time. Each try has a
    # process of its own, for one logs the same complaint so often only.
    for _ in range(TRIES):
        bot = starting(
            TELEGRAM_TOKEN=TOKEN,
            TELEGRAM_API_URL=own_sandbox_url,
            TELEGRAM_MESSAGES_PER_SECOND="0",
            TELEGRAM_QUESTIONS_PER_MINUTE="0",
            SEEDS_DIR=str(DOCUMENTS),
            PYTHONASYNCIODEBUG="1",
            **address,
        )
        bot.until("is listening", 60)
        slow = await _blocking_log_lines(bot, own_sandbox_url, questions)
        assert 0 == bot.stop()
        if not slow:
            break
    assert [] == slow
