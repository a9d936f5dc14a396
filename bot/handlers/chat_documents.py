"""Handlers of documents that people send into their chats: uploads, /mine, /forget and their buttons."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from telegram import CallbackQuery, Chat, ChatMember, Message, Update, User

from bot.concurrency import in_thread
from bot.documents.caption_answers import Caption
from bot.documents.chat_document_store import ChatDocumentStore, Scope
from bot.documents.document_manager import is_plain_name
from bot.documents.upload_queue import Upload, UploadQueue, UploadRejection, rejection_of
from bot.handlers.access import is_group_admin
from bot.handlers.admin import MAX_FILE_MEGABYTES, add_to_library
from bot.handlers.context import BotContext
from bot.handlers.questions import greet_group
from bot.i18n.texts import Texts
from bot.telegram.messaging import (
    AttachedFile,
    answer_query,
    attached_file,
    edit_reply,
    question_of,
    require_message,
    require_query,
    send_reply,
)
from bot.views import chat_documents as views
from bot.views.browse import SOURCES_PER_PAGE
from bot.views.chat_documents import ListedDocument, document_not_added
from bot.views.message import (
    ChatDocumentAction,
    ChatDocumentPress,
    Recipient,
    Reply,
    about_file,
    build_reply,
    decode_chat_document_press,
    one_line,
    text_reply,
)
from bot.views.problems import SHOWN_FORMATS, SHOWN_PICTURES
from retrieval.loaders.containers import is_archive_name
from retrieval.loaders.formats import is_document_name, is_picture_name
from retrieval.model import Source, chat_document_name, make_document_id

_log = logging.getLogger(__name__)

_MAX_PERSON_UNITS = 60
_BYTES_PER_MEGABYTE = 1024 * 1024
_SCOPES: dict[ChatDocumentAction, Scope] = {
    ChatDocumentAction.ASK_BOTH: "both",
    ChatDocumentAction.ASK_OWN: "own",
    ChatDocumentAction.ASK_LIBRARY: "library",
}


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """The most documents in a chat, and their size in bytes together."""

    files: int
    bytes: int


class ChatDocumentHandlers:
    """The handlers, with the documents of chats, the queue of uploads and its limits."""

    def __init__(self, chat_documents: ChatDocumentStore, uploads: UploadQueue, limits: UploadLimits) -> None:
        self.chat_documents = chat_documents
        self._uploads = uploads
        self._limits = limits

    async def choose_library(self, update: Update, context: BotContext) -> None:
        """Answer an update from what its chat searches; runs before the handlers."""
        chat = update.effective_chat
        if chat is not None and update.guest_message is None:
            await context.choose_library(chat.id)
        elif update.inline_query is not None:
            await context.choose_library(update.inline_query.from_user.id)

    async def receive(self, update: Update, context: BotContext) -> None:
        """Accept a document, or say why not, or ask where it belongs or whether it replaces another."""
        message, recipient = require_message(update), context.recipient(update)
        document, texts = attached_file(message), recipient.texts
        if document is None:
            raise TypeError("the update has no document")
        if self._uploads.is_known(message.chat.id, message.message_id):
            return
        name = document.name
        if not await self._may_change(message.chat, message, message.from_user, context):
            await send_reply(update, text_reply(texts.group_admins_only))
            await self._answer_caption(message, texts)
            return
        if rejection := self._rejection(document, message.chat.id, context, texts):
            context.metrics.count_upload(rejection.kind)
            await send_reply(update, build_reply(document_not_added(name, rejection.reason, texts)))
            await self._answer_caption(message, texts)
            return
        is_admin = message.from_user is not None and message.from_user.id in context.state.admins
        if is_admin and message.chat.type == Chat.PRIVATE and context.state.document_manager is not None:
            await send_reply(update, views.render_destination(name, texts))
            return
        if self._has(message.chat.id, name):
            await send_reply(update, views.render_replacement(name, texts))
            return
        sent = await send_reply(update, build_reply(about_file(texts.reading_document, name, texts)))
        await self._accept(message, sent, context, texts)

    async def _answer_caption(self, message: Message, texts: Texts) -> None:
        """Answer the question in the caption of a document that was not taken, if it has one."""
        if question := question_of(message):
            file = attached_file(message)
            name = file.name if file else ""
            caption = Caption(message.chat.id, message.message_id, name, question, texts.language)
            await self._uploads.captions.answer(caption)

    async def _accept(
        self, message: Message, status_message: Message, context: BotContext, texts: Texts
    ) -> None:
        """Save an upload, whose progress is shown in the message `status_message`."""
        document = attached_file(message)
        if document is None:
            return
        user = message.from_user
        person = message.sender_chat.title if message.sender_chat else (user.full_name if user else "")
        upload = Upload(
            id=message.message_id,
            chat=message.chat.id,
            progress_message=status_message.message_id,
            file_id=document.id,
            name=document.name,
            language=texts.language,
            person=one_line(person or "", _MAX_PERSON_UNITS),
            question=question_of(message),
            size=document.bytes,
        )
        try:
            await in_thread(lambda: self._uploads.save(upload))
        except OSError as error:
            rejection = rejection_of(error, texts)
            context.metrics.count_upload(rejection.kind)
            text = document_not_added(upload.name, rejection.reason, texts)
            await status_message.edit_text(text.text, entities=text.entities or None)
            await self._answer_caption(message, texts)
            return
        self._uploads.start(upload)

    def _rejection(
        self, document: AttachedFile, chat_id: int, context: BotContext, texts: Texts
    ) -> UploadRejection | None:
        """Return why a document is not accepted, or None. Pictures are accepted where OCR is."""
        name, size = document.name, document.bytes
        is_picture = context.state.reads_pictures and is_picture_name(name)
        if not (is_document_name(name) or is_archive_name(name) or is_picture):
            formats = f"{SHOWN_FORMATS}, {SHOWN_PICTURES}" if context.state.reads_pictures else SHOWN_FORMATS
            return UploadRejection("not supported", texts.format_not_supported(formats))
        if not is_plain_name(name):
            return UploadRejection("name not allowed", texts.file_name_not_allowed)
        if size > MAX_FILE_MEGABYTES * _BYTES_PER_MEGABYTE:
            return UploadRejection("too large", texts.file_too_large(MAX_FILE_MEGABYTES))
        stored, waiting = self.chat_documents.size(chat_id), self._uploads.saved(chat_id)
        replaced = self._size_of(chat_id, name)
        if stored.files + len(waiting) - (replaced is not None) >= self._limits.files:
            return UploadRejection("quota", texts.too_many_documents(self._limits.files))
        accepted = stored.bytes - (replaced or 0) + sum(upload.size for upload in waiting)
        if accepted + size > self._limits.bytes:
            megabytes = self._limits.bytes // _BYTES_PER_MEGABYTE
            return UploadRejection("quota", texts.documents_too_large(megabytes))
        return None

    def _has(self, chat_id: int, name: str) -> bool:
        return self._size_of(chat_id, name) is not None

    def _size_of(self, chat_id: int, name: str) -> int | None:
        """Return the size of a chat's document in bytes, or None without it."""
        try:
            return (self.chat_documents.paths(chat_id).documents / name).stat().st_size
        except (OSError, ValueError):
            return None

    async def mine(self, update: Update, context: BotContext) -> None:
        """List the documents of the chat."""
        message, recipient = require_message(update), context.recipient(update)
        can_change = await self._may_change(message.chat, message, message.from_user, context)
        reply = await self._render_list(message.chat.id, 0, context, recipient, can_change=can_change)
        await send_reply(update, reply)

    async def forget(self, update: Update, context: BotContext) -> None:
        """Ask for confirmation before all documents of the chat are deleted."""
        message, texts = require_message(update), context.recipient(update).texts
        if not await self._may_change(message.chat, message, message.from_user, context):
            await send_reply(update, text_reply(texts.group_admins_only))
            return
        await send_reply(update, self._render_forgetting(message.chat.id, texts))

    def _render_forgetting(self, chat_id: int, texts: Texts) -> Reply:
        count = self.chat_documents.size(chat_id).files + self._uploads.waiting(chat_id)
        if not count and not self.chat_documents.paths(chat_id).folder.exists():
            return text_reply(texts.nothing_to_forget)
        return views.render_forgetting(count, texts)

    async def handle_button(self, update: Update, context: BotContext) -> None:
        """Do what a button below the documents of a chat says, and answer the query in any case."""
        query = require_query(update)
        press = decode_chat_document_press(query.data)
        with context.show_action(update):
            notice = await self._press(query, press, context, context.recipient(update))
        await answer_query(query, notice)

    async def _press(
        self, query: CallbackQuery, press: ChatDocumentPress | None, context: BotContext, recipient: Recipient
    ) -> str | None:
        """Return the text to answer the query with, if any."""
        message, texts = query.message, recipient.texts
        if press is None or not isinstance(message, Message):
            return texts.button_expired
        can_change = await self._may_change(message.chat, None, query.from_user, context)
        if not can_change and press.action is not ChatDocumentAction.LIST:
            return texts.group_admins_only
        if press.action in {
            ChatDocumentAction.REPLACE,
            ChatDocumentAction.KEEP,
            ChatDocumentAction.ADD_HERE,
            ChatDocumentAction.ADD_TO_LIBRARY,
        }:
            return await self._decide_upload(query, message, press, context, recipient)
        try:
            reply = await self._change(message.chat.id, press, context, recipient, can_change=can_change)
        except OSError as error:
            _log.error("COLLECTIONS_DIR=%s: not writable (%s)", self.chat_documents.root, error.strerror)
            return texts.internal_error
        return await edit_reply(query, reply, texts)

    async def _change(
        self,
        chat_id: int,
        press: ChatDocumentPress,
        context: BotContext,
        recipient: Recipient,
        *,
        can_change: bool,
    ) -> Reply:
        """Do what a button says, and return the view after it. Raises OSError."""
        texts, chat_documents = recipient.texts, self.chat_documents
        if press.action is ChatDocumentAction.FORGET:
            return self._render_forgetting(chat_id, texts)
        if press.action is ChatDocumentAction.FORGET_CONFIRMED:
            uploads = await in_thread(lambda: self._uploads.saved(chat_id))
            had_any = await in_thread(lambda: chat_documents.delete(chat_id))
            await self._uploads.tell_deleted(uploads)
            return text_reply(texts.forgotten if had_any else texts.nothing_to_forget)
        documents = await self._list(chat_id)
        document = next((listed for listed in documents if listed.id == press.document_id), None)
        if press.action is ChatDocumentAction.REMOVE and document is not None:
            return views.render_removal(document, texts)
        if press.action is ChatDocumentAction.REMOVE_CONFIRMED and document is not None:
            name = document.name
            await in_thread(lambda: chat_documents.remove(chat_id, name))
        elif (scope := _SCOPES.get(press.action)) and chat_documents.exists(chat_id):
            await in_thread(lambda: chat_documents.set_scope(chat_id, scope))
        return await self._render_list(chat_id, press.number, context, recipient, can_change=can_change)

    async def _decide_upload(
        self,
        query: CallbackQuery,
        message: Message,
        press: ChatDocumentPress,
        context: BotContext,
        recipient: Recipient,
    ) -> str | None:
        """Add, replace or leave the document in the message that a question of the bot replies to."""
        texts, sent = recipient.texts, message.reply_to_message
        document = attached_file(sent) if sent else None
        if sent is None or document is None:
            return texts.file_not_delivered
        name = document.name
        if press.action is ChatDocumentAction.KEEP:
            kept = build_reply(about_file(texts.document_kept, name, texts))
            notice = await edit_reply(query, kept, texts)
            if notice is None:
                await self._answer_caption(sent, texts)
            return notice
        if press.action is ChatDocumentAction.ADD_TO_LIBRARY:
            notice = await _add_to_library(query, message, sent, context, texts)
            if notice is None:
                await self._answer_caption(sent, texts)
            return notice
        if rejection := self._rejection(document, message.chat.id, context, texts):
            context.metrics.count_upload(rejection.kind)
            rejected = build_reply(document_not_added(name, rejection.reason, texts))
            notice = await edit_reply(query, rejected, texts)
            if notice is None:
                await self._answer_caption(sent, texts)
            return notice
        is_question = press.action is ChatDocumentAction.ADD_HERE and self._has(message.chat.id, name)
        reply = build_reply(about_file(texts.reading_document, name, texts))
        if is_question:
            reply = views.render_replacement(name, texts)
        notice = await edit_reply(query, reply, texts)
        if notice is None and not is_question:
            await self._accept(sent, message, context, texts)
        return notice

    async def _render_list(
        self, chat_id: int, page: int, context: BotContext, recipient: Recipient, *, can_change: bool
    ) -> Reply:
        return views.render_list(
            await self._list(chat_id, context.library.sources),
            self.chat_documents.record(chat_id).scope,
            page,
            recipient,
            can_change=can_change,
            has_library=bool(context.state.library.sources),
        )

    async def _list(self, chat_id: int, sources: Sequence[Source] = ()) -> list[ListedDocument]:
        """Return the documents of a chat by name, then those that are still being read.

        Those in an archive are found in the list of `sources`.
        """
        record = self.chat_documents.record(chat_id)
        names = await in_thread(lambda: self.chat_documents.documents(chat_id))
        documents = []
        for name, size, modified in names:
            added = record.added.get(name)
            document_id = make_document_id(chat_document_name(chat_id, name))
            person = added.person if added else ""
            day = added.at if added else modified
            page = _first_page(sources, chat_document_name(chat_id, name)) if is_archive_name(name) else None
            documents.append(ListedDocument(document_id, name, size, day, person, page))
        stored_names = {document.name for document in documents}
        reading = [
            ListedDocument("", upload.name, 0, time.time(), upload.person)
            for upload in await in_thread(lambda: self._uploads.saved(chat_id))
            if upload.name not in stored_names
        ]
        return [*documents, *reading]

    async def _may_change(
        self, chat: Chat, message: Message | None, user: User | None, context: BotContext
    ) -> bool:
        """Return whether somebody may change the documents of a chat: in a group, its administrators."""
        if chat.type == Chat.PRIVATE or (user is not None and user.id in context.state.admins):
            return True
        if message is not None and message.sender_chat is not None:
            # An anonymous administrator writes as the group.
            return message.sender_chat.id == chat.id
        return user is not None and await is_group_admin(chat.id, user.id, context)

    async def follow_membership(self, update: Update, context: BotContext) -> None:
        """Note when the bot is removed from a group, and greet a group that adds it."""
        await greet_group(update, context)
        change = update.my_chat_member
        if change is None or change.chat.type not in {Chat.GROUP, Chat.SUPERGROUP}:
            return
        has_left = change.new_chat_member.status in {ChatMember.LEFT, ChatMember.BANNED}
        chat = change.chat.id
        await in_thread(lambda: self.chat_documents.set_left(chat, has_left=has_left))

    async def migrate(self, update: Update, _: BotContext) -> None:
        """Move the documents of a group that has become a supergroup."""
        message = require_message(update)
        old, new = message.migrate_from_chat_id, message.migrate_to_chat_id
        if old is None and new is None:
            return
        source, target = (old, message.chat.id) if old is not None else (message.chat.id, new)
        if await in_thread(lambda: self.chat_documents.migrate(source or 0, target or 0)):
            self._uploads.resume(target or 0)


def _first_page(sources: Sequence[Source], archive: str) -> int:
    """Return the page of the list of documents that has the first one in an archive."""
    places = (index for index, source in enumerate(sources) if source.name.startswith(f"{archive}/"))
    return next(places, 0) // SOURCES_PER_PAGE


async def _add_to_library(
    query: CallbackQuery, status_message: Message, sent: Message, context: BotContext, texts: Texts
) -> str | None:
    """Add the document that an admin has sent to the library, and show how that ends in `status_message`."""
    if query.from_user.id not in context.state.admins or status_message.chat.type != Chat.PRIVATE:
        return texts.button_expired
    await add_to_library(sent, context, texts, status_message=status_message)
    return None
