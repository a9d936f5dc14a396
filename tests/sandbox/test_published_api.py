"""The sandbox against the published table of the Bot API: parameters, results and updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sandbox import api_methods
from sandbox.bot_api import BotApi
from sandbox.pending_queries import PendingQueries
from sandbox.updates import WebhookDelivery
from tests import botapi_table
from tests.sandbox.test_conversation import ATTACHMENTS

if TYPE_CHECKING:
    from sandbox.control_client import Sandbox
    from sandbox.state import TelegramState
    from tests.sandbox.conftest import Bot


@pytest.fixture
def table() -> botapi_table.Table:
    return botapi_table.load()


def test_every_method_of_the_table_is_served(telegram: TelegramState) -> None:
    """Every method with published parameters has a handler, and no other has one."""
    api = BotApi(telegram, PendingQueries(telegram), WebhookDelivery(telegram.updates, telegram.faults))
    assert sorted(api._handlers) == sorted(api_methods.PUBLISHED_METHODS)


@pytest.mark.parametrize("method", api_methods.PUBLISHED_METHODS)
def test_parameters_are_the_published_ones(table: botapi_table.Table, method: str) -> None:
    """Names, types and required parameters equal those of the published table."""
    published = {
        field["name"]: api_methods.Parameter(field["name"], tuple(field["types"]), field["required"])
        for field in table.methods[method].get("fields", [])
    }
    assert api_methods.published_parameters(method) == published


async def test_everything_sent_conforms(table: botapi_table.Table, sandbox: Sandbox, bot: Bot) -> None:
    """Every update and every result has the published fields and types, and no other fields."""
    await _exercise_every_kind(sandbox, bot)
    updates = await sandbox.unconfirmed()
    kinds = {kind for update in updates for kind in update} - {"update_id"}
    assert kinds == {
        "message",
        "edited_message",
        "callback_query",
        "inline_query",
        "chosen_inline_result",
        "guest_message",
        "my_chat_member",
    }
    problems = [problem for update in updates for problem in table.problems(update, "Update")]
    for call in await sandbox.calls():
        returns = table.methods[call["method"]]["returns"]
        assert call["response"]["ok"], call
        # A method may return one of several types: the one that fits best counts.
        candidates = [table.problems(call["response"]["result"], kind) for kind in returns]
        problems += [f"{call['method']}: {problem}" for problem in min(candidates, key=len)]
        problems += table.call_problems(call["method"], call["params"], call["files"])
    assert problems == []


def test_the_table_finds_wrong_fields(table: botapi_table.Table) -> None:
    """The check against the table reports missing, unknown and mistyped fields."""
    wrong = {"message_id": "1", "chat": {"id": 1, "type": "private"}, "colour": "red"}
    assert sorted(table.problems(wrong, "Message")) == [
        "Message.colour is unknown",
        "Message.date is missing",
        "Message.message_id is not of type Integer: '1'",
    ]
    params = {"chat_id": "1", "entities": '[{"type": "bold", "offset": 0}]'}
    assert sorted(table.call_problems("sendMessage", params, {})) == [
        "sendMessage.entities[0].length is missing",
        "sendMessage.text is missing",
    ]


async def _exercise_every_kind(sandbox: Sandbox, bot: Bot) -> None:
    """Let users and the bot do everything that the sandbox supports, once."""
    buttons = {"inline_keyboard": [[{"text": "Next", "callback_data": "n"}]]}
    chat = await sandbox.private_chat("Ada", username="ada")
    await chat.send("/start")
    question = await chat.send(
        "bold 😀 https://example.com", entities=[{"type": "bold", "offset": 0, "length": 4}]
    )
    await chat.send(sticker="😀")
    for kind in ATTACHMENTS:
        await chat.send(attachment=kind)
    sent_file = await chat.send_document("a.txt", b"words", caption="a file")
    await question.edit("another")
    where = {"chat_id": chat.id}
    reply = {"message_id": question.id, "quote": "another"}
    sent = await bot.result("sendMessage", **where, text="one", reply_parameters=reply, reply_markup=buttons)
    answer = await chat.next_message()
    await answer.press("Next", timeout=0)
    query = (await sandbox.unconfirmed())[-1]["callback_query"]
    await bot.result("answerCallbackQuery", callback_query_id=query["id"], text="there")
    await bot.result("editMessageText", **where, message_id=sent["message_id"], text="two")
    await bot.result("sendDocument", **where, document=sent_file.raw["document"]["file_id"], caption="c")
    await bot.result("copyMessage", **where, from_chat_id=chat.id, message_id=sent["message_id"])
    await bot.result("forwardMessage", **where, from_chat_id=chat.id, message_id=question.id)
    await bot.result(
        "setMessageReaction", **where, message_id=question.id, reaction=[{"type": "emoji", "emoji": "👍"}]
    )
    await bot.result("sendChatAction", **where, action="typing")
    inline = await chat.inline("q", timeout=0)
    content = {"message_text": "text"}
    results = [
        {
            "type": "article",
            "id": "1",
            "title": "T",
            "input_message_content": content,
            "reply_markup": buttons,
        }
    ]
    await bot.result("answerInlineQuery", inline_query_id=inline["query_id"], results=results)
    picked = await chat.pick(inline["query_id"], "1")
    await picked.press_data("n", timeout=0)
    friends = await sandbox.group(bot=False)
    await friends.call_in("@verbatim_bot who?")
    guest_query_id = (await sandbox.unconfirmed())[-1]["guest_message"]["guest_query_id"]
    guest = await bot.result("answerGuestQuery", guest_query_id=guest_query_id, result=results[0])
    await bot.result("editMessageText", inline_message_id=guest["inline_message_id"], text="edited")
    forum = await sandbox.group(is_forum=True)
    topic = await sandbox.control("topic", chat_id=forum.id, name="T", **{"from": forum.user_id})
    await forum.send("/ask hi", thread_id=topic["id"])
    group = await sandbox.group()
    await sandbox.control("migrate", chat_id=group.id, **{"from": group.user_id})
    for method in ("getMe", "getWebhookInfo", "getMyCommands", "getMyName", "getMyDescription", "getUpdates"):
        await bot.result(method)
    await bot.result("getChat", chat_id=forum.id)
    await bot.result("getChat", **where)
    await bot.result("getChatMember", chat_id=forum.id, user_id=forum.user_id)
    await bot.result("getFile", file_id=sent_file.raw["document"]["file_id"])
    await bot.result("deleteMessage", **where, message_id=sent["message_id"])
    await bot.result("leaveChat", chat_id=forum.id)
    await chat.block()
