"""Refusals; test_answers.py and test_answer_output.py test how they are shown."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.i18n.texts import texts_for
from bot.views.no_answer import NoAnswer, explain_no_answer, is_link

TEXTS = texts_for("en")


@pytest.mark.parametrize(
    ("question", "asks_nothing", "expected"),
    [
        ("what is it?", True, TEXTS.nothing_asked),
        ("🙂", True, TEXTS.no_words),
        ("???", True, TEXTS.no_words),
        ("…", True, TEXTS.no_words),
        ("Idlib?", False, TEXTS.one_word_question),
        ("茶馆", False, TEXTS.one_word_question),
        ("best pizza", False, TEXTS.no_answer),
        ("من هو نابليون؟", False, TEXTS.no_answer),
        ("灯塔是谁建造的", False, TEXTS.no_answer),
    ],
)
def test_no_answer_fits_its_question(
    question: str, expected: str, answer: Callable[..., Any], *, asks_nothing: bool
) -> None:
    """One word, small talk and signs get a friendly line; a question, that there is no answer."""
    result = answer(certainty="none", question=question, asks_nothing=asks_nothing)
    assert NoAnswer(expected) == explain_no_answer(result, TEXTS)


@pytest.mark.parametrize(
    ("suggestion", "expected"),
    [("How many\ncats?", "How many cats?"), ("Cats", None), (None, None)],
)
def test_suggestions(suggestion: str | None, expected: str | None, answer: Callable[..., Any]) -> None:
    """A corrected spelling is on one line; a single word is not suggested, because it would be declined."""
    result = answer(certainty="none", suggestion=suggestion)
    assert NoAnswer(TEXTS.no_answer, suggestion=expected) == explain_no_answer(result, TEXTS)
    assert NoAnswer(TEXTS.no_answer) == explain_no_answer(result, TEXTS, can_suggest=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://example.com/a?b=1#c", True),
        (" http://example.com\nwww.example.org ", True),
        ("HTTPS://EXAMPLE.COM, https://example.org;", True),
        ("t.me/durov", True),
        ("https://example.com says what?", False),
        ("guide.pdf", False),
        ("town/guide.pdf", False),
        ("a.b." * 1000, False),
        ("What is www.example.com?", False),
        ("example", False),
        ("", False),
    ],
)
def test_links(text: str, expected: bool) -> None:  # a parameter of the test
    """A message of links alone is distinguished from a question with a link."""
    assert expected == is_link(text)
