"""The bot's profile: commands by scope and language; name and descriptions by language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sandbox import validation
from sandbox.errors import bad_request

if TYPE_CHECKING:
    from sandbox.telegram_objects import Chat, Json

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
