"""Browsing by commands and buttons, with fake documents and a fake Telegram."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.i18n.texts import texts_for
from retrieval.model import Source
from tests.bot.update_builders import ADA, GROUP, PRIVATE, deliver, message, pressed

TEXTS = texts_for("en")
OTHER = Source("other001", "other.txt", "Another", 1, 100, "en", size=6)
SECRET = "Only the other document says so."


@pytest.fixture
def two_documents(library: Any, passage: Any, tmp_path: Path) -> Any:
    """Return a library of two documents; the first has two headings."""
    name = "name.txt"
    first = Source("folder01", name, "Title", 3, 100, "en", size=11)
    library.sources = (first, OTHER)
    library.folder = tmp_path
    (tmp_path / name).write_bytes(b"The \xff bytes")
    library.texts = {
        "folder01": [
            passage(text, number=n, start=n * 100, heading=(heading,), paragraph=n)
            for n, (heading, text) in enumerate([("Sea", "Salt."), ("Sea", "Waves."), ("Land", "Sand.")])
        ],
        "other001": [passage(SECRET, heading=("Hidden",))],
    }
    return library


async def _press(application: Any, telegram: Any, data: str, **fields: Any) -> list[tuple[str, Any]]:
    telegram.calls.clear()
    await deliver(application, callback_query=pressed(data, None) | fields)
    return [(name, sent.get("text")) for name, sent in telegram.calls]


@pytest.mark.usefixtures("two_documents")
@pytest.mark.parametrize(
    ("data", "begins"),
    [
        ("@s.0", "I have 2 documents:\n\n1. Title"),
        ("@s.99999999", "I have 2 documents:\n\n1. Title"),
        ("@hfolder01.0", "Title\nname.txt\nEN · 1 KB"),
        ("@rfolder01.0", "Sea\n\nSalt.\n\nWaves.\n\n— Title · name.txt"),
        ("@rfolder01.2", "Land\n\nSand.\n\n— Title · name.txt"),
        ("@rfolder01.99999999", "Land\n\nSand.\n\n— Title · name.txt"),
    ],
)
async def test_buttons_show_their_view(application: Any, telegram: Any, data: str, begins: str) -> None:
    """A button replaces the message with its view; a number beyond the end shows the last page."""
    (edit, shown), answered = await _press(application, telegram, data)
    assert ("editMessageText", begins) == (edit, shown[: len(begins)])
    assert ("answerCallbackQuery", None) == answered


@pytest.mark.usefixtures("two_documents")
@pytest.mark.parametrize(
    ("data", "popup"),
    [
        ("@hnowhere0.0", TEXTS.documents_changed),
        ("@fnowhere0.0", TEXTS.documents_changed),
        ("@s", TEXTS.button_expired),
        ("@", TEXTS.button_expired),
        ("@r.0", TEXTS.button_expired),
        ("@sfolder01.0", TEXTS.button_expired),
        ("@xfolder01.0", TEXTS.button_expired),
        ("@yfolder01.0", TEXTS.button_expired),
        ("@rfolder01.-1", TEXTS.button_expired),
        ("@rfolder01.999999999", TEXTS.button_expired),
    ],
)
async def test_invalid_buttons(application: Any, telegram: Any, data: str, popup: str) -> None:
    """A button of a missing document or with invalid data gets a text and changes nothing."""
    assert [("answerCallbackQuery", popup)] == await _press(application, telegram, data)


@given(
    st.from_regex(r"@[shrf](folder01)?\.?[0-9]{0,9}[a-z\x00]?", fullmatch=True)
    | st.text(max_size=62).map(lambda text: f"@{text}")
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_forged_buttons(application: Any, telegram: Any, two_documents: Any, data: str) -> None:
    """Any forged data is answered once and shows only the document that it names."""
    assert two_documents.sources
    calls = await _press(application, telegram, data)
    assert "answerCallbackQuery" == calls[-1][0]
    assert 1 == sum(name == "answerCallbackQuery" for name, _ in calls)
    assert "other001" in data or SECRET not in str(calls)
    assert TEXTS.internal_error not in str(calls)


@pytest.mark.usefixtures("two_documents")
@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, None), ({"message_thread_id": 4}, None), ({"message_thread_id": 4, "is_topic_message": True}, 4)],
)
async def test_the_document_as_a_file(
    application: Any, telegram: Any, fields: dict[str, Any], expected: int | None
) -> None:
    """The file is sent under its own name, to the topic of the button."""
    telegram.calls.clear()
    ours = message("An answer", GROUP, **fields)
    await deliver(application, callback_query=pressed("@ffolder01.0", None, message=ours))
    (sending, sent), (answering, popup) = telegram.calls
    assert ("sendDocument", "answerCallbackQuery") == (sending, answering)
    assert (-5, expected) == (sent["chat_id"], sent.get("message_thread_id"))
    assert "text" not in popup


@pytest.mark.parametrize("description", ["Bad Request: file must be non-empty", "Request Entity Too Large"])
async def test_a_file_that_cannot_be_sent(
    application: Any, telegram: Any, two_documents: Any, description: str
) -> None:
    """The button of a file that is missing, too large or rejected gets a text."""
    telegram.replies["sendDocument"] = (400, description)
    assert ("answerCallbackQuery", TEXTS.file_not_available) == (
        await _press(application, telegram, "@ffolder01.0")
    )[-1]
    gone = [("answerCallbackQuery", TEXTS.file_not_available)]
    assert gone == await _press(application, telegram, "@fother001.0")
    with (two_documents.folder / "name.txt").open("ab") as file:
        file.truncate(50 * 1024 * 1024 + 1)
    assert gone == await _press(application, telegram, "@ffolder01.0")


@pytest.mark.parametrize("data", ["@s.0", "@hfolder01.0", "@ffolder01.0"])
async def test_a_button_of_an_old_message(
    application: Any, telegram: Any, two_documents: Any, data: str
) -> None:
    """A button of a message that the bot cannot access is answered with a text."""
    assert two_documents.sources
    telegram.replies["editMessageText"] = telegram.replies["sendDocument"] = (400, "Bad Request: not found")
    for gone in ({"message_id": 11, "date": 0, "chat": PRIVATE}, None):
        *_, (method, popup) = await _press(application, telegram, data, message=gone)
        assert "answerCallbackQuery" == method
        assert popup in {TEXTS.button_expired, TEXTS.file_not_available}


async def test_search(application: Any, library: Any, telegram: Any, citation: Any, answer: Any) -> None:
    """/search lists places, and its buttons page through the results of the same words."""
    library.answers = {"sea": answer(*[citation("The sea.", (0, 8), ((4, 7),))] * 12)}
    await deliver(application, message=message("/search sea"))
    ((_, sent),) = telegram.calls
    assert sent["text"].startswith(
        "12 places, the best first:\n\n1. Title, under “Heading”, lines 5–7\nThe sea."
    )
    ((button,),) = sent["reply_markup"]["inline_keyboard"]
    await deliver(
        application, callback_query=pressed(button["callback_data"], message("/search@verbatim_bot sea"))
    )
    (_, shown), (_, popup) = telegram.calls[1:]
    assert ["11.", "The", "12.", "The"] == [line[:3] for line in shown["text"].splitlines()[2:]]
    assert "text" not in popup


@pytest.mark.parametrize(
    ("text", "expected"), [("/search", TEXTS.search_usage), ("/search nothing", TEXTS.no_places)]
)
async def test_search_without_places(application: Any, telegram: Any, text: str, expected: str) -> None:
    """/search without words explains its use; without places it says so."""
    await deliver(application, message=message(text))
    assert [expected] == telegram.texts()


async def test_no_documents(application: Any, library: Any, telegram: Any) -> None:
    """Without documents, /sources and its old buttons say so."""
    library.sources = ()
    await deliver(application, message=message("/sources"))
    assert [TEXTS.no_documents] == telegram.texts()
    assert ("editMessageText", TEXTS.no_documents) == (await _press(application, telegram, "@s.0"))[0]


async def _press_remove(application: Any, telegram: Any, **fields: Any) -> list[Any]:
    prompt = await _press(application, telegram, "@xfolder01.0", **fields)
    return [*prompt, *await _press(application, telegram, "@yfolder01.0", **fields)]


@pytest.mark.usefixtures("two_documents")
async def test_an_admin_removes_a_document(connecting: Any, telegram: Any) -> None:
    """A document is removed only after a confirmation."""
    application = connecting(telegram_admins=[1])
    manager = application.bot_data.document_manager
    (_, prompt), _ = await _press(application, telegram, "@xfolder01.0")
    assert TEXTS.confirm_removal("name.txt") == prompt
    rows = telegram.calls[0][1]["reply_markup"]["inline_keyboard"]
    assert ["@yfolder01.0", "@hfolder01.0"] == [row[0]["callback_data"] for row in rows]
    assert [] == manager.taken_out
    assert TEXTS.document_removed("name.txt") == (await _press(application, telegram, "@yfolder01.0"))[0][1]
    assert ["name.txt"] == manager.taken_out


@pytest.mark.usefixtures("two_documents")
@pytest.mark.parametrize(
    ("admins", "fields"),
    [
        ([], {}),
        ([2], {}),
        ([1], {"message": message("An answer", GROUP)}),
        ([1], {"from": ADA | {"id": 3}}),
    ],
)
async def test_only_admins_remove_documents(
    connecting: Any, telegram: Any, admins: list[int], fields: dict[str, Any]
) -> None:
    """Remove buttons of users who are not admins, or in a group, are answered as out of date."""
    application = connecting(telegram_admins=admins)
    popup = await _press_remove(application, telegram, **fields)
    assert [("answerCallbackQuery", TEXTS.button_expired)] * 2 == popup
    assert [] == application.bot_data.document_manager.taken_out
