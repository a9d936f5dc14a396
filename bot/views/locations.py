"""Locations of quotes and the content of refusals, as text for messages and the terminal."""

import unicodedata
from dataclasses import dataclass

from bot.i18n.messages import Texts
from bot.telegram.message_parsing import is_one_word
from bot.views.truncation import one_line
from retrieval.model import Answer, Citation, Locator
from retrieval.quotes.quote_selection import shorten

MAX_TITLE_UNITS = 160
MAX_CLOSEST = 3
_MAX_SHORT_QUOTE_CHARS = 200
_MAX_SUGGESTION_UNITS = 1000
_MAX_NEAR_HEADINGS = 3
# A document may have page labels of any length.
_MAX_PAGE_LABEL_UNITS = 16
_LEFT_TO_RIGHT_MARK, _RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no quote, citations with different headings that may help, and a corrected spelling."""

    text: str
    near: tuple[Citation, ...] = ()
    suggestion: str | None = None


def location_text(title: str, at: Locator, texts: Texts) -> str:
    """Return title, heading and page, row or lines on one line."""
    parts = [_isolated_label(title, texts)]
    chapter = at.label if at.unit == "chapter" else None
    if chapter and chapter != title:
        parts.append(texts.chapter(_isolated_label(chapter, texts)))
    if at.heading and at.heading not in {title, chapter}:
        heading_text = texts.sheet if at.unit == "row" else texts.under
        parts.append(heading_text(_isolated_label(at.heading, texts)))
    return texts.comma.join([*parts, *_position(at, texts)])


def _position(at: Locator, texts: Texts) -> list[str]:
    """Return the page, slide, row, paragraph or lines; nothing for chapters, which have a name."""
    number = str(at.page) if at.label is None else one_line(at.label, _MAX_PAGE_LABEL_UNITS)
    if at.unit == "slide":
        return [texts.slide(number)]
    if at.unit == "row":
        return [texts.row(number)]
    if at.unit == "chapter":
        return []
    if at.unit == "paragraph":
        return [texts.paragraph(at.paragraph)]
    return [texts.lines(at.line, at.line_end) if at.page is None else texts.page(number)]


def _isolated_label(name: str, texts: Texts) -> str:
    return isolate(one_line(name, MAX_TITLE_UNITS), texts)


def isolate(name: str, texts: Texts) -> str:
    """Isolate a name, so that neither its direction of writing nor that of the line reorders the other."""
    is_right_to_left = any(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in name)
    if not (is_right_to_left or texts.is_right_to_left):
        return name
    mark = _RIGHT_TO_LEFT_MARK if texts.is_right_to_left else _LEFT_TO_RIGHT_MARK
    return f"{mark}{_FIRST_STRONG_ISOLATE}{name}{_POP_ISOLATE}"


def refusal(answer: Answer, texts: Texts, *, can_suggest: bool = True) -> Refusal:
    """Return why a question has no answer, near headings and a suggestion, but no text of the documents."""
    suggestion = None
    if can_suggest and answer.suggestion and not is_one_word(answer.suggestion):
        suggestion = one_line(answer.suggestion, _MAX_SUGGESTION_UNITS)
    return Refusal(_reason(answer, texts), _near(answer), suggestion)


def heading(citation: Citation) -> str:
    """Return the heading of a quote on one line, or an empty string."""
    return one_line(citation.locator.heading or "", MAX_TITLE_UNITS)


def closest(answer: Answer) -> tuple[Citation, ...]:
    """Return the closest passages, best first, each with a short quote where it has one."""
    return tuple(shorten(citation, _MAX_SHORT_QUOTE_CHARS) for citation in answer.citations[:MAX_CLOSEST])


def _reason(answer: Answer, texts: Texts) -> str:
    if answer.asks_nothing:
        return texts.nothing_asked
    return texts.one_word if is_one_word(answer.question) else texts.declined


def _near(answer: Answer) -> tuple[Citation, ...]:
    """Return the best citation of each heading, at most three."""
    if answer.asks_nothing:
        return ()
    by_heading: dict[str, Citation] = {}
    for citation in answer.citations:
        by_heading.setdefault(heading(citation), citation)
    return tuple(citation for name, citation in by_heading.items() if name)[:_MAX_NEAR_HEADINGS]
