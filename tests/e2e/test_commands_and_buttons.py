"""Inline quotes, links, browsing, votes and admin commands."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.i18n.texts import texts_for
from sandbox.control_client import ChatClient, MessageClient, Sandbox
from tests.e2e.conftest import LIGHTHOUSE, TOKEN, Process, bot_settings, run_sandbox

pytestmark = pytest.mark.e2e

TEXTS = texts_for("en")
QUESTION = "Who built the lighthouse of Nordholm?"
FACT = "Clara Brandt"
OTHER_QUESTION = "What does the pilot boat carry?"
UNANSWERABLE = "Who won the chess championship in Reykjavik?"
BARGES = " ".join(f"Barge number {n} waits at the lock with timber and slate." for n in range(80))
HARBOUR = f"""# The harbour book

A harbour has rules.

## Pilots

The pilot boat carries two lanterns and a bell.

### At night

After sunset the pilot boat shows a white light over a red one.

## Barges

{BARGES}

The last barge leaves before the ice comes.
"""
# Each paragraph is long enough to be a passage by itself.
CRATES = (
    "the crates are weighed on the scales at the end of the pier, covered with wet canvas, and taken by the "
    "evening train to the towns on the other side of the bay, where cooks wait for them before noon."
)
HERRING = "\n\n".join(
    f"Herring is landed at quay {n} by the trawlers of line {n}, and {CRATES}" for n in range(1, 36)
)


@dataclass(frozen=True)
class FeedbackBot:
    """A bot that collects feedback, its documents, and the id of its admin; `url` is that of its sandbox."""

    url: str
    folder: Path
    feedback: Path
    admin: int
    process: Process


@pytest.fixture(scope="module")
def feedback_bot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeedbackBot]:
    """Start a bot with a sandbox of its own for all tests of this module."""
    folder, feedback = tmp_path_factory.mktemp("documents"), tmp_path_factory.mktemp("feedback")
    (folder / "lighthouse.txt").write_text(LIGHTHOUSE, encoding="utf-8")
    (folder / "harbour.md").write_text(HARBOUR, encoding="utf-8")
    (folder / "quays").mkdir()
    (folder / "quays" / "herring.txt").write_text(HERRING, encoding="utf-8")
    with run_sandbox() as url:
        user = {"first_name": "Nora", "language_code": "en"}
        admin = httpx.post(f"{url}/control/user", json=user, trust_env=False).json()["id"]
        process = Process.start(
            tmp_path_factory.mktemp("bot"),
            **bot_settings("polling", TELEGRAM_API_URL=url, SEEDS_DIR=str(folder)),
            FEEDBACK_DIR=str(feedback),
            TELEGRAM_ADMINS=str(admin),
            LOG_LEVEL="DEBUG",
        )
        try:
            process.wait_for_output("is ready")
            yield FeedbackBot(url, folder, feedback, admin, process)
        finally:
            process.kill_if_running()


@pytest.fixture
async def reading(feedback_bot: FeedbackBot) -> AsyncIterator[Sandbox]:
    """Connect to the sandbox of this module. Check after each test that no call violated the Bot API."""
    async with Sandbox.at(feedback_bot.url, token=TOKEN) as client:
        await client.settings(flood=False, privacy=True)
        yield client
        assert [] == await client.violations()
    assert "Traceback" not in feedback_bot.process.output


async def _send(sandbox: Sandbox, text: str, **fields: Any) -> MessageClient:
    chat = await sandbox.private_chat(**fields)
    await chat.send(text)
    return await chat.next_message()


async def _press(message: MessageClient, button: str) -> MessageClient:
    await message.press(button)
    return await message.chat.next_message(kinds=["edited_message"])


async def _admin_chat(sandbox: Sandbox, feedback_bot: FeedbackBot) -> ChatClient:
    return ChatClient(sandbox, feedback_bot.admin, feedback_bot.admin, (await sandbox.state())["last_event"])


async def _reload(sandbox: Sandbox, feedback_bot: FeedbackBot) -> str:
    chat = await _admin_chat(sandbox, feedback_bot)
    await chat.send("/reload")
    return (await chat.next_message(kinds=["edited_message"])).text


async def _group(sandbox: Sandbox, **fields: Any) -> ChatClient:
    """Create a group with the bot. Its greeting is the first unread message."""
    group = await sandbox.group(**fields)
    group.seen = 0
    return group


def _link(message: MessageClient) -> str:
    (link,) = [entity["url"] for entity in message.entities if entity["type"] == "text_link"]
    return str(link)


def _start_command(link: str) -> str:
    """Return the command that a client sends when a deep link is opened."""
    match = re.fullmatch(r"https://t\.me/verbatim_bot\?start=([A-Za-z0-9_-]{1,64})", link)
    assert match is not None
    return f"/start {match[1]}"


def _labels(message: MessageClient) -> list[str]:
    return [button["text"] for button in message.buttons]


async def _download(message: MessageClient) -> bytes:
    sandbox = message.chat.sandbox
    response = await sandbox.http.get(f"{sandbox.url}/control/file/{message.raw['document']['file_id']}")
    return response.content


# Inline queries


async def _query_inline(chat: ChatClient, query: str, offset: str = "") -> dict[str, Any]:
    answer: dict[str, Any] = (await chat.inline(query, offset=offset))["answer"]
    return answer


async def test_a_chosen_inline_quote_is_verbatim(reading: Sandbox, feedback_bot: FeedbackBot) -> None:
    """An inline query offers articles; the chosen one sends its verbatim quote with the source."""
    group = await reading.group("Friends", bot=False)
    query = await group.inline(QUESTION)
    results = query["answer"]["results"]
    assert {"article"} == {result["type"] for result in results}
    assert FACT in results[0]["title"]
    sent = await group.pick(query["query_id"], results[0]["id"])
    (quote,), (name,) = sent.entity_texts("blockquote"), sent.entity_texts("code")
    assert FACT in quote
    assert quote in (feedback_bot.folder / name).read_text(encoding="utf-8")
    reply = await _send(reading, _start_command(_link(sent)))
    assert quote in reply.text


async def test_inline_quotes_are_paged_to_the_end(reading: Sandbox, feedback_bot: FeedbackBot) -> None:
    """Inline results come in pages of at most ten; each result comes once and is verbatim."""
    chat = await reading.private_chat()
    offset, ids, counts = "", list[str](), list[int]()
    while True:
        answer = await _query_inline(chat, "At which quay is herring landed by the trawlers?", offset)
        ids += [result["id"] for result in answer["results"]]
        counts.append(len(answer["results"]))
        for result in answer["results"]:
            quote = result["input_message_content"]["message_text"].partition("\n— ")[0]
            assert quote in (feedback_bot.folder / "quays" / "herring.txt").read_text(encoding="utf-8")
        offset = answer["next_offset"]
        if not offset:
            break
    assert len(ids) == len(set(ids)) > 10
    assert [10] * (len(counts) - 1) == counts[:-1]
    assert 1 <= counts[-1] <= 10


@pytest.mark.parametrize(
    ("query", "hint"),
    [("", TEXTS.inline_hint), ("  ", TEXTS.inline_hint), (UNANSWERABLE, TEXTS.inline_no_quote)],
)
async def test_inline_help(reading: Sandbox, query: str, hint: str) -> None:
    """An inline query without text or results offers a button that opens the help."""
    answer = await _query_inline(await reading.private_chat(), query)
    assert ([], "", hint) == (answer["results"], answer["next_offset"], answer["button"]["text"])
    assert TEXTS.help == (await _send(reading, f"/start {answer['button']['start_parameter']}")).text


@pytest.mark.parametrize("offset", ["7", "49", "50", "99", "-1", "x", "[]", "٣", "1e3", "9" * 60])
async def test_any_inline_offset_is_answered(reading: Sandbox, offset: str) -> None:
    """An inline query with any offset is answered."""
    answer = await _query_inline(await reading.private_chat(), "herring at the quay by trawlers", offset)
    assert len(answer["results"]) <= 10


async def test_a_quote_sent_to_the_bot_itself_is_no_question(reading: Sandbox) -> None:
    """A quote sent inline in the chat with the bot is not a question."""
    chat = await reading.private_chat()
    query = await chat.inline(QUESTION)
    await chat.pick(query["query_id"], query["answer"]["results"][0]["id"])
    assert await chat.is_quiet(seconds=0.3)


# Links


async def test_every_citation_links_to_its_passage(reading: Sandbox) -> None:
    """The link of each quote opens its passage, from a group or from a forwarded answer."""
    group = await _group(reading)
    await group.next_message()
    await group.send("/ask At which quay is herring landed by the trawlers?")
    answer = await group.next_message()
    pages = [answer]
    while "›" in _labels(pages[-1]):
        pages.append(await _press(pages[-1], "›"))
    assert len(pages) == len({_link(page) for page in pages}) > 1
    forwarded = await pages[-1].forward(await reading.private_chat("Bo"))
    assert _link(pages[-1]) == _link(forwarded)
    for page in (pages[0], forwarded):
        reply = await _send(reading, _start_command(_link(page)))
        assert page.entity_texts("blockquote") == reply.entity_texts("blockquote")
        assert _link(page) == _link(reply)


async def test_a_link_shows_the_neighbours(reading: Sandbox) -> None:
    """A link shows its passage with the neighbouring ones, and a way into the document."""
    reply = await _send(reading, _start_command(_link(await _send(reading, QUESTION))))
    (passage,) = reply.entity_texts("blockquote")
    assert FACT in passage
    assert passage in LIGHTHOUSE
    assert "212 steps" in reply.text.replace(passage, "")
    assert FACT in (await _press(reply, TEXTS.read_on)).text


async def test_a_link_works_after_changes(reading: Sandbox, feedback_bot: FeedbackBot) -> None:
    """A link works after changes elsewhere in the document; without its passage or document it says so."""
    file = feedback_bot.folder / "ferry.md"
    fact = "The ferry Solveig was launched by Ingrid Dahl in 1902."
    file.write_text(f"# Ferries\n\nA preface.\n\n## Solveig\n\n{fact}\n", encoding="utf-8")
    assert "4 documents read" in await _reload(reading, feedback_bot)
    answer = await _send(reading, "Who launched the ferry Solveig?")
    assert fact in answer.entity_texts("blockquote")[0]
    link = _link(answer)
    file.write_text(
        f"# Ferries\n\nAnother start.\n\nMore.\n\n## Solveig\n\n{fact}\n\n## Later\n\nAn end.\n",
        encoding="utf-8",
    )
    await _reload(reading, feedback_bot)
    reply = await _send(reading, _start_command(link))
    assert [fact] == reply.entity_texts("blockquote")
    assert "More." in reply.text
    file.write_text(
        f"# Ferries\n\nA preface.\n\n## Solveig\n\n{fact.replace('1902', '1903')}\n", encoding="utf-8"
    )
    await _reload(reading, feedback_bot)
    changed = await _send(reading, _start_command(link))
    assert TEXTS.passage_gone("Ferries") == changed.text
    assert ["Ferries", "\u2003Solveig"] == _labels(changed)[:2]
    assert "1903" in (await _press(changed, "Solveig")).text
    file.unlink()
    await _reload(reading, feedback_bot)
    assert (
        f"{TEXTS.linked_document_gone}\n\n{TEXTS.greeting}"
        == (await _send(reading, _start_command(link))).text
    )


@pytest.mark.parametrize("payload", ["x", "help2", "A" * 64, "-" * 20, "_" * 8, "0" * 12])
async def test_unknown_links(reading: Sandbox, payload: str) -> None:
    """An unknown payload gets a friendly line, and shows no document."""
    reply = await _send(reading, f"/start {payload}")
    assert f"{TEXTS.linked_document_gone}\n\n{TEXTS.greeting}" == reply.text
    assert [] == reply.buttons


# Buttons and edits of answers


@pytest.mark.parametrize("fault", [{}, {"status": 429, "retry_after": 1}, {"kind": "drop"}])
async def test_the_whole_document_as_a_file(
    reading: Sandbox, feedback_bot: FeedbackBot, fault: dict[str, Any]
) -> None:
    """The document is sent as a file, byte for byte, also if the first attempt fails."""
    answer = await _send(reading, QUESTION)
    if fault:
        await reading.fault("sendDocument", **fault)
    await answer.press(TEXTS.document)
    sent = await answer.chat.next_message()
    assert "lighthouse.txt" == sent.raw["document"]["file_name"]
    assert (feedback_bot.folder / "lighthouse.txt").read_bytes() == await _download(sent)


async def test_copying_the_source(reading: Sandbox) -> None:
    """A button copies the source of the quote, with the link that opens it."""
    answer = await _send(reading, QUESTION)
    (copy_text,) = [button["copy_text"]["text"] for button in answer.buttons if "copy_text" in button]
    assert len(copy_text.encode("utf-16-le")) // 2 <= 256
    source, _, link = copy_text.partition("\n")
    assert _link(answer) == link
    assert source.startswith("The lighthouse of Nordholm, line 3")
    assert source.endswith("lighthouse.txt")


async def _edit(question: MessageClient, text: str) -> MessageClient:
    question.chat.seen = (await question.chat.sandbox.state())["last_event"]
    await question.edit(text)
    while True:
        message = await question.chat.next_message(kinds=["message", "edited_message"])
        if message.id != question.id:
            return message


@pytest.mark.parametrize("place", ["private", "ask", "reply"])
async def test_an_edited_question_edits_its_answer(reading: Sandbox, place: str) -> None:
    """Editing a question edits its answer, to another answer, to a refusal, and back."""
    if place == "private":
        chat, prefix = await reading.private_chat(), ""
        question = await chat.send(QUESTION)
    else:
        chat = await _group(reading)
        greeting, prefix = await chat.next_message(), "/ask " if place == "ask" else ""
        question = await (chat.send(prefix + QUESTION) if prefix else greeting.reply(QUESTION))
    answer = await chat.next_message()
    assert FACT in answer.text
    for text, expected in [
        (OTHER_QUESTION, "two lanterns"),
        (UNANSWERABLE, TEXTS.no_answer),
        (QUESTION, FACT),
    ]:
        edited = await _edit(question, prefix + text)
        assert answer.id == edited.id
        assert expected in edited.text
        labels = {button["text"] for button in edited.buttons}
        assert (TEXTS.show_closest if expected == TEXTS.no_answer else TEXTS.show_context) in labels
    assert answer.text == edited.text
    assert "212 steps" in (await _press(edited, TEXTS.show_context)).text


async def test_an_edit_of_an_unanswered_question(reading: Sandbox) -> None:
    """An edited question gets a new answer if the old one was deleted or there was none."""
    chat = await reading.private_chat()
    question = await chat.send(QUESTION)
    answer = await chat.next_message()
    await answer.delete()
    new_answer = await _edit(question, OTHER_QUESTION)
    assert answer.id != new_answer.id
    assert "two lanterns" in new_answer.text
    assert "edit_date" not in new_answer.raw
    command = await chat.send("/ask")
    await chat.next_message()
    assert FACT in (await _edit(command, f"/ask {QUESTION}")).text


async def test_edits_of_unaddressed_group_messages(reading: Sandbox) -> None:
    """Editing a message that was not addressed to the bot has no effect."""
    await reading.settings(privacy=False)
    group = await _group(reading)
    await group.next_message()
    message = await group.send("What a day!")
    await message.edit("What a night in Nordholm!")
    sticker = await group.send(sticker="🙂")
    await sticker.edit("lighthouse")
    group.seen = (await reading.state())["last_event"]
    assert await group.is_quiet(seconds=0.3)


@pytest.mark.parametrize("target", ["question", "answer", "words", "alone"])
async def test_why(reading: Sandbox, target: str) -> None:
    """/why shows the weights of words: of the question or answer it replies to, or of its own text."""
    chat = await reading.private_chat()
    question = await chat.send("Who built the lighthouse of Nordholm with unicorns?")
    answer = await chat.next_message()
    command = "/why the lighthouse of Nordholm with unicorns"
    send = {"question": question.reply, "answer": answer.reply}.get(target, chat.send)
    await send(command if target == "words" else "/why")
    explanation = await chat.next_message()
    if target == "alone":
        assert TEXTS.why_usage == explanation.text
        return
    lines = [line for line in explanation.text.splitlines() if line.startswith("• ")]
    weights = [float(line.partition(": ")[2].partition(",")[0]) for line in lines]
    assert sorted(weights, reverse=True) == weights
    assert {"lighthouse", "Nordholm"} <= set(explanation.entity_texts("bold"))
    assert (TEXTS.unknown_words("unicorns") in explanation.text) is (target != "answer")


# Browsing


async def test_browsing_a_document(reading: Sandbox) -> None:
    """The buttons lead from the list to the headings of a document, to its text, and back."""
    sources = await _send(reading, "/sources")
    assert ["1. The harbour book", "2. The lighthouse of Nordholm"] == _labels(sources)[:2]
    headings = await _press(sources, "The harbour book")
    names = ["The harbour book", "\u2003Pilots", "\u2003\u2003At night", "\u2003Barges"]
    assert names == _labels(headings)[:4]
    assert ["harbour.md"] == headings.entity_texts("code")
    assert TEXTS.remove_document not in _labels(headings)
    page = await _press(headings, "At night")
    assert page.text.startswith("At night\n\nAfter sunset the pilot boat shows")
    assert page.text.endswith("— The harbour book · harbour.md")
    same_headings = await _press(page, TEXTS.all_headings)
    assert headings.text == same_headings.text
    assert sources.text == (await _press(same_headings, TEXTS.all_documents)).text


async def test_an_overview(reading: Sandbox, feedback_bot: FeedbackBot) -> None:
    """The overview of a chosen document has its sentences in order, with links that open their passages."""
    choice = await _send(reading, "What is this about?")
    assert choice.text.startswith(TEXTS.choose_document)
    chosen = await _press(choice, "harbour")
    named = await _send(reading, "/overview harbour book")
    asked = await _send(reading, "give me a short summary of the harbour book, please")
    assert chosen.text == named.text == asked.text
    document = (feedback_bot.folder / "harbour.md").read_text(encoding="utf-8")
    quotes = named.entity_texts("blockquote")
    starts = [document.index(quote) for quote in quotes]
    assert len(quotes) >= 3
    assert sorted(starts) == starts
    links = [entity["url"] for entity in named.entities if entity["type"] == "text_link"]
    opened = await _send(reading, _start_command(links[0]))
    assert quotes[0] in opened.text


async def test_the_overview_of_a_quoted_document(reading: Sandbox) -> None:
    """A question in reply to a quote is about its document."""
    chat = await reading.private_chat()
    await chat.send(QUESTION)
    answer = await chat.next_message()
    await chat.send("what is this about?", reply_to=answer.id)
    overview = await chat.next_message()
    assert overview.text.startswith("The lighthouse of Nordholm\n")
    assert all(quote in LIGHTHOUSE for quote in overview.entity_texts("blockquote"))


@pytest.mark.parametrize(
    ("code", "question"),
    [
        ("de", "Welche Dokumente hast du?"),
        ("ru", "какие у тебя документы?"),
        ("ar", "ما الوثائق التي لديك؟"),
        ("zh", "你有哪些文档？"),
    ],
)
async def test_questions_for_the_documents(reading: Sandbox, code: str, question: str) -> None:
    """People may ask for the documents and for places in their language."""
    listed = await _send(reading, question, language_code=code)
    assert listed.text == (await _send(reading, "/sources", language_code=code)).text
    places = await _send(reading, "where is herring mentioned?", language_code=code)
    assert places.text == (await _send(reading, "/search herring", language_code=code)).text
    assert places.text != (await _press(places, "›")).text


async def test_reading_from_end_to_end(reading: Sandbox) -> None:
    """The pages of a document have every word once and in order, in both directions."""
    page = await _press(await _press(await _send(reading, "/sources"), "harbour"), TEXTS.read_from_start)
    pages = [page.text]
    while "›" in _labels(page):
        page = await _press(page, "›")
        pages.append(page.text)
    bodies = [text.partition("\n\n")[2].rpartition("\n\n— ")[0] for text in pages]
    words = [line for line in HARBOUR.split("\n") if not line.startswith("#")]
    assert " ".join(words).split() == " ".join(bodies).split()
    pages_backwards = [page.text]
    while "‹" in _labels(page):
        await page.press_data(
            next(button["callback_data"] for button in page.buttons if button["text"] == "‹")
        )
        page = await page.chat.next_message(kinds=["edited_message"])
        pages_backwards.append(page.text)
    assert pages == pages_backwards[::-1]


async def test_search(reading: Sandbox, feedback_bot: FeedbackBot) -> None:
    """/search lists passages with links and the sentences of the words; its buttons show other pages."""
    results = await _send(reading, "/search herring trawlers")
    first, lines = results.text.splitlines()[0], list[str]()
    sentences: list[str] = []
    links: list[str] = []
    while True:
        lines += [line for line in results.text.splitlines()[2:] if line[0].isdigit()]
        sentences += results.entity_texts("blockquote")
        assert {"Herring", "trawlers"} <= set(results.entity_texts("bold"))
        links += [entity["url"] for entity in results.entities if entity["type"] == "text_link"]
        if "›" not in _labels(results):
            break
        results = await _press(results, "›")
    assert TEXTS.place_count(len(lines)) == first
    assert [f"{n}." for n in range(1, len(lines) + 1)] == [line.partition(" ")[0] for line in lines]
    text = (feedback_bot.folder / "quays" / "herring.txt").read_text(encoding="utf-8")
    assert len(lines) == len(sentences)
    assert all(sentence in text for sentence in sentences)
    assert len(lines) == len(set(links)) > 10
    (passage,) = (await _send(reading, _start_command(links[0]))).entity_texts("blockquote")
    assert passage in (feedback_bot.folder / "quays" / "herring.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("seed", range(3))
async def test_forged_buttons(reading: Sandbox, seed: int) -> None:
    """A button press with slightly changed data gets a notice or the view it names."""
    answer = await _send(reading, QUESTION)
    valid = [button["callback_data"] for button in answer.buttons if "callback_data" in button]
    forged = [data[: len(data) - 1 - seed] for data in valid] + [data + "0" * (seed + 1) for data in valid]
    forged += [data[:2] + data[2:].swapcase() for data in valid]
    notices = await asyncio.gather(*(answer.press_data(data[:64] or "@") for data in forged))
    assert len(forged) == sum(notice is not None for notice in notices)
    assert TEXTS.internal_error not in [notice.get("text") for notice in notices if notice]


# Groups


@pytest.mark.parametrize(
    ("privacy", "hears"), [(True, TEXTS.receives_addressed_only), (False, TEXTS.receives_all_messages)]
)
async def test_the_greeting_says_which_messages_are_visible(
    feedback_bot: FeedbackBot, tmp_path: Path, own_sandbox_url: str, hears: str, *, privacy: bool
) -> None:
    """Added to a group, the bot says once which messages it can see there."""
    async with Sandbox.at(own_sandbox_url, token=TOKEN) as sandbox:
        await sandbox.settings(privacy=privacy)
        process = Process.start(
            tmp_path,
            **bot_settings("polling", TELEGRAM_API_URL=own_sandbox_url, SEEDS_DIR=str(feedback_bot.folder)),
        )
        try:
            process.wait_for_output("is ready")
            group = await _group(sandbox)
            assert f"{TEXTS.group_greeting}\n\n{hears}" == (await group.next_message()).text
            assert await group.is_quiet(seconds=0.2)
        finally:
            process.kill_if_running()


async def test_an_answer_stays_in_its_topic(reading: Sandbox) -> None:
    """In a forum the answer, its context and the file are sent to the topic of the question."""
    group = await _group(reading, title="Forum", is_forum=True)
    await group.next_message()
    topic = await reading.control("topic", chat_id=group.id, name="Boats", **{"from": group.user_id})
    await group.send(f"/ask {QUESTION}", thread_id=topic["id"])
    answer = await group.next_message()
    context = await _press(answer, TEXTS.show_context)
    await answer.press(TEXTS.document)
    file = await group.next_message()
    assert [topic["id"]] * 3 == [message.raw["message_thread_id"] for message in (answer, context, file)]
    assert await group.is_quiet(seconds=0.2)


# Languages


@pytest.mark.parametrize("code", ["ru", "ar", "zh-hans", "uk", "xx", None])
async def test_replies_are_in_the_language_of_the_user(reading: Sandbox, code: str | None) -> None:
    """Texts and buttons are in the user's language, or in English if that is not supported."""
    texts = texts_for(code)
    assert texts.greeting == (await _send(reading, "/start", language_code=code)).text
    answer = await _send(reading, QUESTION, language_code=code)
    assert {texts.show_context, texts.document, texts.copy_citation} <= set(_labels(answer))
    assert texts.lines(3, 3) in answer.text
    notice = await answer.press_data("nonsense")
    assert notice is not None
    assert texts.button_expired == notice["text"]
    sources = await _send(reading, "/sources", language_code=code)
    assert sources.text.startswith(texts.document_count(3))


# Votes


def _read_feedback(folder: Path) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.jsonl"))


async def test_votes_are_anonymous(reading: Sandbox, feedback_bot: FeedbackBot) -> None:
    """A vote is stored with its question and quote, but without the user."""
    chat = await reading.private_chat("Wilhelmina", username="wilhelmina")
    await chat.send("When was the lighthouse of Nordholm built?")
    answer = await chat.next_message()
    notice = await answer.press("👎")
    assert notice is not None
    assert TEXTS.thanks_for_vote == notice["text"]
    records = [json.loads(line) for line in _read_feedback(feedback_bot.feedback).splitlines()]
    votes = [
        record for record in records if record["question"] == "When was the lighthouse of Nordholm built?"
    ]
    assert [None, "down"] == [record["vote"] for record in votes]
    assert answer.entity_texts("blockquote") == [votes[1]["quote"]]
    keys = {"day", "question", "answered", "certainty", "confidence", "document", "quote", "vote"}
    assert keys == {key for record in records for key in record}
    assert [] == [
        word for word in (str(chat.id), "ilhelmina") if word in _read_feedback(feedback_bot.feedback)
    ]
    assert TEXTS.privacy_feedback == (await _send(reading, "/privacy")).text


async def test_no_votes_without_feedback(sandbox: Sandbox) -> None:
    """Without a feedback folder there are no vote buttons, and a forged vote is answered as out of date."""
    answer = await _send(sandbox, QUESTION)
    assert not {"👍", "👎"} & set(_labels(answer))
    for data in ("+1", "-1"):
        notice = await answer.press_data(data)
        assert notice is not None
        assert TEXTS.button_expired == notice["text"]
    assert TEXTS.privacy == (await _send(sandbox, "/privacy")).text


# Admins


async def test_status(reading: Sandbox, feedback_bot: FeedbackBot) -> None:
    """/status shows the numbers of documents, passages and answers."""
    chat = await _admin_chat(reading, feedback_bot)
    await chat.send("/status")
    status = (await chat.next_message()).text
    assert "Documents: 3" in status.splitlines()
    assert re.search(r"^Questions answered: \d+, not sure: \d+, declined: \d+$", status, re.MULTILINE)


async def test_an_admin_adds_replaces_and_removes_a_document(
    reading: Sandbox, feedback_bot: FeedbackBot
) -> None:
    """An admin can add a document, replace it by another of the same name, and remove it."""
    chat = await _admin_chat(reading, feedback_bot)
    for fact, notice in [("Olga Berg", TEXTS.document_added), ("Petra Lund", TEXTS.document_replaced)]:
        await chat.send_document("buoys.md", f"# Buoys\n\nThe bell buoy was cast by {fact}.\n".encode())
        assert notice("buoys.md") == (await chat.next_message()).text
        answer = await _send(reading, "Who cast the bell buoy?")
        assert f"The bell buoy was cast by {fact}." in answer.entity_texts("blockquote")
    await chat.send("/sources")
    confirmation = await _press(await _press(await chat.next_message(), "Buoys"), TEXTS.remove_document)
    assert TEXTS.confirm_removal("buoys.md") == confirmation.text
    assert (feedback_bot.folder / "buoys.md").exists()
    cancelled = await _press(confirmation, TEXTS.removal_cancelled)
    removed = await _press(await _press(cancelled, TEXTS.remove_document), TEXTS.removal_confirmed)
    assert TEXTS.document_removed("buoys.md") == removed.text
    assert not (feedback_bot.folder / "buoys.md").exists()
    assert "Petra" not in (await _send(reading, "Who cast the bell buoy?")).text


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.exe", b"words", TEXTS.file_name_not_allowed),
        (".hidden.txt", b"words", TEXTS.file_name_not_allowed),
        ("\u202etxt.txt", b"words", TEXTS.file_name_not_allowed),
        ("empty.txt", b" \n", "contains no text"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", ""),
    ],
)
async def test_documents_that_are_refused(
    reading: Sandbox, feedback_bot: FeedbackBot, name: str, content: bytes, reason: str
) -> None:
    """A file with an invalid name or without text is rejected with the reason; the folder is unchanged."""
    chat = await _admin_chat(reading, feedback_bot)
    before = sorted(feedback_bot.folder.iterdir())
    await chat.send_document(name, content)
    reply = (await chat.next_message()).text
    assert f" was not added: {reason}" in reply
    assert before == sorted(feedback_bot.folder.iterdir())


async def test_other_users_have_no_admin_commands(reading: Sandbox, feedback_bot: FeedbackBot) -> None:
    """For other users admin commands are unknown, files are not added, and forged removals have no effect."""
    before = sorted(feedback_bot.folder.iterdir())
    for command in ("/status", "/reload"):
        assert TEXTS.unknown_command == (await _send(reading, command)).text
    chat = await reading.private_chat()
    await chat.send_document("mine.txt", b"Mine answers.\n")
    assert TEXTS.document_not_taken == (await chat.next_message()).text
    headings = await _press(await _send(reading, "/sources"), "harbour")
    data = next(button["callback_data"] for button in headings.buttons if button["text"] == TEXTS.document)
    for action in "xy":
        notice = await headings.press_data(f"@{action}{data[2:]}")
        assert notice is not None
        assert TEXTS.button_expired == notice["text"]
    assert before == sorted(feedback_bot.folder.iterdir())


async def test_admin_commands_are_ignored_in_groups(reading: Sandbox, feedback_bot: FeedbackBot) -> None:
    """In a group admin commands are ignored, and a removal is answered as out of date."""
    await reading.settings(privacy=False)
    members = [feedback_bot.admin]
    group = await reading.control("group", title="Keepers", members=members)
    chat = ChatClient(reading, group["id"], feedback_bot.admin, 0)
    await chat.next_message()
    for command in ("/status", "/reload"):
        await chat.send(command)
    await chat.send_document("mine.txt", b"Mine answers.\n")
    assert await chat.is_quiet(seconds=0.3)
    await chat.send("/sources@verbatim_bot")
    headings = await _press(await chat.next_message(), "harbour")
    data = next(button["callback_data"] for button in headings.buttons if button["text"] == TEXTS.document)
    notice = await headings.press_data(f"@y{data[2:]}")
    assert notice is not None
    assert TEXTS.button_expired == notice["text"]
    assert (feedback_bot.folder / "harbour.md").exists()


async def test_a_question_of_two_parts(sandbox: Sandbox) -> None:
    """A message with two questions gets both quotes; each has its context, from which one comes back."""
    chat = await sandbox.private_chat()
    await chat.send("Who built the lighthouse of Nordholm? How long does the rye bread rest?")
    reply = await chat.next_message()
    assert ["Clara Brandt" in reply.text, "eighteen hours" in reply.text] == [True, True]
    assert TEXTS.unsure_answer not in reply.text
    await reply.press(TEXTS.show_context_of(2))
    context = await chat.next_message(kinds=["edited_message"])
    assert "eighteen hours" in context.text
    assert "Clara Brandt" not in context.text
    await context.press(TEXTS.back_to_quote)
    assert reply.text == (await chat.next_message(kinds=["edited_message"])).text
