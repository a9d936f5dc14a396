"""The supported methods and their published parameters. `name! Type` marks a required one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

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

PUBLISHED: dict[str, str] = {
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


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    types: tuple[str, ...]
    is_required: bool


@cache
def parameters(method: str) -> dict[str, Parameter]:
    """Return the published parameters of a method, by name."""
    by_name = {}
    for part in filter(None, PUBLISHED[method].split(", ")):
        name, _, types = part.partition(" ")
        by_name[name.rstrip("!")] = Parameter(name.rstrip("!"), tuple(types.split("|")), name.endswith("!"))
    return by_name


BY_LOWER_NAME = {name.lower(): name for name in PUBLISHED}
