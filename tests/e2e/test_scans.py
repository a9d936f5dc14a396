"""A scanned document and a photo of a page, read by the real engine in the real bot."""

import base64
from pathlib import Path

import pytest

from bot.i18n.messages import texts_for
from retrieval.ocr import tesseract
from sandbox.client import Sandbox
from tests.documents import scans
from tests.e2e.conftest import TOKEN, Process, bot_settings, run_sandbox

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
    process.wait_for_output("is listening")
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
                done = await omar.next_message(kinds=("edited_message",), timeout=60)
                while "Ask away" not in done.text:
                    done = await omar.next_message(kinds=("edited_message",), timeout=60)
                await omar.send("What is the cat of the keeper called?")
                assert "Muriel" in (await omar.next_message()).text
                await ada.send("What is the cat of the keeper called?")
                assert "Muriel" not in (await ada.next_message()).text
        finally:
            process.kill_if_running()
    assert 1 == process.output.count("OCR: harbour.pdf read")
