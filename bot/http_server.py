"""HTTP server: health, readiness, metrics and the webhook."""

import asyncio
import contextlib
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

from bot.ops.metrics import Metrics
from bot.telegram.webhook import Inbox
from config.settings import ConfigError

_log = logging.getLogger(__name__)


# A long poll takes up to 50 s; a webhook is looked after every minute.
_SILENCE = 180.0


async def _always() -> bool:
    return True


class Health:
    """`is_ready` once the documents are read and Telegram knows where we are."""

    def __init__(self) -> None:
        self.is_ready = False
        self._searches: Callable[[], Awaitable[bool]] = _always
        self._heard_at = time.monotonic()

    def watch_search(self, searches: Callable[[], Awaitable[bool]]) -> None:
        """Take what tells whether the documents can be searched now."""
        self._searches = searches

    async def can_search(self) -> bool:
        return await self._searches()

    def heard(self) -> None:
        """Telegram has answered, or has sent an update."""
        self._heard_at = time.monotonic()

    @property
    def silence(self) -> float:
        """Seconds since we heard of Telegram, or started."""
        return time.monotonic() - self._heard_at

    @property
    def is_alive(self) -> bool:
        return self.silence < _SILENCE


_SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105  # the header's name
# The longest message with all its entities stays far under this.
_LARGEST_BODY = 1024 * 1024
_BODY_PATIENCE = 10.0
_CONNECTIONS = 512
# Beyond these, those who ask nothing give way.
_AT_REST = 400
_STOPPING = 8
_FIGURES = "text/plain; version=0.0.4; charset=utf-8"

Page = Callable[[Request], Awaitable[Response]]


def build_pages(health: Health, metrics: Metrics, inbox: Inbox | None) -> Starlette:
    """Put the pages together; with an inbox there is a webhook too."""

    async def alive(_: Request) -> Response:
        if health.is_alive:
            return PlainTextResponse("alive")
        return PlainTextResponse(f"nothing heard of Telegram for {health.silence:.0f} s", 503)

    async def ready(_: Request) -> Response:
        if not health.is_ready:
            return PlainTextResponse("not ready", 503)
        if not await health.can_search():
            return PlainTextResponse("the documents cannot be reached", 503)
        return PlainTextResponse("ready")

    async def figures(_: Request) -> Response:
        return Response(metrics.page(), media_type=_FIGURES)

    routes = [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", figures)]
    if inbox is not None:
        door = _door(inbox, health)
        routes.append(Route(inbox.path, door, methods=["POST"], max_body_size=_LARGEST_BODY))
    return Starlette(routes=routes)


def _door(inbox: Inbox, health: Health) -> Page:
    async def door(request: Request) -> Response:
        # Before a byte of the body is read.
        if not inbox.knows(request.headers.get(_SECRET_HEADER, "")):
            return PlainTextResponse("the secret is missing or wrong", 401)
        try:
            async with asyncio.timeout(_BODY_PATIENCE):
                received = json.loads(await request.body())
        except (TimeoutError, ClientDisconnect):
            return PlainTextResponse("the update did not arrive", 408)
        except (ValueError, RecursionError):
            return PlainTextResponse("the body is no JSON", 400)
        if not isinstance(received, dict) or type(received.get("update_id")) is not int:
            return PlainTextResponse("the body is no update", 400)
        health.heard()
        if await inbox.accept(received):
            return Response()
        return PlainTextResponse("not now; bring it again", 503, {"Retry-After": "1"})

    return door


class _Connection(H11Protocol):
    """A connection that gives way to a new one, when there are many and it has asked nothing for longest."""

    opened = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.opened = time.monotonic()
        others = [one for one in self.connections if isinstance(one, _Connection) and one is not self]
        still_open = [one for one in others if not one.transport.is_closing()]
        if len(still_open) >= _AT_REST:
            at_rest = (one for one in still_open if one.cycle is None or one.cycle.response_complete)
            if oldest := min(at_rest, key=lambda one: one.opened, default=None):
                oldest.transport.abort()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals are ours: first the answers are finished, then the pages.
        yield


@contextlib.asynccontextmanager
async def serving(pages: Starlette, port: int) -> AsyncIterator[None]:
    """Serve the pages on all addresses of the machine; raises ConfigError when the port cannot be had."""
    listener = _listen(port)
    config = uvicorn.Config(
        pages,
        http=_Connection,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_STOPPING,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _listen(port: int) -> socket.socket:
    # asyncio sends small answers at once only on sockets that name their protocol.
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("", port))
        listener.listen(_CONNECTIONS)
    except OSError as error:
        listener.close()
        raise ConfigError(f"PORT={port}: cannot be listened on ({error.strerror}); choose another") from None
    return listener
