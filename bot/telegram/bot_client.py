"""The client of the Bot API, which parses updates one by one, so an invalid one does not block the others."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from telegram import Update
from telegram.ext import ExtBot

_log = logging.getLogger(__name__)

_READ_MARGIN_SECONDS = 10


class _Schema(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class _User(_Schema):
    id: int
    language_code: str | None = None


class _Chat(_Schema):
    id: int
    type: str


class _Entity(_Schema):
    type: str
    offset: int = Field(ge=0, lt=2**16)
    length: int = Field(ge=0, lt=2**16)


class _Document(_Schema):
    file_name: str | None = None
    file_size: int | None = None


class _Content(_Schema):
    """The fields that handlers rely on, in any kind of update: a message, a button press, a reaction ..."""

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
    document: _Document | None = None
    data: str | None = None
    query: str | None = None


class _Message(_Content):
    chat: _Chat
    message_id: int


class _GuestMessage(_Message):
    guest_query_id: str | None = None


class _InlineQuery(_Content):
    query: str
    offset: str


class _Member(_Schema):
    status: str


class _MemberChange(_Content):
    chat: _Chat
    old_chat_member: _Member
    new_chat_member: _Member


class _Update(_Schema):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, _Content]

    update_id: int
    message: _Message | None = None
    edited_message: _Message | None = None
    channel_post: _Message | None = None
    edited_channel_post: _Message | None = None
    business_message: _Message | None = None
    edited_business_message: _Message | None = None
    guest_message: _GuestMessage | None = None
    inline_query: _InlineQuery | None = None
    my_chat_member: _MemberChange | None = None


class BotClient(ExtBot[int]):
    async def fetch_updates(
        self, *, offset: int, limit: int, wait: int, allowed_updates: tuple[str, ...]
    ) -> list[Update]:
        """Call getUpdates: confirm the updates below `offset`, and return those from it on.

        It waits up to `wait` seconds for one.
        """
        parameters = {"offset": offset, "limit": limit, "timeout": wait, "allowed_updates": allowed_updates}
        received = await self._post("getUpdates", parameters, read_timeout=wait + _READ_MARGIN_SECONDS)
        return [self.parse_update(update) for update in received]

    def parse_update(self, received: dict[str, Any]) -> Update:
        """Return an update; without contents if it cannot be parsed."""
        try:
            # The library does not check types: ids must be numbers and texts valid Unicode.
            _Update.model_validate(received)
            return Update.de_json(received, self)
        except Exception as error:  # noqa: BLE001  # updates of newer API versions may fail in any way
            # Without contents no handler matches it, and it is confirmed like any other.
            _log.error("Update %s cannot be parsed: %s", received["update_id"], type(error).__name__)
            return Update(received["update_id"])
