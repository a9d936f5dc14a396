"""The attacks listed in docs/security.md, each tried on the real process over HTTP."""

import asyncio
import contextlib
import os
import random
import re
import resource
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.i18n.texts import texts_for
from config.settings import Settings
from sandbox.control_client import Sandbox
from tests.e2e import raw_http
from tests.e2e.conftest import BAKERY, LIGHTHOUSE, TOKEN, Process
from tests.e2e.raw_http import (
    PATH,
    SECRET,
    SECRET_HEADER,
    connect,
    get,
    post,
    post_update,
    request_head,
    run_webhook_bot,
)

pytestmark = pytest.mark.e2e

TEXTS = texts_for("en")
QUESTION = "Who built the lighthouse of Nordholm?"
FACT = "Clara Brandt"
# The first users and the first group of a sandbox.
ALLOWED, STRANGER = 5_000_000_001, 5_000_000_002
GROUP = -4_000_001
IDLE_CONNECTIONS = 700


@dataclass(frozen=True)
class Target:
    bot: Process
    port: int
    url: str


@pytest.fixture(scope="module")
def target(documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with run_webhook_bot(tmp_path_factory.mktemp("target"), documents) as served:
        yield Target(*served)


@pytest.fixture(scope="module")
def closed(documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Start a bot that allows one user only."""
    folder = tmp_path_factory.mktemp("closed")
    with run_webhook_bot(folder, documents, TELEGRAM_ALLOWED_CHATS=str(ALLOWED)) as served:
        yield Target(*served)


def _message(number: int, sender: int, chat: int, **more: Any) -> dict[str, Any]:
    kind = "private" if chat > 0 else "group"
    return {
        "message_id": number,
        "date": 1,
        "chat": {"id": chat, "type": kind},
        "from": {"id": sender, "is_bot": False, "first_name": "Eve"},
        "text": QUESTION,
        **more,
    }


# The webhook


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, PATH),
        ({SECRET_HEADER: ""}, PATH),
        ({SECRET_HEADER: "wrong"}, PATH),
        ({SECRET_HEADER: SECRET[:-1]}, PATH),
        ({SECRET_HEADER: SECRET + "x"}, PATH),
        ({SECRET_HEADER: SECRET.upper()}, PATH),
        ({SECRET_HEADER: "x" * 10_000}, PATH),
        ({SECRET_HEADER: "\xfe\xff"}, PATH),
        ({"Authorization": f"Bearer {SECRET}"}, PATH),
        ({"Cookie": f"{SECRET_HEADER}={SECRET}"}, PATH),
        ({}, f"{PATH}?secret_token={SECRET}"),
        ({}, f"{PATH}?{SECRET_HEADER}={SECRET}"),
    ],
)
async def test_requests_without_the_secret(target: Target, fields: dict[str, str], path: str) -> None:
    """An update without the exact secret in its header is rejected and not answered."""
    update = b'{"update_id": 1}'
    assert 401 == (await post(target.port, update, fields, path)).status


async def test_header_names_are_case_insensitive(target: Target) -> None:
    """The header name is not case-sensitive, as proxies may change its case."""
    assert 200 == (await post(target.port, b'{"update_id": 1}', {SECRET_HEADER.upper(): SECRET})).status


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", PATH, 405),
        ("PUT", PATH, 405),
        ("DELETE", PATH, 405),
        ("POST", "/", 404),
        ("POST", f"{PATH}/..;/healthz", 404),
        ("GET", "/../../etc/passwd", 404),
        ("POST", "/healthz", 405),
        ("POST", "/metrics", 405),
    ],
)
async def test_other_methods_and_paths(target: Target, method: str, path: str, expected: int) -> None:
    """All other methods and paths are rejected, also with the secret."""
    assert expected == (await post(target.port, b'{"update_id": 1}', None, path, method)).status


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"update_id": "1"}', b"\xff\xfe", b"{}" * 9])
async def test_bodies_that_are_not_updates(target: Target, body: bytes) -> None:
    """A body that is not an update is rejected with a short reason."""
    assert 400 == (await post(target.port, body)).status


async def test_a_large_body(target: Target) -> None:
    """A body of more than a megabyte is rejected by its Content-Length, before it is sent."""
    async with connect(target.port) as connection:
        await connection.send(request_head({SECRET_HEADER: SECRET, "Content-Length": 2 * 2**20}))
        assert 413 == (await connection.read_response()).status


@pytest.mark.parametrize(("secret", "expected"), [(SECRET, 413), ("wrong", 401)])
async def test_an_endless_body(target: Target, secret: str, expected: int) -> None:
    """A body without a length is rejected after a megabyte, and without the secret at once."""
    async with connect(target.port) as connection:
        await connection.send(request_head({SECRET_HEADER: secret, "Transfer-Encoding": "chunked"}))
        with contextlib.suppress(ConnectionError):
            for _ in range(40):
                await connection.send(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        assert expected == (await connection.read_response()).status


async def test_a_slow_body(target: Target) -> None:
    """A body of one byte a second is rejected after ten seconds."""
    began = time.monotonic()
    async with connect(target.port) as connection:
        await connection.send(request_head({SECRET_HEADER: SECRET, "Content-Length": 100}))
        response = asyncio.create_task(connection.read_response())
        while not response.done():
            await connection.send(b" ")
            await asyncio.wait([response], timeout=1)
        assert 408 == (await response).status
    assert 9 < time.monotonic() - began < 15


async def test_idle_connections(target: Target) -> None:
    """Hundreds of idle connections, with or without a partial request, do not block other clients."""
    max_open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert IDLE_CONNECTIONS + 100 < max_open_files, "this needs more open files: ulimit -n"
    async with contextlib.AsyncExitStack() as stack:
        for number in range(IDLE_CONNECTIONS):
            connection = await stack.enter_async_context(connect(target.port))
            if number % 2:
                await connection.send(request_head({SECRET_HEADER: SECRET})[:30])
        assert 200 == await post_update(target.port, {"update_id": 2})
        assert 200 == (await get(target.port, "/healthz")).status


async def test_connections_that_are_not_http(target: Target) -> None:
    """Connections with data that is not HTTP are closed without a traceback."""
    for data in (b"\x16\x03\x01\x02\x00" * 40, b"GET\r\n\r\n", request_head({"a": "b" * 100_000})):
        async with connect(target.port) as connection:
            with contextlib.suppress(ConnectionError):
                await connection.send(data + b"\r\n\r\n")
            assert await connection.is_closed()
    assert "Traceback" not in target.bot.output


# Access


def _forged_updates() -> dict[str, dict[str, Any]]:
    """Return updates in which a stranger imitates an allowed user."""
    allowed_user = {"id": ALLOWED, "is_bot": False, "first_name": "Ada"}
    allowed_chat = {"id": ALLOWED, "type": "private", "first_name": "Ada"}
    channel = {"id": -1_001_000_000_001, "type": "channel", "title": "News"}
    stranger = {"id": STRANGER, "is_bot": False, "first_name": "Eve"}
    origin = {"type": "user", "date": 1, "sender_user": allowed_user}
    chat_origin = {"type": "chat", "date": 1, "sender_chat": allowed_chat}
    allowed_message = _message(1, ALLOWED, ALLOWED)
    channel_bot = {"id": 136817688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}
    return {
        "a message": {"message": _message(2, STRANGER, STRANGER)},
        "a command": {"message": _message(2, STRANGER, STRANGER, text="/start")},
        "forwarded": {"message": _message(2, STRANGER, STRANGER, forward_origin=origin)},
        "forwarded from a chat": {"message": _message(2, STRANGER, STRANGER, forward_origin=chat_origin)},
        "a reply": {"message": _message(2, STRANGER, STRANGER, reply_to_message=allowed_message)},
        "a reply elsewhere": {
            "message": _message(
                2,
                STRANGER,
                STRANGER,
                external_reply={"origin": origin, "chat": allowed_chat, "message_id": 1},
            )
        },
        "a contact": {
            "message": _message(
                2, STRANGER, STRANGER, contact={"user_id": ALLOWED, "phone_number": "1", "first_name": "Ada"}
            )
        },
        "via a bot": {"message": _message(2, STRANGER, STRANGER, via_bot={**allowed_user, "is_bot": True})},
        "edited": {"edited_message": _message(2, STRANGER, STRANGER)},
        "a channel": {"channel_post": {**_message(2, STRANGER, -5), "chat": channel, "sender_chat": channel}},
        "a channel in a group": {
            "message": _message(2, 0, GROUP, text="/ask x", sender_chat=channel, **{"from": channel_bot})
        },
        "a bot": {"message": _message(2, 0, ALLOWED, **{"from": {**allowed_user, "is_bot": True}})},
        "a group": {"message": _message(2, STRANGER, GROUP, text=f"/ask {QUESTION}")},
        "a press": {
            "callback_query": {
                "id": "1", "from": stranger, "chat_instance": "1", "data": "q1",
                "message": _message(2, STRANGER, STRANGER, reply_to_message=allowed_message),
            }
        },
        "a press elsewhere": {
            "callback_query": {
                "id": "1", "from": stranger, "chat_instance": "1", "data": "q1", "inline_message_id": "x",
            }
        },
        "inline": {"inline_query": {"id": "1", "from": stranger, "query": QUESTION, "offset": ""}},
    }  # fmt: skip


@pytest.mark.parametrize("way", _forged_updates())
async def test_a_stranger_is_ignored(closed: Target, way: str) -> None:
    """A user who is not allowed gets no message, whatever the update quotes, forwards or names."""
    async with Sandbox.at(closed.url, token=TOKEN) as sandbox:
        while len((await sandbox.state())["users"]) < 2:
            await sandbox.user("Somebody")
        before = (await sandbox.state())["last_call"]
        number = 1000 + list(_forged_updates()).index(way)
        assert 200 == await post_update(closed.port, {"update_id": number, **_forged_updates()[way]})
        calls = await sandbox.calls(after=before)
    # Queries are answered, but without contents.
    replies = [
        call for call in calls if call["params"].get("text") or call["params"].get("results", "[]") != "[]"
    ]
    assert [] == [(call["method"], call["params"]) for call in replies]


async def test_an_allowed_user_is_answered(closed: Target) -> None:
    """A bot that ignores strangers answers an allowed user."""
    async with Sandbox.at(closed.url, token=TOKEN) as sandbox:
        while len((await sandbox.state())["users"]) < 2:
            await sandbox.user("Somebody")
        before = (await sandbox.state())["last_call"]
        await sandbox.control("send", chat_id=ALLOWED, text=QUESTION, **{"from": ALLOWED})
        (call,) = await sandbox.calls("sendMessage", after=before, timeout=10)
    assert FACT in call["params"]["text"]


# Floods


async def _answer_seconds(sandbox: Sandbox) -> float:
    chat = await sandbox.private_chat("Omar")
    began = time.monotonic()
    await chat.send(QUESTION)
    assert FACT in (await chat.next_message()).text
    return time.monotonic() - began


async def test_a_flood_of_one_user(
    start_bot: Callable[..., Any], own_sandbox_url: str, documents: Path
) -> None:
    """A user who floods the bot gets one notice and then no replies; others are answered without delay."""
    limits = {"TELEGRAM_MESSAGES_PER_SECOND": "0", "TELEGRAM_QUESTIONS_PER_MINUTE": "5"}
    bot = start_bot(
        TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=own_sandbox_url, SEEDS_DIR=str(documents), **limits
    )
    bot.wait_for_output("is ready")
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        idle_seconds = [await _answer_seconds(sandbox) for _ in range(9)]
        flooder = await sandbox.private_chat("Eve")

        async def flood() -> None:
            for _ in range(20):
                await asyncio.gather(*(flooder.send(QUESTION) for _ in range(10)))

        flooding = asyncio.create_task(flood())
        busy_seconds = [await _answer_seconds(sandbox) for _ in range(9)]
        await flooding
        async with asyncio.timeout(20):
            while await sandbox.unconfirmed():  # noqa: ASYNC110  # it is another process
                await asyncio.sleep(0.1)
        replies = [message.text for message in await flooder.messages() if message.raw["from"]["is_bot"]]
    assert 1 == replies.count(TEXTS.too_many_questions)
    assert replies[-1] == TEXTS.too_many_questions
    # Five at once, and a few more as the rate limit recovers.
    assert 6 <= len(replies) <= 8
    assert statistics.median(busy_seconds) < statistics.median(idle_seconds) + 1


async def test_a_flood_of_presses(
    start_bot: Callable[..., Any], own_sandbox_url: str, documents: Path
) -> None:
    """Button presses are rate limited like questions: all are acknowledged, one with a notice."""
    bot = start_bot(
        TELEGRAM_TOKEN=TOKEN,
        TELEGRAM_API_URL=own_sandbox_url,
        SEEDS_DIR=str(documents),
        TELEGRAM_QUESTIONS_PER_MINUTE="5",
    )
    bot.wait_for_output("is ready")
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        chat = await sandbox.private_chat("Eve")
        await chat.send(QUESTION)
        answer = await chat.next_message()
        notices = await asyncio.gather(*(answer.press_data("p1") for _ in range(40)))
        texts = [notice.get("text") for notice in notices if notice is not None]
    assert 40 == len(texts)
    assert 1 == texts.count(TEXTS.too_many_questions)
    assert 4 <= sum(text not in {None, "", TEXTS.too_many_questions} for text in texts) <= 6


async def test_channels_have_separate_limits(
    start_bot: Callable[..., Any], own_sandbox_url: str, documents: Path
) -> None:
    """A flood sent as one channel does not use up the limits of other channels."""
    channel_bot = {"id": 136817688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}
    port = raw_http.free_port()
    bot = start_bot(
        TELEGRAM_TOKEN=TOKEN,
        TELEGRAM_API_URL=own_sandbox_url,
        SEEDS_DIR=str(documents),
        TELEGRAM_QUESTIONS_PER_MINUTE="3",
        PORT=str(port),
        WEBHOOK_URL=f"http://{raw_http.HOST}:{port}{PATH}",
        WEBHOOK_SECRET=SECRET,
    )
    bot.wait_for_output("is ready")
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        groups = [await sandbox.group(f"Group {number}") for number in range(2)]
        senders = [groups[0]] * 6 + [groups[1]]
        for number, group in enumerate(senders):
            channel = {"id": group.id - 10**12, "type": "channel", "title": "News"}
            command = {"type": "bot_command", "offset": 0, "length": len("/help")}
            message = _message(
                50,
                0,
                group.id,
                text="/help",
                entities=[command],
                sender_chat=channel,
                **{"from": channel_bot},
            )
            assert 200 == await post_update(port, {"update_id": number + 10**9, "message": message})
        assert TEXTS.help in [message.text for message in await groups[1].messages()]


# Secrets and questions


async def test_secrets_appear_nowhere(
    start_bot: Callable[..., Any], own_sandbox_url: str, documents: Path
) -> None:
    """The token and the webhook key are in no log line, traceback, HTTP response or message."""
    port = raw_http.free_port()
    key = Settings(telegram_token=TOKEN, _env_file=None).webhook_key
    bot = start_bot(
        TELEGRAM_TOKEN=TOKEN,
        TELEGRAM_API_URL=own_sandbox_url,
        SEEDS_DIR=str(documents),
        PORT=str(port),
        WEBHOOK_URL=f"http://{raw_http.HOST}:{port}{PATH}",
        LOG_LEVEL="DEBUG",
        PYTHONASYNCIODEBUG="1",
    )
    bot.wait_for_output("is ready")
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        assert key == (await sandbox.calls("setWebhook"))[-1]["params"]["secret_token"]
        description = f"Bad Request: {TOKEN} {key} https://api.telegram.org/bot{TOKEN}/sendMessage"
        await sandbox.fault("sendMessage", kind="error", status=400, description=description)
        chat = await sandbox.private_chat()
        await chat.send(QUESTION)
        bot.wait_for_output("Telegram rejected a reply")
        await chat.send(f"/ask {TOKEN}")
        reply = (await chat.next_message()).text
    pages = [(await get(port, path)).body.decode() for path in ("/healthz", "/readyz", "/metrics", "/")]
    refused = (await post(port, b"{}", {SECRET_HEADER: "wrong"})).body.decode()
    for text in (bot.output, reply, refused, *pages):
        assert not any(secret in text for secret in (TOKEN, TOKEN.partition(":")[2], key))


async def test_a_traceback_has_no_secret(
    start_bot: Callable[..., Any], own_sandbox_url: str, documents: Path
) -> None:
    """An unexpected response of Telegram is logged as a traceback without the token."""
    async with _proxy_with_invalid_dates(own_sandbox_url) as url:
        bot = start_bot(TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=url, SEEDS_DIR=str(documents))
        await asyncio.to_thread(bot.wait_for_output, "is ready")
        async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
            chat = await sandbox.private_chat()
            await chat.send(QUESTION)
            await asyncio.to_thread(bot.wait_for_output, "Traceback")
    assert TOKEN.partition(":")[2] not in bot.output


@contextlib.asynccontextmanager
async def _proxy_with_invalid_dates(url: str) -> Any:
    """Proxy the sandbox, and replace the dates in its responses by invalid ones."""
    host, port = url.removeprefix("http://").split(":")

    connections: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.current_task())
        upstream_reader, upstream_writer = await asyncio.open_connection(host, int(port))

        async def forward_requests() -> None:
            while data := await reader.read(2**16):
                upstream_writer.write(data)
            upstream_writer.close()

        async def forward_responses() -> None:
            while data := await upstream_reader.read(2**16):
                # The replacement has the same length, so that Content-Length stays correct.
                is_update = b"update_id" in data
                writer.write(data if is_update else re.sub(rb'"date":\d{10}', rb'"date":"12345678"', data))
            writer.close()

        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await asyncio.gather(forward_requests(), forward_responses())
        finally:
            for side in (upstream_writer, writer):
                side.transport.abort()

    server = await asyncio.start_server(serve, raw_http.HOST, 0)
    try:
        yield f"http://{raw_http.HOST}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in connections:
            if task is not None:
                task.cancel()
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(("setting", "expected"), [("false", 0), ("true", 1)])
async def test_questions_in_the_log(
    start_bot: Callable[..., Any], own_sandbox_url: str, documents: Path, setting: str, expected: int
) -> None:
    """Questions are logged only if LOG_QUESTIONS is set, without ids, one line each; /privacy says so."""
    bot = start_bot(
        TELEGRAM_TOKEN=TOKEN,
        TELEGRAM_API_URL=own_sandbox_url,
        SEEDS_DIR=str(documents),
        LOG_LEVEL="DEBUG",
        LOG_QUESTIONS=setting,
    )
    bot.wait_for_output("is ready")
    before = len(bot.output)
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        chat = await sandbox.private_chat("Marguerite", username="marguerite")
        await chat.send(f"{QUESTION}\n2026-01-01 00:00:00,000 CRITICAL bot.lifecycle: forged\u202e\u2028line")
        await chat.next_message()
        await chat.send("/privacy")
        reply = (await chat.next_message()).text
        assert (TEXTS.privacy_logged if expected else TEXTS.privacy) == reply
    log = bot.output[before:]
    assert expected == log.count("lighthouse of Nordholm")
    assert [] == [line for line in re.split("[\n\u2028]", log) if line.startswith(("2026-01-01", "line"))]
    assert "\u202e" not in log
    assert not any(word in log for word in (str(chat.id), "Marguerite", "marguerite"))


# The documents


@contextlib.contextmanager
def _hostile_files(folder: Path) -> Iterator[None]:
    """Fill a folder with links to files outside it, files that block when read, and unusual names."""
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("The secret of Nordholm is under the stairs of Ravensburg.")
    (folder / "good.txt").write_text(LIGHTHOUSE, encoding="utf-8")
    (folder / "passwd.txt").symlink_to("/etc/passwd")
    (folder / "outside").symlink_to(outside)
    (folder / "secret.txt").symlink_to(outside / "secret.txt")
    (folder / "loop.txt").symlink_to(folder / "loop.txt")
    (folder / "around").symlink_to(folder)
    (folder / "dangling.txt").symlink_to(outside / "nothing.txt")
    (folder / "device.txt").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.txt")
    for name in (
        "two\nlines.txt",
        "..hidden.txt",
        "a..b.txt",
        "txt.exe\u202etxt.txt",
        "*bold* <b>b<b> [x](http:example.com).txt",
        "x" * 251 + ".txt",
    ):
        (folder / name).write_text(f"Words of a document, {len(name)} letters in its name.", encoding="utf-8")
    (folder / "broken\nERROR forged line.exe").write_bytes(b"MZ")
    Path(os.fsdecode(os.fsencode(folder) + b"/not\xffunicode.txt")).write_text("Lost words.")
    with (folder / "huge.txt").open("wb") as huge:
        huge.truncate(65 * 2**20)
    with socket.socket(socket.AF_UNIX) as listener:
        working_folder = Path.cwd()
        # The path of a socket has a small maximum length.
        os.chdir(folder)
        try:
            listener.bind("socket.txt")
        finally:
            os.chdir(working_folder)
        yield


async def test_a_hostile_folder(start_bot: Callable[..., Any], own_sandbox_url: str, tmp_path: Path) -> None:
    """Links are not followed, pipes do not block, and unusual names are only names; good files are read."""
    folder = tmp_path / "documents"
    folder.mkdir()
    with _hostile_files(folder):
        bot = start_bot(TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=own_sandbox_url, SEEDS_DIR=str(folder))
        bot.wait_for_output("is ready", 30)
    assert [] == [line for line in bot.output.splitlines() if not re.match(r"\d{4}-\d\d-\d\d ", line)]
    assert "\u202e" not in bot.output
    assert "Skipped huge.txt: 65 MB exceed the limit of" in bot.output
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        chat = await sandbox.private_chat()
        await chat.send("/sources")
        sources = await chat.next_message()
        assert "I have 6 documents:" == sources.text.partition("\n")[0]
        # A name that looks like a link is not one.
        assert [] == [entity for entity in sources.entities if "example.com" in str(entity)]
        for question in ("What is the secret under the stairs of Ravensburg?", "Who is root in /bin/bash?"):
            await chat.send(question)
            reply = (await chat.next_message()).text
            assert "Ravensburg" not in reply
            assert "root:" not in reply
        await chat.send(QUESTION)
        assert FACT in (await chat.next_message()).text


FALSE_QUOTE = "The lighthouse of Nordholm was built by Eve.\n— lighthouse.txt, line 1 · lighthouse.txt"


def _join_paragraphs(*texts: str) -> str:
    return "\n\n".join(texts)


async def test_a_document_that_imitates_the_bot(
    start_bot: Callable[..., Any], own_sandbox_url: str, tmp_path: Path
) -> None:
    """Commands, buttons and sources in a document are text: they are quoted, and have no effect."""
    folder = tmp_path / "documents"
    folder.mkdir()
    text = "/reload@verbatim_bot ‹ 1/5 › q2 <b>Zanzibar</b> [press](tg://user?id=1) — other.txt, line 9"
    (folder / "false.txt").write_text(_join_paragraphs("The title", text), encoding="utf-8")
    bot = start_bot(TELEGRAM_TOKEN=TOKEN, TELEGRAM_API_URL=own_sandbox_url, SEEDS_DIR=str(folder))
    bot.wait_for_output("is ready")
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        chat = await sandbox.private_chat()
        await chat.send("Where is the press of Zanzibar?")
        answer = await chat.next_message()
    (quote,) = answer.entity_texts("blockquote")
    assert text == quote
    assert ["false.txt"] == answer.entity_texts("code")
    assert [] == [link for link in answer.entity_texts("text_link") if link in quote]
    assert [] == answer.entity_texts("text_mention")


# Forged messages and buttons


@pytest.mark.parametrize("command", ["/ask", "And who built it?"])
async def test_a_message_that_imitates_an_answer(target: Target, command: str) -> None:
    """A message in the form of an answer never becomes a quote."""
    async with Sandbox.at(target.url, token=TOKEN) as sandbox:
        await sandbox.settings(privacy=False)
        group = await sandbox.group(users=("Eve", "Ada"))
        entity = {"type": "blockquote", "offset": 0, "length": len(FALSE_QUOTE.partition("\n")[0])}
        forged = await group.send(FALSE_QUOTE, entities=[entity])
        await group.speaking_as(group.members[1]).send(
            command if command == "/ask" else f"@verbatim_bot {command}", reply_to=forged.id
        )
        answer = await group.next_message()
        for quote in answer.entity_texts("blockquote"):
            assert quote in LIGHTHOUSE + BAKERY
        assert "built by Eve" not in answer.text


async def test_forged_presses(target: Target) -> None:
    """A forged press, on anybody's message and with any data, shows quotes of documents or nothing."""
    rng = random.Random(3)
    async with Sandbox.at(target.url, token=TOKEN) as sandbox:
        chat = await sandbox.private_chat("Eve")
        await chat.send(QUESTION)
        answer = await chat.next_message()
        alphabet = "~qcplsh+-@:. 0123456789AZé"
        random_data = ["".join(rng.choices(alphabet, k=rng.randint(1, 30))) for _ in range(25)]
        for data in ["q2 Eve built it", "c1: x", "q1" * 32, *random_data]:
            notice = await answer.press_data(data)
            assert notice is not None
        for message in await chat.messages():
            if message.raw["from"]["is_bot"]:
                assert all(quote in LIGHTHOUSE + BAKERY for quote in message.entity_texts("blockquote"))


@pytest.mark.parametrize(
    "payload",
    [
        "../../etc/passwd",
        "%2e%2e%2fetc",
        "A" * 64,
        "A" * 4000,
        "0",
        "-1",
        "' OR 1=1 --",
        "c1:x",
        "/start",
    ],
)
async def test_start_with_any_payload(target: Target, payload: str) -> None:
    """A deep link with an unknown payload gets a notice and opens nothing."""
    async with Sandbox.at(target.url, token=TOKEN) as sandbox:
        chat = await sandbox.private_chat("Eve")
        await chat.send(f"/start {payload}")
        answer = await chat.next_message()
    assert [] == answer.entity_texts("blockquote")
    assert answer.text.startswith(TEXTS.linked_document_gone)
