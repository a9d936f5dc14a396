"""The state of the emulated Telegram, in memory: one bot with its profile, users, chats, messages, updates.

A bounded log has numbered events, and readers can wait for new ones.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from sandbox import telegram_objects, validation
from sandbox.fault_injection import FaultQueue
from sandbox.flood_limits import FloodLimits
from sandbox.telegram_objects import (
    ApiError,
    Chat,
    ChatType,
    ForumTopic,
    Json,
    Membership,
    Message,
    TelegramFile,
    User,
    bad_request,
    forbidden,
)
from sandbox.updates import UpdateQueue

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Event:
    seq: int
    value: Json


class EventLog:
    """The last `size` events, numbered from 1. Older ones are dropped, so memory stays bounded."""

    def __init__(self, size: int = 5000) -> None:
        self._events: deque[Event] = deque(maxlen=size)
        self._changed = asyncio.Event()
        self.last = 0

    def add(self, value: Json) -> int:
        self.last += 1
        self._events.append(Event(self.last, value))
        self._changed.set()
        self._changed = asyncio.Event()
        return self.last

    def after(self, seq: int) -> list[Event]:
        if not self._events or seq >= self.last:
            return []
        first = self._events[0].seq
        return list(islice(self._events, max(seq - first + 1, 0), None))

    async def wait(
        self,
        seq: int,
        timeout: float,  # noqa: ASYNC109 - part of a request
        is_wanted: Callable[[Json], bool] = lambda _: True,
    ) -> list[Event]:
        """Wait for wanted events after `seq` and return them; an empty list after `timeout` seconds."""
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            events = [event for event in self.after(seq) if is_wanted(event.value)]
            seconds_left = deadline - asyncio.get_running_loop().time()
            if events or seconds_left <= 0:
                return events
            changed = self._changed
            try:
                await asyncio.wait_for(changed.wait(), seconds_left)
            except TimeoutError:
                return []


ProfileField = Literal["name", "description", "short_description"]
_MAX_CHARS: dict[ProfileField, int] = {"name": 64, "description": 512, "short_description": 120}
_Scope = tuple[str, str, str]
_SCOPE_FIELDS = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}


def _read_scope(raw: Json | None) -> _Scope:
    kind = (raw or {}).get("type", "default")
    if kind not in _SCOPE_FIELDS:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    ids = [str((raw or {}).get(name, "")) for name in _SCOPE_FIELDS[kind]]
    return (kind, *[*ids, "", ""][:2])


class BotProfile:
    def __init__(self) -> None:
        self._commands: dict[tuple[_Scope, str], list[Json]] = {}
        self._texts: dict[tuple[ProfileField, str], str] = {}

    def set_commands(self, commands: list[Json], scope: Json | None, language: str) -> None:
        validation.commands(commands)
        cleaned = [
            {"command": command["command"].removeprefix("/"), "description": command["description"].strip()}
            for command in commands
        ]
        self._commands[_read_scope(scope), _check_language(language)] = cleaned

    def commands(self, scope: Json | None, language: str) -> list[Json]:
        return self._commands.get((_read_scope(scope), language), [])

    def delete_commands(self, scope: Json | None, language: str) -> None:
        self._commands.pop((_read_scope(scope), language), None)

    def visible_commands(self, chat: Chat, language: str) -> list[Json]:
        """Return the commands that a user sees in a chat.

        The narrowest scope that has commands wins; within a scope, the user's language wins.
        """
        kind = "all_private_chats" if chat.type == "private" else "all_group_chats"
        for scope in ({"type": "chat", "chat_id": chat.id}, {"type": kind}, {"type": "default"}):
            for code in (language, ""):
                if commands := self.commands(scope, code):
                    return commands
        return []

    def set_text(self, field: ProfileField, value: str, language: str) -> None:
        if len(value) > _MAX_CHARS[field]:
            raise bad_request(f"bot {field.replace('_', ' ')} is too long")
        self._texts[field, _check_language(language)] = value

    def text(self, field: ProfileField, language: str) -> str:
        return self._texts.get((field, language)) or self._texts.get((field, ""), "")


def _check_language(code: str) -> str:
    if code and not (len(code) == 2 and code.isalpha() and code.islower()):  # noqa: PLR2004 - ISO 639-1
        raise bad_request("invalid language code specified")
    return code


TOKEN = "1234567890:AAF0000000000000000000000000sandbox"  # noqa: S105 - valid in the sandbox only
FIRST_USER_ID = 5_000_000_001
FIRST_GROUP_ID = 4_000_001
FIRST_SUPERGROUP_ID = 1_002_000_000_001


@dataclass(slots=True)
class SandboxSettings:
    """Settings of the bot that BotFather keeps in Telegram."""

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
        self.updates = UpdateQueue()
        self.profile = BotProfile()
        self.events = EventLog()
        self.calls = EventLog()
        self.violations = EventLog()
        self.faults = FaultQueue()
        self.flood = FloodLimits()
        self._inline_messages: dict[str, tuple[int, int]] = {}
        self._numbers = itertools.count(1)
        self._user_ids = itertools.count(FIRST_USER_ID)
        self._group_ids = itertools.count(FIRST_GROUP_ID)
        self._supergroup_ids = itertools.count(FIRST_SUPERGROUP_ID)

    def next_number(self) -> int:
        """Return a new number, for opaque ids."""
        return next(self._numbers)

    # Users and chats

    def add_user(self, first_name: str, **fields: str | None) -> User:
        """Add a user and their private chat with the bot, which is not started yet."""
        user = User(next(self._user_ids), first_name, **fields)  # type: ignore[arg-type]
        self.users[user.id] = user
        self._add_chat(Chat(user.id, "private", username=user.username, members={user.id}, bot="member"))
        return user

    def add_group(
        self, title: str, members: set[int], kind: ChatType = "group", *, is_forum: bool = False
    ) -> Chat:
        positive_id = next(self._group_ids if kind == "group" else self._supergroup_ids)
        return self._add_chat(Chat(-positive_id, kind, title=title, is_forum=is_forum, members=set(members)))

    def _add_chat(self, chat: Chat) -> Chat:
        self.chats[chat.id] = chat
        self.events.add({"kind": "chat", "chat": self.chat_view(chat)})
        return chat

    def user(self, user_id: int) -> User:
        if user_id not in self.users:
            raise bad_request("user not found")
        return self.users[user_id]

    def chat(self, chat_id: int | str) -> Chat:
        """Return a chat by its id, or a public one by its @username."""
        if isinstance(chat_id, int):
            chat = self.chats.get(chat_id)
        else:
            name = chat_id.removeprefix("@").lower()
            public = (chat for chat in self.chats.values() if chat.type != "private" and chat.username)
            chat = next((chat for chat in public if str(chat.username).lower() == name), None)
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def chat_view(self, chat: Chat) -> Json:
        """Return a chat as its members see it, with more fields than the bot gets."""
        return {
            **telegram_objects.chat(chat, self.user),
            "members": [telegram_objects.user(self.users[user_id]) for user_id in sorted(chat.members)],
            "bot_status": chat.bot,
            "is_started": chat.is_started,
            "topics": [
                {"id": topic.id, "name": topic.name, "is_closed": topic.is_closed}
                for topic in chat.topics.values()
            ],
        }

    def reachable_chat(self, chat_id: int | str) -> Chat:
        """Return a chat that the bot may write to. Raise ApiError if it may not."""
        chat = self.chat(chat_id)
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

    def topic(self, chat: Chat, thread_id: int | None) -> ForumTopic | None:
        """Return the topic with this id, or None without an id. Raise ApiError if there is no such topic."""
        if not thread_id:
            return None
        topic = chat.topics.get(thread_id)
        if topic is None:
            raise bad_request("message thread not found")
        return topic

    def set_bot_membership(self, chat: Chat, membership: Membership, by: User) -> None:
        """Set the bot's membership in a chat. A change sends the bot a `my_chat_member` update."""
        before, chat.bot = chat.bot, membership
        if before == membership:
            return
        self.push(
            "my_chat_member",
            {
                "chat": telegram_objects.chat(chat, self.user),
                "from": telegram_objects.user(by),
                "date": now(),
                "old_chat_member": telegram_objects.member(self.bot, before),
                "new_chat_member": telegram_objects.member(self.bot, membership),
            },
        )
        self.events.add({"kind": "chat", "chat": self.chat_view(chat)})

    # Messages

    def post(self, chat: Chat, sender: User, **fields: Any) -> Message:
        """Add a new message to a chat and log it as an event. `deliver` sends it to the bot."""
        chat.last_message_id += 1
        message = Message(chat.last_message_id, chat.id, sender, now(), **fields)
        chat.messages[message.id] = message
        if message.inline_id:
            self._inline_messages[message.inline_id] = (chat.id, message.id)
        self._log_message("message", message)
        return message

    def change(self, message: Message, **fields: Any) -> Message:
        changed = replace(message, **fields)
        self.chats[message.chat_id].messages[message.id] = changed
        self._log_message("edited_message", changed)
        return changed

    def remove(self, message: Message) -> None:
        self.chats[message.chat_id].messages.pop(message.id, None)
        self.events.add({"kind": "deleted", "chat_id": message.chat_id, "message_id": message.id})

    def message(self, chat: Chat, message_id: int, purpose: str) -> Message:
        """Return a message. `purpose` is a verb for the error message, such as "edit"."""
        if message_id not in chat.messages:
            raise bad_request(f"message to {purpose} not found")
        return chat.messages[message_id]

    def new_inline_id(self) -> str:
        """Return a new inline message id. With it a bot edits a message in a chat unknown to it."""
        return f"AgAAAI{self.next_number():08d}"

    def inline_message(self, inline_id: str) -> Message:
        chat_id, message_id = self._inline_messages.get(inline_id, (0, 0))
        if chat_id not in self.chats or message_id not in self.chats[chat_id].messages:
            raise bad_request("MESSAGE_ID_INVALID")
        return self.chats[chat_id].messages[message_id]

    def bot_view(self, message: Message) -> Json:
        """Return a message as the bot gets it."""
        return telegram_objects.message(message, self.chat, self.user)

    def _log_message(self, kind: str, message: Message) -> None:
        self.events.add({"kind": kind, "chat_id": message.chat_id, "message": self.person_view(message)})

    def person_view(self, message: Message) -> Json:
        """Return a message as users see it: the bot's view and the reactions."""
        view = self.bot_view(message)
        if message.reactions:
            view["reactions"] = list(message.reactions)
        return view

    # Updates

    def push(self, kind: str, value: Json) -> int | None:
        return self.updates.push(kind, value)

    def deliver(self, message: Message, kind: str = "message") -> int | None:
        """Queue a user's message for the bot if Telegram would. Return the id of the update, if any."""
        chat = self.chats[message.chat_id]
        if chat.bot != "member" or message.sender.is_bot or not self._is_visible_to_bot(chat, message):
            return None
        return self.push(kind, self.bot_view(message))

    def _is_visible_to_bot(self, chat: Chat, message: Message) -> bool:
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
        if message.file or message.attachment or first is None or first.type != "bot_command" or first.offset:
            return False
        _, _, name = message.formatted.text[: first.length].partition("@")
        return name.lower() in {"", str(self.bot.username).lower()}

    # Files

    def add_file(self, build: Callable[[str], TelegramFile]) -> TelegramFile:
        file = build(f"BQACAgIAAxkBAAM{self.next_number():05d}")
        self.files[file.id] = file
        return file

    def is_connected(self) -> bool:
        return self.updates.has_webhook or self.updates.is_polled()


def now() -> int:
    return int(time.time())
