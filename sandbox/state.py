"""The state of a small Telegram: one bot, people, chats, messages. No HTTP, nothing on disk."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sandbox import serializers
from sandbox.bot_profile import Profile
from sandbox.errors import ApiError, bad_request, forbidden
from sandbox.event_log import EventLog
from sandbox.fault_injection import Faults
from sandbox.model import Chat, ChatType, Json, Membership, Message, TelegramFile, Topic, User
from sandbox.rate_limits import FloodLimits
from sandbox.updates import Updates

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN = "1234567890:AAF0000000000000000000000000sandbox"  # noqa: S105 - opens nothing but the sandbox
FIRST_USER = 5_000_000_001
FIRST_GROUP = 4_000_001
FIRST_SUPERGROUP = 1_002_000_000_001


@dataclass(slots=True)
class SandboxSettings:
    """What BotFather and the tester decide."""

    privacy: bool = True
    inline: bool = True
    inline_feedback: bool = True
    guests: bool = True


class TelegramState:
    def __init__(self, token: str = TOKEN, username: str = "verbatim_bot", name: str = "Verbatim") -> None:
        self.token = token
        self.bot = User(int(token.partition(":")[0]), name, username=username, is_bot=True)
        self.settings = SandboxSettings()
        self.users: dict[int, User] = {self.bot.id: self.bot}
        self.chats: dict[int, Chat] = {}
        self.files: dict[str, TelegramFile] = {}
        self.updates = Updates()
        self.profile = Profile()
        self.events = EventLog()
        self.calls = EventLog()
        self.violations = EventLog()
        self.faults = Faults()
        self.flood = FloodLimits()
        self._inline: dict[str, tuple[int, int]] = {}
        self._numbers = itertools.count(1)
        self._user_ids = itertools.count(FIRST_USER)
        self._group_ids = itertools.count(FIRST_GROUP)
        self._supergroup_ids = itertools.count(FIRST_SUPERGROUP)

    def number(self) -> int:
        """Return a number that was never returned before, for opaque ids."""
        return next(self._numbers)

    # People and chats

    def add_user(self, first_name: str, **fields: str | None) -> User:
        """Add a person, and the private chat with the bot, not started yet."""
        person = User(next(self._user_ids), first_name, **fields)  # type: ignore[arg-type]
        self.users[person.id] = person
        self._open(Chat(person.id, "private", username=person.username, members={person.id}, bot="member"))
        return person

    def add_group(
        self, title: str, members: set[int], kind: ChatType = "group", *, is_forum: bool = False
    ) -> Chat:
        number = next(self._group_ids if kind == "group" else self._supergroup_ids)
        return self._open(Chat(-number, kind, title=title, is_forum=is_forum, members=set(members)))

    def _open(self, chat: Chat) -> Chat:
        self.chats[chat.id] = chat
        self.events.add({"kind": "chat", "chat": self.chat_view(chat)})
        return chat

    def user(self, number: int) -> User:
        if number not in self.users:
            raise bad_request("user not found")
        return self.users[number]

    def chat(self, number: int | str) -> Chat:
        """Find a chat by its id, or by @username where it is public."""
        if isinstance(number, int):
            found = self.chats.get(number)
        else:
            name = number.removeprefix("@").lower()
            public = (one for one in self.chats.values() if one.type != "private" and one.username)
            found = next((one for one in public if str(one.username).lower() == name), None)
        if found is None:
            raise bad_request("chat not found")
        return found

    def chat_view(self, chat: Chat) -> Json:
        """Show a chat as its people see it: more than the bot is told."""
        return {
            **serializers.chat(chat, self.user),
            "members": [serializers.user(self.users[one]) for one in sorted(chat.members)],
            "bot_status": chat.bot,
            "is_started": chat.is_started,
            "topics": [
                {"id": one.id, "name": one.name, "is_closed": one.is_closed} for one in chat.topics.values()
            ],
        }

    def reachable(self, number: int | str) -> Chat:
        """Return the chat; raises ApiError when the bot may not write there."""
        chat = self.chat(number)
        if chat.migrated_to is not None:
            raise ApiError(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to=chat.migrated_to,
            )
        if chat.type == "private":
            if chat.bot == "kicked":
                raise forbidden("bot was blocked by the user")
            if not chat.is_started:
                raise forbidden("bot can't initiate conversation with a user")
        elif chat.bot == "kicked":
            raise forbidden(f"bot was kicked from the {chat.type} chat")
        elif chat.bot == "left":
            raise forbidden(f"bot is not a member of the {chat.type} chat")
        return chat

    def topic(self, chat: Chat, number: int | None) -> Topic | None:
        """Return the topic a message goes to; raises ApiError when it is closed or missing."""
        if not number:
            return None
        found = chat.topics.get(number)
        if found is None:
            raise bad_request("message thread not found")
        return found

    def set_standing(self, chat: Chat, standing: Membership, by: User) -> None:
        """Let the bot in, out, or block it; the bot is told as Telegram tells it."""
        before, chat.bot = chat.bot, standing
        if before == standing:
            return
        self.push(
            "my_chat_member",
            {
                "chat": serializers.chat(chat, self.user),
                "from": serializers.user(by),
                "date": now(),
                "old_chat_member": serializers.member(self.bot, before),
                "new_chat_member": serializers.member(self.bot, standing),
            },
        )
        self.events.add({"kind": "chat", "chat": self.chat_view(chat)})

    # Messages

    def post(self, chat: Chat, sender: User, **fields: Any) -> Message:
        """Add a new message to a chat, shown to its people; telling the bot is another step."""
        chat.last_message_id += 1
        message = Message(chat.last_message_id, chat.id, sender, now(), **fields)
        chat.messages[message.id] = message
        if message.inline_id:
            self._inline[message.inline_id] = (chat.id, message.id)
        self._show("message", message)
        return message

    def change(self, message: Message, **fields: Any) -> Message:
        changed = replace(message, **fields)
        self.chats[message.chat_id].messages[message.id] = changed
        self._show("edited_message", changed)
        return changed

    def remove(self, message: Message) -> None:
        self.chats[message.chat_id].messages.pop(message.id, None)
        self.events.add({"kind": "deleted", "chat_id": message.chat_id, "message_id": message.id})

    def message(self, chat: Chat, number: int, purpose: str) -> Message:
        if number not in chat.messages:
            raise bad_request(f"message to {purpose} not found")
        return chat.messages[number]

    def inline_id(self) -> str:
        """Return a new inline message id, by which a message is edited without its chat."""
        return f"AgAAAI{self.number():08d}"

    def inline_message(self, inline_id: str) -> Message:
        chat_id, number = self._inline.get(inline_id, (0, 0))
        if chat_id not in self.chats or number not in self.chats[chat_id].messages:
            raise bad_request("MESSAGE_ID_INVALID")
        return self.chats[chat_id].messages[number]

    def view(self, message: Message) -> Json:
        return serializers.message(message, self.chat, self.user)

    def _show(self, kind: str, message: Message) -> None:
        self.events.add({"kind": kind, "chat_id": message.chat_id, "message": self.person_view(message)})

    def person_view(self, message: Message) -> Json:
        """Show a message as people see it: with reactions, and the id inline messages are edited by."""
        shown = self.view(message)
        if message.reactions:
            shown["reactions"] = list(message.reactions)
        return shown

    # Updates

    def push(self, kind: str, value: Json) -> int | None:
        return self.updates.push(kind, value)

    def deliver(self, message: Message, kind: str = "message") -> int | None:
        """Send the bot a user's message if Telegram would; return the update's id."""
        chat = self.chats[message.chat_id]
        if chat.bot != "member" or message.sender.is_bot or not self._hears(chat, message):
            return None
        return self.push(kind, self.view(message))

    def _hears(self, chat: Chat, message: Message) -> bool:
        if chat.type == "private" or not self.settings.privacy or message.service is not None:
            return True
        if message.via_bot == self.bot:
            return True
        replied = chat.messages.get(message.reply_to or 0)
        if replied is not None and self.bot in {replied.sender, replied.via_bot}:
            return True
        return self._is_command(message)

    def _is_command(self, message: Message) -> bool:
        first = next(iter(message.formatted.entities), None)
        if message.file or first is None or first.type != "bot_command" or first.offset:
            return False
        _, _, name = message.formatted.text[: first.length].partition("@")
        return name.lower() in {"", str(self.bot.username).lower()}

    # Files

    def add_file(self, build: Callable[[str], TelegramFile]) -> TelegramFile:
        file = build(f"BQACAgIAAxkBAAM{self.number():05d}")
        self.files[file.id] = file
        return file

    def is_connected(self) -> bool:
        return self.updates.has_webhook or self.updates.is_polled()


def now() -> int:
    return int(time.time())
