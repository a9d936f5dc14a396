"""Shows in a chat that the bot is at work ("typing", "sending a photo") when a reply takes long."""

import asyncio
import contextlib
from collections.abc import Iterator

from telegram import Bot, Message, Update
from telegram.constants import ChatAction
from telegram.error import TelegramError

# Most replies take a few milliseconds; nobody should see an action flash up for them.
_DELAY_SECONDS = 1.0
# Telegram shows an action for five seconds at most.
_INTERVAL_SECONDS = 4.5


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
    await asyncio.sleep(_DELAY_SECONDS)
    while True:
        with contextlib.suppress(TelegramError):
            await bot.send_chat_action(chat_id, action, message_thread_id=topic)
        await asyncio.sleep(_INTERVAL_SECONDS)


def topic_of(message: Message) -> int | None:
    """Return the topic to write to; a chain of replies has a thread id, too, but it is no topic."""
    return message.message_thread_id if message.is_topic_message else None
