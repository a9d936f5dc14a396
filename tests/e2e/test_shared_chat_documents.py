"""Two webhook processes that share the documents of chats: what one does, the other sees."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.i18n.texts import texts_for
from sandbox.control_client import ChatClient, Sandbox
from tests.e2e.balancer import balance
from tests.e2e.chat_documents import FACT, add_document, ask, large_document, read_message
from tests.e2e.conftest import TIMEOUT_SECONDS, Process, bot_settings, free_port

pytestmark = pytest.mark.e2e

TEXTS = texts_for("en")


@dataclass
class Pair:
    """Two processes with folders of their own, behind one address; the collections are shared."""

    url: str
    folder: Path
    documents: Path
    ports: tuple[int, int]
    public_port: int
    processes: list[Process]

    @property
    def chats(self) -> Path:
        return self.folder / "chats"

    def start(self, number: int) -> Process:
        folder = self.folder / f"{number}-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        settings = bot_settings("polling", TELEGRAM_API_URL=self.url, SEEDS_DIR=str(self.documents))
        process = Process.start(
            folder,
            **settings,
            PORT=str(self.ports[number]),
            WEBHOOK_URL=f"http://127.0.0.1:{self.public_port}/telegram",
            TELEGRAM_UPLOADS="members",
            COLLECTIONS_DIR=str(self.chats),
        )
        self.processes.append(process)
        process.wait_for_output("is ready")
        return process


@pytest.fixture
def pair(own_sandbox_url: str, documents: Path, tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(own_sandbox_url, tmp_path, documents, (free_port(), free_port()), free_port(), [])
    yield pair
    for process in pair.processes:
        process.kill_if_running()


async def test_what_one_process_does_the_other_sees(pair: Pair) -> None:
    """Documents sent to one process answer in the other, and are gone there once the first deleted them."""
    async with balance(pair.public_port, list(pair.ports)) as switch, Sandbox.at(pair.url) as sandbox:
        for number in (0, 1):
            await asyncio.to_thread(pair.start, number)
        ada, omar = await sandbox.private_chat("Ada"), await sandbox.private_chat("Omar")
        await _send_to(pair.ports[0], switch, sandbox)
        await add_document(ada)
        assert FACT in (await ask(ada)).text
        await _send_to(pair.ports[1], switch, sandbox)
        assert FACT in (await ask(ada)).text
        assert FACT not in (await ask(omar)).text
        await add_document(ada, "other.txt", b"The cat of the house is called Minka, and she is nine.\n")
        await (await ask(ada, "/mine")).press(TEXTS.scope_own)
        await _send_to(pair.ports[0], switch, sandbox)
        reply = await ask(ada, "What is the cat of the house called?")
        assert "Minka" in reply.text
        assert TEXTS.searched_own in reply.text
        await (await ask(ada, "/forget")).press(TEXTS.forgetting_confirmed)
        await _send_to(pair.ports[1], switch, sandbox)
        assert FACT not in (await ask(ada)).text
        assert TEXTS.no_own_documents == (await ask(ada, "/mine")).text
        assert not [path for path in pair.chats.rglob("*") if str(ada.id) in str(path)]


async def test_forgetting_stops_the_other_process(pair: Pair) -> None:
    """/forget in one process stops the other one, which is reading a long document, and leaves no byte."""
    async with balance(pair.public_port, list(pair.ports)) as switch, Sandbox.at(pair.url) as sandbox:
        for number in (0, 1):
            await asyncio.to_thread(pair.start, number)
        ada = await sandbox.private_chat("Ada")
        await _send_to(pair.ports[0], switch, sandbox)
        shown = await _start_reading(ada, pair, 100_000)
        await _send_to(pair.ports[1], switch, sandbox)
        question = await ask(ada, "/forget")
        started = time.monotonic()
        await question.press(TEXTS.forgetting_confirmed, timeout=TIMEOUT_SECONDS)
        assert time.monotonic() - started < 5
        assert not [path for path in pair.chats.rglob("*") if str(ada.id) in str(path)]
        assert FACT not in (await ask(ada)).text
        await asyncio.sleep(3)
        texts = {message.id: message.text for message in await ada.messages()}
        assert [TEXTS.forgotten] * 2 == [texts[shown], texts[question.id]]
        assert not [path for path in pair.chats.rglob("*") if str(ada.id) in str(path)]


async def test_a_kill_while_the_other_serves(pair: Pair) -> None:
    """If a process is killed while it reads, the other answers at once, and the next one completes it."""
    async with balance(pair.public_port, list(pair.ports)) as switch, Sandbox.at(pair.url) as sandbox:
        for number in (0, 1):
            await asyncio.to_thread(pair.start, number)
        ada = await sandbox.private_chat("Ada")
        await _send_to(pair.ports[0], switch, sandbox)
        await add_document(ada)
        shown = await _start_reading(ada, pair, 20_000)
        pair.processes[0].kill()
        await _send_to(pair.ports[1], switch, sandbox)
        assert FACT in (await ask(ada)).text
        await asyncio.to_thread(pair.start, 0)
        edited = await read_message(ada)
        assert (shown, TEXTS.document_read("large.html")) == (edited.id, edited.text)
        assert "flat 17 pays 119 euros" in (await ask(ada, "How much does the tenant of flat 17 pay?")).text
        assert not list(pair.chats.rglob("uploads/*"))


async def _send_to(port: int, switch: Callable[[int], None], sandbox: Sandbox) -> None:
    """Let one process get all updates from now on; one that is being delivered would arrive twice."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while await sandbox.unconfirmed():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    switch(port)


async def _start_reading(chat: ChatClient, pair: Pair, clauses: int) -> int:
    """Send a document that takes long to read, and return the message that shows its progress."""
    await chat.send_document("large.html", large_document(clauses))
    shown = await chat.next_message()
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not list(pair.chats.rglob("files/*/large.html")):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    return shown.id
