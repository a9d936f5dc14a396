"""Where a quote stands, or might, in words: the same in a message and in the terminal."""

import unicodedata
from dataclasses import dataclass

from bot.letters import label
from bot.questions import is_one_word
from bot.texts import Texts
from retrieval.model import Answer, Locator

MOST_TITLE = 160
_MOST_SUGGESTION = 1000
_MOST_NEAR = 3
_TO_RIGHT, _TO_LEFT = "\u200e", "\u200f"
# A page's own number is as the document gives it.
_MOST_LABEL = 16
# What is less likely than this to hold the answer is not worth a look.
_WORTH_A_LOOK = 0.1


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no quote, and the corrected question, on one line, if there is one."""

    text: str
    suggestion: str | None = None


def place(title: str, at: Locator, texts: Texts) -> str:
    """Give title, heading, and whatever people count in such a document, on one line."""
    parts = [_name(title, texts)]
    chapter = at.label if at.unit == "chapter" else None
    if chapter and chapter != title:
        parts.append(texts.chapter(_name(chapter, texts)))
    if at.heading and at.heading not in {title, chapter}:
        under = texts.sheet if at.unit == "row" else texts.under
        parts.append(under(_name(at.heading, texts)))
    return texts.comma.join([*parts, *_count(at, texts)])


def _count(at: Locator, texts: Texts) -> list[str]:
    """Give the number of the page, row, paragraph or lines; a chapter has its name."""
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
    """Say why a question has no answer, and which headings are nearest; nothing else of the documents."""
    near = _near(found)
    text = f"{_why(found, texts)}\n\n{texts.perhaps_under(near)}" if near else _why(found, texts)
    helps = can_suggest and found.suggestion and not is_one_word(found.suggestion)
    return Refusal(text, label(found.suggestion, _MOST_SUGGESTION) if helps and found.suggestion else None)


def _why(found: Answer, texts: Texts) -> str:
    if found.asks_nothing:
        return texts.nothing_asked
    return texts.one_word if is_one_word(found.question) else texts.declined


def _near(found: Answer) -> list[str]:
    if found.confidence < _WORTH_A_LOOK:
        return []
    headings = (citation.locator.heading or "" for citation in found.citations)
    shown = dict.fromkeys(label(heading, MOST_TITLE) for heading in headings)
    return [heading for heading in shown if heading][:_MOST_NEAR]
