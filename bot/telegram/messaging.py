"""Messages of a chat: the question or the file in one, replies sent and edited, and answers to queries.

While a reply takes long, the chat shows that the bot is at work ("typing", "sending a photo"), or a message
with the progress of the job.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self

from telegram import Bot, CallbackQuery, Message, ReplyParameters, Update
from telegram.constants import ChatAction
from telegram.error import BadRequest, TelegramError

from bot.i18n.messages import Texts
from bot.views.message import FormattedText, Reply, build_reply

# Invisible characters; a text of these alone is not a question.
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
# Most replies take a few milliseconds; nobody should see an action flash up for them.
_ACTION_DELAY_SECONDS = 1.0
# Telegram shows an action for five seconds at most.
_ACTION_INTERVAL_SECONDS = 4.5
_PROGRESS_DELAY_SECONDS = 1.0
_PROGRESS_INTERVAL_SECONDS = 3.0


@cache
def _mention_pattern(username: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w@.])@{re.escape(username)}(?!\w)", re.IGNORECASE | re.ASCII)


@cache
def _command_pattern(username: str) -> re.Pattern[str]:
    return re.compile(rf"\s*/(?:ask|search)(@{re.escape(username)})?(?=\s|$)", re.IGNORECASE | re.ASCII)


def extract_question(text: str, username: str) -> str:
    """Return the text without `/ask`, `/search` and mentions of the bot; empty if nothing visible is left."""
    question = _mention_pattern(username).sub(" ", _command_pattern(username).sub("", text, count=1))
    return question.strip() if question.strip(_ZERO_WIDTH + " \t\r\n") else ""


def mentions_bot(text: str, username: str) -> bool:
    return bool(_mention_pattern(username).search(text))


async def send_reply(update: Update, reply: Reply, *, to: Message | None = None) -> Message:
    """Reply to the message of an update, or to another."""
    return await send_to(to or require_message(update), reply)


async def send_to(message: Message, reply: Reply) -> Message:
    """Reply to a message, which may have been deleted meanwhile."""
    return await message.reply_text(
        reply.text,
        entities=reply.entities or None,
        reply_markup=reply.keyboard,
        reply_parameters=ReplyParameters(message.message_id, allow_sending_without_reply=True),
    )


async def edit_reply(query: CallbackQuery, reply: Reply, texts: Texts) -> str | None:
    """Replace the message of a button; if that fails, return the text to answer the query with."""
    if not isinstance(query.message, Message):
        # Telegram no longer lets the bot access the message.
        return texts.button_expired
    try:
        await query.edit_message_text(
            reply.text, entities=reply.entities or None, reply_markup=reply.keyboard
        )
    except BadRequest as error:
        return None if is_unchanged(error) else texts.button_expired
    return None


def is_unchanged(error: BadRequest) -> bool:
    """Return whether Telegram refused an edit because it changes nothing."""
    return "not modified" in error.message.lower()


async def answer_query(query: CallbackQuery, text: str | None) -> None:
    """Answer a callback query, so that the button stops showing progress."""
    try:
        await query.answer(text)
    except BadRequest:
        # The query is too old to be answered.
        return


def require_message(update: Update) -> Message:
    """Return the new or edited message of an update; raise TypeError without one."""
    message = update.message or update.edited_message
    if message is None:
        raise TypeError("the update has no message")
    return message


def require_query(update: Update) -> CallbackQuery:
    """Return the callback query of an update; raise TypeError without one."""
    if update.callback_query is None:
        raise TypeError("the update has no callback query")
    return update.callback_query


def question_of(message: Message) -> str:
    """Return the question in a text or caption, or an empty string."""
    return extract_question(message.text or message.caption or "", message.get_bot().username)


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file at Telegram: its id there, its name and its size in bytes, 0 if unknown."""

    id: str
    name: str
    bytes: int


def attached_file(message: Message) -> AttachedFile | None:
    """Return the document or the photo of a message, which has no name, so that it gets one."""
    if message.document is not None:
        document = message.document
        return AttachedFile(document.file_id, document.file_name or "", document.file_size or 0)
    if message.photo:
        largest = max(message.photo, key=lambda size: size.width * size.height)
        name = f"photo-{message.date:%Y-%m-%d}-{message.message_id}.jpg"
        return AttachedFile(largest.file_id, name, largest.file_size or 0)
    return None


class ChatActions:
    """Sends chat actions while work goes on, one at a time in each chat."""

    def __init__(self) -> None:
        self._busy_chats: set[int] = set()

    @contextlib.contextmanager
    def show(self, bot: Bot, update: Update, action: ChatAction = ChatAction.TYPING) -> Iterator[None]:
        """Show an action in the chat of an update while the block runs, if it takes longer than a second.

        The block never waits for it, and failures to show it are ignored.
        """
        message = update.effective_message
        if message is None:
            yield
            return
        with self.show_in(bot, message.chat.id, action, topic_of(message)):
            yield

    @contextlib.contextmanager
    def show_in(
        self, bot: Bot, chat_id: int, action: ChatAction = ChatAction.TYPING, topic: int | None = None
    ) -> Iterator[None]:
        """Show an action in a chat, or in a topic of it, in the same way."""
        if chat_id in self._busy_chats:
            yield
            return
        self._busy_chats.add(chat_id)
        repeating = asyncio.create_task(_repeat(bot, chat_id, action, topic))
        try:
            yield
        finally:
            repeating.cancel()
            self._busy_chats.discard(chat_id)


async def _repeat(bot: Bot, chat_id: int, action: ChatAction, topic: int | None) -> None:
    await asyncio.sleep(_ACTION_DELAY_SECONDS)
    while True:
        with contextlib.suppress(TelegramError):
            await bot.send_chat_action(chat_id, action, message_thread_id=topic)
        await asyncio.sleep(_ACTION_INTERVAL_SECONDS)


def topic_of(message: Message) -> int | None:
    """Return the topic to write to; a chain of replies has a thread id, too, but it is no topic."""
    return message.message_thread_id if message.is_topic_message else None


class ProgressMessage:
    """Replies to `message` with `text`, the time and the count so far, and edits that every few seconds.

    Jobs that take less than a second have no such message, only their result; with `at_once` it is sent at
    the start. With `shown`, a message of the bot, that one is edited and no other is sent.
    """

    def __init__(
        self, message: Message, text: FormattedText, *, at_once: bool = False, shown: Message | None = None
    ) -> None:
        self._replied_to = message
        self._text = text
        self._delay = 0.0 if at_once else _PROGRESS_DELAY_SECONDS
        self._count: tuple[int, int] | None = None
        self._message = shown
        self._ended = asyncio.Event()
        self._showing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if not self._delay and self._message is None:
            self._message = await send_to(self._replied_to, build_reply(self._text))
        self._showing = asyncio.create_task(self._show())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._showing is not None:
            # A message on its way has to arrive, so that `finish` can edit it.
            await self._showing

    def count(self, done: int, total: int) -> None:
        """Note how much of the job is done; may be called from any thread."""
        self._count = done, total

    async def finish(self, text: FormattedText) -> None:
        """Show the result in place of the progress, or as a new message if there is none to edit."""
        if self._message is None:
            await send_to(self._replied_to, build_reply(text))
            return
        try:
            await self._message.edit_text(text.text, entities=text.entities or None)
        except BadRequest as error:
            # The message was deleted meanwhile.
            if not is_unchanged(error):
                await send_to(self._replied_to, build_reply(text))

    async def _show(self) -> None:
        started = time.monotonic()
        await self._wait(self._delay)
        while not self._ended.is_set():
            shown = self._describe(time.monotonic() - started)
            with contextlib.suppress(TelegramError):
                if self._message is None:
                    self._message = await send_to(self._replied_to, build_reply(shown))
                elif shown != self._text:
                    await self._message.edit_text(shown.text, entities=shown.entities or None)
            await self._wait(_PROGRESS_INTERVAL_SECONDS)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)

    def _describe(self, seconds: float) -> FormattedText:
        """Return the text with what needs no translation: "Reading the documents … 12/340 · 0:04"."""
        minutes, rest = divmod(round(seconds), 60)
        parts = [f"{self._count[0]}/{self._count[1]}"] if self._count and self._count[1] > 1 else []
        if seconds >= _PROGRESS_INTERVAL_SECONDS:
            parts.append(f"{minutes}:{rest:02}")
        return self._text + f" {' · '.join(parts)}" if parts else self._text
