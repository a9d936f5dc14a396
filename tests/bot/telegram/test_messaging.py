"""The question in a message, and replies sent and edited, even if the original is gone or in a topic."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram import CallbackQuery, Message, Update
from telegram.error import BadRequest

from bot.i18n.texts import texts_for
from bot.telegram import messaging
from bot.telegram.messaging import extract_question, mentions_bot
from bot.views.message import text_reply
from tests.bot.update_builders import GROUP, deliver, message, pressed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Who is it?", "Who is it?"),
        ("/ask Who is it?", "Who is it?"),
        ("/ask@verbatim_bot Who is it?", "Who is it?"),
        ("/ASK@Verbatim_Bot\nWho is it?", "Who is it?"),
        ("@verbatim_bot Who is it?", "Who is it?"),
        ("Who is it, @verbatim_bot", "Who is it,"),
        ("/ask", ""),
        ("/ask@verbatim_bot", ""),
        ("@verbatim_bot", ""),
        ("/ask @verbatim_bot \u200b", ""),
        ("/asking price?", "/asking price?"),
        ("/ask@otherbot Who?", "/ask@otherbot Who?"),
        ("mail me@verbatim_bot", "mail me@verbatim_bot"),
        ("@verbatim_bots are many", "@verbatim_bots are many"),
        ("من هو @verbatim_bot؟", "من هو  ؟"),
        ("", ""),
    ],
)
def test_question_text(text: str, expected: str) -> None:
    """The bot's commands and its name are removed; everything else stays."""
    assert expected == extract_question(text, "verbatim_bot")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("hi @Verbatim_bot!", True), ("hi @verbatim_bot2", False), ("hi verbatim_bot", False), ("", False)],
)
def test_mentions(text: str, expected: bool) -> None:
    """Only the bot's own name is a mention."""
    assert expected is mentions_bot(text, "verbatim_bot")


@given(st.text())
def test_any_text_has_a_question_or_none(text: str) -> None:
    """Any text can be parsed, and the question has no whitespace around it."""
    assert extract_question(text, "verbatim_bot").strip() == extract_question(text, "verbatim_bot")


TEXTS = texts_for("en")


def _query(application: Any, **fields: Any) -> CallbackQuery:
    return CallbackQuery.de_json(pressed("@s.0", None, **fields), application.bot)


async def test_editing_an_inaccessible_message(application: Any, telegram: Any) -> None:
    """A message that the bot cannot access is not edited, and a text says so."""
    async with application:
        text = await messaging.edit_reply(_query(application, message=None), text_reply("Words"), TEXTS)
    assert (TEXTS.button_expired, []) == (text, telegram.calls)


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("Bad Request: message is not modified: specified new message content", None),
        ("Bad Request: message to edit not found", TEXTS.button_expired),
    ],
)
async def test_an_edit_that_fails(
    application: Any, telegram: Any, description: str, expected: str | None
) -> None:
    """An edit without a change is not a failure; any other rejected edit returns a text."""
    telegram.replies["editMessageText"] = (400, description)
    async with application:
        assert expected == await messaging.edit_reply(_query(application), text_reply("Words"), TEXTS)


def test_is_unchanged() -> None:
    """Only Telegram's error for an edit without a change counts as unchanged."""
    assert messaging.is_unchanged(BadRequest("Message is not modified"))
    assert not messaging.is_unchanged(BadRequest("Message can't be edited"))


def test_updates_of_the_wrong_kind() -> None:
    """An update without the required message or query raises TypeError."""
    with pytest.raises(TypeError):
        messaging.require_message(Update(1))
    with pytest.raises(TypeError):
        messaging.require_query(Update(1))


TOPIC = {"message_thread_id": 44, "is_topic_message": True}
CHAIN = {"message_thread_id": 44}


@pytest.mark.parametrize(("fields", "expected"), [(TOPIC, 44), (CHAIN, None), ({}, None)])
async def test_an_answer_stays_in_its_topic(
    application: Any, telegram: Any, fields: dict[str, Any], expected: int | None
) -> None:
    """An answer goes to the topic of its question; a chain of replies is not a topic."""
    await deliver(application, message=message("/help", GROUP, **fields))
    ((_, sent),) = telegram.calls
    assert expected == sent.get("message_thread_id")


def test_message_of_an_edit(application: Any) -> None:
    """The message of an update may be an edited one."""
    update = Update.de_json({"update_id": 1, "edited_message": message("Which?")}, application.bot)
    assert isinstance(messaging.require_message(update), Message)
