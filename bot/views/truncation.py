"""Text cut to a length as Telegram counts it, never within a letter."""

import regex


def units(text: str) -> int:
    """Count as Telegram does, in UTF-16 code units."""
    return len(text) + sum(c > "\uffff" for c in text)


def label(text: str, most: int) -> str:
    """Set a name on one line of at most `most` UTF-16 units; the end gives way, a letter at a time."""
    line = " ".join(text.encode("utf-8", "replace").decode().split())
    return line if units(line) <= most else head(line, most - 1).rstrip() + "…"


def head(text: str, most: int) -> str:
    """Keep the beginning that fits `most` UTF-16 units, never half a letter."""
    if units(text) <= most:
        return text
    room, kept = max(most, 0), 0
    # A letter cut by this slice is too long for the room as well.
    for letter in regex.finditer(r"\X", text[: room + 1]):
        room -= units(letter.group())
        if room < 0:
            break
        kept = letter.end()
    return text[:kept]


def tail(text: str, most: int) -> str:
    """Keep the end that fits `most` UTF-16 units, never half a letter."""
    if units(text) <= most:
        return text
    end = text[-(most + 1) :] if most > 0 else ""
    surplus, letters = units(end) - max(most, 0), regex.finditer(r"\X", end)
    for letter in letters:
        # The first letter may have begun before the slice, so it goes in any case.
        surplus -= units(letter.group())
        if surplus <= 0:
            return end[letter.end() :]
    return ""
