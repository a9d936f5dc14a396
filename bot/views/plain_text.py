"""Plain text of messages and the terminal: cutting to length, locations of quotes, reasons of refusals.

Lengths count UTF-16 code units, as Telegram does. Cutting never splits a grapheme cluster.
"""

import unicodedata
from dataclasses import dataclass

import regex

from bot.i18n.messages import Texts
from retrieval.ids import shown_name
from retrieval.model import Answer, Citation, Locator
from retrieval.quotes.quote_selection import shorten

MAX_TITLE_UNITS = 160
MAX_CLOSEST_PASSAGES = 3
_MAX_SHORT_QUOTE_CHARS = 200
_MAX_SUGGESTION_UNITS = 1000
_MAX_NEAR_HEADINGS = 3
# A document may have page labels of any length.
_MAX_PAGE_LABEL_UNITS = 20
_LEFT_TO_RIGHT_MARK, _RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}\u200c\u200d'’-]*")
_UNSPACED = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}"
    r"\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]"
)
# In scripts without spaces between words, a word rarely has more letters and a question rarely has fewer.
_MAX_UNSPACED_WORD_CHARS = 3


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def one_line(text: str, max_units: int) -> str:
    """Put a text on one line and cut its end to fit; lone surrogates become question marks."""
    line = " ".join(text.encode("utf-8", "replace").decode().split())
    return line if utf16_length(line) <= max_units else truncate(line, max_units - 1).rstrip() + "…"


def truncate(text: str, max_units: int) -> str:
    """Return the beginning that fits."""
    if utf16_length(text) <= max_units:
        return text
    room, end = max(max_units, 0), 0
    # The slice may split the last grapheme, but that one does not fit anyway.
    for grapheme in regex.finditer(r"\X", text[: room + 1]):
        room -= utf16_length(grapheme.group())
        if room < 0:
            break
        end = grapheme.end()
    return text[:end]


def truncate_start(text: str, max_units: int) -> str:
    """Return the end that fits."""
    if utf16_length(text) <= max_units:
        return text
    end = text[-(max_units + 1) :] if max_units > 0 else ""
    surplus = utf16_length(end) - max(max_units, 0)
    for grapheme in regex.finditer(r"\X", end):
        # The slice may split the first grapheme, so that one is always dropped.
        surplus -= utf16_length(grapheme.group())
        if surplus <= 0:
            return end[grapheme.end() :]
    return ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no quote, citations with different headings that may help, and a corrected spelling."""

    text: str
    near: tuple[Citation, ...] = ()
    suggestion: str | None = None


def citation_location(citation: Citation, texts: Texts) -> str:
    """Return the location of a quote; without the title of a document if that is how the quote begins.

    A text without a heading has its first words as its title.
    """
    opening = citation.title.removesuffix("…")
    is_opening = citation.span.start < len(opening) and one_line(citation.quote, MAX_TITLE_UNITS).startswith(
        opening
    )
    return location_text("" if is_opening else citation.title, citation.locator, texts) or _isolated_label(
        shown_name(citation.document), texts
    )


def location_text(title: str, at: Locator, texts: Texts) -> str:
    """Return title, heading and page, row or lines on one line; an empty title is left out."""
    parts = [_isolated_label(title, texts)] if title else []
    return texts.list_separator.join([*parts, *_place(title, at, texts)])


def place_text(title: str, at: Locator, texts: Texts) -> str:
    """Return the location without the title, or the title if there is nothing else."""
    return texts.list_separator.join(_place(title, at, texts)) or _isolated_label(title, texts)


def _place(title: str, at: Locator, texts: Texts) -> list[str]:
    """Return the heading, and the page, row or lines."""
    parts: list[str] = []
    chapter = at.label if at.unit == "chapter" else None
    if chapter and chapter != title:
        parts.append(texts.chapter(_isolated_label(chapter, texts)))
    if at.heading and at.heading not in {title, chapter}:
        heading_text = texts.sheet if at.unit == "row" else texts.under_heading
        parts.append(heading_text(_isolated_label(at.heading, texts)))
    return [*parts, *_position(at, texts)]


def _position(at: Locator, texts: Texts) -> list[str]:
    """Return the page or another place; nothing for chapters, which have a name."""
    number = str(at.page) if at.label is None else one_line(at.label, _MAX_PAGE_LABEL_UNITS)
    numbered = {
        "slide": texts.slide,
        "row": texts.row,
        "time": texts.time,
        "cell": texts.cell,
        "record": texts.record,
    }
    if at.unit in numbered:
        return [numbered[at.unit](number)]
    if at.unit == "message":
        words = number.split()
        date = next((word for word in words if "-" in word), "")
        number_in_file = next((word for word in words if word != date), "")
        return [texts.mail(number_in_file, date)] if words else []
    if at.unit == "chapter":
        return []
    if at.unit == "paragraph":
        return [texts.paragraph(at.paragraph)]
    return [texts.lines(at.line, at.line_end) if at.page is None else texts.page(number)]


def _isolated_label(name: str, texts: Texts) -> str:
    return isolate_direction(one_line(name, MAX_TITLE_UNITS), texts)


def isolate_direction(name: str, texts: Texts) -> str:
    """Isolate a name, so that neither its direction of writing nor that of the line reorders the other."""
    is_right_to_left = any(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in name)
    if not (is_right_to_left or texts.is_right_to_left):
        return name
    mark = _RIGHT_TO_LEFT_MARK if texts.is_right_to_left else _LEFT_TO_RIGHT_MARK
    return f"{mark}{_FIRST_STRONG_ISOLATE}{name}{_POP_ISOLATE}"


def explain_refusal(answer: Answer, texts: Texts, *, can_suggest: bool = True) -> Refusal:
    """Return why a question has no answer, near headings and a suggestion, but no text of the documents."""
    suggestion = None
    if can_suggest and answer.suggestion and not is_one_word(answer.suggestion):
        suggestion = one_line(answer.suggestion, _MAX_SUGGESTION_UNITS)
    return Refusal(_reason(answer, texts), _near(answer), suggestion)


def heading_line(citation: Citation) -> str:
    """Return the heading of a quote on one line, or an empty string."""
    return one_line(citation.locator.heading or "", MAX_TITLE_UNITS)


def closest_quotes(answer: Answer) -> tuple[Citation, ...]:
    """Return the closest passages, best first, each with a short quote where it has one."""
    return tuple(
        shorten(citation, _MAX_SHORT_QUOTE_CHARS) for citation in answer.citations[:MAX_CLOSEST_PASSAGES]
    )


def _reason(answer: Answer, texts: Texts) -> str:
    if answer.asks_nothing:
        return texts.nothing_asked
    return texts.one_word_question if is_one_word(answer.question) else texts.no_answer


def _near(answer: Answer) -> tuple[Citation, ...]:
    """Return the best citation of each heading that has a word of the question, at most three."""
    if answer.asks_nothing:
        return ()
    by_heading: dict[str, Citation] = {}
    for citation in answer.citations:
        if citation.highlights:
            by_heading.setdefault(heading_line(citation), citation)
    return tuple(citation for name, citation in by_heading.items() if name)[:_MAX_NEAR_HEADINGS]


def is_one_word(text: str) -> bool:
    words = _WORD.findall(text)
    return len(words) == 1 and len(_UNSPACED.findall(words[0])) <= _MAX_UNSPACED_WORD_CHARS
