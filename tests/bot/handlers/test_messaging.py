"""Saying something in a chat, whatever became of the message it is said to."""

from typing import Any

import pytest
from telegram import CallbackQuery, Message, Update
from telegram.error import BadRequest

from bot.handlers import messaging
from bot.i18n.messages import speaking
from bot.views.message import notice
from tests.bot.update_builders import GROUP, deliver, message, pressed

TEXTS = speaking("en")


def _query(application: Any, **fields: Any) -> CallbackQuery:
    return CallbackQuery.de_json(pressed("@s.0", None, **fields), application.bot)


async def test_a_message_out_of_sight(application: Any, telegram: Any) -> None:
    """A view cannot take the place of a message that nobody tells us, and that is told."""
    async with application:
        told = await messaging.edit_reply(_query(application, message=None), notice("Words"), TEXTS)
    assert (TEXTS.stale, []) == (told, telegram.calls)


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
    """A view that is there already is no failure; one that cannot be shown is told."""
    telegram.replies["editMessageText"] = (400, description)
    async with application:
        assert expected == await messaging.edit_reply(_query(application), notice("Words"), TEXTS)


def test_what_is_unchanged() -> None:
    """Only Telegram's word for an edit that changes nothing is one."""
    assert messaging.is_unchanged(BadRequest("Message is not modified"))
    assert not messaging.is_unchanged(BadRequest("Message can't be edited"))


def test_an_update_without_what_is_needed() -> None:
    """A handler that is given another kind of update is a mistake of ours."""
    with pytest.raises(TypeError):
        messaging.message_of(Update(1))
    with pytest.raises(TypeError):
        messaging.query_of(Update(1))


TOPIC = {"message_thread_id": 44, "is_topic_message": True}
CHAIN = {"message_thread_id": 44}


@pytest.mark.parametrize(("fields", "expected"), [(TOPIC, 44), (CHAIN, None), ({}, None)])
async def test_an_answer_stays_in_its_topic(
    application: Any, telegram: Any, fields: dict[str, Any], expected: int | None
) -> None:
    """In a topic the answer goes there; a chain of replies is none, and Telegram would refuse it."""
    await deliver(application, message=message("/help", GROUP, **fields))
    ((_, sent),) = telegram.calls
    assert expected == sent.get("message_thread_id")


def test_a_message_of_an_edit(application: Any) -> None:
    """An edited message is one as well."""
    update = Update.de_json({"update_id": 1, "edited_message": message("Which?")}, application.bot)
    assert isinstance(messaging.message_of(update), Message)
