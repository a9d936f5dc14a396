"""Callback data of buttons. With the question in the chat, it is all that is needed to show the next view."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

MAX_CALLBACK_DATA_BYTES = 64
# Next to words of an earlier question there is room for only this much of a passage's id.
SHORT_PASSAGE_ID_CHARS = 8


ViewT = TypeVar("ViewT", bound=StrEnum)


class Action(StrEnum):
    QUOTE = "q"
    SURROUNDING_TEXT = "c"
    CLOSEST = "n"
    POSITION = "p"
    PAGE_PICTURE = "g"
    PLACES = "l"
    VOTE_UP = "+"
    VOTE_DOWN = "-"


@dataclass(frozen=True, slots=True)
class Origin:
    """How the question that was answered differs from the one in the chat.

    `corrected`: it is the suggested spelling of that question. `earlier`: words of the previous question, on
    which a follow-up depends; the message above the button does not show them.
    """

    corrected: bool = False
    earlier: str = ""


AS_WRITTEN = Origin()


@dataclass(frozen=True, slots=True)
class ButtonPress:
    """What to show, and for the quote of which rank, counted from 1.

    `passage` is the id of the quote's passage when the button was made, the beginning of the id, or empty.
    """

    action: Action
    rank: int = 1
    passage: str = ""
    origin: Origin = AS_WRITTEN


_BUTTON_DATA = re.compile(r"(~?)([qcnpgl+-])([1-9][0-9]?)(?::([A-Za-z0-9_-]{1,32}))?(?: (.+))?", re.DOTALL)
MAX_EARLIER_BYTES = MAX_CALLBACK_DATA_BYTES - len("~c99:") - SHORT_PASSAGE_ID_CHARS - len(" ")


def encode(press: ButtonPress) -> str:
    correction = "~" if press.origin.corrected else ""
    passage = f":{press.passage}" if press.passage else ""
    earlier = f" {press.origin.earlier}" if press.origin.earlier else ""
    return f"{correction}{press.action}{press.rank}{passage}{earlier}"


def decode(data: object) -> ButtonPress | None:
    """Parse callback data, which anybody can forge; None for anything that `encode` does not make."""
    match = _BUTTON_DATA.fullmatch(data) if isinstance(data, str) else None
    if match is None:
        return None
    correction, action, rank, passage, earlier = match.groups()
    return ButtonPress(Action(action), int(rank), passage or "", Origin(bool(correction), earlier or ""))


class BrowseView(StrEnum):
    """What a button in a list of documents or headings shows or does."""

    SOURCES = "s"
    HEADINGS = "h"
    READ = "r"
    FILE = "f"
    REMOVE = "x"
    REMOVE_CONFIRMED = "y"
    OVERVIEW = "o"


@dataclass(frozen=True, slots=True)
class BrowsePress:
    """A view of the documents: the id of one, and the number of a page or passage, counted from 0.

    An overview without a document is the list to choose one from.
    """

    view: BrowseView
    document: str = ""
    number: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether it has a document exactly if the view is of one."""
        is_list = self.view is BrowseView.SOURCES or (self.view is BrowseView.OVERVIEW and not self.document)
        return bool(self.document) != is_list


class OwnView(StrEnum):
    """What a button below the documents of a chat does."""

    LIST = "m"
    REMOVE = "x"
    REMOVE_CONFIRMED = "y"
    ASK_BOTH = "b"
    ASK_OWN = "o"
    ASK_LIBRARY = "l"
    FORGET = "f"
    FORGET_CONFIRMED = "g"
    REPLACE = "r"
    KEEP = "k"
    ADD_HERE = "h"
    ADD_TO_LIBRARY = "p"


@dataclass(frozen=True, slots=True)
class OwnPress:
    """An action on the documents of a chat: the id of one, or the number of a page of the list from 0."""

    view: OwnView
    document: str = ""
    number: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether it has a document exactly if the action is on one."""
        return bool(self.document) == (self.view in {OwnView.REMOVE, OwnView.REMOVE_CONFIRMED})


_BROWSE_SIGN, _OWN_SIGN = "@", "%"
# The sign, a letter for the view, the id of a document if there is one, and a number.
_VIEW_DATA = re.compile(r"([@%])([a-z])([A-Za-z0-9_-]{8})?\.(0|[1-9][0-9]{0,7})", re.ASCII)


def encode_browse(press: BrowsePress) -> str:
    return f"{_BROWSE_SIGN}{press.view}{press.document}.{press.number}"


def encode_own(press: OwnPress) -> str:
    return f"{_OWN_SIGN}{press.view}{press.document}.{press.number}"


def decode_browse(data: object) -> BrowsePress | None:
    """Parse callback data, which anybody can forge; None for anything that `encode_browse` does not make."""
    parts = _split_view_data(data, _BROWSE_SIGN, BrowseView)
    press = BrowsePress(*parts) if parts else None
    return press if press and press.is_complete else None


def decode_own(data: object) -> OwnPress | None:
    """Parse callback data, which anybody can forge; None for anything that `encode_own` does not make."""
    parts = _split_view_data(data, _OWN_SIGN, OwnView)
    press = OwnPress(*parts) if parts else None
    return press if press and press.is_complete else None


def _split_view_data(data: object, sign: str, views: type[ViewT]) -> tuple[ViewT, str, int] | None:
    """Return the view, the id of the document and the number."""
    match = _VIEW_DATA.fullmatch(data) if isinstance(data, str) else None
    if match is None or match[1] != sign or match[2] not in set(views):
        return None
    return views(match[2]), match[3] or "", int(match[4])


def is_browse_data(data: object) -> bool:
    """Return whether callback data belongs to a button in lists of documents and headings."""
    return isinstance(data, str) and data.startswith(_BROWSE_SIGN)


def is_own_data(data: object) -> bool:
    """Return whether callback data belongs to a button below the documents of a chat."""
    return isinstance(data, str) and data.startswith(_OWN_SIGN)


def fit_words(words: Iterable[str]) -> str:
    """Join distinct words, in order, as far as callback data has room.

    Longer words are preferred: they are more specific. If none fits, return the beginning of the words.
    """
    distinct: dict[str, str] = {}
    for word in words:
        distinct.setdefault(word.casefold(), word)
    chosen: list[str] = []
    for word in sorted(distinct.values(), key=len, reverse=True):
        if len(" ".join([*chosen, word]).encode()) <= MAX_EARLIER_BYTES:
            chosen.append(word)
    if not chosen:
        return "".join(distinct.values()).encode()[:MAX_EARLIER_BYTES].decode(errors="ignore")
    return " ".join(word for word in distinct.values() if word in chosen)
