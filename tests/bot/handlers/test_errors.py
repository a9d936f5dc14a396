"""What a person is told when the documents cannot be reached; the documents and Telegram are fakes."""

import json
import logging
from typing import Any

import pytest

from bot.i18n.messages import speaking
from tests.bot.ops.test_metrics import read
from tests.bot.update_builders import ADA, deliver, message, pressed

TEXTS = speaking("en")
GUEST = message("@verbatim_bot Who built it?") | {"guest_query_id": "7"}
GERMAN = message("Wer?") | {"from": ADA | {"language_code": "de"}}


@pytest.fixture
def away(archive: Any, application: Any) -> Any:
    """Return a bot whose documents are away."""
    archive.is_away = True
    return application


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ({"message": message("Who built it?")}, ("sendMessage", TEXTS.unreachable)),
        ({"message": GERMAN}, ("sendMessage", speaking("de").unreachable)),
        ({"edited_message": message("Who built it?")}, ("sendMessage", TEXTS.unreachable)),
        ({"message": message("/start 000000000001folder01")}, ("sendMessage", TEXTS.unreachable)),
        ({"message": message("/search words")}, ("sendMessage", TEXTS.unreachable)),
        (
            {"callback_query": pressed("q2", message("Who built it?"))},
            ("answerCallbackQuery", TEXTS.unreachable),
        ),
    ],
)
async def test_the_documents_are_away(
    away: Any, telegram: Any, caplog: pytest.LogCaptureFixture, update: Any, expected: tuple[str, str]
) -> None:
    """Whoever asks is told to ask again, in their language; it is counted, and the log has no word of it."""
    with caplog.at_level(logging.INFO):
        await deliver(away, **update)
    assert [expected] == [(name, sent.get("text")) for name, sent in telegram.calls]
    assert [] == [record.message for record in caplog.records if record.name.startswith("bot")]
    assert 1 == read(away.bot_data.metrics)["verbatim_unreached_total", frozenset()]


async def test_inline_while_the_documents_are_away(away: Any, telegram: Any) -> None:
    """Who types a question elsewhere reads it above the keyboard, and Telegram remembers nothing of it."""
    await deliver(away, inline_query={"id": "5", "from": ADA, "query": "Who?", "offset": ""})
    ((method, sent),) = telegram.calls
    assert "answerInlineQuery" == method
    assert {"text": TEXTS.inline_unreachable, "start_parameter": "help"} == sent["button"]
    assert (0, True) == (sent["cache_time"], sent["is_personal"])
    assert not sent.get("results")


async def test_a_guest_while_the_documents_are_away(away: Any, telegram: Any) -> None:
    """Called into a chat, the bot says so there."""
    await deliver(away, guest_message=GUEST)
    ((method, sent),) = telegram.calls
    assert "answerGuestQuery" == method
    assert TEXTS.unreachable in json.dumps(sent, ensure_ascii=False, default=str)


async def test_answers_come_back_by_themselves(away: Any, archive: Any, telegram: Any) -> None:
    """The next question after the documents are back is answered as ever."""
    await deliver(away, message=message("Who built it?"))
    archive.is_away = False
    await deliver(away, message=message("Who built it?"))
    assert [TEXTS.unreachable, TEXTS.declined] == [text.partition("\n")[0] for text in telegram.texts()]
