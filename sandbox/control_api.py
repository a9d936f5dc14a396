"""The control API: actions of users and testers, as JSON over HTTP.

`POST /control/<action>` with a JSON object. The response is a JSON object, or `{"error": "..."}` with a 4xx.

Users and chats
    state {}                                  the bot, users, chats, settings, whether the bot is connected
    user {first_name, last_name?, username?, language_code?}
    group {title, members: [user id], type?: group | supergroup, is_forum?, username?, bot?: bool}
    topic {chat_id, from, name} / topic_closed {chat_id, topic, is_closed}
    migrate {chat_id, from}                   the group becomes a supergroup
    bot_member {chat_id, from, is_member}     add the bot to a group, or remove it
    block {from, is_blocked}
    settings {privacy?, inline?, inline_feedback?, guests?, flood?, holds_repeats?}

Messages
    send {chat_id, from, text?, entities?, reply_to?, quote?, thread_id?, media_group_id?, sticker?: emoji,
          document? | photo?: {name, mime?, base64}, attachment?: voice | audio | video | video_note |
          animation | poll | contact | location | dice}
    edit {chat_id, message_id, text, entities?}
    forward {chat_id, message_id, to, from}
    delete {chat_id, message_id}
    messages {chat_id, after?}
    press {chat_id, message_id, from, data, timeout?}      returns the bot's answer, or `answer: null`
    inline {from, query, offset?, chat_id, timeout?}       the same
    pick {query_id, result_id, chat_id, thread_id?}        send an inline result
    guest {chat_id, from, text, reply_to?, quote?, thread_id?}   mention the bot where it is not a member
    expire {}                                 make every open query too old
    commands {chat_id, language_code?}        what a user sees after typing `/`, and the bot's descriptions

Observation
    events {after?, timeout?, kinds?, chat_id?}   waits for events; kinds: message, edited_message, deleted,
                                              action, callback_answer, inline_answer, chat, commands
    calls {after?, timeout?, method?}         the bot's calls: method, params, files, response, at, seconds
    violations {}                             calls with unknown parameters or methods
    updates {}                                updates that the bot has not confirmed

Faults (see fault_injection.Fault)
    fault {method, kind?, status?, description?, retry_after?, migrate_to?, chat_id?, seconds?, is_applied?,
           times?, skip?}                     method "webhook": delivery of an update to the bot
    faults {clear?}                           the faults still pending
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from sandbox import attachments, bot_messages, telegram_objects, user_actions
from sandbox.api_methods import SentFile
from sandbox.fault_injection import Fault
from sandbox.telegram_objects import ApiError, Chat, ChatType, Json, Message, TelegramFile, User, bad_request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandbox.pending_queries import PendingQueries
    from sandbox.state import TelegramState

_MAX_WAIT_SECONDS = 60.0


class ControlApi:
    """Every `do_*` method is an action: it takes the request body and returns the response body."""

    def __init__(self, telegram: TelegramState, queries: PendingQueries) -> None:
        self._telegram = telegram
        self._queries = queries

    async def call(self, action: str, body: Json) -> Json:
        if not isinstance(body, dict):
            raise bad_request("the body must be a JSON object")
        handler: Callable[[Json], Awaitable[Json]] | None = getattr(self, f"do_{action}", None)
        if handler is None:
            raise ApiError(404, f"no such action: {action}")
        try:
            return await handler(body)
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise bad_request(f"{action}: {type(error).__name__}: {error}") from error

    # Users and chats

    async def do_state(self, _: Json) -> Json:
        telegram = self._telegram
        return {
            "bot": telegram_objects.user(telegram.bot),
            "token": telegram.token,
            "is_connected": telegram.is_connected(),
            "settings": {
                **asdict(telegram.settings),
                "flood": telegram.flood.is_on,
                "holds_repeats": telegram.updates.holds_repeats,
            },
            "users": [telegram_objects.user(user) for user in telegram.users.values() if not user.is_bot],
            "chats": [telegram.chat_view(chat) for chat in telegram.chats.values()],
            "last_event": telegram.events.last,
            "last_call": telegram.calls.last,
        }

    async def do_user(self, body: Json) -> Json:
        optional = ("last_name", "username", "language_code")
        user = self._telegram.add_user(body["first_name"], **{name: body.get(name) for name in optional})
        return telegram_objects.user(user)

    async def do_group(self, body: Json) -> Json:
        members = {self._telegram.user(user_id).id for user_id in body["members"]}
        kind: ChatType = "supergroup" if body.get("is_forum") else body.get("type", "group")
        if kind not in {"group", "supergroup"} or not members:
            raise bad_request("expected a group or supergroup with at least one member")
        chat = self._telegram.add_group(body["title"], members, kind, is_forum=bool(body.get("is_forum")))
        chat.username = body.get("username")
        chat.owner = body["members"][0]
        if body.get("bot", True):
            user_actions.add_bot(self._telegram, chat, self._telegram.user(body["members"][0]))
        return self._telegram.chat_view(chat)

    async def do_topic(self, body: Json) -> Json:
        topic = user_actions.open_topic(self._telegram, self._chat(body), self._person(body), body["name"])
        return asdict(topic)

    async def do_topic_closed(self, body: Json) -> Json:
        user_actions.set_topic_closed(self._chat(body), body["topic"], is_closed=body["is_closed"])
        return {}

    async def do_migrate(self, body: Json) -> Json:
        upgraded = user_actions.migrate(self._telegram, self._chat(body), self._person(body))
        return self._telegram.chat_view(upgraded)

    async def do_bot_member(self, body: Json) -> Json:
        change = user_actions.add_bot if body["is_member"] else user_actions.remove_bot
        change(self._telegram, self._chat(body), self._person(body))
        return {}

    async def do_block(self, body: Json) -> Json:
        user_actions.block(self._telegram, self._person(body), is_blocked=body["is_blocked"])
        return {}

    async def do_settings(self, body: Json) -> Json:
        telegram = self._telegram
        for name in ("privacy", "inline", "inline_feedback", "guests"):
            if name in body:
                setattr(telegram.settings, name, bool(body[name]))
        telegram.flood.is_on = bool(body.get("flood", telegram.flood.is_on))
        telegram.updates.holds_repeats = bool(body.get("holds_repeats", telegram.updates.holds_repeats))
        return {}

    # Messages

    async def do_send(self, body: Json) -> Json:
        message = user_actions.write(
            self._telegram,
            self._chat(body),
            self._person(body),
            telegram_objects.read_text(body.get("text") or "", body.get("entities")),
            file=self._file(body),
            attachment=self._attachment(body),
            reply_to=body.get("reply_to"),
            quote=body.get("quote"),
            media_group_id=body.get("media_group_id"),
            **({"thread_id": body["thread_id"]} if body.get("thread_id") else {}),
        )
        return self._telegram.person_view(message)

    async def do_edit(self, body: Json) -> Json:
        formatted = telegram_objects.read_text(body["text"], body.get("entities"))
        return self._telegram.person_view(user_actions.edit(self._telegram, self._message(body), formatted))

    async def do_forward(self, body: Json) -> Json:
        to = self._telegram.chat(body["to"])
        message = user_actions.forward(self._telegram, self._message(body), to, self._person(body))
        return self._telegram.person_view(message)

    async def do_delete(self, body: Json) -> Json:
        self._telegram.remove(self._message(body))
        return {}

    async def do_messages(self, body: Json) -> Json:
        messages = self._chat(body).messages.values()
        after = body.get("after", 0)
        views = [self._telegram.person_view(message) for message in messages if message.id > after]
        return {"messages": views}

    async def do_press(self, body: Json) -> Json:
        message, person = self._message(body), self._person(body)
        last_event = self._telegram.events.last
        # The data need not be a button's: a modified client can send anything.
        query = self._queries.press(message, person, str(body["data"]))
        return await self._wait_for_answer(query.id, "callback_answer", last_event, body)

    async def do_inline(self, body: Json) -> Json:
        chat = self._chat(body)
        if not self._telegram.settings.inline:
            raise bad_request("the bot's inline mode is off")
        kind = "sender" if chat.type == "private" else chat.type
        last_event = self._telegram.events.last
        query = self._queries.type(self._person(body), body["query"], body.get("offset", ""), kind)
        return await self._wait_for_answer(query.id, "inline_answer", last_event, body)

    async def do_pick(self, body: Json) -> Json:
        query = self._queries.find(body["query_id"])
        message = user_actions.pick(
            self._telegram, query, body["result_id"], self._chat(body), body.get("thread_id")
        )
        return self._telegram.person_view(message)

    async def do_guest(self, body: Json) -> Json:
        query = user_actions.call_in(
            self._telegram,
            self._queries,
            self._chat(body),
            self._person(body),
            telegram_objects.read_text(body["text"], body.get("entities")),
            **{name: body[name] for name in ("reply_to", "quote", "thread_id") if body.get(name)},
        )
        message = self._telegram.person_view(query.message) if query.message else {}
        return {"query_id": query.id, "message": message}

    async def do_expire(self, _: Json) -> Json:
        self._queries.expire()
        return {}

    async def do_commands(self, body: Json) -> Json:
        profile, language = self._telegram.profile, body.get("language_code") or ""
        return {
            "commands": profile.visible_commands(self._chat(body), language),
            "description": profile.text("description", language),
            "short_description": profile.text("short_description", language),
        }

    # Observation

    async def do_events(self, body: Json) -> Json:
        kinds, chat_id = body.get("kinds"), body.get("chat_id")

        def is_wanted(event: Json) -> bool:
            return (not kinds or event["kind"] in kinds) and chat_id in {None, event.get("chat_id")}

        after = body.get("after", self._telegram.events.last)
        events = await self._telegram.events.wait(after, _wait_seconds(body), is_wanted)
        return {
            "events": [{"seq": event.seq, **event.value} for event in events],
            "last": events[-1].seq if events else after,
            "is_connected": self._telegram.is_connected(),
        }

    async def do_calls(self, body: Json) -> Json:
        method = body.get("method")
        calls = await self._telegram.calls.wait(
            body.get("after", 0), _wait_seconds(body), lambda call: method in {None, call["method"]}
        )
        return {"calls": [{"seq": call.seq, **call.value} for call in calls]}

    async def do_violations(self, _: Json) -> Json:
        return {"violations": [event.value for event in self._telegram.violations.after(0)]}

    async def do_updates(self, _: Json) -> Json:
        return {"updates": list(self._telegram.updates.pending.values())}

    # Faults

    async def do_fault(self, body: Json) -> Json:
        known = {field.name for field in fields(Fault)}
        if unknown := body.keys() - known:
            raise bad_request(f"unknown fields of a fault: {', '.join(sorted(unknown))}")
        self._telegram.faults.add(Fault(**body))
        return {}

    async def do_faults(self, body: Json) -> Json:
        if body.get("clear"):
            self._telegram.faults.clear()
        return {"faults": [asdict(fault) for fault in self._telegram.faults.pending]}

    def _chat(self, body: Json) -> Chat:
        return self._telegram.chat(body["chat_id"])

    def _person(self, body: Json) -> User:
        return self._telegram.user(body["from"])

    def _message(self, body: Json) -> Message:
        return self._telegram.message(self._chat(body), body["message_id"], "find")

    def _file(self, body: Json) -> TelegramFile | None:
        if emoji := body.get("sticker"):
            return self._telegram.add_file(
                lambda file_id: TelegramFile(file_id, "sticker", emoji, "image/webp", b"sticker")
            )
        for kind in ("document", "photo"):
            if file := body.get(kind):
                content = base64.b64decode(file["base64"], validate=True)
                upload = SentFile(file["name"], file.get("mime", "application/octet-stream"), content)
                return bot_messages.add_upload(self._telegram, upload, kind)
        return None

    def _attachment(self, body: Json) -> Json | None:
        if not (kind := body.get("attachment")):
            return None
        return attachments.build(kind, self._telegram.next_number(), has_caption=bool(body.get("text")))

    async def _wait_for_answer(self, query_id: str, kind: str, last_event: int, body: Json) -> Json:
        def is_wanted(event: Json) -> bool:
            return bool(event["kind"] == kind and event["query_id"] == query_id)

        events = await self._telegram.events.wait(last_event, _wait_seconds(body), is_wanted)
        return {"query_id": query_id, "answer": events[0].value if events else None}


def _wait_seconds(body: Any) -> float:
    return min(float(body.get("timeout", 0)), _MAX_WAIT_SECONDS)
