"""Quotes to choose from while somebody types in any chat, and for those who call the bot in as a guest."""

from telegram import InlineQueryResultArticle, InputTextMessageContent, LinkPreviewOptions

from bot.views.locations import location_text
from bot.views.message import Reply, compose
from bot.views.quotes import cited
from bot.views.truncation import label, units
from bot.views.viewer import Viewer
from retrieval.model import Answer, Citation

# What `/start` takes to say how all this works.
HELP_LINK = "help"
A_PAGE = 10
MOST = 50
_MOST_TITLE = 80
_MOST_DESCRIPTION = 120


def results(found: Answer, first: int, viewer: Viewer) -> list[InlineQueryResultArticle]:
    """Offer a page of quotes, each of which sends itself and its source; those not sure to answer say so."""
    if found.certainty == "none":
        return []
    shown = found.citations[first : first + A_PAGE]
    return [_article(citation, viewer, is_sure=found.answered) for citation in shown]


def _article(citation: Citation, viewer: Viewer, *, is_sure: bool) -> InlineQueryResultArticle:
    standing = location_text(citation.title, citation.locator, viewer.texts)
    title = label(citation.quote, _MOST_TITLE)
    if not is_sure:
        room = _MOST_TITLE - units(viewer.texts.inline_unsure(""))
        title = viewer.texts.inline_unsure(label(citation.quote, room))
    return article(
        compose(cited(citation, viewer)),
        name=f"{citation.rank}-{citation.passage.id}",
        title=title,
        description=label(standing, _MOST_DESCRIPTION),
    )


def article(
    reply: Reply, *, name: str, title: str, description: str | None = None
) -> InlineQueryResultArticle:
    content = InputTextMessageContent(
        reply.text,
        entities=reply.entities or None,
        link_preview_options=LinkPreviewOptions(is_disabled=True),
    )
    return InlineQueryResultArticle(name, title or "…", content, description=description)


def first_of(offset: str) -> int:
    """Read where a page begins; what we never gave out begins at the first."""
    known = offset.isascii() and offset.isdigit() and len(offset) < len(str(MOST)) + 1
    return min(int(offset), MOST) if known else 0


def offset_after(found: Answer, first: int) -> str:
    """Say where the next page begins, or nothing after the last."""
    after = first + A_PAGE
    return str(after) if found.certainty != "none" and after < len(found.citations) else ""
