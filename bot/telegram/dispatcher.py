"""Answers updates: chats concurrently, the updates of one chat in order, and each update once.

Telegram returns only the first hundred unconfirmed updates, so a few slow ones would hide all later ones.
Slow updates are stored (`Spool`) and confirmed instead.

Answered updates are noted (`AnsweredJournal`), so that no process answers them again when Telegram repeats
them. It repeats an update until it is confirmed, and a process that is killed leaves answered updates
unconfirmed. Several processes may share the folder; each sees at once what the others have answered. The id
of an update determines its file, so the processes need not agree on when to begin the next file. Each record
is a single write, begins with a newline and has a checksum, so one that is cut off damages no other.
"""

import asyncio
import contextlib
import errno
import json
import logging
import os
import re
import time
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from telegram import Update

from bot.durable_files import write_durably
from bot.telegram.messaging import CancellableWaits

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
    """What has been read of a file: the ids in it, and the position of the first byte not read."""

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


# Telegram sends an update again if it is not sure that the bot received it.
_MAX_ANSWERED_IDS = 2048


@dataclass(frozen=True, slots=True, eq=False)
class PendingUpdate:
    """An update and the task that answers it. If the task was cancelled, the update was not answered."""

    update: Update
    task: asyncio.Task[None]
    since: float

    @property
    def age(self) -> float:
        """Seconds since `dispatch`."""
        return time.monotonic() - self.since


class Dispatcher:
    """Runs `handle` for every update that is not in the journal, in a task of its own."""

    def __init__(
        self,
        handle: Callable[[Update], Awaitable[None]],
        waits: CancellableWaits,
        journal: AnsweredJournal | None = None,
    ) -> None:
        self._handle = handle
        self._waits = waits
        self._journal = journal
        self._unfinished: dict[int, PendingUpdate] = {}
        self._started: set[int] = set()
        self._answered: OrderedDict[int, None] = OrderedDict()
        # Locks are fair, so updates of a chat run in order. A lock is dropped with its chat's last update.
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    @property
    def unfinished(self) -> Mapping[int, PendingUpdate]:
        """The updates that are not answered yet, by id."""
        return self._unfinished

    def dispatch(self, update: Update) -> PendingUpdate | None:
        """Start to answer an update, and return it with its task; None if it has been answered already."""
        pending = self._unfinished.get(update.update_id)
        if pending is not None or update.update_id in self._answered:
            return pending
        lock = self._locks.setdefault(_ordering_key(update), asyncio.Lock())
        task = asyncio.create_task(self._answer(update, lock))
        pending = PendingUpdate(update, task, time.monotonic())
        self._unfinished[update.update_id] = pending
        task.add_done_callback(lambda task: self._finish_update(update.update_id, task))
        return pending

    def give_up(self, pending: PendingUpdate) -> None:
        """Cancel an update that has not started or only waits, so it can be answered elsewhere or later."""
        if pending.update.update_id not in self._started:
            pending.task.cancel()
        self._waits.give_up(pending.task)

    async def finish(self, grace: float) -> None:
        """Cancel updates that only wait, and wait `grace` seconds for the others before cancelling them."""
        self._waits.end()
        for pending in list(self._unfinished.values()):
            self.give_up(pending)
        tasks = [pending.task for pending in self._unfinished.values()]
        if tasks:
            _, unfinished = await asyncio.wait(tasks, timeout=grace)
            for task in unfinished:
                task.cancel()
            await asyncio.wait(tasks)

    async def _answer(self, update: Update, lock: asyncio.Lock) -> None:
        async with lock:
            self._started.add(update.update_id)
            # Not checked in `dispatch`: another process may answer it while it waits here.
            if self._journal and update.update_id in self._journal:
                _log.debug("Update %d has been answered already", update.update_id)
                return
            try:
                await self._handle(update)
            except Exception:  # noqa: BLE001  # a failed update must not stop the others
                _log.exception("Update %d could not be handled", update.update_id)
            # If the task is cancelled, the update was not answered, and this is not reached.
            if self._journal:
                self._journal.add(update.update_id)

    def _finish_update(self, update_id: int, task: asyncio.Task[None]) -> None:
        del self._unfinished[update_id]
        self._started.discard(update_id)
        if not task.cancelled():
            self._answered[update_id] = None
            if len(self._answered) > _MAX_ANSWERED_IDS:
                self._answered.popitem(last=False)


def _ordering_key(update: Update) -> int:
    """Return the id of the chat, or of the user if there is no chat: its updates are answered in order."""
    chat = update.effective_chat or update.effective_user
    return chat.id if chat else 0
