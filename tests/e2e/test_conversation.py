import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.i18n.texts import texts_for
from sandbox.control_client import ChatClient, MessageClient, Sandbox

pytestmark = pytest.mark.e2e

TEXTS = texts_for("en")
QUESTION = "Who built the lighthouse of Nordholm?"
FACT = "Clara Brandt"
VAGUE = "lighthouse"
ABSENT = "Which lighthouse team from Bergen won the 1972 chess championship against Spassky in Reykjavik?"
UNRELATED = "Who won the chess championship in Reykjavik?"


async def _ask(sandbox: Sandbox, text: str) -> MessageClient:
    chat = await sandbox.private_chat()
    await chat.send(text)
    return await chat.next_message()


async def _press(answer: MessageClient, button: str) -> MessageClient:
    await answer.press(button)
    return await answer.chat.next_message(kinds=["edited_message"])


def _cited_text(folder: Path, message: MessageClient) -> str:
    (name,) = message.entity_texts("code")
    return (folder / name).read_text(encoding="utf-8")


async def test_a_question_is_answered_with_a_quote(sandbox: Sandbox, documents: Path) -> None:
    """A private question gets a reply with a verbatim blockquote, bold matches and the source."""
    chat = await sandbox.private_chat()
    question = await chat.send(QUESTION)
    answer = await chat.next_message()
    (quote,) = answer.entity_texts("blockquote")
    assert FACT in quote
    assert quote in _cited_text(documents, answer)
    assert "Nordholm" in " ".join(answer.entity_texts("bold"))
    assert "lighthouse.txt" == answer.entity_texts("code")[0]
    assert "line 3" in answer.text.removeprefix(quote)
    assert question.id == answer.raw["reply_to_message"]["message_id"]


async def test_headings_are_cited(sandbox: Sandbox) -> None:
    """A citation has the heading of the quote, and the folder of its file."""
    answer = await _ask(sandbox, "When does the bakery open?")
    assert "under “Opening hours”" in answer.text
    assert ["town/bakery.md"] == answer.entity_texts("code")


async def test_paging(sandbox: Sandbox, documents: Path) -> None:
    """The buttons show other quotes and go back; every quote is verbatim."""
    first = await _ask(sandbox, QUESTION)
    second = await _press(first, "›")
    assert first.text != second.text
    (quote,) = second.entity_texts("blockquote")
    assert quote in _cited_text(documents, second)
    assert first.text == (await _press(second, "‹")).text


async def test_the_page_indicator(sandbox: Sandbox) -> None:
    """A press on the page indicator gets a notice, and changes nothing."""
    answer = await _ask(sandbox, QUESTION)
    notice = await answer.press("1/")
    assert notice is not None
    assert notice["text"].startswith("Quote 1 of ")


async def test_context_and_back(sandbox: Sandbox) -> None:
    """The context has the neighbouring passages, marks the same quote, and has a way back."""
    answer = await _ask(sandbox, QUESTION)
    context = await _press(answer, TEXTS.show_context)
    assert answer.entity_texts("blockquote") == context.entity_texts("blockquote")
    assert "212 steps" in context.text
    assert answer.text == (await _press(context, TEXTS.back_to_quote)).text


async def test_no_answer_has_no_source(sandbox: Sandbox) -> None:
    """A question without an answer is declined; instead of a source there are the nearest headings."""
    answer = await _ask(sandbox, ABSENT)
    assert answer.text.startswith(f"{TEXTS.no_answer}\n\n{TEXTS.near_headings}\n• ")
    assert [] == answer.entity_texts("blockquote")
    assert "lighthouse.txt" not in answer.text
    assert answer.entity_texts("text_link")[0] in answer.text.splitlines()[3]


@pytest.mark.parametrize("question", [UNRELATED, "asdf qwer"])
async def test_unrelated_headings_are_not_offered(sandbox: Sandbox, question: str) -> None:
    """A question that shares no word with the documents is declined without headings."""
    assert TEXTS.no_answer == (await _ask(sandbox, question)).text


async def test_the_closest_passages_can_be_asked_for(sandbox: Sandbox, documents: Path) -> None:
    """A button below a refusal shows the closest passages verbatim, with their contexts and a way back."""
    closest = await _press(await _ask(sandbox, UNRELATED), TEXTS.show_closest)
    assert closest.text.startswith(f"{TEXTS.unsure_answer}\n")
    (quote,) = closest.entity_texts("blockquote")
    assert quote in _cited_text(documents, closest)
    context = await _press(closest, TEXTS.show_context)
    assert context.entity_texts("blockquote")[0] in _cited_text(documents, context)
    assert closest.text == (await _press(context, TEXTS.back_to_closest)).text


@pytest.mark.parametrize("place", ["private", "group"])
async def test_the_closest_passages(sandbox: Sandbox, documents: Path, place: str) -> None:
    """A vague question gets the closest passages verbatim, collapsed in groups, each with its context."""
    chat = await (_group(sandbox) if place == "group" else sandbox.private_chat())
    await chat.send(f"/ask {VAGUE}")
    answer = await chat.next_message()
    assert answer.text.startswith(f"{TEXTS.unsure_answer}\n")
    if place == "group":
        quotes_text = answer.text.removeprefix(f"{TEXTS.unsure_answer}\n")
        assert [quotes_text] == answer.entity_texts("expandable_blockquote")
    else:
        quotes = answer.entity_texts("blockquote")
        assert len(quotes) == len(set(quotes)) > 1
        assert all(quote in (documents / "lighthouse.txt").read_text(encoding="utf-8") for quote in quotes)
    assert {"lighthouse.txt"} == set(answer.entity_texts("code"))
    assert ["Context 1", "Context 2"] == [button["text"] for button in answer.buttons][:2]
    context = await _press(answer, "Context 2")
    assert context.entity_texts("blockquote")[0] in _cited_text(documents, context)
    assert answer.text == (await _press(context, TEXTS.back_to_closest)).text


async def test_a_reply_to_the_closest_passages_follows_them(sandbox: Sandbox) -> None:
    """A reply to the closest passages is a follow-up question."""
    answer = await _ask(sandbox, VAGUE)
    await answer.reply(FOLLOW_UP)
    assert "1874" in (await answer.chat.next_message()).entity_texts("blockquote")[0]


async def test_unsure_inline_results_say_so(sandbox: Sandbox) -> None:
    """Inline results that are unsure have a title that says so."""
    chat = await sandbox.private_chat()
    is_unsure_title = set()
    for question in (QUESTION, VAGUE):
        results = (await chat.inline(question))["answer"]["results"]
        is_unsure_title |= {
            (question, result["title"].startswith(TEXTS.inline_unsure(""))) for result in results
        }
    assert {(QUESTION, False), (VAGUE, True)} == is_unsure_title


async def _group(sandbox: Sandbox) -> ChatClient:
    """Create a group with the bot, and read its greeting."""
    group = await sandbox.group()
    group.seen = 0
    await group.next_message()
    return group


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", TEXTS.greeted),
        ("why?", TEXTS.nothing_asked),
        ("你好", texts_for("zh").greeted),
        ("what is it?", TEXTS.nothing_asked),
        ("Danke schön!", texts_for("de").thanked),
        ("🙂", TEXTS.no_words),
        ("من هو نابليون؟", TEXTS.no_answer),
    ],
)
async def test_small_talk(sandbox: Sandbox, text: str, expected: str) -> None:
    """Small talk gets a friendly line that says how to ask, and no quotes."""
    answer = await _ask(sandbox, text)
    assert expected == answer.text.partition("\n")[0]
    assert [] == answer.entity_texts("blockquote")


FOLLOW_UP = "And when was it built?"


@pytest.mark.parametrize("place", ["private", "group"])
async def test_a_follow_up_is_answered_on_every_page(sandbox: Sandbox, documents: Path, place: str) -> None:
    """A reply to an answer is a follow-up question; paging and context stay with its answer."""
    chat = await (_group(sandbox) if place == "group" else sandbox.private_chat())
    await chat.send(f"/ask {QUESTION}")
    await (await chat.next_message()).reply(FOLLOW_UP)
    answer = await chat.next_message()
    assert "1874" in answer.entity_texts("blockquote")[0]
    assert "Nordholm" in " ".join(answer.entity_texts("bold"))
    assert any("Nordholm" in button.get("callback_data", "") for button in answer.buttons)
    context = await _press(answer, TEXTS.show_context)
    assert answer.entity_texts("blockquote") == context.entity_texts("blockquote")
    page = await _press(context, TEXTS.back_to_quote)
    page_texts = [page.text]
    while any("›" == button["text"] for button in page.buttons):
        page = await _press(page, "›")
        assert page.entity_texts("blockquote")[0] in _cited_text(documents, page)
        page_texts.append(page.text)
    assert len(page_texts) == len(set(page_texts)) > 1
    while any("‹" == button["text"] for button in page.buttons):
        page_texts.pop()
        page = await _press(page, "‹")
        assert page_texts[-1] == page.text
    assert answer.text == page.text


async def test_a_follow_up_of_a_follow_up(sandbox: Sandbox) -> None:
    """A follow-up of a follow-up has the context of the questions before it."""
    chat = await sandbox.private_chat()
    await chat.send(QUESTION)
    await (await chat.next_message()).reply(FOLLOW_UP)
    await (await chat.next_message()).reply("And from how far away can its lamp be seen?")
    assert "31 kilometres" in (await chat.next_message()).entity_texts("blockquote")[0]


async def test_a_new_question_may_reply_to_an_answer(sandbox: Sandbox) -> None:
    """A complete question is answered by itself, even if it replies to another answer."""
    answer = await _ask(sandbox, QUESTION)
    await answer.reply("When does the bakery open in the morning?")
    assert "The bakery opens at six" in (await answer.chat.next_message()).text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/start", TEXTS.greeting),
        ("/help", TEXTS.help),
        ("/privacy", TEXTS.privacy),
        ("/ask", TEXTS.ask_usage),
        ("/nonsense", TEXTS.unknown_command),
    ],
)
async def test_commands(sandbox: Sandbox, text: str, expected: str) -> None:
    """Each command has its reply; unknown commands get a friendly line."""
    assert expected == (await _ask(sandbox, text)).text


async def test_sources(sandbox: Sandbox) -> None:
    """/sources lists the documents with title and file name."""
    answer = await _ask(sandbox, "/sources")
    assert answer.text.startswith("I have 2 documents:")
    (first, second) = answer.text.splitlines()[2:]
    assert first.startswith("1. The lighthouse of Nordholm · EN · 1 KB · 2")
    assert second.startswith("2. The bakery · EN · 1 KB · 2")


async def test_a_link_reopens_its_passage(sandbox: Sandbox) -> None:
    """/start with the payload of a link shows its passage."""
    answer = await _ask(sandbox, QUESTION)
    (data,) = [button["callback_data"] for button in answer.buttons if button["text"] == TEXTS.show_context]
    reply = await _ask(sandbox, f"/start {data.partition(':')[2]}")
    assert FACT in reply.entity_texts("blockquote")[0]


async def test_messages_without_text(sandbox: Sandbox) -> None:
    """A sticker gets a friendly line; a file's caption is a question."""
    chat = await sandbox.private_chat()
    await chat.send(sticker="🙂")
    assert TEXTS.unsupported_message == (await chat.next_message()).text
    await chat.send_document("a.txt", b"words", caption=QUESTION)
    assert FACT in (await chat.next_message()).text


async def test_an_edited_question_gets_no_second_reply(sandbox: Sandbox) -> None:
    """An edited question gets no second reply."""
    chat = await sandbox.private_chat()
    question = await chat.send(QUESTION)
    await chat.next_message()
    await question.edit("When does the bakery open?")
    assert await chat.is_quiet(seconds=0.3)


async def test_a_button_of_a_deleted_question(sandbox: Sandbox) -> None:
    """A button whose question has been deleted answers with a friendly line."""
    chat = await sandbox.private_chat()
    question = await chat.send(QUESTION)
    answer = await chat.next_message()
    await question.delete()
    notice = await answer.press("›")
    assert notice is not None
    assert TEXTS.question_gone == notice["text"]


@pytest.mark.parametrize("data", ["q99", "c1:forged", "nonsense", "q2\x00", "~q1"])
async def test_forged_buttons_are_answered(sandbox: Sandbox, data: str) -> None:
    """A press with unknown data gets a notice."""
    answer = await _ask(sandbox, QUESTION)
    notice = await answer.press_data(data)
    assert notice is not None
    assert 1 <= len(notice["text"]) <= 200


async def test_pressing_twice_is_no_error(sandbox: Sandbox) -> None:
    """A second press, which changes nothing, is acknowledged without a notice."""
    answer = await _ask(sandbox, QUESTION)
    await answer.press("›")
    notice = await answer.press("›")
    assert notice is not None
    assert not notice.get("text")


async def test_many_chats_at_once(sandbox: Sandbox) -> None:
    """Twenty people asking at once are all answered."""
    answers = await asyncio.gather(*(_ask(sandbox, QUESTION) for _ in range(20)))
    assert all(FACT in answer.text for answer in answers)


async def test_unaddressed_group_messages_are_ignored(sandbox: Sandbox) -> None:
    """In a group the bot answers a command, a reply and a mention, and nothing else."""
    await sandbox.settings(privacy=False)
    group = await _group(sandbox)
    await group.send("What a day!")
    await group.send("/nonsense")
    await group.send(sticker="🙂")
    assert await group.is_quiet(seconds=0.3)
    await group.send(f"/ask {QUESTION}")
    answer = await group.next_message()
    assert FACT in answer.text
    await answer.reply("When does the bakery open?")
    assert "six in the morning" in (await group.next_message()).text
    await group.send(f"@verbatim_bot {QUESTION}")
    mentioned = await group.next_message()
    assert FACT in mentioned.text
    assert "six" not in (await _press(mentioned, "›")).entity_texts("blockquote")


async def test_ask_in_reply_to_a_question(sandbox: Sandbox) -> None:
    """/ask in reply to somebody's question answers that one, and its buttons work."""
    group = await _group(sandbox)
    question = await group.send(QUESTION)
    await question.reply("/ask")
    answer = await group.next_message()
    assert question.id == answer.raw["reply_to_message"]["message_id"]
    assert "212 steps" in (await _press(answer, TEXTS.show_context)).text


async def test_a_misspelt_question_is_answered(sandbox: Sandbox) -> None:
    """A misspelt word counts as its correction."""
    answer = await _ask(sandbox, "Who built the lighthuose of Nordhlom?")
    assert FACT in answer.entity_texts("blockquote")[0]


async def test_a_correction_that_does_not_help_is_not_suggested(sandbox: Sandbox) -> None:
    """A declined question has no suggestion that is declined as well."""
    answer = await _ask(sandbox, "Which keepr won the chess championship in Reykjavik?")
    assert answer.text.startswith(TEXTS.no_answer)
    assert TEXTS.did_you_mean not in answer.text


async def test_the_profile_is_set(sandbox: Sandbox) -> None:
    """The bot's commands and descriptions are set in Telegram."""
    chat = await sandbox.private_chat()
    for _ in range(100):
        profile: Any = await sandbox.control("commands", chat_id=chat.id)
        if profile["short_description"]:
            break
        await asyncio.sleep(0.05)
    assert TEXTS.commands == {command["command"]: command["description"] for command in profile["commands"]}
    assert (TEXTS.description, TEXTS.short_description) == (
        profile["description"],
        profile["short_description"],
    )
