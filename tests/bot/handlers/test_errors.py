"""Replies while the documents are unreachable, with fake documents and a fake Telegram."""

import json
import logging
from typing import Any

import pytest

from bot.i18n.texts import texts_for
from tests.bot.test_metrics import read
from tests.bot.update_builders import ADA, deliver, message, pressed

TEXTS = texts_for("en")
GUEST = message("@verbatim_bot Who built it?") | {"guest_query_id": "7"}
GERMAN = message("Wer?") | {"from": ADA | {"language_code": "de"}}


@pytest.fixture
def unreachable(library: Any, application: Any) -> Any:
    """Return a bot whose documents are unreachable."""
    library.is_away = True
    return application


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ({"message": message("Who built it?")}, ("sendMessage", TEXTS.documents_unreachable)),
        ({"message": GERMAN}, ("sendMessage", texts_for("de").documents_unreachable)),
        ({"edited_message": message("Who built it?")}, ("sendMessage", TEXTS.documents_unreachable)),
        ({"message": message("/start 000000000001folder01")}, ("sendMessage", TEXTS.documents_unreachable)),
        ({"message": message("/search words")}, ("sendMessage", TEXTS.documents_unreachable)),
        (
            {"callback_query": pressed("q2", message("Who built it?"))},
            ("answerCallbackQuery", TEXTS.documents_unreachable),
        ),
    ],
)
async def test_unreachable_documents(
    unreachable: Any, telegram: Any, caplog: pytest.LogCaptureFixture, update: Any, expected: tuple[str, str]
) -> None:
    """The user is asked, in their language, to try again; the failure is counted but not logged."""
    with caplog.at_level(logging.INFO):
        await deliver(unreachable, **update)
    assert [expected] == [(name, sent.get("text")) for name, sent in telegram.calls]
    assert [] == [record.message for record in caplog.records if record.name.startswith("bot")]
    assert 1 == read(unreachable.bot_data.metrics)["verbatim_unreached_total", frozenset()]


async def test_inline_queries_while_unreachable(unreachable: Any, telegram: Any) -> None:
    """An inline query shows a button that says so, and Telegram does not cache it."""
    await deliver(unreachable, inline_query={"id": "5", "from": ADA, "query": "Who?", "offset": ""})
    ((method, sent),) = telegram.calls
    assert "answerInlineQuery" == method
    assert {"text": TEXTS.inline_unreachable, "start_parameter": "help"} == sent["button"]
    assert (0, True) == (sent["cache_time"], sent["is_personal"])
    assert not sent.get("results")


async def test_guest_queries_while_unreachable(unreachable: Any, telegram: Any) -> None:
    """A guest query gets the same text."""
    await deliver(unreachable, guest_message=GUEST)
    ((method, sent),) = telegram.calls
    assert "answerGuestQuery" == method
    assert TEXTS.documents_unreachable in json.dumps(sent, ensure_ascii=False, default=str)


async def test_recovery(unreachable: Any, library: Any, telegram: Any) -> None:
    """The first question after an outage is answered as usual."""
    await deliver(unreachable, message=message("Who built it?"))
    library.is_away = False
    await deliver(unreachable, message=message("Who built it?"))
    assert [TEXTS.documents_unreachable, TEXTS.no_answer] == [
        text.partition("\n")[0] for text in telegram.texts()
    ]
