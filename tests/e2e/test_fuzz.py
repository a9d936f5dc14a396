"""Random updates generated from the published types, sent to the real process."""

import json
import random
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sandbox.control_client import Sandbox
from tests import botapi_table
from tests.botapi_table import Table
from tests.e2e.conftest import TOKEN, Process
from tests.e2e.raw_http import HOST, PATH, SECRET, SECRET_HEADER, get, run_webhook_bot

pytestmark = pytest.mark.e2e

QUESTION = "Who built the lighthouse of Nordholm?"
FACT = "Clara Brandt"
BOT_ID = int(TOKEN.partition(":")[0])
# The first user of a sandbox, to whom answers can be sent.
USER_ID = 5_000_000_001
MAX_DEPTH = 4
MAX_OPTIONAL_FIELDS = 5

# Realistic values of fields, so that updates also reach the code behind the parser.
REALISTIC_VALUES: dict[tuple[str, str], list[Any]] = {
    ("Chat", "type"): ["private", "group", "supergroup", "channel"],
    ("Chat", "id"): [USER_ID, -USER_ID],
    ("User", "id"): [USER_ID, BOT_ID],
    ("Message", "date"): [0, 1, 1_800_000_000],
    ("InaccessibleMessage", "date"): [0],
    ("User", "language_code"): ["en", "de", "ar", "zh-hans", "xx", ""],
    ("MessageEntity", "type"): ["bot_command", "mention", "bold", "blockquote", "text_link"],
    ("CallbackQuery", "data"): ["q1", "q99", "~q1", "c1:AAAAAAAA", "p2 " + "é" * 20, "q1 \ud800"],
}
TEXTS = [
    QUESTION,
    "/start",
    "/start ../../etc/passwd",
    "/start " + "A" * 64,
    "/ask",
    f"/ask@verbatim_bot {QUESTION}",
    "/sources",
    "/nonsense",
    "\ud800 who built the lighthouse \udfff?",
    "\u202emohldroN\u202c who built the lighthouse?",
    "\u200b\u200d\ufeff",
    "من بنى المنارة؟",
    "e" + "\u0301" * 4095,
    "a" * 4096,
    "🗼" * 2048,
    "\x00",
]
COMMON_UPDATES = ["message", "edited_message", "callback_query"]

anything = st.characters(exclude_categories=())
texts = st.sampled_from(TEXTS) | st.text(anything, max_size=40)
numbers = (
    st.integers(-(2**52), 2**52) | st.integers(-3, 40) | st.sampled_from([2**31, 2**63, 10**40, -(10**400)])
)
floats = st.floats(allow_nan=False, allow_infinity=False)
junk = st.recursive(
    st.none() | st.booleans() | numbers | floats | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
PLAIN_TYPES: dict[str, st.SearchStrategy[Any]] = {
    "Integer": numbers,
    "Float": floats,
    "String": texts,
    "Boolean": st.booleans(),
    "True": st.just(value=True),
}


@st.composite
def values(draw: st.DrawFn, table: Table, kind: str, depth: int, field_path: tuple[str, str]) -> Any:
    """Return a random value of a published type, and rarely one of another type."""
    if draw(st.integers(0, 149)) == 0:
        return draw(junk)
    if field_path in REALISTIC_VALUES and draw(st.integers(0, 4)):
        return draw(st.sampled_from(REALISTIC_VALUES[field_path]))
    if kind.startswith("Array of "):
        inner = values(table, kind.removeprefix("Array of "), depth + 1, field_path)
        return draw(st.lists(inner, max_size=0 if depth > MAX_DEPTH else 2))
    if kind in PLAIN_TYPES:
        return draw(PLAIN_TYPES[kind])
    published = table.types[kind]
    if subtypes := published.get("subtypes"):
        return draw(values(table, draw(st.sampled_from(subtypes)), depth, field_path))
    return draw(objects(table, kind, depth))


@st.composite
def objects(draw: st.DrawFn, table: Table, kind: str, depth: int = 0) -> dict[str, Any]:
    fields = table.types[kind].get("fields", [])
    optional = [field["name"] for field in fields if not field["required"]]
    chosen: set[str] = set()
    if optional and depth <= MAX_DEPTH:
        chosen = set(draw(st.lists(st.sampled_from(optional), max_size=MAX_OPTIONAL_FIELDS)))
    if kind == "Message" and draw(st.booleans()):
        chosen |= {"text", "from"}
    content = {}
    for field in fields:
        if field["required"] or field["name"] in chosen:
            types = draw(st.sampled_from(field["types"]))
            content[field["name"]] = draw(values(table, types, depth + 1, (kind, field["name"])))
    return content


@st.composite
def updates(draw: st.DrawFn, table: Table) -> dict[str, Any]:
    """Return a random update with one kind of content, a common kind in half of the cases."""
    kinds = [field["name"] for field in table.types["Update"]["fields"] if not field["required"]]
    kind = draw(st.sampled_from(COMMON_UPDATES) | st.sampled_from(kinds))
    (published,) = [field for field in table.types["Update"]["fields"] if field["name"] == kind]
    content = draw(values(table, published["types"][0], 1, ("Update", kind)))
    return {"update_id": 0, kind: content}


class WebhookClient:
    """Sends updates to the webhook, each on a new connection, with increasing ids."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = iter(range(10**9, 2 * 10**9))

    def post_update(self, update: dict[str, Any]) -> int:
        return self.post(json.dumps(update | {"update_id": next(self._numbers)}).encode())

    def post(self, body: bytes) -> int:
        # An idle connection would be closed if generating the next update takes long.
        with closing(HTTPConnection(HOST, self._port, timeout=60)) as connection:
            connection.request("POST", PATH, body, {SECRET_HEADER: SECRET})
            return connection.getresponse().status


@pytest.fixture(scope="module")
def table() -> Table:
    return botapi_table.load()


@dataclass(frozen=True)
class RunningBot:
    bot: Process
    port: int
    url: str
    client: WebhookClient

    async def check_health(self) -> None:
        """Check that the process is running, answers, and has logged no traceback."""
        assert self.bot.popen.poll() is None
        assert 200 == (await get(self.port, "/healthz")).status
        async with Sandbox.at(self.url, token=TOKEN) as sandbox:
            chat = await sandbox.private_chat("Omar")
            await chat.send(QUESTION)
            assert FACT in (await chat.next_message()).entity_texts("blockquote")[0]
        lines = self.bot.output.splitlines()
        assert [] == [line for line in lines if not re.match(r"\d{4}-\d\d-\d\d [\d:,]+ [A-Z]+ ", line)]


@pytest.fixture(scope="module")
def running(documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBot]:
    """Start a bot in webhook mode without rate limits."""
    with run_webhook_bot(
        tmp_path_factory.mktemp("running"), documents, TELEGRAM_QUESTIONS_PER_MINUTE="0"
    ) as (
        bot,
        port,
        url,
    ):
        yield RunningBot(bot, port, url, WebhookClient(port))


def _post_random_updates(table: Table, client: WebhookClient, examples: int) -> set[int]:
    statuses: set[int] = set()

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(update=updates(table))
    def post(update: dict[str, Any]) -> None:
        statuses.add(client.post_update(update))

    post()
    return statuses


@pytest.mark.parametrize("examples", [300, pytest.param(10_000, marks=pytest.mark.soak)])
async def test_updates_of_any_kind(table: Table, running: RunningBot, examples: int) -> None:
    """Every update is accepted; one that cannot be parsed is logged in one line, and the next is answered."""
    async with Sandbox.at(running.url, token=TOKEN) as sandbox:
        chat = await sandbox.private_chat()
        await chat.send("/help")
        await chat.next_message()
    assert {200} == _post_random_updates(table, running.client, examples)
    await running.check_health()


def _random_bodies(count: int) -> Iterator[bytes]:
    """Return random bodies, and updates with a few random bytes."""
    rng = random.Random(20)
    message = {"message_id": 1, "date": 1, "chat": {"id": USER_ID, "type": "private"}, "text": QUESTION}
    valid = json.dumps({"update_id": 1, "message": message}).encode()
    for number in range(count):
        if number % 2:
            yield rng.randbytes(rng.choice([0, 1, 3, 50, 5000]))
        else:
            body = bytearray(valid)
            for _ in range(rng.randint(1, 4)):
                body[rng.randrange(len(body))] = rng.randrange(256)
            yield bytes(body)


async def test_bodies_of_any_bytes(running: RunningBot) -> None:
    """Bodies that are not updates are rejected, each with a response, and have no effect."""
    assert {200, 400} == {running.client.post(body) for body in _random_bodies(2000)}
    await running.check_health()


def _nested_replies(depth: int, inner: str) -> bytes:
    """Return the JSON of deeply nested replies, which json.dumps cannot write."""
    message = '{"message_id":1,"date":1,"chat":{"id":1,"type":"private"},"text":"x"'
    return (f'{{"update_id":{depth},"{inner}":' + f'{message},"reply_to_message":' * depth).encode() + (
        message.encode() + b"}" * (depth + 2)
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (_nested_replies(30, "message"), 200),
        (_nested_replies(150, "message"), 200),
        (_nested_replies(400, "message"), 200),
        (_nested_replies(450, "edited_message"), 200),
        # How deep the parser of JSON goes depends on the version of Python.
        (_nested_replies(5000, "message"), None),
        (b"[" * 100_000, 400),
        (b'{"update_id":' + b"9" * 5000 + b"}", 400),
        (b'{"update_id":' + b"9" * 4000 + b"}", 200),
        (b'{"update_id":true}', 400),
        (b'{"update_id":1.0}', 400),
        (b'{"update_id":NaN}', 400),
        (b"null", 400),
        (b"", 400),
        (b'{"update_id":1}'.decode().encode("utf-16"), 200),
        (b'\xef\xbb\xbf{"update_id":2}', 200),
    ],
)
async def test_bodies_that_are_hard_to_parse(running: RunningBot, body: bytes, expected: int | None) -> None:
    """Deep nesting and very long numbers get a response like any other body."""
    status = running.client.post(body)
    assert status in ({200, 400} if expected is None else {expected})
    await running.check_health()
