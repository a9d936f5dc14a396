"""The documents that come with the project."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.control_client import Sandbox

pytestmark = pytest.mark.e2e

SEEDS = Path(__file__).parents[2] / "seeds"
TOKEN = "1234567890:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


async def test_the_example_document_answers(start_bot: Callable[..., Any], own_sandbox_url: str) -> None:
    """The bot answers the example question with a verbatim quote of the article."""
    bot = start_bot(TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=own_sandbox_url, SEEDS_DIR=str(SEEDS))
    bot.wait_for_output("is ready")
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        chat = await sandbox.private_chat()
        await chat.send("How many checkpoints does Turkey have in Idlib?")
        answer = await chat.next_message()
        (quote,) = answer.entity_texts("blockquote")
        (name,) = answer.entity_texts("code")
        assert "12 checkpoints" in quote
        assert quote in (SEEDS / name).read_text(encoding="utf-8")
        assert "checkpoints" in " ".join(answer.entity_texts("bold"))
    assert 0 == bot.stop()
