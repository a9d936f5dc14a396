import errno
import logging
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.telegram.saved_updates import Spool


def update(number: int, text: str = "?") -> dict[str, object]:
    return {"update_id": number, "message": {"text": text}}


@given(st.dictionaries(st.integers(0, 2**40), st.text(max_size=20), max_size=12))
def test_stored_updates_are_returned(tmp_path_factory: pytest.TempPathFactory, texts: dict[int, str]) -> None:
    """Another process gets the updates that were stored and not dropped, unchanged and oldest first."""
    folder = tmp_path_factory.mktemp("spool") / "deep" / "folder"
    spool = Spool(folder)
    for number, text in texts.items():
        assert spool.store(number, update(number, text))
    dropped = set(list(texts)[::3])
    for number in dropped:
        spool.drop(number)
    expected = [update(number, texts[number]) for number in sorted(texts) if number not in dropped]
    assert expected == list(Spool(folder).pending())


def test_only_the_owner_can_read(tmp_path: Path) -> None:
    """Folder and files are readable by their owner only."""
    spool = Spool(tmp_path / "folder")
    spool.store(1, update(1))
    (file,) = (tmp_path / "folder").iterdir()
    assert 0o700 == (tmp_path / "folder").stat().st_mode & 0o777
    assert 0o600 == file.stat().st_mode & 0o777


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b"7", b"{}", b'{"update_id": 6}', b'{"update_id": "5"}']
)
def test_damaged_files_are_skipped(content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is not a stored update is named in the log, and the others are read."""
    spool = Spool(tmp_path)
    spool.store(4, update(4))
    spool.store(7, update(7))
    (tmp_path / "5.json").write_bytes(content)
    assert [update(4), update(7)] == list(spool.pending())
    assert [f"{tmp_path / '5.json'} is not a stored update; remove it"] == caplog.messages


def test_other_files_are_ignored(tmp_path: Path) -> None:
    """A file with a name of another form is not an update."""
    (tmp_path / "notes.json").write_text("{}", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("{}", encoding="utf-8")
    assert [] == list(Spool(tmp_path).pending())


def test_an_empty_spool(tmp_path: Path) -> None:
    """A missing folder has no updates, and dropping one from it is not an error."""
    spool = Spool(tmp_path / "none")
    spool.drop(1)
    assert [] == list(spool.pending())


def test_a_folder_that_cannot_be_created(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Storing fails with one line in the log that names the folder."""
    (tmp_path / "file").touch()
    assert not Spool(tmp_path / "file").store(1, update(1))
    assert [f"{tmp_path / 'file'}: cannot store pending questions (File exists)"] == caplog.messages
    assert logging.WARNING == caplog.records[0].levelno


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that could not be written completely is removed."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert not Spool(tmp_path).store(1, update(1))
    assert [] == list(tmp_path.iterdir())
