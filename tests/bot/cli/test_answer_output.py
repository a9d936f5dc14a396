"""Answers in the terminal, and their JSON form, checked against a strict schema."""

import io
import json
import re
from collections.abc import Callable
from typing import Annotated, Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, StrictFloat

from bot.cli import questions
from bot.cli.questions import TerminalStyle, answer_json
from bot.i18n.texts import texts_for
from retrieval.model import Certainty, Citation, Locator, Passage, Span

TEXTS = texts_for("en")
PLAIN = TerminalStyle()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1) | st.sampled_from(
    [
        "one two three four five six seven eight nine ten",
        "灯塔由工程师建造。" * 9,
        "e\u0301 👨‍👩‍👧 " * 30,
        "x" * 99,
    ]
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _cited(quote: str, highlights: tuple[tuple[int, int], ...] = (), **fields: Any) -> Citation:
    span = Span(7, 7 + len(quote))
    passage = Passage("p", "a.txt", "Title", span, quote, (), 1, 1, "en")
    matches = tuple(Span(7 + start, 7 + end) for start, end in highlights)
    locator = Locator(None, None, 5, 6, 2)
    named: dict[str, Any] = {"document_name": "a.txt", "title": "Title", "locator": locator} | fields
    return Citation(rank=1, span=span, quote=quote, highlights=matches, score=1.0, passage=passage, **named)


def _shown(answer: Any, style: TerminalStyle) -> str:
    return questions.answer_text(answer, TEXTS, style, quotes=slice(1))


def test_quotes_are_unbroken_without_a_terminal(answer: Callable[..., Any]) -> None:
    """If the output is not a terminal, the quote is printed unchanged, with the source below."""
    quote = "The lamp of the tower " * 9 + "\n\nburns."
    assert f"{quote}\n  — Title, lines 5–6 · a.txt" == _shown(answer(_cited(quote, ((4, 8),))), PLAIN)


def test_a_heading_that_asks(answer: Callable[..., Any]) -> None:
    """A heading that is a question is printed above the quote that answers it."""
    cited = _cited("No.", locator=Locator("Is it free?", None, 5, 6, 2))
    assert "[Is it free?]\nNo.\n  — Title, lines 5–6 · a.txt" == _shown(answer(cited), PLAIN)
    styled = click.unstyle(_shown(answer(cited), TerminalStyle(40, styled=True)))
    assert "Is it free?\n│ No.\n  — Title, lines 5–6 · a.txt" == styled


def test_matches_are_bold_in_a_terminal(answer: Callable[..., Any]) -> None:
    """Matched words are bold, also across line breaks."""
    shown = _shown(answer(_cited("one two three four five six", ((4, 18),))), TerminalStyle(20, styled=True))
    assert ["two three four", "five six"] == [
        click.unstyle(line).removeprefix("│ ").removeprefix("one ") for line in shown.splitlines()[:2]
    ]
    assert "\x1b[1mtwo three four\x1b[0m" in shown
    assert "\x1b[2m— Title, lines 5–6 · a.txt\x1b[0m" in shown


@given(TEXT, st.integers(20, 96))
def test_breaking_lines_changes_no_word(quote: str, width: int) -> None:
    """Breaking lines changes no word, and lines fit the width unless a word is longer."""
    lines = list(questions._quote_lines(_cited(quote), TerminalStyle(width), width))
    visible = quote.translate(questions._VISIBLE_CHARS)
    assert "".join(visible.split()) == "".join("".join(lines).split())
    for line in lines:
        breakable = re.split(r"\s", line.strip())
        if len(breakable) > 1:
            assert sum(map(questions._column_width, line)) <= max(width, *map(len, breakable))


@given(TEXT, st.data())
def test_bold_is_what_matched(quote: str, data: st.DataObject) -> None:
    """Without styles the text is unchanged, and the bold parts are the matches."""
    start = data.draw(st.integers(0, len(quote)))
    end = data.draw(st.integers(start, len(quote)))
    line = Span(0, len(quote))
    visible = quote.translate(questions._VISIBLE_LINE_CHARS)
    styled = questions._bold_matches(visible, line, [Span(start, end)])
    assert visible == click.unstyle(styled)
    assert ([visible[start:end]] if end > start else []) == re.findall(
        "\x1b\\[1m(.*?)\x1b\\[0m", styled, re.DOTALL
    )


def test_a_document_cannot_drive_the_terminal(answer: Callable[..., Any]) -> None:
    """Control characters of a document, its title and its name are shown as symbols."""
    cited = _cited("red \x1b[31malert\x07", document_name="a\x1b[2J\n.txt", title="T\x1b[0m")
    shown = _shown(answer(cited), TerminalStyle(80))
    assert "│ red ␛[31malert␇\n  — T␛[0m, lines 5–6 · a␛[2J␊.txt" == shown


def test_columns_of_wide_letters() -> None:
    """A Chinese character takes two columns, an accent none."""
    assert [2, 1, 0] == [questions._column_width(char) for char in "灯a\u0301"]


def test_no_answer(answer: Callable[..., Any]) -> None:
    """Without an answer, nearby headings and the corrected question are shown, in paragraphs of their own."""
    cited = _cited("nearest", ((0, 7),), locator=Locator("The\x1b lamp", None, 5, 6, 2))
    declined = answer(cited, certainty="none", question="Which lamp?", suggestion="Which lighthouse?")
    perhaps = f"{TEXTS.near_headings}\n• The␛ lamp"
    assert f"{TEXTS.no_answer}\n\n{perhaps}\n\n{TEXTS.did_you_mean} Which lighthouse?" == _shown(
        declined, PLAIN
    )


def test_the_closest_passages(answer: Callable[..., Any]) -> None:
    """An unsure answer is a quote and two short ones with their sources, below a line that says so."""
    long = "The keeper climbs the stairs. " * 9 + "The lamp burns."
    lamp = ((279, 283),)
    near = _cited(long, lamp), _cited("Two."), _cited(long, lamp), _cited("Four.")
    source = "  — Title, lines 5–6 · a.txt"
    short = f"{'The keeper climbs the stairs. ' * 6}The lamp burns.\n  — Title, line 1 · a.txt"
    assert "\n\n".join([TEXTS.unsure_answer, f"{long}\n{source}", f"Two.\n{source}", short]) == _shown(
        answer(*near, certainty="unsure"), PLAIN
    )


def test_one_word(answer: Callable[..., Any]) -> None:
    """A single word that is not a question gets the same reply as from the bot."""
    declined = answer(certainty="none", question="hello", confidence=0.0)
    assert TEXTS.one_word_question == _shown(declined, PLAIN)


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (io.StringIO(), {}, TerminalStyle()),
        (Terminal(), {"COLUMNS": "60"}, TerminalStyle(60, styled=True)),
        (Terminal(), {"COLUMNS": "60", "NO_COLOR": "1"}, TerminalStyle(60)),
        (Terminal(), {"COLUMNS": "60", "TERM": "dumb"}, TerminalStyle(60)),
        (Terminal(), {"COLUMNS": "400"}, TerminalStyle(96, styled=True)),
        (Terminal(), {"COLUMNS": "3"}, TerminalStyle(20, styled=True)),
    ],
)
def test_terminal_style(
    stream: io.StringIO, environment: dict[str, str], expected: TerminalStyle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only terminals have styles and line breaks, and NO_COLOR disables styles."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert expected == TerminalStyle.of(stream)


Place = Annotated[int, Field(strict=True, ge=0)]
Count = Annotated[int, Field(strict=True, ge=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class LocatorSchema(Strict):
    heading: str | None
    page: Count | None
    line: Count
    line_end: Count
    paragraph: Count


class PassageSchema(Strict):
    id: str
    start: Place
    end: Place


class CitationSchema(Strict):
    rank: Count
    document: str
    title: str
    start: Place
    end: Place
    quote: str
    highlights: list[Annotated[list[Place], Field(min_length=2, max_length=2)]]
    score: StrictFloat
    locator: LocatorSchema
    passage: PassageSchema


class AnswerSchema(Strict):
    question: str
    answered: bool
    certainty: Certainty
    confidence: Annotated[StrictFloat, Field(ge=0, le=1)]
    citations: list[CitationSchema]
    suggestion: str | None


def test_an_answer_has_exactly_the_fields_of_the_schema(
    answer: Callable[..., Any], citation: Callable[..., Any]
) -> None:
    """Every field has its type, and there are no others, also after a round trip through JSON."""
    result = answer(citation("The lamp burns.", (4, 8), ((4, 8),)), suggestion="did you mean …")
    parsed = json.loads(json.dumps(answer_json(result), ensure_ascii=False))
    assert parsed == AnswerSchema.model_validate(parsed).model_dump()


def test_all_values(answer: Callable[..., Any], citation: Callable[..., Any]) -> None:
    """Each value has its own key."""
    expected = {
        "question": "How many are there?",
        "answered": True,
        "certainty": "sure",
        "confidence": 0.9,
        "citations": [
            {
                "rank": 1,
                "document": "folder/name.txt",
                "title": "Title",
                "start": 104,
                "end": 115,
                "quote": "lamp burns.",
                "highlights": [[104, 108]],
                "score": 1.0,
                "locator": {"heading": None, "page": 3, "line": 5, "line_end": 7, "paragraph": 2},
                "passage": {"id": "000000000001folder01", "start": 100, "end": 115},
            }
        ],
        "suggestion": None,
    }
    cited = citation("The lamp burns.", (4, 15), ((4, 8),), locator=Locator(None, 3, 5, 7, 2))
    assert expected == answer_json(answer(cited))


@pytest.mark.parametrize("certainty", ["sure", "unsure", "none"])
def test_only_sure_answers_count_as_answered(answer: Callable[..., Any], certainty: Certainty) -> None:
    """Only an answer that is sure has `answered`; `certainty` has all three values."""
    fields = answer_json(answer(certainty=certainty))
    assert (certainty, certainty == "sure") == (fields["certainty"], fields["answered"])


def test_the_nearest_passages_are_listed_without_an_answer(
    answer: Callable[..., Any], citation: Callable[..., Any]
) -> None:
    """A question without an answer still has citations, but does not count as answered."""
    listed = answer_json(answer(citation("The lamp burns.", (0, 15)), certainty="none"))
    assert (False, 1) == (listed["answered"], len(listed["citations"]))
