"""A bot that takes updates one by one, so that one nobody can read does not hold up the others."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from telegram import Update
from telegram.ext import ExtBot

_log = logging.getLogger(__name__)

_MARGIN = 10


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class _User(_Shape):
    id: int
    language_code: str | None = None


class _Chat(_Shape):
    id: int
    type: str


class _Entity(_Shape):
    type: str
    offset: int = Field(ge=0, lt=2**16)
    length: int = Field(ge=0, lt=2**16)


class _Content(_Shape):
    """What handlers count on in anything that happens, be it a message, a press or a reaction."""

    chat: _Chat | None = None
    sender_chat: _Chat | None = None
    actor_chat: _Chat | None = None
    voter_chat: _Chat | None = None
    user: _User | None = None
    from_: _User | None = Field(None, alias="from")
    via_bot: _User | None = None
    message: _Message | None = None
    reply_to_message: _Message | None = None
    message_thread_id: int | None = None
    text: str | None = None
    caption: str | None = None
    entities: list[_Entity] | None = None
    caption_entities: list[_Entity] | None = None
    data: str | None = None
    query: str | None = None


class _Message(_Content):
    chat: _Chat
    message_id: int


class _Guest(_Message):
    guest_query_id: str | None = None


class _Inline(_Content):
    query: str
    offset: str


class _Member(_Shape):
    status: str


class _Change(_Content):
    chat: _Chat
    old_chat_member: _Member
    new_chat_member: _Member


class _Update(_Shape):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, _Content]

    update_id: int
    message: _Message | None = None
    edited_message: _Message | None = None
    channel_post: _Message | None = None
    edited_channel_post: _Message | None = None
    business_message: _Message | None = None
    edited_business_message: _Message | None = None
    guest_message: _Guest | None = None
    inline_query: _Inline | None = None
    my_chat_member: _Change | None = None


class Bot(ExtBot[int]):
    async def pending(self, *, offset: int, limit: int, wait: int, kinds: tuple[str, ...]) -> list[Update]:
        """Confirm what is below `offset` and wait so many seconds for what comes after it."""
        asked = {"offset": offset, "limit": limit, "timeout": wait, "allowed_updates": kinds}
        received = await self._post("getUpdates", asked, read_timeout=wait + _MARGIN)
        return [self.read(one) for one in received]

    def read(self, received: dict[str, Any]) -> Update:
        """Return an update; an empty one when it cannot be parsed."""
        try:
            # The library takes a value of any type; here an id is a number, and a text is Unicode.
            _Update.model_validate(received)
            return Update.de_json(received, self)
        except Exception as error:  # noqa: BLE001  # what a newer Telegram sends may fail in any way
            # Without its contents nobody handles it, and it is confirmed like any other.
            _log.error("Update %s cannot be read: %s", received["update_id"], type(error).__name__)
            return Update(received["update_id"])
