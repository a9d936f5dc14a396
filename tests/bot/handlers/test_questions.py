"""Handlers of questions, commands and buttons, with fake documents and a fake Telegram."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.handlers.context import AnswerMap
from bot.i18n.texts import texts_for
from bot.views.message import AnswerAction, AnswerPress, Origin, encode_answer_press
from retrieval.model import Locator, PassageWithNeighbours, Source
from tests.bot.update_builders import ADA, GROUP, PRIVATE, US, deliver, message, pressed

TEXTS = texts_for("en")


@pytest.fixture
def three_quotes(library: Any, citation: Callable[..., Any], answer: Callable[..., Any]) -> Any:
    """Return a library with a question that has three quotes and a misspelling of it."""
    citations = [citation(f"Quote number {n}.", (0, 15), ((0, 5),), rank=n) for n in (1, 2, 3)]
    library.answers = {
        "Which?": answer(*citations),
        "Whihc?": answer(certainty="none", suggestion="Which?"),
    }
    library.neighbours = {"000000000001folder01": PassageWithNeighbours(citations[0].passage, None, None)}
    return library


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/start", TEXTS.greeting),
        ("/help", TEXTS.help),
        ("/help@verbatim_bot", TEXTS.help),
        ("/privacy", TEXTS.privacy),
        ("/sources", "I have 1 document:\n\n1. Title · EN · 0 KB"),
        ("/ask", TEXTS.ask_usage),
        ("/nonsense", TEXTS.unknown_command),
        ("@verbatim_bot", TEXTS.ask_usage),
        ("Something else", TEXTS.no_answer),
        ("/start gone", f"{TEXTS.linked_document_gone}\n\n{TEXTS.greeting}"),
    ],
)
async def test_texts_in_private(text: str, expected: str, application: Any, telegram: Any) -> None:
    """In a private chat, every text gets a fitting reply."""
    await deliver(application, message=message(text))
    assert [expected] == telegram.texts()


async def test_an_answer_replies_to_its_question(application: Any, telegram: Any, three_quotes: Any) -> None:
    """An answer replies to its question, is sent even if that was deleted, and has no link preview."""
    await deliver(application, message=message("Which?"))
    ((method, sent),) = telegram.calls
    assert "sendMessage" == method
    assert {"message_id": 10, "allow_sending_without_reply": True} == sent["reply_parameters"]
    assert {"is_disabled": True} == sent["link_preview_options"]
    assert ["Which?"] == three_quotes.questions


@pytest.mark.usefixtures("three_quotes")
async def test_a_link_shows_its_passage(application: Any, telegram: Any) -> None:
    """`/start` with the id of a passage shows the passage."""
    await deliver(application, message=message("/start 000000000001folder01"))
    (text,) = telegram.texts()
    assert text.startswith("Quote number 1.\n\n— Title, under “Heading”, line 5")


async def test_a_caption_is_a_question(application: Any, library: Any) -> None:
    """In private, the caption of a photo is a question."""
    await deliver(application, message=message(photo=[], caption="Which?"))
    assert ["Which?"] == library.questions


FILE = {"file_id": "1", "file_unique_id": "1"}
PHOTO = [{**FILE, "width": 1, "height": 1}]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"photo": PHOTO}, TEXTS.picture_not_seen),
        ({"voice": {**FILE, "duration": 1}}, TEXTS.recording_not_heard),
        ({"video_note": {**FILE, "duration": 1, "length": 1}}, TEXTS.recording_not_heard),
        ({"document": FILE}, TEXTS.document_not_taken),
        ({"dice": {"emoji": "🎲", "value": 1}}, TEXTS.unsupported_message),
        ({}, TEXTS.unsupported_message),
    ],
)
async def test_messages_without_text(
    fields: dict[str, Any], expected: str, application: Any, telegram: Any
) -> None:
    """A message without text gets a friendly line in private and nothing in a group."""
    await deliver(application, message=message(**fields))
    await deliver(application, message=message(chat=GROUP, **fields))
    assert [expected] == telegram.texts()


@pytest.mark.parametrize(
    ("caption", "expected"), [("/help", TEXTS.unknown_command), ("/ask Which?", TEXTS.no_answer)]
)
async def test_commands_in_captions(caption: str, expected: str, application: Any, telegram: Any) -> None:
    """A command in a caption is not a question, but /ask and its question are."""
    await deliver(application, message=message(photo=PHOTO, caption=caption))
    assert [expected] == telegram.texts()


@pytest.mark.parametrize("caption", [{}, {"caption": "Which?"}])
async def test_an_album_gets_one_reply(application: Any, telegram: Any, caption: dict[str, Any]) -> None:
    """The pictures of an album, which are messages of their own, get one reply together."""
    await deliver(application, message=message(photo=PHOTO, media_group_id="7", **caption))
    await deliver(application, message=message(photo=PHOTO, media_group_id="7"))
    assert [TEXTS.no_answer if caption else TEXTS.picture_not_seen] == telegram.texts()
    await deliver(application, message=message(photo=PHOTO, media_group_id="8"))
    assert 2 == len(telegram.texts())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("thanks!", TEXTS.thanked),
        ("/ask hello", TEXTS.greeted),
        ("Danke", texts_for("de").thanked),
        ("https://example.com/page", TEXTS.link_not_opened),
    ],
)
async def test_messages_that_ask_nothing(text: str, expected: str, application: Any, telegram: Any) -> None:
    """Greetings and thanks get a reply in their language, and a link a line; neither is a question."""
    await deliver(application, message=message(text))
    assert [expected] == telegram.texts()


GUIDE = Source("guide001", "town/guide.pdf", "The Town", 1, 100, "en", copies=("guide copy.pdf",))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("guide.pdf", [GUIDE]),
        ("Town/Guide.pdf", [GUIDE]),
        ("«guide copy.pdf»", [GUIDE]),
        ("the town", [GUIDE]),
        ("the guide", [GUIDE]),
        ("guide", []),
        ("guide?", []),
        ("guide.pdf and name.txt", [GUIDE, "Title"]),
        ("guide.pdf, folder/name.txt", [GUIDE, "Title"]),
        ("The Town; Title", [GUIDE, "Title"]),
        ("guide.pdf page 3", []),
        ("a.b", []),
    ],
)
async def test_names_of_documents(
    text: str, named: list[Any], application: Any, library: Any, telegram: Any
) -> None:
    """A message of names of documents alone shows the headings of one, or the list of several."""
    library.sources = (*library.sources, GUIDE)
    await deliver(application, message=message(text))
    ((_, sent),) = telegram.calls
    if not named:
        assert TEXTS.no_answer == sent["text"]
        return
    assert [TEXTS.document_named, TEXTS.documents_named][len(named) > 1] == sent["text"].split("\n")[0]
    assert "The Town" in sent["text"]
    buttons = [button["text"] for row in sent["reply_markup"]["inline_keyboard"] for button in row]
    assert (["1. The Town", "2. Title"] == buttons) is (len(named) > 1)


async def test_a_title_may_be_answered(
    application: Any, library: Any, telegram: Any, citation: Callable[..., Any], answer: Callable[..., Any]
) -> None:
    """A title with a sure answer gets its quote."""
    library.answers = {"Title": answer(citation("Words.", (0, 6)))}
    await deliver(application, message=message("Title"))
    assert telegram.texts()[0].startswith("Words.\n")


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        ("Nice weather", {}, []),
        ("/nonsense", {}, []),
        ("/ask@otherbot Which?", {}, []),
        ("/ask Which?", {}, ["Which?"]),
        ("/ask@verbatim_bot Which?", {}, ["Which?"]),
        ("@verbatim_bot Which?", {}, ["Which?"]),
        ("Which?", {"reply_to_message": message("Hello", GROUP, **{"from": US})}, ["Which?"]),
        ("Which?", {"reply_to_message": message("Hello", GROUP)}, []),
        ("/ask", {"reply_to_message": message("Which?", GROUP)}, ["Which?"]),
        ("@verbatim_bot", {"reply_to_message": message("Which?", GROUP)}, ["Which?"]),
    ],
)
async def test_groups(  # noqa: PLR0913, PLR0917  # three of them are fixtures
    text: str, fields: dict[str, Any], expected: list[str], application: Any, library: Any, telegram: Any
) -> None:
    """In a group the bot answers only messages addressed to it."""
    await deliver(application, message=message(text, GROUP, **fields))
    assert expected == library.questions
    assert len(expected) == len(telegram.calls)


async def test_ask_in_reply_answers_the_other_message(application: Any, telegram: Any) -> None:
    """The answer to a bare /ask replies to the other message, where its buttons find the question."""
    other = message("Which?", GROUP, message_id=4)
    await deliver(application, message=message("/ask", GROUP, reply_to_message=other))
    assert 4 == telegram.calls[0][1]["reply_parameters"]["message_id"]


ANSWER = {
    "text": "😀 The cat sat on the mat.\n— Title",
    "entities": [
        {"type": "blockquote", "offset": 0, "length": 26},
        {"type": "bold", "offset": 7, "length": 7},
        {"type": "bold", "offset": 22, "length": 3},
    ],
}


@pytest.mark.parametrize("chat", [PRIVATE, GROUP])
@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("Which?", {"from": US, **ANSWER}, ["cat sat mat"]),
        ("/ask Which?", {"from": US, **ANSWER}, ["cat sat mat"]),
        ("/ask Which?", {"from": US, "text": TEXTS.help}, [None]),
        ("/ask Which?", {"from": ADA, **ANSWER}, [None]),
        ("/ask Which?", {"from": US | {"id": 998}, **ANSWER}, [None]),
        ("/ask", {"from": ADA, **ANSWER}, [None]),
    ],
)
async def test_a_reply_to_an_answer_follows_it(  # noqa: PLR0913, PLR0917  # two of them are fixtures
    text: str,
    other: dict[str, Any],
    expected: list[str],
    chat: dict[str, Any],
    application: Any,
    library: Any,
) -> None:
    """A question in reply to an answer of the bot is a follow-up; a reply to anything else is not."""
    await deliver(application, message=message(text, chat, reply_to_message=message(chat=chat) | other))
    assert expected == library.earlier


async def test_buttons_keep_the_follow_up(application: Any, telegram: Any, three_quotes: Any) -> None:
    """Buttons below the answer to a follow-up, even a corrected one, keep the earlier words."""
    three_quotes.answers["And what?"] = three_quotes.answers["Which?"]
    asking = message("And what?", reply_to_message=message() | {"from": US, **ANSWER})
    await deliver(application, message=asking)
    keyboard = telegram.calls[0][1]["reply_markup"]["inline_keyboard"]
    pressable = [b["callback_data"] for row in keyboard for b in row if "callback_data" in b]
    for data in [data for data in pressable if not data.startswith("@")]:
        await deliver(application, callback_query=pressed(data, message("And what?")))
    await deliver(application, callback_query=pressed("~q1 cat sat mat", message("Whihc?")))
    assert ["And what?"] * 4 + ["Whihc?", "Which?"] == three_quotes.questions
    assert ["cat sat mat"] * 6 == three_quotes.earlier
    popup = [sent.get("text") for name, sent in telegram.calls if name == "answerCallbackQuery"]
    assert ["Quote 1 of 3", None, None, None] == popup


@pytest.mark.parametrize("kind", ["edited_message", "channel_post", "edited_channel_post"])
async def test_other_updates_are_ignored(kind: str, application: Any, telegram: Any) -> None:
    """Edited commands and channel posts are ignored."""
    await deliver(application, **{kind: message("/help")})
    assert [] == telegram.calls


async def test_no_documents(application: Any, library: Any, telegram: Any) -> None:
    """Without documents, a question gets a text that says so."""
    library.sources = ()
    await deliver(application, message=message("Which?"))
    assert [TEXTS.no_documents] == telegram.texts()


async def test_errors_get_an_apology(application: Any, library: Any, telegram: Any) -> None:
    """An exception in a handler is answered with an apology."""
    library.answers = None
    await deliver(application, message=message("Which?"))
    await deliver(application, callback_query=pressed("q1", message("Which?")))
    assert [("sendMessage", TEXTS.internal_error), ("answerCallbackQuery", TEXTS.internal_error)] == [
        (method, sent["text"]) for method, sent in telegram.calls
    ]


@pytest.mark.usefixtures("three_quotes")
@pytest.mark.parametrize(
    ("press", "question", "begins"),
    [
        (AnswerPress(AnswerAction.QUOTE, 2), "Which?", "Quote number 2.\n"),
        (AnswerPress(AnswerAction.QUOTE, 1), "/ask@verbatim_bot Which?", "Quote number 1.\n"),
        (
            AnswerPress(AnswerAction.SURROUNDING_TEXT, 1, "000000000001folder01"),
            "Which?",
            "Quote number 1.\n\n",
        ),
        (
            AnswerPress(AnswerAction.SURROUNDING_TEXT, 2, "00000000", Origin(earlier="Old words")),
            "Which?",
            "Quote number 2.\n",
        ),
        (AnswerPress(AnswerAction.QUOTE, 3, origin=Origin(corrected=True)), "Whihc?", "Quote number 3.\n"),
    ],
)
async def test_buttons_edit_the_answer(
    press: AnswerPress, question: str, begins: str, application: Any, telegram: Any
) -> None:
    """A button replaces the answer with its view, using only its data and the question in the chat."""
    await deliver(application, callback_query=pressed(encode_answer_press(press), message(question)))
    (edit, edited), (answered, popup) = telegram.calls
    assert ("editMessageText", "answerCallbackQuery") == (edit, answered)
    assert edited["text"].startswith(begins)
    assert "text" not in popup


@pytest.fixture
def near_passages(library: Any, citation: Callable[..., Any], answer: Callable[..., Any]) -> Any:
    """Return a library with an unsure answer, a refusal with near passages, and a misspelling."""
    citations = [citation(f"Quote number {n}.", (0, 15), ((0, 5),), rank=n) for n in (1, 2, 3)]
    library.answers = {
        "Perhaps?": answer(*citations, certainty="unsure"),
        "Hardly?": answer(*citations, certainty="none"),
        "Whihc?": answer(certainty="none", suggestion="Perhaps?"),
    }
    library.neighbours = {"000000000001folder01": PassageWithNeighbours(citations[0].passage, None, None)}
    return library


@pytest.mark.usefixtures("near_passages")
@pytest.mark.parametrize(
    ("chat", "kind", "count"), [(PRIVATE, "blockquote", 3), (GROUP, "expandable_blockquote", 1)]
)
async def test_an_unsure_answer_is_the_closest_passages(
    chat: dict[str, Any], kind: str, count: int, application: Any, telegram: Any
) -> None:
    """An unsure answer introduces the closest passages: open in private, collapsed in a group."""
    await deliver(application, message=message("/ask Perhaps?", chat))
    ((_, sent),) = telegram.calls
    assert sent["text"].startswith(f"{TEXTS.unsure_answer}\nQuote number 1.\n1 — ")
    assert count == [entity["type"] for entity in sent["entities"]].count(kind)
    (row,) = sent["reply_markup"]["inline_keyboard"]
    assert ["Context 1", "Context 2", "Context 3"] == [button["text"] for button in row]


@pytest.mark.usefixtures("near_passages")
@pytest.mark.parametrize("question", ["Perhaps?", "Hardly?"])
@pytest.mark.parametrize("chat", [PRIVATE, GROUP])
async def test_the_closest_passages_and_their_context(
    question: str, chat: dict[str, Any], application: Any, telegram: Any
) -> None:
    """Buttons show the closest passages, even below a refusal, the context of one, and all again."""
    for data in ("n1", "c2:000000000001folder01", "n1"):
        press = pressed(data, message(question, chat))
        press["message"]["chat"] = chat
        await deliver(application, callback_query=press)
    (_, listed), _, (_, around), _, (_, again), (_, popup) = telegram.calls
    assert (listed["text"], listed["entities"]) == (again["text"], again["entities"])
    assert listed["text"].startswith(f"{TEXTS.unsure_answer}\nQuote number 1.\n")
    folded = [entity for entity in listed["entities"] if entity["type"] == "expandable_blockquote"]
    assert len(folded) == (chat is GROUP)
    assert around["text"].startswith("Quote number 2.\n")
    ((back,), _) = around["reply_markup"]["inline_keyboard"]
    assert ("‹ Back to the passages", "n1") == (back["text"], back["callback_data"])
    assert "text" not in popup


@pytest.mark.usefixtures("near_passages")
async def test_a_suggestion_may_have_an_unsure_answer(application: Any, telegram: Any) -> None:
    """A suggestion with an unsure answer shows its closest passages, and so do their buttons."""
    await deliver(application, callback_query=pressed("~q1", message("Whihc?")))
    await deliver(application, callback_query=pressed("~n1", message("Whihc?")))
    (_, first), _, (_, second), _ = telegram.calls
    assert first["text"] == second["text"]
    assert first["text"].startswith(TEXTS.unsure_answer)
    buttons = first["reply_markup"]["inline_keyboard"][0]
    assert "~c1:000000000001folder01" == buttons[0]["callback_data"]


@pytest.mark.usefixtures("three_quotes")
async def test_an_answer_that_has_become_sure_is_quoted(application: Any, telegram: Any) -> None:
    """If the documents have an answer by now, the button for the closest passages shows it."""
    await deliver(application, callback_query=pressed("n1", message("Which?")))
    (_, shown), _ = telegram.calls
    assert shown["text"].startswith("Quote number 1.\n— ")


@pytest.mark.usefixtures("three_quotes")
@pytest.mark.parametrize(
    ("data", "question", "expected"),
    [
        ("q2", None, TEXTS.question_gone),
        ("q2", message(photo=[]), TEXTS.question_gone),
        ("nonsense", message("Which?"), TEXTS.button_expired),
        ("q9", message("Which?"), TEXTS.documents_changed),
        ("c1:other", message("Which?"), TEXTS.documents_changed),
        ("~q1", message("Which?"), TEXTS.documents_changed),
        ("q1", message("Never answered?"), TEXTS.documents_changed),
        ("n1", message("Never answered?"), TEXTS.documents_changed),
        ("+1", message("Never answered?"), TEXTS.documents_changed),
        ("p2", message("Which?"), "Quote 2 of 3"),
    ],
)
async def test_outdated_buttons_are_answered(
    data: str, question: dict[str, Any] | None, expected: str, application: Any, telegram: Any
) -> None:
    """A button whose question or documents are gone gets a text and changes nothing."""
    await deliver(application, callback_query=pressed(data, question))
    assert [("answerCallbackQuery", expected)] == [(method, sent["text"]) for method, sent in telegram.calls]


async def test_a_button_of_an_inaccessible_message(application: Any, telegram: Any) -> None:
    """A button of a message that the bot cannot access is answered."""
    gone = {"message_id": 11, "date": 0, "chat": PRIVATE}
    await deliver(application, callback_query=pressed("q1", None, message=gone))
    await deliver(application, callback_query=pressed("q1", None) | {"message": None})
    assert [TEXTS.question_gone] * 2 == [sent["text"] for _, sent in telegram.calls]


@pytest.mark.usefixtures("three_quotes")
@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("Bad Request: message is not modified", None),
        ("Bad Request: message can't be edited", TEXTS.button_expired),
    ],
)
async def test_refused_edits(description: str, expected: str | None, application: Any, telegram: Any) -> None:
    """An edit without a change is not an error; any other rejected edit gets a text."""
    telegram.replies["editMessageText"] = (400, description)
    await deliver(application, callback_query=pressed("q1", message("Which?")))
    assert expected == telegram.calls[-1][1].get("text")


@pytest.mark.usefixtures("three_quotes")
async def test_an_expired_query_is_no_error(
    application: Any, telegram: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """An expired callback query is dropped without a line in the log."""
    telegram.replies["answerCallbackQuery"] = (400, "Bad Request: query is too old")
    await deliver(application, callback_query=pressed("q1", message("Which?")))
    assert [] == caplog.records


async def test_a_blocked_bot_is_no_error(
    application: Any, telegram: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A user who blocked the bot causes no warning."""
    telegram.replies["sendMessage"] = (403, "Forbidden: bot was blocked by the user")
    with caplog.at_level("WARNING"):
        await deliver(application, message=message("/help"))
    assert [] == caplog.records


@pytest.mark.parametrize(
    ("allowed", "update", "expected"),
    [
        ([1], {"message": message("/help")}, 1),
        ([-5], {"message": message("/help", GROUP)}, 1),
        ([2], {"message": message("/help")}, 0),
        ([2], {}, 0),
    ],
)
async def test_allowed_chats(
    allowed: list[int], update: dict[str, Any], expected: int, connecting: Callable[..., Any], telegram: Any
) -> None:
    """With a list of allowed chats, others get no answer."""
    await deliver(connecting(telegram_allowed_chats=allowed), **update)
    assert expected == len(telegram.calls)


async def test_presses_of_others_are_answered(connecting: Callable[..., Any], telegram: Any) -> None:
    """A press by a user who is not allowed is answered without a text, so that Telegram stops waiting."""
    await deliver(connecting(telegram_allowed_chats=[2]), callback_query=pressed("q1", None))
    assert [("answerCallbackQuery", {"callback_query_id": "5"})] == telegram.calls


@pytest.mark.usefixtures("three_quotes")
@given(st.text(max_size=70))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_forged_data_is_always_answered(application: Any, telegram: Any, data: str) -> None:
    """Any forged data is answered with at most 200 characters."""
    telegram.calls.clear()
    await deliver(application, callback_query=pressed(data, message("Which?")))
    method, popup = telegram.calls[-1]
    assert "answerCallbackQuery" == method
    assert len(popup.get("text", "")) <= 200


@given(st.text(max_size=300))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_private_text_gets_one_reply(application: Any, telegram: Any, text: str) -> None:
    """Any text in a private chat gets exactly one reply."""
    telegram.calls.clear()
    await deliver(application, message=message(text or "x"))
    assert 1 == len(telegram.calls)
    assert json.dumps(telegram.calls)


PAYLOADS = st.text("ABCxyz019_-", min_size=1, max_size=64)


@pytest.mark.usefixtures("three_quotes")
@given(PAYLOADS | PAYLOADS.map(lambda text: f"{text[:12]:0>12}folder01"[:64]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_link_payload(application: Any, telegram: Any, payload: str) -> None:
    """A link with any payload opens its passage or its document, or says that both are gone."""
    telegram.calls.clear()
    await deliver(application, message=message(f"/start {payload}"))
    (text,) = telegram.texts()
    gone = (
        TEXTS.passage_gone("Title")
        if payload[12:] == "folder01"
        else f"{TEXTS.linked_document_gone}\n\n{TEXTS.greeting}"
    )
    opened = payload == "000000000001folder01"
    assert text.startswith("Quote number 1." if opened else gone)


BUTTON_DATA = st.sampled_from(
    [
        "q2",
        "c1:000000000001folder01",
        "n1",
        "p3",
        "l1",
        "+1",
        "-1",
        "~q1",
        "q1 cat sat",
        "@s.0",
        "@hfolder01.0",
    ]
)


@pytest.mark.usefixtures("three_quotes")
@given(
    BUTTON_DATA,
    st.integers(0, 30),
    st.text(max_size=3),
    st.booleans(),
    st.sampled_from(["Which?", "Whihc?", "No?"]),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_nearly_right_data_is_always_answered(  # noqa: PLR0913, PLR0917  # two of them are fixtures
    application: Any,
    telegram: Any,
    data: str,
    at: int,
    more: str,
    instead: bool,  # drawn
    question: str,
) -> None:
    """Data similar to that of a button is answered once, without an error."""
    forged = data[:at] + more + data[at + (len(more) if instead else 0) :]
    telegram.calls.clear()
    await deliver(application, callback_query=pressed(forged, message(question)))
    answers = [sent for name, sent in telegram.calls if name == "answerCallbackQuery"]
    assert 1 == len(answers)
    assert TEXTS.internal_error != answers[0].get("text")


async def test_a_changed_passage_offers_its_document(application: Any, library: Any, telegram: Any) -> None:
    """A link whose passage is gone names the document, with any title, and offers its headings."""
    library.sources = (Source("folder01", "name.txt", "Title " * 900, 1, 100, "en"),)
    await deliver(application, message=message("/start " + "x" * 12 + "folder01"))
    ((_, sent),) = telegram.calls
    assert sent["text"].startswith("The document “Title Title")
    assert len(sent["text"]) < 300
    rows = sent["reply_markup"]["inline_keyboard"]
    assert "@rfolder01.0" in [button.get("callback_data") for row in rows for button in row]


def _calls(telegram: Any) -> list[tuple[str, str]]:
    return [(name, sent["text"].partition("\n")[0]) for name, sent in telegram.calls]


@pytest.mark.usefixtures("three_quotes")
@pytest.mark.parametrize(
    ("chat", "texts"),
    [
        (PRIVATE, ["Which?", "Other?", "Which?"]),
        (GROUP, ["/ask Which?", "/ask Other?", "/ask@verbatim_bot Which?"]),
        (GROUP, ["@verbatim_bot Which?", "@verbatim_bot Other?", "@verbatim_bot Which?"]),
    ],
)
async def test_an_answer_follows_its_question(
    application: Any, telegram: Any, chat: dict[str, Any], texts: list[str]
) -> None:
    """Editing a question edits its answer, to a refusal without buttons and back."""
    first, *edits = texts
    await deliver(application, message=message(first, chat))
    for text in edits:
        await deliver(application, edited_message=message(text, chat, edit_date=2))
    assert [
        ("sendMessage", "Quote number 1."),
        ("editMessageText", TEXTS.no_answer),
        ("editMessageText", "Quote number 1."),
    ] == _calls(telegram)
    assert [77, 77] == [sent["message_id"] for _, sent in telegram.calls[1:]]
    assert ["reply_markup" in sent for _, sent in telegram.calls] == [True, False, True]


@pytest.mark.usefixtures("three_quotes")
@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("Bad Request: message is not modified", ["editMessageText"]),
        ("Bad Request: message to edit not found", ["editMessageText", "sendMessage"]),
    ],
)
async def test_an_answer_that_cannot_be_edited(
    application: Any, telegram: Any, description: str, expected: list[str]
) -> None:
    """A deleted answer is sent again; one without a change is not."""
    telegram.replies["editMessageText"] = (400, description)
    await deliver(application, message=message("Which?"))
    await deliver(application, edited_message=message("Which?", edit_date=2))
    assert ["sendMessage", *expected] == [name for name, _ in telegram.calls]


@pytest.mark.usefixtures("three_quotes")
async def test_an_edit_of_a_forgotten_question(application: Any, telegram: Any) -> None:
    """The edit of a question whose answer is unknown gets a new answer."""
    await deliver(application, edited_message=message("Which?", edit_date=2))
    assert [("sendMessage", "Quote number 1.")] == _calls(telegram)


@pytest.mark.usefixtures("three_quotes")
@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("What a day!", {}),
        ("/help", {}),
        ("/search sea", {}),
        ("/ask@otherbot Which?", {}),
        ("Which?", {"reply_to_message": message("Hello", GROUP)}),
    ],
)
async def test_edits_that_are_not_for_us(
    application: Any, telegram: Any, text: str, fields: dict[str, Any]
) -> None:
    """In a group, an edit of a message that is not addressed to the bot is ignored."""
    await deliver(application, edited_message=message(text, GROUP, edit_date=2, **fields))
    assert [] == telegram.calls


def test_the_answer_map_is_bounded() -> None:
    """Beyond its capacity, the map forgets the oldest question only."""
    answer_map = AnswerMap()
    for number in range(2_001):
        answer_map.remember(1, number, number + 1)
    assert [None, 2, 2_001] == [answer_map.find(1, number) for number in (0, 1, 2_000)]
    assert answer_map.find(2, 1) is None


NAMING = {
    "text": "It is in Nordholm.\n— Title",
    "entities": [
        {"type": "blockquote", "offset": 0, "length": 18},
        {"type": "bold", "offset": 9, "length": 8},
    ],
}


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        ("/why Who built the tower", {}, "• Who: 1.5, in 3 passages"),
        ("/why", {"reply_to_message": message("Nordholm")}, "• Nordholm: 1.5, in 8 passages"),
        (
            "/why",
            {"reply_to_message": message() | {"from": US, **NAMING}},
            "• Nordholm: 1.5, in 8 passages",
        ),
        ("/why", {"reply_to_message": message(TEXTS.help) | {"from": US}}, TEXTS.why_usage),
        ("/why", {"reply_to_message": message(photo=[])}, TEXTS.why_usage),
        ("/why", {}, TEXTS.why_usage),
    ],
)
async def test_why(application: Any, telegram: Any, text: str, fields: dict[str, Any], expected: str) -> None:
    """/why explains its own words, the question it replies to, or the words that an answer matched."""
    await deliver(application, message=message(text, **fields))
    (text_sent,) = telegram.texts()
    assert expected in {text_sent, *text_sent.splitlines()}


def _member(status: str) -> dict[str, Any]:
    rights = dict.fromkeys(
        (
            *("can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages"),
            *("can_manage_video_chats", "can_restrict_members", "can_promote_members", "can_change_info"),
            *("can_invite_users", "can_post_stories", "can_edit_stories", "can_delete_stories"),
        ),
        False,
    )
    return {"user": US, "status": status, **({"until_date": 0} if status == "kicked" else rights)}


def _change(before: str, after: str, chat: dict[str, Any] = GROUP) -> dict[str, Any]:
    members = {"old_chat_member": _member(before), "new_chat_member": _member(after)}
    return {"chat": chat, "from": ADA, "date": 1, **members}


LITTLE, ALL = (
    f"{TEXTS.group_greeting}\n\n{received}"
    for received in (TEXTS.receives_addressed_only, TEXTS.receives_all_messages)
)


@pytest.mark.parametrize(
    ("before", "after", "chat", "expected"),
    [
        ("left", "member", GROUP, [LITTLE]),
        ("kicked", "member", GROUP, [LITTLE]),
        ("left", "administrator", GROUP, [ALL]),
        ("member", "administrator", GROUP, []),
        ("member", "left", GROUP, []),
        ("member", "kicked", GROUP, []),
        ("kicked", "member", PRIVATE, []),
        ("left", "administrator", {"id": -7, "type": "channel", "title": "C"}, []),
    ],
)
async def test_greeting(  # noqa: PLR0913, PLR0917  # two of them are fixtures
    application: Any, telegram: Any, before: str, after: str, chat: dict[str, Any], expected: list[str]
) -> None:
    """Added to a group, the bot greets once and says which messages it receives: all only as an admin."""
    await deliver(application, my_chat_member=_change(before, after, chat))
    assert expected == telegram.texts()


def test_api_addresses(connecting: Callable[..., Any]) -> None:
    """A local Bot API server and the test environment have the documented addresses."""
    ours = connecting(telegram_api_url="http://localhost:1/").bot
    test = connecting(telegram_test_environment=True).bot
    assert ("http://localhost:1/bot1:x", "http://localhost:1/file/bot1:x") == (
        ours.base_url,
        ours.base_file_url,
    )
    assert "https://api.telegram.org/bot1:x/test" == test.base_url
    assert "https://api.telegram.org/file/bot1:x/test" == test.base_file_url


async def test_a_page_is_sent_as_a_picture(
    library: Any, citation: Callable[..., Any], answer: Callable[..., Any], application: Any, telegram: Any
) -> None:
    """A quote from a page has a button that sends the page with its location, or a text if it cannot."""
    at = Locator("Heading", 3, 5, 7, 2, "page", "iii")
    library.answers = {
        "Which?": answer(*(citation("The sea.", (0, 8), ((4, 7),), rank=n, locator=at) for n in (1, 2)))
    }
    library.pictures = {1: b"a picture"}
    await deliver(application, message=message("Which?"))
    buttons = [b["text"] for row in telegram.calls[-1][1]["reply_markup"]["inline_keyboard"] for b in row]
    assert TEXTS.show_page in buttons
    for rank in (1, 2):
        press = encode_answer_press(AnswerPress(AnswerAction.PAGE_PICTURE, rank))
        await deliver(application, callback_query=pressed(press, message("Which?")))
    (_, (photo, sent), (_, first), (_, second)) = telegram.calls
    assert ("sendPhoto", "Title, under “Heading”, page iii") == (photo, sent["caption"])
    assert (None, TEXTS.page_not_available) == (first.get("text"), second["text"])
