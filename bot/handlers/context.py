"""The context of handlers: the shared state of the bot, questions to the documents, and who is asking."""

from collections import OrderedDict, deque
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from telegram import Chat, Message, Update
from telegram.constants import ChatAction
from telegram.ext import CallbackContext

from bot.concurrency import in_thread
from bot.documents.chat_document_store import ChatDocumentStore, SearchedDocuments
from bot.documents.document_manager import DocumentManager
from bot.i18n.texts import texts_for
from bot.monitoring import Feedback, Metrics
from bot.telegram.bot_client import BotClient
from bot.telegram.messaging import ChatActions
from bot.views.chat_documents import scope_note
from bot.views.message import AS_WRITTEN, Origin, Recipient, UploadTarget
from retrieval.documents.library import AnyLibrary, CombinedLibrary, SingleLibrary
from retrieval.model import Answer, Source
from retrieval.overview import Overview
from retrieval.query.document_names import NameTable
from retrieval.quotes.quote_selection import drop_unlikely

Data = dict[Any, Any]

MAX_QUOTES = 5
_MAX_REMEMBERED_ANSWERS = 2_000
_MAX_REMEMBERED_ALBUMS = 500
# The names of more documents are prepared in a thread.
_MAX_PREPARED_AT_ONCE = 500
# The library has one list, and each chat with documents of its own has another.
_MAX_PREPARED_LISTS = 16


class AnswerMap:
    """Ids of recent questions and their answers, in memory, to edit the answer of an edited question."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[int, int], int] = OrderedDict()

    def remember(self, chat_id: int, question_id: int, answer_id: int) -> None:
        self._answers[chat_id, question_id] = answer_id
        if len(self._answers) > _MAX_REMEMBERED_ANSWERS:
            self._answers.popitem(last=False)

    def find(self, chat_id: int, question_id: int) -> int | None:
        return self._answers.get((chat_id, question_id))


class SeenAlbums:
    """Ids of recent albums, in memory: Telegram sends each picture of an album as a message of its own."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, album: str) -> bool:
        return album in self._ids

    def add(self, message: Message) -> bool:
        """Return whether a message is the first of its album, or of none."""
        album = message.media_group_id
        if album is None:
            return True
        is_first = album not in self._ids
        self._ids[album] = None
        if len(self._ids) > _MAX_REMEMBERED_ALBUMS:
            self._ids.popitem(last=False)
        return is_first


class NameTables:
    """Tables of names, one for each recently used list of documents."""

    def __init__(self) -> None:
        self._prepared: deque[NameTable] = deque(maxlen=_MAX_PREPARED_LISTS)

    async def of(self, library: AnyLibrary) -> list[NameTable]:
        """Return the tables of a library: one, or two for the documents of a chat and the shared ones."""
        parts = (library.own, library.shared) if isinstance(library, CombinedLibrary) else (library,)
        return [await self._prepare(part.sources) for part in parts]

    async def _prepare(self, sources: Sequence[Source]) -> NameTable:
        for table in self._prepared:
            if table.sources is sources:
                return table
        few = len(sources) <= _MAX_PREPARED_AT_ONCE
        table = NameTable.of(sources) if few else await in_thread(lambda: NameTable.of(sources))
        self._prepared.appendleft(table)
        return table


@dataclass(slots=True)
class BotState:
    """State that all handlers share; `library` is replaced when the documents change.

    `document_manager` is None if the documents are in a cluster. `has_files`: the folder has their files.
    `chat_documents` is None if chats cannot have any. `takes_admin_documents`: documents that admins send are
    added to the library. `reads_pictures`: OCR is there, so that pictures of pages are documents.
    """

    library: SingleLibrary
    metrics: Metrics
    feedback: Feedback
    document_manager: DocumentManager | None
    admins: frozenset[int] = frozenset()
    logs_questions: bool = False
    has_files: bool = True
    chat_documents: ChatDocumentStore | None = None
    upload_days: int = 0
    reads_pictures: bool = False
    takes_admin_documents: bool = False
    answer_map: AnswerMap = field(default_factory=AnswerMap)
    albums: SeenAlbums = field(default_factory=SeenAlbums)
    name_tables: NameTables = field(default_factory=NameTables)
    chat_actions: ChatActions = field(default_factory=ChatActions)


class BotContext(CallbackContext[BotClient, Data, Data, BotState]):
    _chat_library: SearchedDocuments | None = None

    @property
    def state(self) -> BotState:
        return self.bot_data

    @property
    def library(self) -> AnyLibrary:
        """The documents that the chat of the update searches."""
        return self._chat_library.library if self._chat_library else self.bot_data.library

    @property
    def has_chat_documents(self) -> bool:
        """Whether the chat has documents of its own: then nothing about its questions is kept."""
        return self._chat_library is not None and self._chat_library.scope is not None

    async def choose_library(self, chat_id: int) -> None:
        """Answer this update from what a chat searches."""
        chat_documents = self.state.chat_documents
        if chat_documents is not None:
            self._chat_library = await chat_documents.chosen_library(chat_id, self.state.library)
            if self.has_chat_documents:
                chat_documents.note_use(chat_id)

    async def name_tables(self) -> list[NameTable]:
        """Return the names of the documents that the chat of the update searches."""
        return await self.state.name_tables.of(self.library)

    @property
    def metrics(self) -> Metrics:
        return self.bot_data.metrics

    async def find_answer(
        self, question: str, origin: Origin = AS_WRITTEN, *, top: int = MAX_QUOTES
    ) -> Answer | None:
        """Answer a question, or its corrected spelling; None if there is no longer a correction.

        Quotes that are unlikely to answer are dropped. The time is measured.
        """
        earlier = origin.earlier or None
        with self.metrics.time_stage("find"):
            answer = await self.library.answer(question, top=top, earlier=earlier)
            if origin.corrected:
                if not answer.suggestion:
                    return None
                answer = await self.library.answer(answer.suggestion, top=top, earlier=earlier)
            return drop_unlikely(answer)

    async def find_overview(self, source: Source) -> Overview:
        """Return the overview of a document. The time is measured."""
        with self.metrics.time_stage("find"):
            return await self.library.overview(source)

    def show_action(
        self, update: Update, action: ChatAction = ChatAction.TYPING
    ) -> AbstractContextManager[None]:
        """Show in the chat that the bot is at work while a block runs, if it takes long."""
        return self.state.chat_actions.show(self.bot, update, action)

    def recipient(self, update: Update) -> Recipient:
        """Return the language and permissions of the person behind an update."""
        user, chat, state = update.effective_user, update.effective_chat, self.state
        texts = texts_for(user.language_code if user else None)
        scope = self._chat_library.scope if self._chat_library else None
        in_group = chat is not None and chat.type in {Chat.GROUP, Chat.SUPERGROUP}
        return Recipient(
            texts,
            self.bot.username,
            can_vote=state.feedback.is_on and scope is None,
            can_remove=state.document_manager is not None and user is not None and user.id in state.admins,
            has_files=state.has_files or scope is not None,
            in_group=in_group,
            group_id=chat.id if in_group and chat and scope is not None else None,
            scope_note=scope_note(scope, texts) if scope else "",
            uploads=self._uploads(update),
        )

    def _uploads(self, update: Update) -> UploadTarget:
        """Return where documents go that the person behind an update may send."""
        user, chat, state = update.effective_user, update.effective_chat, self.state
        is_private = chat is None or chat.type == Chat.PRIVATE
        is_admin = is_private and user is not None and user.id in state.admins
        can_add_to_library = is_admin and state.document_manager is not None
        if state.chat_documents is not None:
            return UploadTarget.TO_CHAT_OR_LIBRARY if can_add_to_library else UploadTarget.TO_CHAT
        return (
            UploadTarget.TO_LIBRARY
            if can_add_to_library and state.takes_admin_documents
            else UploadTarget.NONE
        )
