"""The supported methods with their published parameters, and the decoding of a call's parameters.

In the table, `name! Type` marks a required parameter. Values come from a query, form, multipart body or JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from sandbox.telegram_objects import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.telegram_objects import Json

_TARGET = (
    "business_connection_id String, chat_id! Integer|String, message_thread_id Integer,"
    " direct_messages_topic_id Integer"
)
_REPLY_MARKUP = "reply_markup InlineKeyboardMarkup|ReplyKeyboardMarkup|ReplyKeyboardRemove|ForceReply"
_SEND_OPTIONS = (
    "disable_notification Boolean, protect_content Boolean, allow_paid_broadcast Boolean,"
    " message_effect_id String, suggested_post_parameters SuggestedPostParameters,"
    f" reply_parameters ReplyParameters, {_REPLY_MARKUP}"
)
_EDIT_TARGET = (
    "business_connection_id String, chat_id Integer|String, message_id Integer, inline_message_id String"
)
_CAPTION = "caption String, parse_mode String, caption_entities Array of MessageEntity"
_KEYBOARD = "reply_markup InlineKeyboardMarkup"
_LINK_PREVIEW = "link_preview_options LinkPreviewOptions"

PUBLISHED_METHODS: dict[str, str] = {
    "getMe": "",
    "logOut": "",
    "close": "",
    "getUpdates": "offset Integer, limit Integer, timeout Integer, allowed_updates Array of String",
    "setWebhook": (
        "url! String, certificate InputFile, ip_address String, max_connections Integer,"
        " allowed_updates Array of String, drop_pending_updates Boolean, secret_token String"
    ),
    "deleteWebhook": "drop_pending_updates Boolean",
    "getWebhookInfo": "",
    "sendMessage": (
        f"{_TARGET}, text! String, parse_mode String, entities Array of MessageEntity, {_LINK_PREVIEW},"
        f" {_SEND_OPTIONS}"
    ),
    "sendDocument": (
        f"{_TARGET}, document! InputFile|String, thumbnail InputFile|String, {_CAPTION},"
        f" disable_content_type_detection Boolean, {_SEND_OPTIONS}"
    ),
    "sendPhoto": (
        f"{_TARGET}, photo! InputFile|String, {_CAPTION}, show_caption_above_media Boolean,"
        f" has_spoiler Boolean, {_SEND_OPTIONS}"
    ),
    "copyMessage": (
        "chat_id! Integer|String, message_thread_id Integer, direct_messages_topic_id Integer,"
        " from_chat_id! Integer|String, message_id! Integer, video_start_timestamp Integer,"
        f" {_CAPTION}, show_caption_above_media Boolean, {_SEND_OPTIONS}"
    ),
    "forwardMessage": (
        "chat_id! Integer|String, message_thread_id Integer, direct_messages_topic_id Integer,"
        " from_chat_id! Integer|String, video_start_timestamp Integer, disable_notification Boolean,"
        " protect_content Boolean, message_effect_id String,"
        " suggested_post_parameters SuggestedPostParameters, message_id! Integer"
    ),
    "sendChatAction": (
        "business_connection_id String, chat_id! Integer|String, message_thread_id Integer, action! String"
    ),
    "editMessageText": (
        f"{_EDIT_TARGET}, text String, parse_mode String, entities Array of MessageEntity, {_LINK_PREVIEW},"
        f" rich_message InputRichMessage, {_KEYBOARD}"
    ),
    "editMessageCaption": f"{_EDIT_TARGET}, {_CAPTION}, show_caption_above_media Boolean, {_KEYBOARD}",
    "editMessageReplyMarkup": f"{_EDIT_TARGET}, {_KEYBOARD}",
    "deleteMessage": "chat_id! Integer|String, message_id! Integer",
    "setMessageReaction": (
        "chat_id! Integer|String, message_id! Integer, reaction Array of ReactionType, is_big Boolean"
    ),
    "answerCallbackQuery": (
        "callback_query_id! String, text String, show_alert Boolean, url String, cache_time Integer"
    ),
    "answerInlineQuery": (
        "inline_query_id! String, results! Array of InlineQueryResult, cache_time Integer,"
        " is_personal Boolean, next_offset String, button InlineQueryResultsButton"
    ),
    "answerGuestQuery": "guest_query_id! String, result! InlineQueryResult",
    "setMyCommands": "commands! Array of BotCommand, scope BotCommandScope, language_code String",
    "getMyCommands": "scope BotCommandScope, language_code String",
    "deleteMyCommands": "scope BotCommandScope, language_code String",
    "setMyName": "name String, language_code String",
    "getMyName": "language_code String",
    "setMyDescription": "description String, language_code String",
    "getMyDescription": "language_code String",
    "setMyShortDescription": "short_description String, language_code String",
    "getMyShortDescription": "language_code String",
    "getChat": "chat_id! Integer|String",
    "getChatMember": "chat_id! Integer|String, user_id! Integer",
    "getChatMemberCount": "chat_id! Integer|String",
    "leaveChat": "chat_id! Integer|String",
    "getFile": "file_id! String",
}
METHODS_BY_LOWER_NAME = {name.lower(): name for name in PUBLISHED_METHODS}

_TRUE_WORDS = {"true", "yes", "1"}
_MISSING_MESSAGES = {
    "chat_id": "chat_id is empty",
    "text": "message text is empty",
    "message_id": "message identifier is not specified",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    types: tuple[str, ...]
    is_required: bool


@cache
def published_parameters(method: str) -> dict[str, Parameter]:
    """Return the published parameters of a method, by name."""
    by_name = {}
    for part in filter(None, PUBLISHED_METHODS[method].split(", ")):
        name, _, types = part.partition(" ")
        by_name[name.rstrip("!")] = Parameter(name.rstrip("!"), tuple(types.split("|")), name.endswith("!"))
    return by_name


@dataclass(frozen=True, slots=True)
class SentFile:
    name: str
    mime: str
    content: bytes


class Params:
    """The decoded parameters of a call. `unknown` lists names that the method does not have."""

    def __init__(self, method: str, raw: Mapping[str, Any], uploads: Mapping[str, SentFile]) -> None:
        declared = published_parameters(method)
        self.method = method
        self.values: Json = {}
        self.uploads = uploads
        attached = {name for name in uploads if name not in declared}
        self.unknown = sorted(raw.keys() - declared.keys() - attached)
        for name, parameter in declared.items():
            value = uploads.get(name, raw.get(name))
            if value is None or (value == "" and not parameter.is_required):
                if parameter.is_required:
                    raise bad_request(_MISSING_MESSAGES.get(name, f'parameter "{name}" is required'))
                if value is None:
                    continue
            self.values[name] = self._decode(parameter, value)

    def _decode(self, parameter: Parameter, value: Any) -> Any:
        kinds = parameter.types
        if isinstance(value, SentFile):
            return value
        if kinds == ("Boolean",):
            return value if isinstance(value, bool) else str(value).lower() in _TRUE_WORDS
        if "Integer" in kinds:
            return _decode_integer(parameter, value)
        if "String" in kinds:
            return self._decode_string(kinds, value)
        return _decode_object(parameter, value)

    def _decode_string(self, kinds: tuple[str, ...], value: Any) -> str | SentFile:
        text = value if isinstance(value, str) else json.dumps(value)
        if "InputFile" in kinds and text.startswith("attach://"):
            if (upload := self.uploads.get(text.removeprefix("attach://"))) is None:
                raise bad_request("wrong remote file identifier specified: attached file not found")
            return upload
        return text

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    def text(self, name: str) -> str:
        return str(self.values.get(name, ""))

    def integer(self, name: str, default: int = 0) -> int:
        return int(self.values.get(name, default))

    def flag(self, name: str) -> bool:
        return bool(self.values.get(name, False))


def _decode_integer(parameter: Parameter, value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return int(str(value))
    except ValueError as error:
        if "String" in parameter.types:
            return str(value)
        # Stricter than Telegram, which reads 0.
        raise bad_request(f'parameter "{parameter.name}" must be of type Integer') from error


def _decode_object(parameter: Parameter, value: Any) -> Any:
    if isinstance(value, str) and not value:
        return None
    try:
        decoded = json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise bad_request(f"can't parse {parameter.name} JSON object") from error
    expected = list if parameter.types[0].startswith("Array") else dict
    if decoded is not None and not isinstance(decoded, expected):
        raise bad_request(f"can't parse {parameter.name} JSON object: expected {expected.__name__}")
    return decoded
