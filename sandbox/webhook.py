"""Delivers updates to the bot's webhook, in order within a chat, again until it takes them."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx

from sandbox import validation
from sandbox.fault_injection import WEBHOOK

if TYPE_CHECKING:
    from sandbox.fault_injection import Faults
    from sandbox.model import Json
    from sandbox.updates import Updates

_SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 10.0
_PATIENCE = 60.0


class WebhookDelivery:
    """Telegram's side of a webhook. Nothing runs until one is set."""

    def __init__(self, updates: Updates, faults: Faults) -> None:
        self._updates = updates
        self._faults = faults
        self._url = self._secret = ""
        self._connections = 40
        self._error: tuple[int, str] | None = None
        self._task: asyncio.Task[None] | None = None

    def set(self, url: str, secret: str, connections: int) -> None:
        validation.webhook(url, secret)
        connections = min(max(connections, 1), 100)
        if self._task is not None and (url, secret, connections) == self._setting:
            # What is under way there goes on.
            return
        self.delete()
        self._url, self._secret, self._connections = url, secret, connections
        self._updates.has_webhook = True
        self._updates.terminate("terminated by setWebhook request")
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def _setting(self) -> tuple[str, str, int]:
        return self._url, self._secret, self._connections

    def delete(self) -> None:
        self._url = self._secret = ""
        self._error = None
        self._updates.has_webhook = False
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    def info(self) -> Json:
        info: Json = {
            "url": self._url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._updates.pending),
        }
        if self._url:
            info["max_connections"] = self._connections
        if self._error:
            info["last_error_date"], info["last_error_message"] = self._error
        if self._updates.allowed is not None:
            info["allowed_updates"] = self._updates.allowed
        return info

    async def _run(self) -> None:
        busy: dict[object, asyncio.Task[None]] = {}
        # Only loopback is spoken to: no proxy of the environment stands between.
        async with httpx.AsyncClient(timeout=_PATIENCE, trust_env=False) as client:
            try:
                while True:
                    for update in list(self._updates.pending.values()):
                        chat = _chat_of(update)
                        if chat not in busy and len(busy) < self._connections:
                            busy[chat] = asyncio.create_task(self._deliver(client, update))
                    change = asyncio.create_task(self._updates.changed())
                    await asyncio.wait({change, *busy.values()}, return_when=asyncio.FIRST_COMPLETED)
                    change.cancel()
                    busy = {chat: task for chat, task in busy.items() if not task.done()}
            finally:
                for task in busy.values():
                    task.cancel()

    async def _deliver(self, client: httpx.AsyncClient, update: Json) -> None:
        headers = {_SECRET_HEADER: self._secret} if self._secret else {}
        wait = _FIRST_WAIT
        while update["update_id"] in self._updates.pending:
            fault = self._faults.take(WEBHOOK, _chat_of(update))
            try:
                if fault and not fault.is_applied:
                    raise httpx.ConnectError(fault.description)
                response = await client.post(self._url, json=update, headers=headers)
                if fault:
                    raise httpx.ReadError(fault.description)
            except httpx.HTTPError as error:
                self._failed(f"Connection failed: {type(error).__name__}")
            else:
                if response.is_success:
                    self._updates.confirm(update["update_id"])
                    return
                self._failed(
                    f"Wrong response from the webhook: {response.status_code} {response.reason_phrase}"
                )
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _failed(self, message: str) -> None:
        self._error = (int(time.time()), message)


def _chat_of(update: Json) -> object:
    """Name what keeps its order: the chat, or the person where there is none."""
    for kind, value in update.items():
        if kind != "update_id":
            where = value.get("message", value).get("chat") or value.get("from")
            return where["id"] if where else None
    return None
