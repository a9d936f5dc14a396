import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.telegram.message_parsing import mentions_bot, question_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Who is it?", "Who is it?"),
        ("/ask Who is it?", "Who is it?"),
        ("/ask@verbatim_bot Who is it?", "Who is it?"),
        ("/ASK@Verbatim_Bot\nWho is it?", "Who is it?"),
        ("@verbatim_bot Who is it?", "Who is it?"),
        ("Who is it, @verbatim_bot", "Who is it,"),
        ("/ask", ""),
        ("/ask@verbatim_bot", ""),
        ("@verbatim_bot", ""),
        ("/ask @verbatim_bot \u200b", ""),
        ("/asking price?", "/asking price?"),
        ("/ask@otherbot Who?", "/ask@otherbot Who?"),
        ("mail me@verbatim_bot", "mail me@verbatim_bot"),
        ("@verbatim_bots are many", "@verbatim_bots are many"),
        ("من هو @verbatim_bot؟", "من هو  ؟"),
        ("", ""),
    ],
)
def test_question_text(text: str, expected: str) -> None:
    """The bot's commands and its name are removed; everything else stays."""
    assert expected == question_text(text, "verbatim_bot")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("hi @Verbatim_bot!", True), ("hi @verbatim_bot2", False), ("hi verbatim_bot", False), ("", False)],
)
def test_mentions(text: str, expected: bool) -> None:
    """Only the bot's own name is a mention."""
    assert expected is mentions_bot(text, "verbatim_bot")


@given(st.text())
def test_any_text_has_a_question_or_none(text: str) -> None:
    """Any text can be parsed, and the question has no whitespace around it."""
    assert question_text(text, "verbatim_bot").strip() == question_text(text, "verbatim_bot")
