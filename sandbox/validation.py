"""Checks of what a bot sends, with the error messages of Telegram.

Comments that begin with "Stricter" mark mistakes that Telegram would repair silently.
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sandbox.message_text import normalise, utf16_length
from sandbox.telegram_objects import ApiError, Entity, Json, Quote, TextWithEntities, bad_request

if TYPE_CHECKING:
    from sandbox.telegram_objects import Json

MAX_TEXT_UNITS = 4096
MAX_CAPTION_UNITS = 1024
MAX_RAW_TEXT_BYTES = 32_768
MAX_ENTITIES = 100
MAX_ENTITY_BYTES = 9_500
MAX_QUOTE_UNITS = 1024
MAX_CALLBACK_ANSWER_CHARS = 200
MAX_INLINE_RESULTS = 50
MAX_INLINE_OFFSET_BYTES = 64
MAX_COMMANDS = 100
MAX_DOWNLOAD_BYTES = 20 * 2**20
MAX_UPLOAD_BYTES = 50 * 2**20

_ENTITY_TYPE_NAMES = """
mention hashtag cashtag bot_command url email phone_number bold italic underline strikethrough
spoiler blockquote expandable_blockquote code pre text_link text_mention custom_emoji
"""
ENTITY_TYPES = frozenset(_ENTITY_TYPE_NAMES.split())
QUOTABLE_TYPES = frozenset(["bold", "italic", "underline", "strikethrough", "spoiler", "custom_emoji"])
_BLOCKQUOTES = frozenset({"blockquote", "expandable_blockquote"})
_MONOSPACE = frozenset({"code", "pre"})
_RESULT_TYPE_NAMES = """
article audio contact document game gif location mpeg4_gif photo sticker venue video voice
"""
_RESULT_TYPES = frozenset(_RESULT_TYPE_NAMES.split())
_COMMAND_PATTERN = re.compile(r"[a-z0-9_]{1,32}")
_SECRET_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,256}")


def text(formatted: TextWithEntities) -> TextWithEntities:
    """Check a text and return it as stored."""
    if not formatted.text:
        raise bad_request("message text is empty")
    _check_entities(formatted)
    stored = normalise(formatted)
    if not stored.text:
        raise bad_request("text must be non-empty")
    if utf16_length(stored.text) > MAX_TEXT_UNITS:
        raise bad_request("message is too long")
    return stored


def caption(formatted: TextWithEntities) -> TextWithEntities:
    _check_entities(formatted)
    stored = normalise(formatted)
    if utf16_length(stored.text) > MAX_CAPTION_UNITS:
        raise bad_request("message caption is too long")
    return stored


def _check_entities(formatted: TextWithEntities) -> None:
    try:
        size = len(formatted.text.encode())
    except UnicodeEncodeError as error:
        raise bad_request("strings must be encoded in UTF-8") from error
    if size > MAX_RAW_TEXT_BYTES:
        raise bad_request("message is too long")
    entities = formatted.entities
    # Stricter: Telegram drops the excess entities.
    if len(entities) > MAX_ENTITIES:
        raise bad_request(f"ENTITIES_TOO_LONG: {len(entities)} entities, at most {MAX_ENTITIES} are kept")
    data_bytes = sum(
        len(json.dumps([entity.type, entity.offset, entity.length, entity.url or ""])) for entity in entities
    )
    if data_bytes > MAX_ENTITY_BYTES:
        raise bad_request(
            f"ENTITIES_TOO_LONG: {data_bytes} bytes of entity data, at most {MAX_ENTITY_BYTES} are kept"
        )
    _check_bounds(formatted)
    for entity in entities:
        _check_entity(entity)
    _check_nesting(entities)


def _check_bounds(formatted: TextWithEntities) -> None:
    size = utf16_length(formatted.text)
    boundaries = _symbol_boundaries(formatted.text) if size != len(formatted.text) else None
    for entity in formatted.entities:
        if entity.offset < 0 or entity.offset > size:
            raise bad_request(f"receive an entity with incorrect offset {entity.offset}")
        if entity.length <= 0:
            raise bad_request(f"receive an entity with incorrect length {entity.length}")
        if entity.end > size:
            raise bad_request(
                f"entity beginning at UTF-16 offset {entity.offset} ends after the end of the text"
                f" at UTF-16 offset {size}"
            )
        if boundaries is None:
            continue
        if entity.offset not in boundaries:
            raise bad_request(
                f"entity begins in a middle of a UTF-16 symbol at UTF-16 offset {entity.offset}"
            )
        if entity.end not in boundaries:
            raise bad_request(
                f"entity beginning at UTF-16 offset {entity.offset} ends in a middle of a UTF-16 symbol"
                f" at UTF-16 offset {entity.end}"
            )


def _symbol_boundaries(value: str) -> set[int]:
    """Return the offsets between characters, in UTF-16 units."""
    boundaries = {0}
    offset = 0
    for character in value:
        offset += 2 if character > "\uffff" else 1
        boundaries.add(offset)
    return boundaries


def _check_entity(entity: Entity) -> None:
    if entity.type not in ENTITY_TYPES:
        raise bad_request(f'unsupported entity type "{entity.type}" specified')
    if entity.type == "text_link" and not is_url(entity.url):
        raise bad_request(f"entity URL '{entity.url}' is invalid")


def _check_nesting(entities: tuple[Entity, ...]) -> None:
    # Stricter: Telegram drops nested blockquotes, and splits or drops entities inside code and pre.
    if not any(entity.type in _BLOCKQUOTES or entity.type in _MONOSPACE for entity in entities):
        return
    for number, entity in enumerate(entities):
        for other in entities[number + 1 :]:
            if entity.end <= other.offset or other.end <= entity.offset:
                continue
            if entity.type in _BLOCKQUOTES and other.type in _BLOCKQUOTES:
                raise bad_request("blockquote entities can't be nested or overlap")
            for outer, inner in ((entity, other), (other, entity)):
                if outer.type in _MONOSPACE and inner.type not in _BLOCKQUOTES:
                    raise bad_request(f"{outer.type} entities can't contain other entities")
                crosses = inner.offset < outer.offset < inner.end < outer.end
                if crosses and (outer.type in _BLOCKQUOTES or inner.type in _BLOCKQUOTES):
                    raise bad_request("an entity can't cross the border of a blockquote")


def is_url(url: str | None) -> bool:
    """Return whether Telegram accepts a link: any tg or ton one, http and https with a valid host."""
    if not url or len(url) > 2048 or any(character.isspace() for character in url):  # noqa: PLR2004 - Telegram's limit
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
    # Telegram rejects hosts without a dot, such as "localhost".
    return "." in host.strip(".") and ".." not in host


def quote(quoted: TextWithEntities, source: TextWithEntities, position: int | None) -> Quote:
    """Return the quote at its occurrence in `source` that is nearest to `position`, in UTF-16 units.

    Text and entities must be equal. Raise ApiError if there is no such occurrence.
    """
    part = TextWithEntities(quoted.text, _quotable_entities(quoted, 0, utf16_length(quoted.text)))
    size = utf16_length(part.text)
    if not part.text or size > MAX_QUOTE_UNITS:
        raise bad_request("QUOTE_TEXT_INVALID")
    positions = []
    index = source.text.find(part.text)
    while index >= 0:
        start = utf16_length(source.text[:index])
        if _quotable_entities(source, start, start + size) == part.entities:
            positions.append(start)
        index = source.text.find(part.text, index + 1)
    if not positions:
        raise bad_request("QUOTE_TEXT_INVALID")
    nearest = min(positions, key=lambda start: abs(start - (position or 0)))
    return Quote(part, nearest)


def _quotable_entities(formatted: TextWithEntities, start: int, end: int) -> tuple[Entity, ...]:
    """Return the entities of a span that a quote keeps, clipped to the span and relative to its start."""
    clipped = []
    for entity in formatted.entities:
        left, right = max(entity.offset, start), min(entity.end, end)
        if entity.type in QUOTABLE_TYPES and left < right:
            clipped.append(
                Entity(entity.type, left - start, right - left, custom_emoji_id=entity.custom_emoji_id)
            )
    return tuple(sorted(clipped, key=lambda entity: (entity.offset, entity.length, entity.type)))


def callback_answer(answer: str) -> None:
    if len(answer) > MAX_CALLBACK_ANSWER_CHARS:
        raise bad_request("MESSAGE_TOO_LONG")


def inline_answer(results: list[Json], next_offset: str) -> None:
    """Check the number, ids and types of the results, but not their messages."""
    if len(results) > MAX_INLINE_RESULTS:
        raise bad_request("RESULTS_TOO_MUCH")
    if len(next_offset.encode()) > MAX_INLINE_OFFSET_BYTES:
        raise bad_request("NEXT_OFFSET_INVALID")
    seen: set[str] = set()
    for result in results:
        if not isinstance(result, dict) or result.get("type") not in _RESULT_TYPES:
            raise bad_request("can't parse inline query result: unsupported inline query result type")
        result_id = result.get("id")
        if not isinstance(result_id, str) or not 1 <= len(result_id.encode()) <= 64:  # noqa: PLR2004 - published
            raise bad_request("RESULT_ID_INVALID")
        if result_id in seen:
            raise bad_request("RESULT_ID_DUPLICATE")
        seen.add(result_id)
        if result["type"] == "article" and not result.get("title"):
            raise bad_request("ARTICLE_TITLE_EMPTY")


def commands(bot_commands: list[Json]) -> None:
    if len(bot_commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for command in bot_commands:
        if not _COMMAND_PATTERN.fullmatch(str(command.get("command", "")).removeprefix("/")):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(str(command.get("description", "")).strip()) <= 256:  # noqa: PLR2004 - published
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")


def webhook(url: str, secret: str) -> None:
    parts = urlsplit(url)
    # Telegram requires https. Its self-hosted server accepts http; the sandbox does so on loopback only.
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if not parts.hostname:
        raise bad_request("invalid webhook URL specified")
    if secret and not _SECRET_PATTERN.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def upload(content: bytes) -> None:
    if not content:
        raise bad_request("file must be non-empty")
    if len(content) > MAX_UPLOAD_BYTES:
        raise ApiError(413, "Request Entity Too Large")


MAX_CALLBACK_DATA_BYTES = 64
MAX_COPY_TEXT_CHARS = 256
MAX_BUTTONS = 100
_BUTTON_KIND_NAMES = """
url callback_data web_app login_url switch_inline_query switch_inline_query_current_chat
switch_inline_query_chosen_chat copy_text callback_game pay
"""
_BUTTON_KINDS = frozenset(_BUTTON_KIND_NAMES.split())


def keyboard(markup: Json | None) -> tuple[tuple[Json, ...], ...]:
    """Check an inline keyboard and return its rows. Other kinds of reply markup are ignored."""
    if not markup or "inline_keyboard" not in markup:
        return ()
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(
            'can\'t parse inline keyboard: field "inline_keyboard" must be of type Array of Array'
        )
    # Stricter: Telegram drops empty rows.
    if any(not row for row in rows):
        raise bad_request("inline keyboard has an empty row")
    checked = tuple(tuple(_check_button(button) for button in row) for row in rows)
    if sum(map(len, checked)) > MAX_BUTTONS:
        raise bad_request("reply markup is too long")
    return checked


def _check_button(button: object) -> Json:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: expected an Object")
    label = button.get("text")
    if not isinstance(label, str) or not label.strip():
        raise bad_request("can't parse inline keyboard button: can't find field \"text\"")
    kinds = _BUTTON_KINDS & button.keys()
    if not kinds:
        raise bad_request("text buttons are unallowed in the inline keyboard")
    # Stricter: Telegram uses the first action that it knows.
    if len(kinds) > 1:
        raise bad_request(f"BUTTON_TYPE_INVALID: {', '.join(sorted(kinds))} in one button")
    if (data := button.get("callback_data")) is not None and not (
        isinstance(data, str) and 1 <= len(data.encode()) <= MAX_CALLBACK_DATA_BYTES
    ):
        raise bad_request("BUTTON_DATA_INVALID")
    _check_button_action(button)
    return dict(button)


def _check_button_action(button: Json) -> None:
    if "url" in button and not is_url(button["url"]):
        raise bad_request(f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
    if "copy_text" in button:
        copy_text = button["copy_text"].get("text", "") if isinstance(button["copy_text"], dict) else ""
        if not 1 <= len(copy_text) <= MAX_COPY_TEXT_CHARS:
            raise bad_request("BUTTON_COPY_TEXT_INVALID")
    for key in ("switch_inline_query", "switch_inline_query_current_chat"):
        if len(button.get(key) or "") > 256:  # noqa: PLR2004 - as long as an inline query
            raise bad_request("BUTTON_DATA_INVALID")
