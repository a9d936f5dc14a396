"""What happens under the conditions of a start that docs/deploying.md describes."""

import asyncio
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot import lifecycle
from bot.application import build_bot
from bot.documents import document_manager
from bot.monitoring import Metrics
from bot.telegram.messaging import CancellableWaits
from config.settings import Settings
from retrieval import language
from retrieval.documents import ingestion
from retrieval.documents.local_library import LocalLibrary
from retrieval.ocr.scanned_page import ScanStore
from tests.bot.conftest import FakeLibrary, FakeTelegram
from tests.bot.virtual_clock import fast, now

ROOT = Path(__file__).parents[2]
FACT = "The lighthouse of Nordholm was built in 1874 by the engineer Clara Brandt.\n"
OUTAGE_SECONDS = 600.0
YEAR_SECONDS = 365 * 86400
# Chinese needs no model that detects languages, which is unpacked to the temporary folder.
CHINESE_FACT = "青石桥茶馆由陈大明于1903年创办,位于河边的老街上。\n"
# Limits the size of every file that the process writes, as a full disk does.
LIMITED = (
    "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)); "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def _write(path: Path, text: str, changed: float) -> None:
    path.write_text(text, encoding="utf-8")
    os.utime(path, (changed, changed))


@fast
async def test_names_that_cannot_be_resolved_for_ten_minutes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each start gives up within half a minute with a line that names the host; later one works."""
    settings = Settings(_env_file=None, telegram_token="1:x")

    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    starts = 0
    with caplog.at_level(logging.WARNING):
        while now() < OUTAGE_SECONDS:
            began = now()
            bot = build_bot(settings, Metrics(), CancellableWaits())
            with pytest.raises(
                lifecycle.StartError, match=r"^Telegram cannot be reached at https://api\.telegram"
            ):
                await lifecycle._retry_start(bot, bot.initialize)
            assert 30.0 == pytest.approx(now() - began)
            await bot.shutdown()
            starts += 1
    assert OUTAGE_SECONDS / 30 == pytest.approx(starts, abs=1)
    # Other warnings, such as those of asyncio on a busy machine, do not count.
    assert starts == sum(message.startswith("Telegram cannot be reached") for message in caplog.messages)
    bot = build_bot(settings, Metrics(), CancellableWaits())
    reachable = FakeTelegram()
    bot._request = (reachable, reachable)
    assert await lifecycle._retry_start(bot, bot.initialize)


@pytest.mark.slow
@pytest.mark.parametrize("module", ["bot", "bot.cli"])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_no_disk_has_space(docs: Path, tmp_path: Path, module: str) -> None:
    """If the index cannot be written even to the temporary folder, one line says so, without a traceback."""
    _write(docs / "teahouse.txt", CHINESE_FACT, 1e9)
    arguments = ["ask", "青石桥茶馆由谁创办?"] if module == "bot.cli" else []
    environment = {
        "PYTHONPATH": str(ROOT),
        # Python would write its bytecode up to the limit.
        "PYTHONDONTWRITEBYTECODE": "1",
        "TELEGRAM_TOKEN": "1:x",
        "TELEGRAM_API_URL": "http://127.0.0.1:1",
        "SEEDS_DIR": str(docs),
        "INDEX_DIR": str(tmp_path / "index"),
        "MEANING": "off",
    }
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, module, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if "Telegram cannot be reached" not in line]
    reason = (
        "the index cannot be written to INDEX_DIR or the temporary folder (File too large); free some space"
    )
    assert [True] == [line.endswith(reason) for line in lines]
    assert (2 if module == "bot.cli" else 1) == done.returncode


def test_documents_are_read_when_the_disk_has_space_again(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that needed temporary files on a full disk is skipped until the next start only."""
    _write(docs / "lighthouse.txt", FACT, 1e9)

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(tempfile, "TemporaryFile", fail)
        full.setattr(language, "_identifier", language._identifier.__wrapped__)
        full.setattr(language, "_model", language._model.__wrapped__)
        (problem,) = LocalLibrary.open(docs, index_dir=tmp_path / "index").problems
    assert "cannot be read now (No space left on device)" in problem.reason
    library = LocalLibrary.open(docs, index_dir=tmp_path / "index")
    assert (1, ()) == (library.passages, library.problems)


@pytest.mark.parametrize("jump", [YEAR_SECONDS, -YEAR_SECONDS])
@pytest.mark.parametrize("quiet_seconds", [0.0, 1.0])
def test_the_clock_jumps(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: int, quiet_seconds: float
) -> None:
    """After the clock has jumped by a year, changed files are read again and others are not."""
    start = time.time()
    for name in ("kept.txt", "changed.txt"):
        _write(docs / name, f"{FACT}This is {name}.\n", start - 100)
    before = LocalLibrary.open(docs, index_dir=tmp_path / "index")
    read: list[str] = []
    _record_files(monkeypatch, read)
    monkeypatch.setattr(time, "time_ns", lambda: int((start + jump) * 1e9))
    _write(docs / "changed.txt", "The ferry brings flour.\n", start + jump - 10)
    _write(docs / "new.txt", "The keeper feeds eleven goats.\n", start + jump - 10)
    after = LocalLibrary.open(docs, before=before, quiet_seconds=quiet_seconds)
    assert ["changed.txt", "new.txt"] == read
    assert frozenset() == after.waiting
    assert 3 == len(after.sources)


def test_files_from_the_future(docs: Path, tmp_path: Path) -> None:
    """A file whose time is ahead of the clock is read at once, and again when it changes."""
    _write(docs / "a.txt", FACT, time.time() + YEAR_SECONDS)
    library = LocalLibrary.open(docs, index_dir=tmp_path / "index", quiet_seconds=1.0)
    assert 1 == library.passages
    _write(docs / "a.txt", f"{FACT}\n\nThe ferry brings flour.\n", time.time() + YEAR_SECONDS)
    assert library.version != LocalLibrary.open(docs, index_dir=tmp_path / "index").version


def _record_files(monkeypatch: pytest.MonkeyPatch, read: list[str]) -> None:
    """Keep the names of the files that are read from now on."""
    ingest_file = ingestion._ingest_file

    def record(folder: Path, name: str, scans: ScanStore | None) -> Any:
        read.append(name)
        return ingest_file(folder, name, scans)

    monkeypatch.setattr(ingestion, "_ingest_file", record)


@fast
async def test_the_folder_is_watched_after_a_full_disk(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If changes cannot be indexed while the bot runs, they are tried again, and the folder is watched on."""
    results: list[OSError | None] = [OSError(28, "No space left on device")] * 3 + [None, None]

    class Manager:
        library = FakeLibrary(folder=Path("docs"))

        async def reload(self, **_: float) -> Any:
            if error := results.pop(0):
                raise error
            return SimpleNamespace(waiting=())

        async def compact(self) -> None:
            if not results:
                raise asyncio.CancelledError

    async def changes(*_: Any, **__: Any) -> AsyncIterator[None]:
        yield

    monkeypatch.setattr(document_manager, "awatch", changes)
    with pytest.raises(asyncio.CancelledError):
        await document_manager.watch(Manager())  # type: ignore[arg-type]  # a fake
    assert [] == results
    assert pytest.approx(3 * 30) == now()
    watched, tried = caplog.messages
    assert watched.startswith("docs cannot be watched")
    assert "The documents cannot be read again: No space left on device" == tried
