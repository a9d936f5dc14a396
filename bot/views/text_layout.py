"""Texts and names that fit into a message: cut, on one line, whatever their direction of writing.

Lengths count UTF-16 code units, as Telegram does. Cutting never splits a grapheme cluster.
"""

import unicodedata

import regex

from bot.i18n.messages import Texts

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
