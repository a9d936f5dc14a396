import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from telegram import Update

from bot.http_server import Health, build_web_app, serving
from bot.monitoring import Metrics
from bot.telegram.dispatcher import Dispatcher
from bot.telegram.messaging import CancellableWaits
from bot.telegram.saved_updates import AnsweredJournal
from bot.telegram.webhook import WebhookReceiver
from config import ConfigError
from tests.bot.virtual_clock import fast, now

SECRET = "right-secret"
HEADER = "X-Telegram-Bot-Api-Secret-Token"
MIB = 1024 * 1024
UNREACHABLE = "the documents cannot be reached"


class Server:
    """The web application of a process with a webhook at /hook.

    An update waits for `wait_seconds`, and is then answered in `answer_seconds`.
    """

    def __init__(self, journal: AnsweredJournal | None = None) -> None:
        self.health = Health()
        self.metrics = Metrics()
        self.waits = CancellableWaits()
        self.answer_seconds = 0.0
        self.wait_seconds = 0.0
        self.done: list[int] = []
        self.receiver = WebhookReceiver("https://bot.example.org/hook?x=1", SECRET)
        dispatcher = Dispatcher(self._handle, self.waits, journal)
        self.receiver.open(lambda received: Update(received["update_id"]), dispatcher)
        self.app = build_web_app(self.health, self.metrics, self.receiver)

    async def _handle(self, update: Update) -> None:
        if self.wait_seconds:
            await self.waits.sleep(self.wait_seconds)
        await asyncio.sleep(self.answer_seconds)
        self.done.append(update.update_id)

    async def request(self, method: str, path: str, **fields: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
            return await client.request(method, path, **fields)

    async def send(self, content: Any, secret: str | bytes = SECRET) -> int:
        response = await self.request("POST", "/hook", content=content, headers={HEADER: secret})
        return response.status_code


@pytest.fixture
def server() -> Server:
    return Server()


class Body:
    """A request body in pieces, without a length; `read` counts the bytes that were requested."""

    def __init__(self, *pieces: bytes, pause: float = 0) -> None:
        self.pieces = pieces
        self.pause = pause
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            await asyncio.sleep(self.pause)
            self.read += len(piece)
            yield piece


@fast
async def test_alive_while_in_contact_with_telegram() -> None:
    """The process is alive while in contact with Telegram; after that it says for how long it was not."""
    server = Server()
    alive = await server.request("GET", "/healthz")
    assert (200, "alive") == (alive.status_code, alive.text)
    await asyncio.sleep(200)
    silent = await server.request("GET", "/healthz")
    assert (503, "no contact with Telegram for 200 s") == (silent.status_code, silent.text)


async def test_ready_once_started(server: Server) -> None:
    """The process is ready once it has been reported as ready."""
    assert 503 == (await server.request("GET", "/readyz")).status_code
    server.health.is_ready = True
    assert 200 == (await server.request("GET", "/readyz")).status_code


@pytest.mark.parametrize(("can_search", "expected"), [(True, (200, "ready")), (False, (503, UNREACHABLE))])
async def test_ready_while_documents_can_be_searched(
    server: Server, expected: tuple[int, str], *, can_search: bool
) -> None:
    """A process that cannot search its documents is alive, but not ready."""

    async def search_state() -> bool:
        return can_search

    server.health.is_ready = True
    server.health.watch_search(search_state)
    response = await server.request("GET", "/readyz")
    assert expected == (response.status_code, response.text)
    assert 200 == (await server.request("GET", "/healthz")).status_code


async def test_metrics(server: Server) -> None:
    """/metrics is a page in Prometheus' text format."""
    response = await server.request("GET", "/metrics")
    assert "text/plain; version=0.0.4; charset=utf-8" == response.headers["content-type"]
    assert server.metrics.export().decode().splitlines()[0] == response.text.splitlines()[0]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/hook", 405),
        ("PUT", "/hook", 405),
        ("POST", "/healthz", 405),
        ("POST", "/", 404),
        ("POST", "/hook/more", 404),
        ("GET", "/", 404),
        ("GET", "/docs", 404),
    ],
)
async def test_other_paths_and_methods(server: Server, method: str, path: str, expected: int) -> None:
    """Other paths and methods are rejected, also with the right secret."""
    assert expected == (await server.request(method, path, headers={HEADER: SECRET})).status_code


async def test_no_webhook_when_polling(server: Server) -> None:
    """A process that polls for updates accepts none over HTTP."""
    server.app = build_web_app(server.health, server.metrics, None)
    assert 404 == await server.send(b'{"update_id": 1}')


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {HEADER: ""},
        {HEADER: "wrong"},
        {HEADER: SECRET + "x"},
        {HEADER: SECRET[:-1]},
        {HEADER: SECRET.upper()},
        {HEADER: "x" * 60_000},
        {HEADER: "ключ".encode()},
        {HEADER: b"\xff\xfe"},
        {"Authorization": SECRET},
    ],
)
async def test_requests_without_the_secret_are_not_read(server: Server, headers: dict[str, Any]) -> None:
    """A request with no secret or a wrong one is rejected before any of its body is read."""
    body = Body(b'{"update_id": 1}')
    assert 401 == (await server.request("POST", "/hook", content=body, headers=headers)).status_code
    assert 0 == body.read
    assert [] == server.done


@fast
async def test_an_accepted_update_is_answered() -> None:
    """An update is accepted when it has been answered; sent again, it is accepted without a second answer."""
    server = Server()
    server.answer_seconds = 3
    assert 200 == await server.send(b'{"update_id": 1}')
    assert [1] == server.done
    assert 3.0 == round(now(), 3)
    assert 200 == await server.send(b'{"update_id": 1}')
    assert [1] == server.done


@fast
async def test_an_update_that_another_process_answered(tmp_path: Path) -> None:
    """An update that another process has noted in the journal is accepted, and not answered again."""
    first, second = Server(AnsweredJournal(tmp_path)), Server(AnsweredJournal(tmp_path))
    assert 200 == await first.send(b'{"update_id": 1}')
    assert 200 == await second.send(b'{"update_id": 1}')
    assert 200 == await second.send(b'{"update_id": 2}')
    assert 200 == await first.send(b'{"update_id": 2}')
    assert ([1], [2]) == (first.done, second.done)


@fast
async def test_an_update_that_another_process_gave_up(tmp_path: Path) -> None:
    """An update that another process did not accept is answered."""
    first, second = Server(AnsweredJournal(tmp_path)), Server(AnsweredJournal(tmp_path))
    first.wait_seconds = 60
    assert 503 == await first.send(b'{"update_id": 1}')
    assert 200 == await second.send(b'{"update_id": 1}')
    assert ([], [1]) == (first.done, second.done)


@fast
async def test_a_closed_inbox() -> None:
    """A closed receiver accepts no updates, so that Telegram sends them again."""
    server = Server()
    server.receiver.close()
    response = await server.request("POST", "/hook", content=b'{"update_id": 1}', headers={HEADER: SECRET})
    assert (503, "1") == (response.status_code, response.headers["retry-after"])
    assert [] == server.done


@fast
async def test_an_answer_that_waits_too_long_is_given_up() -> None:
    """An answer that only waits is given up after a while, so that another process can give it."""
    server = Server()
    server.wait_seconds = 60
    assert 503 == await server.send(b'{"update_id": 1}')
    assert now() < 25
    await asyncio.sleep(100)
    assert [] == server.done
    server.wait_seconds = 0
    assert 200 == await server.send(b'{"update_id": 1}')
    assert [1] == server.done


@fast
async def test_a_running_answer_gets_more_time() -> None:
    """A running answer gets as long as hosts allow, as another process would give it a second time."""
    server = Server()
    server.answer_seconds = 26
    assert 200 == await server.send(b'{"update_id": 1}')
    assert [1] == server.done


@fast
async def test_a_running_answer_is_not_given_up() -> None:
    """A running answer continues after its request has timed out, and is not given again."""
    server = Server()
    server.answer_seconds = 30
    assert 503 == await server.send(b'{"update_id": 1}')
    assert 200 == await server.send(b'{"update_id": 1}')
    assert [1] == server.done


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"update_id=1",
        b"\xff\xfe\x00",
        b"\x80",
        b"null",
        b"7",
        b'"x"',
        b"[]",
        b'[{"update_id": 1}]',
        b"{}",
        b'{"update_id": null}',
        b'{"update_id": true}',
        b'{"update_id": "1"}',
        b'{"update_id": 1.0}',
        b'{"update_id": ' + b"9" * 5000 + b"}",
        b'{"update_id": 1, "message": ' + b"[" * 200_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=repr,
)
async def test_bodies_that_are_not_updates(server: Server, content: bytes) -> None:
    """A body that is not JSON, or not an update, is rejected; later updates are still accepted."""
    assert 400 == await server.send(content)
    assert [] == server.done
    assert 200 == await server.send(b'{"update_id": 1}')


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_has_a_limit(server: Server, is_chunked: bool) -> None:
    """A body of more than 1 MiB is rejected without being read to its end, with a stated length or not."""
    update = json.dumps({"update_id": 1, "x": "x" * MIB}).encode()
    body = Body(*(update[at : at + 1000] for at in range(0, 4 * MIB, 1000)), *[b"x" * 1000] * 4000)
    content: Any = body if is_chunked else update
    assert 413 == await server.send(content)
    assert body.read < MIB + 2000
    assert [] == server.done


async def test_a_large_body_is_accepted(server: Server) -> None:
    """A body just under the limit is an update like any other."""
    update = json.dumps({"update_id": 1, "x": ""}).encode()
    padded = update.replace(b'""', b'"' + b"x" * (MIB - len(update)) + b'"')
    assert MIB == len(padded)
    assert 200 == await server.send(padded)


@fast
async def test_a_body_must_arrive() -> None:
    """A body that arrives too slowly is rejected after some seconds."""
    server = Server()
    assert 408 == await server.send(Body(*[b" "] * 100, pause=1))
    assert now() < 11


@fast
async def test_an_update_is_a_contact() -> None:
    """An update counts as contact with Telegram."""
    server = Server()
    await asyncio.sleep(200)
    await server.send(b'{"update_id": 1}')
    assert server.health.is_alive


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_serving(server: Server) -> None:
    """The application is served on the port, and no longer afterwards."""
    port = _free_port()
    async with serving(server.app, port), httpx.AsyncClient(trust_env=False) as client:
        assert 200 == (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code
        at = f"http://127.0.0.1:{port}/hook"
        pieces = Body(b'{"update', b'_id": 1}')
        assert 200 == (await client.post(at, content=pieces, headers={HEADER: SECRET})).status_code
        refused = await client.post(at, content=b'{"update_id": 2}', headers={HEADER: "wrong"})
        assert 401 == refused.status_code
        large = await client.post(at, content=b"x" * (MIB + 1), headers={HEADER: SECRET})
        assert 413 == large.status_code
    assert [1] == server.done
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/healthz")


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", 200), ("[::1]", 200), ("[::ffff:127.0.0.1]", 200), ("10.0.0.5", 404), ("[fd00::1]", 404)],
)
async def test_local_pages(server: Server, address: str, expected: int) -> None:
    """Local pages are answered on loopback addresses only; the webhook is answered on all."""
    app = build_web_app(server.health, server.metrics, server.receiver, local_pages=True)
    server.health.is_ready = True
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{address}") as client:
        for path in ("/healthz", "/readyz", "/metrics"):
            assert expected == (await client.get(path, headers={"Host": "127.0.0.1"})).status_code
        update = await client.post("/hook", content=b'{"update_id": 1}', headers={HEADER: SECRET})
        assert 200 == update.status_code


async def test_local_pages_are_served(server: Server) -> None:
    """On a socket for all addresses, the pages are answered at 127.0.0.1."""
    app, port = build_web_app(server.health, server.metrics, None, local_pages=True), _free_port()
    async with serving(app, port), httpx.AsyncClient(trust_env=False) as client:
        assert 200 == (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is no address of the machine")
async def test_serving_on_one_address(server: Server) -> None:
    """The application is served on the address that is named, and on no other."""
    port = _free_port()
    async with serving(server.app, port, "127.0.0.2"), httpx.AsyncClient(trust_env=False) as client:
        assert 200 == (await client.get(f"http://127.0.0.2:{port}/healthz")).status_code
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/healthz")


async def test_an_address_of_another_machine_is_one_line(server: Server) -> None:
    """An address that the machine does not have is an error of one line that names the setting."""
    with pytest.raises(ConfigError) as raised:
        async with serving(server.app, _free_port(), "192.0.2.1"):
            pass
    assert "HTTP_HOST=192.0.2.1: not an address of this machine; choose another" == str(raised.value)


async def test_a_taken_port_is_one_line(server: Server) -> None:
    """A port in use is an error of one line that names the setting."""
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError) as raised:
            async with serving(server.app, port):
                pass
    message = f"PORT={port}: cannot listen on this port (Address already in use); choose another"
    assert message == str(raised.value)


@fast
async def test_silence() -> None:
    """A process is alive for three minutes after its last contact with Telegram, or its start."""
    health = Health()
    await asyncio.sleep(170)
    assert (True, 170.0) == (health.is_alive, round(health.silence_seconds, 3))
    health.note_contact()
    await asyncio.sleep(170)
    assert health.is_alive
    await asyncio.sleep(20)
    assert not health.is_alive
    health.note_contact()
    assert health.is_alive


def test_a_new_process_is_not_ready() -> None:
    """A process that has just started is alive, but not ready."""
    assert (True, False) == (Health().is_alive, Health().is_ready)
