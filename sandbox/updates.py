"""Updates for the bot: their queue with offsets, confirmation, long polling and conflicts (409); its webhook.

A webhook gets them in order within a chat, each repeated until it is accepted.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

import httpx

from sandbox import validation
from sandbox.fault_injection import WEBHOOK_METHOD
from sandbox.telegram_objects import conflict

if TYPE_CHECKING:
    from collections.abc import Collection

    from sandbox.fault_injection import FaultQueue
    from sandbox.telegram_objects import Json

MAX_POLL_SECONDS = 50
_MIN_FIRST_ID = 500_000_000
_NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_REPEAT_HOLD_SECONDS = 3.0
"""A poll that repeats the last offset within this time waits for an update this long."""
_FAST_REPEAT_SECONDS = 0.5
"""A poll that repeats the last offset this soon after its response gets one update only."""
_CONNECTED_SECONDS = 5.0
_OTHER_POLLER = "terminated by other getUpdates request; make sure that only one bot instance is running"
_WEBHOOK_ACTIVE = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


class UpdateQueue:
    """Keeps updates until they are confirmed.

    `holds_repeats` slows down bots that poll in a busy loop, as Telegram does.
    """

    def __init__(self, *, holds_repeats: bool = True, first_id: int | None = None) -> None:
        self.holds_repeats = holds_repeats
        self.has_webhook = False
        self._allowed: frozenset[str] | None = None
        self._pending: dict[int, Json] = {}
        # Random, as after a week without updates, so that bots can distinguish the updates of two runs.
        self._next_id = first_id or random.randrange(_MIN_FIRST_ID, 2 * _MIN_FIRST_ID)  # noqa: S311  # no secret
        self._changed = asyncio.Event()
        self._waiting: asyncio.Future[None] | None = None
        self._last_offset: int | None = None
        self._last_start = self._last_finish = self._last_poll = float("-inf")

    @property
    def pending(self) -> dict[int, Json]:
        return self._pending

    @property
    def allowed(self) -> list[str] | None:
        return None if self._allowed is None else sorted(self._allowed)

    def is_polled(self) -> bool:
        return self._waiting is not None or time.monotonic() - self._last_poll < _CONNECTED_SECONDS

    def allow(self, kinds: Collection[str] | None) -> None:
        """Set the kinds of updates to queue. None keeps the setting; an empty list restores the default."""
        if kinds is not None:
            self._allowed = frozenset(kinds) or None

    def push(self, kind: str, value: Json) -> int | None:
        """Queue an update and return its id, or None if the bot does not want this kind."""
        is_allowed = kind in self._allowed if self._allowed is not None else kind not in _NOT_BY_DEFAULT
        if not is_allowed:
            return None
        update_id = self._next_id
        self._next_id += 1
        self._pending[update_id] = {"update_id": update_id, kind: value}
        self.wake()
        return update_id

    def wake(self) -> None:
        self._changed.set()

    async def changed(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    def confirm(self, update_id: int) -> None:
        self._pending.pop(update_id, None)

    def clear(self) -> None:
        self._pending.clear()

    def terminate(self, reason: str) -> None:
        """End the waiting getUpdates call, if any, with a conflict."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(conflict(reason))

    async def get(self, offset: int, limit: int, timeout: int) -> list[Json]:  # noqa: ASYNC109 - Telegram's term
        """Return the result of getUpdates. Raise ApiError 409 if a webhook is set or another poll starts."""
        self.terminate(_OTHER_POLLER)
        if self.has_webhook:
            raise conflict(_WEBHOOK_ACTIVE)
        self._confirm_below(offset)
        wait_seconds = float(min(max(timeout, 0), MAX_POLL_SECONDS))
        limit = min(max(limit, 1), 100)
        now = time.monotonic()
        if self.holds_repeats and offset == self._last_offset:
            if wait_seconds < _REPEAT_HOLD_SECONDS and now < self._last_start + _REPEAT_HOLD_SECONDS:
                wait_seconds = _REPEAT_HOLD_SECONDS
            if now < self._last_finish + _FAST_REPEAT_SECONDS:
                limit = 1
        self._last_offset, self._last_start = offset, now
        if not self._pending and wait_seconds:
            await self._wait(wait_seconds)
        self._last_finish = self._last_poll = time.monotonic()
        return [self._pending[update_id] for update_id in sorted(self._pending)[:limit]]

    def _confirm_below(self, offset: int) -> None:
        if offset < 0:
            last_ids = sorted(self._pending)[offset:]
            offset = last_ids[0] if last_ids else self._next_id
        for update_id in [pending_id for pending_id in self._pending if pending_id < offset]:
            del self._pending[update_id]

    async def _wait(self, seconds: float) -> None:
        """Wait for an update. Raise ApiError if `terminate` ends this poll."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting = ended
        deadline = time.monotonic() + seconds
        try:
            while not self._pending and (seconds_left := deadline - time.monotonic()) > 0:
                self._changed.clear()
                change = asyncio.ensure_future(self._changed.wait())
                futures: set[asyncio.Future[Any]] = {change, ended}
                await asyncio.wait(futures, timeout=seconds_left, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                if ended.done():
                    ended.result()
        finally:
            if self._waiting is ended:
                self._waiting = None
            ended.cancel()


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
            fault = self._faults.pop_next(WEBHOOK_METHOD, _ordering_key(update))
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
