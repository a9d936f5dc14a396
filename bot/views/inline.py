"""Results of inline queries: quotes to choose from while somebody types; and replies to guest queries."""

from telegram import InlineQueryResultArticle, InputTextMessageContent, LinkPreviewOptions

from bot.views.answers import quote_and_source
from bot.views.message import Recipient, Reply, build_reply, named_location, one_line, utf16_length
from retrieval.model import Answer, Citation

# The parameter of `/start` that shows the help.
HELP_LINK = "help"
MAX_RESULTS = 50
_RESULTS_PER_PAGE = 10
_MAX_TITLE_UNITS = 80
_MAX_DESCRIPTION_UNITS = 120


def render_results(answer: Answer, first: int, recipient: Recipient) -> list[InlineQueryResultArticle]:
    """Return a page of quotes from offset `first`; each sends itself and its source.

    The titles of an unsure answer say that it is unsure.
    """
    if answer.certainty == "none":
        return []
    page = answer.citations[first : first + _RESULTS_PER_PAGE]
    # A scan that is hard to read is not quoted, and here no button can show its page.
    return [
        _quote_article(citation, recipient, is_sure=answer.answered)
        for citation in page
        if citation.is_legible
    ]


def _quote_article(citation: Citation, recipient: Recipient, *, is_sure: bool) -> InlineQueryResultArticle:
    location = named_location(citation, recipient.texts)
    title = one_line(citation.quote, _MAX_TITLE_UNITS)
    if not is_sure:
        room = _MAX_TITLE_UNITS - utf16_length(recipient.texts.inline_unsure(""))
        title = recipient.texts.inline_unsure(one_line(citation.quote, room))
    return build_article(
        build_reply(quote_and_source(citation, recipient)),
        name=f"{citation.rank}-{citation.passage.id}",
        title=title,
        description=one_line(location, _MAX_DESCRIPTION_UNITS),
    )


def build_article(
    reply: Reply, *, name: str, title: str, description: str | None = None
) -> InlineQueryResultArticle:
    content = InputTextMessageContent(
        reply.text,
        entities=reply.entities or None,
        link_preview_options=LinkPreviewOptions(is_disabled=True),
    )
    return InlineQueryResultArticle(name, title or "…", content, description=description)


def parse_offset(offset: str) -> int:
    """Parse the offset of an inline query, which anybody can forge; 0 if it is invalid."""
    is_valid = offset.isascii() and offset.isdigit() and len(offset) <= len(str(MAX_RESULTS))
    return min(int(offset), MAX_RESULTS) if is_valid else 0


def next_offset(answer: Answer, first: int) -> str:
    """Return the offset of the next page, or an empty string after the last."""
    after = first + _RESULTS_PER_PAGE
    return str(after) if answer.certainty != "none" and after < len(answer.citations) else ""
