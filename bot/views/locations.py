"""Where a quote stands, or might, in words: the same in a message and in the terminal."""

import unicodedata
from dataclasses import dataclass

from bot.i18n.messages import Texts
from bot.telegram.message_parsing import is_one_word
from bot.views.truncation import label
from retrieval.model import Answer, Citation, Locator
from retrieval.quotes.quote_selection import shorten

MOST_TITLE = 160
MOST_CLOSEST = 3
_SHORT_QUOTE = 200
_MOST_SUGGESTION = 1000
_MOST_NEAR = 3
_TO_RIGHT, _TO_LEFT = "\u200e", "\u200f"
# A page's own number is as the document gives it.
_MOST_LABEL = 16


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no quote, the nearest places, and the corrected question, on one line, if there is one.

    Each of `near` stands under another heading, which `heading` names.
    """

    text: str
    near: tuple[Citation, ...] = ()
    suggestion: str | None = None


def location_text(title: str, at: Locator, texts: Texts) -> str:
    """Return title, heading and page, row or lines on one line."""
    parts = [_name(title, texts)]
    chapter = at.label if at.unit == "chapter" else None
    if chapter and chapter != title:
        parts.append(texts.chapter(_name(chapter, texts)))
    if at.heading and at.heading not in {title, chapter}:
        under = texts.sheet if at.unit == "row" else texts.under
        parts.append(under(_name(at.heading, texts)))
    return texts.comma.join([*parts, *_count(at, texts)])


def _count(at: Locator, texts: Texts) -> list[str]:
    """Return the number of the page, row, paragraph or lines, or the name of the chapter."""
    number = str(at.page) if at.label is None else label(at.label, _MOST_LABEL)
    if at.unit == "slide":
        return [texts.slide(number)]
    if at.unit == "row":
        return [texts.row(number)]
    if at.unit == "chapter":
        return []
    if at.unit == "paragraph":
        return [texts.paragraph(at.paragraph)]
    return [texts.lines(at.line, at.line_end) if at.page is None else texts.page(number)]


def _name(name: str, texts: Texts) -> str:
    return isolated(label(name, MOST_TITLE), texts)


def isolated(name: str, texts: Texts) -> str:
    """Keep a name from turning the line that it stands in, and the line from turning the name."""
    runs_left = any(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in name)
    if not (runs_left or texts.runs_left):
        return name
    return f"{_TO_LEFT if texts.runs_left else _TO_RIGHT}\u2068{name}\u2069"


def refusal(found: Answer, texts: Texts, *, can_suggest: bool = True) -> Refusal:
    """Return why a question has no answer, and which headings are nearest; nothing else of the documents."""
    helps = can_suggest and found.suggestion and not is_one_word(found.suggestion)
    suggestion = label(found.suggestion, _MOST_SUGGESTION) if helps and found.suggestion else None
    return Refusal(_why(found, texts), _near(found), suggestion)


def heading(citation: Citation) -> str:
    """Return the heading that a quote stands under, on one line; nothing where there is none."""
    return label(citation.locator.heading or "", MOST_TITLE)


def closest(found: Answer) -> tuple[Citation, ...]:
    """Return the closest passages, the best first, each with a short quote where it has one."""
    return tuple(shorten(citation, _SHORT_QUOTE) for citation in found.citations[:MOST_CLOSEST])


def _why(found: Answer, texts: Texts) -> str:
    if found.asks_nothing:
        return texts.nothing_asked
    return texts.one_word if is_one_word(found.question) else texts.declined


def _near(found: Answer) -> tuple[Citation, ...]:
    if found.asks_nothing:
        return ()
    nearest: dict[str, Citation] = {}
    for citation in found.citations:
        nearest.setdefault(heading(citation), citation)
    return tuple(citation for name, citation in nearest.items() if name)[:_MOST_NEAR]
