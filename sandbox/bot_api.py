"""The Bot API: a table of methods and their handlers."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any

from sandbox import api_methods, bot_messages, telegram_objects, validation
from sandbox.api_methods import Params, SentFile
from sandbox.telegram_objects import ApiError, bad_request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.pending_queries import PendingQueries
    from sandbox.state import ProfileField, TelegramState
    from sandbox.telegram_objects import Json
    from sandbox.updates import WebhookDelivery


class BotApi:
    """Answers method calls. Logs every call, and calls that break the published rules as violations."""

    def __init__(self, telegram: TelegramState, queries: PendingQueries, webhook: WebhookDelivery) -> None:
        self._telegram = telegram
        self._queries = queries
        self._webhook = webhook
        self._handlers: dict[str, Callable[[Params], Any]] = {
            "getMe": self._get_me,
            "logOut": lambda _: True,
            "close": lambda _: True,
            "getUpdates": self._get_updates,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": lambda _: webhook.info(),
            "sendMessage": self._bind(bot_messages.send_message),
            "sendDocument": self._bind(bot_messages.send_document),
            "sendPhoto": self._bind(bot_messages.send_photo),
            "copyMessage": self._bind(bot_messages.copy_message),
            "forwardMessage": self._bind(bot_messages.forward_message),
            "sendChatAction": self._bind(bot_messages.send_chat_action),
            "editMessageText": self._bind(bot_messages.edit_message_text),
            "editMessageCaption": self._bind(bot_messages.edit_message_caption),
            "editMessageReplyMarkup": self._bind(bot_messages.edit_message_reply_markup),
            "deleteMessage": self._bind(bot_messages.delete_message),
            "setMessageReaction": self._bind(bot_messages.set_message_reaction),
            "answerCallbackQuery": self._answer_callback_query,
            "answerInlineQuery": self._answer_inline_query,
            "answerGuestQuery": self._answer_guest_query,
            "setMyCommands": self._set_my_commands,
            "getMyCommands": lambda p: telegram.profile.commands(p.get("scope"), p.text("language_code")),
            "deleteMyCommands": self._delete_my_commands,
            "setMyName": self._text_setter("name"),
            "getMyName": self._text_getter("name"),
            "setMyDescription": self._text_setter("description"),
            "getMyDescription": self._text_getter("description"),
            "setMyShortDescription": self._text_setter("short_description"),
            "getMyShortDescription": self._text_getter("short_description"),
            "getChat": self._get_chat,
            "getChatMember": self._get_chat_member,
            "getChatMemberCount": lambda p: len(telegram.reachable_chat(p.get("chat_id")).members) + 1,
            "leaveChat": self._leave_chat,
            "getFile": self._get_file,
        }

    async def call(self, name: str, raw: Mapping[str, Any], uploads: Mapping[str, SentFile]) -> Json:
        """Return the response body: the result, or an error code and a description."""
        started = time.time()
        method = api_methods.METHODS_BY_LOWER_NAME.get(name.lower())
        try:
            result = await self._run(name, method, raw, uploads)
            answer: Json = {"ok": True, "result": result}
        except ApiError as error:
            answer = envelope(error)
        self.record(method or name, raw, uploads, answer, started)
        return answer

    def record(
        self,
        method: str,
        raw: Mapping[str, Any],
        uploads: Mapping[str, SentFile],
        answer: Json,
        started: float,
    ) -> None:
        files = {name: {"name": upload.name, "size": len(upload.content)} for name, upload in uploads.items()}
        entry = {"method": method, "params": dict(raw), "files": files, "response": answer}
        self._telegram.calls.add(entry | {"at": started, "seconds": time.time() - started})

    async def _run(
        self, name: str, method: str | None, raw: Mapping[str, Any], uploads: Mapping[str, SentFile]
    ) -> Any:
        if method is None:
            self._add_violation(name, "the sandbox does not serve this method")
            raise ApiError(404, "Not Found")
        params = Params(method, raw, uploads)
        for unknown in params.unknown:
            self._add_violation(method, f"unknown parameter {unknown}")
        result = self._handlers[method](params)
        return await result if inspect.isawaitable(result) else result

    def _add_violation(self, method: str, problem: str) -> None:
        self._telegram.violations.add({"method": method, "problem": problem})

    def _bind(self, handler: Callable[[TelegramState, Params], Any]) -> Callable[[Params], Any]:
        return lambda params: handler(self._telegram, params)

    def _get_me(self, _: Params) -> Json:
        settings = self._telegram.settings
        return {
            **telegram_objects.user(self._telegram.bot),
            "can_join_groups": True,
            "can_read_all_group_messages": not settings.privacy,
            "supports_inline_queries": settings.inline,
            "supports_guest_queries": settings.guests,
            "can_connect_to_business": False,
            "has_main_web_app": False,
            "has_topics_enabled": False,
            "allows_users_to_create_topics": False,
            "can_manage_bots": False,
            "supports_join_request_queries": False,
        }

    async def _get_updates(self, params: Params) -> list[Json]:
        updates = self._telegram.updates
        updates.allow(params.get("allowed_updates"))
        return await updates.get(
            params.integer("offset"), params.integer("limit", 100), params.integer("timeout")
        )

    def _set_webhook(self, params: Params) -> bool:
        if not params.text("url"):
            return self._delete_webhook(params)
        self._telegram.updates.allow(params.get("allowed_updates"))
        self._webhook.set(
            params.text("url"), params.text("secret_token"), params.integer("max_connections", 40)
        )
        if params.flag("drop_pending_updates"):
            self._telegram.updates.clear()
        return True

    def _delete_webhook(self, params: Params) -> bool:
        self._webhook.delete()
        if params.flag("drop_pending_updates"):
            self._telegram.updates.clear()
        return True

    def _answer_callback_query(self, params: Params) -> bool:
        answer = {
            "text": params.text("text"),
            "show_alert": params.flag("show_alert"),
            "url": params.text("url"),
        }
        self._queries.answer_callback(params.text("callback_query_id"), answer)
        return True

    def _answer_inline_query(self, params: Params) -> bool:
        self._queries.answer_inline(
            params.text("inline_query_id"),
            params.get("results") or [],
            params.text("next_offset"),
            params.get("button"),
        )
        return True

    def _answer_guest_query(self, params: Params) -> Json:
        inline_id = self._queries.answer_guest(params.text("guest_query_id"), params.get("result") or {})
        return {"inline_message_id": inline_id}

    def _set_my_commands(self, params: Params) -> bool:
        self._telegram.profile.set_commands(
            params.get("commands") or [], params.get("scope"), params.text("language_code")
        )
        self._telegram.events.add({"kind": "commands"})
        return True

    def _delete_my_commands(self, params: Params) -> bool:
        self._telegram.profile.delete_commands(params.get("scope"), params.text("language_code"))
        self._telegram.events.add({"kind": "commands"})
        return True

    def _text_setter(self, field: ProfileField) -> Callable[[Params], bool]:
        def set_text(params: Params) -> bool:
            self._telegram.profile.set_text(field, params.text(field), params.text("language_code"))
            self._telegram.events.add({"kind": "commands"})
            return True

        return set_text

    def _text_getter(self, field: ProfileField) -> Callable[[Params], Json]:
        return lambda params: {field: self._telegram.profile.text(field, params.text("language_code"))}

    def _get_chat(self, params: Params) -> Json:
        chat = self._telegram.reachable_chat(params.get("chat_id"))
        gifts = (
            "unlimited_gifts",
            "limited_gifts",
            "unique_gifts",
            "premium_subscription",
            "gifts_from_channels",
        )
        return {
            **telegram_objects.chat(chat, self._telegram.user),
            "accent_color_id": abs(chat.id) % 7,
            "max_reaction_count": 11,
            "accepted_gift_types": dict.fromkeys(gifts, False),
        }

    def _get_chat_member(self, params: Params) -> Json:
        chat = self._telegram.reachable_chat(params.get("chat_id"))
        user = self._telegram.user(params.integer("user_id"))
        if user == self._telegram.bot:
            return telegram_objects.member(user, chat.bot)
        if user.id not in chat.members:
            return telegram_objects.member(user, "left")
        return telegram_objects.member(user, "creator" if user.id == chat.owner else "member")

    def _leave_chat(self, params: Params) -> bool:
        chat = self._telegram.reachable_chat(params.get("chat_id"))
        if chat.type == "private":
            raise bad_request("chat member status can't be changed in private chats")
        self._telegram.set_bot_membership(chat, "left", self._telegram.bot)
        return True

    def _get_file(self, params: Params) -> Json:
        file = self._telegram.files.get(params.text("file_id"))
        if file is None:
            raise bad_request("invalid file_id")
        if len(file.content) > validation.MAX_DOWNLOAD_BYTES:
            raise bad_request("file is too big")
        return telegram_objects.file(file)


def envelope(error: ApiError) -> Json:
    """Return the response body for an error."""
    body: Json = {"ok": False, "error_code": error.code, "description": error.description}
    hints = {"retry_after": error.retry_after, "migrate_to_chat_id": error.migrate_to}
    if parameters := {name: value for name, value in hints.items() if value is not None}:
        body["parameters"] = parameters
    return body
