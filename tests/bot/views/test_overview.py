"""Overviews as messages: within Telegram's limits, with quotes that are linked to their places."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telegram import MessageEntity

from bot.i18n.texts import LANGUAGES, texts_for
from bot.views import browse
from bot.views.browse import render_overview
from bot.views.message import BrowseAction, BrowsePress, Recipient, Reply, decode_browse_press
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load_document
from retrieval.model import Citation, Source
from retrieval.overview import Overview, OverviewHeading, make_overview
from tests.bot.hostile_inputs import NAMES, check_limits, citations, texts_of

TEXTS = texts_for("en")
RECIPIENT = Recipient(TEXTS, "verbatim_bot")
SOURCE = Source("document", "guide.md", "A guide to goats", 1, 1, "en")
SOURCES = st.builds(
    Source, st.just("Aa0_-123"), NAMES, NAMES, st.integers(1, 99), st.integers(1, 99), st.just("en")
)
HEADINGS = st.builds(OverviewHeading, NAMES, st.just("A-z_9" * 4))
PART = "Goats of the village number {} eat the salt that the boats bring to the harbour of the island. "
GUIDE = "# A guide to goats\n\n" + "\n\n".join(
    f"## Goat {number}\n\n{PART.format(number) * 5}" for number in range(1, 16)
)


def _presses(reply: Reply) -> list[BrowsePress | None]:
    rows = reply.keyboard.inline_keyboard if reply.keyboard else ()
    return [decode_browse_press(button.callback_data) for row in rows for button in row]


@pytest.fixture
def overview() -> Overview:
    return make_overview(list(split_passages(load_document(GUIDE.encode(), "guide.md"))), 300)


@given(
    SOURCES,
    st.lists(citations(), min_size=1, max_size=8),
    st.lists(HEADINGS, max_size=30),
    st.sampled_from([(language, in_group) for language in LANGUAGES for in_group in (False, True)]),
)
@settings(max_examples=100, deadline=None)
def test_an_overview_is_within_limits(
    source: Source, quotes: list[Citation], headings: list[OverviewHeading], person: tuple[str, bool]
) -> None:
    """With any quotes, names and headings, an overview is one message."""
    recipient = Recipient(texts_for(person[0]), "verbatim_bot", in_group=person[1])
    reply = render_overview(source, Overview(tuple(quotes), tuple(headings)), recipient)
    check_limits(reply)


def test_quotes_and_their_places(overview: Overview) -> None:
    """Each quote is in a block above its heading and line, which is a link to its passage."""
    reply = render_overview(SOURCE, overview, RECIPIENT)
    check_limits(reply)
    assert ["A guide to goats"] == texts_of(reply, "bold")
    assert [citation.quote for citation in overview.sentences] == texts_of(reply, "blockquote")
    assert texts_of(reply, "text_link")[0].startswith("under “Goat 1”, line")
    urls = [entity.url for entity in reply.entities if entity.type == MessageEntity.TEXT_LINK]
    wanted = [RECIPIENT.link(citation.passage.id, citation.document_name) for citation in overview.sentences]
    assert wanted == urls[: len(wanted)]


def test_headings_of_a_long_document(overview: Overview) -> None:
    """The first headings follow as links, and an ellipsis for the others."""
    reply = render_overview(SOURCE, overview, RECIPIENT)
    below = reply.text.partition(TEXTS.overview_headings)[2]
    assert [f"• Goat {number}" for number in range(1, 13)] + ["…"] == below.strip().split("\n")
    assert "Goat 12" in texts_of(reply, "text_link")
    assert BrowsePress(BrowseAction.HEADINGS, "document") in _presses(reply)


def test_an_overview_in_a_group_is_collapsed(overview: Overview) -> None:
    """In a group all below the title is one expandable block."""
    reply = render_overview(SOURCE, overview, Recipient(TEXTS, "verbatim_bot", in_group=True))
    (block,) = texts_of(reply, "expandable_blockquote")
    assert [] == texts_of(reply, "blockquote")
    assert all(citation.quote in block for citation in overview.sentences)


def test_a_right_to_left_language(overview: Overview) -> None:
    """In Arabic a name from left to right is isolated, and the quotes stay as they are."""
    reply = render_overview(SOURCE, overview, Recipient(texts_for("ar"), "verbatim_bot"))
    check_limits(reply)
    assert "\u200f\u2068A guide to goats\u2069" in reply.text
    assert [citation.quote for citation in overview.sentences] == texts_of(reply, "blockquote")


def test_a_document_that_has_gone() -> None:
    """Without quotes there is no overview."""
    assert TEXTS.documents_changed == render_overview(SOURCE, Overview(()), RECIPIENT).text


@pytest.mark.parametrize("is_unknown", [False, True])
def test_choosing_a_document(*, is_unknown: bool) -> None:
    """Each document has a button for its overview; arrows lead to the other pages."""
    sources = [Source(f"source{n:02}", f"{n}.md", f"Book {n}", 1, 1, "en") for n in range(10)]
    reply = browse.render_overview_choice(sources, 0, RECIPIENT, is_unknown=is_unknown)
    check_limits(reply)
    assert reply.text.startswith(TEXTS.unknown_document if is_unknown else TEXTS.choose_document)
    wanted = [BrowsePress(BrowseAction.OVERVIEW, f"source{n:02}") for n in range(8)]
    assert [*wanted, BrowsePress(BrowseAction.OVERVIEW, number=1)] == _presses(reply)
