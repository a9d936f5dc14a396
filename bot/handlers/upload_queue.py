"""Reads documents that people have sent into their chats, in the background, whatever happens to the process.

An upload is saved to disk when it is accepted, and deleted when its reader has been told how it ended. A
process that starts continues with the uploads it finds.
"""

import asyncio
import contextlib
import errno
import json
import logging
import os
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

from pydantic import TypeAdapter, ValidationError
from telegram import Bot, ReplyParameters
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.concurrency import in_thread
from bot.documents.collections import AddedBy, CollectionPaths, Collections, write_durably
from bot.handlers.messaging import is_unchanged
from bot.i18n.messages import Texts, texts_for
from bot.monitoring.metrics import Metrics
from bot.views import answers
from bot.views.labels import file_label
from bot.views.message import Recipient
from bot.views.problems import explain_problem
from retrieval.documents.base_library import SingleLibrary
from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import EncoderError
from retrieval.ids import document_id, own_name
from retrieval.model.document import Problem

_log = logging.getLogger(__name__)

_MAX_READING = 2
_PROGRESS_INTERVAL_SECONDS = 3.0
_RETRY_SECONDS = 30.0
_ENCODING_TURN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Upload:
    """A document to read: where it was sent, the message that shows its progress, and the file at Telegram.

    `id` is that of the message with the document. `language` is that of the person who sent it, `person` is
    shown to the members of a group as the one who added it. `question` is the caption, answered afterwards.
    """

    id: int
    chat: int
    progress_message: int
    file_id: str
    name: str
    language: str
    person: str
    question: str = ""


_UPLOAD = TypeAdapter(Upload)


class UploadQueue:
    """Reads uploads: those of one chat in order, two at a time over all chats, each chat in turn."""

    def __init__(
        self, bot: Bot, collections: Collections, metrics: Metrics, library: Callable[[], SingleLibrary]
    ) -> None:
        """`library` returns what chats ask beside their own documents."""
        self._bot = bot
        self._library = library
        self._collections = collections
        self._metrics = metrics
        # Both locks are fair, and each chat waits for its turn with one upload only.
        self._reading = asyncio.Semaphore(_MAX_READING)
        self._chats: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._encoding = asyncio.Lock()
        self._is_stopping = False

    def save(self, upload: Upload) -> None:
        """Save an upload to disk, to be read now or by the next process. Blocks; raises OSError."""
        with self._collections.locked(upload.chat) as paths:
            paths.uploads.mkdir(mode=0o700, parents=True, exist_ok=True)
            record = json.dumps(asdict(upload), ensure_ascii=False)
            write_durably(_record_path(paths, upload), record.encode("utf-8", "surrogatepass"))

    def start(self, upload: Upload) -> None:
        """Start to read a saved upload."""
        self._run_task(self._run(upload))

    def _run_task(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def saved(self, chat: int) -> list[Upload]:
        """Return the uploads of a chat that have not been read yet, oldest first. Blocks."""
        uploads = []
        for path in self._collections.paths(chat).saved_uploads():
            try:
                uploads.append(_UPLOAD.validate_json(path.read_bytes()))
            except FileNotFoundError:
                continue
            except (OSError, ValidationError) as error:
                _log.warning("%s: not a saved upload (%s)", path, type(error).__name__)
        return sorted(uploads, key=lambda upload: upload.id)

    def waiting(self, chat: int) -> int:
        """Return the number of uploads of a chat that have not been read yet."""
        return len(self._collections.paths(chat).saved_uploads())

    def is_known(self, chat: int, identity: int) -> bool:
        """Return whether this upload was accepted before; Telegram may repeat an update."""
        return (self._collections.paths(chat).uploads / f"{identity}.json").exists()

    async def run(self) -> None:
        """Continue with the uploads on disk and with missing vectors, and wait for others, for ever."""
        try:
            for upload in await in_thread(self._saved_uploads):
                self.start(upload)
            for chat in await in_thread(self._unencoded_chats):
                self._run_task(self._encode(chat))
            await asyncio.Event().wait()
        finally:
            self._is_stopping = True
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _saved_uploads(self) -> list[Upload]:
        return [upload for chat in self._collections.chats() for upload in self.saved(chat)]

    def _unencoded_chats(self) -> list[int]:
        collections = self._collections
        return [chat for chat in collections.chats() if collections.paths(chat).unencoded.exists()]

    async def _run(self, upload: Upload) -> None:
        """Read an upload and tell how it ended, again while Telegram cannot be reached."""
        lock = self._chats.setdefault(upload.chat, asyncio.Lock())
        async with lock:
            while True:
                try:
                    async with self._reading:
                        await self._complete(upload)
                except TelegramError as error:
                    _log.warning("An upload is tried again later: %s", type(error).__name__)
                    await asyncio.sleep(_RETRY_SECONDS)
                except Exception:  # noqa: BLE001  # no upload may stop the others
                    _log.exception("An upload could not be read")
                    await self._give_up(upload)
                    return
                else:
                    break
        await self._encode(upload.chat)

    async def _complete(self, upload: Upload) -> None:
        paths, texts = self._collections.paths(upload.chat), texts_for(upload.language)
        record = _record_path(paths, upload)
        if not record.exists():
            # The documents of the chat were deleted, or another process has read it.
            return
        name = file_label(upload.name, texts)
        async with _Progress(self._bot, upload, texts.reading_document(name)):
            try:
                await self._download(upload, paths)
                text = await in_thread(lambda: self._read(upload, texts, name))
            except _RefusedError as refusal:
                text = texts.document_not_added(name, refusal.reason)
                self._metrics.count_upload(refusal.kind)
            else:
                self._metrics.count_upload("read")
        if not record.exists():
            # The documents of the chat were deleted meanwhile, and the message says so.
            return
        if text:
            await self._tell(upload, text)
        if text and upload.question:
            await self.answer_caption(upload.chat, upload.id, upload.question, texts)
        await in_thread(lambda: self._discard(upload))

    async def answer_caption(self, chat: int, document_message: int, question: str, texts: Texts) -> None:
        """Answer the question that came with a document, as a reply to it, where its buttons find it."""
        chosen = await self._collections.chosen_library(chat, self._library())
        answer = await chosen.library.answer(question)
        group = chat if chat < 0 else None
        recipient = Recipient(texts, self._bot.username, in_group=group is not None, group=group)
        reply = answers.render_answer(answer, recipient)
        with contextlib.suppress(BadRequest, Forbidden):
            await self._bot.send_message(
                chat,
                reply.text,
                entities=reply.entities or None,
                reply_markup=reply.keyboard,
                reply_parameters=ReplyParameters(document_message, allow_sending_without_reply=True),
            )

    async def tell_deleted(self, uploads: Iterable[Upload]) -> None:
        """Show that uploads were deleted, with all documents of their chat, before they had been read."""
        for upload in uploads:
            with contextlib.suppress(TelegramError):
                await self._tell(upload, texts_for(upload.language).forgotten)

    async def _give_up(self, upload: Upload) -> None:
        """Send a message that something went wrong, and drop the upload."""
        with contextlib.suppress(TelegramError):
            await self._tell(upload, texts_for(upload.language).internal_error)
        with contextlib.suppress(OSError):
            await in_thread(lambda: self._discard(upload))

    def _discard(self, upload: Upload) -> None:
        """Delete what was kept to read an upload."""
        with self._collections.locked(upload.chat) as paths:
            for path in (_record_path(paths, upload), _data_path(paths, upload)):
                path.unlink(missing_ok=True)
        self._collections.delete_if_empty(upload.chat)

    async def _download(self, upload: Upload, paths: CollectionPaths) -> None:
        """Fetch the file unless it is on disk. Raises _RefusedError if Telegram no longer has it."""
        data_path = _data_path(paths, upload)
        if data_path.exists():
            return
        try:
            file = await self._bot.get_file(upload.file_id)
            data = bytes(await file.download_as_bytearray())
        except BadRequest as error:
            reason = texts_for(upload.language).file_not_delivered
            raise _RefusedError("not delivered", reason) from error
        try:
            await in_thread(lambda: write_durably(data_path, data))
        except OSError as error:
            raise _refusal_of(error, texts_for(upload.language)) from error

    def _read(self, upload: Upload, texts: Texts, shown_name: str) -> str:
        """Add the file to the collection, read it, and return what to tell. Blocks.

        Raises _RefusedError if it cannot be read; an earlier version of it is then kept.
        """
        with self._collections.locked(upload.chat) as paths:
            if not _record_path(paths, upload).exists():
                return ""
            target, earlier = paths.documents / upload.name, _earlier_path(paths, upload)
            try:
                paths.documents.mkdir(mode=0o700, parents=True, exist_ok=True)
                if target.exists() and not earlier.exists():
                    os.link(target, earlier)
                # Copied, not moved: a process that is killed now begins again with the same file.
                write_durably(target, _data_path(paths, upload).read_bytes())
                library = self._collections.read(upload.chat)
                problem = _problem_of(library, upload)
                if problem:
                    _restore(target, earlier)
                    self._collections.read(upload.chat)
                    raise _RefusedError("not readable", explain_problem(problem, texts))
                self._note_added(upload)
            except OSError as error:
                _restore(target, earlier)
                raise _refusal_of(error, texts) from error
            earlier.unlink(missing_ok=True)
            paths.unencoded.touch()
            text = _describe(library, upload, texts, shown_name)
            is_searched = self._collections.record(upload.chat).scope != "library"
            return text if is_searched else f"{text}\n\n{texts.searched_library}"

    def _note_added(self, upload: Upload) -> None:
        record = self._collections.record(upload.chat)
        added = record.added | {upload.name: AddedBy(upload.person, time.time())}
        self._collections.write_record(upload.chat, replace(record, added=added))

    async def _tell(self, upload: Upload, text: str) -> None:
        """Show how an upload ended in the message that showed its progress, or in a new one."""
        try:
            await self._bot.edit_message_text(text, chat_id=upload.chat, message_id=upload.progress_message)
        except Forbidden:
            # The person has blocked the bot, or the group has removed it.
            return
        except BadRequest as error:
            if not is_unchanged(error):
                with contextlib.suppress(BadRequest, Forbidden):
                    await self._bot.send_message(upload.chat, text)

    async def _encode(self, chat: int) -> None:
        """Compute the vectors of a chat's documents; until then words alone are compared.

        One chat is served at a time, for some seconds, then the next: a long document delays nobody.
        """
        is_complete = False
        while not is_complete and not self._is_stopping:
            async with self._encoding:
                deadline = time.monotonic() + _ENCODING_TURN_SECONDS
                try:
                    is_complete = await self._collections.encode(chat, partial(self._must_pause, deadline))
                except EncoderError:
                    # The encoder has logged why.
                    return
                except Exception as error:  # noqa: BLE001  # answers are found without vectors too
                    _log.warning("The documents of a chat are not encoded: %s", type(error).__name__)
                    return
        if is_complete:
            self._collections.paths(chat).unencoded.unlink(missing_ok=True)

    def _must_pause(self, deadline: float) -> bool:
        return self._is_stopping or time.monotonic() > deadline


class _RefusedError(Exception):
    """An upload cannot be read: a word for the metrics, and the reason for the person."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


class _Progress:
    """Edits the message of an upload every few seconds while it is read."""

    def __init__(self, bot: Bot, upload: Upload, text: str) -> None:
        self._bot = bot
        self._upload = upload
        self._text = text

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._show())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _show(self) -> None:
        started = time.monotonic()
        while True:
            await asyncio.sleep(_PROGRESS_INTERVAL_SECONDS)
            minutes, seconds = divmod(round(time.monotonic() - started), 60)
            with contextlib.suppress(TelegramError):
                await self._bot.edit_message_text(
                    f"{self._text} {minutes}:{seconds:02}",
                    chat_id=self._upload.chat,
                    message_id=self._upload.progress_message,
                )


def _record_path(paths: CollectionPaths, upload: Upload) -> Path:
    return paths.uploads / f"{upload.id}.json"


def _data_path(paths: CollectionPaths, upload: Upload) -> Path:
    return paths.uploads / f"{upload.id}.data"


def _earlier_path(paths: CollectionPaths, upload: Upload) -> Path:
    """Return where the earlier version of a replaced document is kept until the new one has been read."""
    return paths.uploads / f"{upload.id}.earlier"


def _restore(target: Path, earlier: Path) -> None:
    """Put the earlier version of a document back; without one, delete the document."""
    if earlier.exists():
        earlier.replace(target)
    else:
        target.unlink(missing_ok=True)


def _problem_of(library: LocalLibrary, upload: Upload) -> Problem | None:
    name = own_name(upload.chat, upload.name)
    return next((problem for problem in library.problems if problem.name == name), None)


def _refusal_of(error: OSError, texts: Texts) -> _RefusedError:
    is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    _log.error("COLLECTIONS_DIR: a document cannot be written (%s)", error.strerror or type(error).__name__)
    return _RefusedError("disk full" if is_full else "not writable", texts.cannot_store)


def _describe(library: LocalLibrary, upload: Upload, texts: Texts, shown_name: str) -> str:
    """Return that a document was read, with its number of pages if it has any."""
    passages = library.index.passages_of(document_id(own_name(upload.chat, upload.name)))
    pages = max((passage.page or 0 for passage in passages if passage.unit == "page"), default=0)
    return texts.document_read_pages(shown_name, pages) if pages else texts.document_read(shown_name)
