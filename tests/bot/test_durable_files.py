"""Files that are replaced as a whole."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.durable_files import write_durably


def test_replacing(tmp_path: Path) -> None:
    """A file gets its new content and mode, and nothing else is left in the folder."""
    path = tmp_path / ("n" * 250 + ".txt")
    for content, mode in ((b"old", 0o600), (b"new", 0o644)):
        write_durably(path, content, mode=mode)
        assert (content, mode) == (path.read_bytes(), path.stat().st_mode & 0o777)
    assert [path] == list(tmp_path.iterdir())


def test_a_failed_write_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk is full, the old content stays, and no other file."""
    path = tmp_path / "a.txt"
    write_durably(path, b"old")
    monkeypatch.setattr(os, "fsync", _failing(errno.ENOSPC))
    with pytest.raises(OSError, match="No space"):
        write_durably(path, b"new")
    assert ([path], b"old") == (list(tmp_path.iterdir()), path.read_bytes())


def test_folders_that_cannot_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems cannot sync a folder; the file is written all the same."""

    def sync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", sync)
    write_durably(tmp_path / "a.txt", b"new")
    assert b"new" == (tmp_path / "a.txt").read_bytes()


def _failing(number: int) -> Callable[[int], None]:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    return fail
