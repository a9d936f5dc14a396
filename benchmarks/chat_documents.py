"""Many chats with documents of their own: memory of the open ones, and the time of a first answer."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.memory import resident_bytes
from benchmarks.table import Table
from bot.documents.chat_document_store import ChatDocumentStore, ChatRecord
from retrieval.documents.local_library import LocalLibrary

if TYPE_CHECKING:
    from retrieval.documents.library import SingleLibrary

CHATS = 1_000
_DOCUMENTS_PER_CHAT = 3
_ACTIVE_CHATS = 100
_PARAGRAPHS = 8
_PARAGRAPH_WORDS = 60
_QUESTION_WORDS = 5
_MAX_COLD_SECONDS = 0.3


def chat_documents(chats: int = CHATS) -> Table:
    """Measure answers to 100 chats among many, each asked once when closed and once when open."""
    source = Path(__file__).parents[1] / "tests" / "eval" / "documents"
    words = [word for file in sorted(source.rglob("*.txt")) for word in file.read_text("utf-8").split()]
    rng = random.Random(1)  # noqa: S311  # not for security
    with tempfile.TemporaryDirectory() as root:
        library_folder = Path(root, "library")
        library_folder.mkdir()
        (library_folder / "shared.txt").write_text(_text(rng, words), "utf-8")
        shared = LocalLibrary.open(library_folder)
        store = ChatDocumentStore(Path(root, "chats"), quote_chars=300, encoder=None)
        for chat in range(1, chats + 1):
            _write_collection(store, chat, rng, words)
        before = resident_bytes(os.getpid())
        asked = rng.sample(range(1, chats + 1), min(_ACTIVE_CHATS, chats))
        questions = [(chat, " ".join(rng.choices(words, k=_QUESTION_WORDS))) for chat in asked]
        cold, warm = asyncio.run(_ask(store, shared, questions))
        grown = resident_bytes(os.getpid()) - before
    return Table(
        f"{chats:,} chats with {_DOCUMENTS_PER_CHAT} documents each, {len(asked)} of them asking",
        [
            ("", "median ms", "95 % ms"),
            (f"first answer (goal: under {_MAX_COLD_SECONDS * 1000:.0f})", *_milliseconds(cold)),
            ("second answer", *_milliseconds(warm)),
        ],
        (f"Memory for {len(asked)} open chats: {grown / 2**20:.1f} MB",),
    )


def _write_collection(store: ChatDocumentStore, chat: int, rng: random.Random, words: list[str]) -> None:
    with store.locked(chat) as paths:
        paths.documents.mkdir(parents=True)
        for number in range(_DOCUMENTS_PER_CHAT):
            (paths.documents / f"{number}.txt").write_text(_text(rng, words), "utf-8")
        store.read(chat)
        store.write_record(chat, ChatRecord())


def _text(rng: random.Random, words: list[str]) -> str:
    paragraphs = (" ".join(rng.choices(words, k=_PARAGRAPH_WORDS)) for _ in range(_PARAGRAPHS))
    return "\n\n".join(paragraphs)


async def _ask(
    store: ChatDocumentStore, shared: SingleLibrary, questions: list[tuple[int, str]]
) -> tuple[list[float], list[float]]:
    """Return the seconds of the first and of the second answer to each chat."""
    cold: list[float] = []
    warm: list[float] = []
    for chat, question in questions:
        for times in (cold, warm):
            start = time.perf_counter()
            chosen = await store.chosen_library(chat, shared)
            # The words differ, so that the answer is not cached.
            await chosen.library.answer(question + " again" * (times is warm))
            times.append(time.perf_counter() - start)
    return cold, warm


def _milliseconds(seconds: list[float]) -> tuple[str, str]:
    ordered = sorted(seconds)
    return tuple(f"{ordered[int(len(ordered) * share)] * 1000:.1f}" for share in (0.5, 0.95))  # type: ignore[return-value]  # two shares
