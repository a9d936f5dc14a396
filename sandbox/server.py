"""The routes: the Bot API, file downloads, the control interface, the page."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sandbox import methods, serializers
from sandbox.bot_api import BotApi, envelope
from sandbox.control_api import ControlApi
from sandbox.errors import ApiError
from sandbox.params import Upload
from sandbox.queries import PendingQueries
from sandbox.validation import UPLOAD_BYTES
from sandbox.webhook import WebhookDelivery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

    from sandbox.fault_injection import Fault
    from sandbox.model import Json
    from sandbox.state import TelegramState

PAGE = Path(__file__).parent / "page"
_PATH = re.compile(r"/bot(?P<token>[^/]*)(?:/test)?/(?P<method>\w+)/?")
_TOKEN = re.compile(r"\d+:[\w-]+")
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def build(telegram: TelegramState) -> Starlette:
    """Build the whole sandbox as one ASGI application."""
    queries = PendingQueries(telegram)
    webhook = WebhookDelivery(telegram.updates, telegram.faults)
    control = ControlApi(telegram, queries)

    async def act(request: Request) -> Response:
        # A page of another site can't send this type without asking first.
        if not request.headers.get("content-type", "").startswith("application/json"):
            return JSONResponse({"error": "the body must be application/json"}, 415)
        try:
            body = json.loads(await request.body() or b"{}")
            return JSONResponse(await control.call(request.path_params["action"], body))
        except (ValueError, ApiError) as error:
            code = error.code if isinstance(error, ApiError) else 400
            return JSONResponse({"error": getattr(error, "description", str(error))}, code)

    async def show_file(request: Request) -> Response:
        file = telegram.files.get(request.path_params["file_id"])
        if file is None:
            return Response("no such file", 404)
        inline = file.kind == "photo"
        headers = {
            "X-Content-Type-Options": "nosniff",
            "Content-Disposition": "inline" if inline else "attachment",
        }
        return Response(
            file.content, media_type=file.mime if inline else "application/octet-stream", headers=headers
        )

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await webhook.stop()

    return Starlette(
        routes=[
            Route("/control/{action}", act, methods=["POST"]),
            Route("/control/file/{file_id}", show_file),
            Route("/file/{rest:path}", Download(telegram)),
            Route("/favicon.ico", lambda _: RedirectResponse("/page/icon.svg")),
            Route("/", index),
            Mount("/page", StaticFiles(directory=PAGE)),
            Mount("/", BotEndpoint(telegram, BotApi(telegram, queries, webhook))),
        ],
        lifespan=lifespan,
    )


async def index(_: Request) -> Response:
    return Response((PAGE / "index.html").read_bytes(), media_type="text/html", headers=_PAGE_HEADERS)


class Download:
    """`/file/bot<token>/<path>`."""

    def __init__(self, telegram: TelegramState) -> None:
        self._telegram = telegram

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token, _, path = scope["path_params"]["rest"].removeprefix("bot").partition("/")
        found = None
        if token == self._telegram.token:
            path = path.removeprefix("test/")
            found = next(
                (one for one in self._telegram.files.values() if serializers.path(one) == path), None
            )
        response = (
            Response(found.content, media_type="application/octet-stream")
            if found
            else JSONResponse(envelope(ApiError(404, "Not Found")), 404)
        )
        await response(scope, receive, send)


class BotEndpoint:
    """`/bot<token>/METHOD` and `/bot<token>/test/METHOD`, with the faults in between."""

    def __init__(self, telegram: TelegramState, api: BotApi) -> None:
        self._telegram = telegram
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            name = self._method(scope["path"])
            raw, uploads = await _parameters(request)
        except ApiError as error:
            await JSONResponse(envelope(error), error.code)(scope, receive, send)
            return
        method = methods.BY_LOWER_NAME.get(name.lower(), name)
        if fault := self._telegram.faults.take(method, raw.get("chat_id")):
            await self._fail(fault, method, raw, uploads, scope, receive, send)
            return
        answer = await _unless_gone(request, self._api.call(name, raw, uploads))
        if answer is not None:
            await JSONResponse(answer, answer.get("error_code", 200))(scope, receive, send)

    def _method(self, path: str) -> str:
        found = _PATH.fullmatch(path)
        if found is None or not _TOKEN.fullmatch(found["token"]):
            raise ApiError(404, "Not Found")
        if found["token"] != self._telegram.token:
            raise ApiError(401, "Unauthorized")
        return found["method"]

    async def _fail(  # noqa: PLR0913, PLR0917 - an ASGI application's three, and the call's three
        self,
        fault: Fault,
        method: str,
        raw: Json,
        uploads: dict[str, Upload],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        started = time.time()
        await asyncio.sleep(fault.seconds)
        if fault.is_applied or fault.kind == "delay":
            answer = await self._api.call(method, raw, uploads)
        else:
            error = ApiError(
                fault.status, fault.description, retry_after=fault.retry_after, migrate_to=fault.migrate_to
            )
            answer = envelope(error)
            self._api.record(method, raw, uploads, answer | {"fault": fault.kind}, started)
        if fault.kind == "drop":
            _close(receive)
        elif fault.kind == "cut":
            body = json.dumps(answer).encode()
            length = str(len(body)).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", length)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            _close(receive)
        elif fault.kind == "garbage":
            page = Response("<html><h1>Bad Gateway</h1>\x00", fault.status, media_type="text/html")
            await page(scope, receive, send)
        elif fault.kind == "error" and fault.is_applied:
            error = ApiError(fault.status, fault.description, retry_after=fault.retry_after)
            await JSONResponse(envelope(error), fault.status)(scope, receive, send)
        else:
            await JSONResponse(answer, answer.get("error_code", 200))(scope, receive, send)


def _close(receive: Receive) -> None:
    """Close the connection under an answer that was not, or not wholly, sent."""
    # ASGI has no message for this; `receive` is a method of the server's own object that holds the transport.
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.close()


async def _unless_gone(request: Request, call: Any) -> Json | None:
    """Return the result of a call, or None when the caller hung up first, as a killed poller does."""
    working = asyncio.ensure_future(call)
    done, _ = await asyncio.wait({working}, timeout=0.05)
    if done:
        return working.result()  # type: ignore[no-any-return]
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        leaving.cancel()
        working.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _parameters(request: Request) -> tuple[Json, dict[str, Upload]]:
    """Query, JSON, form or multipart; later ones win, as in Telegram's server."""
    raw: Json = dict(request.query_params)
    uploads: dict[str, Upload] = {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            body = json.loads(await request.body() or b"{}")
        except ValueError as error:
            raise ApiError(400, "Bad Request: can't parse JSON object") from error
        if not isinstance(body, dict):
            raise ApiError(400, "Bad Request: JSON object expected")
        raw |= body
    elif kind in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        try:
            async with request.form(max_part_size=UPLOAD_BYTES) as form:
                for name, value in form.multi_items():
                    if isinstance(value, UploadFile):
                        mime = value.content_type or "application/octet-stream"
                        uploads[name] = Upload(value.filename or name, mime, await value.read())
                    else:
                        raw[name] = value
        except MultiPartException as error:
            raise ApiError(400, "Bad Request: can't parse the multipart body") from error
    return raw, uploads
