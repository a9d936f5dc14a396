"""The documents of one chat: kept on disk, opened when searched, deleted on request or when unused.

Each chat with documents has a folder `COLLECTIONS_DIR/<bot id>/<chat id>/`:

    files/@<chat id>/    the documents
    index/               their saved index, with vectors
    uploads/             documents that were accepted and have not been read yet
    collection.json      who added which document, what is searched, and when the bot left the group
    used                 modified at the last question
    unencoded            there while vectors are missing

Several processes may share it. A lock file next to the folder admits one writer at a time; readers see the
index that was saved last. Whoever deletes the folder deletes `uploads` first: that stops a process that is
reading one of them, and holds the lock.
"""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import shutil
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias
from weakref import WeakValueDictionary

from pydantic import TypeAdapter, ValidationError

from bot.concurrency import in_thread, lower_priority
from bot.durable_files import TEMPORARY_PREFIX, write_durably
from retrieval.documents.library import AnyLibrary, CombinedLibrary, SingleLibrary
from retrieval.documents.local_library import LocalLibrary, saved_index_dir
from retrieval.embeddings.encoder import Encoder
from retrieval.errors import ReadingStoppedError
from retrieval.index.manifest import MANIFEST
from retrieval.model import Source, chat_folder

_log = logging.getLogger(__name__)

Scope: TypeAlias = Literal["both", "own", "library"]
"""The documents that a chat searches: its own and the library, or one of them."""

# As many texts are encoded in ten seconds or so, and somebody who has just sent a document waits for them.
_MAX_URGENT_TEXTS = 400
_MAX_OPEN_LIBRARIES = 200
_IDLE_SECONDS = 15 * 60.0
_SWEEP_INTERVAL_SECONDS = 3600.0
_DAY_SECONDS = 24 * 3600.0
# A group that removed the bot by mistake can add it again within a day.
_GRACE_AFTER_LEAVING_SECONDS = _DAY_SECONDS
# The time of the last question decides after how many days documents are deleted, so hours are enough.
_USED_INTERVAL_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class AddedBy:
    """Who added a document, as shown to the members of a group, and when (POSIX time)."""

    person: str
    at: float


@dataclass(frozen=True, slots=True)
class ChatRecord:
    """The content of `collection.json`. `left_at` is when the bot left the group (POSIX time), or None."""

    scope: Scope = "both"
    added: dict[str, AddedBy] = field(default_factory=dict)
    left_at: float | None = None


_RECORD = TypeAdapter(ChatRecord)


@dataclass(frozen=True, slots=True)
class ChatPaths:
    """The files of one chat."""

    root: Path
    chat_id: int

    @property
    def folder(self) -> Path:
        return self.root / str(self.chat_id)

    @property
    def files(self) -> Path:
        """The documents folder as the library sees it."""
        return self.folder / "files"

    @property
    def documents(self) -> Path:
        return self.files / chat_folder(self.chat_id)

    @property
    def index(self) -> Path:
        return self.folder / "index"

    @property
    def uploads(self) -> Path:
        return self.folder / "uploads"

    def upload(self, message_id: int) -> Path:
        """Return the file of an upload until it has been read."""
        return self.uploads / f"{message_id}.json"

    def question(self, message_id: int) -> Path:
        """Return the file of an upload that has been read, until the question in its caption is answered."""
        return self.uploads / f"{message_id}.question"

    def unread_uploads(self) -> list[Path]:
        """Return the files of the uploads that have not been read yet."""
        return list(self.uploads.glob("*.json"))

    def saved_uploads(self) -> list[Path]:
        """Return the files of the uploads that have not been read, or whose caption has not been answered."""
        with contextlib.suppress(OSError):
            return [path for path in self.uploads.iterdir() if path.suffix in {".json", ".question"}]
        return []

    @property
    def record(self) -> Path:
        return self.folder / "collection.json"

    @property
    def used(self) -> Path:
        return self.folder / "used"

    @property
    def unencoded(self) -> Path:
        """A file that is there while vectors are missing."""
        return self.folder / "unencoded"

    @property
    def lock(self) -> Path:
        """The lock file; it is outside the folder, so that deleting that leaves the lock valid."""
        return self.root / f".{self.chat_id}.lock"


@dataclass(frozen=True, slots=True)
class ChatSize:
    """The number of documents of a chat and their size in bytes."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class SearchedDocuments:
    """The documents that a chat searches. `scope` is its choice, None without documents of its own."""

    library: AnyLibrary
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class _SavedRecord:
    """The content of `collection.json` when it was read; `state` changes when it is written."""

    state: object
    record: ChatRecord


@dataclass(slots=True)
class _OpenLibrary:
    library: LocalLibrary
    state: object
    used_at: float


class ChatDocumentStore:
    """The documents of the chats of one bot, in `root`. Opens at most 200 libraries, and closes idle ones."""

    def __init__(
        self,
        root: Path,
        *,
        quote_chars: int,
        encoder: Encoder | None,
        unused_days: int = 0,
        ocr: bool = False,
    ) -> None:
        self.root = root
        self._ocr = ocr
        self._quote_chars = quote_chars
        self._encoder = encoder
        self._unused_days = unused_days
        self._open: OrderedDict[int, _OpenLibrary] = OrderedDict()
        self._records: OrderedDict[int, _SavedRecord] = OrderedDict()
        self._opening: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def paths(self, chat_id: int) -> ChatPaths:
        return ChatPaths(self.root, chat_id)

    def exists(self, chat_id: int) -> bool:
        """Return whether a chat has documents; without any, this is all that an update costs."""
        return self.paths(chat_id).record.exists()

    def chats(self) -> list[int]:
        """Return the ids of the chats that have documents, sorted."""
        try:
            names = [path.name for path in self.root.iterdir()]
        except OSError:
            return []
        return sorted(int(name) for name in names if _is_chat_id(name))

    async def chosen_library(self, chat_id: int, shared: SingleLibrary) -> SearchedDocuments:
        """Return what a chat searches: its documents, the library, or both. Failures to open are logged."""
        if not self.exists(chat_id):
            return SearchedDocuments(shared)
        try:
            library = await self.library(chat_id)
            scope = self.record(chat_id).scope
        except Exception as error:  # noqa: BLE001  # a chat's damaged index must not cost the library's answers
            _log.warning("The documents of a chat cannot be opened: %s", type(error).__name__)
            return SearchedDocuments(shared)
        if library is None or not library.sources:
            return SearchedDocuments(shared)
        libraries: dict[Scope, AnyLibrary] = {
            "library": shared,
            "own": library,
            "both": CombinedLibrary(library, shared) if shared.sources else library,
        }
        return SearchedDocuments(libraries[scope], scope)

    async def library(self, chat_id: int) -> LocalLibrary | None:
        """Return the library of a chat as it was last saved, or None without one."""
        lock = self._opening.setdefault(chat_id, asyncio.Lock())
        async with lock:
            state = _saved_state(self.paths(chat_id), self._quote_chars)
            opened = self._open.get(chat_id)
            if opened is None or opened.state != state:
                library = await in_thread(lambda: self._load(chat_id))
                if library is None:
                    self.unload(chat_id)
                    return None
                opened = _OpenLibrary(library, state, 0.0)
                self._open[chat_id] = opened
            opened.used_at = time.monotonic()
            self._open.move_to_end(chat_id)
            while len(self._open) > _MAX_OPEN_LIBRARIES:
                self._open.popitem(last=False)
            return opened.library

    def _load(self, chat_id: int) -> LocalLibrary | None:
        paths = self.paths(chat_id)
        if not paths.documents.is_dir():
            # Opening an index creates the file of vectors.
            return None
        library = LocalLibrary.load(
            paths.files,
            paths.index,
            quote_chars=self._quote_chars,
            encoder=self._encoder,
            ocr=self._ocr,
        )
        if library is not None:
            return library
        # The saved index is damaged, or of another version of the program.
        with self.locked(chat_id):
            return self.read(chat_id)

    def read(
        self,
        chat_id: int,
        stop: Callable[[], bool] | None = None,
        max_documents: int | None = None,
    ) -> LocalLibrary:
        """Read the documents that have changed, save the index and return the library. Blocks.

        Nothing of removed and replaced documents stays in the index. `stop` is called several times a second;
        once it returns True, this raises ReadingStoppedError. Raises TooManyDocumentsError if there are more
        than `max_documents`, also in archives and mails. The caller holds the lock of the chat.
        """
        paths = self.paths(chat_id)
        # A process that was killed while it read may have left texts there. No other process writes now.
        for folder in paths.index.glob(".new-*"):
            shutil.rmtree(folder, ignore_errors=True)
        for file in paths.documents.glob(f"{TEMPORARY_PREFIX}*"):
            file.unlink(missing_ok=True)
        library = LocalLibrary.open(
            paths.files,
            index_dir=paths.index,
            quote_chars=self._quote_chars,
            encoder=self._encoder,
            ocr=self._ocr,
            stop=stop,
            max_documents=max_documents,
        )
        clean = library.without_deleted()
        if clean is not library:
            clean.save(paths.index)
        if stop is not None and stop():
            raise ReadingStoppedError
        return clean

    async def encode(self, chat_id: int, stop: Callable[[], bool]) -> bool:
        """Compute the vectors of a chat's documents that are missing; return whether none is left.

        `stop` is called about once a second. Raises EncoderError.
        """
        paths = self.paths(chat_id)
        state = _saved_state(paths, self._quote_chars)
        library = await self.library(chat_id)
        if library is None or self._encoder is None:
            return True

        def encode() -> bool:
            missing = library.unencoded
            if missing > _MAX_URGENT_TEXTS:
                lower_priority()
            return not missing or library.encode(stop=stop)

        if not await in_thread(encode):
            return False
        if state != _saved_state(paths, self._quote_chars):
            # A document was added in the meantime.
            return not paths.folder.exists()
        # Other processes see the vectors once they open the index again.
        with contextlib.suppress(OSError):
            os.utime(_manifest_path(paths, self._quote_chars))
        return True

    def unload(self, chat_id: int) -> None:
        """Close the library of a chat; its files are released with the last answer from it."""
        self._open.pop(chat_id, None)

    @contextlib.contextmanager
    def locked(self, chat_id: int) -> Iterator[ChatPaths]:
        """Hold the lock of a chat, of all processes that share it. Blocks."""
        paths = self.paths(chat_id)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            with paths.lock.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                # Another process may have deleted the file, with the folder, while this one waited.
                if _is_same_file(file.fileno(), paths.lock):
                    yield paths
                    return

    def record(self, chat_id: int) -> ChatRecord:
        """Return what is noted about the documents of a chat; the default if nothing can be read."""
        path = self.paths(chat_id).record
        try:
            state = _file_state(path)
            known = self._records.get(chat_id)
            if known is None or known.state != state:
                known = _SavedRecord(state, _RECORD.validate_json(path.read_bytes()))
        except (OSError, ValidationError):
            self._records.pop(chat_id, None)
            return ChatRecord()
        self._records[chat_id] = known
        if len(self._records) > _MAX_OPEN_LIBRARIES:
            # Calls come from several threads.
            with contextlib.suppress(KeyError):
                self._records.popitem(last=False)
        return known.record

    def write_record(self, chat_id: int, record: ChatRecord) -> None:
        """Save what is noted about the documents of a chat. Raises OSError."""
        paths = self.paths(chat_id)
        paths.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(paths.record, json.dumps(asdict(record), ensure_ascii=False).encode())

    def documents(self, chat_id: int) -> list[tuple[str, int, float]]:
        """Return name, size in bytes and modification time (POSIX) of each document, by name. Blocks."""
        documents = []
        with contextlib.suppress(OSError), os.scandir(self.paths(chat_id).documents) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    status = entry.stat()
                    documents.append((entry.name, status.st_size, status.st_mtime))
        return sorted(documents)

    def size(self, chat_id: int) -> ChatSize:
        """Return the number and size of a chat's documents."""
        sizes = [size for _, size, _ in self.documents(chat_id)]
        return ChatSize(len(sizes), sum(sizes))

    def totals(self) -> tuple[int, int, int]:
        """Return the number of chats with documents of their own, of these documents, and of their bytes."""
        sizes = [size for chat in self.chats() if (size := self.size(chat)).files]
        return len(sizes), sum(size.files for size in sizes), sum(size.bytes for size in sizes)

    def note_use(self, chat_id: int) -> None:
        """Note that a chat has searched its documents."""
        used = self.paths(chat_id).used
        with contextlib.suppress(OSError):
            if not used.exists() or time.time() - used.stat().st_mtime > _USED_INTERVAL_SECONDS:
                used.touch()

    def set_scope(self, chat_id: int, scope: Scope) -> None:
        """Choose what a chat searches from now on. Blocks; raises OSError."""
        with self.locked(chat_id):
            self.write_record(chat_id, replace(self.record(chat_id), scope=scope))

    def remove(self, chat_id: int, name: str) -> None:
        """Delete a document of a chat; with the last one, its folder. Blocks; raises OSError."""
        with self.locked(chat_id) as paths:
            (paths.documents / name).unlink(missing_ok=True)
            if self._is_empty(paths):
                self._delete_folder(paths)
                return
            record = self.record(chat_id)
            added = {known: by for known, by in record.added.items() if known != name}
            self.write_record(chat_id, replace(record, added=added))
            self.read(chat_id)

    def delete(self, chat_id: int) -> bool:
        """Delete all that is kept for a chat; return whether there was anything. Blocks; raises OSError.

        A document that is being read is not waited for: its reader is stopped.
        """
        # The reader that is stopped may delete an empty folder itself.
        had_any = self.paths(chat_id).folder.exists()
        for upload in self.paths(chat_id).saved_uploads():
            upload.unlink(missing_ok=True)
        with self.locked(chat_id) as paths:
            had_any = had_any or paths.folder.exists()
            self._delete_folder(paths)
        return had_any

    def delete_if_empty(self, chat_id: int) -> None:
        """Delete the folder of a chat without documents and without uploads. Blocks; raises OSError."""
        with self.locked(chat_id) as paths:
            if self._is_empty(paths):
                self._delete_folder(paths)

    def _is_empty(self, paths: ChatPaths) -> bool:
        return not self.size(paths.chat_id).files and not paths.saved_uploads()

    def _delete_folder(self, paths: ChatPaths) -> None:
        self.unload(paths.chat_id)
        self._records.pop(paths.chat_id, None)
        if paths.folder.exists():
            shutil.rmtree(paths.folder)
        # Others that wait for the lock notice that its file is gone.
        paths.lock.unlink(missing_ok=True)

    def migrate(self, old: int, new: int) -> bool:
        """Move the documents of a group to the supergroup that it has become; return whether it had any.

        Blocks; raises OSError. Telegram informs both groups, so the second call finds nothing.
        """
        with self.locked(old) as source, self.locked(new) as target:
            if not source.folder.exists() or target.folder.exists():
                return False
            shutil.rmtree(source.index, ignore_errors=True)
            source.folder.rename(target.folder)
            moved = target.files / chat_folder(old)
            self.unload(old)
            source.lock.unlink(missing_ok=True)
            if moved.exists():
                moved.rename(target.documents)
                self.read(new)
            return True

    def set_left(self, chat_id: int, *, has_left: bool) -> None:
        """Note that the bot has left a group, or is a member again. Blocks; raises OSError."""
        if not self.exists(chat_id):
            return
        with self.locked(chat_id):
            left_at = time.time() if has_left else None
            self.write_record(chat_id, replace(self.record(chat_id), left_at=left_at))

    async def sweep_forever(self) -> None:
        """Close libraries that are not in use, and delete documents that are due, every hour."""
        swept_at = 0.0
        while True:
            self._close_idle()
            if time.monotonic() - swept_at >= _SWEEP_INTERVAL_SECONDS or not swept_at:
                swept_at = time.monotonic()
                await in_thread(self.delete_due)
            await asyncio.sleep(60.0)

    def _close_idle(self) -> None:
        now = time.monotonic()
        for chat, opened in list(self._open.items()):
            if now - opened.used_at > _IDLE_SECONDS:
                self.unload(chat)

    def delete_due(self) -> int:
        """Delete the documents of groups left a day ago, and those unused for too long; return how many."""
        deleted = 0
        for chat in self.chats():
            try:
                if self._is_due(chat):
                    self.delete(chat)
                    deleted += 1
            except OSError as error:
                _log.warning("The documents of chat %d cannot be deleted (%s)", chat, error.strerror)
        if deleted:
            _log.info("Deleted the documents of %d chats (unused, or bot removed)", deleted)
        return deleted

    def _is_due(self, chat_id: int) -> bool:
        paths, left_at, now = self.paths(chat_id), self.record(chat_id).left_at, time.time()
        if left_at is not None and now - left_at > _GRACE_AFTER_LEAVING_SECONDS:
            return True
        if not self._unused_days:
            return False
        used = paths.used if paths.used.exists() else paths.record
        return used.exists() and now - used.stat().st_mtime > self._unused_days * _DAY_SECONDS


@contextlib.contextmanager
def locked_file(path: Path) -> Iterator[bool]:
    """Hold the lock of a file; yields False if there is no such file, or if it is locked already.

    The lock stays with the file when that is renamed, and ends with the process.
    """
    try:
        # Some network file systems lock only files that are open for writing.
        file = path.open("r+b")
    except FileNotFoundError:
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield _is_same_file(file.fileno(), path)


def _saved_state(paths: ChatPaths, quote_chars: int) -> object:
    """Return a value that changes when any process saves the index of a chat."""
    try:
        return _file_state(_manifest_path(paths, quote_chars))
    except OSError:
        return None


def _file_state(path: Path) -> object:
    """Return a value that changes when a file is replaced. Raises OSError."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def _manifest_path(paths: ChatPaths, quote_chars: int) -> Path:
    return saved_index_dir(paths.files, paths.index, quote_chars) / MANIFEST


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _is_chat_id(name: str) -> bool:
    return name.removeprefix("-").isdecimal() and name.isascii()


def is_in_upload(name: str, upload: str) -> bool:
    """Return whether the name of a document is that of an upload or of a file in it."""
    return name == upload or name.startswith(f"{upload}/")


def sources_in_upload(sources: Iterable[Source], upload: str) -> list[Source]:
    """Return an upload and the documents in it, with those whose copies are there."""
    return [
        source
        for source in sources
        if any(is_in_upload(name, upload) for name in (source.name, *source.copies))
    ]
