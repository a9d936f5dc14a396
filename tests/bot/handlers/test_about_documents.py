"""/overview and questions about the documents themselves, with fake documents and a fake Telegram."""

from dataclasses import replace
from typing import Any

import pytest

from bot.i18n.texts import texts_for
from retrieval.model import Source
from tests.bot.update_builders import GROUP, PRIVATE, US, deliver, message, pressed

TEXTS = texts_for("en")
SEA = "The sea around the island is salt, and the goats do not drink from it."
LAND = "The land of the island is sand, and the goats do not eat of it."


@pytest.fixture
def two_documents(library: Any, passage: Any) -> Any:
    library.sources = (
        Source("folder01", "sea.txt", "On the sea", 1, 100, "en"),
        Source("folder02", "land.txt", "On the land", 1, 100, "en"),
    )
    library.texts = {
        "folder01": [passage(SEA, title="On the sea")],
        "folder02": [passage(LAND, id="000000000001folder02", title="On the land")],
    }
    return library


@pytest.fixture
def one_document(library: Any, passage: Any) -> Any:
    library.texts = {"folder01": [passage(SEA)]}
    return library


def _reply_to(url: str) -> dict[str, Any]:
    """Return an answer of the bot with a link to a passage."""
    link = {"type": "text_link", "offset": 0, "length": 5, "url": url}
    return message("Title", PRIVATE, message_id=9) | {"from": US, "entities": [link]}


async def _ask(application: Any, telegram: Any, text: str, **fields: Any) -> str:
    telegram.calls.clear()
    await deliver(application, message=message(text, **fields))
    (reply,) = telegram.texts()
    return str(reply)


@pytest.mark.usefixtures("one_document")
@pytest.mark.parametrize(
    ("text", "chat"),
    [
        ("What is this about?", PRIVATE),
        ("/overview", PRIVATE),
        ("/overview name", PRIVATE),
        ("/overview this article", PRIVATE),
        ("/ask tl;dr", GROUP),
        ("/overview", GROUP),
        ("о чём эта статья?", PRIVATE),
    ],
)
async def test_the_only_document(application: Any, telegram: Any, text: str, chat: dict[str, Any]) -> None:
    """With one document, its overview is the answer."""
    reply = await _ask(application, telegram, text, chat=chat)
    assert reply.startswith("Title\n")
    assert SEA in reply


@pytest.mark.usefixtures("two_documents")
@pytest.mark.parametrize(
    "text",
    [
        "/overview land",
        "summarise the land text",
        "what is land.txt about",
        "what is in land.txt?",
        "what does the file land.txt say",
        "was steht in land.txt",
        "land.txt里有什么",
        "what's in On the land",
    ],
)
async def test_the_document_named(application: Any, telegram: Any, text: str) -> None:
    """With several documents, a name chooses one."""
    reply = await _ask(application, telegram, text)
    assert reply.startswith("On the land\n")
    assert LAND in reply


@pytest.mark.usefixtures("two_documents")
async def test_no_document_of_that_name(application: Any, telegram: Any, library: Any) -> None:
    """A question such as "what is in the box?" is ordinary unless that is the whole name of a document."""
    await _ask(application, telegram, "what is in the land of the goats")
    assert ["what is in the land of the goats"] == library.questions


@pytest.mark.usefixtures("two_documents")
async def test_a_part_of_the_title(
    application: Any, telegram: Any, library: Any, citation: Any, answer: Any
) -> None:
    """A question for what is in a document named by a part of its title shows it if no quote answers."""
    question = "what is in the land?"
    library.sources = (library.sources[0], replace(library.sources[1], name="a.txt", title="Land of goats"))
    assert (await _ask(application, telegram, question)).startswith("Land of goats\n")
    assert [question] == library.questions
    library.answers = {question: answer(citation("Words.", (0, 6)))}
    assert (await _ask(application, telegram, question)).startswith("Words.\n")


@pytest.mark.usefixtures("two_documents")
@pytest.mark.parametrize(
    ("passage_id", "shown"), [("000000000001folder02", LAND), ("000000000001folder01", SEA)]
)
async def test_the_document_replied_to(application: Any, telegram: Any, passage_id: str, shown: str) -> None:
    """A reply to a quote asks about the quote's document."""
    original = _reply_to(f"https://t.me/verbatim_bot?start={passage_id}")
    for text in ("what is this about?", "/overview"):
        assert shown in await _ask(application, telegram, text, reply_to_message=original)


@pytest.mark.usefixtures("two_documents")
@pytest.mark.parametrize(
    "url", ["https://t.me/verbatim_bot?start=unknown", "https://t.me/verbatim_bot", "http://[bad"]
)
async def test_links_that_lead_to_no_document(application: Any, telegram: Any, url: str) -> None:
    """A reply to something else leaves the choice to the person."""
    reply = await _ask(application, telegram, "what is this about?", reply_to_message=_reply_to(url))
    assert reply.startswith(TEXTS.choose_document)


@pytest.mark.usefixtures("two_documents")
async def test_choosing_a_document(application: Any, telegram: Any) -> None:
    """Without a name, buttons lead to the overviews, and from there to the list again."""
    assert (await _ask(application, telegram, "/overview")).startswith(TEXTS.choose_document)
    for data, begins in (("@ofolder02.0", "On the land\n"), ("@o.0", TEXTS.choose_document)):
        telegram.calls.clear()
        await deliver(application, callback_query=pressed(data, None))
        (edit, shown), _ = telegram.calls
        assert "editMessageText" == edit
        assert shown["text"].startswith(begins)


@pytest.mark.usefixtures("two_documents")
async def test_an_unknown_name(application: Any, library: Any, telegram: Any) -> None:
    """/overview says that there is no such document; a question with another subject is an ordinary one."""
    assert (await _ask(application, telegram, "/overview drones")).startswith(TEXTS.unknown_document)
    question = "give me a summary of the drones"
    assert TEXTS.no_answer == await _ask(application, telegram, question)
    assert [question] == library.questions


@pytest.mark.usefixtures("two_documents")
async def test_the_documents_and_the_help(application: Any, library: Any, telegram: Any) -> None:
    """Questions for the documents and for help are answered as by /sources and /help, from no document."""
    listed = await _ask(application, telegram, "which documents do you have?")
    assert listed == await _ask(application, telegram, "/sources")
    assert TEXTS.help == await _ask(application, telegram, "who are you?")
    assert [] == library.questions


@pytest.mark.usefixtures("two_documents")
async def test_small_talk_and_file_names_come_first(application: Any, library: Any, telegram: Any) -> None:
    """A greeting alone is greeted, with a question about the bot it gets the help; a file name is browsed."""
    assert TEXTS.greeted == await _ask(application, telegram, "hi")
    assert TEXTS.help == await _ask(application, telegram, "hi, who are you?")
    assert (await _ask(application, telegram, "land.txt")).startswith(TEXTS.document_named)
    assert [] == library.questions


async def test_places(application: Any, library: Any, answer: Any, citation: Any, telegram: Any) -> None:
    """A question where something is mentioned is answered as by /search, also on further pages."""
    found = [citation("Salt here.", (0, 4), ((0, 4),)) for _ in range(12)]
    library.answers = {"salt": answer(*found, question="salt")}
    places = await _ask(application, telegram, "where is salt mentioned?")
    assert places == await _ask(application, telegram, "/search salt")
    telegram.calls.clear()
    await deliver(application, callback_query=pressed("l2", message("where is salt mentioned?")))
    assert "11. Title" in telegram.calls[0][1]["text"]


async def test_no_documents(application: Any, library: Any, telegram: Any) -> None:
    """Without documents there is nothing to give an overview of."""
    library.sources = ()
    for text in ("/overview", "/overview name", "what is this about?"):
        assert TEXTS.no_documents == await _ask(application, telegram, text)


@pytest.mark.usefixtures("one_document")
async def test_an_edited_question(application: Any, telegram: Any) -> None:
    """A question that is edited to one about the document gets its answer edited."""
    await deliver(application, message=message("what?"))
    telegram.calls.clear()
    await deliver(application, edited_message=message("what is this about?") | {"edit_date": 2})
    ((method, sent),) = telegram.calls
    assert "editMessageText" == method
    assert SEA in sent["text"]
