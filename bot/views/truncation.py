"""Cutting texts to fit into a message.

Lengths count UTF-16 code units, as Telegram does. Cutting never splits a grapheme cluster.
"""

import regex


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
