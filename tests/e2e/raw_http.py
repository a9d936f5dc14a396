"""A client that sends raw bytes to a bot's HTTP server, because HTTP libraries correct invalid requests."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.conftest import TOKEN, Process, run_sandbox

SECRET = "a-secret-of-this-test"
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
PATH = "/telegram"
HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def run_webhook_bot(folder: Path, documents: Path, **overrides: str) -> Iterator[tuple[Process, int, str]]:
    """Run a bot in webhook mode with its own sandbox. Yield the bot, its port and the URL of the sandbox."""
    with run_sandbox() as url:
        port = free_port()
        settings = {
            "TELEGRAM_TOKEN": TOKEN,
            "TELEGRAM_API_URL": url,
            "TELEGRAM_MESSAGES_PER_SECOND": "0",
            "WEBHOOK_URL": f"http://{HOST}:{port}{PATH}",
            "WEBHOOK_SECRET": SECRET,
            "PORT": str(port),
            "SEEDS_DIR": str(documents),
            "LOG_LEVEL": "DEBUG",
        }
        bot = Process.start(folder, **(settings | overrides))
        try:
            bot.wait_for_output("is ready")
            yield bot, port, url
        finally:
            bot.kill_if_running()


@dataclass(frozen=True, slots=True)
class RawResponse:
    status: int
    body: bytes


@dataclass(slots=True)
class Connection:
    """An open connection to the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def read_response(self, seconds: float = 20) -> RawResponse:
        """Read one response; raises ConnectionError if there is none."""
        async with asyncio.timeout(seconds):
            try:
                head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            except asyncio.IncompleteReadError as error:
                raise ConnectionResetError from error
            fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await self.reader.readexactly(int(fields.get("content-length", "0")))
            return RawResponse(int(head[0].split()[1]), body)

    async def is_closed(self, seconds: float = 20) -> bool:
        """Return whether the server closes the connection within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while await self.reader.read(2**16):
                    pass
        except TimeoutError:
            return False
        except ConnectionError:
            return True
        return True


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.transport.abort()


def request_head(
    fields: Mapping[str, object] | Iterable[tuple[str, object]] = (), path: str = PATH, method: str = "POST"
) -> bytes:
    pairs = fields.items() if isinstance(fields, Mapping) else fields
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", *(f"{name}: {value}" for name, value in pairs)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def post(
    port: int,
    body: bytes,
    fields: Mapping[str, object] | None = None,
    path: str = PATH,
    method: str = "POST",
) -> RawResponse:
    """Send a request on a new connection, with the secret in its header unless `fields` are given."""
    headers = {SECRET_HEADER: SECRET} if fields is None else fields
    async with connect(port) as connection:
        await connection.send(request_head({**headers, "Content-Length": len(body)}, path, method) + body)
        return await connection.read_response()


async def get(port: int, path: str) -> RawResponse:
    return await post(port, b"", {}, path, "GET")


async def post_update(port: int, update: Mapping[str, Any]) -> int:
    """Send an update as Telegram does, and return the status."""
    return (await post(port, json.dumps(update).encode())).status
