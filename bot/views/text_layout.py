"""Texts that fit into a message: cut, on one line, in either direction of writing; also where a quote is.

Lengths count UTF-16 code units, as Telegram does. Cutting never splits a grapheme cluster. The location of a
quote is its title, heading, and page, lines or another place.
"""

import unicodedata
from dataclasses import replace

import regex

from bot.i18n.messages import Texts
from retrieval.model import Citation, Locator, shown_name

MAX_TITLE_UNITS = 160
_LEFT_TO_RIGHT_MARK, _RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


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


def title_label(name: str, texts: Texts) -> str:
    """Return a title or heading on one line."""
    return isolate_direction(one_line(name, MAX_TITLE_UNITS), texts)


def isolate_direction(name: str, texts: Texts) -> str:
    """Isolate a name, so that neither its direction of writing nor that of the line reorders the other."""
    is_right_to_left = any(unicodedata.bidirectional(letter) in {"R", "AL"} for letter in name)
    if not (is_right_to_left or texts.is_right_to_left):
        return name
    mark = _RIGHT_TO_LEFT_MARK if texts.is_right_to_left else _LEFT_TO_RIGHT_MARK
    return f"{mark}{_FIRST_STRONG_ISOLATE}{name}{_POP_ISOLATE}"


# Places that are listed for the words of a search.
MAX_PLACES = 50
# A document may have page labels of any length.
_MAX_PAGE_LABEL_UNITS = 20


_QUESTION_END = regex.compile(r"[?？؟⸮][\s\"'”’»)\]]*$")


def question_above(citation: Citation) -> str:
    """Return the heading or title above a quote on one line if it asks, which the quote then answers; or "".

    "No." below a question is no answer to another one.
    """
    heading = one_line(citation.locator.heading or citation.title, MAX_TITLE_UNITS)
    is_title = heading == one_line(citation.title, MAX_TITLE_UNITS)
    if not _QUESTION_END.search(heading) or (is_title and _begins_with_title(citation)):
        return ""
    return heading


def citation_location(citation: Citation, texts: Texts) -> str:
    """Return the location of a quote; without the title of a document if that is how the quote begins.

    A text without a heading has its first words as its title.
    """
    return _location_of(citation, citation.locator, texts)


def location_below_question(citation: Citation, texts: Texts) -> str:
    """Return the location of a quote that is shown below the question above it: without that heading."""
    heading = None if question_above(citation) else citation.locator.heading
    return _location_of(citation, replace(citation.locator, heading=heading), texts)


def _location_of(citation: Citation, at: Locator, texts: Texts) -> str:
    title = "" if _begins_with_title(citation) else citation.title
    return location_text(title, at, texts) or title_label(shown_name(citation.document), texts)


def named_location(citation: Citation, texts: Texts) -> str:
    """Return the location of a quote where its file does not follow: with the name of that, or the title."""
    name = shown_name(citation.document) if _begins_with_title(citation) else citation.title
    return location_text(name, citation.locator, texts)


def _begins_with_title(citation: Citation) -> bool:
    opening = citation.title.removesuffix("…")
    return citation.span.start < len(opening) and one_line(citation.quote, MAX_TITLE_UNITS).startswith(
        opening
    )


def location_text(title: str, at: Locator, texts: Texts) -> str:
    """Return title, heading and page, row or lines on one line; an empty title is left out."""
    parts = [title_label(title, texts)] if title else []
    return texts.list_separator.join([*parts, *_place(title, at, texts)])


def place_text(title: str, at: Locator, texts: Texts) -> str:
    """Return the location without the title, or the title if there is nothing else."""
    return texts.list_separator.join(_place(title, at, texts)) or title_label(title, texts)


def _place(title: str, at: Locator, texts: Texts) -> list[str]:
    """Return the heading, and the page, row or lines."""
    parts: list[str] = []
    chapter = at.label if at.unit == "chapter" else None
    if chapter and chapter != title:
        parts.append(texts.chapter(title_label(chapter, texts)))
    if at.heading and at.heading not in {title, chapter}:
        heading_text = texts.sheet if at.unit == "row" else texts.under_heading
        parts.append(heading_text(title_label(at.heading, texts)))
    return [*parts, *_position(at, texts), *([texts.scanned] if at.is_scanned else [])]


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


def heading_line(citation: Citation) -> str:
    """Return the heading of a quote on one line, or an empty string."""
    return one_line(citation.locator.heading or "", MAX_TITLE_UNITS)
