"""Text with formatting, glued from pieces; offsets are counted in characters until Telegram wants its own."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Self

import regex
from telegram import MessageEntity

MOST_UNITS = 4096
MOST_ENTITIES = 100


def units(text: str) -> int:
    """Count as Telegram does, in UTF-16 code units."""
    return len(text) + sum(c > "\uffff" for c in text)


@dataclass(frozen=True, slots=True)
class Mark:
    """A formatting of characters `start` to `end` (excluded); `kind` is a type of MessageEntity."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rich:
    text: str = ""
    marks: tuple[Mark, ...] = ()

    def __add__(self, other: Self | str) -> "Rich":
        if isinstance(other, str):
            return Rich(self.text + other, self.marks)
        base = len(self.text)
        shifted = tuple(Mark(m.kind, base + m.start, base + m.end) for m in other.marks)
        return Rich(self.text + other.text, self.marks + shifted)

    @property
    def units(self) -> int:
        return units(self.text)

    def entities(self) -> tuple[MessageEntity, ...]:
        """Convert to what is sent, without the marks of nothing."""
        if self.text.isascii():
            places = list(range(len(self.text) + 1))
        else:
            widths = (2 if character > "\uffff" else 1 for character in self.text)
            places = list(accumulate(widths, initial=0))
        return tuple(
            MessageEntity(m.kind, places[m.start], places[m.end] - places[m.start])
            for m in self.marks
            if m.end > m.start
        )


def plain(text: str) -> Rich:
    return Rich(text)


def marked(kind: str, text: str) -> Rich:
    return Rich(text, (Mark(kind, 0, len(text)),) if text else ())


def code(text: str) -> Rich:
    """Set a file name so that Telegram makes no link of it, as it would of `readme.md`."""
    return marked(MessageEntity.CODE, text)


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
