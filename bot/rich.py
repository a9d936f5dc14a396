"""Text with formatting, glued from pieces; offsets are counted in characters until Telegram wants its own."""

from dataclasses import dataclass
from itertools import accumulate
from typing import Self

from telegram import MessageEntity

from bot.letters import units

MOST_UNITS = 4096
MOST_ENTITIES = 100


@dataclass(frozen=True, slots=True)
class Mark:
    """A formatting of characters `start` to `end` (excluded); `kind` is a type of MessageEntity."""

    kind: str
    start: int
    end: int
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Rich:
    text: str = ""
    marks: tuple[Mark, ...] = ()

    def __add__(self, other: Self | str) -> "Rich":
        if isinstance(other, str):
            return Rich(self.text + other, self.marks)
        base = len(self.text)
        shifted = tuple(Mark(m.kind, base + m.start, base + m.end, m.url) for m in other.marks)
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
            MessageEntity(m.kind, places[m.start], places[m.end] - places[m.start], url=m.url)
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


def linked(text: str, url: str) -> Rich:
    return Rich(text, (Mark(MessageEntity.TEXT_LINK, 0, len(text), url),))
