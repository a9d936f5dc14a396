"""Views of the documents: every page fits in a message, and reading on neither skips nor repeats text."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.i18n.texts import texts_for
from bot.views import browse
from bot.views.message import (
    AnswerAction,
    AnswerPress,
    BrowseAction,
    BrowsePress,
    Recipient,
    Reply,
    decode_answer_press,
    decode_browse_press,
)
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load_document
from retrieval.model import Answer, Citation, Passage, Section, Source, Span
from tests.bot.hostile_inputs import LONG, NAMES, WILD, check_limits, citations, texts_of

TEXTS = texts_for("en")
RECIPIENT = Recipient(TEXTS, "verbatim_bot")
ADMIN = Recipient(TEXTS, "verbatim_bot", can_remove=True)
SOURCES = st.builds(
    Source,
    st.just("Aa0_-123"),
    NAMES,
    NAMES | st.just(" "),
    st.integers(1, 10**6),
    st.integers(1, 10**8),
    st.sampled_from(["en", "ar", "zh"]),
    st.integers(0, 10**9),
    st.floats(-1e17, 1e17),
)
HEADINGS = NAMES | st.sampled_from(["", " ", "\u202e", "\u200b"])
SECTIONS = st.builds(Section, HEADINGS, st.integers(1, 6), st.integers(0, 10**6))
DOCUMENT = Source("document", "a.md", "A document", 1, 1, "en")


def _presses(reply: Reply) -> dict[str, BrowsePress | AnswerPress | None]:
    rows = reply.keyboard.inline_keyboard if reply.keyboard else ()
    return {
        button.text: decode_browse_press(button.callback_data) or decode_answer_press(button.callback_data)
        for row in rows
        for button in row
    }


def _number_of(press: BrowsePress | AnswerPress | None) -> int:
    assert isinstance(press, BrowsePress)
    return press.number


def _body(reply: Reply) -> str:
    """Return the text of a page without its heading and source."""
    return reply.text.partition("\n\n")[2].rpartition("\n\n— ")[0]


def _without_spaces(text: str) -> str:
    return "".join(text.split())


def _join_without_overlaps(passages: Sequence[Passage]) -> str:
    """Join passages, overlaps once, without white space."""
    text, end = "", 0
    for passage in passages:
        text += passage.text[max(end - passage.span.start, 0) :]
        end = passage.span.end
    return _without_spaces(text)


@given(st.lists(SOURCES, max_size=30), st.integers(0, 99_999_999), st.sampled_from([RECIPIENT, ADMIN]))
@settings(max_examples=50)
def test_the_list_of_documents_is_within_limits(
    listed: list[Source], page: int, recipient: Recipient
) -> None:
    """With any titles and names, a page of the list fits in a message, with a button for each document."""
    reply = browse.render_sources(listed, page, recipient)
    check_limits(reply)
    last = max(len(listed) - 1, 0) // 8
    shown = len(listed[min(page, last) * 8 :][:8])
    opening = [
        press
        for press in _presses(reply).values()
        if isinstance(press, BrowsePress) and press.action is BrowseAction.HEADINGS
    ]
    assert shown == len(opening)


@given(
    SOURCES, st.lists(SECTIONS, max_size=30), st.integers(0, 99_999_999), st.sampled_from([RECIPIENT, ADMIN])
)
@settings(max_examples=50)
def test_headings_are_within_limits(
    source: Source, sections: list[Section], page: int, recipient: Recipient
) -> None:
    """With any headings, even empty ones, each page fits in a message and its buttons have visible text."""
    check_limits(browse.render_headings(source, sections, page, recipient))
    check_limits(browse.render_removal(source, source.name, TEXTS))


def test_details_stay_in_order_in_arabic() -> None:
    """The code of the language is isolated, or it would draw the date to its left into its own direction."""
    reply = browse.render_sources([DOCUMENT], 0, Recipient(texts_for("ar"), "verbatim_bot"))
    assert "1. \u200f\u2068A document\u2069 · \u200f\u2068EN\u2069 · \u2068" in reply.text


@st.composite
def documents(draw: st.DrawFn) -> tuple[list[Passage], Source]:
    """Draw the passages of a document; some overlap with the previous one."""
    passages: list[Passage] = []
    end = paragraph = 0
    heading: tuple[str, ...] = ()
    for number, text in enumerate(draw(st.lists(WILD | LONG, min_size=1, max_size=8))):
        shared, overlaps = "", draw(st.booleans())
        if passages and overlaps:
            shared = passages[-1].text[-draw(st.integers(1, 20)) :]
        else:
            paragraph += 1
            heading = draw(st.sampled_from([heading, (draw(HEADINGS),)]))
        words = (shared + text)[:2000]
        start = end - len(shared)
        span = Span(start, start + len(words))
        passages.append(Passage(f"{number:020}", "d.md", "t", span, words, heading, 1, paragraph, "en"))
        end = span.end
    return passages, draw(SOURCES)


@given(documents(), st.integers(0, 99_999_999))
@settings(max_examples=60)
def test_every_page_of_a_document_is_within_limits(
    document: tuple[list[Passage], Source], first: int
) -> None:
    """Any passage number, even one beyond the document, shows the page of a passage, whole."""
    passages, source = document
    reply = browse.render_document_page(source, passages, first, RECIPIENT)
    check_limits(reply)
    here = passages[min(first, len(passages) - 1)]
    assert _without_spaces(here.text)[-1:] in _without_spaces(reply.text)


def _read_all_pages(passages: Sequence[Passage], source: Source = DOCUMENT) -> list[tuple[int, Reply]]:
    """Return all pages, each with the number of its first passage."""
    at, pages = 0, list[tuple[int, Reply]]()
    while True:
        pages.append((at, browse.render_document_page(source, passages, at, RECIPIENT)))
        presses = _presses(pages[-1][1])
        if "›" not in presses:
            return pages
        at = _number_of(presses["›"])


SENTENCE = st.sampled_from(
    ["The ferry leaves at dawn. ", "Паром уходит на рассвете. ", "渡船黎明出发。", "🚢 sails 🌊 now. "]
)
PARAGRAPH = st.tuples(SENTENCE, st.integers(1, 150)).map(
    lambda drawn: "".join(f"{drawn[0].strip()} {number}. " for number in range(drawn[1])).strip()
)
HEADED = st.tuples(st.sampled_from(["# One", "## Two", "## Two", "### Three"]), PARAGRAPH).map("\n\n".join)


@given(st.lists(PARAGRAPH | HEADED, min_size=1, max_size=6).map("\n\n".join), st.data())
@settings(max_examples=40)
def test_the_pages_are_the_document(text: str, data: st.DataObject) -> None:
    """All pages together are the document's text, once and in order, and paging back shows the same pages."""
    passages = list(split_passages(load_document(text.encode(), "a.md")))
    pages = _read_all_pages(passages)
    assert _join_without_overlaps(passages) == _without_spaces("".join(_body(page) for _, page in pages))
    starts = [at for at, _ in pages]
    backs = [_number_of(_presses(page)["‹"]) for _, page in pages[1:]]
    assert starts[:-1] == backs
    number = data.draw(st.integers(0, len(passages) - 1))
    assert browse.render_document_page(DOCUMENT, passages, number, RECIPIENT) in [page for _, page in pages]


@pytest.mark.parametrize("sentence", ["The keeper lights the lamp. ", "守灯人点亮灯。", "𝔖𝔱𝔬𝔯𝔪 𝔴𝔞𝔯𝔫𝔦𝔫𝔤. "])
def test_a_document_without_headings_is_read_by_its_title(sentence: str) -> None:
    """A long document without headings has pages, too, each with the document's title."""
    passages = list(split_passages(load_document((sentence * 900).encode(), "long.txt")))
    pages = [page for _, page in _read_all_pages(passages)]
    assert len(pages) > 3
    for page in pages:
        check_limits(page)
        assert ["A document"] == texts_of(page, "bold")
    assert _join_without_overlaps(passages) == _without_spaces("".join(map(_body, pages)))
    assert [] == [
        press for press in _presses(browse.render_headings(DOCUMENT, [], 0, RECIPIENT)) if "\u2003" in press
    ]


def test_a_heading_begins_a_page(passage: Callable[..., Any]) -> None:
    """A page has the passages of one heading; the next heading begins a new page."""
    passages = [
        passage(text, number=number, start=number * 10, heading=(heading,), paragraph=number)
        for number, (heading, text) in enumerate([("Sea", "Salt."), ("Sea", "Waves."), ("Land", "Sand.")])
    ]
    first, second = (page for _, page in _read_all_pages(passages))
    assert "Sea\n\nSalt.\n\nWaves.\n\n— A document · a.md" == first.text
    assert "Land\n\nSand.\n\n— A document · a.md" == second.text


def test_headings_show_their_depth() -> None:
    """Headings are indented by level, relative to the highest level of the document."""
    sections = [Section("Part", 2, 0), Section("Chapter", 3, 1), Section("Verse", 9, 4)]
    reply = browse.render_headings(DOCUMENT, sections, 0, RECIPIENT)
    assert ["Part", "\u2003Chapter", "\u2003\u2003\u2003Verse"] == list(_presses(reply))[:3]
    assert [0, 1, 4] == [_number_of(press) for press in list(_presses(reply).values())[:3]]


def test_only_admins_can_remove() -> None:
    """Only admins see the button that removes a document."""
    assert TEXTS.remove_document not in _presses(browse.render_headings(DOCUMENT, [], 0, RECIPIENT))
    assert (
        BrowsePress(BrowseAction.REMOVE, "document")
        == _presses(browse.render_headings(DOCUMENT, [], 0, ADMIN))[TEXTS.remove_document]
    )


def test_paging_of_lists() -> None:
    """Pages have buttons to the next and the previous page, if there is one."""
    listed = [Source(f"{n:08}", f"{n}.txt", f"Title {n}", 1, 1, "en") for n in range(20)]
    pages = [_presses(browse.render_sources(listed, page, RECIPIENT)) for page in range(3)]
    assert [(False, True), (True, True), (True, False)] == [
        ("‹" in presses, "›" in presses) for presses in pages
    ]
    assert browse.render_sources(listed, 2, RECIPIENT) == browse.render_sources(listed, 99_999_999, RECIPIENT)


@given(st.lists(citations(), max_size=50), st.integers(0, 98))
@settings(max_examples=30)
def test_places_are_within_limits(cited: list[Citation], page: int) -> None:
    """A page of places fits in a message with any names and has at most ten of them."""
    reply = browse.render_places(
        Answer("?", certainty="sure", confidence=1, citations=tuple(cited)), page, RECIPIENT
    )
    check_limits(reply)
    assert len([entity for entity in reply.entities if entity.type == "text_link"]) <= 10


def test_a_place_has_its_sentence(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """Each place has its location, linked to the passage, and its sentence with the words in bold."""
    cited = citation("Sea and salt.", (0, 13), ((0, 3), (8, 12)))
    reply = browse.render_places(answer(*[cited] * 12), 1, RECIPIENT)
    lines = ["12 places, the best first:", ""]
    for number in (11, 12):
        lines += [f"{number}. Title, under “Heading”, lines 5–7", "Sea and salt."]
    assert lines == reply.text.splitlines()
    assert ["Sea and salt."] * 2 == texts_of(reply, "blockquote")
    assert ["Sea", "salt"] * 2 == texts_of(reply, "bold")
    links = {entity.url for entity in reply.entities if entity.url}
    assert {"https://t.me/verbatim_bot?start=000000000001folder01"} == links
    assert {"‹": AnswerPress(AnswerAction.PLACES, 1)} == _presses(reply)


def test_a_long_title_leaves_room_for_the_page(
    citation: Callable[..., Any], answer: Callable[..., Any]
) -> None:
    """Of a very long location the title and the heading are cut, and the place stays."""
    cited = citation("Sea and salt.", (0, 13), ((0, 3),))
    title = "A report on the depth of the sea " * 5
    locator = replace(cited.locator, heading="What was found in the " * 9)
    reply = browse.render_places(answer(replace(cited, title=title, locator=locator)), 0, RECIPIENT)
    (location,) = texts_of(reply, "text_link")
    assert location.startswith("A report on the depth of the sea A report")
    assert location.endswith("…”, lines 5–7")


def test_a_long_sentence_is_cut_around_its_word(
    citation: Callable[..., Any], answer: Callable[..., Any]
) -> None:
    """Of a very long sentence a place shows the part that has the word."""
    text = "and then " * 60 + "the sea " + "and then " * 60
    cited = citation(text, (0, len(text)), ((544, 547),))
    reply = browse.render_places(answer(cited), 0, RECIPIENT)
    assert ["sea"] == texts_of(reply, "bold")
    (block,) = texts_of(reply, "blockquote")
    assert block in text
    assert len(block) <= 220


def test_no_places(citation: Callable[..., Any], answer: Callable[..., Any]) -> None:
    """A passage without any of the words is not listed."""
    assert TEXTS.no_places == browse.render_places(answer(citation("Sea.", (0, 4))), 0, RECIPIENT).text
