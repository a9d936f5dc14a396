"""A tester's hands: drives the control interface, so that a test reads like a conversation.

    async with Sandbox.start() as sandbox:
        chat = await sandbox.private_chat("Ada")
        question = await chat.send("How many?")
        reply = await chat.next_message()
        answer = await reply.press("Next")
        edited = await chat.next_message(kinds=["edited_message"])

`Sandbox.start()` runs `python -m sandbox` and ends it; `Sandbox.at(url)` joins one that runs.
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

    from sandbox.model import Json

_READY = "sandbox ready: "
_PATIENCE = 10.0
_STARTING = 20.0


class ControlError(Exception):
    """The sandbox would not: its own words."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A running sandbox; `url` has no slash at its end and is what TELEGRAM_API_URL takes."""

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
                raise ControlError("the sandbox has no output")
            line = (await asyncio.wait_for(process.stdout.readline(), _STARTING)).decode()
            if not line.startswith(_READY):
                raise ControlError(f"the sandbox did not start: {line!r}")
            async with cls.at(line.removeprefix(_READY).strip(), token=token) as sandbox:
                yield sandbox
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, url: str, *, token: str = TOKEN) -> AsyncIterator[Sandbox]:
        async with httpx.AsyncClient(timeout=_PATIENCE * 7, trust_env=False) as http:
            yield cls(url.rstrip("/"), token, http)

    async def control(self, action: str, **body: Any) -> Json:
        """Any action of sandbox.control_api."""
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
        """Open the chat of a new person with the bot; nothing is said yet."""
        person = await self.user(user, language_code=language_code, username=username)
        return ChatClient(self, person["id"], person["id"], await self._last_event())

    async def group(
        self, title: str = "Group", *, users: Sequence[str] = ("Ada", "Omar"), **fields: Any
    ) -> ChatClient:
        """Open a group with new people and the bot; fields: type, is_forum, username, bot."""
        people = [await self.user(name) for name in users]
        members = [one["id"] for one in people]
        chat = await self.control("group", title=title, members=members, **fields)
        return ChatClient(self, chat["id"], members[0], await self._last_event(), members=tuple(members))

    async def settings(self, **fields: bool) -> None:
        """privacy, inline, inline_feedback, guests, flood, holds_repeats."""
        await self.control("settings", **fields)

    async def fault(self, method: str, **fields: Any) -> None:
        """See sandbox.fault_injection.Fault: kind, status, retry_after, times, skip, is_applied ..."""
        await self.control("fault", method=method, **fields)

    async def calls(self, method: str | None = None, *, after: int = 0, timeout: float = 0) -> list[Json]:  # noqa: ASYNC109 - the server waits
        """List what the bot called, oldest first; with a timeout, waits until there is one."""
        answer = await self.control("calls", method=method, after=after, timeout=timeout)
        return list(answer["calls"])

    async def violations(self) -> list[Json]:
        return list((await self.control("violations"))["violations"])

    async def unconfirmed(self) -> list[Json]:
        """List the updates the bot has not confirmed."""
        return list((await self.control("updates"))["updates"])

    async def connected(self, *, timeout: float = _PATIENCE) -> None:  # noqa: ASYNC109 - polled
        """Wait until a bot polls or has set a webhook."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not (await self.state())["is_connected"]:
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError("no bot has connected to the sandbox")
            await asyncio.sleep(0.05)

    async def _last_event(self) -> int:
        return int((await self.state())["last_event"])


@dataclass(slots=True)
class ChatClient:
    """A chat as one person in it sees it. `seen` is how far its events have been read."""

    sandbox: Sandbox
    id: int
    user_id: int
    seen: int
    members: tuple[int, ...] = field(default=())

    def speaking_as(self, user_id: int) -> ChatClient:
        return ChatClient(self.sandbox, self.id, user_id, self.seen, self.members)

    async def send(self, text: str = "", **fields: Any) -> MessageClient:
        """reply_to (id), quote, thread_id, entities, sticker; see sandbox.control_api's `send`."""
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
        timeout: float = _PATIENCE,  # noqa: ASYNC109 - the server waits
        kinds: Sequence[str] = ("message",),
        from_bot: bool = True,
    ) -> MessageClient:
        """Wait for the next message of the bot not read yet, or edit (kinds=["edited_message"])."""
        deadline = asyncio.get_running_loop().time() + timeout
        while (left := deadline - asyncio.get_running_loop().time()) > 0:
            event = await self.next_event(timeout=left, kinds=kinds)
            message = event["message"]
            if not from_bot or message["from"]["is_bot"]:
                return MessageClient(self, message)
        raise TimeoutError(f"nothing from the bot in chat {self.id} within {timeout} s")

    async def next_event(self, *, timeout: float = _PATIENCE, kinds: Sequence[str] = ()) -> Json:  # noqa: ASYNC109 - the server waits
        """Wait for the next event in this chat: message, edited_message, deleted, action."""
        answer = await self.sandbox.control(
            "events", chat_id=self.id, kinds=list(kinds), after=self.seen, timeout=timeout
        )
        if not answer["events"]:
            raise TimeoutError(f"no {' or '.join(kinds) or 'event'} in chat {self.id} within {timeout} s")
        event: Json = answer["events"][0]
        self.seen = event["seq"]
        return event

    async def is_quiet(self, *, seconds: float = 0.5) -> bool:
        """Whether the bot says nothing for so long."""
        try:
            await self.next_message(timeout=seconds)
        except TimeoutError:
            return True
        return False

    async def messages(self) -> list[MessageClient]:
        listed = await self.sandbox.control("messages", chat_id=self.id)
        return [MessageClient(self, one) for one in listed["messages"]]

    async def inline(self, query: str, *, offset: str = "", timeout: float = _PATIENCE) -> Json:  # noqa: ASYNC109 - the server waits
        """Type `@bot query` here: {"query_id", "answer": {results, next_offset, button} or None}."""
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
        """Mention the bot in a chat it is no member of; it may answer once. fields: reply_to, thread_id."""
        called = await self.sandbox.control(
            "guest", chat_id=self.id, text=text, **fields, **{"from": self.user_id}
        )
        return MessageClient(self, called["message"])

    async def block(self, *, is_blocked: bool = True) -> None:
        await self.sandbox.control("block", is_blocked=is_blocked, **{"from": self.user_id})


@dataclass(frozen=True, slots=True)
class MessageClient:
    """A message; `raw` is the Bot API's object."""

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
            data[one["offset"] * 2 : (one["offset"] + one["length"]) * 2].decode("utf-16-le")
            for one in self.entities
            if one["type"] == kind
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

    async def press(self, label: str, *, timeout: float = _PATIENCE) -> Json | None:  # noqa: ASYNC109 - the server waits
        """Press the callback button with this text; the bot's answer, or None if it gave none in time."""
        for button in self.buttons:
            if label in button["text"] and "callback_data" in button:
                return await self.press_data(button["callback_data"], timeout=timeout)
        raise ControlError(f"no callback button {label!r} among {[one['text'] for one in self.buttons]}")

    async def press_data(
        self,
        data: str,
        *,
        timeout: float = _PATIENCE,  # noqa: ASYNC109 - the server waits
        user_id: int | None = None,
    ) -> Json | None:
        """Press with any data, also data no button has."""
        answer = await self.chat.sandbox.control(
            "press",
            chat_id=self.chat.id,
            message_id=self.id,
            data=data,
            timeout=timeout,
            **{"from": user_id or self.chat.user_id},
        )
        found: Json | None = answer["answer"]
        return found
