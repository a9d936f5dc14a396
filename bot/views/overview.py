"""Overviews of a document: quotes in its order, each with its place, and the headings of a long one."""

from dataclasses import replace

from bot.i18n.messages import Texts
from bot.views.answers import blockquote, browse_button, file_buttons, folded
from bot.views.message import (
    MAX_ENTITIES,
    MAX_MESSAGE_UNITS,
    MAX_TITLE_UNITS,
    BrowseAction,
    BrowsePress,
    FormattedText,
    Recipient,
    Reply,
    Row,
    bold,
    build_reply,
    isolate_direction,
    linked,
    one_line,
    place_text,
    plain,
    text_reply,
)
from retrieval.model import Citation, Source
from retrieval.overview import Overview, OverviewHeading

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
    title, at = citation.title, citation.locator
    heading = at.heading or ""
    # A title page has the title once more.
    at = replace(at, heading=None if heading in title else one_line(heading, _MAX_PLACE_HEADING_UNITS))
    place = one_line(place_text(title, at, recipient.texts), _MAX_PLACE_UNITS)
    return (
        blockquote(citation) + "\n— " + linked(place, recipient.link(citation.passage.id, citation.document))
    )


def _render_headings(
    overview: Overview, document: str, above: FormattedText, recipient: Recipient
) -> FormattedText:
    """Return the first headings, each a link to the text below it, as far as they fit below the rest."""
    if not overview.headings:
        return FormattedText()
    body = plain(f"\n\n{recipient.texts.overview_headings}")
    more = plain("\n…")
    for shown, heading in enumerate(overview.headings):
        line = _heading_line(heading, document, recipient)
        if shown == _MAX_HEADINGS or not _fits(above, body + line + more):
            return body + more
        body += line
    return body


def _heading_line(heading: OverviewHeading, document: str, recipient: Recipient) -> FormattedText:
    text = isolate_direction(one_line(heading.text, _MAX_HEADING_UNITS), recipient.texts)
    return plain("\n• ") + linked(text, recipient.link(heading.passage, document))


def _fits(above: FormattedText, below: FormattedText) -> bool:
    entities = len(above.entities) + len(below.entities) + _ENTITIES_PER_QUOTE
    return above.units + below.units <= MAX_MESSAGE_UNITS and entities <= MAX_ENTITIES


def _buttons(source: Source, overview: Overview, texts: Texts, recipient: Recipient) -> list[Row]:
    read = browse_button(texts.read_from_start, BrowsePress(BrowseAction.READ, source.id))
    headings = browse_button(texts.all_headings, BrowsePress(BrowseAction.HEADINGS, source.id))
    return [[read], [*([headings] if overview.headings else []), *file_buttons(source.id, recipient)]]
