import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from telegram import Update

from bot.http_server import Health, build_web_app, serving
from bot.ops.concurrency import CancellableWaits
from bot.ops.metrics import Metrics
from bot.telegram.dispatcher import Dispatcher
from bot.telegram.webhook import Inbox
from config.settings import ConfigError
from tests.bot.virtual_clock import fast, now

SECRET = "right-secret"
HEADER = "X-Telegram-Bot-Api-Secret-Token"
MIB = 1024 * 1024
GONE = "the documents cannot be reached"


class House:
    """The pages of a process with a webhook at /hook; updates take as long as `takes` says."""

    def __init__(self) -> None:
        self.health = Health()
        self.metrics = Metrics()
        self.pauses = CancellableWaits()
        self.takes = 0.0
        self.waits = 0.0
        self.done: list[int] = []
        self.inbox = Inbox("https://bot.example.org/hook?x=1", SECRET)
        self.inbox.open(lambda received: Update(received["update_id"]), Dispatcher(self._handle, self.pauses))
        self.pages = build_web_app(self.health, self.metrics, self.inbox)

    async def _handle(self, update: Update) -> None:
        if self.waits:
            await self.pauses.sleep(self.waits)
        await asyncio.sleep(self.takes)
        self.done.append(update.update_id)

    async def ask(self, method: str, path: str, **fields: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.pages)
        async with httpx.AsyncClient(transport=transport, base_url="http://bot") as client:
            return await client.request(method, path, **fields)

    async def bring(self, content: Any, secret: str | bytes = SECRET) -> int:
        response = await self.ask("POST", "/hook", content=content, headers={HEADER: secret})
        return response.status_code


@pytest.fixture
def house() -> House:
    return House()


class Body:
    """A body in pieces, without a length; tells how much of it was asked for."""

    def __init__(self, *pieces: bytes, pause: float = 0) -> None:
        self.pieces = pieces
        self.pause = pause
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            await asyncio.sleep(self.pause)
            self.read += len(piece)
            yield piece


async def test_alive_while_telegram_is_heard(house: House) -> None:
    """The process is alive while something is heard of Telegram, and says for how long it was not."""
    heard = await house.ask("GET", "/healthz")
    assert (200, "alive") == (heard.status_code, heard.text)
    house.health._last_contact -= 200
    silent = await house.ask("GET", "/healthz")
    assert (503, "no contact with Telegram for 200 s") == (silent.status_code, silent.text)


async def test_ready_when_all_is_set_up(house: House) -> None:
    """The process is ready once it says so."""
    assert 503 == (await house.ask("GET", "/readyz")).status_code
    house.health.is_ready = True
    assert 200 == (await house.ask("GET", "/readyz")).status_code


@pytest.mark.parametrize(("can_search", "expected"), [(True, (200, "ready")), (False, (503, GONE))])
async def test_ready_while_documents_can_be_searched(
    house: House, expected: tuple[int, str], *, can_search: bool
) -> None:
    """A process that cannot search is not ready, but alive."""

    async def searches() -> bool:
        return can_search

    house.health.is_ready = True
    house.health.watch_search(searches)
    found = await house.ask("GET", "/readyz")
    assert expected == (found.status_code, found.text)
    assert 200 == (await house.ask("GET", "/healthz")).status_code


async def test_the_figures(house: House) -> None:
    """The metrics are a page in the form Prometheus reads."""
    response = await house.ask("GET", "/metrics")
    assert "text/plain; version=0.0.4; charset=utf-8" == response.headers["content-type"]
    assert house.metrics.page().decode().splitlines()[0] == response.text.splitlines()[0]


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
async def test_nothing_else_is_there(house: House, method: str, path: str, expected: int) -> None:
    """Other paths and methods lead nowhere, whatever secret comes with them."""
    assert expected == (await house.ask(method, path, headers={HEADER: SECRET})).status_code


async def test_without_a_webhook_there_is_no_door(house: House) -> None:
    """A process that asks for updates itself takes none at any path."""
    house.pages = build_web_app(house.health, house.metrics, None)
    assert 404 == await house.bring(b'{"update_id": 1}')


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
async def test_without_the_secret_nothing_is_read(house: House, headers: dict[str, Any]) -> None:
    """With no secret or a wrong one the door stays shut, before a byte of the body is taken."""
    body = Body(b'{"update_id": 1}')
    assert 401 == (await house.ask("POST", "/hook", content=body, headers=headers)).status_code
    assert 0 == body.read
    assert [] == house.done


@fast
async def test_accepted_is_answered() -> None:
    """An update is accepted only when it has been answered, and again without answering it again."""
    house = House()
    house.takes = 3
    assert 200 == await house.bring(b'{"update_id": 1}')
    assert [1] == house.done
    assert 3.0 == round(now(), 3)
    assert 200 == await house.bring(b'{"update_id": 1}')
    assert [1] == house.done


@fast
async def test_a_closed_door() -> None:
    """Once closed, nothing is accepted, so that Telegram brings it again."""
    house = House()
    house.inbox.close()
    response = await house.ask("POST", "/hook", content=b'{"update_id": 1}', headers={HEADER: SECRET})
    assert (503, "1") == (response.status_code, response.headers["retry-after"])
    assert [] == house.done


@fast
async def test_what_waits_too_long_is_left_to_others() -> None:
    """An answer that only waits is given up after a while, so that it can be given elsewhere, or later."""
    house = House()
    house.waits = 60
    assert 503 == await house.bring(b'{"update_id": 1}')
    assert now() < 25
    await asyncio.sleep(100)
    assert [] == house.done
    house.waits = 0
    assert 200 == await house.bring(b'{"update_id": 1}')
    assert [1] == house.done


@fast
async def test_what_runs_is_waited_for_a_little_longer() -> None:
    """An answer under way is not left to another process, which would give it again, while hosts wait."""
    house = House()
    house.takes = 26
    assert 200 == await house.bring(b'{"update_id": 1}')
    assert [1] == house.done


@fast
async def test_what_runs_is_not_given_up() -> None:
    """An answer under way goes on when the request cannot wait any longer, and is not given again."""
    house = House()
    house.takes = 30
    assert 503 == await house.bring(b'{"update_id": 1}')
    assert 200 == await house.bring(b'{"update_id": 1}')
    assert [1] == house.done


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
async def test_what_is_no_update_is_refused(house: House, content: bytes) -> None:
    """A body that is not JSON, or not an update, is refused and ends nothing."""
    assert 400 == await house.bring(content)
    assert [] == house.done
    assert 200 == await house.bring(b'{"update_id": 1}')


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_has_a_limit(house: House, is_chunked: bool) -> None:
    """A body of more than 1 MiB is refused without being read to its end, be its length told or not."""
    update = json.dumps({"update_id": 1, "x": "x" * MIB}).encode()
    body = Body(*(update[at : at + 1000] for at in range(0, 4 * MIB, 1000)), *[b"x" * 1000] * 4000)
    content: Any = body if is_chunked else update
    assert 413 == await house.bring(content)
    assert body.read < MIB + 2000
    assert [] == house.done


async def test_a_large_body_is_accepted(house: House) -> None:
    """A body just under the limit is an update like any other."""
    update = json.dumps({"update_id": 1, "x": ""}).encode()
    padded = update.replace(b'""', b'"' + b"x" * (MIB - len(update)) + b'"')
    assert MIB == len(padded)
    assert 200 == await house.bring(padded)


@fast
async def test_a_body_must_arrive() -> None:
    """A body that trickles in for ever is not waited for."""
    house = House()
    assert 408 == await house.bring(Body(*[b" "] * 100, pause=1))
    assert now() < 11


async def test_an_update_is_a_sign_of_life(house: House) -> None:
    """What Telegram brings tells that it is there."""
    house.health._last_contact -= 200
    await house.bring(b'{"update_id": 1}')
    assert house.health.is_alive


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_serving(house: House) -> None:
    """The pages are served on a port of the machine, and no longer afterwards."""
    port = _free_port()
    async with serving(house.pages, port), httpx.AsyncClient(trust_env=False) as client:
        assert 200 == (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code
        at = f"http://127.0.0.1:{port}/hook"
        pieces = Body(b'{"update', b'_id": 1}')
        assert 200 == (await client.post(at, content=pieces, headers={HEADER: SECRET})).status_code
        refused = await client.post(at, content=b'{"update_id": 2}', headers={HEADER: "wrong"})
        assert 401 == refused.status_code
        large = await client.post(at, content=b"x" * (MIB + 1), headers={HEADER: SECRET})
        assert 413 == large.status_code
    assert [1] == house.done
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/healthz")


async def test_a_taken_port_is_one_line(house: House) -> None:
    """A port that is taken is for the operator to mend: one line that names the setting."""
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError) as raised:
            async with serving(house.pages, port):
                pass
    told = f"PORT={port}: cannot listen on this port (Address already in use); choose another"
    assert told == str(raised.value)
