"""What a button under an answer carries: all it takes, with the question, to show the next view."""

import re
from dataclasses import dataclass
from enum import StrEnum

MOST_BYTES = 64


class Action(StrEnum):
    QUOTE = "q"
    CONTEXT = "c"
    PLACE = "p"


@dataclass(frozen=True, slots=True)
class Press:
    """What to show: the quote of a rank, or what stands around it in its passage.

    `corrected` says that the question is not the one in the chat, but what we suggested instead of it.
    `passage` is the id of the passage the quote was in when the button was made, or nothing.
    """

    action: Action
    rank: int = 1
    passage: str = ""
    corrected: bool = False


_DATA = re.compile(r"(~?)([qcp])([1-9][0-9]?)(?::([A-Za-z0-9_-]{1,32}))?")


def encode(press: Press) -> str:
    correction = "~" if press.corrected else ""
    passage = f":{press.passage}" if press.passage else ""
    return f"{correction}{press.action}{press.rank}{passage}"


def decode(data: object) -> Press | None:
    """Read what comes back from Telegram, which anybody can forge: None for what we never made."""
    found = _DATA.fullmatch(data) if isinstance(data, str) else None
    if found is None:
        return None
    correction, action, rank, passage = found.groups()
    return Press(Action(action), int(rank), passage or "", corrected=bool(correction))
