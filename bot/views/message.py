"""Messages: formatted text joined from pieces, entities in UTF-16 offsets, and rows of buttons."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Self

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity

from bot.views.truncation import units

MOST_UNITS = 4096
MOST_ENTITIES = 100


@dataclass(frozen=True, slots=True)
class TextEntity:
    """A formatting of characters `start` to `end` (excluded); `kind` is a type of MessageEntity."""

    kind: str
    start: int
    end: int
    url: str | None = None


@dataclass(frozen=True, slots=True)
class FormattedText:
    text: str = ""
    marks: tuple[TextEntity, ...] = ()

    def __add__(self, other: Self | str) -> "FormattedText":
        if isinstance(other, str):
            return FormattedText(self.text + other, self.marks)
        base = len(self.text)
        shifted = tuple(TextEntity(m.kind, base + m.start, base + m.end, m.url) for m in other.marks)
        return FormattedText(self.text + other.text, self.marks + shifted)

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


def plain(text: str) -> FormattedText:
    return FormattedText(text)


def marked(kind: str, text: str) -> FormattedText:
    return FormattedText(text, (TextEntity(kind, 0, len(text)),) if text else ())


def code(text: str) -> FormattedText:
    """Set a file name so that Telegram makes no link of it, as it would of `readme.md`."""
    return marked(MessageEntity.CODE, text)


def linked(text: str, url: str) -> FormattedText:
    return FormattedText(text, (TextEntity(MessageEntity.TEXT_LINK, 0, len(text), url),))


Row = Sequence[InlineKeyboardButton]


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    entities: tuple[MessageEntity, ...] = ()
    keyboard: InlineKeyboardMarkup | None = None


def notice(text: str) -> Reply:
    return Reply(text)


def compose(shown: FormattedText, rows: Sequence[Row] = ()) -> Reply:
    """Make a message of text and rows of buttons; empty rows are left out."""
    filled = [row for row in rows if row]
    entities = shown.entities()[:MOST_ENTITIES]
    return Reply(shown.text, entities, InlineKeyboardMarkup(filled) if filled else None)
