"""A client of the control API, so that a test reads like a conversation.

    async with Sandbox.start() as sandbox:
        chat = await sandbox.private_chat("Ada")
        question = await chat.send("How many?")
        reply = await chat.next_message()
        answer = await reply.press("Next")
        edited = await chat.next_message(kinds=["edited_message"])

`Sandbox.start()` runs `python -m sandbox` and stops it at the end. `Sandbox.at(url)` uses a running one.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from sandbox.state import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from sandbox.telegram_objects import Json

_READY_PREFIX = "sandbox ready: "
_TIMEOUT_SECONDS = 30.0
_START_TIMEOUT_SECONDS = 20.0
# Longer than the longest wait that the control API allows.
_REQUEST_TIMEOUT_SECONDS = 70.0


class ControlError(Exception):
    """The sandbox rejected an action, or did not start."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox. `url` has no trailing slash and can be used as TELEGRAM_API_URL."""

    url: str
    token: str
    http: httpx.AsyncClient

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls, *, token: str = TOKEN, arguments: Sequence[str] = ("--empty",)
    ) -> AsyncIterator[Sandbox]:
        command = [sys.executable, "-m", "sandbox", "--token", token, *arguments]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            if process.stdout is None:
                raise ControlError("the sandbox has no standard output")
            line = (await asyncio.wait_for(process.stdout.readline(), _START_TIMEOUT_SECONDS)).decode()
            if not line.startswith(_READY_PREFIX):
                raise ControlError(f"the sandbox did not start: {line!r}")
            async with cls.at(line.removeprefix(_READY_PREFIX).strip(), token=token) as sandbox:
                yield sandbox
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, url: str, *, token: str = TOKEN) -> AsyncIterator[Sandbox]:
        # The sandbox closes connections that were idle for five seconds.
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=2)
        async with httpx.AsyncClient(
            timeout=_REQUEST_TIMEOUT_SECONDS, trust_env=False, limits=limits
        ) as http:
            yield cls(url.rstrip("/"), token, http)

    async def control(self, action: str, **body: Any) -> Json:
        """Run an action of sandbox.control_api and return its response."""
        response = await self.http.post(f"{self.url}/control/{action}", json=body)
        answer: Json = response.json()
        if response.is_error:
            raise ControlError(answer.get("error", response.text))
        return answer

    async def state(self) -> Json:
        return await self.control("state")

    async def user(
        self, first_name: str, *, language_code: str | None = "en", username: str | None = None
    ) -> Json:
        return await self.control(
            "user", first_name=first_name, language_code=language_code, username=username
        )

    async def private_chat(
        self, user: str = "Ada", *, language_code: str | None = "en", username: str | None = None
    ) -> ChatClient:
        """Add a user and return their private chat with the bot, not started yet."""
        created = await self.user(user, language_code=language_code, username=username)
        return ChatClient(self, created["id"], created["id"], await self._last_event())

    async def group(
        self, title: str = "Group", *, users: Sequence[str] = ("Ada", "Omar"), **fields: Any
    ) -> ChatClient:
        """Create a group of new users and the bot. `fields`: type, is_forum, username, bot."""
        members = [(await self.user(name))["id"] for name in users]
        chat = await self.control("group", title=title, members=members, **fields)
        return ChatClient(self, chat["id"], members[0], await self._last_event(), members=tuple(members))

    async def settings(self, **fields: bool) -> None:
        """Change settings: privacy, inline, inline_feedback, guests, flood, holds_repeats."""
        await self.control("settings", **fields)

    async def fault(self, method: str, **fields: Any) -> None:
        """Add a fault. `fields` are those of sandbox.fault_injection.Fault."""
        await self.control("fault", method=method, **fields)

    async def calls(self, method: str | None = None, *, after: int = 0, timeout: float = 0) -> list[Json]:  # noqa: ASYNC109 - the server waits
        """Return the bot's calls, oldest first. With a timeout, wait for the first."""
        answer = await self.control("calls", method=method, after=after, timeout=timeout)
        return list(answer["calls"])

    async def violations(self) -> list[Json]:
        return list((await self.control("violations"))["violations"])

    async def unconfirmed(self) -> list[Json]:
        """Return the updates that the bot has not confirmed."""
        return list((await self.control("updates"))["updates"])

    async def connected(self, *, timeout: float = _TIMEOUT_SECONDS) -> None:  # noqa: ASYNC109 - polled
        """Wait until a bot polls or sets a webhook."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not (await self.state())["is_connected"]:
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError("no bot has connected to the sandbox")
            await asyncio.sleep(0.05)

    async def _last_event(self) -> int:
        return int((await self.state())["last_event"])


@dataclass(slots=True)
class ChatClient:
    """A chat as one of its members sees it. `seen` is the number of the last event read."""

    sandbox: Sandbox
    id: int
    user_id: int
    seen: int
    members: tuple[int, ...] = field(default=())

    def speaking_as(self, user_id: int) -> ChatClient:
        return ChatClient(self.sandbox, self.id, user_id, self.seen, self.members)

    async def send(self, text: str = "", **fields: Any) -> MessageClient:
        """Send a message. `fields` are those of the `send` action: reply_to (an id), attachment, ..."""
        sent = await self.sandbox.control(
            "send", chat_id=self.id, **{"from": self.user_id}, text=text, **fields
        )
        return MessageClient(self, sent)

    async def send_document(
        self, name: str, content: bytes, *, caption: str = "", mime: str = "text/plain"
    ) -> MessageClient:
        file = {"name": name, "mime": mime, "base64": base64.b64encode(content).decode()}
        return await self.send(caption, document=file)

    async def next_message(
        self,
        *,
        timeout: float = _TIMEOUT_SECONDS,  # noqa: ASYNC109 - the server waits
        kinds: Sequence[str] = ("message",),
        from_bot: bool = True,
    ) -> MessageClient:
        """Wait for the bot's next unread message, or for its next edit with kinds=["edited_message"].

        Without `from_bot`, messages of users count as well. Raises TimeoutError.
        """
        deadline = asyncio.get_running_loop().time() + timeout
        while (seconds_left := deadline - asyncio.get_running_loop().time()) > 0:
            event = await self.next_event(timeout=seconds_left, kinds=kinds)
            message = event["message"]
            if not from_bot or message["from"]["is_bot"]:
                return MessageClient(self, message)
        raise TimeoutError(f"no message from the bot in chat {self.id} within {timeout} s")

    async def next_event(self, *, timeout: float = _TIMEOUT_SECONDS, kinds: Sequence[str] = ()) -> Json:  # noqa: ASYNC109 - the server waits
        """Wait for the next event in this chat: message, edited_message, deleted or action."""
        answer = await self.sandbox.control(
            "events", chat_id=self.id, kinds=list(kinds), after=self.seen, timeout=timeout
        )
        if not answer["events"]:
            raise TimeoutError(f"no {' or '.join(kinds) or 'event'} in chat {self.id} within {timeout} s")
        event: Json = answer["events"][0]
        self.seen = event["seq"]
        return event

    async def is_quiet(self, *, seconds: float = 0.5) -> bool:
        """Return whether the bot sends nothing for this long."""
        try:
            await self.next_message(timeout=seconds)
        except TimeoutError:
            return True
        return False

    async def messages(self) -> list[MessageClient]:
        answer = await self.sandbox.control("messages", chat_id=self.id)
        return [MessageClient(self, message) for message in answer["messages"]]

    async def inline(self, query: str, *, offset: str = "", timeout: float = _TIMEOUT_SECONDS) -> Json:  # noqa: ASYNC109 - the server waits
        """Type `@bot query` and return {"query_id", "answer": {results, next_offset, button} or None}."""
        return await self.sandbox.control(
            "inline",
            chat_id=self.id,
            query=query,
            offset=offset,
            timeout=timeout,
            **{"from": self.user_id},
        )

    async def pick(self, query_id: str, result_id: str) -> MessageClient:
        picked = await self.sandbox.control("pick", chat_id=self.id, query_id=query_id, result_id=result_id)
        return MessageClient(self, picked)

    async def call_in(self, text: str, **fields: Any) -> MessageClient:
        """Mention the bot in a chat that it is not a member of. It may answer once.

        `fields`: reply_to, quote, thread_id.
        """
        answer = await self.sandbox.control(
            "guest", chat_id=self.id, text=text, **fields, **{"from": self.user_id}
        )
        return MessageClient(self, answer["message"])

    async def block(self, *, is_blocked: bool = True) -> None:
        await self.sandbox.control("block", is_blocked=is_blocked, **{"from": self.user_id})


@dataclass(frozen=True, slots=True)
class MessageClient:
    """A message. `raw` is the Bot API object."""

    chat: ChatClient
    raw: Json

    @property
    def id(self) -> int:
        return int(self.raw["message_id"])

    @property
    def text(self) -> str:
        return str(self.raw.get("text") or self.raw.get("caption") or "")

    @property
    def entities(self) -> list[Json]:
        return list(self.raw.get("entities") or self.raw.get("caption_entities") or [])

    @property
    def buttons(self) -> list[Json]:
        rows = self.raw.get("reply_markup", {}).get("inline_keyboard", [])
        return [button for row in rows for button in row]

    def entity_texts(self, kind: str) -> list[str]:
        """Return the text of each entity of a type."""
        data = self.text.encode("utf-16-le")
        return [
            data[entity["offset"] * 2 : (entity["offset"] + entity["length"]) * 2].decode("utf-16-le")
            for entity in self.entities
            if entity["type"] == kind
        ]

    async def reply(self, text: str, **fields: Any) -> MessageClient:
        return await self.chat.send(text, reply_to=self.id, **fields)

    async def edit(self, text: str) -> MessageClient:
        edited = await self.chat.sandbox.control("edit", chat_id=self.chat.id, message_id=self.id, text=text)
        return MessageClient(self.chat, edited)

    async def delete(self) -> None:
        await self.chat.sandbox.control("delete", chat_id=self.chat.id, message_id=self.id)

    async def forward(self, to: ChatClient) -> MessageClient:
        sent = await self.chat.sandbox.control(
            "forward", chat_id=self.chat.id, message_id=self.id, to=to.id, **{"from": to.user_id}
        )
        return MessageClient(to, sent)

    async def press(self, label: str, *, timeout: float = _TIMEOUT_SECONDS) -> Json | None:  # noqa: ASYNC109 - the server waits
        """Press the callback button whose text contains `label`. Return the bot's answer, or None if late."""
        for button in self.buttons:
            if label in button["text"] and "callback_data" in button:
                return await self.press_data(button["callback_data"], timeout=timeout)
        raise ControlError(f"no callback button {label!r} in {[button['text'] for button in self.buttons]}")

    async def press_data(
        self,
        data: str,
        *,
        timeout: float = _TIMEOUT_SECONDS,  # noqa: ASYNC109 - the server waits
        user_id: int | None = None,
    ) -> Json | None:
        """Press a callback button with this data, whether or not the message has such a button."""
        response = await self.chat.sandbox.control(
            "press",
            chat_id=self.chat.id,
            message_id=self.id,
            data=data,
            timeout=timeout,
            **{"from": user_id or self.chat.user_id},
        )
        answer: Json | None = response["answer"]
        return answer
