"""Calls of a conversation conform to the Bot API, and its log has no secrets."""

import asyncio
from typing import Any

import pytest

from sandbox.control_client import Sandbox
from tests import botapi_table

pytestmark = pytest.mark.e2e

QUESTION = "Who built the lighthouse of Nordholm?"


async def _converse(sandbox: Sandbox) -> None:
    chat = await sandbox.private_chat()
    for text in (QUESTION, "/sources", "Who painted the ceiling?"):
        await chat.send(text)
        reply = await chat.next_message()
        for button in reply.buttons:
            if "callback_data" in button:
                await reply.press_data(button["callback_data"])


async def test_calls_conform(sandbox: Sandbox) -> None:
    """Every call of the bot is a published method with parameters of the published types."""
    table = botapi_table.load()
    await _converse(sandbox)
    calls = await sandbox.calls()
    problems = [table.call_problems(call["method"], call["params"], call["files"]) for call in calls]
    assert [] == [problem for call_problems in problems for problem in call_problems]


async def test_no_unknown_calls_were_made(sandbox: Sandbox) -> None:
    """The sandbox got no unknown method or parameter, and rejected no reply."""
    await _converse(sandbox)
    assert [] == await sandbox.violations()
    refused = [call for call in await sandbox.calls() if not call["response"]["ok"]]
    assert [] == [
        call
        for call in refused
        if "not modified" not in call["response"]["description"] and call["method"] != "getUpdates"
    ]


async def test_the_log_has_no_token_and_no_question(sandbox: Sandbox, bot: Any) -> None:
    """At log level DEBUG the log contains no token, no question and no traceback."""
    await _converse(sandbox)
    await asyncio.sleep(0.1)
    assert "DEBUG" in bot.output
    for secret in (
        sandbox.token,
        sandbox.token.partition(":")[2],
        "lighthouse of Nordholm",
        "ceiling",
        "Traceback",
    ):
        assert secret not in bot.output
