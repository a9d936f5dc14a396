"""Inline queries and guest queries, in chats that the bot is not in."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.i18n.texts import texts_for
from tests.bot.update_builders import ADA, GROUP, PRIVATE, US, deliver, message

TEXTS = texts_for("en")


@pytest.fixture
def twelve_quotes(library: Any, citation: Any, answer: Any, passage: Any) -> Any:
    """Return a library with a question that has twelve quotes."""
    citations = [
        citation("The sea.", (0, 8), ((4, 7),), rank=n, passage=passage("The sea.", number=n, start=100))
        for n in range(1, 13)
    ]
    library.answers = {"Which?": answer(*citations)}
    return library


async def _type(application: Any, telegram: Any, query: str, offset: str = "") -> dict[str, Any]:
    telegram.calls.clear()
    typed = {"id": "5", "from": ADA, "query": query, "offset": offset}
    await deliver(application, inline_query=typed)
    ((method, sent),) = telegram.calls
    assert "answerInlineQuery" == method
    return dict(sent)


@pytest.mark.usefixtures("twelve_quotes")
@pytest.mark.parametrize(("offset", "count", "after"), [("", 10, "10"), ("10", 2, ""), ("99", 0, "")])
async def test_quotes_are_offered(
    application: Any, telegram: Any, offset: str, count: int, after: str
) -> None:
    """A page has ten quotes, each a message of its own, and the offset of the next page."""
    sent = await _type(application, telegram, " Which? ", offset)
    results = sent.get("results", [])
    assert (count, after) == (len(results), sent.get("next_offset", ""))
    texts = {result["input_message_content"]["message_text"].partition("\n")[0] for result in results}
    assert texts == ({"The sea."} if count else set())
    assert ("button" in sent) is not bool(results)
    assert sent["is_personal"]


@pytest.mark.parametrize(
    ("query", "hint"), [("", TEXTS.inline_hint), (" ", TEXTS.inline_hint), ("No?", TEXTS.inline_no_quote)]
)
async def test_help_instead_of_quotes(application: Any, telegram: Any, query: str, hint: str) -> None:
    """An empty query or one without quotes has a button that opens the bot's help."""
    sent = await _type(application, telegram, query)
    assert {"text": hint, "start_parameter": "help"} == sent["button"]
    await deliver(application, message=message("/start help"))
    assert [TEXTS.help] == telegram.texts()


@given(st.text(max_size=64), st.sampled_from(["Which?", "", "No?"]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_offset(
    application: Any, telegram: Any, twelve_quotes: Any, offset: str, query: str
) -> None:
    """A query with any forged offset gets at most ten results with distinct ids."""
    assert twelve_quotes.sources
    sent = await _type(application, telegram, query, offset)
    ids = [result["id"] for result in sent.get("results", [])]
    assert len(ids) == len(set(ids)) <= 10


async def test_no_search_without_documents(application: Any, library: Any, telegram: Any) -> None:
    """Without documents, an inline query is not searched for."""
    library.sources = ()
    sent = await _type(application, telegram, "Which?")
    assert (TEXTS.inline_no_quote, []) == (sent["button"]["text"], library.questions)


async def test_an_expired_query_is_no_error(
    application: Any, telegram: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """An expired query is dropped without a line in the log."""
    telegram.replies["answerInlineQuery"] = (400, "Bad Request: query is too old")
    await _type(application, telegram, "Which?")
    assert [] == caplog.records


@pytest.mark.usefixtures("twelve_quotes")
@pytest.mark.parametrize("chat", [PRIVATE, GROUP])
async def test_a_quote_sent_inline_is_no_question(application: Any, telegram: Any, chat: Any) -> None:
    """A message sent via the bot is not answered."""
    await deliver(application, message=message("Which?", chat, via_bot=US))
    await deliver(application, message=message("Which? @verbatim_bot", chat, via_bot=US))
    assert [] == telegram.calls


async def _guest_query(application: Any, telegram: Any, text: str) -> dict[str, Any]:
    await deliver(application, guest_message=message(text, GROUP, guest_query_id="9"))
    ((method, sent),) = telegram.calls
    assert ("answerGuestQuery", "9") == (method, sent["guest_query_id"])
    result = sent["result"]
    return dict(json.loads(result) if isinstance(result, str) else result)


@pytest.mark.usefixtures("twelve_quotes")
async def test_guest_answer(application: Any, telegram: Any) -> None:
    """A guest query is answered with a quote and its source, without buttons."""
    telegram.replies["answerGuestQuery"] = (400, "Bad Request: query is too old")
    result = await _guest_query(application, telegram, "@verbatim_bot Which?")
    text = result["input_message_content"]["message_text"]
    assert "The sea.\n— Title, under “Heading”, lines 5–7 · folder/name.txt" == text
    assert "reply_markup" not in result
    assert ("article", "Which?") == (result["type"], result["title"])


@pytest.mark.parametrize(
    ("text", "sources", "expected"),
    [
        ("@verbatim_bot", True, TEXTS.ask_usage),
        ("@verbatim_bot No?", True, TEXTS.no_answer),
        ("@verbatim_bot Which?", False, TEXTS.no_documents),
    ],
)
async def test_guest_query_without_an_answer(  # noqa: PLR0913  # three of them are fixtures
    application: Any, library: Any, telegram: Any, text: str, expected: str, *, sources: bool
) -> None:
    """A guest query without an answer gets a text that says why."""
    telegram.replies["answerGuestQuery"] = (400, "Bad Request: query is too old")
    if not sources:
        library.sources = ()
    result = await _guest_query(application, telegram, text)
    assert expected == result["input_message_content"]["message_text"]
