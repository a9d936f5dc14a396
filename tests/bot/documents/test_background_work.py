"""Vectors that are computed in the background, and scanned pages that are read after them."""

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.documents import document_manager
from bot.documents.document_manager import (
    BackgroundEncoding,
    BackgroundOcr,
    DocumentManager,
    is_valid_document_name,
)
from bot.monitoring import Metrics
from retrieval.documents.file_records import UnreadFile
from retrieval.documents.local_library import LocalLibrary
from retrieval.embeddings.encoder import Vectors
from retrieval.errors import DocumentError, EncoderError
from retrieval.ocr import tesseract
from tests.documents import scans
from tests.retrieval.fake_encoder import FakeEncoder

TIMEOUT_SECONDS = 10.0
GAUGE = "verbatim_texts_without_vector"


class Encoder(FakeEncoder):
    """Waits for `gate` before each call; `priorities` has the thread priority of each call.

    A batch takes two calls: one for whole passages and one for pieces.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Semaphore(0)
        self.waiting = threading.Event()
        self.priorities: list[int] = []

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        self.waiting.set()
        assert self.gate.acquire(timeout=TIMEOUT_SECONDS)
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


async def _wait_until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
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


def _remaining(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value(GAUGE)


async def test_missing_vectors_are_computed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """All vectors are computed in a thread of low priority; the log has one line at each end."""
    encoder, metrics = Encoder(), Metrics()
    library = LocalLibrary.open(folder, encoder=encoder)
    texts = library.encodable
    background = BackgroundEncoding(metrics)
    # 0, unless the tests run at a low priority themselves.
    usual = os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) if sys.platform == "linux" else 0
    with caplog.at_level(logging.INFO):
        async with _running(background):
            background.encode_library(library)
            await asyncio.to_thread(encoder.waiting.wait, TIMEOUT_SECONDS)
            assert texts == _remaining(metrics)
            assert (await library.answer("How many chairs has room 7?")).citations
            for _ in range(texts):
                encoder.gate.release()
            await _wait_until(lambda: not library.unencoded and _remaining(metrics) == 0)
            await _wait_until(lambda: len(caplog.messages) > 1)
    assert [
        f"Sentence encoder: {texts} texts to encode",
        f"Sentence encoder: all texts encoded, {texts} of them new",
    ] == caplog.messages
    if sys.platform == "linux":
        assert {max(10, usual)} == set(encoder.priorities)
        assert usual == os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


async def test_progress_is_logged(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Long work logs its progress."""
    monkeypatch.setattr(document_manager, "_LOG_INTERVAL_SECONDS", 0.0)
    library = LocalLibrary.open(folder, encoder=FakeEncoder())
    texts = library.encodable
    background = BackgroundEncoding(Metrics())
    with caplog.at_level(logging.INFO):
        async with _running(background):
            background.encode_library(library)
            await _wait_until(lambda: "all texts" in caplog.text)
    assert f"Sentence encoder: 16 of {texts} texts" == caplog.messages[1]


async def test_without_missing_vectors_nothing_is_logged(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged if all texts have vectors or there is no encoder."""
    complete = LocalLibrary.open(folder, encoder=FakeEncoder())
    complete.encode()
    metrics = Metrics()
    background = BackgroundEncoding(metrics)
    metrics.set_unencoded(7)
    with caplog.at_level(logging.INFO):
        async with _running(background):
            for library in (complete, LocalLibrary.open(folder)):
                background.encode_library(library)
                await _wait_until(lambda: _remaining(metrics) == 0)
                metrics.set_unencoded(7)
    assert [] == caplog.messages


async def test_a_new_library_replaces_the_old_one(folder: Path) -> None:
    """When documents change, work on the old library stops after its batch and continues with the new one."""
    encoder, background = Encoder(), BackgroundEncoding(Metrics())
    before = LocalLibrary.open(folder, encoder=encoder)
    async with _running(background):
        background.encode_library(before)
        await asyncio.to_thread(encoder.waiting.wait, TIMEOUT_SECONDS)
        _fill(folder, 20, 30)
        after = LocalLibrary.open(folder, before=before)
        background.encode_library(after)
        for _ in range(after.encodable):
            encoder.gate.release()
        await _wait_until(lambda: not after.unencoded)
    assert after.encodable == len(encoder.texts) == len(set(encoder.texts))


async def test_cancelling_waits_for_the_batch(folder: Path) -> None:
    """When cancelled, it finishes and saves the current batch and starts no other."""
    encoder, background = Encoder(), BackgroundEncoding(Metrics())
    library = LocalLibrary.open(folder, encoder=encoder)
    texts = library.encodable
    async with _running(background) as task:
        background.encode_library(library)
        await asyncio.to_thread(encoder.waiting.wait, TIMEOUT_SECONDS)
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        encoder.gate.release(2)
        with pytest.raises(asyncio.CancelledError):
            await task
    assert texts - 16 == library.unencoded


async def test_cancelling_does_not_wait_for_a_slow_batch(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When cancelled, it ends after a time limit even if the batch does not."""
    monkeypatch.setattr(document_manager, "_STOP_TIMEOUT_SECONDS", 0.05)
    encoder, background = Encoder(), BackgroundEncoding(Metrics())
    async with _running(background) as task:
        background.encode_library(LocalLibrary.open(folder, encoder=encoder))
        await asyncio.to_thread(encoder.waiting.wait, TIMEOUT_SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    encoder.gate.release()


async def test_a_failing_encoder(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A failure is logged in one line, and the next library is encoded."""
    background = BackgroundEncoding(Metrics())
    good = LocalLibrary.open(folder, encoder=FakeEncoder())
    async with _running(background):
        background.encode_library(LocalLibrary.open(folder, encoder=Broken()))
        await _wait_until(lambda: caplog.messages)
        background.encode_library(good)
        await _wait_until(lambda: not good.unencoded)
    assert [
        "Sentence encoder unavailable (8 texts are too many): answers are found by words alone"
    ] == caplog.messages


FILES = [UnreadFile("a.pdf", "1", (0,)), UnreadFile("b.pdf", "2", (0, 1))]


class FakeLibrary:
    """Has scans; `fails` are the digests of those that cannot be read."""

    def __init__(self, log: list[str], *, fails: frozenset[str] = frozenset()) -> None:
        self.unread_scans = list(FILES)
        self.unencoded = 0
        self._log, self._fails = log, fails

    def read_scan(self, file: UnreadFile, *, stop: Callable[[], bool]) -> bool:
        self._log.append(f"read {file.name}")
        if file.name == "slow":
            while not stop():
                time.sleep(0.01)
            self._log.append("stopped")
            return False
        if file.digest in self._fails:
            return False
        self.unread_scans.remove(file)
        return True


class FakeManager:
    def __init__(self, library: FakeLibrary, log: list[str]) -> None:
        self.library = library
        self._log = log

    async def reload(self) -> None:
        self._log.append("reload")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(tesseract, "is_available", lambda: True)
    return []


async def _run(library: FakeLibrary, log: list[str], *, until: Callable[[], bool]) -> BackgroundEncoding:
    manager: Any = FakeManager(library, log)
    encoding = BackgroundEncoding(Metrics())
    ocr = BackgroundOcr(manager, encoding)
    tasks = [asyncio.create_task(ocr.run())]
    ocr.library_changed()
    await asyncio.sleep(0.05)
    assert [] == log
    whole: Any = library
    encoding.encode_library(whole)
    tasks.append(asyncio.create_task(encoding.run()))
    deadline = time.monotonic() + 10
    while not until() and time.monotonic() < deadline:  # noqa: ASYNC110  # a state of several objects
        await asyncio.sleep(0.01)
    ocr.library_changed()
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return encoding


async def test_each_file_is_indexed_when_it_is_read(log: list[str]) -> None:
    """Nothing is read before the texts are encoded."""
    await _run(FakeLibrary(log), log, until=lambda: len(log) == 4)
    assert ["read a.pdf", "reload", "read b.pdf", "reload"] == log


async def test_a_file_that_cannot_be_read_is_tried_once(log: list[str]) -> None:
    await _run(FakeLibrary(log, fails=frozenset({"1"})), log, until=lambda: len(log) == 4)
    assert ["read a.pdf", "reload", "read b.pdf", "reload"] == log


async def test_stopping(log: list[str]) -> None:
    """A process that stops gives up the page that it reads."""
    library = FakeLibrary(log)
    library.unread_scans = [UnreadFile("slow", "3", (0,))]
    await _run(library, log, until=lambda: log == ["read slow"])
    assert ["read slow", "stopped"] == log


async def test_without_an_engine(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tesseract, "is_available", lambda: False)
    await _run(FakeLibrary(log), log, until=lambda: True)
    assert [] == log


@pytest.mark.slow
async def test_a_scan_can_be_added(tmp_path: Path, log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With OCR, a scan and a picture are added and wait; without it, they are rejected."""
    folder = tmp_path / "docs"
    folder.mkdir()
    library = LocalLibrary.open(folder, index_dir=tmp_path / "index", ocr=True)

    def reopen(before: LocalLibrary, quiet_seconds: float, _: object) -> LocalLibrary:
        return LocalLibrary.open(folder, before=before, quiet_seconds=quiet_seconds)

    manager = DocumentManager(library, reopen, lambda _: log.append("swap"), lambda _: None)
    data = scans.make_scanned_pdf([["The harbour has nine berths."]])
    assert not await manager.add("scan.pdf", data)
    assert (1, 0) == (manager.unread_pages("scan.pdf"), manager.unread_pages("other.pdf"))
    monkeypatch.setattr(tesseract, "is_available", lambda: False)
    with pytest.raises(DocumentError, match="install Tesseract"):
        await manager.add("other.pdf", data)


def test_names_of_pictures() -> None:
    assert is_valid_document_name("page.JPG", pictures=True)
    assert not is_valid_document_name("page.jpg")
    assert not is_valid_document_name("../page.jpg", pictures=True)
