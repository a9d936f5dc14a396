"""The sandbox's nouns as Bot API objects: exactly the published fields, nothing empty."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sandbox.model import Chat, Entity, Json, Membership, Message, Quote, TelegramFile, TextWithEntities, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    FindChat = Callable[[int], Chat]
    FindUser = Callable[[int], User]


def _present(**fields: object) -> Json:
    return {name.rstrip("_"): value for name, value in fields.items() if value is not None}


def user(one: User) -> Json:
    return _present(
        id=one.id,
        is_bot=one.is_bot,
        first_name=one.first_name,
        last_name=one.last_name,
        username=one.username,
        language_code=one.language_code,
    )


def chat(one: Chat, find_user: FindUser) -> Json:
    if one.type == "private":
        person = find_user(one.id)
        return _present(
            id=one.id,
            type="private",
            first_name=person.first_name,
            last_name=person.last_name,
            username=person.username,
        )
    return _present(
        id=one.id, type=one.type, title=one.title, username=one.username, is_forum=one.is_forum or None
    )


def entity(one: Entity) -> Json:
    return _present(
        type=one.type,
        offset=one.offset,
        length=one.length,
        url=one.url,
        language=one.language,
        custom_emoji_id=one.custom_emoji_id,
        user=user(one.user) if one.user else None,
    )


def entities(listed: Iterable[Entity]) -> list[Json] | None:
    return [entity(one) for one in listed] or None


def read_entity(raw: Json) -> Entity:
    """Read one back; wrong types become wrong numbers, which the limits then name."""
    person = raw.get("user")
    return Entity(
        type=str(raw.get("type", "")),
        offset=_whole(raw.get("offset")),
        length=_whole(raw.get("length")),
        url=raw.get("url"),
        language=raw.get("language"),
        custom_emoji_id=raw.get("custom_emoji_id"),
        user=User(int(person["id"]), str(person.get("first_name", ""))) if person else None,
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def unique_id(file: TelegramFile) -> str:
    return "AQAD" + hashlib.sha256(file.id.encode()).hexdigest()[:12]


def file(one: TelegramFile) -> Json:
    return _present(
        file_id=one.id, file_unique_id=unique_id(one), file_size=len(one.content), file_path=path(one)
    )


def path(one: TelegramFile) -> str:
    return f"{one.kind}s/{one.id}/{one.name}"


def _media(one: TelegramFile) -> object:
    common = {"file_id": one.id, "file_unique_id": unique_id(one), "file_size": len(one.content)}
    if one.kind == "photo":
        return [{**common, "width": one.width, "height": one.height}]
    if one.kind == "sticker":
        return {
            **common,
            "type": "regular",
            "width": 512,
            "height": 512,
            "is_animated": False,
            "is_video": False,
            "emoji": one.name,
        }
    return {**common, "file_name": one.name, "mime_type": one.mime}


def quote(one: Quote) -> Json:
    return _present(
        text=one.formatted.text,
        entities=entities(one.formatted.entities),
        position=one.position,
        is_manual=True,
    )


def message(one: Message, find_chat: FindChat, find_user: FindUser, *, with_reply: bool = True) -> Json:
    """Return a Message object, with the message it replies to as it is now, without that one's own reply."""
    place = find_chat(one.chat_id)
    replied = place.messages.get(one.reply_to) if one.reply_to and with_reply else None
    listed = entities(one.formatted.entities)
    shown = _present(
        message_id=one.id,
        message_thread_id=one.thread_id,
        from_=user(one.sender),
        date=one.date,
        chat=chat(place, find_user),
        forward_origin=_origin(one),
        is_topic_message=True if one.thread_id else None,
        reply_to_message=message(replied, find_chat, find_user, with_reply=False) if replied else None,
        quote=quote(one.quote) if one.quote and replied else None,
        via_bot=user(one.via_bot) if one.via_bot else None,
        guest_bot_caller_user=user(one.called_in_by) if one.called_in_by else None,
        edit_date=one.edit_date,
        reply_markup={"inline_keyboard": [list(row) for row in one.keyboard]} if one.keyboard else None,
        link_preview_options={"is_disabled": True} if one.is_preview_disabled else None,
    )
    if one.file:
        shown |= {one.file.kind: _media(one.file)}
        shown |= _present(caption=one.formatted.text or None, caption_entities=listed)
    elif one.service is None:
        shown |= _present(text=one.formatted.text, entities=listed)
    return shown | (one.service or {})


def _origin(one: Message) -> Json | None:
    if one.forward_from is None:
        return None
    return {"type": "user", "date": one.forward_date, "sender_user": user(one.forward_from)}


def member(one: User, standing: Membership) -> Json:
    shown = {"status": standing, "user": user(one)}
    return {**shown, "until_date": 0} if standing == "kicked" else shown


def read_text(text: str, listed: list[Json] | None) -> TextWithEntities:
    return TextWithEntities(text, tuple(read_entity(one) for one in listed or ()))
