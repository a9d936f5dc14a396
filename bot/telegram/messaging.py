"""Messages of a chat: the question or the file in one, replies sent and edited, and answers to queries.

While a reply takes long, the chat shows that the bot is at work ("typing", "sending a photo"), or a message
with the progress of the job.

Calls to Telegram keep within its rate limits; those that failed for a passing reason are repeated.
"""

import asyncio
import contextlib
import re
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from aiolimiter import AsyncLimiter
from telegram import Bot, CallbackQuery, Message, ReplyParameters, Update
from telegram.constants import ChatAction
from telegram.error import BadRequest, ChatMigrated, RetryAfter, TelegramError
from telegram.ext import BaseRateLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from bot.i18n.texts import Texts
from bot.monitoring import Metrics
from bot.retries import Outage, call_delay_seconds, is_retryable, last_error, should_give_up
from bot.views.message import Reply

# Telegram's limit for the messages of a bot in a group.
GROUP_MESSAGES_PER_MINUTE = 20
_MAX_GROUPS = 1024
# Telegram shows it for seconds, so it is neither repeated nor sent late.
_CHAT_ACTION = "sendChatAction"
# Fewer failures in a row are not logged as an outage.
_ATTEMPTS_BEFORE_LOGGING = 4

# Only calls that answer somebody have one of these.
_REPLY_PARAMETERS = frozenset({"chat_id", "callback_query_id", "inline_query_id", "guest_query_id"})

Result = bool | dict[str, Any] | list[dict[str, Any]]
Send = Callable[..., Coroutine[Any, Any, Result]]


class CancellableWaits:
    """Tracks tasks that only wait. These can be cancelled without losing work and started again elsewhere."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Task[object]] = set()
        self._has_ended = False

    @contextlib.contextmanager
    def pausing(self) -> Iterator[None]:
        """Mark the current task as waiting within the block; raises CancelledError after `end`."""
        task = asyncio.current_task()
        if task is None or self._has_ended:
            raise asyncio.CancelledError
        self._waiting.add(task)
        try:
            yield
        finally:
            self._waiting.discard(task)

    async def sleep(self, seconds: float) -> None:
        with self.pausing():
            await asyncio.sleep(seconds)

    def give_up(self, task: asyncio.Task[object]) -> None:
        """Cancel a task if it is waiting."""
        if task in self._waiting:
            task.cancel()

    def end(self) -> None:
        """Cancel all waiting tasks, and every later wait."""
        self._has_ended = True
        for task in self._waiting:
            task.cancel()


class RetryingRateLimiter(BaseRateLimiter[int]):
    """Limits messages to `rate` a second over all chats, and 20 a minute in a group. A rate of 0: no limit.

    Calls wait independently: a flood limit of one chat does not delay other chats. Replies that failed for a
    passing reason are repeated.
    """

    def __init__(self, rate: float, waits: CancellableWaits, metrics: Metrics) -> None:
        self._waits = waits
        self._metrics = metrics
        self._global_limiter = AsyncLimiter(rate, 1) if rate else None
        self._group_limiters: OrderedDict[int, AsyncLimiter] = OrderedDict()
        self._outage: Outage | None = None

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def process_request(  # noqa: PLR0913, PLR0917  # the signature is PTB's
        self,
        callback: Send,
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: int | None,  # noqa: ARG002  # not used
    ) -> Result:
        if endpoint == _CHAT_ACTION:
            return await self._send_if_idle(callback, args, kwargs)

        async def attempt() -> Result:
            if "chat_id" in data:
                await self._wait_for_capacity(data["chat_id"])
            try:
                with self._metrics.time_stage("send"):
                    result = await callback(*args, **kwargs)
            except TelegramError as error:
                self._metrics.count_telegram_error(error)
                if isinstance(error, ChatMigrated):
                    # The group became a supergroup with another id.
                    data["chat_id"] = error.new_chat_id
                raise
            if self._outage is not None:
                self._outage.recovered()
                self._outage = None
            return result

        is_reply = not _REPLY_PARAMETERS.isdisjoint(data)
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: is_retryable(error, is_reply=is_reply)),
            stop=should_give_up,
            wait=call_delay_seconds,
            after=self._log_outage,
            sleep=self._waits.sleep,
            reraise=True,
        )
        return await retrying(attempt)

    async def _send_if_idle(self, callback: Send, args: Any, kwargs: dict[str, Any]) -> Result:
        """Send a chat action, unless a message would then have to wait.

        Telegram counts it among the calls of a bot, but not among the messages of a group.
        """
        if self._global_limiter is not None:
            if not self._global_limiter.has_capacity(2):
                return False
            await self._global_limiter.acquire()
        try:
            return await callback(*args, **kwargs)
        except TelegramError as error:
            self._metrics.count_telegram_error(error)
            raise

    def _log_outage(self, state: RetryCallState) -> None:
        error = last_error(state)
        if state.attempt_number == _ATTEMPTS_BEFORE_LOGGING and not isinstance(error, RetryAfter):
            self._outage = self._outage or Outage()
            self._outage.failed(f"Telegram does not accept replies ({type(error).__name__}); trying again")

    async def _wait_for_capacity(self, chat_id: object) -> None:
        """Wait until the limits allow one more message to this chat."""
        if self._global_limiter is None:
            return
        with self._waits.pausing():
            if isinstance(chat_id, int) and chat_id < 0:
                await self._group_limiter(chat_id).acquire()
            await self._global_limiter.acquire()

    def _group_limiter(self, chat_id: int) -> AsyncLimiter:
        limiter = self._group_limiters.setdefault(chat_id, AsyncLimiter(GROUP_MESSAGES_PER_MINUTE, 60))
        self._group_limiters.move_to_end(chat_id)
        if len(self._group_limiters) > _MAX_GROUPS:
            self._group_limiters.popitem(last=False)
        return limiter


# Invisible characters; a text of these alone is not a question.
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
# Most replies take a few milliseconds; nobody should see an action flash up for them.
_ACTION_DELAY_SECONDS = 1.0
# Telegram shows an action for five seconds at most.
_ACTION_INTERVAL_SECONDS = 4.5


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
    """Reply to a message, which may have been deleted in the meantime."""
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
    """Return whether Telegram rejected an edit because it changes nothing."""
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
    """Return the document or the photo of a message. Photos have no name and get one."""
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
    """Return the topic to write to; a chain of replies has a thread id, too, but it is not a topic."""
    return message.message_thread_id if message.is_topic_message else None
