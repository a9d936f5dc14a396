"""Views of the documents: their list, the overview, headings, text and removal of one; places of a search."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil

from telegram import InlineKeyboardButton

from bot.i18n.texts import Texts
from bot.views.answers import (
    blockquote,
    browse_button,
    file_buttons,
    folded,
    quote_or_pointer,
    with_scope_note,
)
from bot.views.help import no_documents
from bot.views.message import (
    MAX_ENTITIES,
    MAX_MESSAGE_UNITS,
    MAX_TITLE_UNITS,
    AnswerAction,
    AnswerPress,
    BrowseAction,
    BrowsePress,
    FormattedText,
    Recipient,
    Reply,
    Row,
    about_file,
    bold,
    build_reply,
    code,
    encode_answer_press,
    encode_browse_press,
    isolate_direction,
    linked,
    location_text,
    named_location,
    one_line,
    place_text,
    plain,
    text_reply,
    truncate,
    utf16_length,
)
from retrieval.model import Answer, Citation, Passage, Section, Source, Span, is_chat_document, shown_name
from retrieval.overview import Overview, OverviewHeading
from retrieval.quotes.quote_selection import shorten

_PLACES_PER_PAGE = 10
SOURCES_PER_PAGE = 8
_HEADINGS_PER_PAGE = 10
_MAX_BUTTON_UNITS = 60
_MAX_NAME_UNITS = 200
# Ten places of this size, and their entities, fit in a message.
_MAX_LOCATION_UNITS = 150
_MAX_CUT_UNITS = 50
_MAX_SENTENCE_UNITS = 220
_MAX_BOLD_WORDS = 6
# A page of a document has about as much text as a screen, or one passage if that is longer.
_TARGET_PAGE_CHARS = 1800
_SHORT_NAME_UNITS = 25
_EM_SPACE = "\u2003"
_MAX_INDENT = 3


def render_sources(sources: Sequence[Source], page: int, recipient: Recipient) -> Reply:
    """Show a page of the list of documents; a page beyond the last shows the last."""
    if not sources:
        return text_reply(no_documents(recipient))
    intro = recipient.texts.document_count(len(sources))
    if recipient.scope_note:
        intro = f"{recipient.scope_note}\n\n{intro}"
    return _render_list(intro, sources, page, recipient, BrowseAction.SOURCES)


def render_overview_choice(
    sources: Sequence[Source], page: int, recipient: Recipient, *, is_unknown: bool = False
) -> Reply:
    """Ask which document to give an overview of; `is_unknown` says that none has the name asked for.

    The pages are those of the list of all documents. A list of a part of them should fit on one page.
    """
    texts = recipient.texts
    intro = texts.unknown_document if is_unknown else texts.choose_document
    return _render_list(intro, sources, page, recipient, BrowseAction.OVERVIEW)


def render_named(sources: Sequence[Source], recipient: Recipient) -> Reply:
    """List the documents that a message names; of very many, the first."""
    intro = recipient.texts.documents_named
    return build_reply(*_list_sources(intro, sources, 0, recipient, BrowseAction.HEADINGS))


def add_intro(intro: str, reply: Reply) -> Reply:
    """Put a sentence above a reply."""
    body = plain(f"{intro}\n\n") + FormattedText(reply.text, reply.entities)
    return Reply(body.text, body.entities, reply.keyboard)


def _render_list(
    intro: str, sources: Sequence[Source], page: int, recipient: Recipient, list_view: BrowseAction
) -> Reply:
    """Show a page of documents below a sentence: buttons lead to each, and to the other pages of the list."""
    view = BrowseAction.HEADINGS if list_view is BrowseAction.SOURCES else BrowseAction.OVERVIEW
    page, pages = _clamp_page(page, len(sources), SOURCES_PER_PAGE)
    body, rows = _list_sources(intro, sources, page * SOURCES_PER_PAGE, recipient, view)
    rows.append(_paging(page, pages, lambda target: BrowsePress(list_view, number=target)))
    return build_reply(body, rows)


def _list_sources(
    intro: str, sources: Sequence[Source], first: int, recipient: Recipient, view: BrowseAction
) -> tuple[FormattedText, list[Row]]:
    """Return a page of documents as lines below a sentence, and buttons that lead to a view of each."""
    body = plain(intro + "\n")
    rows: list[Row] = []
    for number, source in enumerate(sources[first : first + SOURCES_PER_PAGE], first + 1):
        title = one_line(source.title, MAX_TITLE_UNITS)
        mark = "📎 " if is_chat_document(source.name) else ""
        shown_title = mark + isolate_direction(title, recipient.texts)
        body += plain(f"\n{number}. {shown_title} · {_describe(source, recipient.texts)}")
        press = BrowsePress(view, source.id)
        rows.append([browse_button(f"{number}. {one_line(title, _MAX_BUTTON_UNITS)}", press)])
    return body, rows


def render_headings(source: Source, sections: Sequence[Section], page: int, recipient: Recipient) -> Reply:
    """Show a document's title, file and a page of its headings."""
    texts = recipient.texts
    page, pages = _clamp_page(page, len(sections), _HEADINGS_PER_PAGE)
    body = bold(one_line(source.title, MAX_TITLE_UNITS)) + "\n"
    body += code(one_line(shown_name(source.name), _MAX_NAME_UNITS)) + f"\n{_describe(source, texts)}"
    if pages > 1:
        body += f" · {texts.page_of(page + 1, pages)}"
    first = page * _HEADINGS_PER_PAGE
    top_level = min((section.level for section in sections), default=1)
    rows: list[Row] = [
        [_heading_button(source, section, section.level - top_level)]
        for section in sections[first : first + _HEADINGS_PER_PAGE]
    ]
    rows.append(_paging(page, pages, lambda target: BrowsePress(BrowseAction.HEADINGS, source.id, target)))
    read = browse_button(texts.read_from_start, BrowsePress(BrowseAction.READ, source.id))
    overview = browse_button(texts.overview, BrowsePress(BrowseAction.OVERVIEW, source.id))
    # Beside another button, its label would be cut on a phone.
    rows += [[read], [overview, *file_buttons(source.id, recipient)]]
    last = [browse_button(f"‹ {texts.all_documents}", BrowsePress(BrowseAction.SOURCES))]
    if recipient.can_remove and not is_chat_document(source.name):
        last.append(browse_button(texts.remove_document, BrowsePress(BrowseAction.REMOVE, source.id)))
    return build_reply(body, [*rows, last])


def _heading_button(source: Source, section: Section, depth: int) -> InlineKeyboardButton:
    indent = _EM_SPACE * min(depth, _MAX_INDENT)
    press = BrowsePress(BrowseAction.READ, source.id, section.first)
    return browse_button(indent + _visible_label(section.heading), press)


def _visible_label(heading: str) -> str:
    """Return a heading for a button; Telegram rejects buttons without a visible character."""
    text = one_line(heading, _MAX_BUTTON_UNITS)
    return text if any(letter.isprintable() and letter != " " for letter in text) else "…"


def render_document_page(
    source: Source, passages: Sequence[Passage], number: int, recipient: Recipient
) -> Reply:
    """Show the page of a document that has the passage `number`; `passages` are all of the document."""
    start, end = _page_of(passages, min(number, len(passages) - 1))
    text = _join_passages(passages[start:end], passages[start - 1].span.end if start else 0)
    top, bottom = _heading_and_source(source, passages[start], MAX_TITLE_UNITS, recipient.texts)
    if top.units + utf16_length(text) + bottom.units > MAX_MESSAGE_UNITS:
        # Shorten the names rather than the text.
        top, bottom = _heading_and_source(source, passages[start], _SHORT_NAME_UNITS, recipient.texts)
    body = top + truncate(text, MAX_MESSAGE_UNITS - top.units - bottom.units) + bottom
    paging: list[InlineKeyboardButton] = []
    if start:
        previous, _ = _page_of(passages, start - 1)
        paging.append(browse_button("‹", BrowsePress(BrowseAction.READ, source.id, previous)))
    if end < len(passages):
        paging.append(browse_button("›", BrowsePress(BrowseAction.READ, source.id, end)))
    back = browse_button(f"‹ {recipient.texts.all_headings}", BrowsePress(BrowseAction.HEADINGS, source.id))
    return build_reply(body, [paging, [back]])


def _heading_and_source(
    source: Source, passage: Passage, max_units: int, texts: Texts
) -> tuple[FormattedText, FormattedText]:
    """Return the heading above the text of a page and the source below it."""
    heading = passage.heading[-1] if passage.heading else source.title
    title = isolate_direction(one_line(source.title, max_units), texts)
    return (
        bold(one_line(heading, max_units)) + "\n\n",
        plain(f"\n\n— {title} · ") + code(one_line(shown_name(source.name), max_units)),
    )


def _page_of(passages: Sequence[Passage], number: int) -> tuple[int, int]:
    """Return the passages of the page with the passage `number`, as a range.

    Pages begin at each heading, so they are the same from whichever passage one comes to them.
    """
    start = number
    while start and passages[start - 1].heading == passages[number].heading:
        start -= 1
    while (end := _end_of_page(passages, start)) <= number:
        start = end
    return start, end


def _end_of_page(passages: Sequence[Passage], start: int) -> int:
    """Return where a page ends: before the next heading, or when it is long enough."""
    end, room = start + 1, _TARGET_PAGE_CHARS - len(passages[start].text)
    while end < len(passages) and passages[end].heading == passages[start].heading:
        room -= len(passages[end].text)
        if room < 0:
            break
        end += 1
    return end


def _join_passages(passages: Sequence[Passage], end: int) -> str:
    """Join the text of passages from character `end` of the document on; what overlaps is taken once."""
    text, paragraph = "", 0
    for passage in passages:
        addition = passage.text[max(end - passage.span.start, 0) :]
        separator = "" if not text else "\n\n"
        if text and passage.paragraph == paragraph:
            separator = " " * (passage.span.start > end)
        text += separator + addition
        end, paragraph = passage.span.end, passage.paragraph
    return text.lstrip()


def render_removal(source: Source, file: str, texts: Texts) -> Reply:
    """Ask for confirmation before the file that a document is in is deleted."""
    rows = [
        [browse_button(texts.removal_confirmed, BrowsePress(BrowseAction.REMOVE_CONFIRMED, source.id))],
        [browse_button(texts.removal_cancelled, BrowsePress(BrowseAction.HEADINGS, source.id))],
    ]
    return build_reply(about_file(texts.confirm_removal, file, texts), rows)


def render_places(answer: Answer, page: int, recipient: Recipient) -> Reply:
    """List where the words of a search occur, best first: each place with its sentence, the words in bold."""
    citations = [citation for citation in answer.citations if citation.highlights]
    if not citations:
        return build_reply(with_scope_note(plain(recipient.texts.no_places), recipient))
    page, pages = _clamp_page(page, len(citations), _PLACES_PER_PAGE)
    first = page * _PLACES_PER_PAGE
    body = plain(recipient.texts.place_count(len(citations)) + "\n")
    for number, citation in enumerate(citations[first : first + _PLACES_PER_PAGE], first + 1):
        location = _short_location(citation, recipient.texts)
        link = linked(location, recipient.link(citation.passage.id, citation.document_name))
        mark = "📎 " if is_chat_document(citation.document_name) else ""
        body += plain(f"\n{number}. {mark}") + link + "\n"
        body += quote_or_pointer(_shorten(citation), recipient, _MAX_BOLD_WORDS)
    rows = [_paging(page, pages, lambda target: AnswerPress(AnswerAction.PLACES, target + 1))]
    return build_reply(with_scope_note(body, recipient), rows)


def _short_location(citation: Citation, texts: Texts) -> str:
    """Return the location of a quote. If it is too long, title and heading are cut rather than the page."""
    location = named_location(citation, texts)
    if utf16_length(location) <= _MAX_LOCATION_UNITS:
        return location
    title, locator = citation.title, citation.locator
    locator = replace(
        locator, heading=None if locator.heading == title else one_line(locator.heading or "", _MAX_CUT_UNITS)
    )
    short = location_text(one_line(title, _MAX_CUT_UNITS), locator, texts)
    return one_line(short, _MAX_LOCATION_UNITS)


def _shorten(citation: Citation) -> Citation:
    """Return a citation with the sentence of its words; of a very long one, the part with the first word."""
    short = shorten(citation, _MAX_SENTENCE_UNITS)
    quote, start = short.quote, 0
    first = min((span.start for span in short.highlights), default=short.span.start) - short.span.start
    if _MAX_SENTENCE_UNITS // 2 < first < len(quote) and utf16_length(quote) > _MAX_SENTENCE_UNITS:
        start = quote.rfind(" ", 0, first - _MAX_SENTENCE_UNITS // 4) + 1 or first
    quote = truncate(quote[start:], _MAX_SENTENCE_UNITS)
    begin = short.span.start + start
    return replace(short, quote=quote, span=Span(begin, begin + len(quote)))


def _describe(source: Source, texts: Texts) -> str:
    """Return the language, size and date of a document."""
    language = isolate_direction(source.language.upper(), texts)
    parts = [language, texts.file_size(ceil(source.size / 1024))]
    # A file may have any date, even one that datetime cannot represent.
    with suppress(ValueError, OverflowError, OSError):
        if source.modified_at:
            parts.append(datetime.fromtimestamp(source.modified_at, UTC).date().isoformat())
    return " · ".join(parts)


def _clamp_page(page: int, count: int, per_page: int) -> tuple[int, int]:
    """Return the page, or the last one if it is beyond that, and the number of pages."""
    pages = max(ceil(count / per_page), 1)
    return min(page, pages - 1), pages


def _paging(page: int, pages: int, press_for: Callable[[int], BrowsePress | AnswerPress]) -> Row:
    targets = [("‹", page - 1)] * (page > 0) + [("›", page + 1)] * (page < pages - 1)
    return [InlineKeyboardButton(sign, callback_data=_encode(press_for(target))) for sign, target in targets]


def _encode(press: BrowsePress | AnswerPress) -> str:
    if isinstance(press, BrowsePress):
        return encode_browse_press(press)
    return encode_answer_press(press)


_MAX_HEADINGS = 12
_MAX_HEADING_UNITS = 80
_MAX_PLACE_UNITS = 160
_MAX_PLACE_HEADING_UNITS = 60
_ENTITIES_PER_QUOTE = 2


def render_overview(source: Source, overview: Overview, recipient: Recipient) -> Reply:
    """Show the title, the quotes with links to their passages, and the headings as far as they fit.

    In groups, all below the title is collapsed.
    """
    texts = recipient.texts
    if not overview.sentences:
        return text_reply(texts.documents_changed)
    title = isolate_direction(one_line(source.title, MAX_TITLE_UNITS), texts)
    opening = texts.overview_of_table if overview.is_table else texts.overview_opening
    top = bold(title) + f"\n{opening}\n"
    listing = FormattedText()
    for citation in overview.sentences:
        longer = listing + ("\n\n" if listing.text else "") + _quote_and_place(citation, recipient)
        if not _fits(top, longer):
            break
        listing = longer
    headings = _render_headings(overview, source.name, top + listing, recipient)
    body = top + (folded(listing + headings) if recipient.in_group else listing + headings)
    return build_reply(body, _buttons(source, overview, texts, recipient))


def _quote_and_place(citation: Citation, recipient: Recipient) -> FormattedText:
    title, locator = citation.title, citation.locator
    heading = locator.heading or ""
    # A title page has the title once more.
    locator = replace(
        locator, heading=None if heading in title else one_line(heading, _MAX_PLACE_HEADING_UNITS)
    )
    place = one_line(place_text(title, locator, recipient.texts), _MAX_PLACE_UNITS)
    return (
        blockquote(citation)
        + "\n— "
        + linked(place, recipient.link(citation.passage.id, citation.document_name))
    )


def _render_headings(
    overview: Overview, document: str, above: FormattedText, recipient: Recipient
) -> FormattedText:
    """Return the first headings, each a link to the text below it, as far as they fit below the rest."""
    if not overview.headings:
        return FormattedText()
    body = plain(f"\n\n{recipient.texts.overview_headings}")
    more = plain("\n…")
    for count, heading in enumerate(overview.headings):
        line = _heading_line(heading, document, recipient)
        if count == _MAX_HEADINGS or not _fits(above, body + line + more):
            return body + more
        body += line
    return body


def _heading_line(heading: OverviewHeading, document_name: str, recipient: Recipient) -> FormattedText:
    text = isolate_direction(one_line(heading.text, _MAX_HEADING_UNITS), recipient.texts)
    return plain("\n• ") + linked(text, recipient.link(heading.passage_id, document_name))


def _fits(above: FormattedText, below: FormattedText) -> bool:
    entities = len(above.entities) + len(below.entities) + _ENTITIES_PER_QUOTE
    return above.units + below.units <= MAX_MESSAGE_UNITS and entities <= MAX_ENTITIES


def _buttons(source: Source, overview: Overview, texts: Texts, recipient: Recipient) -> list[Row]:
    read = browse_button(texts.read_from_start, BrowsePress(BrowseAction.READ, source.id))
    headings = browse_button(texts.all_headings, BrowsePress(BrowseAction.HEADINGS, source.id))
    return [[read], [*([headings] if overview.headings else []), *file_buttons(source.id, recipient)]]
