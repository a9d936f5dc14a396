"""Callback, inline and guest queries. Each can be answered once, within its lifetime."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox import telegram_objects, validation
from sandbox.telegram_objects import Json, Message, TextWithEntities, User, bad_request

if TYPE_CHECKING:
    from sandbox.state import TelegramState

CALLBACK_LIFETIME_SECONDS = 60.0
INLINE_LIFETIME_SECONDS = 20.0
GUEST_LIFETIME_SECONDS = 60.0
MAX_INLINE_QUERY_CHARS = 256
_MAX_OPEN_QUERIES = 1000
_QUERY_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


@dataclass(slots=True)
class PendingQuery:
    """A query to the bot.

    `results` are the checked results of an answered inline query, by id. `message` is the one that opened
    a guest query.
    """

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
        """Open a callback query: a user pressed a callback button."""
        query = self._open_query(person, data, CALLBACK_LIFETIME_SECONDS)
        if message.inline_id is not None:
            source: Json = {"inline_message_id": message.inline_id}
        else:
            source = {"message": self._telegram.bot_view(message)}
        callback = {
            "id": query.id,
            "from": telegram_objects.user(person),
            "chat_instance": str(-message.chat_id),
            "data": data,
        }
        self._telegram.push("callback_query", callback | source)
        return query

    def type(self, person: User, text: str, offset: str, chat_type: str) -> PendingQuery:
        """Open an inline query: a user typed `@bot text` in a chat."""
        query = self._open_query(person, text[:MAX_INLINE_QUERY_CHARS], INLINE_LIFETIME_SECONDS)
        self._telegram.push(
            "inline_query",
            {
                "id": query.id,
                "from": telegram_objects.user(person),
                "query": query.text,
                "offset": offset,
                "chat_type": chat_type,
            },
        )
        return query

    def call_in(self, message: Message) -> PendingQuery:
        """Open a guest query: a message mentions the bot in a chat that it is not a member of."""
        query = self._open_query(message.sender, message.formatted.text, GUEST_LIFETIME_SECONDS)
        query.message = message
        self._telegram.push("guest_message", self._telegram.bot_view(message) | {"guest_query_id": query.id})
        return query

    def expire(self) -> None:
        """Make every open query too old."""
        for query in self._open.values():
            query.expires = 0.0

    def find(self, query_id: str) -> PendingQuery:
        if query_id not in self._open:
            raise bad_request(_QUERY_TOO_OLD)
        return self._open[query_id]

    def answer_callback(self, query_id: str, answer: Json) -> None:
        validation.callback_answer(answer.get("text", ""))
        self._close(query_id)
        self._telegram.events.add({"kind": "callback_answer", "query_id": query_id, **answer})

    def answer_inline(
        self, query_id: str, results: list[Json], next_offset: str, button: Json | None
    ) -> None:
        validation.inline_answer(results, next_offset)
        checked = {result["id"]: _check_result(result) for result in results}
        query = self._close(query_id)
        query.results = checked
        answer = {"results": results, "next_offset": next_offset, "button": button}
        self._telegram.events.add({"kind": "inline_answer", "query_id": query_id, **answer})

    def answer_guest(self, query_id: str, result: Json) -> str:
        """Post the answer as a reply to the calling message and return its inline message id."""
        call = self.find(query_id).message
        if call is None:
            raise bad_request(_QUERY_TOO_OLD)
        validation.inline_answer([result], "")
        checked = _check_result(result)
        self._close(query_id)
        inline_id = self._telegram.new_inline_id()
        self._telegram.post(
            self._telegram.chat(call.chat_id),
            self._telegram.bot,
            formatted=checked["formatted"],
            file=self._telegram.files.get(file_id(checked)),
            keyboard=checked["keyboard"],
            inline_id=inline_id,
            reply_to=call.id,
            thread_id=call.thread_id,
            guest_caller=call.sender,
        )
        return inline_id

    def _open_query(self, person: User, text: str, seconds: float) -> PendingQuery:
        if len(self._open) >= _MAX_OPEN_QUERIES:
            del self._open[next(iter(self._open))]
        query = PendingQuery(
            str(7_000_000_000_000 + self._telegram.next_number()), person, text, time.monotonic() + seconds
        )
        self._open[query.id] = query
        return query

    def _close(self, query_id: str) -> PendingQuery:
        """Mark a query as answered. Raise ApiError if it is unknown, answered or too old."""
        query = self.find(query_id)
        if query.is_answered or query.expires < time.monotonic():
            raise bad_request(_QUERY_TOO_OLD)
        query.is_answered = True
        return query


def file_id(result: Json) -> str:
    """Return the id of the file that a result sends, or an empty string."""
    return str(result.get("document_file_id") or result.get("photo_file_id") or "")


def _check_result(result: Json) -> Json:
    """Return the result with its checked `formatted` text and `keyboard`, ready to be sent."""
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
        formatted = validation.text(
            telegram_objects.read_text(content["message_text"], content.get("entities"))
        )
    elif "caption" in result:
        formatted = validation.caption(
            telegram_objects.read_text(result["caption"], result.get("caption_entities"))
        )
    return {**result, "formatted": formatted, "keyboard": keyboard}
