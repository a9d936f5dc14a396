"""The context of handlers: the shared state of the bot, questions to the documents, and who is asking."""

import logging
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from telegram import Chat, Message, Update
from telegram.constants import ChatAction
from telegram.ext import CallbackContext

from bot.handlers.chat_actions import ChatActions
from bot.handlers.named_documents import DocumentNames
from bot.i18n.messages import texts_for
from bot.ops.collections import ChatArchive, Collections
from bot.ops.document_manager import DocumentManager
from bot.ops.feedback import Feedback
from bot.ops.metrics import Metrics
from bot.telegram.bot_client import Bot
from bot.views.callback_data import AS_WRITTEN, Origin
from bot.views.message import Recipient, Uploads
from bot.views.own_documents import scope_note
from retrieval.documents.archive import AnyArchive
from retrieval.documents.combined_archive import ArchiveView
from retrieval.ids import logged_name
from retrieval.model import Answer, Citation, Source
from retrieval.overview import Overview

_log = logging.getLogger(__name__)

Data = dict[Any, Any]

MAX_QUOTES = 5
_MAX_REMEMBERED_ANSWERS = 2_000
_MAX_REMEMBERED_ALBUMS = 500

# Quotes after the first that have no word of the question need at least this share of the first quote's
# score, and at least this score. Quotes unrelated to the question score less.
_MIN_SHARE_OF_BEST_SCORE = 0.7
_MIN_SCORE = 6.0


class AnswerMap:
    """Ids of recent questions and their answers, in memory, to edit the answer of an edited question."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[int, int], int] = OrderedDict()

    def remember(self, chat: int, question: int, answer: int) -> None:
        self._answers[chat, question] = answer
        if len(self._answers) > _MAX_REMEMBERED_ANSWERS:
            self._answers.popitem(last=False)

    def find(self, chat: int, question: int) -> int | None:
        return self._answers.get((chat, question))


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


@dataclass(slots=True)
class BotState:
    """State that all handlers share; `archive` is replaced when the documents change.

    `document_manager` is None if the documents are in a cluster. `has_files`: the folder has their files.
    `collections` has the documents of single chats; None if chats cannot have any. `takes_admin_documents`:
    documents that admins send are added to the library.
    """

    archive: AnyArchive
    metrics: Metrics
    feedback: Feedback
    document_manager: DocumentManager | None
    admins: frozenset[int] = frozenset()
    logs_questions: bool = False
    has_files: bool = True
    collections: Collections | None = None
    upload_days: int = 0
    takes_admin_documents: bool = False
    answer_map: AnswerMap = field(default_factory=AnswerMap)
    albums: SeenAlbums = field(default_factory=SeenAlbums)
    document_names: DocumentNames = field(default_factory=DocumentNames)
    chat_actions: ChatActions = field(default_factory=ChatActions)


class BotContext(CallbackContext[Bot, Data, Data, BotState]):
    _chat_archive: ChatArchive | None = None

    @property
    def state(self) -> BotState:
        return self.bot_data

    @property
    def archive(self) -> ArchiveView:
        """The documents that the chat of the update asks."""
        return self._chat_archive.archive if self._chat_archive else self.bot_data.archive

    @property
    def has_own_documents(self) -> bool:
        """Whether the chat has documents of its own: then nothing about its questions is kept."""
        return self._chat_archive is not None and self._chat_archive.scope is not None

    async def choose_archive(self, chat: int) -> None:
        """Answer this update from what a chat asks."""
        collections = self.state.collections
        if collections is not None:
            self._chat_archive = await collections.archive(chat, self.state.archive)
            if self.has_own_documents:
                collections.note_use(chat)

    @property
    def metrics(self) -> Metrics:
        return self.bot_data.metrics

    async def find_answer(
        self, question: str, origin: Origin = AS_WRITTEN, *, top: int = MAX_QUOTES
    ) -> Answer | None:
        """Answer a question, or its corrected spelling; None if there is no correction any more.

        Only verbatim quotes are returned. The time is measured.
        """
        earlier = origin.earlier or None
        with self.metrics.time_stage("find"):
            answer = await self.archive.answer(question, top=top, earlier=earlier)
            if origin.corrected:
                if not answer.suggestion:
                    return None
                answer = await self.archive.answer(answer.suggestion, top=top, earlier=earlier)
            return keep_verified(answer)

    async def find_overview(self, source: Source) -> Overview:
        """Return the overview of a document, of verbatim quotes only. The time is measured."""
        with self.metrics.time_stage("find"):
            overview = await self.archive.overview(source)
        return keep_verified_sentences(overview)

    def show_action(
        self, update: Update, action: ChatAction = ChatAction.TYPING
    ) -> AbstractContextManager[None]:
        """Show in the chat that the bot is at work while a block runs, if it takes long."""
        return self.state.chat_actions.show(self.bot, update, action)

    def recipient(self, update: Update) -> Recipient:
        """Return the language and permissions of the person behind an update."""
        user, chat, state = update.effective_user, update.effective_chat, self.state
        texts = texts_for(user.language_code if user else None)
        scope = self._chat_archive.scope if self._chat_archive else None
        in_group = chat is not None and chat.type in {Chat.GROUP, Chat.SUPERGROUP}
        return Recipient(
            texts,
            self.bot.username,
            can_vote=state.feedback.is_on and scope is None,
            can_remove=state.document_manager is not None and user is not None and user.id in state.admins,
            has_files=state.has_files or scope is not None,
            in_group=in_group,
            group=chat.id if in_group and chat and scope is not None else None,
            scope_note=scope_note(scope, texts) if scope else "",
            uploads=self._uploads(update),
        )

    def _uploads(self, update: Update) -> Uploads:
        """Return where documents go that the person behind an update may send."""
        user, chat, state = update.effective_user, update.effective_chat, self.state
        is_private = chat is None or chat.type == Chat.PRIVATE
        is_admin = is_private and user is not None and user.id in state.admins
        can_add_to_library = is_admin and state.document_manager is not None
        if state.collections is not None:
            return Uploads.TO_CHAT_OR_LIBRARY if can_add_to_library else Uploads.TO_CHAT
        return Uploads.TO_LIBRARY if can_add_to_library and state.takes_admin_documents else Uploads.NONE


def keep_verified(answer: Answer) -> Answer:
    """Drop quotes that are not verbatim, and further quotes that are unlikely to answer."""
    verified = _drop_altered(answer.citations)
    likely = tuple(
        citation
        for citation in verified
        if citation is verified[0]
        or citation.highlights
        or citation.score >= max(verified[0].score * _MIN_SHARE_OF_BEST_SCORE, _MIN_SCORE)
    )
    are_parts_kept = likely[: answer.parts] == answer.citations[: answer.parts]
    return replace(
        answer,
        citations=likely,
        certainty=answer.certainty if likely else "none",
        parts=answer.parts if are_parts_kept else 1,
    )


def keep_verified_sentences(overview: Overview) -> Overview:
    """Drop sentences that are not verbatim."""
    return replace(overview, sentences=tuple(_drop_altered(overview.sentences)))


def _drop_altered(citations: Sequence[Citation]) -> list[Citation]:
    """Drop quotes that are not verbatim."""
    verified = [citation for citation in citations if citation.is_verbatim]
    if len(verified) < len(citations):
        documents = sorted(
            {logged_name(citation.document) for citation in citations if not citation.is_verbatim}
        )
        _log.error("A quote differs from its document and is not sent: %s", documents)
    return verified
