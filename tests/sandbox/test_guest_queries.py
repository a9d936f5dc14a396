"""Guest queries: messages that call the bot into a chat that it is not a member of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox.control_client import ControlError

if TYPE_CHECKING:
    from sandbox.control_client import ChatClient, Sandbox
    from tests.sandbox.conftest import Bot

CALL = "@Verbatim_bot how many steps?"
RESULT = {"type": "article", "id": "1", "title": "Steps", "input_message_content": {"message_text": "212"}}
TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"


@pytest.fixture
async def friends(sandbox: Sandbox) -> ChatClient:
    return await sandbox.group("Friends", bot=False)


async def last_guest_message(sandbox: Sandbox) -> dict[str, Any]:
    update: dict[str, Any] = (await sandbox.unconfirmed())[-1]
    message: dict[str, Any] = update["guest_message"]
    return message


async def test_a_mention_calls_the_bot_in(sandbox: Sandbox, bot: Bot, friends: ChatClient) -> None:
    """The bot gets the calling message only. Its answer is a reply to it, and names the caller."""
    await friends.send("the bot does not get this")
    question = await friends.call_in(CALL)
    update = await last_guest_message(sandbox)
    assert (friends.id, question.id, CALL) == (update["chat"]["id"], update["message_id"], update["text"])
    sent = await bot.result("answerGuestQuery", guest_query_id=update["guest_query_id"], result=RESULT)
    answer = await friends.next_message()
    assert answer.text == "212"
    assert answer.raw["from"]["username"] == "verbatim_bot"
    assert answer.raw["guest_bot_caller_user"]["id"] == friends.user_id
    assert answer.raw["reply_to_message"]["message_id"] == question.id
    await bot.result("editMessageText", inline_message_id=sent["inline_message_id"], text="213")
    edited = await friends.next_message(kinds=["edited_message"])
    assert edited.text == "213"
    assert len(await sandbox.unconfirmed()) == 1


async def test_a_guest_answers_once_and_in_time(sandbox: Sandbox, bot: Bot, friends: ChatClient) -> None:
    """An unknown, answered or expired query is rejected, and so is a query of another kind."""
    await friends.call_in(CALL)
    query_id = (await last_guest_message(sandbox))["guest_query_id"]
    assert await bot.refusal("answerGuestQuery", guest_query_id="7", result=RESULT) == TOO_OLD
    await bot.result("answerGuestQuery", guest_query_id=query_id, result=RESULT)
    assert await bot.refusal("answerGuestQuery", guest_query_id=query_id, result=RESULT) == TOO_OLD
    await friends.call_in(CALL)
    await sandbox.control("expire")
    query_id = (await last_guest_message(sandbox))["guest_query_id"]
    assert await bot.refusal("answerGuestQuery", guest_query_id=query_id, result=RESULT) == TOO_OLD
    ada = await sandbox.private_chat("Ada")
    inline_id = (await ada.inline("q", timeout=0))["query_id"]
    assert await bot.refusal("answerGuestQuery", guest_query_id=inline_id, result=RESULT) == TOO_OLD


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"type": "poem"}, "can't parse inline query result: unsupported inline query result type"),
        ({"id": ""}, "RESULT_ID_INVALID"),
        ({"title": ""}, "ARTICLE_TITLE_EMPTY"),
        ({"input_message_content": None}, "input message content is not specified"),
        ({"input_message_content": {"message_text": ""}}, "message text is empty"),
        ({"input_message_content": {"message_text": "x" * 4097}}, "message is too long"),
    ],
)
async def test_a_wrong_answer_is_refused(
    sandbox: Sandbox, bot: Bot, friends: ChatClient, changed: dict[str, Any], expected: str
) -> None:
    """A wrong answer to a guest query is rejected, and the query can still be answered."""
    await friends.call_in(CALL)
    query_id = (await last_guest_message(sandbox))["guest_query_id"]
    refused = await bot.refusal("answerGuestQuery", guest_query_id=query_id, result=RESULT | changed)
    assert refused == f"Bad Request: {expected}"
    await bot.result("answerGuestQuery", guest_query_id=query_id, result=RESULT)


async def test_only_a_mention_where_the_bot_is_no_member_calls_it_in(
    sandbox: Sandbox, bot: Bot, friends: ChatClient
) -> None:
    """A guest query needs a mention, a chat without the bot, and guest mode."""
    with pytest.raises(ControlError, match="must mention @verbatim_bot"):
        await friends.call_in("@verbatim_bots how many steps?")
    assert await friends.messages() == []
    group = await sandbox.group()
    with pytest.raises(ControlError, match="a member of the chat"):
        await group.call_in(CALL)
    assert (await bot.result("getMe"))["supports_guest_queries"] is True
    await sandbox.settings(guests=False)
    assert (await bot.result("getMe"))["supports_guest_queries"] is False
    with pytest.raises(ControlError, match="guest mode is off"):
        await friends.call_in(CALL)
