"""Builders for updates as Telegram sends them, and their delivery to the bot."""

from typing import Any

from telegram import Update

ADA = {"id": 1, "is_bot": False, "first_name": "Ada", "language_code": "en"}
US = {"id": 999, "is_bot": True, "first_name": "Verbatim", "username": "verbatim_bot"}
PRIVATE = {"id": 1, "type": "private", "first_name": "Ada"}
GROUP = {"id": -5, "type": "supergroup", "title": "Group"}


def message(text: str | None = None, chat: dict[str, Any] = PRIVATE, **fields: Any) -> dict[str, Any]:
    built = {"message_id": 10, "date": 1, "chat": chat, "from": ADA, **fields}
    if text is None:
        return built
    if text.startswith("/"):
        length = len(text.split()[0])
        built["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
    return built | {"text": text}


def pressed(data: str, question: dict[str, Any] | None, **fields: Any) -> dict[str, Any]:
    answer = message("An answer", message_id=11) | {"from": US}
    if question:
        answer["reply_to_message"] = question
    return {"id": "5", "from": ADA, "chat_instance": "1", "data": data, "message": answer, **fields}


async def deliver(application: Any, **update: Any) -> None:
    async with application:
        await application.process_update(Update.de_json({"update_id": 1, **update}, application.bot))
