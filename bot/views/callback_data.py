"""What a button carries: all it takes, with the question it is under, to show the next view."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

MOST_BYTES = 64
# Beside words of an earlier question, so much of a passage's id must tell it from others.
SHORT_PASSAGE = 8


class Action(StrEnum):
    QUOTE = "q"
    CONTEXT = "c"
    CLOSEST = "n"
    PLACE = "p"
    PAGE = "g"
    LIST = "l"
    GOOD = "+"
    BAD = "-"


@dataclass(frozen=True, slots=True)
class Origin:
    """How what was asked differs from the question in the chat.

    `corrected` says that it is not that question, but what we suggested instead of it. `earlier` are the
    words of the question before it, which it leans on: the chat does not show them where a button is.
    """

    corrected: bool = False
    earlier: str = ""


AS_WRITTEN = Origin()


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """What to show: the quote of a rank, what stands around it in its passage, or all the closest passages.

    `passage` is the id of the passage the quote was in when the button was made, its beginning, or nothing.
    """

    action: Action
    rank: int = 1
    passage: str = ""
    origin: Origin = AS_WRITTEN


_DATA = re.compile(r"(~?)([qcnpgl+-])([1-9][0-9]?)(?::([A-Za-z0-9_-]{1,32}))?(?: (.+))?", re.DOTALL)
MOST_EARLIER = MOST_BYTES - len("~c99:") - SHORT_PASSAGE - len(" ")


def encode(press: ButtonPress) -> str:
    correction = "~" if press.origin.corrected else ""
    passage = f":{press.passage}" if press.passage else ""
    earlier = f" {press.origin.earlier}" if press.origin.earlier else ""
    return f"{correction}{press.action}{press.rank}{passage}{earlier}"


def decode(data: object) -> ButtonPress | None:
    """Read what comes back from Telegram, which anybody can forge: None for what we never made."""
    found = _DATA.fullmatch(data) if isinstance(data, str) else None
    if found is None:
        return None
    correction, action, rank, passage, earlier = found.groups()
    return ButtonPress(Action(action), int(rank), passage or "", Origin(bool(correction), earlier or ""))


class BrowseView(StrEnum):
    SOURCES = "s"
    HEADINGS = "h"
    READ = "r"
    FILE = "f"
    REMOVE = "x"
    REMOVE_REALLY = "y"


@dataclass(frozen=True, slots=True)
class BrowsePress:
    """A way through the documents: the id of one, and a page or a passage of it, counted from 0."""

    shelf: BrowseView
    document: str = ""
    number: int = 0


_TURN = re.compile(r"@([shrfxy])([A-Za-z0-9_-]{8})?\.(0|[1-9][0-9]{0,7})", re.ASCII)


def encode_browse(turn: BrowsePress) -> str:
    return f"@{turn.shelf}{turn.document}.{turn.number}"


def decode_browse(data: object) -> BrowsePress | None:
    """Read what comes back from Telegram, which anybody can forge: None for what we never made."""
    found = _TURN.fullmatch(data) if isinstance(data, str) else None
    if found is None:
        return None
    shelf, document, number = BrowseView(found[1]), found[2] or "", int(found[3])
    return BrowsePress(shelf, document, number) if bool(document) != (shelf is BrowseView.SOURCES) else None


def carried(words: Iterable[str]) -> str:
    """Join the words that a button has room for, each once, in order; the longest go first, they say most."""
    each: dict[str, str] = {}
    for word in words:
        each.setdefault(word.casefold(), word)
    kept: list[str] = []
    for word in sorted(each.values(), key=len, reverse=True):
        if len(" ".join([*kept, word]).encode()) <= MOST_EARLIER:
            kept.append(word)
    if not kept:
        return "".join(each.values()).encode()[:MOST_EARLIER].decode(errors="ignore")
    return " ".join(word for word in each.values() if word in kept)
