"""HTTP server: health, readiness, metrics and the webhook."""

import asyncio
import contextlib
import errno
import ipaddress
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.monitoring import Metrics
from bot.telegram.webhook import WebhookReceiver
from config import ConfigError

_log = logging.getLogger(__name__)

# A long poll takes up to 50 s, and a webhook is checked every 60 s.
_MAX_SILENCE_SECONDS = 180.0


async def _always_searchable() -> bool:
    return True


class Health:
    """Liveness and readiness of the process.

    `is_ready` is set once the documents are loaded and Telegram sends updates to this process.
    """

    def __init__(self) -> None:
        self.is_ready = False
        self._can_search: Callable[[], Awaitable[bool]] = _always_searchable
        self._last_contact = time.monotonic()

    def watch_search(self, can_search: Callable[[], Awaitable[bool]]) -> None:
        """Set the function that returns whether the documents can be searched now."""
        self._can_search = can_search

    async def can_search(self) -> bool:
        return await self._can_search()

    def note_contact(self) -> None:
        """Note that Telegram has answered a request or sent an update."""
        self._last_contact = time.monotonic()

    @property
    def silence_seconds(self) -> float:
        """Seconds since the last contact with Telegram, or since the start."""
        return time.monotonic() - self._last_contact

    @property
    def is_alive(self) -> bool:
        return self.silence_seconds < _MAX_SILENCE_SECONDS


_SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105  # the header's name
# The longest message with all its entities is far smaller.
_MAX_BODY_BYTES = 1024 * 1024
_BODY_TIMEOUT_SECONDS = 10.0
_MAX_CLIENT_CONNECTIONS = 512
# From this number of open connections on, each new one closes the oldest that is idle.
_IDLE_CLOSING_THRESHOLD_CONNECTIONS = 400
_SHUTDOWN_SECONDS = 8
_METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Endpoint = Callable[[Request], Awaitable[Response]]


def build_web_app(
    health: Health, metrics: Metrics, receiver: WebhookReceiver | None, *, local_pages: bool = False
) -> Starlette:
    """Return the web application; the webhook is part of it if there is a receiver.

    With `local_pages`, all but the webhook is answered only on loopback addresses.
    """

    async def healthz(_: Request) -> Response:
        if health.is_alive:
            return PlainTextResponse("alive")
        return PlainTextResponse(f"no contact with Telegram for {health.silence_seconds:.0f} s", 503)

    async def readyz(_: Request) -> Response:
        if not health.is_ready:
            return PlainTextResponse("not ready", 503)
        if not await health.can_search():
            return PlainTextResponse("the documents cannot be reached", 503)
        return PlainTextResponse("ready")

    async def export_metrics(_: Request) -> Response:
        return Response(metrics.export(), media_type=_METRICS_CONTENT_TYPE)

    pages = {"/healthz": healthz, "/readyz": readyz, "/metrics": export_metrics}
    routes = [Route(path, _local(page) if local_pages else page) for path, page in pages.items()]
    if receiver is not None:
        endpoint = _webhook_endpoint(receiver, health)
        routes.append(Route(receiver.path, endpoint, methods=["POST"], max_body_size=_MAX_BODY_BYTES))
    return Starlette(routes=routes)


def _local(page: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        host, _ = request.scope.get("server") or ("", 0)
        return await page(request) if _is_loopback(host) else PlainTextResponse("Not Found", 404)

    return answer


def _is_loopback(host: str) -> bool:
    """Return whether the own end of a connection is an address of this machine alone."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    # A socket for both protocols shows IPv4 addresses as ::ffff:127.0.0.1.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _webhook_endpoint(receiver: WebhookReceiver, health: Health) -> Endpoint:
    async def receive_update(request: Request) -> Response:
        # Checked before any of the body is read.
        if not receiver.is_secret(request.headers.get(_SECRET_HEADER, "")):
            return PlainTextResponse("the secret is missing or wrong", 401)
        try:
            async with asyncio.timeout(_BODY_TIMEOUT_SECONDS):
                received = json.loads(await request.body())
        except (TimeoutError, ClientDisconnect):
            return PlainTextResponse("the update did not arrive", 408)
        except (ValueError, RecursionError):
            return PlainTextResponse("the body is not JSON", 400)
        if not isinstance(received, dict) or type(received.get("update_id")) is not int:
            return PlainTextResponse("the body is not an update", 400)
        health.note_contact()
        if await receiver.accept(received):
            return Response()
        return PlainTextResponse("not accepted now; send it again", 503, {"Retry-After": "1"})

    return receive_update


class _Connection(H11Protocol):
    """A connection that closes the oldest idle one when there are too many."""

    opened_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.opened_at = time.monotonic()
        others = [other for other in self.connections if isinstance(other, _Connection) and other is not self]
        still_open = [other for other in others if not other.transport.is_closing()]
        if len(still_open) >= _IDLE_CLOSING_THRESHOLD_CONNECTIONS:
            idle = (other for other in still_open if other.cycle is None or other.cycle.response_complete)
            if oldest := min(idle, key=lambda other: other.opened_at, default=None):
                oldest.transport.abort()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The process handles signals itself: it finishes its answers before it stops the server.
        yield


@contextlib.asynccontextmanager
async def serving(app: Starlette, port: int, host: str = "") -> AsyncIterator[None]:
    """Serve the application; raises ConfigError if the port or the address is not usable.

    `host` is an IP address of the machine; empty: all of them.
    """
    listener = _listen(port, host)
    config = uvicorn.Config(
        app,
        http=_Connection,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        limit_concurrency=_MAX_CLIENT_CONNECTIONS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _listen(port: int, host: str) -> socket.socket:
    # asyncio disables Nagle's algorithm only on sockets that name their protocol.
    is_ipv6 = ":" in host if host else socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
        listener.listen(_MAX_CLIENT_CONNECTIONS)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise ConfigError(f"HTTP_HOST={host}: not an address of this machine; choose another") from None
        raise ConfigError(
            f"PORT={port}: cannot listen on this port ({error.strerror}); choose another"
        ) from None
    return listener
