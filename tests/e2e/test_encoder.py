"""The bot with a sentence encoder: it answers at once, and computes vectors in the background."""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from retrieval.embeddings.encoder import is_installed
from sandbox.control_client import Sandbox
from tests.e2e.conftest import LIGHTHOUSE, TOKEN, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not is_installed(), reason="no encoder is installed")]

QUESTION = "Who built the lighthouse of Nordholm?"


async def _texts_without_vector(port: int) -> int:
    async with httpx.AsyncClient(trust_env=False) as http:
        page = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    (value,) = re.findall(r"^verbatim_texts_without_vector (\S+)$", page, re.MULTILINE)
    return round(float(value))


async def test_vectors_are_computed_in_the_background(
    start_bot: Callable[..., Any], own_sandbox_url: str, tmp_path: Path
) -> None:
    """Questions are answered during and after encoding, new documents are encoded, and a stop is quick."""
    folder, port = tmp_path / "living", free_port()
    folder.mkdir()
    (folder / "lighthouse.txt").write_text(LIGHTHOUSE, encoding="utf-8")
    bot = start_bot(
        TELEGRAM_TOKEN=TOKEN,
        TELEGRAM_API_URL=own_sandbox_url,
        TELEGRAM_MESSAGES_PER_SECOND="0",
        TELEGRAM_QUESTIONS_PER_MINUTE="0",
        SEEDS_DIR=str(folder),
        MEANING="auto",
        PORT=str(port),
    )
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        bot.wait_for_output("is ready")
        chat = await sandbox.private_chat()
        await chat.send(QUESTION)
        assert "Clara Brandt" in (await chat.next_message()).text
        bot.wait_for_output("Sentence encoder: all texts encoded")
        assert 0 == await _texts_without_vector(port)
        lines = (
            f"In the year {1000 + year} the harbour had {year} boats and a keeper.\n" for year in range(900)
        )
        (folder / "harbour.txt").write_text("\n".join(lines), encoding="utf-8")
        deadline = time.monotonic() + 30
        while not await _texts_without_vector(port):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        for year in (301, 302):
            await chat.send(f"How many boats were there in {1000 + year}?")
            assert f"{year} boats" in (await chat.next_message()).text
        start = time.monotonic()
        assert 0 == bot.stop()
        assert time.monotonic() - start < 8
    assert "Traceback" not in bot.output
