"""Handlers of the Bot API methods that send, edit, copy, forward and delete messages."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from sandbox import telegram_objects, validation
from sandbox.api_methods import Params, SentFile
from sandbox.state import now
from sandbox.telegram_objects import ApiError, Chat, Json, Message, Quote, TelegramFile, bad_request

if TYPE_CHECKING:
    from sandbox.state import TelegramState

_ENTITIES_ONLY = "can't parse entities: the sandbox accepts entities only"
_CHAT_ACTION_NAMES = """
typing upload_photo record_video upload_video record_voice upload_voice upload_document
choose_sticker find_location record_video_note upload_video_note
"""
_CHAT_ACTIONS = frozenset(_CHAT_ACTION_NAMES.split())
_REACTIONS = frozenset(
    "👍👎❤🔥🥰👏😁🤔🤯😱🤬😢🎉🤩🤮💩🙏👌🕊🤡🥱🥴😍🐳💯🤣⚡🍌🏆💔🤨😐🍓🍾💋😈😴😭🤓👻👀🎃🙈😇😨🤝✍🤗🫡🎅🎄☃💅🤪🗿🆒💘🙉🦄😘💊🙊😎👾🤷😡"
)
_MAX_FILE_NAME_CHARS = 60


def send_message(telegram: TelegramState, params: Params) -> Json:
    _refuse_parse_mode(params)
    chat = _target_chat(telegram, params)
    formatted = validation.text(telegram_objects.read_text(params.text("text"), params.get("entities")))
    return _send(telegram, chat, params, formatted=formatted)


def send_document(telegram: TelegramState, params: Params) -> Json:
    return _send_file(telegram, params, "document")


def send_photo(telegram: TelegramState, params: Params) -> Json:
    return _send_file(telegram, params, "photo")


def copy_message(telegram: TelegramState, params: Params) -> Json:
    chat, source = _target_chat(telegram, params), _source_message(telegram, params, "copy")
    formatted = source.formatted
    if (source.file or source.attachment) and "caption" in params.values:
        formatted = validation.caption(
            telegram_objects.read_text(params.text("caption"), params.get("caption_entities"))
        )
    content = {"file": source.file, "attachment": source.attachment}
    return {"message_id": _send(telegram, chat, params, formatted=formatted, **content)["message_id"]}


def forward_message(telegram: TelegramState, params: Params) -> Json:
    chat, source = _target_chat(telegram, params), _source_message(telegram, params, "forward")
    origin = {
        "forward_from": source.forward_from or source.sender,
        "forward_date": source.forward_date or source.date,
    }
    content = {"file": source.file, "attachment": source.attachment}
    return _send(telegram, chat, params, formatted=source.formatted, **content, **origin)


def send_chat_action(telegram: TelegramState, params: Params) -> bool:
    chat = _target_chat(telegram, params)
    if params.text("action") not in _CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    telegram.events.add({"kind": "action", "chat_id": chat.id, "action": params.text("action")})
    return True


def edit_message_text(telegram: TelegramState, params: Params) -> Json | bool:
    _refuse_parse_mode(params)
    message = _message_to_edit(telegram, params)
    if message.file or message.service:
        raise bad_request("there is no text in the message to edit")
    formatted = validation.text(telegram_objects.read_text(params.text("text"), params.get("entities")))
    disabled = bool((params.get("link_preview_options") or {}).get("is_disabled"))
    return _edit(telegram, params, message, formatted=formatted, is_preview_disabled=disabled)


def edit_message_caption(telegram: TelegramState, params: Params) -> Json | bool:
    _refuse_parse_mode(params)
    message = _message_to_edit(telegram, params)
    if not message.file:
        raise bad_request("there is no caption in the message to edit")
    formatted = validation.caption(
        telegram_objects.read_text(params.text("caption"), params.get("caption_entities"))
    )
    return _edit(telegram, params, message, formatted=formatted)


def edit_message_reply_markup(telegram: TelegramState, params: Params) -> Json | bool:
    return _edit(telegram, params, _message_to_edit(telegram, params))


def delete_message(telegram: TelegramState, params: Params) -> bool:
    chat = telegram.reachable_chat(params.get("chat_id"))
    message = telegram.message(chat, params.integer("message_id"), "delete")
    if chat.type != "private" and message.sender != telegram.bot:
        raise bad_request("message can't be deleted")
    telegram.remove(message)
    return True


def set_message_reaction(telegram: TelegramState, params: Params) -> bool:
    chat = telegram.reachable_chat(params.get("chat_id"))
    message = telegram.message(chat, params.integer("message_id"), "react")
    reactions = [reaction for reaction in params.get("reaction") or [] if isinstance(reaction, dict)]
    emoji = tuple(str(reaction.get("emoji", "")).removesuffix("\ufe0f") for reaction in reactions)
    if len(emoji) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    if not set(emoji) <= _REACTIONS:
        raise bad_request("REACTION_INVALID")
    telegram.change(message, reactions=emoji)
    return True


def _refuse_parse_mode(params: Params) -> None:
    if params.get("parse_mode"):
        raise bad_request(_ENTITIES_ONLY)


def _target_chat(telegram: TelegramState, params: Params) -> Chat:
    chat = telegram.reachable_chat(params.get("chat_id"))
    topic = telegram.topic(chat, params.get("message_thread_id"))
    if topic and topic.is_closed:
        raise bad_request("TOPIC_CLOSED")
    return chat


def _source_message(telegram: TelegramState, params: Params, purpose: str) -> Message:
    return telegram.message(
        telegram.reachable_chat(params.get("from_chat_id")), params.integer("message_id"), purpose
    )


def _send(telegram: TelegramState, chat: Chat, params: Params, **fields: Any) -> Json:
    reply_to, quote = _read_reply(chat, params.get("reply_parameters"))
    keyboard = validation.keyboard(params.get("reply_markup"))
    telegram.flood.check(chat.id)
    message = telegram.post(
        chat,
        telegram.bot,
        reply_to=reply_to,
        quote=quote,
        keyboard=keyboard,
        thread_id=params.get("message_thread_id") or _thread_of(chat, reply_to),
        is_preview_disabled=bool((params.get("link_preview_options") or {}).get("is_disabled")),
        **fields,
    )
    return telegram.bot_view(message)


def _thread_of(chat: Chat, reply_to: int | None) -> int | None:
    replied = chat.messages.get(reply_to or 0)
    return replied.thread_id if replied else None


def _read_reply(chat: Chat, raw: Json | None) -> tuple[int | None, Quote | None]:
    if not raw:
        return None, None
    message_id = raw.get("message_id")
    if not isinstance(message_id, int) or message_id <= 0:
        raise bad_request("message to be replied not found")
    if str(raw.get("chat_id", chat.id)) != str(chat.id):
        raise bad_request("the sandbox supports replies within one chat only")
    replied = chat.messages.get(message_id)
    if replied is None or replied.service is not None:
        if raw.get("allow_sending_without_reply"):
            return None, None
        raise bad_request("message to be replied not found")
    if not raw.get("quote"):
        return message_id, None
    if raw.get("quote_parse_mode"):
        raise bad_request(_ENTITIES_ONLY)
    quoted = telegram_objects.read_text(str(raw["quote"]), raw.get("quote_entities"))
    return message_id, validation.quote(quoted, replied.formatted, raw.get("quote_position"))


def _message_to_edit(telegram: TelegramState, params: Params) -> Message:
    if inline_id := params.text("inline_message_id"):
        return telegram.inline_message(inline_id)
    if "chat_id" not in params.values:
        raise bad_request("chat_id is empty")
    if "message_id" not in params.values:
        raise bad_request("message identifier is not specified")
    chat = telegram.reachable_chat(params.get("chat_id"))
    message = telegram.message(chat, params.integer("message_id"), "edit")
    if telegram.bot not in (message.sender, message.via_bot):
        raise bad_request("message can't be edited")
    return message


def _edit(telegram: TelegramState, params: Params, message: Message, **fields: Any) -> Json | bool:
    keyboard = validation.keyboard(params.get("reply_markup"))
    changed = replace(message, keyboard=keyboard, **fields)
    if changed == message:
        raise bad_request(
            "message is not modified: specified new message content and reply markup are exactly the same as"
            " a current content and reply markup of the message"
        )
    # Telegram updates the edit date only when the content changes, not when only the buttons do.
    edit_date = now() if changed.formatted != message.formatted else message.edit_date
    changed = telegram.change(message, keyboard=keyboard, edit_date=edit_date, **fields)
    return True if params.text("inline_message_id") else telegram.bot_view(changed)


def _send_file(telegram: TelegramState, params: Params, kind: Literal["document", "photo"]) -> Json:
    _refuse_parse_mode(params)
    chat = _target_chat(telegram, params)
    formatted = validation.caption(
        telegram_objects.read_text(params.text("caption"), params.get("caption_entities"))
    )
    source = params.get(kind)
    file = (
        add_upload(telegram, source, kind)
        if isinstance(source, SentFile)
        else _uploaded_file(telegram, str(source), kind)
    )
    return _send(telegram, chat, params, formatted=formatted, file=file)


def _uploaded_file(telegram: TelegramState, file_id: str, kind: str) -> TelegramFile:
    file = telegram.files.get(file_id)
    if file is None:
        # Telegram would download a URL; the sandbox makes no outside connections.
        raise bad_request("wrong file identifier/HTTP URL specified")
    if file.kind != kind:
        raise bad_request(f"can't use file of type {file.kind.title()} as {kind.title()}")
    return file


def add_upload(telegram: TelegramState, upload: SentFile, kind: Literal["document", "photo"]) -> TelegramFile:
    """Store an upload and return its file. Raise ApiError if it is empty, too large or not a picture."""
    validation.upload(upload.content)
    width, height = _image_size(upload.content) if kind == "photo" else (0, 0)
    name = upload.name.replace("\\", "/").rpartition("/")[2][-_MAX_FILE_NAME_CHARS:] or "file"
    return telegram.add_file(
        lambda file_id: TelegramFile(file_id, kind, name, upload.mime, upload.content, width, height)
    )


def _image_size(content: bytes) -> tuple[int, int]:
    """Return the width and height of a PNG or JPEG image, in pixels."""
    if content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) >= 24:  # noqa: PLR2004 - the header's length
        width, height = struct.unpack(">II", content[16:24])
        return int(width), int(height)
    if content.startswith(b"\xff\xd8"):
        offset = 2
        while offset + 9 <= len(content) and content[offset] == 0xFF:  # noqa: PLR2004 - a JPEG marker
            marker, size = content[offset + 1], int.from_bytes(content[offset + 2 : offset + 4], "big")
            if 0xC0 <= marker <= 0xC3:  # noqa: PLR2004 - start of frame
                height, width = struct.unpack(">HH", content[offset + 5 : offset + 9])
                return int(width), int(height)
            offset += 2 + size
    raise ApiError(400, "Bad Request: IMAGE_PROCESS_FAILED")
