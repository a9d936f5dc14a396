"""What a chat shows while a reply takes long: that the bot types or sends a file, and how far a job is."""

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.i18n.texts import texts_for
from sandbox.control_client import ChatClient, Sandbox
from tests.e2e.conftest import LIGHTHOUSE, TIMEOUT_SECONDS, TOKEN, Process, bot_settings, run_sandbox

pytestmark = pytest.mark.e2e

TEXTS = texts_for("en")
PRINTED = Path(__file__).parents[1] / "documents" / "printed"
# So many documents take some seconds to read.
MANY = 4_000


@dataclass(frozen=True)
class AdminBot:
    """A bot with a sandbox of its own, and the id of its admin."""

    url: str
    admin: int
    process: Process


@pytest.fixture(scope="module")
def admin_bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminBot]:
    folder = tmp_path_factory.mktemp("documents")
    shutil.copy(PRINTED / "restricted.pdf", folder / "boathouse.pdf")
    with run_sandbox() as url:
        user = {"first_name": "Nora", "language_code": "en"}
        admin = httpx.post(f"{url}/control/user", json=user, trust_env=False).json()["id"]
        process = Process.start(
            tmp_path_factory.mktemp("bot"),
            **bot_settings("polling", TELEGRAM_API_URL=url, SEEDS_DIR=str(folder)),
            TELEGRAM_ADMINS=str(admin),
        )
        try:
            process.wait_for_output("is ready")
            yield AdminBot(url, admin, process)
        finally:
            process.kill_if_running()


@pytest.fixture
async def chat(admin_bot: AdminBot) -> AsyncIterator[ChatClient]:
    """Return the chat of the admin. Check after each test that no call violated the Bot API."""
    async with Sandbox.at(admin_bot.url, token=TOKEN) as sandbox:
        last_event = (await sandbox.state())["last_event"]
        yield ChatClient(sandbox, admin_bot.admin, admin_bot.admin, last_event)
        assert [] == await sandbox.violations()
    assert "Traceback" not in admin_bot.process.output


@pytest.mark.parametrize(
    ("method", "button", "action"),
    [("sendPhoto", TEXTS.show_page, "upload_photo"), ("sendDocument", TEXTS.document, "upload_document")],
)
async def test_a_file_that_takes_long(chat: ChatClient, method: str, button: str, action: str) -> None:
    """While a picture or a document is prepared and sent, the chat shows that."""
    await chat.send("Where is the key of the boathouse?")
    answer = await chat.next_message()
    await chat.sandbox.fault(method, kind="delay", seconds=2.5)
    await answer.press(button)
    assert action == (await chat.next_event(kinds=["action", "message"]))["action"]
    assert await chat.next_message()


async def test_a_quick_answer_shows_nothing(chat: ChatClient) -> None:
    """An answer that takes less than a second shows no action."""
    await chat.send("Where is the key of the boathouse?")
    events = [await chat.next_event(kinds=["action", "message"]) for _ in range(2)]
    assert [False, True] == [event["message"]["from"]["is_bot"] for event in events]


async def test_an_upload_that_takes_long(chat: ChatClient) -> None:
    """While an upload is read, one message shows the progress, and the result in the end."""
    await chat.sandbox.fault("getFile", kind="delay", seconds=4.6)
    await chat.send_document("tower.txt", LIGHTHOUSE.encode())
    progress = await chat.next_message()
    assert TEXTS.reading_document("tower.txt") == progress.text
    edits: list[Any] = []
    while TEXTS.document_added("tower.txt") not in edits:
        edits.append((await chat.next_message(kinds=["edited_message"], timeout=TIMEOUT_SECONDS)).text)
    assert TEXTS.reading_document("tower.txt") + " 0:04" == edits[0]
    assert await chat.is_quiet()


async def test_while_the_documents_load(tmp_path: Path, own_sandbox_url: str, start_bot: Any) -> None:
    """A question that waits for the documents shows "typing", and is then answered."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(MANY):
        (folder / f"{number}.md").write_text(f"# Town {number}\n\nIts mayor is called Mayor {number}.\n" * 4)
    (folder / "lighthouse.txt").write_text(LIGHTHOUSE, encoding="utf-8")
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        chat = await sandbox.private_chat()
        await chat.send("Who built the lighthouse of Nordholm?")
        start_bot(**bot_settings("polling", TELEGRAM_API_URL=own_sandbox_url, SEEDS_DIR=str(folder)))
        event = await chat.next_event(kinds=["action"], timeout=60)
        assert "typing" == event["action"]
        assert "Clara Brandt" in (await chat.next_message(timeout=60)).text
