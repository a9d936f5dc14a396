"""The documents to look through: their list, the headings of one, its text, and the places of some words."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from math import ceil

from telegram import InlineKeyboardButton, MessageEntity

from bot.i18n.messages import Texts
from bot.views import callback_data
from bot.views.callback_data import Action, BrowsePress, BrowseView, ButtonPress
from bot.views.locations import MOST_TITLE, isolated, location_text
from bot.views.message import (
    MOST_UNITS,
    FormattedText,
    Reply,
    Row,
    code,
    compose,
    linked,
    marked,
    notice,
    plain,
)
from bot.views.quotes import file_button, turn_button
from bot.views.truncation import head, label, units
from bot.views.viewer import Viewer
from retrieval.model import Answer, Citation, Passage, Section, Source

_SOURCES_A_PAGE = 8
_HEADINGS_A_PAGE = 10
PLACES_A_PAGE = 10
PLACES = 50
_MOST_BUTTON = 60
_MOST_NAME = 200
_MOST_WORDS = 80
_MOST_PLACE = 240
# Characters of a page of a document, which is read at one look; it is longer where a passage is.
_A_LOOK = 1800
_SHORT_NAME = 25
_INDENT = "\u2003"


def sources(listed: Sequence[Source], page: int, viewer: Viewer) -> Reply:
    """List the documents, a page of them; a page that is none is the nearest that is."""
    if not listed:
        return notice(viewer.texts.no_documents)
    page, pages = _within(page, len(listed), _SOURCES_A_PAGE)
    first = page * _SOURCES_A_PAGE
    shown = plain(viewer.texts.sources(len(listed)) + "\n")
    rows: list[Row] = []
    for number, source in enumerate(listed[first : first + _SOURCES_A_PAGE], first + 1):
        title = label(source.title, MOST_TITLE)
        shown += plain(f"\n{number}. {isolated(title, viewer.texts)} · {_about(source, viewer.texts)}")
        turn = BrowsePress(BrowseView.HEADINGS, source.id)
        rows.append([turn_button(f"{number}. {label(title, _MOST_BUTTON)}", turn)])
    return compose(
        shown, [*rows, _paging(page, pages, lambda to: BrowsePress(BrowseView.SOURCES, number=to))]
    )


def headings(source: Source, sections: Sequence[Section], page: int, viewer: Viewer) -> Reply:
    """Show what a document is and its headings, a page of them."""
    texts = viewer.texts
    page, pages = _within(page, len(sections), _HEADINGS_A_PAGE)
    shown = marked(MessageEntity.BOLD, label(source.title, MOST_TITLE)) + "\n"
    shown += code(label(source.name, _MOST_NAME)) + f"\n{_about(source, texts)}"
    if pages > 1:
        shown += f" · {texts.page_of(page + 1, pages)}"
    first = page * _HEADINGS_A_PAGE
    top = min((section.level for section in sections), default=1)
    rows: list[Row] = [
        [_heading(source, section, section.level - top)]
        for section in sections[first : first + _HEADINGS_A_PAGE]
    ]
    rows.append(_paging(page, pages, lambda to: BrowsePress(BrowseView.HEADINGS, source.id, to)))
    rows.append(
        [
            turn_button(texts.read_from_start, BrowsePress(BrowseView.READ, source.id)),
            *file_button(source.id, viewer),
        ]
    )
    back = turn_button(f"‹ {texts.to_sources}", BrowsePress(BrowseView.SOURCES))
    removing = (
        [turn_button(texts.remove, BrowsePress(BrowseView.REMOVE, source.id))] if viewer.can_remove else []
    )
    return compose(shown, [*rows, [back, *removing]])


def _heading(source: Source, section: Section, depth: int) -> InlineKeyboardButton:
    return turn_button(
        _INDENT * min(depth, 3) + _shown(section.heading),
        BrowsePress(BrowseView.READ, source.id, section.first),
    )


def _shown(heading: str) -> str:
    """Name a heading on a button, which must show something."""
    name = label(heading, _MOST_BUTTON)
    return name if any(letter.isprintable() and letter != " " for letter in name) else "…"


def reading(source: Source, passages: Sequence[Passage], first: int, viewer: Viewer) -> Reply:
    """Show the page of a document's text that a passage stands on; `passages` are all it has."""
    start, end = _page(passages, min(first, len(passages) - 1))
    text = _joined(passages[start:end], passages[start - 1].span.end if start else 0)
    top, foot = _frame(source, passages[start], MOST_TITLE, viewer.texts)
    if top.units + units(text) + foot.units > MOST_UNITS:
        # The text goes before names.
        top, foot = _frame(source, passages[start], _SHORT_NAME, viewer.texts)
    shown = top + head(text, MOST_UNITS - top.units - foot.units) + foot
    ways: list[InlineKeyboardButton] = []
    if start:
        ways.append(turn_button("‹", BrowsePress(BrowseView.READ, source.id, _page(passages, start - 1)[0])))
    if end < len(passages):
        ways.append(turn_button("›", BrowsePress(BrowseView.READ, source.id, end)))
    back = turn_button(f"‹ {viewer.texts.to_headings}", BrowsePress(BrowseView.HEADINGS, source.id))
    return compose(shown, [ways, [back]])


def _frame(source: Source, here: Passage, most: int, texts: Texts) -> tuple[FormattedText, FormattedText]:
    """Set the heading above a page, and its document below it."""
    heading = here.heading[-1] if here.heading else source.title
    top = marked(MessageEntity.BOLD, label(heading, most)) + "\n\n"
    foot = plain(f"\n\n— {isolated(label(source.title, most), texts)} · ") + code(label(source.name, most))
    return top, foot


def _page(passages: Sequence[Passage], number: int) -> tuple[int, int]:
    """Find the page that a passage stands on: a page begins at a heading, or where the one before ends."""
    start = number
    while start and passages[start - 1].heading == passages[number].heading:
        start -= 1
    while (end := _end_of_page(passages, start)) <= number:
        start = end
    return start, end


def _end_of_page(passages: Sequence[Passage], start: int) -> int:
    """Find where a page that begins at a passage ends: before the next heading, or when it is long enough."""
    end, room = start + 1, _A_LOOK - len(passages[start].text)
    while end < len(passages) and passages[end].heading == passages[start].heading:
        room -= len(passages[end].text)
        if room < 0:
            break
        end += 1
    return end


def _joined(passages: Sequence[Passage], end: int) -> str:
    """Join passages as they stand in the document: no text twice, and none from before `end`."""
    text, paragraph = "", 0
    for passage in passages:
        own = passage.text[max(end - passage.span.start, 0) :]
        gap = "" if not text else "\n\n"
        if text and passage.paragraph == paragraph:
            gap = " " * (passage.span.start > end)
        text += gap + own
        end, paragraph = passage.span.end, passage.paragraph
    return text.lstrip()


def removal(source: Source, texts: Texts) -> Reply:
    """Ask before a document is deleted."""
    rows = [
        [turn_button(texts.remove_yes, BrowsePress(BrowseView.REMOVE_REALLY, source.id))],
        [turn_button(texts.remove_no, BrowsePress(BrowseView.HEADINGS, source.id))],
    ]
    return compose(plain(texts.remove_really(isolated(label(source.name, _MOST_NAME), texts))), rows)


def places(found: Answer, page: int, viewer: Viewer) -> Reply:
    """List where the words of a search stand, one line each, the best places first."""
    if not any(citation.highlights for citation in found.citations):
        return notice(viewer.texts.found_nothing)
    listed = [citation for citation in found.citations if citation.highlights]
    page, pages = _within(page, len(listed), PLACES_A_PAGE)
    first = page * PLACES_A_PAGE
    shown = plain(viewer.texts.found(len(listed)) + "\n")
    for number, citation in enumerate(listed[first : first + PLACES_A_PAGE], first + 1):
        link = viewer.link(citation.passage.id)
        standing = linked(
            label(location_text(citation.title, citation.locator, viewer.texts), _MOST_PLACE), link
        )
        shown += plain(f"\n{number}. ") + standing + f": {isolated(_matched(citation), viewer.texts)}"
    rows = [_paging(page, pages, lambda to: ButtonPress(Action.LIST, to + 1))]
    return compose(shown, rows)


def _matched(citation: Citation) -> str:
    start = citation.passage.span.start
    words = (citation.passage.text[one.start - start : one.end - start] for one in citation.highlights)
    return label(", ".join(dict.fromkeys(words)), _MOST_WORDS)


def _about(source: Source, texts: Texts) -> str:
    parts = [source.language.upper(), texts.size(ceil(source.size / 1024))]
    # A file may claim to be of any year.
    with suppress(ValueError, OverflowError, OSError):
        if source.changed:
            parts.append(datetime.fromtimestamp(source.changed, UTC).date().isoformat())
    return " · ".join(parts)


def _within(page: int, count: int, a_page: int) -> tuple[int, int]:
    pages = max(ceil(count / a_page), 1)
    return min(page, pages - 1), pages


def _paging(page: int, pages: int, turn: Callable[[int], BrowsePress | ButtonPress]) -> Row:
    ways = [("‹", page - 1)] * (page > 0) + [("›", page + 1)] * (page < pages - 1)
    return [InlineKeyboardButton(sign, callback_data=_data(turn(to))) for sign, to in ways]


def _data(way: BrowsePress | ButtonPress) -> str:
    return callback_data.encode_browse(way) if isinstance(way, BrowsePress) else callback_data.encode(way)
