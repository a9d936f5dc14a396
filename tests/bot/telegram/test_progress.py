"""The message that shows the progress of a job, on a virtual clock."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from telegram import Message
from telegram.error import BadRequest

from bot.i18n.texts import texts_for
from bot.telegram import progress
from bot.views.message import plain
from tests.bot.update_builders import deliver, message
from tests.bot.virtual_clock import fast

TEXTS = texts_for("en")


def _document() -> dict[str, Any]:
    return message(
        document={"file_id": "1", "file_unique_id": "1", "file_name": "guide.txt", "file_size": 10}
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.5, [("sendMessage", 0.5, TEXTS.document_added("guide.txt"))]),
        (
            8.0,
            [
                ("sendMessage", 1.0, "Reading guide.txt …"),
                ("editMessageText", 4.0, "Reading guide.txt … 2/9 · 0:04"),
                ("editMessageText", 7.0, "Reading guide.txt … 2/9 · 0:07"),
                ("editMessageText", 8.0, TEXTS.document_added("guide.txt")),
            ],
        ),
    ],
)
def test_reading_a_document_shows_its_progress(
    seconds: float,
    expected: list[Any],
    connecting: Callable[..., Any],
    calls: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A document that takes long to read has one message, edited every few seconds and in the end."""
    bot = connecting(telegram_admins=[1])

    async def add(*_: Any) -> Any:
        count: Callable[[int, int], None] = _[-1]
        await asyncio.sleep(seconds / 4)
        count(2, 9)
        await asyncio.sleep(seconds * 3 / 4)
        return TEXTS.document_added

    monkeypatch.setattr("bot.handlers.admin._add_document", add)

    @fast
    async def send() -> None:
        await deliver(bot, message=_document())

    send()
    shown = [(name, time, text) for time, name, text in calls if name != "sendChatAction"]
    assert expected == shown


@fast
async def test_a_deleted_progress_message_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If the message was deleted in the meantime, the result is a new one."""

    class Sent:
        async def edit_text(self, _: str, **__: object) -> None:
            raise BadRequest("message to edit not found")

    sent: list[str] = []

    async def send(_: Any, reply: Any) -> Any:
        sent.append(reply.text)
        return Sent()

    monkeypatch.setattr(progress, "send_to", send)
    async with progress.ProgressMessage(_message(), plain("Reading …")) as shown:
        await asyncio.sleep(6)
    await shown.finish(plain("Done"))
    assert ["Reading …", "Done"] == sent


def _message() -> Message:
    return Message.de_json(message("?"), None)
