"""Quotes and context: with any documents, messages are within Telegram's limits and quotes verbatim."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telegram import Chat, Message

from bot.i18n.texts import texts_for
from bot.views import answers
from bot.views.message import (
    MAX_EARLIER_BYTES,
    AnswerAction,
    AnswerPress,
    Origin,
    Recipient,
    Reply,
    decode_answer_press,
    fit_words,
)
from retrieval.model import Answer, Citation, Locator, Passage, PassageWithNeighbours, Span
from tests.bot.hostile_inputs import LONG, WILD, check_limits, citations, texts_of

TEXTS = texts_for("en")
RECIPIENT = Recipient(TEXTS, "verbatim_bot")


@given(st.lists(citations(), min_size=1, max_size=5), st.data())
@settings(max_examples=60, deadline=None)
def test_a_quote_is_whole_and_within_limits(cited: list[Citation], data: st.DataObject) -> None:
    """The block has the whole quote, verbatim, and the message is within all limits."""
    answer = Answer("?", certainty="sure", confidence=0.9, citations=tuple(cited))
    rank = data.draw(st.integers(1, len(cited)))
    origin = Origin(data.draw(st.booleans()), fit_words(data.draw(WILD | LONG | st.just("")).split()))
    reply = answers.render_quote(answer, rank, RECIPIENT, origin)
    check_limits(reply)
    assert [cited[rank - 1].quote] == texts_of(reply, "blockquote")


@pytest.mark.parametrize(
    ("heading", "title", "expected"),
    [
        ("Do I need a lathe?", "FAQ", "Do I need a lathe?\nNo.\n— FAQ, lines 5–7 · a.txt"),
        ("需要车床吗？", "FAQ", "需要车床吗？\nNo.\n— FAQ, lines 5–7 · a.txt"),
        (None, "Is it free?", "Is it free?\nNo.\n— Is it free?, lines 5–7 · a.txt"),
        ("Lathes", "FAQ", "No.\n— FAQ, under “Lathes”, lines 5–7 · a.txt"),
    ],
)
def test_a_heading_that_asks(
    heading: str | None, title: str, expected: str, citation: Callable[..., Citation]
) -> None:
    """A heading that is a question is shown above the quote, since that answers it and maybe no other."""
    cited = citation("No. Yes.", (0, 3), locator=Locator(heading, None, 5, 7, 2), title=title)
    sure = answers.render_answer(Answer("?", "sure", 1, (cited,)), RECIPIENT)
    unsure = answers.render_answer(Answer("?", "unsure", 0.3, (cited,)), RECIPIENT)
    shown = expected.replace("a.txt", cited.passage.document_name)
    assert (shown, f"{TEXTS.unsure_answer}\n{shown}") == (sure.text, unsure.text)
    assert ["No."] == texts_of(sure, "blockquote")


def test_files_are_offered_where_they_are(citation: Callable[..., Citation]) -> None:
    """The buttons for the file and the page are shown only where the files are."""
    cited = citation("The sea.", (0, 8), locator=Locator("Heading", 3, 5, 7, 2, "page", "iii"))
    answer = Answer("?", certainty="sure", confidence=1, citations=(cited,))
    files = {TEXTS.document, TEXTS.show_page}
    for has_files, expected in ((True, files), (False, set())):
        reply = answers.render_quote(answer, 1, Recipient(TEXTS, "verbatim_bot", has_files=has_files))
        rows = reply.keyboard.inline_keyboard if reply.keyboard else ()
        assert expected == files & {button.text for row in rows for button in row}


@given(citations(), st.none() | WILD | LONG, st.none() | WILD | LONG)
@settings(max_examples=60, deadline=None)
def test_context_is_within_limits_and_keeps_the_quote(
    cited: Citation, before: str | None, after: str | None
) -> None:
    """The context is cut to fit in a message; the quote is not."""
    around = PassageWithNeighbours(
        cited.passage, _beside(cited.passage, before, -1), _beside(cited.passage, after, 1)
    )
    reply = answers.render_surrounding_text(
        Answer("?", certainty="sure", confidence=1, citations=(cited,)), 1, around, RECIPIENT
    )
    check_limits(reply)
    assert [cited.quote] == texts_of(reply, "blockquote")
    check_limits(answers.render_passage(around, RECIPIENT))


def _beside(passage: Passage, text: str | None, side: int) -> Passage | None:
    if text is None:
        return None
    start = passage.span.end + 2 if side > 0 else max(passage.span.start - 2 - len(text), 0)
    return Passage("n", "d", "t", Span(start, start + len(text)), text, (), 1, 1, "en")


@given(citations())
@settings(max_examples=60, deadline=None)
def test_a_quote_yields_earlier_words(cited: Citation) -> None:
    """The earlier words read from a message of any script are from the quote and fit in callback data."""
    shown = answers.render_quote(
        Answer("?", certainty="sure", confidence=1, citations=(cited,)), 1, RECIPIENT
    )
    words = answers.earlier_words(_message(shown))
    assert len(words.encode()) <= MAX_EARLIER_BYTES
    assert all(word in cited.quote for word in words.split())
    assert bool(words) is bool(cited.quote.split())


@pytest.mark.parametrize(
    ("quote", "highlights", "expected"),
    [
        ("The cat sat on the mat.", ((4, 7), (8, 11), (19, 22)), "cat sat mat"),
        ("The cat 🐈 saw a Cat. The cat!", ((4, 7), (16, 19), (25, 28)), "cat"),
        ("🇹🇷 Die Türkei hat 12 Posten.", ((7, 13), (18, 20)), "Türkei 12"),
        ("منارة نوردهولم 🗼 بناها", ((0, 5), (17, 22)), "منارة بناها"),
        ("灯塔由工程师建造。", ((0, 2), (3, 6)), "灯塔 工程师"),
        ("One two three four five six seven eight nine ten.", (), "One two three four five six seven eight"),
    ],
)
def test_earlier_words(
    quote: str,
    highlights: tuple[tuple[int, int], ...],
    expected: str,
    citation: Callable[..., Any],
    answer: Callable[..., Any],
) -> None:
    """They are the distinct matched words in order or, if none matched, the first words of the quote."""
    shown = answers.render_quote(answer(citation(quote, (0, len(quote)), highlights)), 1, RECIPIENT)
    assert expected == answers.earlier_words(_message(shown))


def _message(reply: Reply) -> Message:
    return Message(1, datetime.now(UTC), Chat(1, Chat.PRIVATE), text=reply.text, entities=reply.entities)


def test_an_answer_is_quote_bold_and_source(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """The quote is a block with matched words in bold; title, heading, lines and file follow."""
    cited = citation("Before. The cat sat on the mat. After.", (8, 31), ((12, 15), (16, 19), (27, 30)))
    reply = answers.render_quote(answer(cited), 1, RECIPIENT)
    assert "The cat sat on the mat.\n— Title, under “Heading”, lines 5–7 · folder/name.txt" == reply.text
    assert ["The cat sat on the mat."] == texts_of(reply, "blockquote")
    assert ["cat sat", "mat"] == texts_of(reply, "bold")
    assert ["folder/name.txt"] == texts_of(reply, "code")


def test_pages_instead_of_lines(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """In a document with pages, the location is the page, not the lines."""
    cited = citation("Words.", (0, 6), locator=Locator(None, 3, 50, 51, 9))
    assert (
        "Words.\n— Title, page 3 · folder/name.txt" == answers.render_quote(answer(cited), 1, RECIPIENT).text
    )


@pytest.mark.parametrize(
    ("rank", "expected"),
    [
        (1, ["1/3", "›", "Show context", "Document", "Copy citation"]),
        (2, ["‹", "2/3", "›", "Show context", "Document", "Copy citation"]),
        (3, ["‹", "3/3", "Show context", "Document", "Copy citation"]),
    ],
)
def test_paging(
    rank: int, expected: list[str], citation: Callable[..., Any], answer: Callable[..., Any]
) -> None:
    """There are buttons to the next and the previous quote only where there is one."""
    cited = citation("Words.", (0, 6))
    reply = answers.render_quote(answer(cited, cited, cited), rank, RECIPIENT)
    assert expected == [text for row in _buttons(reply) for text, _ in row]


@pytest.mark.parametrize("can_vote", [False, True])
def test_no_three_labels_in_a_row(
    can_vote: bool, citation: Callable[..., Any], answer: Callable[..., Any]
) -> None:
    """The button for the page of a quote is next to a short one, as three would be cut on a phone."""
    cited = citation("Words.", (0, 6), locator=Locator(None, 3, 50, 51, 9, "page", "3"))
    reply = answers.render_quote(answer(cited), 1, replace(RECIPIENT, can_vote=can_vote))
    rows = [[text for text, _ in row] for row in _buttons(reply)]
    votes = [["👍", "👎"]] if can_vote else []
    assert [["Show context", "Document"], ["Page", "Copy citation"], *votes] == rows


def test_one_quote_has_no_paging(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """A single quote has no paging, but a button for its context."""
    reply = answers.render_quote(answer(citation("Words.", (0, 6))), 1, RECIPIENT)
    wider = AnswerPress(AnswerAction.SURROUNDING_TEXT, 1, "000000000001folder01")
    assert [[("Show context", wider), ("Document", None)], [("Copy citation", None)]] == _buttons(reply)


def test_context_reads_as_the_document(
    citation: Callable[..., Any], answer: Callable[..., Any], passage: Callable[..., Any]
) -> None:
    """The context is the passage between its neighbours, with a button back to the quote."""
    cited = citation("First. Second. Third.", (7, 14))
    around = PassageWithNeighbours(
        cited.passage,
        passage("Earlier.", start=90, paragraph=0),
        passage("Later.", start=122),
    )
    reply = answers.render_surrounding_text(answer(cited), 1, around, RECIPIENT)
    assert (
        "Earlier.\n\nFirst.\nSecond.\nThird. Later.\n\n— Title, under “Heading”, lines 5–7 · folder/name.txt"
        == reply.text
    )
    assert [[("‹ Back to the quote", AnswerPress(AnswerAction.QUOTE, 1))], [("Read on ›", None)]] == _buttons(
        reply
    )


def test_context_has_the_headings(
    citation: Callable[..., Any], answer: Callable[..., Any], passage: Callable[..., Any]
) -> None:
    """The headings between passages are shown, but not those above both or at the start of a passage."""
    here = passage("Dogs bark. Second.", start=100, heading=("Rules", "Dogs"))
    around = PassageWithNeighbours(
        here,
        passage("Earlier.", start=80, paragraph=0, heading=("Rules", "Cats")),
        passage("3. Birds. They sing.", start=130, heading=("Rules", "3. Birds")),
    )
    cited = citation("Dogs bark. Second.", (11, 18), passage=here)
    reply = answers.render_surrounding_text(answer(cited), 1, around, RECIPIENT)
    assert reply.text.startswith("Earlier.\n\nDogs\nDogs bark.\nSecond.\n3. Birds. They sing.\n\n— ")
    shown = answers.render_passage(around, RECIPIENT).text
    assert shown.startswith("Earlier.\n\nDogs\nDogs bark. Second.\n3. Birds. They sing.\n\n— ")


def test_context_adds_no_spaces(
    citation: Callable[..., Any], answer: Callable[..., Any], passage: Callable[..., Any]
) -> None:
    """Passages without a space between them in the document, as in Chinese, have none in the message."""
    cited = citation("灯塔亮。灯塔高。", (0, 4))
    around = PassageWithNeighbours(cited.passage, passage("海静。", start=97), passage("船来。", start=108))
    reply = answers.render_surrounding_text(answer(cited), 1, around, RECIPIENT)
    assert reply.text.startswith("海静。\n灯塔亮。\n灯塔高。船来。\n\n— ")


def test_an_overlap_is_shown_once(passage: Callable[..., Any]) -> None:
    """Text that a passage shares with its neighbours is shown once."""
    here = passage("Two. Three. Four.", start=105)
    around = PassageWithNeighbours(here, passage("One. Two.", start=100), passage("Four. Five.", start=117))
    shown = answers.render_passage(around, RECIPIENT).text.partition("\n\n")[0]
    assert ["One.", "Two.", "Three.", "Four.", "Five."] == shown.split()


def test_altered_characters_are_announced(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """A quote with characters that Telegram cannot show has a line that says so."""
    reply = answers.render_quote(answer(citation("one\ttwo", (0, 7))), 1, RECIPIENT)
    assert reply.text.endswith(
        "\nTelegram cannot display some characters of this quote, such as tabs, exactly."
    )


@pytest.mark.parametrize(
    "change",
    [
        {"quote": "Word."},
        {"span": Span(101, 107)},
        {"span": Span(90, 96)},
        {"quote": "", "span": Span(100, 100)},
    ],
)
def test_a_quote_that_differs_is_not_verbatim(change: dict[str, Any], citation: Callable[..., Any]) -> None:
    """A quote that differs from its passage in a letter or in its span is not verbatim."""
    assert citation("Words.", (0, 6)).is_verbatim
    assert not citation("Words.", (0, 6), **change).is_verbatim


def _buttons(reply: Reply) -> list[list[tuple[str, AnswerPress | None]]]:
    assert reply.keyboard is not None
    return [
        [(b.text, decode_answer_press(b.callback_data)) for b in row]
        for row in reply.keyboard.inline_keyboard
    ]
