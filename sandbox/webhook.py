"""Delivery of updates to the bot's webhook: in order within a chat, repeated until accepted."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx

from sandbox import validation
from sandbox.fault_injection import WEBHOOK_METHOD

if TYPE_CHECKING:
    from sandbox.fault_injection import FaultQueue
    from sandbox.telegram_objects import Json
    from sandbox.updates import UpdateQueue

_SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the header's name
_MIN_RETRY_SECONDS = 0.5
_MAX_RETRY_SECONDS = 10.0
_REQUEST_TIMEOUT_SECONDS = 60.0


class WebhookDelivery:
    """Telegram's side of a webhook. Its task runs while a webhook is set."""

    def __init__(self, updates: UpdateQueue, faults: FaultQueue) -> None:
        self._updates = updates
        self._faults = faults
        self._url = self._secret = ""
        self._connections = 40
        self._error: tuple[int, str] | None = None
        self._task: asyncio.Task[None] | None = None

    def set(self, url: str, secret: str, connections: int) -> None:
        validation.webhook(url, secret)
        connections = min(max(connections, 1), 100)
        if self._task is not None and (url, secret, connections) == self._settings:
            # Deliveries under way to the same webhook continue.
            return
        self.delete()
        self._url, self._secret, self._connections = url, secret, connections
        self._updates.has_webhook = True
        self._updates.terminate("terminated by setWebhook request")
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def _settings(self) -> tuple[str, str, int]:
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
        # One delivery at a time for each ordering key.
        running: dict[object, asyncio.Task[None]] = {}
        # Webhooks are local, so the environment's proxies must not be used.
        async with httpx.AsyncClient(timeout=_REQUEST_TIMEOUT_SECONDS, trust_env=False) as client:
            try:
                while True:
                    for update in list(self._updates.pending.values()):
                        key = _ordering_key(update)
                        if key not in running and len(running) < self._connections:
                            running[key] = asyncio.create_task(self._deliver(client, update))
                    change = asyncio.create_task(self._updates.changed())
                    await asyncio.wait({change, *running.values()}, return_when=asyncio.FIRST_COMPLETED)
                    change.cancel()
                    running = {key: task for key, task in running.items() if not task.done()}
            finally:
                for task in running.values():
                    task.cancel()

    async def _deliver(self, client: httpx.AsyncClient, update: Json) -> None:
        headers = {_SECRET_HEADER: self._secret} if self._secret else {}
        retry_seconds = _MIN_RETRY_SECONDS
        while update["update_id"] in self._updates.pending:
            fault = self._faults.take(WEBHOOK_METHOD, _ordering_key(update))
            try:
                if fault and not fault.is_applied:
                    raise httpx.ConnectError(fault.description)
                response = await client.post(self._url, json=update, headers=headers)
                if fault:
                    raise httpx.ReadError(fault.description)
            except httpx.HTTPError as error:
                self._record_error(f"Connection failed: {type(error).__name__}")
            else:
                if response.is_success:
                    self._updates.confirm(update["update_id"])
                    return
                self._record_error(
                    f"Wrong response from the webhook: {response.status_code} {response.reason_phrase}"
                )
            await asyncio.sleep(retry_seconds)
            retry_seconds = min(retry_seconds * 2, _MAX_RETRY_SECONDS)

    def _record_error(self, message: str) -> None:
        self._error = (int(time.time()), message)


def _ordering_key(update: Json) -> object:
    """Return the id of the chat, or of the user if there is none. Updates with one key stay in order."""
    for kind, value in update.items():
        if kind != "update_id":
            source = value.get("message", value).get("chat") or value.get("from")
            return source["id"] if source else None
    return None
