"""Messages: who they are for, formatted text joined from parts, rows of buttons, and what a button carries.

With the question in the chat, the callback data of a button is all that is needed to show the next view.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Self, TypeVar

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity

from bot.i18n.messages import Texts
from bot.views.text_layout import isolate_direction, one_line, truncate, utf16_length
from retrieval.model import is_own

MAX_MESSAGE_UNITS = 4096
MAX_ENTITIES = 100
_MAX_FILE_NAME_UNITS = 200
# No name has it, and no sentence.
_PLACEHOLDER = "\0"

Row = Sequence[InlineKeyboardButton]


class Uploads(Enum):
    """Where the documents go that somebody sends: nowhere, to the chat, or to the library for everyone."""

    NONE = "none"
    TO_CHAT = "to the chat"
    TO_CHAT_OR_LIBRARY = "to the chat or the library"
    TO_LIBRARY = "to the library"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Language and permissions of a person, and the bot's username for deep links.

    `can_vote`: answers have vote buttons. `has_files`: the files of documents can be sent. `in_group`:
    long replies are collapsed. `group` is the chat id of a group that has documents of its own. `scope_note`
    is a line on what was searched, empty if it was everything.
    """

    texts: Texts
    bot_username: str
    can_vote: bool = False
    can_remove: bool = False
    has_files: bool = True
    in_group: bool = False
    group: int | None = None
    scope_note: str = ""
    uploads: Uploads = Uploads.NONE

    def link(self, passage: str, document: str) -> str:
        """Return a deep link to a passage of a document, which sends `/start` with the passage's id.

        It opens in the private chat with the bot. For a document of a group it names the group, so that the
        bot can check that whoever opens it is a member.
        """
        group = self.group if self.group is not None and is_own(document) else ""
        return f"https://t.me/{self.bot_username}?start={passage}{group}"


@dataclass(frozen=True, slots=True)
class FormattedText:
    """A text with its entities; offsets and lengths count UTF-16 units."""

    text: str = ""
    entities: tuple[MessageEntity, ...] = ()

    def __add__(self, other: Self | str) -> "FormattedText":
        if isinstance(other, str):
            return FormattedText(self.text + other, self.entities)
        shifted = MessageEntity.shift_entities(self.units, other.entities)
        return FormattedText(self.text + other.text, (*self.entities, *shifted))

    @property
    def units(self) -> int:
        return utf16_length(self.text)


def plain(text: str) -> FormattedText:
    return FormattedText(text)


def formatted(text: str, kind: str, url: str | None = None) -> FormattedText:
    """Return a text with one entity over all of it; none if it is empty, which Telegram would refuse."""
    return FormattedText(text, (MessageEntity(kind, 0, utf16_length(text), url=url),) if text else ())


def bold(text: str) -> FormattedText:
    return formatted(text, MessageEntity.BOLD)


def code(text: str) -> FormattedText:
    """Format a file name as code: Telegram would make a link of `readme.md`."""
    return formatted(text, MessageEntity.CODE)


def file_name(name: str, texts: Texts) -> FormattedText:
    """Return the name of a file on one line, as code; "Document" if it has none."""
    line = one_line(name, _MAX_FILE_NAME_UNITS)
    if not line:
        return plain(texts.document)
    before, _, after = isolate_direction(line, texts).partition(line)
    return plain(before) + code(line) + after


def about_file(sentence: Callable[[str], str], name: str, texts: Texts) -> FormattedText:
    """Return a sentence with the name of a file in it; `sentence` takes the name."""
    before, _, after = sentence(_PLACEHOLDER).partition(_PLACEHOLDER)
    return plain(before) + file_name(name, texts) + after


def linked(text: str, url: str) -> FormattedText:
    return formatted(text, MessageEntity.TEXT_LINK, url)


@dataclass(frozen=True, slots=True)
class Reply:
    """A message to send: the text, its entities and the buttons below it.

    It keeps to Telegram's limits, whatever it is made of: a longer text loses its end, and further entities
    are left out. Views choose themselves what to shorten, so this is the exception.
    """

    text: str
    entities: tuple[MessageEntity, ...] = ()
    keyboard: InlineKeyboardMarkup | None = None

    def __post_init__(self) -> None:
        text, entities = self.text, self.entities
        if utf16_length(text) > MAX_MESSAGE_UNITS:
            text = truncate(text, MAX_MESSAGE_UNITS - 1) + "…"
            entities = tuple(_cut_entities(entities, utf16_length(text)))
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "entities", entities[:MAX_ENTITIES])


def _cut_entities(entities: Iterable[MessageEntity], end: int) -> Iterator[MessageEntity]:
    """Yield the parts of entities that are before an offset."""
    for entity in entities:
        if entity.offset + entity.length <= end:
            yield entity
        elif entity.offset < end:
            yield MessageEntity(entity.type, entity.offset, end - entity.offset, url=entity.url)


def text_reply(text: str) -> Reply:
    return Reply(text)


def build_reply(body: FormattedText, rows: Sequence[Row] = ()) -> Reply:
    """Return a message of a text and rows of buttons; empty rows are left out."""
    filled = [row for row in rows if row]
    keyboard = InlineKeyboardMarkup(filled) if filled else None
    return Reply(body.text, body.entities, keyboard)


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


def encode_press(press: ButtonPress) -> str:
    correction = "~" if press.origin.corrected else ""
    passage = f":{press.passage}" if press.passage else ""
    earlier = f" {press.origin.earlier}" if press.origin.earlier else ""
    return f"{correction}{press.action}{press.rank}{passage}{earlier}"


def decode_press(data: object) -> ButtonPress | None:
    """Parse callback data, which anybody can forge; None for anything that `encode_press` does not make."""
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
