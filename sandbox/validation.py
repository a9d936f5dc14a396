"""Telegram's checks of what a bot sends, with Telegram's own error texts."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sandbox.entity_parsing import normalised, utf16_length
from sandbox.errors import ApiError, bad_request
from sandbox.model import Entity, Json, Quote, TextWithEntities

if TYPE_CHECKING:
    from sandbox.model import Json

TEXT_UNITS = 4096
CAPTION_UNITS = 1024
RAW_BYTES = 32_768
ENTITIES = 100
ENTITY_BYTES = 9_500
QUOTE_UNITS = 1024
CALLBACK_TEXT = 200
INLINE_RESULTS = 50
INLINE_OFFSET_BYTES = 64
COMMANDS = 100
DOWNLOAD_BYTES = 20 * 2**20
UPLOAD_BYTES = 50 * 2**20

_ENTITY_TYPES_NAMES = """
mention hashtag cashtag bot_command url email phone_number bold italic underline strikethrough
spoiler blockquote expandable_blockquote code pre text_link text_mention custom_emoji
"""
ENTITY_TYPES = frozenset(_ENTITY_TYPES_NAMES.split())
QUOTED_TYPES = frozenset(["bold", "italic", "underline", "strikethrough", "spoiler", "custom_emoji"])
_BLOCKQUOTES = frozenset({"blockquote", "expandable_blockquote"})
_MONOSPACE = frozenset({"code", "pre"})
_RESULT_TYPES_NAMES = """
article audio contact document game gif location mpeg4_gif photo sticker venue video voice
"""
_RESULT_TYPES = frozenset(_RESULT_TYPES_NAMES.split())
_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


def text(formatted: TextWithEntities) -> TextWithEntities:
    """Check a text and return it as stored."""
    if not formatted.text:
        raise bad_request("message text is empty")
    _entities(formatted)
    stored = normalised(formatted)
    if not stored.text:
        raise bad_request("text must be non-empty")
    if utf16_length(stored.text) > TEXT_UNITS:
        raise bad_request("message is too long")
    return stored


def caption(formatted: TextWithEntities) -> TextWithEntities:
    _entities(formatted)
    stored = normalised(formatted)
    if utf16_length(stored.text) > CAPTION_UNITS:
        raise bad_request("message caption is too long")
    return stored


def _entities(formatted: TextWithEntities) -> None:
    try:
        size = len(formatted.text.encode())
    except UnicodeEncodeError as error:
        raise bad_request("strings must be encoded in UTF-8") from error
    if size > RAW_BYTES:
        raise bad_request("message is too long")
    entities = formatted.entities
    # Stricter: Telegram drops the surplus.
    if len(entities) > ENTITIES:
        raise bad_request(f"ENTITIES_TOO_LONG: {len(entities)} entities, at most {ENTITIES} are kept")
    data = sum(len(json.dumps([one.type, one.offset, one.length, one.url or ""])) for one in entities)
    if data > ENTITY_BYTES:
        raise bad_request(f"ENTITIES_TOO_LONG: {data} bytes of entity data, at most {ENTITY_BYTES} are kept")
    _bounds(formatted)
    for one in entities:
        _entity(one)
    _nesting(entities)


def _bounds(formatted: TextWithEntities) -> None:
    size = utf16_length(formatted.text)
    borders = _symbol_starts(formatted.text) if size != len(formatted.text) else None
    for one in formatted.entities:
        if one.offset < 0 or one.offset > size:
            raise bad_request(f"receive an entity with incorrect offset {one.offset}")
        if one.length <= 0:
            raise bad_request(f"receive an entity with incorrect length {one.length}")
        if one.end > size:
            raise bad_request(
                f"entity beginning at UTF-16 offset {one.offset} ends after the end of the text"
                f" at UTF-16 offset {size}"
            )
        if borders is None:
            continue
        if one.offset not in borders:
            raise bad_request(f"entity begins in a middle of a UTF-16 symbol at UTF-16 offset {one.offset}")
        if one.end not in borders:
            raise bad_request(
                f"entity beginning at UTF-16 offset {one.offset} ends in a middle of a UTF-16 symbol"
                f" at UTF-16 offset {one.end}"
            )


def _symbol_starts(value: str) -> set[int]:
    starts = {0}
    at = 0
    for character in value:
        at += 2 if character > "\uffff" else 1
        starts.add(at)
    return starts


def _entity(one: Entity) -> None:
    if one.type not in ENTITY_TYPES:
        raise bad_request(f'unsupported entity type "{one.type}" specified')
    if one.type == "text_link" and not is_url(one.url):
        raise bad_request(f"entity URL '{one.url}' is invalid")


def _nesting(entities: tuple[Entity, ...]) -> None:
    # Stricter: Telegram drops nested blockquotes and splits or drops what code and pre hold.
    if not any(one.type in _BLOCKQUOTES or one.type in _MONOSPACE for one in entities):
        return
    for at, one in enumerate(entities):
        for other in entities[at + 1 :]:
            if one.end <= other.offset or other.end <= one.offset:
                continue
            if one.type in _BLOCKQUOTES and other.type in _BLOCKQUOTES:
                raise bad_request("blockquote entities can't be nested or overlap")
            for outer, inner in ((one, other), (other, one)):
                if outer.type in _MONOSPACE and inner.type not in _BLOCKQUOTES:
                    raise bad_request(f"{outer.type} entities can't contain other entities")
                crosses = inner.offset < outer.offset < inner.end < outer.end
                if crosses and (outer.type in _BLOCKQUOTES or inner.type in _BLOCKQUOTES):
                    raise bad_request("an entity can't cross the border of a blockquote")


def is_url(url: str | None) -> bool:
    """Return whether Telegram accepts a link: http, https, tg or ton, with a valid host."""
    if not url or len(url) > 2048 or any(character.isspace() for character in url):  # noqa: PLR2004 - Telegram's
        return False
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme in {"tg", "ton"}:
        return True
    if parts.scheme not in {"http", "https"}:
        return False
    # Telegram refuses hosts without a dot, "localhost" among them.
    return "." in host.strip(".") and ".." not in host


def quote(quoted: TextWithEntities, source: TextWithEntities, position: int | None) -> Quote:
    """Find the part of `source` that is quoted: the nearest place to `position` where all of it is equal."""
    wanted = TextWithEntities(quoted.text, _kept(quoted, 0, utf16_length(quoted.text)))
    size = utf16_length(wanted.text)
    if not wanted.text or size > QUOTE_UNITS:
        raise bad_request("QUOTE_TEXT_INVALID")
    places = []
    at = source.text.find(wanted.text)
    while at >= 0:
        start = utf16_length(source.text[:at])
        if _kept(source, start, start + size) == wanted.entities:
            places.append(start)
        at = source.text.find(wanted.text, at + 1)
    if not places:
        raise bad_request("QUOTE_TEXT_INVALID")
    best = min(places, key=lambda start: abs(start - (position or 0)))
    return Quote(wanted, best)


def _kept(formatted: TextWithEntities, start: int, end: int) -> tuple[Entity, ...]:
    kept = []
    for one in formatted.entities:
        left, right = max(one.offset, start), min(one.end, end)
        if one.type in QUOTED_TYPES and left < right:
            kept.append(Entity(one.type, left - start, right - left, custom_emoji_id=one.custom_emoji_id))
    return tuple(sorted(kept, key=lambda one: (one.offset, one.length, one.type)))


def callback_answer(answer: str) -> None:
    if len(answer) > CALLBACK_TEXT:
        raise bad_request("MESSAGE_TOO_LONG")


def inline_answer(results: list[Json], next_offset: str) -> None:
    """Check counts, ids and kinds; the messages inside are checked by whoever reads them."""
    if len(results) > INLINE_RESULTS:
        raise bad_request("RESULTS_TOO_MUCH")
    if len(next_offset.encode()) > INLINE_OFFSET_BYTES:
        raise bad_request("NEXT_OFFSET_INVALID")
    seen: set[str] = set()
    for one in results:
        if not isinstance(one, dict) or one.get("type") not in _RESULT_TYPES:
            raise bad_request("can't parse inline query result: unsupported inline query result type")
        identity = one.get("id")
        if not isinstance(identity, str) or not 1 <= len(identity.encode()) <= 64:  # noqa: PLR2004 - published
            raise bad_request("RESULT_ID_INVALID")
        if identity in seen:
            raise bad_request("RESULT_ID_DUPLICATE")
        seen.add(identity)
        if one["type"] == "article" and not one.get("title"):
            raise bad_request("ARTICLE_TITLE_EMPTY")


def commands(listed: list[Json]) -> None:
    if len(listed) > COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for one in listed:
        if not _COMMAND.fullmatch(str(one.get("command", "")).removeprefix("/")):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(str(one.get("description", "")).strip()) <= 256:  # noqa: PLR2004 - published
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")


def webhook(url: str, secret: str) -> None:
    parts = urlsplit(url)
    # Telegram wants https everywhere; its self-hosted server takes http, and so does loopback here.
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if not parts.hostname:
        raise bad_request("invalid webhook URL specified")
    if secret and not _SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def upload(content: bytes) -> None:
    if not content:
        raise bad_request("file must be non-empty")
    if len(content) > UPLOAD_BYTES:
        raise ApiError(413, "Request Entity Too Large")


CALLBACK_DATA_BYTES = 64
COPY_TEXT = 256
BUTTONS = 100
_BUTTON_KINDS_NAMES = """
url callback_data web_app login_url switch_inline_query switch_inline_query_current_chat
switch_inline_query_chosen_chat copy_text callback_game pay
"""
_BUTTON_KINDS = frozenset(_BUTTON_KINDS_NAMES.split())


def keyboard(markup: Json | None) -> tuple[tuple[Json, ...], ...]:
    """Check and return the rows of an inline keyboard; other reply markup has nothing to keep."""
    if not markup or "inline_keyboard" not in markup:
        return ()
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(
            'can\'t parse inline keyboard: field "inline_keyboard" must be of type Array of Array'
        )
    # Stricter: an empty row is dropped by Telegram, here it is a mistake of the bot.
    if any(not row for row in rows):
        raise bad_request("inline keyboard has an empty row")
    checked = tuple(tuple(_button(button) for button in row) for row in rows)
    if sum(map(len, checked)) > BUTTONS:
        raise bad_request("reply markup is too long")
    return checked


def _button(button: object) -> Json:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: expected an Object")
    label = button.get("text")
    if not isinstance(label, str) or not label.strip():
        raise bad_request("can't parse inline keyboard button: can't find field \"text\"")
    kinds = _BUTTON_KINDS & button.keys()
    if not kinds:
        raise bad_request("text buttons are unallowed in the inline keyboard")
    # Stricter: Telegram takes the first kind it knows.
    if len(kinds) > 1:
        raise bad_request(f"BUTTON_TYPE_INVALID: {', '.join(sorted(kinds))} in one button")
    if (data := button.get("callback_data")) is not None and not (
        isinstance(data, str) and 1 <= len(data.encode()) <= CALLBACK_DATA_BYTES
    ):
        raise bad_request("BUTTON_DATA_INVALID")
    _button_action(button)
    return dict(button)


def _button_action(button: Json) -> None:
    if "url" in button and not is_url(button["url"]):
        raise bad_request(f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
    if "copy_text" in button:
        copied = button["copy_text"].get("text", "") if isinstance(button["copy_text"], dict) else ""
        if not 1 <= len(copied) <= COPY_TEXT:
            raise bad_request("BUTTON_COPY_TEXT_INVALID")
    for key in ("switch_inline_query", "switch_inline_query_current_chat"):
        if len(button.get(key) or "") > 256:  # noqa: PLR2004 - an inline query's length
            raise bad_request("BUTTON_DATA_INVALID")
