"""Changes of the documents folder while the bot runs, and pages as pictures."""

import asyncio
import io
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from bot.i18n.texts import texts_for
from sandbox.control_client import MessageClient, Sandbox
from tests.e2e.conftest import LIGHTHOUSE, TOKEN

pytestmark = pytest.mark.e2e

TEXTS = texts_for("en")
PRINTED = Path(__file__).parents[1] / "documents" / "printed"
QUESTION = "Who is the harbour master of Nordholm?"
# Changes take effect within five seconds of the last write; test machines may be slower.
TIMEOUT_SECONDS = 30.0


@pytest.fixture
async def watched_folder(
    start_bot: Callable[..., Any], own_sandbox_url: str, tmp_path: Path
) -> AsyncIterator[tuple[Sandbox, Path, Any]]:
    """Start a bot on a folder of one document."""
    folder = tmp_path / "living"
    folder.mkdir()
    (folder / "lighthouse.txt").write_text(LIGHTHOUSE, encoding="utf-8")
    bot = start_bot(
        TELEGRAM_TOKEN=TOKEN,
        TELEGRAM_API_URL=own_sandbox_url,
        TELEGRAM_MESSAGES_PER_SECOND="0",
        SEEDS_DIR=str(folder),
    )
    bot.wait_for_output("is ready")
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        yield sandbox, folder, bot
    assert "Traceback" not in bot.output


async def _ask_until(sandbox: Sandbox, question: str, *words: str) -> MessageClient:
    """Ask until the answer contains any of the words."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        chat = await sandbox.private_chat()
        while True:
            await chat.send(question)
            answer = await chat.next_message()
            if any(word in answer.text for word in words):
                return answer
            await asyncio.sleep(0.1)


async def test_a_document_is_added_changed_and_removed(watched_folder: tuple[Sandbox, Path, Any]) -> None:
    """A document in the folder is quoted in its current version, until it is removed."""
    sandbox, folder, _ = watched_folder
    document = folder / "masters.md"
    for name in ("Greta Lund", "Karl Brandt"):
        document.write_text(f"# Masters\n\nThe harbour master of Nordholm is {name}.\n", encoding="utf-8")
        await _ask_until(sandbox, QUESTION, name)
    document.unlink()
    await _ask_until(sandbox, QUESTION, TEXTS.unsure_answer, TEXTS.no_answer)
    await _ask_until(sandbox, "Who built the lighthouse of Nordholm?", "Clara Brandt")


async def test_an_incomplete_document_is_not_read(watched_folder: tuple[Sandbox, Path, Any]) -> None:
    """A file that is written for seconds is read once, when it is complete."""
    sandbox, folder, bot = watched_folder
    with (folder / "slow.txt").open("w", encoding="utf-8") as file:
        for number in range(12):
            file.write(f"The {number}th bridge of Nordholm is {number} metres long.\n\n")
            file.flush()
            await asyncio.sleep(0.25)
    await _ask_until(sandbox, "How long is the 11th bridge of Nordholm?", "is 11 metres long")
    assert 2 == bot.output.count("Documents in ")


async def test_unreadable_documents_are_logged_once(
    watched_folder: tuple[Sandbox, Path, Any],
) -> None:
    """Unreadable files do not affect a good one; each is logged once."""
    sandbox, folder, bot = watched_folder
    (folder / "empty.docx").write_bytes(b"")
    shutil.copy(PRINTED / "locked.pdf", folder / "locked.pdf")
    (folder / "page.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    (folder / "good.html").write_text(
        f"<h1>Masters</h1><p>{QUESTION[7:-1]} is Greta Lund.</p>", encoding="utf-8"
    )
    await _ask_until(sandbox, QUESTION, "Greta Lund")
    (folder / "masters.txt").write_text("The ferry master of Nordholm is Karl Brandt.\n", encoding="utf-8")
    await _ask_until(sandbox, "Who is the ferry master of Nordholm?", "Karl Brandt")
    assert [1, 1, 1] == [
        bot.output.count(f"Skipped {name}: ") for name in ("empty.docx", "locked.pdf", "page.pdf")
    ]


async def test_a_page_is_shown_with_the_quote_marked(watched_folder: tuple[Sandbox, Path, Any]) -> None:
    """A quote from a PDF has its page, and a button that sends the page with the quote marked."""
    sandbox, folder, _ = watched_folder
    shutil.copy(PRINTED / "restricted.pdf", folder / "boathouse.pdf")
    answer = await _ask_until(sandbox, "Where is the key of the boathouse?", "behind the stove")
    assert "page 1" in answer.text
    assert await answer.press(TEXTS.show_page)
    photo = await answer.chat.next_message(timeout=TIMEOUT_SECONDS)
    assert "page 1" in photo.raw["caption"]
    url = f"{sandbox.url}/control/file/{photo.raw['photo'][-1]['file_id']}"
    async with httpx.AsyncClient(trust_env=False) as http:
        data = (await http.get(url)).content
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    pixels = np.asarray(picture).reshape(-1, 3).astype(int)
    yellow = (pixels[:, 0] > 220) & (pixels[:, 1] > 200) & (pixels[:, 2] < 120)
    assert yellow.sum() > 100
