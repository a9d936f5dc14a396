"""The HTTP routes: the Bot API, file downloads, the control API, the page."""

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

from sandbox import api_methods, telegram_objects
from sandbox.api_methods import SentFile
from sandbox.bot_api import BotApi, envelope
from sandbox.control_api import ControlApi
from sandbox.pending_queries import PendingQueries
from sandbox.telegram_objects import ApiError
from sandbox.updates import WebhookDelivery
from sandbox.validation import MAX_UPLOAD_BYTES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Receive, Scope, Send

    from sandbox.fault_injection import Fault
    from sandbox.state import TelegramState
    from sandbox.telegram_objects import Json

_PAGE_FOLDER = Path(__file__).parent / "page"
_METHOD_PATH = re.compile(r"/bot(?P<token>[^/]*)(?:/test)?/(?P<method>\w+)/?")
_TOKEN_PATTERN = re.compile(r"\d+:[\w-]+")
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def build_app(telegram: TelegramState) -> Starlette:
    """Build the sandbox as one ASGI application."""
    queries = PendingQueries(telegram)
    webhook = WebhookDelivery(telegram.updates, telegram.faults)
    control = ControlApi(telegram, queries)

    async def act(request: Request) -> Response:
        # A page of another site can't send this content type without a CORS preflight, which fails.
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
            Route("/file/{rest:path}", FileDownload(telegram)),
            Route("/favicon.ico", lambda _: RedirectResponse("/page/icon.svg")),
            Route("/", index),
            Mount("/page", StaticFiles(directory=_PAGE_FOLDER)),
            Mount("/", BotEndpoint(telegram, BotApi(telegram, queries, webhook))),
        ],
        lifespan=lifespan,
    )


async def index(_: Request) -> Response:
    return Response((_PAGE_FOLDER / "index.html").read_bytes(), media_type="text/html", headers=_PAGE_HEADERS)


class FileDownload:
    """The endpoint `/file/bot<token>/<path>`."""

    def __init__(self, telegram: TelegramState) -> None:
        self._telegram = telegram

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token, _, path = scope["path_params"]["rest"].removeprefix("bot").partition("/")
        file = None
        if token == self._telegram.token:
            path = path.removeprefix("test/")
            files = self._telegram.files.values()
            file = next((stored for stored in files if telegram_objects.path(stored) == path), None)
        response = (
            Response(file.content, media_type="application/octet-stream")
            if file
            else JSONResponse(envelope(ApiError(404, "Not Found")), 404)
        )
        await response(scope, receive, send)


class BotEndpoint:
    """The endpoints `/bot<token>/METHOD` and `/bot<token>/test/METHOD`, with injected faults."""

    def __init__(self, telegram: TelegramState, api: BotApi) -> None:
        self._telegram = telegram
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            name = self._parse_method(scope["path"])
            raw, uploads = await _read_parameters(request)
        except ApiError as error:
            await JSONResponse(envelope(error), error.code)(scope, receive, send)
            return
        method = api_methods.METHODS_BY_LOWER_NAME.get(name.lower(), name)
        if fault := self._telegram.faults.pop_next(method, raw.get("chat_id")):
            await self._apply_fault(fault, method, raw, uploads, scope, receive, send)
            return
        answer = await _run_until_disconnect(request, self._api.call(name, raw, uploads))
        if answer is not None:
            await JSONResponse(answer, answer.get("error_code", 200))(scope, receive, send)

    def _parse_method(self, path: str) -> str:
        match = _METHOD_PATH.fullmatch(path)
        if match is None or not _TOKEN_PATTERN.fullmatch(match["token"]):
            raise ApiError(404, "Not Found")
        if match["token"] != self._telegram.token:
            raise ApiError(401, "Unauthorized")
        return match["method"]

    async def _apply_fault(  # noqa: PLR0913, PLR0917 - the call's parts and the ASGI arguments
        self,
        fault: Fault,
        method: str,
        raw: Json,
        uploads: dict[str, SentFile],
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
            _close_connection(receive)
        elif fault.kind == "cut":
            body = json.dumps(answer).encode()
            length = str(len(body)).encode()
            headers = [(b"content-type", b"application/json"), (b"content-length", length)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            _close_connection(receive)
        elif fault.kind == "garbage":
            page = Response("<html><h1>Bad Gateway</h1>\x00", fault.status, media_type="text/html")
            await page(scope, receive, send)
        elif fault.kind == "error" and fault.is_applied:
            error = ApiError(fault.status, fault.description, retry_after=fault.retry_after)
            await JSONResponse(envelope(error), fault.status)(scope, receive, send)
        else:
            await JSONResponse(answer, answer.get("error_code", 200))(scope, receive, send)


def _close_connection(receive: Receive) -> None:
    """Close the connection before the response is complete."""
    # ASGI has no message for this. `receive` is a bound method of uvicorn's object that holds the transport.
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.close()


async def _run_until_disconnect(request: Request, call: Any) -> Json | None:
    """Return the result of a call, or None if the client disconnects first, as a killed poller does."""
    call_task = asyncio.ensure_future(call)
    done, _ = await asyncio.wait({call_task}, timeout=0.05)
    if done:
        return call_task.result()  # type: ignore[no-any-return]
    disconnect_task = asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        await asyncio.wait({call_task, disconnect_task}, return_when=asyncio.FIRST_COMPLETED)
        return call_task.result() if call_task.done() else None
    finally:
        disconnect_task.cancel()
        call_task.cancel()


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _read_parameters(request: Request) -> tuple[Json, dict[str, SentFile]]:
    """Read parameters from the query and from a JSON, form or multipart body. The body takes precedence."""
    raw: Json = dict(request.query_params)
    uploads: dict[str, SentFile] = {}
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
            async with request.form(max_part_size=MAX_UPLOAD_BYTES) as form:
                for name, value in form.multi_items():
                    if isinstance(value, UploadFile):
                        mime = value.content_type or "application/octet-stream"
                        uploads[name] = SentFile(value.filename or name, mime, await value.read())
                    else:
                        raw[name] = value
        except MultiPartException as error:
            raise ApiError(400, "Bad Request: can't parse the multipart body") from error
    return raw, uploads
