"""The updates that the bot gets, and what it may do, in private chats and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sandbox.control_client import ControlError

if TYPE_CHECKING:
    from sandbox.control_client import ChatClient, Sandbox
    from tests.sandbox.conftest import Bot

NEXT = {"inline_keyboard": [[{"text": "Next", "callback_data": "n:1"}]]}
NOT_MODIFIED = (
    "Bad Request: message is not modified: specified new message content and reply markup are exactly"
    " the same as a current content and reply markup of the message"
)


async def pending_updates(sandbox: Sandbox) -> list[tuple[str, Any]]:
    """Return the kinds and texts of the updates that the bot has not confirmed."""
    return [
        (kind, value.get("text") or value.get("query") or value.get("data"))
        for update in await sandbox.unconfirmed()
        for kind, value in update.items()
        if kind != "update_id"
    ]


@pytest.fixture
async def ada(sandbox: Sandbox) -> ChatClient:
    chat = await sandbox.private_chat("Ada")
    await chat.send("/start")
    return chat


async def test_a_bot_cannot_write_first(sandbox: Sandbox, bot: Bot) -> None:
    """Only a user can start a private chat."""
    chat = await sandbox.private_chat("Ada")
    expected = "Forbidden: bot can't initiate conversation with a user"
    assert await bot.refusal("sendMessage", chat_id=chat.id, text="hi") == expected
    assert await bot.refusal("sendMessage", chat_id=1, text="hi") == "Bad Request: chat not found"


async def test_a_blocked_bot_is_told_and_refused(sandbox: Sandbox, bot: Bot, ada: ChatClient) -> None:
    """Blocking sends the bot an update, and its messages are rejected until it is unblocked."""
    await ada.block()
    update = (await sandbox.unconfirmed())[-1]["my_chat_member"]
    assert update["new_chat_member"]["status"] == "kicked"
    expected = "Forbidden: bot was blocked by the user"
    assert await bot.refusal("sendMessage", chat_id=ada.id, text="hi") == expected
    await ada.block(is_blocked=False)
    await bot.result("sendMessage", chat_id=ada.id, text="hi")


async def test_a_reply_quotes_the_question(bot: Bot, ada: ChatClient) -> None:
    """A reply has the replied message, and the quoted part with its position."""
    question = await ada.send("How many checkpoints 😀 does Turkey have?")
    reply = {"message_id": question.id, "quote": "Turkey"}
    sent = await bot.result("sendMessage", chat_id=ada.id, text="12", reply_parameters=reply)
    assert sent["reply_to_message"]["message_id"] == question.id
    assert sent["quote"] == {"text": "Turkey", "position": 29, "is_manual": True}
    wrong = {"message_id": question.id, "quote": "Türkiye"}
    refused = await bot.refusal("sendMessage", chat_id=ada.id, text="12", reply_parameters=wrong)
    assert refused == "Bad Request: QUOTE_TEXT_INVALID"


async def test_a_deleted_question_cannot_be_replied_to(bot: Bot, ada: ChatClient) -> None:
    """A reply to a deleted message is rejected, unless the bot allows sending without the reply."""
    question = await ada.send("soon gone")
    await question.delete()
    reply: dict[str, object] = {"message_id": question.id}
    refused = await bot.refusal("sendMessage", chat_id=ada.id, text="a", reply_parameters=reply)
    assert refused == "Bad Request: message to be replied not found"
    reply["allow_sending_without_reply"] = True
    sent = await bot.result("sendMessage", chat_id=ada.id, text="a", reply_parameters=reply)
    assert "reply_to_message" not in sent


async def test_an_edit_must_change_something(bot: Bot, ada: ChatClient) -> None:
    """An edit with the same content and buttons is an error; other content or other buttons are not."""
    sent = await bot.result("sendMessage", chat_id=ada.id, text="one", reply_markup=NEXT)
    where = {"chat_id": ada.id, "message_id": sent["message_id"]}
    assert await bot.refusal("editMessageText", **where, text="one", reply_markup=NEXT) == NOT_MODIFIED
    assert "edit_date" in await bot.result("editMessageText", **where, text="two", reply_markup=NEXT)
    assert "reply_markup" not in await bot.result("editMessageReplyMarkup", **where)
    where["message_id"] = 999
    refused = await bot.refusal("editMessageText", **where, text="one")
    assert refused == "Bad Request: message to edit not found"


async def test_a_bot_edits_its_own_messages_only(bot: Bot, ada: ChatClient) -> None:
    """A bot cannot edit a user's message."""
    question = await ada.send("mine")
    refused = await bot.refusal("editMessageText", chat_id=ada.id, message_id=question.id, text="yours")
    assert refused == "Bad Request: message can't be edited"


async def test_a_pressed_button_carries_the_question(sandbox: Sandbox, bot: Bot, ada: ChatClient) -> None:
    """A callback query has the message and the one that it replies to, and can be answered once."""
    question = await ada.send("How many?")
    reply = {"message_id": question.id}
    await bot.result("sendMessage", chat_id=ada.id, text="12", reply_parameters=reply, reply_markup=NEXT)
    answer = await ada.next_message()
    assert await answer.press("Next", timeout=0) is None
    query = (await sandbox.unconfirmed())[-1]["callback_query"]
    assert query["data"] == "n:1"
    assert query["message"]["reply_to_message"]["text"] == "How many?"
    assert await bot.refusal("answerCallbackQuery", callback_query_id=query["id"], text="x" * 201)
    await bot.result("answerCallbackQuery", callback_query_id=query["id"], text="there")
    assert "query is too old" in await bot.refusal("answerCallbackQuery", callback_query_id=query["id"])


async def test_a_late_answer_is_refused(sandbox: Sandbox, bot: Bot, ada: ChatClient) -> None:
    """An answer to an expired query is rejected."""
    inline = await ada.inline("slow", timeout=0)
    await sandbox.control("expire")
    refused = await bot.refusal("answerInlineQuery", inline_query_id=inline["query_id"], results=[])
    assert refused == "Bad Request: query is too old and response timeout expired or query ID is invalid"


def article(result_id: str = "1", **fields: object) -> dict[str, object]:
    content = {"message_text": "text"}
    return {"type": "article", "id": result_id, "title": "Title", "input_message_content": content} | fields


@pytest.mark.parametrize(
    ("results", "fields", "expected"),
    [
        ([article(str(number)) for number in range(51)], {}, "RESULTS_TOO_MUCH"),
        ([article(), article()], {}, "RESULT_ID_DUPLICATE"),
        ([article("x" * 65)], {}, "RESULT_ID_INVALID"),
        ([article(title="")], {}, "ARTICLE_TITLE_EMPTY"),
        ([article()], {"next_offset": "x" * 65}, "NEXT_OFFSET_INVALID"),
        ([article(input_message_content={"message_text": ""})], {}, "message text is empty"),
        ([article(input_message_content={"message_text": "x" * 4097})], {}, "message is too long"),
    ],
)
async def test_wrong_inline_answers_are_refused(
    bot: Bot, ada: ChatClient, results: list[object], fields: dict[str, str], expected: str
) -> None:
    """A wrong result, or a wrong message in it, is rejected, and the query can still be answered."""
    query_id = (await ada.inline("q", timeout=0))["query_id"]
    assert expected in await bot.refusal(
        "answerInlineQuery", inline_query_id=query_id, results=results, **fields
    )
    await bot.result("answerInlineQuery", inline_query_id=query_id, results=[article()])


async def test_a_picked_result_is_sent_via_the_bot(sandbox: Sandbox, bot: Bot, ada: ChatClient) -> None:
    """The user sends the message via the bot. If it has buttons, the bot can edit it by its inline id."""
    group = await sandbox.control("group", title="G", members=[ada.user_id])
    query_id = (await ada.inline("q", timeout=0))["query_id"]
    results = [article(reply_markup=NEXT)]
    await bot.result("answerInlineQuery", inline_query_id=query_id, results=results)
    sent = await sandbox.control("pick", query_id=query_id, result_id="1", chat_id=group["id"])
    assert sent["from"]["id"] == ada.user_id
    assert sent["via_bot"]["is_bot"]
    kinds = [kind for kind, _ in await pending_updates(sandbox)]
    assert kinds[-2:] == ["message", "chosen_inline_result"]
    inline_id = (await sandbox.unconfirmed())[-1]["chosen_inline_result"]["inline_message_id"]
    assert await bot.result("editMessageText", inline_message_id=inline_id, text="edited") is True


async def test_privacy_mode_hides_what_is_not_for_the_bot(sandbox: Sandbox, bot: Bot) -> None:
    """With privacy mode on, a bot gets only commands for it and replies to it; otherwise all messages."""
    group = await sandbox.group()
    await bot("getUpdates", offset=-1)
    await bot("getUpdates", offset=(await sandbox.unconfirmed())[-1]["update_id"] + 1)
    sent = await bot.result("sendMessage", chat_id=group.id, text="hello")
    for text in ("plain", "@verbatim_bot hi", "/ask@other_bot a", "/ask b", "/ask@Verbatim_Bot c"):
        await group.send(text)
    await group.send("reply", reply_to=sent["message_id"])
    assert [text for _, text in await pending_updates(sandbox)] == ["/ask b", "/ask@Verbatim_Bot c", "reply"]
    assert (await bot.result("getMe"))["can_read_all_group_messages"] is False
    await sandbox.settings(privacy=False)
    await group.send("plain")
    assert (await pending_updates(sandbox))[-1] == ("message", "plain")
    assert (await bot.result("getMe"))["can_read_all_group_messages"] is True


async def test_a_bot_cannot_write_to_a_group_it_left(sandbox: Sandbox, bot: Bot) -> None:
    """A bot that left a group or was removed can't send messages there."""
    group = await sandbox.group()
    await sandbox.control("bot_member", chat_id=group.id, is_member=False, **{"from": group.user_id})
    kicked = await bot.refusal("sendMessage", chat_id=group.id, text="hi")
    assert kicked == "Forbidden: bot was kicked from the group chat"
    other = await sandbox.group(type="supergroup")
    await bot.result("leaveChat", chat_id=other.id)
    left = await bot.refusal("sendMessage", chat_id=other.id, text="hi")
    assert left == "Forbidden: bot is not a member of the supergroup chat"


async def test_an_upgraded_group_names_its_new_id(sandbox: Sandbox, bot: Bot) -> None:
    """An error about an upgraded group has the id of the supergroup."""
    group = await sandbox.group()
    upgraded = await sandbox.control("migrate", chat_id=group.id, **{"from": group.user_id})
    answer = await bot("sendMessage", chat_id=group.id, text="hi")
    assert answer["parameters"] == {"migrate_to_chat_id": upgraded["id"]}
    assert upgraded["id"] < -1_000_000_000_000
    await bot.result("sendMessage", chat_id=upgraded["id"], text="hi")


async def test_topics_keep_their_messages(sandbox: Sandbox, bot: Bot) -> None:
    """A message in a topic has its thread id. A closed or missing topic is an error."""
    forum = await sandbox.group(is_forum=True)
    topic = await sandbox.control("topic", chat_id=forum.id, name="T", **{"from": forum.user_id})
    sent = await bot.result("sendMessage", chat_id=forum.id, message_thread_id=topic["id"], text="hi")
    assert (sent["message_thread_id"], sent["is_topic_message"]) == (topic["id"], True)
    refused = await bot.refusal("sendMessage", chat_id=forum.id, message_thread_id=77, text="hi")
    assert refused == "Bad Request: message thread not found"
    await sandbox.control("topic_closed", chat_id=forum.id, topic=topic["id"], is_closed=True)
    refused = await bot.refusal("sendMessage", chat_id=forum.id, message_thread_id=topic["id"], text="hi")
    assert refused == "Bad Request: TOPIC_CLOSED"


async def test_editing_a_question_is_an_update(sandbox: Sandbox, ada: ChatClient) -> None:
    """When a user edits a message, the bot gets an `edited_message` update."""
    question = await ada.send("frist")
    await question.edit("first")
    assert (await pending_updates(sandbox))[-1] == ("edited_message", "first")


async def test_only_members_can_write(sandbox: Sandbox, ada: ChatClient) -> None:
    """A user cannot write to a group without being a member."""
    group = await sandbox.group()
    with pytest.raises(ControlError, match="not a member"):
        await group.speaking_as(ada.user_id).send("hi")


async def test_commands_by_scope_and_language(sandbox: Sandbox, bot: Bot) -> None:
    """A user sees the commands of the narrowest scope, in their language."""
    ask, fragen = ({"command": "ask", "description": text} for text in ("Ask", "Fragen"))
    await bot.result("setMyCommands", commands=[ask])
    await bot.result("setMyCommands", commands=[fragen], language_code="de")
    await bot.result("setMyCommands", commands=[], scope={"type": "all_group_chats"})
    chat = await sandbox.private_chat("Ada")
    for language, expected in (("en", [ask]), ("de", [fragen])):
        answer = await sandbox.control("commands", chat_id=chat.id, language_code=language)
        assert answer["commands"] == expected
    assert await bot.result("getMyCommands", language_code="fr") == []
    refused = await bot.refusal("setMyCommands", commands=[{"command": "Ask!", "description": "a"}])
    assert refused == "Bad Request: BOT_COMMAND_INVALID"


async def test_flood_limits(sandbox: Sandbox, bot: Bot, ada: ChatClient) -> None:
    """With flood limits on, a second message in the same second is rejected with the time to wait."""
    await sandbox.settings(flood=True)
    await bot.result("sendMessage", chat_id=ada.id, text="1")
    answer = await bot("sendMessage", chat_id=ada.id, text="2")
    assert answer["error_code"] == 429
    assert answer["parameters"] == {"retry_after": 1}


ATTACHMENTS = ("voice", "audio", "video", "video_note", "animation", "poll", "contact", "location", "dice")


@pytest.mark.parametrize("kind", ATTACHMENTS)
async def test_attachments(sandbox: Sandbox, ada: ChatClient, kind: str) -> None:
    """A bot gets what users send besides text and files, also when it is forwarded."""
    sent = await ada.send(attachment=kind)
    await sent.forward(ada)
    received = [update["message"] for update in (await sandbox.unconfirmed())[-2:]]
    assert all(kind in message and "text" not in message for message in received)
    assert "forward_origin" in received[1]


async def test_attachments_with_a_caption(sandbox: Sandbox, ada: ChatClient) -> None:
    """A voice message may have a caption, a dice may not, and other kinds are rejected."""
    await ada.send("What is this?", attachment="voice")
    assert (await sandbox.unconfirmed())[-1]["message"]["caption"] == "What is this?"
    with pytest.raises(ControlError, match="a dice has no caption"):
        await ada.send("What is this?", attachment="dice")
    with pytest.raises(ControlError, match="no such attachment: elephant"):
        await ada.send(attachment="elephant")


async def test_a_chat_action_is_shown(sandbox: Sandbox, bot: Bot, ada: ChatClient) -> None:
    """Users see what the bot is doing; an unknown action is rejected, and so is one for a stranger."""
    await bot.result("sendChatAction", chat_id=ada.id, action="upload_photo")
    assert (await ada.next_event(kinds=["action"]))["action"] == "upload_photo"
    refused = await bot.refusal("sendChatAction", chat_id=ada.id, action="sleeping")
    assert refused == "Bad Request: wrong parameter action in request"
    stranger = await sandbox.private_chat("Omar")
    assert "can't initiate" in await bot.refusal("sendChatAction", chat_id=stranger.id, action="typing")


async def test_a_chat_action_is_no_message(sandbox: Sandbox, bot: Bot, ada: ChatClient) -> None:
    """Chat actions do not count towards the limit of one message a second in a chat."""
    await sandbox.settings(flood=True)
    for _ in range(3):
        await bot.result("sendChatAction", chat_id=ada.id, action="typing")
    await bot.result("sendMessage", chat_id=ada.id, text="hi")
