"""Scans are read in the background: after the texts are encoded, and each once."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.documents.background_encoding import BackgroundEncoding
from bot.documents.background_ocr import BackgroundOcr
from bot.documents.document_manager import DocumentManager, is_valid_document_name
from bot.monitoring.metrics import Metrics
from retrieval.documents.file_records import UnreadFile
from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import DocumentError
from retrieval.ocr import tesseract
from tests.documents import scans

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
    """With OCR, a scan and a picture are added and wait; without it, they are refused."""
    folder = tmp_path / "docs"
    folder.mkdir()
    library = LocalLibrary.open(folder, index_dir=tmp_path / "index", ocr=True)

    def reopen(before: LocalLibrary, quiet: float, _: object) -> LocalLibrary:
        return LocalLibrary.open(folder, before=before, quiet=quiet)

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
