"""No message blocks the event loop."""

import asyncio
import random
import re
import string
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.control_client import Sandbox
from tests.e2e.conftest import TOKEN
from tests.e2e.raw_http import HOST, PATH, free_port

pytestmark = pytest.mark.e2e

DOCUMENTS = Path(__file__).parents[1] / "eval" / "documents"
MAX_MESSAGE_CHARS = 4096
MAX_ATTEMPTS = 3
# In debug mode asyncio logs callbacks that take longer than 0.1 s.
SLOW_CALLBACK = re.compile(r"Executing .* took (\d+\.\d+) seconds")
MAX_BLOCKED_SECONDS = 0.1


def _random_words(letters: str, length: int) -> str:
    rng = random.Random(letters)
    words = ("".join(rng.choices(letters, k=length)) for _ in range(MAX_MESSAGE_CHARS // length))
    return " ".join(words)[:MAX_MESSAGE_CHARS]


def _character_range(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


QUESTIONS = {
    "a letter": "x",
    "a question": "How many checkpoints does Turkey have in Idlib?",
    "one letter": "a" * MAX_MESSAGE_CHARS,
    "one word": "a " * (MAX_MESSAGE_CHARS // 2),
    "different words": _random_words(string.ascii_lowercase, 6),
    "long words": _random_words(string.ascii_lowercase, 20),
    "punctuation": _random_words(string.punctuation, MAX_MESSAGE_CHARS),
    "apostrophes": "a'" * (MAX_MESSAGE_CHARS // 2),
    "marks": "e" + "\u0301" * (MAX_MESSAGE_CHARS - 1),
    "marked letters": "e\u0301" * (MAX_MESSAGE_CHARS // 2),
    "digits": _random_words(string.digits, MAX_MESSAGE_CHARS),
    "thousands": "1,000," * (MAX_MESSAGE_CHARS // 6),
    "numbers": _random_words(string.digits, 4),
    "spaces": "a" + " " * (MAX_MESSAGE_CHARS - 2) + "b",
    "lines": "\n" * (MAX_MESSAGE_CHARS - 1) + "b",
    "unseen": "a\u200d\ufeff" * (MAX_MESSAGE_CHARS // 3),
    "emoji": "🗼" * (MAX_MESSAGE_CHARS // 2),
    "Cyrillic": _random_words(_character_range(0x430, 0x44F), 6),
    "Arabic": _random_words(_character_range(0x627, 0x64A), 6),
    "Devanagari": _random_words(_character_range(0x905, 0x939), 6),
    "Thai": _random_words(_character_range(0xE01, 0xE2E), MAX_MESSAGE_CHARS),
    "Chinese": _random_words(_character_range(0x4E00, 0x9FA5), MAX_MESSAGE_CHARS),
    "Japanese": _random_words(_character_range(0x3041, 0x3096), MAX_MESSAGE_CHARS),
    "Korean": _random_words(_character_range(0xAC00, 0xD7A3), MAX_MESSAGE_CHARS),
    "mentions": "@verbatim_bot" * (MAX_MESSAGE_CHARS // 13),
    "commands": "/ask " * (MAX_MESSAGE_CHARS // 5),
    "a question in German": "Wie viele Kontrollpunkte hat die Türkei in Idlib?",
    "a question in Chinese": "土耳其在伊德利卜有多少个检查站?",
    "a question in Arabic": "كم عدد نقاط التفتيش التركية في إدلب؟",
}


def _questions_from_documents() -> dict[str, str]:
    """Return questions made from the documents: a text, all words, and all words misspelt."""
    texts = [file.read_text(encoding="utf-8") for file in sorted(DOCUMENTS.rglob("*.*"))]
    words = sorted({word for text in texts for word in text.split() if word.isalpha() and len(word) > 5})
    random.Random(7).shuffle(words)
    return {
        "a document": texts[0][:MAX_MESSAGE_CHARS],
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


def _load_factor() -> float:
    """Return by which factor other load on the machine slows work down; 1 without any."""
    start, cpu_start = time.monotonic(), time.thread_time()
    while time.thread_time() - cpu_start < 0.2:
        pass
    return (time.monotonic() - start) / (time.thread_time() - cpu_start)


async def _blocking_log_lines(bot: Any, url: str, questions: dict[str, str]) -> list[str]:
    """Ask questions, two at a time, and return the log lines of callbacks that blocked the event loop."""
    before, load = len(bot.output), _load_factor()
    async with Sandbox.at(url, token=TOKEN) as sandbox:
        await sandbox.settings(flood=False)
        semaphore = asyncio.Semaphore(2)

        async def converse(question: str) -> None:
            async with semaphore:
                await _converse(sandbox, question)

        await asyncio.gather(*(converse(question) for question in questions.values()))
    max_seconds = MAX_BLOCKED_SECONDS * max(load, _load_factor())
    lines = bot.output[before:].splitlines()
    return [line for line in lines if (match := SLOW_CALLBACK.search(line)) and float(match[1]) > max_seconds]


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_the_loop_is_never_blocked(
    mode: str, start_bot: Callable[..., Any], own_sandbox_url: str
) -> None:
    """No message, however long and unusual, blocks the event loop for a tenth of a second."""
    port = free_port()
    address = {"PORT": str(port), "WEBHOOK_URL": f"http://{HOST}:{port}{PATH}"} if mode == "webhook" else {}
    questions = QUESTIONS | _questions_from_documents()
    slow: list[str] = []
    # Other load on the machine may delay a callback; one that blocks the loop is slow in every attempt. Each
    # attempt has a new process, because a process logs the same warning only a limited number of times.
    for _ in range(MAX_ATTEMPTS):
        bot = start_bot(
            TELEGRAM_TOKEN=TOKEN,
            TELEGRAM_API_URL=own_sandbox_url,
            TELEGRAM_MESSAGES_PER_SECOND="0",
            TELEGRAM_QUESTIONS_PER_MINUTE="0",
            SEEDS_DIR=str(DOCUMENTS),
            PYTHONASYNCIODEBUG="1",
            **address,
        )
        bot.wait_for_output("is ready", 60)
        slow = await _blocking_log_lines(bot, own_sandbox_url, questions)
        assert 0 == bot.stop()
        if not slow:
            break
    assert [] == slow
