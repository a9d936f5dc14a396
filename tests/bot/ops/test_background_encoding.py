"""Vectors that are made beside answering."""

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from bot.ops import background_encoding
from bot.ops.background_encoding import BackgroundEncoding
from bot.ops.metrics import Metrics
from retrieval.documents.library import Library
from retrieval.embeddings.encoder import Vectors
from retrieval.errors import EncoderError
from tests.retrieval.fake_encoder import FakeEncoder

SOON = 10.0
GAUGE = "verbatim_texts_without_vector"


class Encoder(FakeEncoder):
    """Waits before each batch until it is let through; `priorities` are those of the threads it ran in."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)
        self.waiting = threading.Event()
        self.priorities: list[int] = []

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        self.waiting.set()
        assert self.gate.acquire(timeout=SOON)
        if sys.platform == "linux":
            self.priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return super().encode_passages(texts)


class Broken(FakeEncoder):
    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        raise EncoderError(f"{len(texts)} texts are too many")


@contextlib.asynccontextmanager
async def _running(background: BackgroundEncoding) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(background.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + SOON
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def _fill(folder: Path, first: int, last: int) -> None:
    for number in range(first, last):
        (folder / f"{number}.txt").write_text(f"Room {number}\n\nThe room has {number} chairs.\n")
        os.utime(folder / f"{number}.txt", (1e9, 1e9))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _fill(tmp_path, 0, 20)
    return tmp_path


def _left(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value(GAUGE)


async def test_missing_vectors_are_made(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All vectors are made in a thread of low priority; the log has the beginning and the end."""
    encoder, metrics = Encoder(), Metrics()
    library = Library.open(folder, encoder=encoder)
    texts = library.encodable
    background = BackgroundEncoding(metrics)
    with caplog.at_level(logging.INFO):
        async with _running(background):
            background.take(library)
            await asyncio.to_thread(encoder.waiting.wait, SOON)
            assert texts == _left(metrics)
            assert (await library.answer("How many chairs has room 7?")).citations
            for _ in range(texts):
                encoder.gate.release()
            await _until(lambda: not library.unencoded and _left(metrics) == 0)
            await _until(lambda: len(caplog.messages) > 1)
    assert [
        f"Comparing meanings: {texts} texts have no vector yet",
        f"Comparing meanings: all texts have vectors, {texts} of them new",
    ] == caplog.messages
    if sys.platform == "linux":
        assert {10} == set(encoder.priorities)
        assert 10 > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


async def test_progress_is_logged_now_and_then(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """While it takes long the log tells how far it is."""
    monkeypatch.setattr(background_encoding, "_LOG_INTERVAL_SECONDS", 0.0)
    library = Library.open(folder, encoder=FakeEncoder())
    texts = library.encodable
    background = BackgroundEncoding(Metrics())
    with caplog.at_level(logging.INFO):
        async with _running(background):
            background.take(library)
            await _until(lambda: "all texts" in caplog.text)
    assert f"Comparing meanings: 16 of {texts} texts" == caplog.messages[1]


async def test_nothing_is_missing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where all has vectors, or meaning is not compared, nothing is said."""
    whole = Library.open(folder, encoder=FakeEncoder())
    whole.encode()
    metrics = Metrics()
    background = BackgroundEncoding(metrics)
    metrics.unencoded(7)
    with caplog.at_level(logging.INFO):
        async with _running(background):
            for library in (whole, Library.open(folder)):
                background.take(library)
                await _until(lambda: _left(metrics) == 0)
                metrics.unencoded(7)
    assert [] == caplog.messages


async def test_another_library_takes_over(folder: Path) -> None:
    """When documents change, work for the old library stops after its batch and the new one is next."""
    encoder, background = Encoder(), BackgroundEncoding(Metrics())
    before = Library.open(folder, encoder=encoder)
    async with _running(background):
        background.take(before)
        await asyncio.to_thread(encoder.waiting.wait, SOON)
        _fill(folder, 20, 30)
        after = Library.open(folder, before=before)
        background.take(after)
        for _ in range(after.encodable):
            encoder.gate.release()
        await _until(lambda: not after.unencoded)
    assert after.encodable == len(encoder.texts) == len(set(encoder.texts))


async def test_it_ends_soon(folder: Path) -> None:
    """Told to stop it waits for the batch that is under way, which is kept, and begins no other."""
    encoder, background = Encoder(), BackgroundEncoding(Metrics())
    library = Library.open(folder, encoder=encoder)
    texts = library.encodable
    async with _running(background) as task:
        background.take(library)
        await asyncio.to_thread(encoder.waiting.wait, SOON)
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        encoder.gate.release()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert texts - 16 == library.unencoded


async def test_a_batch_that_takes_too_long_is_not_waited_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is told to stop ends also when a batch does not."""
    monkeypatch.setattr(background_encoding, "_STOP_TIMEOUT_SECONDS", 0.05)
    encoder, background = Encoder(), BackgroundEncoding(Metrics())
    async with _running(background) as task:
        background.take(Library.open(folder, encoder=encoder))
        await asyncio.to_thread(encoder.waiting.wait, SOON)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    encoder.gate.release()


async def test_an_encoder_that_fails(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What goes wrong is one line in the log, and the next library is tried again."""
    background = BackgroundEncoding(Metrics())
    good = Library.open(folder, encoder=FakeEncoder())
    async with _running(background):
        background.take(Library.open(folder, encoder=Broken()))
        await _until(lambda: caplog.messages)
        background.take(good)
        await _until(lambda: not good.unencoded)
    assert [
        "Meanings cannot be compared (16 texts are too many): answers are found by words alone"
    ] == caplog.messages
