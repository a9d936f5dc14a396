"""Actions of users: write, edit, forward, pick an inline result, block or add the bot, open topics."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox import pending_queries, telegram_objects, validation
from sandbox.message_text import utf16_slice
from sandbox.state import now
from sandbox.telegram_objects import Chat, ForumTopic, Json, Message, TextWithEntities, bad_request, forbidden

if TYPE_CHECKING:
    from sandbox.pending_queries import PendingQueries, PendingQuery
    from sandbox.state import TelegramState
    from sandbox.telegram_objects import Quote, TelegramFile, User


def write(  # noqa: PLR0913 - the parts of a message
    telegram: TelegramState,
    chat: Chat,
    person: User,
    formatted: TextWithEntities,
    *,
    file: TelegramFile | None = None,
    attachment: Json | None = None,
    reply_to: int | None = None,
    quote: str | None = None,
    **fields: Any,
) -> Message:
    """Post a user's message, and deliver it to the bot if it may see it."""
    _require_membership(chat, person)
    stored = validation.caption(formatted) if file or attachment else validation.text(formatted)
    if (topic := telegram.topic(chat, fields.get("thread_id"))) and topic.is_closed:
        raise bad_request("TOPIC_CLOSED")
    quoted: Quote | None = None
    if reply_to:
        replied = telegram.message(chat, reply_to, "be replied")
        fields.setdefault("thread_id", replied.thread_id)
        quoted = validation.quote(TextWithEntities(quote), replied.formatted, None) if quote else None
    if chat.type == "private":
        chat.is_started = True
    message = telegram.post(
        chat,
        person,
        formatted=stored,
        file=file,
        attachment=attachment,
        reply_to=reply_to,
        quote=quoted,
        **fields,
    )
    telegram.deliver(message)
    return message


def edit(telegram: TelegramState, message: Message, formatted: TextWithEntities) -> Message:
    has_caption = message.file or message.attachment
    stored = validation.caption(formatted) if has_caption else validation.text(formatted)
    changed = telegram.change(message, formatted=stored, edit_date=now())
    telegram.deliver(changed, "edited_message")
    return changed


def forward(telegram: TelegramState, message: Message, chat: Chat, person: User) -> Message:
    _require_membership(chat, person)
    if chat.type == "private":
        chat.is_started = True
    sent = telegram.post(
        chat,
        person,
        formatted=message.formatted,
        file=message.file,
        attachment=message.attachment,
        via_bot=message.via_bot,
        forward_from=message.forward_from or message.sender,
        forward_date=message.forward_date or message.date,
        keyboard=tuple(
            tuple(button for button in row if "url" in button)
            for row in message.keyboard
            if any("url" in button for button in row)
        ),
    )
    telegram.deliver(sent)
    return sent


def pick(
    telegram: TelegramState, query: PendingQuery, result_id: str, chat: Chat, thread_id: int | None = None
) -> Message:
    """Post the inline result that a user picked, as sent via the bot.

    With `inline_feedback` the bot gets a `chosen_inline_result` update.
    """
    _require_membership(chat, query.user)
    result = (query.results or {}).get(result_id)
    if result is None:
        raise bad_request("RESULT_ID_INVALID")
    if chat.type == "private":
        chat.is_started = True
    keyboard = result["keyboard"]
    file = telegram.files.get(pending_queries.file_id(result))
    inline_id = telegram.new_inline_id() if keyboard else None
    message = telegram.post(
        chat,
        query.user,
        formatted=result["formatted"],
        file=file,
        via_bot=telegram.bot,
        keyboard=keyboard,
        inline_id=inline_id,
        thread_id=thread_id,
    )
    telegram.deliver(message)
    if telegram.settings.inline_feedback:
        chosen: Json = {
            "result_id": result_id,
            "from": telegram_objects.user(query.user),
            "query": query.text,
        }
        telegram.push(
            "chosen_inline_result", chosen | ({"inline_message_id": inline_id} if inline_id else {})
        )
    return message


def call_in(
    telegram: TelegramState,
    open_queries: PendingQueries,
    chat: Chat,
    person: User,
    formatted: TextWithEntities,
    **fields: Any,
) -> PendingQuery:
    """Post a message that mentions the bot in a chat that it is not a member of, and open a guest query."""
    if not telegram.settings.guests:
        raise bad_request("the bot's guest mode is off")
    if chat.bot == "member":
        raise bad_request("the bot is a member of the chat, so it can't be called in as a guest")
    message = write(telegram, chat, person, formatted, **fields)
    if not _mentions(message.formatted, f"@{telegram.bot.username}"):
        telegram.remove(message)
        raise bad_request(f"the message must mention @{telegram.bot.username} to call it in as a guest")
    return open_queries.call_in(message)


def _mentions(formatted: TextWithEntities, name: str) -> bool:
    mentions = (entity for entity in formatted.entities if entity.type == "mention")
    return any(
        utf16_slice(formatted.text, mention.offset, mention.end).lower() == name.lower()
        for mention in mentions
    )


def block(telegram: TelegramState, person: User, *, is_blocked: bool) -> None:
    chat = telegram.chat(person.id)
    telegram.set_bot_membership(chat, "kicked" if is_blocked else "member", person)


def add_bot(telegram: TelegramState, chat: Chat, person: User) -> None:
    """Add the bot to a group, as a user does."""
    if chat.bot == "member":
        return
    telegram.set_bot_membership(chat, "member", person)
    message = telegram.post(chat, person, service={"new_chat_members": [telegram_objects.user(telegram.bot)]})
    telegram.deliver(message)


def remove_bot(telegram: TelegramState, chat: Chat, person: User) -> None:
    if chat.bot != "member":
        return
    telegram.post(chat, person, service={"left_chat_member": telegram_objects.user(telegram.bot)})
    telegram.set_bot_membership(chat, "kicked", person)


def open_topic(telegram: TelegramState, chat: Chat, person: User, name: str) -> ForumTopic:
    service = {"forum_topic_created": {"name": name, "icon_color": 7322096}}
    message = telegram.post(chat, person, service=service, thread_id=chat.last_message_id + 1)
    topic = chat.topics[message.id] = ForumTopic(message.id, name)
    telegram.deliver(message)
    return topic


def set_topic_closed(chat: Chat, topic_id: int, *, is_closed: bool) -> None:
    if topic_id not in chat.topics:
        raise bad_request("message thread not found")
    chat.topics[topic_id] = replace(chat.topics[topic_id], is_closed=is_closed)


def migrate(telegram: TelegramState, chat: Chat, person: User) -> Chat:
    """Upgrade a group to a supergroup: a new chat with a new id. Both get a service message."""
    upgraded = telegram.add_group(chat.title or "", chat.members, "supergroup")
    upgraded.bot, upgraded.owner = chat.bot, chat.owner
    telegram.deliver(telegram.post(chat, person, service={"migrate_to_chat_id": upgraded.id}))
    telegram.deliver(telegram.post(upgraded, person, service={"migrate_from_chat_id": chat.id}))
    chat.migrated_to = upgraded.id
    return upgraded


def _require_membership(chat: Chat, person: User) -> None:
    if person.id not in chat.members:
        raise forbidden("this user is not a member of the chat")
    if chat.type == "private" and chat.bot == "kicked":
        raise forbidden("this user has blocked the bot")
