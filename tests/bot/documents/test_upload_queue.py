"""The queue of uploads: turns of the encoder, captions, and uploads that another process has left."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.synchronize import Event
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.concurrency import in_thread
from bot.documents import upload_queue
from bot.documents.chat_document_store import ChatDocumentStore, locked_file
from bot.documents.upload_queue import Upload, UploadQueue
from bot.i18n.texts import texts_for
from bot.monitoring import Metrics
from bot.telegram.messaging import ChatActions
from bot.views.problems import SHOWN_FORMATS
from retrieval.documents import ingestion
from retrieval.documents.local_library import LocalLibrary
from tests.documents import mail_samples, samples
from tests.retrieval.fake_encoder import FakeEncoder

TEXTS = texts_for("en")


class EncodedChatDocuments(ChatDocumentStore):
    """ChatDocumentStore whose vectors take a number of turns to compute."""

    def __init__(self, root: Path, turns: dict[int, int]) -> None:
        super().__init__(root, quote_chars=300, encoder=None)
        self.turns = turns
        self.served: list[int] = []

    async def encode(self, chat_id: int, stop: Callable[[], bool]) -> bool:
        self.served.append(chat_id)
        await asyncio.sleep(0)  # the real one runs in a thread, so that others get their turn
        while not stop():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        self.turns[chat_id] -= 1
        return not self.turns[chat_id]


async def test_encoding_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chat with a long document is encoded in turns with the others, so it delays nobody."""
    monkeypatch.setattr(upload_queue, "_ENCODING_TURN_SECONDS", 0.01)
    chat_documents = EncodedChatDocuments(tmp_path, {1: 5, 2: 1, 3: 2})
    no_bot: Any = None
    no_library: Any = None
    for chat in (1, 2, 3):
        chat_documents.paths(chat).folder.mkdir(parents=True)
    queue = UploadQueue(no_bot, chat_documents, Metrics(), no_library, ChatActions())
    started = time.monotonic()
    await asyncio.gather(*(queue._encode(chat) for chat in (1, 2, 3)))  # has no other entry
    assert [1, 2, 3, 1, 3, 1, 1, 1] == chat_documents.served
    assert time.monotonic() - started < 5


async def test_missing_vectors_are_computed_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that starts computes the vectors that the one before it did not get to, and only these."""
    monkeypatch.setattr(upload_queue, "_ENCODING_TURN_SECONDS", 0.01)
    chat_documents = EncodedChatDocuments(tmp_path, {1: 1, 2: 1})
    for chat in (1, 2):
        chat_documents.paths(chat).folder.mkdir()
    chat_documents.paths(2).unencoded.touch()
    no_bot: Any = None
    no_library: Any = None
    running = asyncio.create_task(
        UploadQueue(no_bot, chat_documents, Metrics(), no_library, ChatActions()).run()
    )
    deadline = time.monotonic() + 30
    while chat_documents.paths(2).unencoded.exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    running.cancel()
    assert [2] == chat_documents.served[:1]
    assert 1 not in chat_documents.served


class FakeBot:
    """Telegram, where the id of a file is its content; `told` is what the bot wrote, without progress.

    `contents` has those of files that are no text, by id.
    `on_send` is called before a message is sent.
    """

    username = "verbatim_bot"

    def __init__(self) -> None:
        self.told: list[str] = []
        self.contents: dict[str, bytes] = {}
        self.on_send: Callable[[], None] = lambda: None

    async def get_file(self, file_id: str) -> Any:
        return SimpleNamespace(download_as_bytearray=lambda: self._content(file_id))

    async def _content(self, text: str) -> bytearray:
        return bytearray(self.contents.get(text, text.encode()))

    async def edit_message_text(self, text: str, **_: object) -> None:
        if not text.startswith("Reading "):
            self.told.append(text)

    async def send_message(self, _: int, text: str, **__: object) -> None:
        self.on_send()
        self.told.append(text)

    async def send_chat_action(self, *_: object, **__: object) -> None:
        return


class SlowEncoder(FakeEncoder):
    """Takes some seconds for its first texts, as the real one does, which loads its model then."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def encode_with_tokens(self, texts: Sequence[str]) -> Any:
        time.sleep(0 if self.texts else self._seconds)
        return super().encode_with_tokens(texts)


CHAT = 7
LEASE = "Either party may end this lease with a notice period of three months.\n"
QUESTION = "How long is the notice period of the lease?"


def _upload(number: int, name: str, text: str = LEASE, question: str = "") -> Upload:
    return Upload(number, CHAT, 100 + number, text, name, "en", "Ada", question)


@pytest.fixture
def bot() -> FakeBot:
    return FakeBot()


@pytest.fixture
def chat_documents(tmp_path: Path) -> ChatDocumentStore:
    return ChatDocumentStore(tmp_path / "chats", quote_chars=300, encoder=None)


@pytest.fixture
def queue(bot: Any, chat_documents: ChatDocumentStore, tmp_path: Path) -> UploadQueue:
    (tmp_path / "library").mkdir()
    library = LocalLibrary.open(tmp_path / "library")
    return UploadQueue(bot, chat_documents, Metrics(), lambda: library, ChatActions())


async def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.mark.slow
async def test_a_caption_is_answered_with_vectors(
    bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue
) -> None:
    """The bot says that it has read a small document, and answers its caption, when the vectors are there."""
    chat_documents._encoder = SlowEncoder(3)
    missing: list[int] = []

    def note() -> None:
        library = chat_documents._open[CHAT].library  # the one that answers
        missing.append(library.unencoded)

    bot.on_send = note
    upload = _upload(1, "lease.txt", question=QUESTION)
    queue.save(upload)
    queue.start(upload)
    await _until(lambda: not chat_documents.paths(CHAT).saved_uploads())
    assert TEXTS.document_read("lease.txt") == bot.told[0]
    assert [0] == missing


@pytest.mark.slow
async def test_a_caption_is_not_answered_after_a_deletion(
    bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the documents of the chat are deleted before the caption is answered, nothing is sent any more."""
    monkeypatch.setattr(upload_queue, "_MAX_VECTOR_WAIT_SECONDS", 0)
    chat_documents._encoder = SlowEncoder(2)
    upload = _upload(1, "lease.txt", question=QUESTION)
    queue.save(upload)
    queue.start(upload)
    await _until(chat_documents.paths(CHAT).question(1).exists)
    assert await in_thread(lambda: chat_documents.delete(CHAT))
    await _until(lambda: not queue._tasks)
    assert [TEXTS.document_read("lease.txt")] == bot.told
    assert not list(chat_documents.root.iterdir())


async def test_captions_wait_for_all_documents(
    bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue
) -> None:
    """The caption of an album, which Telegram puts on its first document, is answered from the others too."""
    uploads = [
        _upload(1, "house.txt", "The house has a garden with nine apple trees.\n", QUESTION),
        _upload(2, "lease.txt"),
    ]
    for upload in uploads:
        queue.save(upload)
    for upload in uploads:
        queue.start(upload)
    await _until(lambda: not chat_documents.paths(CHAT).saved_uploads())
    assert [TEXTS.document_read(name) for name in ("house.txt", "lease.txt")] == bot.told[:2]
    assert "three months" in bot.told[2]


async def test_a_caption_after_a_kill(
    bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue
) -> None:
    """A caption is answered by the next process if its document had been read already, and only once."""
    upload = _upload(1, "lease.txt", question=QUESTION)
    queue.save(upload)
    queue._is_stopping = True  # nothing runs in the background
    await queue._complete(upload)
    assert [chat_documents.paths(CHAT).question(1)] == chat_documents.paths(CHAT).saved_uploads()
    assert not queue.waiting(CHAT)
    bot.told.clear()
    running = asyncio.create_task(queue.run())
    await _until(lambda: not chat_documents.paths(CHAT).saved_uploads())
    running.cancel()
    (answer,) = bot.told
    assert "three months" in answer


async def test_what_a_caption_may_ask(
    bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue
) -> None:
    """A caption may ask for an overview of its document, or only say thanks."""
    for number, (caption, reply) in enumerate(
        [("What is this about?", TEXTS.overview_opening), ("Thank you!", TEXTS.thanked)], 1
    ):
        upload = _upload(number, f"lease-{number}.txt", question=caption)
        queue.save(upload)
        queue.start(upload)
        await _until(lambda: not chat_documents.paths(CHAT).saved_uploads())
        assert reply in bot.told[-1]


def _hold(path: Path, ready: Event, end: Event) -> None:
    with locked_file(path) as is_locked:
        assert is_locked
        ready.set()
        end.wait(30)


@pytest.mark.slow
async def test_uploads_of_a_killed_process_are_taken_over(
    bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process takes over what another has left, once that has ended, and leaves alone what it works on."""
    monkeypatch.setattr(upload_queue, "_TAKEOVER_INTERVAL_SECONDS", 0.05)
    monkeypatch.setattr(upload_queue, "_TAKEOVER_AGE_SECONDS", 0.1)
    context = multiprocessing.get_context("fork")
    ready, end = context.Event(), context.Event()
    running = asyncio.create_task(queue.run())
    await asyncio.sleep(0.1)
    queue.save(_upload(1, "lease.txt"))
    process = context.Process(target=_hold, args=(chat_documents.paths(CHAT).upload(1), ready, end))
    process.start()
    await _until(ready.is_set)
    await asyncio.sleep(0.5)
    assert not bot.told
    end.set()
    process.join()
    await _until(lambda: bot.told)
    running.cancel()
    assert [TEXTS.document_read("lease.txt")] == bot.told


@pytest.mark.slow
async def test_deleting_stops_reading(
    bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever deletes a chat's documents does not wait for a reader: it is stopped, and leaves nothing."""
    monkeypatch.setattr(ingestion, "_MAX_BYTES_IN_PROCESS", -1)
    monkeypatch.setattr(ingestion._Jobs, "schedule", _hang)
    upload = _upload(1, "lease.txt", question=QUESTION)
    queue.save(upload)
    queue.start(upload)
    await _until((chat_documents.paths(CHAT).documents / "lease.txt").exists)
    started = time.monotonic()
    assert await in_thread(lambda: chat_documents.delete(CHAT))
    assert time.monotonic() - started < 30
    await _until(lambda: not queue._tasks)
    assert not bot.told
    assert not list(chat_documents.root.iterdir())


def _hang(jobs: ingestion._Jobs, _: object) -> Any:
    return jobs.pool.schedule(time.sleep, args=(60,), timeout=90)


async def test_a_caption_that_is_no_question(
    bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue
) -> None:
    """A caption that only describes its document gets no reply, unless there is a sure one."""
    captions = [("Here you go", 0), ("Scanned on Tuesday", 0), ("notice period of the lease", 1)]
    for number, (caption, replies) in enumerate(captions, 1):
        bot.told.clear()
        upload = _upload(number, f"lease-{number}.txt", LEASE * number, caption)
        queue.save(upload)
        queue.start(upload)
        await _until(lambda: not chat_documents.paths(CHAT).saved_uploads())
        assert 1 + replies == len(bot.told), bot.told


async def test_a_refused_document(
    bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue
) -> None:
    """The caption of a document that cannot be read is answered from the others, if there are any."""
    for number, (name, text) in enumerate([("empty.txt", " \n"), ("lease.txt", LEASE), ("none.txt", "")], 1):
        upload = _upload(number, name, text, QUESTION)
        queue.save(upload)
        queue.start(upload)
        await _until(lambda: not chat_documents.paths(CHAT).saved_uploads())
    assert [
        TEXTS.document_not_added("empty.txt", TEXTS.document_is_empty),
        TEXTS.no_own_documents,
    ] == bot.told[:2]
    assert TEXTS.document_not_added("none.txt", TEXTS.document_is_empty) == bot.told[4]
    assert "three months" in bot.told[5]


async def test_uploads_of_a_group_that_has_moved(
    bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue
) -> None:
    """An upload that was not read before its group became a supergroup is read there."""
    group, supergroup = -5, -1_000_000_000_005
    queue.save(replace(_upload(1, "lease.txt"), chat=group))
    assert chat_documents.migrate(group, supergroup)
    queue.resume(supergroup)
    await _until(lambda: bot.told)
    await _until(lambda: not chat_documents.paths(supergroup).saved_uploads())
    assert [TEXTS.document_read("lease.txt")] == bot.told
    assert ["lease.txt"] == [name for name, _, _ in chat_documents.documents(supergroup)]
    assert [supergroup] == chat_documents.chats()


async def _send(queue: UploadQueue, chat_documents: ChatDocumentStore, upload: Upload) -> None:
    queue.save(upload)
    queue.start(upload)
    await _until(lambda: not chat_documents.paths(CHAT).saved_uploads())


async def test_an_archive(bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue) -> None:
    """Each file in an archive is a document of the chat, and skipped ones are listed with the reason."""
    files = {
        "lease.txt": LEASE,
        "notes/roof.txt": "The roof was mended in May.",
        "plan.dwg": "x",
        "no.txt": "",
    }
    bot.contents["Z"] = samples.make_zip(files)
    await _send(queue, chat_documents, _upload(1, "flat.zip", "Z", QUESTION))
    first, answer = bot.told
    assert first == "\n".join(
        (
            TEXTS.document_read_files("flat.zip", 2),
            "",
            TEXTS.files_left_out(2),
            f"• no.txt: {TEXTS.document_is_empty}",
            f"• plan.dwg: {TEXTS.format_not_supported(SHOWN_FORMATS)}",
        )
    )
    assert "three months" in answer
    assert "flat.zip/lease.txt" in answer
    library = await chat_documents.library(CHAT)
    assert library is not None
    assert ["@7/flat.zip/lease.txt", "@7/flat.zip/notes/roof.txt"] == [one.name for one in library.sources]
    await in_thread(lambda: chat_documents.remove(CHAT, "flat.zip"))
    assert not chat_documents.paths(CHAT).folder.exists()


async def test_a_mail(bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue) -> None:
    """The attachments of a mail are documents of the chat next to the mail."""
    bot.contents["M"] = mail_samples.mail_with({"lease.txt": LEASE.encode()})
    await _send(queue, chat_documents, _upload(1, "re.eml", "M", QUESTION))
    assert TEXTS.document_read_files("re.eml", 2) == bot.told[0]
    assert "re.eml/lease.txt" in bot.told[1]


async def test_an_archive_with_too_many_documents(
    bot: Any, chat_documents: ChatDocumentStore, queue: UploadQueue
) -> None:
    """The documents in an archive count as those of the chat; with too many, none of them is added."""
    queue._max_documents = 3
    await _send(queue, chat_documents, _upload(1, "lease.txt"))
    bot.contents["Z"] = samples.make_zip({f"{number}.txt": f"Fact {number}." for number in range(3)})
    await _send(queue, chat_documents, _upload(2, "facts.zip", "Z"))
    assert TEXTS.document_not_added("facts.zip", TEXTS.too_many_documents(3)) == bot.told[-1]
    assert ["lease.txt"] == [name for name, _, _ in chat_documents.documents(CHAT)]
    bot.contents["Y"] = samples.make_zip({f"{number}.txt": f"Fact {number}." for number in range(2)})
    await _send(queue, chat_documents, _upload(3, "facts.zip", "Y"))
    assert TEXTS.document_read_files("facts.zip", 2) == bot.told[-1]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK", TEXTS.document_is_damaged),
        (samples.make_zip({"a.exe": "x", "b.txt": ""}), TEXTS.document_is_empty),
        (samples.make_zip({"a.exe": "x"}), TEXTS.format_not_supported(SHOWN_FORMATS)),
        (samples.make_zip({"a.txt": bytes(20 * 2**20)}), TEXTS.document_is_too_large),
    ],
)
async def test_archives_without_a_document(
    bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue, data: bytes, reason: str
) -> None:
    """An archive that cannot be opened, or has nothing that can be read, is rejected with what to do."""
    bot.contents["Z"] = data
    await _send(queue, chat_documents, _upload(1, "all.zip", "Z"))
    assert [TEXTS.document_not_added("all.zip", reason)] == bot.told
    await _until(lambda: not chat_documents.paths(CHAT).folder.exists())


async def test_a_wrong_suffix(bot: FakeBot, chat_documents: ChatDocumentStore, queue: UploadQueue) -> None:
    """A file with a wrong suffix is rejected with what it is, and what to do about that in a chat."""
    await _send(queue, chat_documents, _upload(1, "page.pdf", "<!DOCTYPE html><p>Hello</p>"))
    assert [TEXTS.document_not_added("page.pdf", TEXTS.document_is_misnamed(".html"))] == bot.told
