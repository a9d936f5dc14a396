"""How a bot presents itself: its commands by scope and language, its name and descriptions by language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sandbox import validation
from sandbox.errors import bad_request

if TYPE_CHECKING:
    from sandbox.model import Chat, Json

Field = Literal["name", "description", "short_description"]
_LONGEST: dict[Field, int] = {"name": 64, "description": 512, "short_description": 120}
_Scope = tuple[str, str, str]
_SCOPES = {
    "default": (),
    "all_private_chats": (),
    "all_group_chats": (),
    "all_chat_administrators": (),
    "chat": ("chat_id",),
    "chat_administrators": ("chat_id",),
    "chat_member": ("chat_id", "user_id"),
}


def _scope(raw: Json | None) -> _Scope:
    kind = (raw or {}).get("type", "default")
    if kind not in _SCOPES:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    of = [str((raw or {}).get(name, "")) for name in _SCOPES[kind]]
    return (kind, *[*of, "", ""][:2])


class Profile:
    def __init__(self) -> None:
        self._commands: dict[tuple[_Scope, str], list[Json]] = {}
        self._texts: dict[tuple[Field, str], str] = {}

    def set_commands(self, listed: list[Json], scope: Json | None, language: str) -> None:
        validation.commands(listed)
        shown = [
            {"command": one["command"].removeprefix("/"), "description": one["description"].strip()}
            for one in listed
        ]
        self._commands[_scope(scope), _language(language)] = shown

    def commands(self, scope: Json | None, language: str) -> list[Json]:
        return self._commands.get((_scope(scope), language), [])

    def delete_commands(self, scope: Json | None, language: str) -> None:
        self._commands.pop((_scope(scope), language), None)

    def commands_shown(self, chat: Chat, language: str) -> list[Json]:
        """Return what a user sees in a chat: the narrowest scope first, then the user's language."""
        kind = "all_private_chats" if chat.type == "private" else "all_group_chats"
        for scope in ({"type": "chat", "chat_id": chat.id}, {"type": kind}, {"type": "default"}):
            for code in (language, ""):
                if found := self.commands(scope, code):
                    return found
        return []

    def set_text(self, field: Field, value: str, language: str) -> None:
        if len(value) > _LONGEST[field]:
            raise bad_request(f"bot {field.replace('_', ' ')} is too long")
        self._texts[field, _language(language)] = value

    def text(self, field: Field, language: str) -> str:
        return self._texts.get((field, language)) or self._texts.get((field, ""), "")


def _language(code: str) -> str:
    if code and not (len(code) == 2 and code.isalpha() and code.islower()):  # noqa: PLR2004 - ISO 639-1
        raise bad_request("invalid language code specified")
    return code
