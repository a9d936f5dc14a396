"""Updates that are kept on disk, in two ways.

`Spool` has updates that take long, so that they can be confirmed to Telegram before they are answered and
do not hide later ones: Telegram returns only the first hundred unconfirmed updates.

`AnsweredJournal` has the ids of answered updates, so that no process answers them again when Telegram repeats
them. It repeats an update until it is confirmed, and a process that is killed leaves answered updates
unconfirmed. Several processes may share the folder; each sees at once what the others have answered. The id
of an update determines its file, so the processes need not agree on when to begin the next file. Each record
is a single write, begins with a newline and has a checksum, so one that is cut off damages no other.
"""

import contextlib
import errno
import json
import logging
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.durable_files import write_durably

_log = logging.getLogger(__name__)


class Spool:
    """One file for each update, in a folder that only its owner can read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def store(self, update_id: int, update: dict[str, Any]) -> bool:
        """Write an update durably to disk; return False if that fails."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._file(update_id), json.dumps(update).encode())
        except OSError as error:
            _log.warning("%s: cannot store pending questions (%s)", self._folder, error.strerror)
            return False
        return True

    def drop(self, update_id: int) -> None:
        self._file(update_id).unlink(missing_ok=True)

    def pending(self) -> Iterator[dict[str, Any]]:
        """Yield the updates of an earlier process, oldest first; damaged files are logged and skipped."""
        for file in sorted(self._folder.glob("*.json"), key=lambda file: (len(file.name), file.name)):
            try:
                update = json.loads(file.read_text(encoding="utf-8"))
                is_valid = update["update_id"] == int(file.stem)
            except (OSError, ValueError, TypeError, LookupError):
                is_valid = False
            if is_valid:
                yield update
            else:
                _log.warning("%s is not a stored update; remove it", file)

    def _file(self, update_id: int) -> Path:
        return self._folder / f"{update_id}.json"


# Telegram numbers the updates of a bot consecutively. Three files take 60 KB at most, and cover ten times as
# many updates as Telegram shows at once, or the updates of a minute at its highest rate.
_IDS_PER_FILE = 1000
_MAX_FILES = 3
# Telegram keeps an update for a day. After a week without updates it continues at a random number, so files
# with higher numbers may be out of date.
_MAX_AGE_SECONDS = 2 * 24 * 3600.0
_MAX_READ_BYTES = 64 * 1024
_RECORD = re.compile(rb"(-?[0-9]{1,30}) ([0-9a-f]{8})")
_MAX_RECORD_BYTES = 40


@dataclass(slots=True)
class _File:
    """The part of a file that has been read: the ids in it, and the position of the first byte not read."""

    ids: set[int] = field(default_factory=set)
    position: int = 0


class AnsweredJournal:
    """The answered updates of one bot, in a folder of its own.

    `on_failure` is called for each update that could not be stored.
    """

    def __init__(self, folder: Path, on_failure: Callable[[], None] = lambda: None) -> None:
        self._folder = folder
        self._on_failure = on_failure
        self._files: dict[int, _File] = {}
        self._is_failing = self._is_damage_logged = False

    def __contains__(self, update_id: int) -> bool:
        """Return whether this process or another has stored the update; old ones are forgotten."""
        number = update_id // _IDS_PER_FILE
        self._read(number)
        return update_id in self._files[number].ids

    def add(self, update_id: int) -> None:
        """Store an answered update. If that fails, it is logged, and only this record is lost."""
        try:
            self._append(update_id // _IDS_PER_FILE, _record(update_id))
        except OSError as error:
            self._on_failure()
            self._log_failure(error)
        else:
            self._is_failing = False

    def _append(self, number: int, record: bytes) -> None:
        try:
            file = self._path(number).open("ab", buffering=0)
        except FileNotFoundError:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = self._path(number).open("ab", buffering=0)
        with file:
            is_new = not file.tell()
            if file.write(record) != len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if is_new:
            self._remove_old_files(number)

    def _remove_old_files(self, newest: int) -> None:
        for path in self._folder.glob("*.log"):
            # Another process may remove the same file.
            with contextlib.suppress(OSError, ValueError):
                is_expired = time.time() - path.stat().st_mtime > _MAX_AGE_SECONDS
                if is_expired or int(path.stem) <= newest - _MAX_FILES:
                    path.unlink()

    def _read(self, number: int) -> None:
        """Read what has been added to a file."""
        if number not in self._files and len(self._files) >= _MAX_FILES:
            del self._files[next(iter(self._files))]
        known = self._files.setdefault(number, _File())
        try:
            with self._path(number).open("rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                if size == known.position:
                    return
                # A smaller file is a new one.
                known.position = file.seek(known.position if size > known.position else 0)
                data = file.read(_MAX_READ_BYTES)
        except FileNotFoundError:
            return
        except OSError as error:
            self._log_failure(error)
            return
        *lines, last = data.split(b"\n")
        if _update_id(last) is None and len(last) < _MAX_RECORD_BYTES:
            # Another process may still be writing it. Read it again next time, with the newline before it.
            known.position += max(len(data) - len(last) - 1, 0)
        else:
            known.position += len(data)
            lines.append(last)
        ids = [_update_id(line) for line in lines if line]
        known.ids.update(update_id for update_id in ids if update_id is not None)
        if None in ids and not self._is_damage_logged:
            self._is_damage_logged = True
            _log.warning("%s is damaged; a few questions may be answered twice", self._path(number))

    def _log_failure(self, error: OSError) -> None:
        """Log the first of several failures in a row."""
        if not self._is_failing:
            self._is_failing = True
            _log.warning(
                "%s: cannot note answered questions (%s); some may be answered twice after a crash",
                self._folder,
                error.strerror,
            )

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.log"


def _record(update_id: int) -> bytes:
    digits = b"%d" % update_id
    return b"\n%b %08x" % (digits, zlib.crc32(digits))


def _update_id(line: bytes) -> int | None:
    match = _RECORD.fullmatch(line)
    return int(match[1]) if match and int(match[2], 16) == zlib.crc32(match[1]) else None
