"""A message that shows the progress of a long job."""

import asyncio
import contextlib
import time
from types import TracebackType
from typing import Self

from telegram import Message
from telegram.error import BadRequest, TelegramError

from bot.telegram.messaging import is_unchanged, send_to
from bot.views.message import FormattedText, build_reply

_DELAY_SECONDS = 1.0
_INTERVAL_SECONDS = 3.0


class ProgressMessage:
    """Replies to `message` with `text`, the time and the count so far, and edits that every few seconds.

    Jobs that take less than a second have no such message, only their result; with `at_once` it is sent at
    the start. With `status_message`, one of the bot, that is edited and no other is sent.
    """

    def __init__(
        self,
        message: Message,
        text: FormattedText,
        *,
        at_once: bool = False,
        status_message: Message | None = None,
    ) -> None:
        self._replied_to = message
        self._text = text
        self._delay = 0.0 if at_once else _DELAY_SECONDS
        self._count: tuple[int, int] | None = None
        self._message = status_message
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
            progress_text = self._describe(time.monotonic() - started)
            with contextlib.suppress(TelegramError):
                if self._message is None:
                    self._message = await send_to(self._replied_to, build_reply(progress_text))
                elif progress_text != self._text:
                    await self._message.edit_text(progress_text.text, entities=progress_text.entities or None)
            await self._wait(_INTERVAL_SECONDS)

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)

    def _describe(self, seconds: float) -> FormattedText:
        """Return the text with what needs no translation: "Reading the documents … 12/340 · 0:04"."""
        minutes, rest = divmod(round(seconds), 60)
        parts = [f"{self._count[0]}/{self._count[1]}"] if self._count and self._count[1] > 1 else []
        if seconds >= _INTERVAL_SECONDS:
            parts.append(f"{minutes}:{rest:02}")
        return self._text + f" {' · '.join(parts)}" if parts else self._text
