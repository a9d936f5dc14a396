"""Sending and editing messages, even if the original is gone or in a topic."""

from typing import Any

import pytest
from telegram import CallbackQuery, Message, Update
from telegram.error import BadRequest

from bot.handlers import replies
from bot.i18n.messages import texts_for
from bot.views.message import notice
from tests.bot.update_builders import GROUP, deliver, message, pressed

TEXTS = texts_for("en")


def _query(application: Any, **fields: Any) -> CallbackQuery:
    return CallbackQuery.de_json(pressed("@s.0", None, **fields), application.bot)


async def test_editing_an_inaccessible_message(application: Any, telegram: Any) -> None:
    """A message that the bot cannot access is not edited, and a text says so."""
    async with application:
        text = await replies.edit_reply(_query(application, message=None), notice("Words"), TEXTS)
    assert (TEXTS.stale, []) == (text, telegram.calls)


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("Bad Request: message is not modified: specified new message content", None),
        ("Bad Request: message to edit not found", TEXTS.stale),
    ],
)
async def test_an_edit_that_fails(
    application: Any, telegram: Any, description: str, expected: str | None
) -> None:
    """An edit without a change is no failure; any other refused edit returns a text."""
    telegram.replies["editMessageText"] = (400, description)
    async with application:
        assert expected == await replies.edit_reply(_query(application), notice("Words"), TEXTS)


def test_is_unchanged() -> None:
    """Only Telegram's error for an edit without a change counts as unchanged."""
    assert replies.is_unchanged(BadRequest("Message is not modified"))
    assert not replies.is_unchanged(BadRequest("Message can't be edited"))


def test_updates_of_the_wrong_kind() -> None:
    """An update without the required message or query raises TypeError."""
    with pytest.raises(TypeError):
        replies.message_of(Update(1))
    with pytest.raises(TypeError):
        replies.query_of(Update(1))


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
    assert isinstance(replies.message_of(update), Message)
