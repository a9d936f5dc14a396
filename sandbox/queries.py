"""Callback, inline and guest queries: asked by a person, answered by the bot, gone after a while."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox import serializers, validation
from sandbox.errors import bad_request
from sandbox.model import Json, Message, TextWithEntities, User

if TYPE_CHECKING:
    from sandbox.state import TelegramState

CALLBACK_SECONDS = 60.0
INLINE_SECONDS = 20.0
GUEST_SECONDS = 60.0
INLINE_QUERY_UNITS = 256
_KEPT = 1000
_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


@dataclass(slots=True)
class PendingQuery:
    """`results` are the checked answers to an inline query, by their id; `message` called a guest in."""

    id: str
    user: User
    text: str
    expires: float
    is_answered: bool = False
    results: dict[str, Json] | None = None
    message: Message | None = None


class PendingQueries:
    def __init__(self, telegram: TelegramState) -> None:
        self._telegram = telegram
        self._open: dict[str, PendingQuery] = {}

    def press(self, message: Message, person: User, data: str) -> PendingQuery:
        """Let a person press a callback button."""
        query = self._ask(person, data, CALLBACK_SECONDS)
        if message.inline_id is not None:
            where: Json = {"inline_message_id": message.inline_id}
        else:
            where = {"message": self._telegram.view(message)}
        asked = {
            "id": query.id,
            "from": serializers.user(person),
            "chat_instance": str(-message.chat_id),
            "data": data,
        }
        self._telegram.push("callback_query", asked | where)
        return query

    def type(self, person: User, text: str, offset: str, chat_type: str) -> PendingQuery:
        """Let a person type `@bot text` in some chat."""
        query = self._ask(person, text[:INLINE_QUERY_UNITS], INLINE_SECONDS)
        self._telegram.push(
            "inline_query",
            {
                "id": query.id,
                "from": serializers.user(person),
                "query": query.text,
                "offset": offset,
                "chat_type": chat_type,
            },
        )
        return query

    def call_in(self, message: Message) -> PendingQuery:
        """Let a message call the bot into a chat it is no member of, for one answer."""
        query = self._ask(message.sender, message.formatted.text, GUEST_SECONDS)
        query.message = message
        self._telegram.push("guest_message", self._telegram.view(message) | {"guest_query_id": query.id})
        return query

    def expire(self) -> None:
        for query in self._open.values():
            query.expires = 0.0

    def find(self, number: str) -> PendingQuery:
        if number not in self._open:
            raise bad_request(_TOO_OLD)
        return self._open[number]

    def answer_callback(self, number: str, answer: Json) -> None:
        validation.callback_answer(answer.get("text", ""))
        self._answered(number)
        self._telegram.events.add({"kind": "callback_answer", "query_id": number, **answer})

    def answer_inline(self, number: str, results: list[Json], next_offset: str, button: Json | None) -> None:
        validation.inline_answer(results, next_offset)
        checked = {one["id"]: _checked(one) for one in results}
        query = self._answered(number)
        query.results = checked
        answer = {"results": results, "next_offset": next_offset, "button": button}
        self._telegram.events.add({"kind": "inline_answer", "query_id": number, **answer})

    def answer_guest(self, number: str, result: Json) -> str:
        """Post the one answer of a guest, a reply to who called; gives the id it is edited by."""
        called = self.find(number).message
        if called is None:
            raise bad_request(_TOO_OLD)
        validation.inline_answer([result], "")
        checked = _checked(result)
        self._answered(number)
        inline_id = self._telegram.inline_id()
        self._telegram.post(
            self._telegram.chat(called.chat_id),
            self._telegram.bot,
            formatted=checked["formatted"],
            file=self._telegram.files.get(file_id(checked)),
            keyboard=checked["keyboard"],
            inline_id=inline_id,
            reply_to=called.id,
            thread_id=called.thread_id,
            called_in_by=called.sender,
        )
        return inline_id

    def _ask(self, person: User, text: str, seconds: float) -> PendingQuery:
        if len(self._open) >= _KEPT:
            del self._open[next(iter(self._open))]
        query = PendingQuery(
            str(7_000_000_000_000 + self._telegram.number()), person, text, time.monotonic() + seconds
        )
        self._open[query.id] = query
        return query

    def _answered(self, number: str) -> PendingQuery:
        query = self.find(number)
        if query.is_answered or query.expires < time.monotonic():
            raise bad_request(_TOO_OLD)
        query.is_answered = True
        return query


def file_id(result: Json) -> str:
    """Name the file a result sends, if it sends one."""
    return str(result.get("document_file_id") or result.get("photo_file_id") or "")


def _checked(result: Json) -> Json:
    """Return a result with its message checked and its keyboard read, ready to be sent when picked."""
    content = result.get("input_message_content")
    if result["type"] == "article" and not isinstance(content, dict):
        raise bad_request("input message content is not specified")
    keyboard = validation.keyboard(result.get("reply_markup"))
    formatted = TextWithEntities()
    if isinstance(content, dict):
        if content.get("parse_mode"):
            raise bad_request("can't parse entities: the sandbox accepts entities only")
        if not isinstance(content.get("message_text"), str):
            raise bad_request("message text is empty")
        formatted = validation.text(serializers.read_text(content["message_text"], content.get("entities")))
    elif "caption" in result:
        formatted = validation.caption(
            serializers.read_text(result["caption"], result.get("caption_entities"))
        )
    return {**result, "formatted": formatted, "keyboard": keyboard}
