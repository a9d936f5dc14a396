"""In chats the bot is not in: while somebody types its name, and where it is called in as a guest."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.i18n.messages import speaking
from tests.bot.update_builders import ADA, GROUP, PRIVATE, US, deliver, message

TEXTS = speaking("en")


@pytest.fixture
def many(archive: Any, citation: Any, answer: Any, passage: Any) -> Any:
    """Make a question with twelve quotes."""
    ones = [
        citation("The sea.", (0, 8), ((4, 7),), rank=n, passage=passage("The sea.", number=n, start=100))
        for n in range(1, 13)
    ]
    archive.answers = {"Which?": answer(*ones)}
    return archive


async def _type(application: Any, telegram: Any, query: str, offset: str = "") -> dict[str, Any]:
    telegram.calls.clear()
    typed = {"id": "5", "from": ADA, "query": query, "offset": offset}
    await deliver(application, inline_query=typed)
    ((method, sent),) = telegram.calls
    assert "answerInlineQuery" == method
    return dict(sent)


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(("offset", "count", "after"), [("", 10, "10"), ("10", 2, ""), ("99", 0, "")])
async def test_quotes_are_offered(
    application: Any, telegram: Any, offset: str, count: int, after: str
) -> None:
    """Ten quotes at once, each a message of its own, and the way to the next."""
    sent = await _type(application, telegram, " Which? ", offset)
    results = sent.get("results", [])
    assert (count, after) == (len(results), sent.get("next_offset", ""))
    texts = {one["input_message_content"]["message_text"].partition("\n")[0] for one in results}
    assert texts == ({"The sea."} if count else set())
    assert ("button" in sent) is not bool(results)
    assert sent["is_personal"]


@pytest.mark.parametrize(
    ("query", "hint"), [("", TEXTS.inline_help), (" ", TEXTS.inline_help), ("No?", TEXTS.inline_none)]
)
async def test_help_is_offered_instead(application: Any, telegram: Any, query: str, hint: str) -> None:
    """Nothing typed, or nothing found, offers a way to the bot, where help is opened."""
    sent = await _type(application, telegram, query)
    assert {"text": hint, "start_parameter": "help"} == sent["button"]
    await deliver(application, message=message("/start help"))
    assert [TEXTS.help] == telegram.texts()


@given(st.text(max_size=64), st.sampled_from(["Which?", "", "No?"]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_offset_is_answered(
    application: Any, telegram: Any, many: Any, offset: str, query: str
) -> None:
    """Whatever offset is forged, the query is answered within Telegram's limits."""
    assert many.sources
    sent = await _type(application, telegram, query, offset)
    ids = [one["id"] for one in sent.get("results", [])]
    assert len(ids) == len(set(ids)) <= 10


async def test_typing_asks_nothing_of_no_documents(application: Any, archive: Any, telegram: Any) -> None:
    """Without documents nothing is looked for."""
    archive.sources = ()
    sent = await _type(application, telegram, "Which?")
    assert (TEXTS.inline_none, []) == (sent["button"]["text"], archive.questions)


async def test_a_query_too_old_is_no_error(
    application: Any, telegram: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A query that waited too long is given up without a word."""
    telegram.replies["answerInlineQuery"] = (400, "Bad Request: query is too old")
    await _type(application, telegram, "Which?")
    assert [] == caplog.records


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("chat", [PRIVATE, GROUP])
async def test_a_chosen_quote_is_no_question(application: Any, telegram: Any, chat: Any) -> None:
    """What somebody sends through us answers already; it is not answered again."""
    await deliver(application, message=message("Which?", chat, via_bot=US))
    await deliver(application, message=message("Which? @verbatim_bot", chat, via_bot=US))
    assert [] == telegram.calls


async def _call_in(application: Any, telegram: Any, text: str) -> dict[str, Any]:
    await deliver(application, guest_message=message(text, GROUP, guest_query_id="9"))
    ((method, sent),) = telegram.calls
    assert ("answerGuestQuery", "9") == (method, sent["guest_query_id"])
    result = sent["result"]
    return dict(json.loads(result) if isinstance(result, str) else result)


@pytest.mark.usefixtures("many")
async def test_a_guest_answers_its_one_question(application: Any, telegram: Any) -> None:
    """Called in with a question, the bot answers with a quote and its source, without buttons."""
    telegram.replies["answerGuestQuery"] = (400, "Bad Request: query is too old")
    result = await _call_in(application, telegram, "@verbatim_bot Which?")
    text = result["input_message_content"]["message_text"]
    assert "The sea.\n— Title, under “Heading”, lines 5–7 · folder/name.txt" == text
    assert "reply_markup" not in result
    assert ("article", "Which?") == (result["type"], result["title"])


@pytest.mark.parametrize(
    ("text", "sources", "expected"),
    [
        ("@verbatim_bot", True, TEXTS.ask_how),
        ("@verbatim_bot No?", True, TEXTS.declined),
        ("@verbatim_bot Which?", False, TEXTS.no_documents),
    ],
)
async def test_a_guest_without_an_answer(  # noqa: PLR0913  # three of them are fixtures
    application: Any, archive: Any, telegram: Any, text: str, expected: str, *, sources: bool
) -> None:
    """A guest that has nothing to quote says so."""
    telegram.replies["answerGuestQuery"] = (400, "Bad Request: query is too old")
    if not sources:
        archive.sources = ()
    result = await _call_in(application, telegram, text)
    assert expected == result["input_message_content"]["message_text"]
