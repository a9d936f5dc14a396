"""The HTTP server: addresses, parameters, files, faults, the webhook."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from sandbox.control_client import ChatClient, Sandbox
    from tests.sandbox.conftest import Bot

pytestmark = pytest.mark.slow

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001000500"
    "0d0a2db40000000049454e44ae426082"
)


@pytest.fixture
async def ada(sandbox: Sandbox) -> ChatClient:
    chat = await sandbox.private_chat("Ada")
    await chat.send("/start")
    return chat


@pytest.mark.parametrize(
    ("path", "code", "description"),
    [
        ("/bot1:wrong/getMe", 401, "Unauthorized"),
        ("/botnonsense/getMe", 404, "Not Found"),
        ("/bot{token}/getNothing", 404, "Not Found"),
        ("/bot{token}/GETME", 200, None),
        ("/bot{token}/test/getMe", 200, None),
        ("/file/bot1:wrong/documents/a", 404, "Not Found"),
    ],
)
async def test_addresses(sandbox: Sandbox, path: str, code: int, description: str | None) -> None:
    """Calls need the token, with or without `/test`. Method names are case-insensitive."""
    response = await sandbox.http.get(sandbox.url + path.format(token=sandbox.token))
    assert response.status_code == code
    assert response.json().get("description") == description


@pytest.mark.parametrize("encoding", ["query", "json", "form", "multipart"])
async def test_parameters_in_every_encoding(
    sandbox: Sandbox, bot: Bot, ada: ChatClient, encoding: str
) -> None:
    """Parameters may come as a query, JSON, a form or multipart, with nested JSON as text."""
    fields = {
        "chat_id": str(ada.id),
        "text": "bold",
        "entities": json.dumps([{"type": "bold", "offset": 0, "length": 4}]),
    }
    url = f"{bot.url}/sendMessage"
    requests: dict[str, dict[str, Any]] = {
        "query": {"method": "GET", "params": fields},
        "json": {"method": "POST", "json": fields},
        "form": {"method": "POST", "data": fields},
        "multipart": {"method": "POST", "files": {name: (None, value) for name, value in fields.items()}},
    }
    answer = (await sandbox.http.request(url=url, **requests[encoding])).json()
    assert answer["result"]["entities"] == [{"type": "bold", "offset": 0, "length": 4}]


async def test_wrong_parameters_are_refused(bot: Bot, ada: ChatClient) -> None:
    """Missing parameters and malformed JSON are rejected with Telegram's messages."""
    assert await bot.refusal("sendMessage", text="a") == "Bad Request: chat_id is empty"
    assert await bot.refusal("sendMessage", chat_id=ada.id) == "Bad Request: message text is empty"
    assert "can't parse" in await bot.refusal("sendMessage", chat_id=ada.id, text="a", entities="[")
    refused = await bot.refusal("sendMessage", chat_id=ada.id, text="<b>a</b>", parse_mode="HTML")
    assert refused == "Bad Request: can't parse entities: the sandbox accepts entities only"


async def test_unknown_parameters_are_violations(sandbox: Sandbox, bot: Bot, ada: ChatClient) -> None:
    """A parameter that the method does not have is ignored, as in Telegram, but logged as a violation."""
    await bot.result("sendMessage", chat_id=ada.id, text="a", reply_to_message_id=1)
    assert await sandbox.violations() == [
        {"method": "sendMessage", "problem": "unknown parameter reply_to_message_id"}
    ]


async def test_every_call_is_logged(sandbox: Sandbox, bot: Bot, ada: ChatClient) -> None:
    """A tester can read the bot's calls with their parameters and responses."""
    await bot("sendMessage", chat_id=ada.id, text="")
    (call,) = await sandbox.calls("sendMessage")
    assert call["params"] == {"chat_id": ada.id, "text": ""}
    assert call["response"]["description"] == "Bad Request: message text is empty"


async def test_an_uploaded_file_can_be_downloaded(sandbox: Sandbox, bot: Bot, ada: ChatClient) -> None:
    """An uploaded file can be downloaded, and sent again by its id as the same kind of file."""
    fields = {"chat_id": str(ada.id), "document": "attach://part", "caption": "c"}
    part = {"part": ("../a b.txt", b"words", "text/plain")}
    answer = (await sandbox.http.post(f"{bot.url}/sendDocument", data=fields, files=part)).json()
    document = answer["result"]["document"]
    assert (document["file_name"], document["file_size"]) == ("a b.txt", 5)
    path = (await bot.result("getFile", file_id=document["file_id"]))["file_path"]
    assert (await sandbox.http.get(f"{sandbox.url}/file/bot{sandbox.token}/{path}")).content == b"words"
    again = await bot.result("sendDocument", chat_id=ada.id, document=document["file_id"])
    assert again["document"]["file_id"] == document["file_id"]
    refused = await bot.refusal("sendPhoto", chat_id=ada.id, photo=document["file_id"])
    assert "can't use file of type Document as Photo" in refused


async def test_a_photo_has_its_size(sandbox: Sandbox, bot: Bot, ada: ChatClient) -> None:
    """Width and height are read from the image, and a file that is not an image is rejected."""
    fields = {"chat_id": str(ada.id)}
    for content, expected in ((PIXEL, (1, 1)), (b"no picture", None)):
        files = {"photo": ("a.png", content, "image/png")}
        answer = (await sandbox.http.post(f"{bot.url}/sendPhoto", data=fields, files=files)).json()
        if expected:
            assert (answer["result"]["photo"][0]["width"], answer["result"]["photo"][0]["height"]) == expected
        else:
            assert answer["description"] == "Bad Request: IMAGE_PROCESS_FAILED"


async def test_another_site_cannot_drive_the_sandbox(sandbox: Sandbox) -> None:
    """The control API accepts JSON only, which a page of another site can't send without a preflight."""
    response = await sandbox.http.post(f"{sandbox.url}/control/state", content="{}")
    assert response.status_code == 415


async def test_faults_hit_the_calls_they_name(sandbox: Sandbox, bot: Bot, ada: ChatClient) -> None:
    """A fault skips `skip` calls, hits the next `times`, and is used up."""
    text = "Too Many Requests: retry after 3"
    await sandbox.fault("sendMessage", status=429, retry_after=3, description=text, times=2, skip=1)
    answers = [await bot("sendMessage", chat_id=ada.id, text="a") for _ in range(4)]
    assert [answer["ok"] for answer in answers] == [True, False, False, True]
    assert answers[1]["parameters"] == {"retry_after": 3}


@pytest.mark.parametrize("kind", ["drop", "cut"])
@pytest.mark.parametrize("is_applied", [True, False])
async def test_a_lost_answer(served: Sandbox, kind: str, is_applied: bool) -> None:
    """A fault closes the connection before the response is complete. The message is sent if it is applied."""
    chat = await served.private_chat("Ada")
    await chat.send("/start")
    await served.fault("sendMessage", kind=kind, is_applied=is_applied)
    url = f"{served.url}/bot{served.token}/sendMessage"
    with pytest.raises(httpx.RemoteProtocolError):
        await served.http.post(url, json={"chat_id": chat.id, "text": "a"})
    assert len(await chat.messages()) == 1 + is_applied
    assert (await served.http.post(url, json={"chat_id": chat.id, "text": "b"})).json()["ok"]


async def test_garbage_is_not_json(sandbox: Sandbox, bot: Bot) -> None:
    """A garbage fault responds with an HTML page, as a proxy does."""
    await sandbox.fault("getMe", kind="garbage", status=502)
    response = await sandbox.http.get(f"{bot.url}/getMe")
    assert (response.status_code, response.text[:6]) == (502, "<html>")


async def test_a_killed_poller_leaves_the_queue_free(served: Sandbox) -> None:
    """A poll whose client has disconnected takes no update from the queue."""
    url = f"{served.url}/bot{served.token}/getUpdates"
    chat = await served.private_chat("Ada")
    async with httpx.AsyncClient(trust_env=False) as killed:
        poll = asyncio.create_task(killed.post(url, json={"timeout": 30}))
        await asyncio.sleep(0.3)
        poll.cancel()
        await asyncio.wait({poll})
    await chat.send("hi")
    await asyncio.sleep(0.1)
    assert len((await served.http.post(url, json={})).json()["result"]) == 1


class Receiver:
    """A bot's webhook that fails the first request and accepts all others.

    `received` lists the secret and the update id of each request; `delay_seconds` delays the responses.
    """

    def __init__(self) -> None:
        self.received: list[tuple[str | None, int]] = []
        self.delay_seconds = 0.0
        self.app = Starlette(routes=[Route("/hook", self.receive, methods=["POST"])])

    async def receive(self, request: Request) -> Response:
        update = await request.json()
        self.received.append((request.headers.get("x-telegram-bot-api-secret-token"), update["update_id"]))
        is_first = len(self.received) == 1
        await asyncio.sleep(self.delay_seconds)
        return Response(status_code=500 if is_first else 200)


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()
    server = uvicorn.Server(uvicorn.Config(receiver.app, port=0, log_level="critical"))
    serving = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield receiver, f"http://127.0.0.1:{port}/hook"
    server.should_exit = True
    await serving


async def test_a_webhook_gets_an_update_until_it_accepts(
    sandbox: Sandbox, bot: Bot, ada: ChatClient, receiver: tuple[Receiver, str]
) -> None:
    """Updates go to the webhook with its secret, and again after a failure. Polling is a conflict."""
    hook, url = receiver
    await bot.result("setWebhook", url=url, secret_token="s-1")
    assert "webhook is active" in await bot.refusal("getUpdates")
    for _ in range(100):
        if not await sandbox.unconfirmed():
            break
        await asyncio.sleep(0.05)
    info = await bot.result("getWebhookInfo")
    assert (info["url"], info["pending_update_count"]) == (url, 0)
    assert "500" in info["last_error_message"]
    assert [secret for secret, _ in hook.received] == ["s-1", "s-1"]
    assert hook.received[0] == hook.received[1]
    await bot.result("deleteWebhook")
    assert (await bot.result("getWebhookInfo"))["url"] == ""
    assert ada.id


@pytest.mark.parametrize("is_applied", [False, True])
async def test_a_fault_hits_the_delivery_of_an_update(
    sandbox: Sandbox,
    bot: Bot,
    ada: ChatClient,
    receiver: tuple[Receiver, str],
    is_applied: bool,
) -> None:
    """An update is sent again if it or its response is lost, and the fault does not hit calls."""
    hook, url = receiver
    await sandbox.fault("webhook", kind="drop", is_applied=is_applied, chat_id=ada.id)
    await bot.result("setWebhook", url=url)
    for _ in range(100):
        if not await sandbox.unconfirmed():
            break
        await asyncio.sleep(0.05)
    # The receiver fails the first request that arrives, whether or not its response is lost.
    assert 2 == len(hook.received)
    assert 1 == len(set(hook.received))
    await bot.result("deleteWebhook")


async def test_setting_the_same_webhook_again_interrupts_nothing(
    bot: Bot, ada: ChatClient, receiver: tuple[Receiver, str]
) -> None:
    """An update under way arrives once if the same webhook is set again in the meantime."""
    hook, url = receiver
    hook.delay_seconds = 0.3
    await bot.result("setWebhook", url=url, secret_token="s-1")
    await asyncio.sleep(0.15)
    assert 1 == len(hook.received)
    await bot.result("setWebhook", url=url, secret_token="s-1")
    await asyncio.sleep(0.5)
    assert 1 == len(hook.received)
    assert (await bot.result("getWebhookInfo"))["url"] == url
    await bot.result("deleteWebhook")
    assert ada.id


async def test_a_webhook_needs_https_and_a_plain_secret(bot: Bot) -> None:
    """A public webhook must use https, and a secret may have letters, digits, _ and - only."""
    assert "HTTPS" in await bot.refusal("setWebhook", url="http://example.com/hook")
    refused = await bot.refusal("setWebhook", url="https://example.com/hook", secret_token="a b")
    assert refused == "Bad Request: secret token contains unallowed characters"
