"""Starting and stopping, and the errors for an operator."""

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.i18n.texts import texts_for
from sandbox.control_client import Sandbox

pytestmark = pytest.mark.e2e

TEXTS = texts_for("en")
TOKEN = "1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
QUESTION = "Who built the lighthouse of Nordholm?"
FACT = "The lighthouse of Nordholm was built in 1874 by the engineer Clara Brandt.\n"

StartBot = Callable[..., Any]


def _one_line(output: str) -> str:
    """Return the only line of an output."""
    (line,) = output.splitlines()
    assert "Traceback" not in line
    return line


def test_missing_token(start_bot: StartBot, tmp_path: Path) -> None:
    """A missing token is one line that says where to get one, with exit code 2."""
    bot = start_bot(SEEDS_DIR=str(tmp_path))
    assert 2 == bot.wait()
    assert "TELEGRAM_TOKEN is not set: get a token from @BotFather" in _one_line(bot.output)


def test_bad_setting(start_bot: StartBot) -> None:
    """An invalid setting is one line with its name and value, with exit code 2."""
    bot = start_bot(TELEGRAM_TOKEN=TOKEN, QUOTE_CHARS="many")
    assert 2 == bot.wait()
    assert "QUOTE_CHARS=many: expected a whole number" == _one_line(bot.output)


@pytest.mark.parametrize("level", ["DEBUG", "ERROR"])
def test_wrong_token(start_bot: StartBot, sandbox_url: str, tmp_path: Path, level: str) -> None:
    """An unknown token is one line without the token, with exit code 1."""
    wrong = "1234567890:BBBdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
    bot = start_bot(
        TELEGRAM_TOKEN=wrong, TELEGRAM_API_URL=sandbox_url, SEEDS_DIR=str(tmp_path), LOG_LEVEL=level
    )
    assert 1 == bot.wait()
    # A thread may still log for debugging.
    lines = [line for line in bot.output.splitlines() if " DEBUG " not in line]
    assert "Telegram does not know TELEGRAM_TOKEN: check it with @BotFather" in lines[-1]
    assert "Traceback" not in bot.output
    assert wrong.partition(":")[2] not in bot.output


def test_missing_folder(start_bot: StartBot, tmp_path: Path) -> None:
    """A missing documents folder is one line, with exit code 2."""
    bot = start_bot(TELEGRAM_TOKEN=TOKEN, SEEDS_DIR=str(tmp_path / "none"))
    assert 2 == bot.wait()
    assert "none" in _one_line(bot.output)


def test_unreachable_telegram(start_bot: StartBot, tmp_path: Path) -> None:
    """Without a network the log has one line without traceback or token, and a stop ends the bot at once."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    bot = start_bot(TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=url, SEEDS_DIR=str(tmp_path), LOG_LEVEL="DEBUG")
    bot.wait_for_output(f"Telegram cannot be reached at {url}; trying again")
    time.sleep(2.5)
    assert 1 == bot.output.count("cannot be reached")
    assert "Traceback" not in bot.output
    assert TOKEN.partition(":")[2] not in bot.output
    assert 0 == bot.stop()


def test_telegram_is_reachable_later(start_bot: StartBot, tmp_path: Path) -> None:
    """The bot waits for a Telegram server that becomes reachable a little later."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    bot = start_bot(
        TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=f"http://127.0.0.1:{port}", SEEDS_DIR=str(tmp_path)
    )
    bot.wait_for_output("trying again")
    asyncio.run(_check_late_telegram(port, bot))


async def _check_late_telegram(port: int, bot: Any) -> None:
    async with Sandbox.start(token=TOKEN, arguments=("--empty", "--port", str(port))) as sandbox:
        await sandbox.connected()
        chat = await sandbox.private_chat()
        await chat.send("/help")
        assert TEXTS.help == (await chat.next_message()).text
        assert 0 == await asyncio.to_thread(bot.stop)


async def test_no_documents(start_bot: StartBot, own_sandbox_url: str, tmp_path: Path) -> None:
    """With an empty folder the bot runs, and replies that it has no documents yet."""
    (tmp_path / "empty").mkdir()
    bot = start_bot(TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=own_sandbox_url, SEEDS_DIR=str(tmp_path / "empty"))
    bot.wait_for_output("is ready")
    assert "empty has no document that can be read" in bot.output
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        for text in (QUESTION, "/sources"):
            chat = await sandbox.private_chat()
            await chat.send(text)
            assert TEXTS.no_documents == (await chat.next_message()).text
    assert 0 == bot.stop()


async def test_unreadable_files_do_not_affect_good_ones(
    start_bot: StartBot, own_sandbox_url: str, tmp_path: Path
) -> None:
    """A binary named .txt and an unreadable file are named in the log; the good document answers."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "good.txt").write_text(FACT, encoding="utf-8")
    (folder / "binary.txt").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 20)
    (folder / "locked.txt").write_text("secret", encoding="utf-8")
    (folder / "locked.txt").chmod(0)
    bot = start_bot(TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=own_sandbox_url, SEEDS_DIR=str(folder))
    bot.wait_for_output("is ready")
    assert "Skipped binary.txt: " in bot.output
    # Root can read every file.
    assert ("Skipped locked.txt: " in bot.output) is (os.geteuid() != 0)
    assert "Traceback" not in bot.output
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        chat = await sandbox.private_chat()
        await chat.send(QUESTION)
        assert "Clara Brandt" in (await chat.next_message()).text


async def test_stopping_is_quick_and_loses_no_question(
    start_bot: StartBot, own_sandbox_url: str, documents: Path
) -> None:
    """SIGTERM ends the process with 0; later questions are answered once, by the next process."""
    environment = {
        "TELEGRAM_TOKEN": TOKEN,
        "TELEGRAM_API_URL": own_sandbox_url,
        "SEEDS_DIR": str(documents),
        "LOG_FORMAT": "json",
    }
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        chat = await sandbox.private_chat()
        first = start_bot(**environment)
        first.wait_for_output("is ready")
        await chat.send("/help")
        await chat.next_message()
        start = time.monotonic()
        assert 0 == first.stop()
        assert time.monotonic() - start < 3
        assert [] == await sandbox.unconfirmed()
        assert all(json.loads(line)["level"] == "INFO" for line in first.output.splitlines())
        await chat.send("/help")
        second = start_bot(**environment)
        assert TEXTS.help == (await chat.next_message(timeout=20)).text
        assert 0 == second.stop()
        assert [] == await sandbox.unconfirmed()


async def test_an_update_is_confirmed_only_when_answered(
    start_bot: StartBot, own_sandbox_url: str, documents: Path
) -> None:
    """While an answer is delayed its update stays unconfirmed, and other chats are answered."""
    bot = start_bot(TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=own_sandbox_url, SEEDS_DIR=str(documents))
    bot.wait_for_output("is ready")
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        slow, quick = await sandbox.private_chat("Ada"), await sandbox.private_chat("Omar")
        await sandbox.fault("sendMessage", kind="delay", seconds=1.5, chat_id=slow.id)
        await slow.send("/help")
        await quick.send("/help")
        assert TEXTS.help == (await quick.next_message(timeout=1.4)).text
        assert await sandbox.unconfirmed()
        assert TEXTS.help == (await slow.next_message()).text
        assert 0 == bot.stop()
        assert [] == await sandbox.unconfirmed()


async def test_two_processes_at_a_time(start_bot: StartBot, own_sandbox_url: str, documents: Path) -> None:
    """With two processes, as during a deploy, each logs one warning at most, and questions are answered."""
    bot = start_bot(TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=own_sandbox_url, SEEDS_DIR=str(documents))
    bot.wait_for_output("is ready")
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        await sandbox.fault("getUpdates", kind="error", status=409, description="Conflict: other")
        chat = await sandbox.private_chat()
        await chat.send("/help")
        await chat.next_message()
        await chat.send("/help")
        await chat.next_message()
        assert bot.output.count("Another process takes the updates") == 1
    assert 0 == bot.stop()
