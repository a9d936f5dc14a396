"""A message to be sent, and how pieces become one."""

from collections.abc import Sequence
from dataclasses import dataclass

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity

from bot.rich import MOST_ENTITIES, Rich

Row = Sequence[InlineKeyboardButton]


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    entities: tuple[MessageEntity, ...] = ()
    keyboard: InlineKeyboardMarkup | None = None


def notice(text: str) -> Reply:
    return Reply(text)


def compose(shown: Rich, rows: Sequence[Row] = ()) -> Reply:
    """Make a message of text and rows of buttons; empty rows are left out."""
    filled = [row for row in rows if row]
    entities = shown.entities()[:MOST_ENTITIES]
    return Reply(shown.text, entities, InlineKeyboardMarkup(filled) if filled else None)
