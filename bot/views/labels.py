"""Titles, headings and file names on one line, whatever their direction of writing."""

import unicodedata

from bot.i18n.messages import Texts
from bot.views.truncation import one_line

MAX_TITLE_UNITS = 160
_LEFT_TO_RIGHT_MARK, _RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"


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
