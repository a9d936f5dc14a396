"""Reads documents that people have sent into their chats, in the background, whatever happens to the process.

An upload is saved to disk when it is accepted, and deleted when the chat has a message with the result. A
process that starts continues with the uploads it finds.
"""

import asyncio
import contextlib
import errno
import json
import logging
import math
import os
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

from pydantic import TypeAdapter, ValidationError
from telegram import Bot
from telegram.error import BadRequest, Forbidden, TelegramError

from bot.concurrency import in_thread
from bot.documents.caption_answers import Caption, CaptionAnswers
from bot.documents.chat_document_store import (
    AddedBy,
    ChatDocumentStore,
    ChatPaths,
    is_in_upload,
    locked_file,
    sources_in_upload,
)
from bot.durable_files import write_durably
from bot.i18n.texts import Texts, texts_for
from bot.monitoring import Metrics
from bot.telegram.messaging import ChatActions, is_unchanged
from bot.views.chat_documents import document_not_added
from bot.views.message import FormattedText, about_file, file_name, plain
from bot.views.problems import explain_problem
from retrieval.documents.file_records import UnreadFile
from retrieval.documents.library import SingleLibrary
from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import EncoderError, ProblemKind, ReadingStoppedError, TooManyDocumentsError
from retrieval.loaders.containers import is_archive_name
from retrieval.model import Problem, chat_document_name, make_document_id
from retrieval.ocr import tesseract

_log = logging.getLogger(__name__)

_MAX_CONCURRENT_UPLOADS = 2
_PROGRESS_INTERVAL_SECONDS = 3.0
_RETRY_SECONDS = 30.0
_ENCODING_TURN_SECONDS = 3.0
# How long the message that a document was read, and the answer to its caption, wait for its vectors.
_MAX_VECTOR_WAIT_SECONDS = 10.0
_MAX_VECTOR_WAIT_FOR_CAPTION_SECONDS = 30.0
_VECTOR_CHECK_SECONDS = 1.0
# On one core, about.
_TEXTS_PER_SECOND = 40
_MAX_PROBLEMS = 5
# How often to look for uploads that another process has left, and how old these are at least.
_TAKEOVER_INTERVAL_SECONDS = 60.0
_TAKEOVER_AGE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Upload:
    """A document to read: where it was sent, the message that shows its progress, and the file at Telegram.

    `id` is that of the message with the document. `language` is that of the person who sent it, `person` is
    shown to the members of a group as the one who added it. `question` is the caption, answered afterwards.
    `size` is in bytes, as Telegram says.
    """

    id: int
    chat: int
    progress_message: int
    file_id: str
    name: str
    language: str
    person: str
    question: str = ""
    size: int = 0


_UPLOAD = TypeAdapter(Upload)


@dataclass(frozen=True, slots=True)
class Scan:
    """An upload, in the library of its chat, and the files in it with pages that wait for OCR."""

    library: LocalLibrary
    files: Sequence[UnreadFile]


class UploadQueue:
    """Reads uploads: those of one chat in order, two at a time over all chats, each chat in turn.

    An upload is a file in the folder of its chat: `ID.json` until it has been read, then `ID.question` until
    the question in its caption has been answered. A process locks the file while it works on it, so that
    processes that share the folder can take over from one that was killed.
    """

    def __init__(  # noqa: PLR0913  # what it needs of the bot
        self,
        bot: Bot,
        chat_documents: ChatDocumentStore,
        metrics: Metrics,
        library: Callable[[], SingleLibrary],
        chat_actions: ChatActions,
        *,
        max_documents: int | None = None,
    ) -> None:
        """`library` returns what chats search in addition to their own documents.

        A chat may have `max_documents`, also in archives and mails.
        """
        self._max_documents = max_documents
        self._bot = bot
        self._chat_documents = chat_documents
        self.captions = CaptionAnswers(bot, chat_documents, metrics, library, chat_actions)
        self._metrics = metrics
        self._chat_actions = chat_actions
        # Both locks are fair, and each chat waits for its turn with one upload only.
        self._reading = asyncio.Semaphore(_MAX_CONCURRENT_UPLOADS)
        self._chats: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started: set[tuple[int, int]] = set()
        self._encoding = asyncio.Lock()
        # One page of one chat at a time: the others' documents are read in the meantime.
        self._scanning = asyncio.Lock()
        self._scans: dict[tuple[int, int], Scan] = {}
        self._encoders: dict[int, asyncio.Task[None]] = {}
        self._is_stopping = False

    def save(self, upload: Upload) -> None:
        """Save an upload to disk, to be read now or by the next process. Blocks; raises OSError."""
        with self._chat_documents.locked(upload.chat) as paths:
            paths.uploads.mkdir(mode=0o700, parents=True, exist_ok=True)
            record = json.dumps(asdict(upload), ensure_ascii=False)
            write_durably(paths.upload(upload.id), record.encode("utf-8", "surrogatepass"))

    def start(self, upload: Upload) -> None:
        """Start to read a saved upload, or to answer its caption, unless that is under way."""
        key = upload.chat, upload.id
        if key not in self._started:
            self._started.add(key)
            self._run_task(self._run(upload)).add_done_callback(lambda _: self._started.discard(key))

    def _run_task(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def saved(self, chat_id: int) -> list[Upload]:
        """Return the uploads of a chat that have not been read yet, oldest first. Blocks."""
        return self._load(chat_id, self._chat_documents.paths(chat_id).unread_uploads())

    def _load(self, chat_id: int, paths: Iterable[Path]) -> list[Upload]:
        uploads = []
        for path in paths:
            try:
                upload = _UPLOAD.validate_json(path.read_bytes())
            except FileNotFoundError:
                continue
            except (OSError, ValidationError) as error:
                _log.warning("%s: not a saved upload (%s)", path, type(error).__name__)
            else:
                # A group that has become a supergroup has another id.
                uploads.append(replace(upload, chat=chat_id))
        return sorted(uploads, key=lambda upload: upload.id)

    def waiting(self, chat_id: int) -> int:
        """Return the number of uploads of a chat that have not been read yet."""
        return len(self._chat_documents.paths(chat_id).unread_uploads())

    def is_known(self, chat_id: int, message_id: int) -> bool:
        """Return whether this upload was accepted before; Telegram may repeat an update."""
        paths = self._chat_documents.paths(chat_id)
        return paths.upload(message_id).exists() or paths.question(message_id).exists()

    async def run(self) -> None:
        """Continue with the uploads on disk and missing vectors, then wait for others, until cancelled.

        Uploads that another process has left are taken over after a while.
        """
        try:
            for chat in await in_thread(self._unencoded_chats):
                self._encode_in_background(chat)
            min_age_seconds = 0.0
            while True:
                for upload in await in_thread(partial(self._saved_uploads, min_age_seconds)):
                    self.start(upload)
                await asyncio.sleep(_TAKEOVER_INTERVAL_SECONDS)
                min_age_seconds = _TAKEOVER_AGE_SECONDS
        finally:
            self._is_stopping = True
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def resume(self, chat_id: int) -> None:
        """Continue with the uploads of a chat, which has another id than before."""
        for upload in self._load(chat_id, self._chat_documents.paths(chat_id).saved_uploads()):
            self.start(upload)

    def _saved_uploads(self, min_age_seconds: float) -> list[Upload]:
        """Return the uploads on disk that have not changed for some seconds."""
        latest = time.time() - min_age_seconds
        uploads = []
        for chat in self._chat_documents.chats():
            saved = [
                path
                for path in self._chat_documents.paths(chat).saved_uploads()
                if _written_at(path) <= latest
            ]
            uploads += self._load(chat, saved)
        return uploads

    def _unencoded_chats(self) -> list[int]:
        chat_documents = self._chat_documents
        return [chat for chat in chat_documents.chats() if chat_documents.paths(chat).unencoded.exists()]

    async def _run(self, upload: Upload) -> None:
        """Read an upload, report the result, and answer its caption when the others of its chat are read."""
        record = self._chat_documents.paths(upload.chat).upload(upload.id)
        lock = self._chats.setdefault(upload.chat, asyncio.Lock())
        async with lock:
            await self._work_on(upload, record, self._complete)
        if scan := self._scans.pop((upload.chat, upload.id), None):
            await self._work_on(upload, record, partial(self._read_scan, scan=scan))
            async with lock:
                await self._work_on(upload, record, partial(self._complete, is_scanned=True))
        if upload.question:
            async with lock:
                # Those that were waiting for their turn are read now.
                pass
            question = self._chat_documents.paths(upload.chat).question(upload.id)
            await self._work_on(upload, question, self._answer_saved)

    async def _work_on(
        self, upload: Upload, path: Path, work: Callable[[Upload], Coroutine[object, object, None]]
    ) -> None:
        """Do a part of the work on an upload, again while Telegram cannot be reached.

        Nothing is done if its file is gone, or if another process is working on it.
        """
        while True:
            try:
                with locked_file(path) as is_locked:
                    if is_locked:
                        await work(upload)
            except TelegramError as error:
                _log.warning(
                    "Telegram unreachable (%s); retrying an upload in %.0f s",
                    type(error).__name__,
                    _RETRY_SECONDS,
                )
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception:  # noqa: BLE001  # no upload may stop the others
                _log.exception("An upload could not be read")
                await self._give_up(upload)
                return
            else:
                return

    async def _read_scan(self, upload: Upload, *, scan: Scan) -> None:
        """Read the scanned pages of an upload by OCR, while other documents, also of its chat, are read."""
        record = self._chat_documents.paths(upload.chat).upload(upload.id)

        def must_stop() -> bool:
            return self._is_stopping or not record.exists()

        progress = _Progress(self._bot, upload, record, texts_for(upload.language))
        # The documents of the chat may be deleted in the meantime.
        with contextlib.suppress(FileNotFoundError):
            async with progress, self._scanning:
                for file in scan.files:
                    await in_thread(partial(scan.library.read_scan, file, stop=must_stop))

    async def _complete(self, upload: Upload, *, is_scanned: bool = False) -> None:
        """Read an upload and report the result, or note its pages that wait for OCR in `_scans`.

        `is_scanned` means that OCR has finished.
        """
        paths, texts = self._chat_documents.paths(upload.chat), texts_for(upload.language)
        record = paths.upload(upload.id)
        async with _Progress(self._bot, upload, record, texts):
            try:
                async with self._reading:
                    if not is_scanned:
                        await self._download(upload, paths)
                    text = await in_thread(lambda: self._read(upload, texts, is_scanned=is_scanned))
                if isinstance(text, Scan):
                    self._scans[upload.chat, upload.id] = text
                    return
                outcome = "read"
            except UploadRejectedError as error:
                text = document_not_added(upload.name, error.rejection.reason, texts)
                outcome = error.rejection.kind
            else:
                self._encode_in_background(upload.chat)
                if self.waiting(upload.chat) == 1:
                    await self._wait_for_vectors(upload.chat, _MAX_VECTOR_WAIT_SECONDS)
        if text is None or not record.exists():
            # The documents of the chat were deleted in the meantime, and the message says so.
            return
        self._metrics.count_upload(outcome)
        await self._tell(upload, text)
        await in_thread(lambda: self._finish_reading(upload))

    async def _wait_for_vectors(self, chat_id: int, seconds: float) -> None:
        """Wait until all vectors of a chat's documents are there, as long as that can be within some seconds.

        Some of the vectors would not help.
        """
        deadline = time.monotonic() + seconds
        while encoding := self._encoders.get(chat_id):
            left, library = deadline - time.monotonic(), await self._chat_documents.library(chat_id)
            if left <= 0 or library is None:
                return
            if await in_thread(partial(_count_unencoded, library)) > left * _TEXTS_PER_SECOND:
                return
            await asyncio.wait({encoding}, timeout=min(left, _VECTOR_CHECK_SECONDS))

    async def _answer_saved(self, upload: Upload) -> None:
        """Answer the question in the caption of an upload that has been read or rejected."""
        with self._chat_actions.show_in(self._bot, upload.chat):
            await self._wait_for_vectors(upload.chat, _MAX_VECTOR_WAIT_FOR_CAPTION_SECONDS)
        if not self._chat_documents.paths(upload.chat).question(upload.id).exists():
            # The documents of the chat were deleted in the meantime.
            return
        caption = Caption(upload.chat, upload.id, upload.name, upload.question, upload.language)
        await self.captions.answer(caption)
        await in_thread(lambda: self._discard(upload))

    async def tell_deleted(self, uploads: Iterable[Upload]) -> None:
        """Show that uploads were deleted, with all documents of their chat, before they had been read."""
        for upload in uploads:
            with contextlib.suppress(TelegramError):
                await self._tell(upload, plain(texts_for(upload.language).forgotten))

    async def _give_up(self, upload: Upload) -> None:
        """Send a message that something went wrong, and drop the upload."""
        text = texts_for(upload.language).internal_error
        is_read = not self._chat_documents.paths(upload.chat).upload(upload.id).exists()
        with contextlib.suppress(TelegramError):
            if is_read:
                await self._bot.send_message(upload.chat, text)
            else:
                await self._tell(upload, plain(text))
        with contextlib.suppress(OSError):
            await in_thread(lambda: self._discard(upload))

    def _finish_reading(self, upload: Upload) -> None:
        """Delete what was kept to read an upload; the question in its caption is kept to be answered."""
        if not upload.question:
            self._discard(upload)
            return
        with self._chat_documents.locked(upload.chat) as paths:
            _data_path(paths, upload).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                paths.upload(upload.id).rename(paths.question(upload.id))

    def _discard(self, upload: Upload) -> None:
        """Delete what was kept of an upload."""
        with self._chat_documents.locked(upload.chat) as paths:
            self._discard_files(upload, paths)
        self._chat_documents.delete_if_empty(upload.chat)

    @staticmethod
    def _discard_files(upload: Upload, paths: ChatPaths) -> None:
        for path in (paths.upload(upload.id), paths.question(upload.id), _data_path(paths, upload)):
            path.unlink(missing_ok=True)

    async def _download(self, upload: Upload, paths: ChatPaths) -> None:
        """Fetch the file unless it is on disk. Raises UploadRejectedError if Telegram no longer has it."""
        data_path = _data_path(paths, upload)
        if data_path.exists():
            return
        try:
            file = await self._bot.get_file(upload.file_id)
            data = bytes(await file.download_as_bytearray())
        except BadRequest as error:
            reason = texts_for(upload.language).file_not_delivered
            raise UploadRejectedError(UploadRejection("not delivered", reason)) from error
        if not paths.upload(upload.id).exists():
            return
        try:
            await in_thread(lambda: write_durably(data_path, data))
        except FileNotFoundError:
            # The documents of the chat have just been deleted.
            return
        except OSError as error:
            raise UploadRejectedError(rejection_of(error, texts_for(upload.language))) from error

    def _read(self, upload: Upload, texts: Texts, *, is_scanned: bool) -> FormattedText | Scan | None:
        """Add the file to the documents, read it, and return what to report, None if it was deleted. Blocks.

        Returns what waits for OCR, if there is any. Raises UploadRejectedError if it cannot be read; an
        earlier version of it is then kept. With `is_scanned` it was added before, and OCR has finished.
        """
        with self._chat_documents.locked(upload.chat) as paths:
            is_wanted = paths.upload(upload.id).exists()
            text = self._read_locked(upload, paths, texts, is_scanned=is_scanned) if is_wanted else None
        if text is None:
            self._chat_documents.delete_if_empty(upload.chat)
        return text

    def _read_locked(
        self, upload: Upload, paths: ChatPaths, texts: Texts, *, is_scanned: bool
    ) -> FormattedText | Scan | None:
        target, earlier = paths.documents / upload.name, _earlier_path(paths, upload)
        record = paths.upload(upload.id)
        try:
            if is_scanned and not target.exists():
                # It was removed while OCR read it.
                self._chat_documents.read(upload.chat).prune_scans()
                self._discard_files(upload, paths)
                return None
            if not is_scanned:
                _replace_document(target, earlier, _data_path(paths, upload).read_bytes())
            library = self._chat_documents.read(upload.chat, lambda: not record.exists(), self._max_documents)
            scan = _unread_scan(library, upload)
            if scan is not None and not is_scanned:
                return scan
            if problem := _problem_of(library, upload):
                _restore(target, earlier)
                self._chat_documents.read(upload.chat)
                raise UploadRejectedError(UploadRejection("not readable", explain_problem(problem, texts)))
            self._note_added(upload)
        except TooManyDocumentsError:
            _restore(target, earlier)
            reason = texts.too_many_documents(self._max_documents or 0)
            raise UploadRejectedError(UploadRejection("quota", reason)) from None
        except ReadingStoppedError:
            # Whoever deletes the documents of the chat is waiting for the lock.
            _restore(target, earlier)
            return None
        except OSError as error:
            _restore(target, earlier)
            if not record.exists():
                return None
            raise UploadRejectedError(rejection_of(error, texts)) from error
        earlier.unlink(missing_ok=True)
        paths.unencoded.touch()
        text = _describe(library, upload, texts)
        is_searched = self._chat_documents.record(upload.chat).scope != "library"
        return text if is_searched else text + f"\n\n{texts.searched_library}"

    def _note_added(self, upload: Upload) -> None:
        record = self._chat_documents.record(upload.chat)
        added = record.added | {upload.name: AddedBy(upload.person, time.time())}
        self._chat_documents.write_record(upload.chat, replace(record, added=added))

    async def _tell(self, upload: Upload, text: FormattedText) -> None:
        """Show how an upload ended in the message that showed its progress, or in a new one."""
        entities = text.entities or None
        try:
            await self._bot.edit_message_text(
                text.text, chat_id=upload.chat, message_id=upload.progress_message, entities=entities
            )
        except Forbidden:
            # The person has blocked the bot, or the group has removed it.
            return
        except BadRequest as error:
            if not is_unchanged(error):
                with contextlib.suppress(BadRequest, Forbidden):
                    await self._bot.send_message(upload.chat, text.text, entities=entities)

    def _encode_in_background(self, chat_id: int) -> asyncio.Task[None]:
        """Return the task that computes the vectors of a chat's documents; it takes in new documents."""
        task = self._encoders.get(chat_id)
        if task is None or task.done():
            task = self._encoders[chat_id] = self._run_task(self._encode(chat_id))
            task.add_done_callback(partial(self._forget_encoder, chat_id))
        return task

    def _forget_encoder(self, chat_id: int, task: asyncio.Task[None]) -> None:
        if self._encoders.get(chat_id) is task:
            del self._encoders[chat_id]

    async def _encode(self, chat_id: int) -> None:
        """Compute the vectors of a chat's documents; until then words alone are compared.

        One chat is served at a time, for some seconds, then the next: a long document delays nobody.
        """
        folder = self._chat_documents.paths(chat_id).folder
        is_complete = False
        while not is_complete and not self._is_stopping:
            async with self._encoding:
                deadline = time.monotonic() + _ENCODING_TURN_SECONDS
                try:
                    is_complete = await self._chat_documents.encode(
                        chat_id, partial(self._must_pause, deadline, folder)
                    )
                except EncoderError:
                    # The encoder has logged why.
                    return
                except Exception as error:  # noqa: BLE001  # answers are found without vectors too
                    if folder.exists():
                        _log.warning("The documents of a chat are not encoded: %s", type(error).__name__)
                    return
        if is_complete:
            self._chat_documents.paths(chat_id).unencoded.unlink(missing_ok=True)

    def _must_pause(self, deadline: float, folder: Path) -> bool:
        return self._is_stopping or time.monotonic() > deadline or not folder.exists()


@dataclass(frozen=True, slots=True)
class UploadRejection:
    """Why an upload is not read: a word for the metrics, and the reason for the person."""

    kind: str
    reason: str


class UploadRejectedError(Exception):
    """An upload cannot be read."""

    def __init__(self, rejection: UploadRejection) -> None:
        super().__init__(rejection.reason)
        self.rejection = rejection


class _Progress:
    """Edits the message of an upload every few seconds while it is read and its file `record` is there."""

    def __init__(self, bot: Bot, upload: Upload, record: Path, texts: Texts) -> None:
        self._bot = bot
        self._upload = upload
        self._record = record
        self._text = about_file(texts.reading_document, upload.name, texts)

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
            if not self._record.exists():
                return
            minutes, seconds = divmod(round(time.monotonic() - started), 60)
            progress_text = self._text + f" {minutes}:{seconds:02}"
            with contextlib.suppress(TelegramError):
                await self._bot.edit_message_text(
                    progress_text.text,
                    chat_id=self._upload.chat,
                    message_id=self._upload.progress_message,
                    entities=progress_text.entities or None,
                )


def _count_unencoded(library: LocalLibrary) -> int:
    return library.unencoded


def _written_at(path: Path) -> float:
    """Return when a file was written (POSIX time); in the future if it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return math.inf


def _data_path(paths: ChatPaths, upload: Upload) -> Path:
    return paths.uploads / f"{upload.id}.data"


def _earlier_path(paths: ChatPaths, upload: Upload) -> Path:
    """Return where the earlier version of a replaced document is kept until the new one has been read."""
    return paths.uploads / f"{upload.id}.earlier"


def _replace_document(target: Path, earlier: Path, data: bytes) -> None:
    """Write a document, and keep its earlier version as `earlier`. Raises OSError."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A process that was killed has written the same file.
    if target.exists() and not earlier.exists() and target.read_bytes() != data:
        os.link(target, earlier)
    # Copied, not moved: a process that is killed now begins again with the same file.
    write_durably(target, data)


def _unread_scan(library: LocalLibrary, upload: Upload) -> Scan | None:
    """Return the pages of an upload that OCR can read, if there are any."""
    name = chat_document_name(upload.chat, upload.name)
    unread = [file for file in library.unread_scans if is_in_upload(file.name, name)]
    return Scan(library, unread) if unread and tesseract.is_available() else None


def _restore(target: Path, earlier: Path) -> None:
    """Put the earlier version of a document back; without one, delete the document."""
    if earlier.exists():
        earlier.replace(target)
    else:
        target.unlink(missing_ok=True)


def _problem_of(library: LocalLibrary, upload: Upload) -> Problem | None:
    """Return why an upload was not read: for an archive, what keeps its first file from being read."""
    name = chat_document_name(upload.chat, upload.name)
    problems = [problem for problem in library.problems if is_in_upload(problem.name, name)]
    problem_of_file = next((problem for problem in problems if problem.name == name), None)
    if problem_of_file or not is_archive_name(name) or sources_in_upload(library.sources, name):
        return problem_of_file
    # A problem of a supported file says more than one of an unsupported file.
    return min(problems, key=lambda problem: problem.kind is ProblemKind.UNSUPPORTED, default=None)


def rejection_of(error: OSError, texts: Texts) -> UploadRejection:
    """Return the rejection of an upload that could not be written, which is logged."""
    is_full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    _log.error("COLLECTIONS_DIR: a document cannot be written (%s)", error.strerror or type(error).__name__)
    return UploadRejection("disk full" if is_full else "not writable", texts.cannot_store)


def _left_out(problems: Sequence[Problem], upload: str, texts: Texts) -> FormattedText:
    """Return the files in an upload that were skipped, with the reasons for the first of them."""
    listing = plain(f"\n\n{texts.files_left_out(len(problems))}" if problems else "")
    for problem in problems[:_MAX_PROBLEMS]:
        name = file_name(problem.name.removeprefix(f"{upload}/"), texts)
        listing += plain("\n• ") + name + f": {explain_problem(problem, texts)}"
    return listing


def _describe(library: LocalLibrary, upload: Upload, texts: Texts) -> FormattedText:
    """Return the text for a document that was read, with its number of pages if it has any.

    Of an archive or a mail, it is the number of documents, and the files that were skipped.
    """
    name = chat_document_name(upload.chat, upload.name)
    problems = [problem for problem in library.problems if is_in_upload(problem.name, name)]
    count = len(sources_in_upload(library.sources, name))
    if is_archive_name(name) or count > 1 or problems:
        read = about_file(lambda file_name: texts.document_read_files(file_name, count), upload.name, texts)
        return read + _left_out(problems, name, texts)
    passages = library.index.passages_of(make_document_id(chat_document_name(upload.chat, upload.name)))
    pages = max((passage.page or 0 for passage in passages if passage.unit == "page"), default=0)
    if not pages:
        return about_file(texts.document_read, upload.name, texts)
    return about_file(lambda name: texts.document_read_pages(name, pages), upload.name, texts)
