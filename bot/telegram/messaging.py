"""Messages of a chat: the question or the file in one, replies sent and edited, and answers to queries.

While a reply takes long, the chat shows that the bot is at work ("typing", "sending a photo"), or a message
with the progress of the job.

Calls to Telegram keep within its rate limits; those that failed for a passing reason are repeated.
"""

import asyncio
import contextlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import TracebackType
from typing import Any, Self

import httpx
from aiolimiter import AsyncLimiter
from telegram import Bot, CallbackQuery, Message, ReplyParameters, Update
from telegram.constants import ChatAction
from telegram.error import BadRequest, ChatMigrated, NetworkError, RetryAfter, TelegramError
from telegram.ext import BaseRateLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from bot.i18n.messages import Texts
from bot.monitoring import Metrics, OutageLog
from bot.views.message import FormattedText, Reply, build_reply

# Telegram's limit for the messages of a bot in a group.
GROUP_MESSAGES_PER_MINUTE = 20
_MAX_GROUPS = 1024
# Telegram shows it for seconds, so it is neither repeated nor sent late.
_CHAT_ACTION = "sendChatAction"
# Calls that surely did not arrive are repeated for an hour. If only the response may have been lost, attempts
# are fewer, as each may show the same reply once more.
_MAX_RETRY_SECONDS = 3600.0
_MAX_UNCERTAIN_ATTEMPTS = 5
_FIRST_DELAY_SECONDS = 0.5
_MAX_DELAY_SECONDS = 30.0
# Telegram rounds `retry_after` to whole seconds.
_RETRY_AFTER_MARGIN_SECONDS = 0.1
# Fewer failures in a row are not logged as an outage.
_LOGGED_ATTEMPT = 4

_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
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
        self._outage = OutageLog()

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
            self._outage.recovered()
            return result

        is_reply = not _REPLY_PARAMETERS.isdisjoint(data)
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: _is_retryable(error, is_reply=is_reply)),
            stop=_should_stop,
            wait=_delay_seconds,
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
        error = _last_error(state)
        if state.attempt_number == _LOGGED_ATTEMPT and not isinstance(error, RetryAfter):
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


def _is_retryable(error: BaseException, *, is_reply: bool) -> bool:
    """Return whether a call should be repeated. Other calls than replies are repeated by their callers."""
    if isinstance(error, RetryAfter):
        return True
    # A response that is not JSON raises a plain TelegramError.
    is_transient = type(error) is TelegramError or isinstance(error, NetworkError | ChatMigrated)
    return is_reply and is_transient and not isinstance(error, BadRequest)


def _is_surely_undelivered(error: BaseException | None) -> bool:
    if isinstance(error, RetryAfter):
        return True
    cause = error.__cause__ if error else None
    # An error status means that Telegram rejected the call. It has no cause, or a TelegramError if its body
    # could not be parsed.
    is_refused = isinstance(error, NetworkError) and (cause is None or isinstance(cause, TelegramError))
    return is_refused or isinstance(cause, _NOT_SENT)


def _should_stop(state: RetryCallState) -> bool:
    error = _last_error(state)
    if not _is_surely_undelivered(error) and state.attempt_number >= _MAX_UNCERTAIN_ATTEMPTS:
        return True
    return (state.seconds_since_start or 0.0) + _delay_seconds(state) > _MAX_RETRY_SECONDS


def _delay_seconds(state: RetryCallState) -> float:
    error = _last_error(state)
    if isinstance(error, RetryAfter):
        return retry_after_seconds(error) + _RETRY_AFTER_MARGIN_SECONDS
    if isinstance(error, ChatMigrated):
        return 0.0
    return min(_FIRST_DELAY_SECONDS * 2.0 ** (state.attempt_number - 1), _MAX_DELAY_SECONDS)


def _last_error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def retry_after_seconds(error: RetryAfter) -> float:
    """Return the seconds that Telegram asks to wait."""
    delay = error.retry_after
    return delay.total_seconds() if isinstance(delay, timedelta) else delay


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
            # The message was deleted in the meantime.
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
