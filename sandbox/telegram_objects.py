"""The sandbox's data model: users, chats, messages, files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
"""A Bot API object as decoded JSON."""

ChatType = Literal["private", "group", "supergroup"]
Membership = Literal["creator", "member", "left", "kicked"]


@dataclass(frozen=True, slots=True)
class User:
    id: int
    first_name: str
    last_name: str | None = None
    username: str | None = None
    language_code: str | None = None
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class Entity:
    """A formatted span of a text. Offset and length count UTF-16 units."""

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None
    custom_emoji_id: str | None = None
    user: User | None = None

    @property
    def end(self) -> int:
        return self.offset + self.length


@dataclass(frozen=True, slots=True)
class TextWithEntities:
    text: str = ""
    entities: tuple[Entity, ...] = ()


@dataclass(frozen=True, slots=True)
class TelegramFile:
    """An uploaded file. `kind` is its field in a Message object; width and height are those of a photo."""

    id: str
    kind: Literal["document", "photo", "sticker"]
    name: str
    mime: str
    content: bytes
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Quote:
    formatted: TextWithEntities
    position: int


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a chat. `formatted` is the caption if there is a file or an attachment, else the text.

    `attachment` has the fields of other content, such as a voice message or a poll.
    """

    id: int
    chat_id: int
    sender: User
    date: int
    formatted: TextWithEntities = TextWithEntities()
    file: TelegramFile | None = None
    attachment: Json | None = None
    media_group_id: str | None = None
    reply_to: int | None = None
    quote: Quote | None = None
    thread_id: int | None = None
    via_bot: User | None = None
    guest_caller: User | None = None
    edit_date: int | None = None
    forward_from: User | None = None
    forward_date: int = 0
    keyboard: tuple[tuple[Json, ...], ...] = ()
    inline_id: str | None = None
    service: Json | None = None
    reactions: tuple[str, ...] = ()
    is_preview_disabled: bool = False


@dataclass(frozen=True, slots=True)
class ForumTopic:
    id: int
    name: str
    is_closed: bool = False


@dataclass(slots=True)
class Chat:
    """A chat and its history. `members` are user ids without the bot, whose membership is `bot`.

    `owner` is the user id of who created a group.
    """

    id: int
    type: ChatType
    title: str | None = None
    username: str | None = None
    is_forum: bool = False
    members: set[int] = field(default_factory=set)
    owner: int | None = None
    bot: Membership = "left"
    is_started: bool = False
    migrated_to: int | None = None
    topics: dict[int, ForumTopic] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    last_message_id: int = 0
