"""A scanned document and a photo of a page, read by the real engine in the real bot."""

import asyncio
import base64
import time
from pathlib import Path

import pytest

from bot.i18n.texts import texts_for
from retrieval.ocr import tesseract
from sandbox.control_client import ChatClient, Sandbox
from tests.documents import scans
from tests.e2e.conftest import TIMEOUT_SECONDS, TOKEN, Process, bot_settings, run_sandbox

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not tesseract.is_available(), reason="needs Tesseract (apt install tesseract-ocr)"),
]

TEXTS = texts_for("en")
HARBOUR = [
    "The harbour of Nordholm",
    "",
    "The harbour has nine berths and a crane of forty tons. Ships",
    "that stay for more than three days pay a fee of 250 crowns.",
]
QUESTION, FACT = "How many berths does the harbour have?", "nine berths"
LIBRARY_QUESTION, LIBRARY_FACT = "Who built the mill?", "Anna Holm"


def _start(folder: Path, url: str) -> Process:
    settings = bot_settings("polling", TELEGRAM_API_URL=url, SEEDS_DIR=str(folder / "docs"))
    own = {"TELEGRAM_UPLOADS": "members", "COLLECTIONS_DIR": str(folder / "chats")}
    process = Process.start(folder, **settings, **own)
    process.wait_for_output("is ready")
    return process


async def test_a_scan_and_a_photo(tmp_path: Path) -> None:
    """Other documents are answered from first; then the scan, with its page; a photo is its sender's own."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "mill.txt").write_text("The mill of Nordholm was built by Anna Holm in 1790.\n")
    (docs / "harbour.pdf").write_bytes(scans.make_scanned_pdf([HARBOUR]))
    with run_sandbox() as url:
        process = _start(tmp_path, url)
        try:
            async with Sandbox.at(url, token=TOKEN) as sandbox:
                ada, omar = await sandbox.private_chat("Ada"), await sandbox.private_chat("Omar")
                await ada.send(LIBRARY_QUESTION)
                assert LIBRARY_FACT in (await ada.next_message()).text
                process.wait_for_output("OCR: harbour.pdf read")
                await ada.send(QUESTION)
                reply = await ada.next_message()
                assert FACT in reply.text
                assert f"{TEXTS.page('1')}{TEXTS.list_separator}{TEXTS.scanned}" in reply.text
                await reply.press(TEXTS.show_page)
                assert (await ada.next_message()).raw.get("photo")
                photo = base64.b64encode(scans.make_png(["The cat of the keeper is called Muriel."])).decode()
                await omar.send(photo={"name": "page.png", "mime": "image/png", "base64": photo})
                await omar.next_message()
                await _told(omar)
                await omar.send("What is the cat of the keeper called?")
                assert "Muriel" in (await omar.next_message()).text
                await ada.send("What is the cat of the keeper called?")
                assert "Muriel" not in (await ada.next_message()).text
        finally:
            process.kill_if_running()
    assert 1 == process.output.count("OCR: harbour.pdf read")


async def test_a_kill_while_a_scan_is_read(tmp_path: Path) -> None:
    """The next process continues with the missing pages, and informs the chat; others did not wait."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "mill.txt").write_text("The mill of Nordholm was built by Anna Holm in 1790.\n")
    others = ["The fishermen mend their nets in winter.", "Ice closes the bay.", "Coal comes from the south."]
    pages = [HARBOUR, *([other] for other in others)]
    with run_sandbox() as url:
        process = _start(tmp_path, url)
        try:
            async with Sandbox.at(url, token=TOKEN) as sandbox:
                ada = await sandbox.private_chat("Ada")
                await ada.send_document("scan.pdf", scans.make_scanned_pdf(pages), mime="application/pdf")
                await ada.next_message()
                saved = await _first_page(tmp_path)
                # A text that comes later is read first.
                await ada.send_document("cat.txt", b"The cat of the keeper is called Muriel.\n")
                assert "cat.txt" in await _told(ada)
                process.kill()
                before = saved.read_bytes()
                process = _start(tmp_path, url)
                assert "4 pages" in await _told(ada)
                assert saved.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
                assert 4 == saved.read_bytes().count(b'"page":')
                await ada.send(QUESTION)
                assert FACT in (await ada.next_message()).text
                await ada.send("/forget")
                await (await ada.next_message()).press(TEXTS.forgetting_confirmed)
                assert not saved.exists()
        finally:
            process.kill_if_running()


async def _first_page(folder: Path) -> Path:
    """Wait until OCR has saved a page of a chat's document, and return the file."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        for path in (folder / "chats").rglob("scans/*.jsonl"):
            return path
        await asyncio.sleep(0.05)
    raise TimeoutError


async def _told(chat: ChatClient) -> str:
    """Return how reading a document has ended."""
    while True:
        done = await chat.next_message(kinds=("edited_message",), timeout=TIMEOUT_SECONDS)
        if "Ask away" in done.text:
            return done.text
