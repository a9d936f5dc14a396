"""The queue of uploads: turns of the encoder."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.documents.collections import Collections
from bot.handlers import upload_queue
from bot.handlers.upload_queue import UploadQueue
from bot.monitoring.metrics import Metrics


class EncodedCollections(Collections):
    """Collections whose vectors take a number of turns to compute."""

    def __init__(self, root: Path, turns: dict[int, int]) -> None:
        super().__init__(root, quote_chars=300, encoder=None)
        self.turns = turns
        self.served: list[int] = []

    async def encode(self, chat: int, stop: Callable[[], bool]) -> bool:
        self.served.append(chat)
        while not stop():  # noqa: ASYNC110  # as the real one does in a thread
            await asyncio.sleep(0.001)
        self.turns[chat] -= 1
        return not self.turns[chat]


async def test_encoding_in_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chat with a long document is encoded in turns with the others, so it delays nobody."""
    monkeypatch.setattr(upload_queue, "_ENCODING_TURN_SECONDS", 0.01)
    collections = EncodedCollections(tmp_path, {1: 5, 2: 1, 3: 2})
    no_bot: Any = None
    no_library: Any = None
    queue = UploadQueue(no_bot, collections, Metrics(), no_library)
    started = time.monotonic()
    await asyncio.gather(*(queue._encode(chat) for chat in (1, 2, 3)))  # has no other entry
    assert [1, 2, 3, 1, 3, 1, 1, 1] == collections.served
    assert time.monotonic() - started < 5


async def test_missing_vectors_are_computed_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that starts computes the vectors that the one before it did not get to, and only these."""
    monkeypatch.setattr(upload_queue, "_ENCODING_TURN_SECONDS", 0.01)
    collections = EncodedCollections(tmp_path, {1: 1, 2: 1})
    for chat in (1, 2):
        collections.paths(chat).folder.mkdir()
    collections.paths(2).unencoded.touch()
    no_bot: Any = None
    no_library: Any = None
    running = asyncio.create_task(UploadQueue(no_bot, collections, Metrics(), no_library).run())
    deadline = time.monotonic() + 30
    while collections.paths(2).unencoded.exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    running.cancel()
    assert [2] == collections.served[:1]
    assert 1 not in collections.served
