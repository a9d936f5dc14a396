"""Quotes as messages: values from retrieval turned into text, entities and buttons."""

import re
from collections.abc import Iterable

from telegram import CopyTextButton, InlineKeyboardButton, Message, MessageEntity

from bot.views import callback_data
from bot.views.callback_data import (
    AS_WRITTEN,
    SHORT_PASSAGE,
    Action,
    BrowsePress,
    BrowseView,
    ButtonPress,
    Origin,
)
from bot.views.locations import location_text
from bot.views.message import (
    MOST_UNITS,
    FormattedText,
    Reply,
    Row,
    TextEntity,
    code,
    compose,
    linked,
    marked,
    plain,
)
from bot.views.truncation import head, label, tail, units
from bot.views.viewer import Viewer
from retrieval.ids import document_of
from retrieval.model import Answer, Citation, Locator, Passage, PassageContext, Span

# A quote of 1000 characters always fits; with the longest citation line it stays below MOST_UNITS.
_MOST_QUOTE = 3000
_MOST_NAME = 300
_MOST_BOLD = 90
_WORDS_FOR_LACK_OF_BOLD = 8
_MOST_COPIED = 256
_MOST_COPIES = 2

# What Telegram turns into others or drops: control characters, line and direction signs, three accents.
_ALTERED = re.compile("[\x00-\x09\x0b-\x1f\u2028-\u202e\u030a\u0333\u033f]|[\u200e\u200f]{2}")


def asked_before(reply: Message) -> str:
    """Find what an answer of ours was asked: the words it matched, or else the first it quotes.

    Nothing for our other messages. It is no longer than what the buttons of the next answer can carry.
    """
    quotes = reply.parse_entities([MessageEntity.BLOCKQUOTE, MessageEntity.EXPANDABLE_BLOCKQUOTE])
    bold = reply.parse_entities([MessageEntity.BOLD])
    matched = [
        word
        for mark, words in sorted(bold.items(), key=lambda one: one[0].offset)
        if any(_holds(block, mark) for block in quotes)
        for word in words.split()
    ]
    quoted = [word for words in quotes.values() for word in words.split()]
    return callback_data.carried(matched or quoted[:_WORDS_FOR_LACK_OF_BOLD])


def _holds(outer: MessageEntity, inner: MessageEntity) -> bool:
    return outer.offset <= inner.offset and inner.offset + inner.length <= outer.offset + outer.length


def quote(found: Answer, rank: int, viewer: Viewer, origin: Origin = AS_WRITTEN) -> Reply:
    """Show the quote of a rank, counted from 1, with its source and the ways on from it."""
    return compose(cited(found.citations[rank - 1], viewer), _ways_on(found, rank, viewer, origin))


def cited(citation: Citation, viewer: Viewer) -> FormattedText:
    """Show a quote and its source."""
    return _blockquote(citation) + "\n" + source(citation, viewer)


def _ways_on(found: Answer, rank: int, viewer: Viewer, origin: Origin) -> list[Row]:
    def way(text: str, action: Action, to: int) -> InlineKeyboardButton:
        return button(text, ButtonPress(action, to, origin=origin))

    citation, count = found.citations[rank - 1], len(found.citations)
    paging = [
        *([way("‹", Action.QUOTE, rank - 1)] if rank > 1 else []),
        way(f"{rank}/{count}", Action.PLACE, rank),
        *([way("›", Action.QUOTE, rank + 1)] if rank < count else []),
    ]
    around = [
        context_button(viewer.texts.wider, citation, rank, origin),
        *file_button(document_of(citation.passage.id), viewer),
    ]
    if citation.locator.unit == "page" and viewer.has_files:
        around.append(way(viewer.texts.page_picture, Action.PAGE, rank))
    return [paging if count > 1 else [], around, [_copy(citation, viewer), *votes(rank, viewer, origin)]]


def votes(rank: int, viewer: Viewer, origin: Origin) -> list[InlineKeyboardButton]:
    """Ask what a reply is worth, where that is collected."""
    signs = (("👍", Action.GOOD), ("👎", Action.BAD))
    ways = [button(sign, ButtonPress(action, rank, origin=origin)) for sign, action in signs]
    return ways if viewer.asks_opinion else []


def context_button(text: str, citation: Citation, rank: int, origin: Origin) -> InlineKeyboardButton:
    """Offer what stands around a quote."""
    passage = citation.passage.id
    told = passage[:SHORT_PASSAGE] if origin.earlier else passage
    return button(text, ButtonPress(Action.CONTEXT, rank, told, origin))


def _copy(citation: Citation, viewer: Viewer) -> InlineKeyboardButton:
    standing = f"{location_text(citation.title, citation.locator, viewer.texts)} · {citation.document}"
    link = viewer.link(citation.passage.id)
    copied = f"{label(standing, _MOST_COPIED - len(link) - 1)}\n{link}"
    return InlineKeyboardButton(viewer.texts.copy_source, copy_text=CopyTextButton(copied))


def file_button(document: str, viewer: Viewer) -> list[InlineKeyboardButton]:
    """Offer the whole document, where its file is."""
    return (
        [turn_button(viewer.texts.whole_document, BrowsePress(BrowseView.FILE, document))]
        if viewer.has_files
        else []
    )


def turn_button(text: str, turn: BrowsePress) -> InlineKeyboardButton:
    return InlineKeyboardButton(text, callback_data=callback_data.encode_browse(turn))


def wider_context(
    found: Answer, rank: int, context: PassageContext, viewer: Viewer, origin: Origin = AS_WRITTEN
) -> Reply:
    """Show what stands around the quote of a rank, the quote still marked."""
    citation = found.citations[rank - 1]
    within = citation.span.start - context.passage.span.start, citation.span.end - context.passage.span.start
    before = _before(context) + context.passage.text[: within[0]]
    after = context.passage.text[within[1] :] + _after(context)
    shown = _framed(before, _blockquote(citation), after, source(citation, viewer))
    return compose(shown, [[_back(found, rank, viewer, origin)], [_read_on(context, viewer)]])


def _back(found: Answer, rank: int, viewer: Viewer, origin: Origin) -> InlineKeyboardButton:
    if found.answered:
        return button(f"‹ {viewer.texts.back}", ButtonPress(Action.QUOTE, rank, origin=origin))
    return button(f"‹ {viewer.texts.back_to_closest}", ButtonPress(Action.CLOSEST, origin=origin))


def _read_on(context: PassageContext, viewer: Viewer) -> InlineKeyboardButton:
    turn = BrowsePress(BrowseView.READ, document_of(context.passage.id), context.ordinal)
    return turn_button(f"{viewer.texts.read_on} ›", turn)


def passage(context: PassageContext, viewer: Viewer) -> Reply:
    """Show a passage that a link leads to, among its neighbours."""
    here = context.passage
    standing = _cited(here, _standing(here), viewer)
    rows = [[_read_on(context, viewer), *file_button(document_of(here.id), viewer)]]
    if units(here.text) > _MOST_QUOTE:
        return compose(plain(head(here.text, _MOST_QUOTE) + "…\n\n") + standing, rows)
    block = marked(MessageEntity.BLOCKQUOTE, here.text)
    return compose(_framed(_before(context), block, _after(context), standing), rows)


def _standing(here: Passage) -> Locator:
    heading = here.heading[-1] if here.heading else None
    return Locator(heading, here.page, here.line, here.line, here.paragraph, here.unit, here.label)


def _blockquote(citation: Citation) -> FormattedText:
    block = TextEntity(MessageEntity.BLOCKQUOTE, 0, len(citation.quote))
    return FormattedText(citation.quote, (block, *matches(citation, _MOST_BOLD)))


def matches(citation: Citation, most: int) -> list[TextEntity]:
    """Mark the words of a quote that match the question, at most so many."""
    return [TextEntity(MessageEntity.BOLD, span.start, span.end) for span in _bold(citation)[:most]]


def _bold(citation: Citation) -> list[Span]:
    """Place the highlights inside the quote, those with only space between them as one."""
    joined: list[Span] = []
    for span in sorted(_inside(citation.highlights, citation)):
        if joined and not citation.quote[joined[-1].end : span.start].strip():
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def _inside(highlights: Iterable[Span], citation: Citation) -> Iterable[Span]:
    for span in highlights:
        start = max(span.start - citation.span.start, 0)
        end = min(span.end - citation.span.start, len(citation.quote))
        if citation.quote[start:end].strip():
            yield Span(start, end)


def source(citation: Citation, viewer: Viewer) -> FormattedText:
    """Show where a quote stands, as a link that opens it."""
    shown = _cited(citation.passage, citation.locator, viewer)
    for copy in citation.copies[:_MOST_COPIES]:
        shown += plain(viewer.texts.comma) + code(label(copy, _MOST_NAME))
    altered = _ALTERED.search(citation.quote) or citation.quote != citation.quote.strip()
    return shown + f"\n{viewer.texts.altered}" if altered else shown


def _cited(here: Passage, at: Locator, viewer: Viewer) -> FormattedText:
    standing = linked(location_text(here.title, at, viewer.texts), viewer.link(here.id))
    return plain("— ") + standing + " · " + code(label(here.document, _MOST_NAME))


def _before(context: PassageContext) -> str:
    """Take what stands before the passage, none of it twice should the two overlap."""
    other = context.before
    if other is None:
        return ""
    return other.text[: max(context.passage.span.start - other.span.start, 0)] + _gap(other, context.passage)


def _after(context: PassageContext) -> str:
    other = context.after
    if other is None:
        return ""
    return _gap(context.passage, other) + other.text[max(context.passage.span.end - other.span.start, 0) :]


def _gap(first: Passage, second: Passage) -> str:
    if first.paragraph != second.paragraph:
        return "\n\n"
    # Some scripts set nothing between sentences.
    return " " if first.span.end < second.span.start else ""


def _framed(before: str, block: FormattedText, after: str, source: FormattedText) -> FormattedText:
    """Set a quote among its neighbours; these give way at their far ends when room is short."""
    left, right = before.strip(), after.strip()
    room = MOST_UNITS - block.units - source.units - len("…\n" + "\n…" + "\n\n")
    kept_left = _end_of(left, max(room // 2, room - units(right)))
    kept_right = _beginning_of(right, room - units(kept_left))
    above = plain(kept_left + "\n") if kept_left else plain("")
    below = plain("\n" + kept_right) if kept_right else plain("")
    return above + block + below + "\n\n" + source


def _end_of(text: str, room: int) -> str:
    kept = tail(text, room)
    if kept == text:
        return text
    words = kept.split(maxsplit=1)
    return "…" + (words[1] if len(words) > 1 else kept)


def _beginning_of(text: str, room: int) -> str:
    kept = head(text, room)
    if kept == text:
        return text
    words = kept.rsplit(maxsplit=1)
    return (words[0] if len(words) > 1 else kept) + "…"


def button(text: str, press: ButtonPress) -> InlineKeyboardButton:
    """Make a button that carries what to show."""
    return InlineKeyboardButton(text, callback_data=callback_data.encode(press))
