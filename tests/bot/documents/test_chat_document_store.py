"""The documents of single chats on disk."""

import json
import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bot.documents.chat_document_store import AddedBy, ChatDocumentStore, ChatRecord
from retrieval.documents.library import CombinedLibrary
from retrieval.documents.local_library import LocalLibrary
from tests.retrieval.fake_encoder import FakeEncoder

CHAT, GROUP = 7, -100_000_000_0042
LEASE = "Either party may end this lease with a notice period of three months.\n"
DAY_SECONDS = 24 * 3600


@pytest.fixture
def chat_documents(tmp_path: Path) -> ChatDocumentStore:
    return _open(tmp_path / "chats")


@pytest.fixture
def shared(tmp_path: Path) -> LocalLibrary:
    folder = tmp_path / "library"
    folder.mkdir()
    (folder / "ferry.txt").write_text("The ferry to the island of Runa leaves at seven in the morning.\n")
    return LocalLibrary.open(folder)


def _open(root: Path, *, unused_days: int = 0) -> ChatDocumentStore:
    return ChatDocumentStore(root, quote_chars=300, encoder=None, unused_days=unused_days)


def _add(chat_documents: ChatDocumentStore, chat: int, name: str = "lease.txt", text: str = LEASE) -> None:
    with chat_documents.locked(chat) as paths:
        paths.documents.mkdir(parents=True, exist_ok=True)
        (paths.documents / name).write_text(text)
        chat_documents.read(chat)
        record = chat_documents.record(chat)
        added = record.added | {name: AddedBy("Ada", time.time())}
        chat_documents.write_record(chat, replace(record, added=added))


async def test_a_chat_without_documents_asks_the_library(
    chat_documents: ChatDocumentStore, shared: LocalLibrary
) -> None:
    """A chat without a collection gets the library itself, and nothing is created on disk."""
    chosen = await chat_documents.chosen_library(CHAT, shared)
    assert chosen.library is shared
    assert chosen.scope is None
    assert not chat_documents.root.exists()


@pytest.mark.parametrize("scope", ["both", "own", "library"])
async def test_scopes(chat_documents: ChatDocumentStore, shared: LocalLibrary, scope: str) -> None:
    """A chat asks what it has chosen, and the choice lasts."""
    _add(chat_documents, CHAT)
    chat_documents.set_scope(CHAT, scope)  # type: ignore[arg-type]
    chosen = await _open(chat_documents.root).chosen_library(CHAT, shared)
    assert scope == chosen.scope
    names = {"both": ["@7/lease.txt", "ferry.txt"], "own": ["@7/lease.txt"], "library": ["ferry.txt"]}
    assert names[scope] == [source.name for source in chosen.library.sources]


async def test_another_process_sees_changes(chat_documents: ChatDocumentStore, shared: LocalLibrary) -> None:
    """What one process adds or removes, another sees with its next question."""
    other = _open(chat_documents.root)
    _add(chat_documents, CHAT)
    assert isinstance((await other.chosen_library(CHAT, shared)).library, CombinedLibrary)
    _add(chat_documents, CHAT, "second.txt", LEASE.replace("three", "nine"))
    library = await other.library(CHAT)
    assert library is not None
    assert 2 == len(library.sources)
    chat_documents.remove(CHAT, "lease.txt")
    library = await other.library(CHAT)
    assert library is not None
    assert ["@7/second.txt"] == [source.name for source in library.sources]
    chat_documents.delete(CHAT)
    assert (await other.chosen_library(CHAT, shared)).library is shared


def test_records_are_kept_in_memory(
    chat_documents: ChatDocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is noted about a collection is read from disk only after a change, also by another process."""
    _add(chat_documents, CHAT)
    other = _open(chat_documents.root)
    assert "both" == chat_documents.record(CHAT).scope == other.record(CHAT).scope
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", None)
        assert "both" == chat_documents.record(CHAT).scope
    other.set_scope(CHAT, "own")
    assert "own" == chat_documents.record(CHAT).scope
    other.delete(CHAT)
    assert ChatRecord() == chat_documents.record(CHAT)


async def test_a_chat_that_was_deleted_stays_deleted(tmp_path: Path) -> None:
    """Whoever asks for the documents of a chat without any, or encodes them, leaves no file."""
    chat_documents = ChatDocumentStore(tmp_path / "chats", quote_chars=300, encoder=FakeEncoder())
    _add(chat_documents, CHAT)
    chat_documents.delete(CHAT)
    assert await chat_documents.library(CHAT) is None
    assert await chat_documents.encode(CHAT, lambda: False)
    assert not list(chat_documents.root.iterdir())


async def test_a_document_added_while_encoding(tmp_path: Path) -> None:
    """Encoding is not complete if a document came in during it."""
    chat_documents = ChatDocumentStore(tmp_path / "chats", quote_chars=300, encoder=FakeEncoder())
    _add(chat_documents, CHAT)

    def stop() -> bool:
        _add(chat_documents, CHAT, "other.txt", "The cat of the house is called Minka.\n")
        return False

    assert not await chat_documents.encode(CHAT, stop)
    assert await chat_documents.encode(CHAT, lambda: False)
    library = await chat_documents.library(CHAT)
    assert library is not None
    assert (2, 0) == (len(library.sources), library.unencoded)


def test_unfinished_files_leave_the_documents(chat_documents: ChatDocumentStore) -> None:
    """A file that a killed process left half written is deleted with the next change."""
    _add(chat_documents, CHAT)
    _add(chat_documents, CHAT, "other.txt")
    left = chat_documents.paths(CHAT).documents / ".new-abcd"
    left.write_text(LEASE)
    chat_documents.remove(CHAT, "lease.txt")
    assert not left.exists()


async def test_a_damaged_collection_is_read_again(
    chat_documents: ChatDocumentStore, shared: LocalLibrary
) -> None:
    """A damaged index is made again from the documents; a damaged record costs the choice, not an answer."""
    _add(chat_documents, CHAT)
    paths = chat_documents.paths(CHAT)
    for file in paths.index.rglob("*.json"):
        file.write_bytes(b"damaged")
    paths.record.write_bytes(b"{")
    chosen = await _open(chat_documents.root).chosen_library(CHAT, shared)
    assert ["@7/lease.txt", "ferry.txt"] == [source.name for source in chosen.library.sources]


async def test_an_unreadable_collection_costs_no_answer(
    chat_documents: ChatDocumentStore, shared: LocalLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a collection cannot be opened, the chat still asks the library."""
    _add(chat_documents, CHAT)

    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(LocalLibrary, "load", fail)
    assert (await _open(chat_documents.root).chosen_library(CHAT, shared)).library is shared


def test_removing_and_deleting_leave_nothing(chat_documents: ChatDocumentStore) -> None:
    """With its last document a collection is gone; deleting leaves no byte, and other chats keep theirs."""
    _add(chat_documents, CHAT)
    chat_documents.remove(CHAT, "lease.txt")
    assert not list(chat_documents.root.iterdir())
    _add(chat_documents, CHAT)
    _add(chat_documents, GROUP)
    assert chat_documents.delete(CHAT)
    assert not chat_documents.delete(CHAT)
    assert [GROUP] == chat_documents.chats()
    assert not [path for path in chat_documents.root.rglob("*") if str(CHAT) in path.name.split(".")]
    assert 1 == chat_documents.size(GROUP).files


def test_texts_of_a_killed_process_are_deleted(chat_documents: ChatDocumentStore) -> None:
    """What a process left that was killed while it read is gone once the next document is removed."""
    _add(chat_documents, CHAT)
    _add(chat_documents, CHAT, "other.txt")
    abandoned = chat_documents.paths(CHAT).index / ".new-killed"
    abandoned.mkdir()
    (abandoned / "a.segment").write_text(LEASE)
    chat_documents.remove(CHAT, "lease.txt")
    assert not abandoned.exists()
    assert ["other.txt"] == [name for name, _, _ in chat_documents.documents(CHAT)]


def test_groups_left_and_unused_chats_are_deleted(tmp_path: Path) -> None:
    """A group's documents are deleted a day after it was left; a chat's after the days of the settings."""
    chat_documents = _open(tmp_path / "chats", unused_days=30)
    for chat in (CHAT, GROUP, 9):
        _add(chat_documents, chat)
        chat_documents.note_use(chat)
    chat_documents.set_left(GROUP, has_left=True)
    assert 0 == chat_documents.delete_due()
    chat_documents.set_left(GROUP, has_left=False)
    old = time.time() - 31 * DAY_SECONDS
    os.utime(chat_documents.paths(9).used, (old, old))
    record = chat_documents.record(GROUP)
    chat_documents.write_record(GROUP, replace(record, left_at=time.time() - 2 * DAY_SECONDS))
    assert 2 == chat_documents.delete_due()
    assert [CHAT] == chat_documents.chats()


async def test_migrating(chat_documents: ChatDocumentStore, shared: LocalLibrary) -> None:
    """A group that becomes a supergroup keeps its documents, choice and who added them."""
    _add(chat_documents, -5)
    chat_documents.set_scope(-5, "own")
    chat_documents.migrate(-5, GROUP)
    chat_documents.migrate(-5, GROUP)
    chosen = await chat_documents.chosen_library(GROUP, shared)
    assert [f"@{GROUP}/lease.txt"] == [source.name for source in chosen.library.sources]
    assert "own" == chosen.scope
    assert "Ada" == chat_documents.record(GROUP).added["lease.txt"].person
    assert not chat_documents.exists(-5)


def _hold(root: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with _open(root).locked(CHAT):
        ready.set()
        time.sleep(0.5)


def test_one_writer_at_a_time(chat_documents: ChatDocumentStore) -> None:
    """The lock of a collection excludes other processes, also when the collection is then deleted."""
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=_hold, args=(chat_documents.root, ready))
    process.start()
    assert ready.wait(5)
    started = time.monotonic()
    assert not chat_documents.delete(CHAT)
    assert time.monotonic() - started > 0.2
    process.join()
    with chat_documents.locked(CHAT):
        assert chat_documents.paths(CHAT).lock.exists()


async def test_few_are_open(chat_documents: ChatDocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limited number of collections is open at a time; the one used longest ago is closed first."""
    monkeypatch.setattr("bot.documents.chat_document_store._MAX_OPEN_LIBRARIES", 2)
    for chat in (1, 2, 3):
        _add(chat_documents, chat)
        await chat_documents.library(chat)
    assert [2, 3] == list(chat_documents._open)  # whether one is open has no other effect


def test_removed_documents_leave_the_index(chat_documents: ChatDocumentStore) -> None:
    """The text of a removed or replaced document does not stay in a segment until it is merged."""
    with chat_documents.locked(CHAT) as paths:
        paths.documents.mkdir(parents=True)
        for number in range(40):
            (paths.documents / f"{number}.txt").write_text(f"Clause {number} of this lease is about cats.\n")
        chat_documents.read(CHAT)
        chat_documents.write_record(CHAT, chat_documents.record(CHAT))
    chat_documents.remove(CHAT, "7.txt")
    with chat_documents.locked(CHAT) as paths:
        (paths.documents / "8.txt").write_text("Clause 8 is about dogs now.\n")
        library = chat_documents.read(CHAT)
    assert 39 == len(library.sources)
    (manifest,) = chat_documents.paths(CHAT).index.glob("*/manifest.json")
    entries = json.loads(manifest.read_bytes().rpartition(b"\n")[0])["segments"]
    assert [[] for _ in entries] == [entry["gone"] for entry in entries]
    files = {path.name for path in manifest.parent.glob("*.segment")}
    assert {entry["file"] for entry in entries} == files
