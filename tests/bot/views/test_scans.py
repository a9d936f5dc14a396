"""Quotes of scanned pages: they say so, and one that OCR is not sure of is pointed at."""

from dataclasses import replace
from itertools import chain
from typing import Any

import pytest

from bot.cli import questions
from bot.cli.questions import TerminalStyle
from bot.i18n.texts import LANGUAGES, texts_for
from bot.views import answers, inline
from bot.views.message import AnswerAction, Recipient, Reply, decode_answer_press
from bot.views.problems import explain_problem
from retrieval.errors import ProblemKind
from retrieval.model import Answer, Certainty, Citation, Locator, Problem, ScanMark
from tests.bot.conftest import make_citation, make_passage

TEXTS = texts_for("en")
RECIPIENT = Recipient(TEXTS, "verbatim_bot")
TEXT = "The harbour has nine berths. Ships pay a fee."
PAGE = Locator("Heading", 3, 5, 7, 2, "page", "3")


def _citation(confidence: int, at: tuple[int, int] = (0, 28), **fields: Any) -> Citation:
    """Return a quote of which OCR has this confidence, in a passage of which it has 95 otherwise."""
    marks = (ScanMark(0, 95), ScanMark(at[0], confidence), ScanMark(at[1], 95))
    passage = replace(make_passage(TEXT, start=100), scan=marks)
    locator = replace(PAGE, is_scanned=True)
    return make_citation(TEXT, at, passage=passage, locator=locator, **fields)


def _answer(*citations: Citation, certainty: Certainty = "sure") -> Answer:
    return Answer("How many berths?", certainty=certainty, confidence=0.9, citations=citations)


def _actions(reply: Reply) -> list[list[AnswerAction | None]]:
    rows = reply.keyboard.inline_keyboard if reply.keyboard else ()
    presses = [[decode_answer_press(button.callback_data) for button in row] for row in rows]
    return [[press.action if press else None for press in row] for row in presses]


def test_confidence_is_the_mean_over_the_characters() -> None:
    passage = replace(make_passage("ab cdef", start=0), scan=(ScanMark(0, 90), ScanMark(3, 60)))
    assert 60 == passage.scan_confidence(3, 7)
    assert (3 * 90 + 4 * 60) / 7 == passage.scan_confidence(0, 7)
    typed = replace(passage, scan=(ScanMark(0, None), ScanMark(3, 60)))
    assert 60 == typed.scan_confidence(0, 7)
    assert typed.scan_confidence(0, 3) is None
    assert make_passage("ab", start=0).scan_confidence(0, 2) is None


@pytest.mark.parametrize(("number", "is_legible"), [(90, True), (70, True), (69, False)])
def test_a_doubtful_number_is_not_quoted(number: int, is_legible: bool) -> None:
    """The other words may be as sure as they like; a quote without the number is not concerned."""
    passage = replace(
        make_passage("call 275 now", start=0), scan=tuple(map(ScanMark, (0, 5, 9), (99, number, 99)))
    )
    assert is_legible == passage.is_legible(0, 12)
    assert passage.is_legible(0, 5)
    assert passage.is_legible(9, 12)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_place_says_that_it_is_scanned(language: str) -> None:
    """The word follows the page, in each language."""
    texts = texts_for(language)
    reply = answers.render_quote(_answer(_citation(95)), 1, Recipient(texts, "verbatim_bot"))
    assert f"{texts.page('3')}{texts.list_separator}{texts.scanned}" in reply.text
    other = answers.render_quote(
        _answer(make_citation(TEXT, (0, 28), locator=PAGE)), 1, Recipient(texts, "x")
    )
    assert texts.scanned not in other.text


def test_the_page_comes_first() -> None:
    reply = answers.render_quote(_answer(_citation(95), _citation(95)), 1, RECIPIENT)
    assert TEXT[:28] in reply.text
    assert [AnswerAction.PAGE_PICTURE] == _actions(reply)[0]
    typed = answers.render_quote(_answer(make_citation(TEXT, (0, 28), locator=PAGE)), 1, RECIPIENT)
    assert AnswerAction.SURROUNDING_TEXT == _actions(typed)[0][0]


@pytest.mark.parametrize(("confidence", "is_quoted"), [(80, True), (79, False), (0, False)])
def test_a_quote_that_is_hard_to_read_is_pointed_at(confidence: int, is_quoted: bool) -> None:
    """Nothing of it is shown, and the page is offered instead of the context."""
    reply = answers.render_quote(_answer(_citation(confidence)), 1, RECIPIENT)
    assert is_quoted == ("nine berths" in reply.text)
    assert is_quoted == (TEXTS.scan_hard_to_read not in reply.text)
    assert is_quoted == (AnswerAction.SURROUNDING_TEXT in chain(*_actions(reply)))
    assert [AnswerAction.PAGE_PICTURE] == _actions(reply)[0]
    without_files = Recipient(TEXTS, "verbatim_bot", has_files=False)
    assert (
        TEXTS.can_show_page not in answers.render_quote(_answer(_citation(confidence)), 1, without_files).text
    )


def test_closest_passages() -> None:
    """Among the closest passages, one that is hard to read has the button for its page."""
    reply = answers.render_answer(_answer(_citation(95), _citation(40), certainty="unsure"), RECIPIENT)
    assert [[AnswerAction.SURROUNDING_TEXT, AnswerAction.PAGE_PICTURE]] == _actions(reply)
    assert 1 == reply.text.count("nine berths")
    assert TEXTS.scan_hard_to_read in reply.text


def test_inline_results_leave_it_out() -> None:
    answer = _answer(_citation(40), _citation(95))
    (result,) = inline.render_results(answer, 0, RECIPIENT)
    assert TEXT[:28] == result.title


def test_the_terminal_points_at_it() -> None:
    style = TerminalStyle()
    weak = questions.render_citation(_citation(40), TEXTS, style)
    assert weak.startswith(TEXTS.scan_hard_to_read)
    assert "nine berths" not in weak
    assert "nine berths" in questions.render_citation(_citation(95), TEXTS, style)
    assert None is questions._citation_json(_citation(40))["quote"]
    strong = questions._citation_json(_citation(95))
    assert (TEXT[:28], 95.0) == (strong["quote"], strong["scan_confidence"])
    assert "scan_confidence" not in questions._citation_json(make_citation(TEXT, (0, 28)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_reasons(language: str) -> None:
    texts = texts_for(language)
    problem = Problem("a.pdf", "is in Arabic script", ProblemKind.SCRIPT)
    assert texts.scan_language_missing == explain_problem(problem, texts)
    assert texts.document_is_pictures == explain_problem(Problem("a.pdf", "", ProblemKind.PICTURES), texts)
