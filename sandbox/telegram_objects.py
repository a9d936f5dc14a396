"""The data model: users, chats, messages, files; their form in the Bot API, and the error of a failed call.

The Bot API has the published fields only, without empty ones.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal


class ApiError(Exception):
    """A failed call: the status code, Telegram's description, and its hints to the bot.

    `retry_after` counts seconds. `migrate_to` is the id of the supergroup that replaced a group.
    """

    def __init__(
        self, code: int, description: str, *, retry_after: int | None = None, migrate_to: int | None = None
    ) -> None:
        super().__init__(f"{code} {description}")
        self.code = code
        self.description = description
        self.retry_after = retry_after
        self.migrate_to = migrate_to


def bad_request(reason: str) -> ApiError:
    return ApiError(400, f"Bad Request: {reason}")


def forbidden(reason: str) -> ApiError:
    return ApiError(403, f"Forbidden: {reason}")


def conflict(reason: str) -> ApiError:
    return ApiError(409, f"Conflict: {reason}")


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


if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    FindChat = Callable[[int], Chat]
    FindUser = Callable[[int], User]


def _without_none(**fields: object) -> Json:
    return {name.rstrip("_"): value for name, value in fields.items() if value is not None}


def user(person: User) -> Json:
    return _without_none(
        id=person.id,
        is_bot=person.is_bot,
        first_name=person.first_name,
        last_name=person.last_name,
        username=person.username,
        language_code=person.language_code,
    )


def chat(source: Chat, find_user: FindUser) -> Json:
    if source.type == "private":
        person = find_user(source.id)
        return _without_none(
            id=source.id,
            type="private",
            first_name=person.first_name,
            last_name=person.last_name,
            username=person.username,
        )
    return _without_none(
        id=source.id,
        type=source.type,
        title=source.title,
        username=source.username,
        is_forum=source.is_forum or None,
    )


def entity(span: Entity) -> Json:
    return _without_none(
        type=span.type,
        offset=span.offset,
        length=span.length,
        url=span.url,
        language=span.language,
        custom_emoji_id=span.custom_emoji_id,
        user=user(span.user) if span.user else None,
    )


def entities(spans: Iterable[Entity]) -> list[Json] | None:
    return [entity(span) for span in spans] or None


def read_entity(raw: Json) -> Entity:
    """Parse an entity. Numbers of a wrong type become -1, which validation reports."""
    person = raw.get("user")
    return Entity(
        type=str(raw.get("type", "")),
        offset=_read_integer(raw.get("offset")),
        length=_read_integer(raw.get("length")),
        url=raw.get("url"),
        language=raw.get("language"),
        custom_emoji_id=raw.get("custom_emoji_id"),
        user=User(int(person["id"]), str(person.get("first_name", ""))) if person else None,
    )


def _read_integer(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def unique_id(stored: TelegramFile) -> str:
    return "AQAD" + hashlib.sha256(stored.id.encode()).hexdigest()[:12]


def file(stored: TelegramFile) -> Json:
    return _without_none(
        file_id=stored.id,
        file_unique_id=unique_id(stored),
        file_size=len(stored.content),
        file_path=path(stored),
    )


def path(stored: TelegramFile) -> str:
    return f"{stored.kind}s/{stored.id}/{stored.name}"


def _media(stored: TelegramFile) -> object:
    common = {"file_id": stored.id, "file_unique_id": unique_id(stored), "file_size": len(stored.content)}
    if stored.kind == "photo":
        return [{**common, "width": stored.width, "height": stored.height}]
    if stored.kind == "sticker":
        return {
            **common,
            "type": "regular",
            "width": 512,
            "height": 512,
            "is_animated": False,
            "is_video": False,
            "emoji": stored.name,
        }
    return {**common, "file_name": stored.name, "mime_type": stored.mime}


def quote(quoted: Quote) -> Json:
    return _without_none(
        text=quoted.formatted.text,
        entities=entities(quoted.formatted.entities),
        position=quoted.position,
        is_manual=True,
    )


def message(source: Message, find_chat: FindChat, find_user: FindUser, *, with_reply: bool = True) -> Json:
    """Return a Message object.

    The replied message is included as it is now, without the message that it replies to itself.
    """
    place = find_chat(source.chat_id)
    replied = place.messages.get(source.reply_to) if source.reply_to and with_reply else None
    spans = entities(source.formatted.entities)
    result = _without_none(
        message_id=source.id,
        message_thread_id=source.thread_id,
        from_=user(source.sender),
        date=source.date,
        chat=chat(place, find_user),
        forward_origin=_forward_origin(source),
        is_topic_message=True if source.thread_id else None,
        reply_to_message=message(replied, find_chat, find_user, with_reply=False) if replied else None,
        media_group_id=source.media_group_id,
        quote=quote(source.quote) if source.quote and replied else None,
        via_bot=user(source.via_bot) if source.via_bot else None,
        guest_bot_caller_user=user(source.guest_caller) if source.guest_caller else None,
        edit_date=source.edit_date,
        reply_markup={"inline_keyboard": [list(row) for row in source.keyboard]} if source.keyboard else None,
        link_preview_options={"is_disabled": True} if source.is_preview_disabled else None,
    )
    if source.file or source.attachment:
        result |= {source.file.kind: _media(source.file)} if source.file else source.attachment or {}
        result |= _without_none(caption=source.formatted.text or None, caption_entities=spans)
    elif source.service is None:
        result |= _without_none(text=source.formatted.text, entities=spans)
    return result | (source.service or {})


def _forward_origin(source: Message) -> Json | None:
    if source.forward_from is None:
        return None
    return {"type": "user", "date": source.forward_date, "sender_user": user(source.forward_from)}


def member(person: User, membership: Membership) -> Json:
    result: Json = {"status": membership, "user": user(person)}
    if membership == "creator":
        return {**result, "is_anonymous": False}
    return {**result, "until_date": 0} if membership == "kicked" else result


def read_text(text: str, raw_entities: list[Json] | None) -> TextWithEntities:
    return TextWithEntities(text, tuple(read_entity(raw) for raw in raw_entities or ()))
