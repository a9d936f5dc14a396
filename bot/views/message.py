"""Messages: who they are for, formatted text and rows of buttons, what a button carries, where a quote is.

Lengths count UTF-16 code units, as Telegram does. Cutting never splits a grapheme cluster. The location of a
quote is its title, heading, and page, lines or another place.

With the question in the chat, the callback data of a button is all that is needed to show the next view.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Self, TypeAlias, TypeVar

import regex

from bot.i18n.texts import Texts
from retrieval.model import Citation, Locator, is_chat_document, shown_name

if TYPE_CHECKING:
    # Slow to import, and the command line only lays out text.
    from telegram import InlineKeyboardButton, InlineKeyboardMarkup, MessageEntity

MAX_TITLE_UNITS = 160
_LEFT_TO_RIGHT_MARK, _RIGHT_TO_LEFT_MARK = "\u200e", "\u200f"
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"


def utf16_length(text: str) -> int:
    """Return the length in UTF-16 code units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def one_line(text: str, max_units: int) -> str:
    """Put a text on one line and cut its end to fit; lone surrogates become question marks."""
    line = " ".join(text.encode("utf-8", "replace").decode().split())
    return line if utf16_length(line) <= max_units else truncate(line, max_units - 1).rstrip() + "…"


def truncate(text: str, max_units: int) -> str:
    """Return the beginning that fits."""
    if utf16_length(text) <= max_units:
        return text
    room, end = max(max_units, 0), 0
    # The slice may split the last grapheme, but that one does not fit anyway.
    for grapheme in regex.finditer(r"\X", text[: room + 1]):
        room -= utf16_length(grapheme.group())
        if room < 0:
            break
        end = grapheme.end()
    return text[:end]


def truncate_start(text: str, max_units: int) -> str:
    """Return the end that fits."""
    if utf16_length(text) <= max_units:
        return text
    end = text[-(max_units + 1) :] if max_units > 0 else ""
    surplus = utf16_length(end) - max(max_units, 0)
    for grapheme in regex.finditer(r"\X", end):
        # The slice may split the first grapheme, so that one is always dropped.
        surplus -= utf16_length(grapheme.group())
        if surplus <= 0:
            return end[grapheme.end() :]
    return ""


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


# Places that are listed for the words of a search.
MAX_PLACES = 50
# A document may have page labels of any length.
_MAX_PAGE_LABEL_UNITS = 20


_QUESTION_END = regex.compile(r"[?？؟⸮][\s\"'”’»)\]]*$")


def question_above(citation: Citation) -> str:
    """Return the heading or title above a quote on one line if it asks, which the quote then answers; or "".

    "No." below a question does not answer another one.
    """
    heading = one_line(citation.locator.heading or citation.title, MAX_TITLE_UNITS)
    is_title = heading == one_line(citation.title, MAX_TITLE_UNITS)
    if not _QUESTION_END.search(heading) or (is_title and _begins_with_title(citation)):
        return ""
    return heading


def citation_location(citation: Citation, texts: Texts) -> str:
    """Return the location of a quote; without the title of a document if that is how the quote begins.

    A text without a heading has its first words as its title.
    """
    return _location_of(citation, citation.locator, texts)


def location_below_question(citation: Citation, texts: Texts) -> str:
    """Return the location of a quote that is shown below the question above it: without that heading."""
    heading = None if question_above(citation) else citation.locator.heading
    return _location_of(citation, replace(citation.locator, heading=heading), texts)


def _location_of(citation: Citation, locator: Locator, texts: Texts) -> str:
    title = "" if _begins_with_title(citation) else citation.title
    return location_text(title, locator, texts) or title_label(shown_name(citation.document_name), texts)


def named_location(citation: Citation, texts: Texts) -> str:
    """Return the location of a quote where its file does not follow: with the name of that, or the title."""
    name = shown_name(citation.document_name) if _begins_with_title(citation) else citation.title
    return location_text(name, citation.locator, texts)


def _begins_with_title(citation: Citation) -> bool:
    opening = citation.title.removesuffix("…")
    return citation.span.start < len(opening) and one_line(citation.quote, MAX_TITLE_UNITS).startswith(
        opening
    )


def location_text(title: str, locator: Locator, texts: Texts) -> str:
    """Return title, heading and page, row or lines on one line; an empty title is dropped."""
    parts = [title_label(title, texts)] if title else []
    return texts.list_separator.join([*parts, *_place(title, locator, texts)])


def place_text(title: str, locator: Locator, texts: Texts) -> str:
    """Return the location without the title, or the title if there is nothing else."""
    return texts.list_separator.join(_place(title, locator, texts)) or title_label(title, texts)


def _place(title: str, locator: Locator, texts: Texts) -> list[str]:
    """Return the heading, and the page, row or lines."""
    parts: list[str] = []
    chapter = locator.label if locator.unit == "chapter" else None
    if chapter and chapter != title:
        parts.append(texts.chapter(title_label(chapter, texts)))
    if locator.heading and locator.heading not in {title, chapter}:
        heading_text = texts.sheet if locator.unit == "row" else texts.under_heading
        path = _heading_path(replace(locator, parent=None) if locator.parent == chapter else locator)
        parts.append(heading_text(title_label(path, texts)))
    return [*parts, *_position(locator, texts), *([texts.scanned] if locator.is_scanned else [])]


def _heading_path(locator: Locator) -> str:
    """Return the heading; a short one after the one above it, as in "2.1 › New features"."""
    heading = locator.heading or ""
    is_short = bool(locator.parent) and len(heading) <= _MAX_SHORT_HEADING_CHARS
    return f"{locator.parent} › {heading}" if is_short else heading


def _position(locator: Locator, texts: Texts) -> list[str]:
    """Return the page or another place; nothing for chapters, which have a name."""
    number = str(locator.page) if locator.label is None else one_line(locator.label, _MAX_PAGE_LABEL_UNITS)
    numbered = {
        "slide": texts.slide,
        "row": texts.row,
        "time": texts.time,
        "cell": texts.cell,
        "record": texts.record,
    }
    if locator.unit in numbered:
        return [numbered[locator.unit](number)]
    if locator.unit == "message":
        words = number.split()
        date = next((word for word in words if "-" in word), "")
        number_in_file = next((word for word in words if word != date), "")
        return [texts.mail(number_in_file, date)] if words else []
    if locator.unit == "chapter":
        return []
    if locator.unit == "paragraph":
        return [texts.paragraph(locator.paragraph)]
    return [texts.lines(locator.line, locator.line_end) if locator.page is None else texts.page(number)]


def heading_line(citation: Citation) -> str:
    """Return the heading of a quote on one line, or an empty string."""
    return one_line(_heading_path(citation.locator), MAX_TITLE_UNITS)


MAX_MESSAGE_UNITS = 4096
MAX_ENTITIES = 100
_MAX_FILE_NAME_UNITS = 200
# "New features" and "Reason 3" are below several headings of a document, longer ones rarely are.
_MAX_SHORT_HEADING_CHARS = 25
# No name has it, and no sentence.
_PLACEHOLDER = "\0"

Row: TypeAlias = "Sequence[InlineKeyboardButton]"


class UploadTarget(Enum):
    """The destination of documents that somebody sends: none, the chat, or the library for everyone."""

    NONE = "none"
    TO_CHAT = "to the chat"
    TO_CHAT_OR_LIBRARY = "to the chat or the library"
    TO_LIBRARY = "to the library"


@dataclass(frozen=True, slots=True)
class Recipient:
    """Language and permissions of a person, and the bot's username for deep links.

    `can_vote`: answers have vote buttons. `has_files`: the files of documents can be sent. `in_group`:
    long replies are collapsed. `group_id` is the chat id of a group that has documents of its own.
    `scope_note` is a line on what was searched, empty if it was everything.
    """

    texts: Texts
    bot_username: str
    can_vote: bool = False
    can_remove: bool = False
    has_files: bool = True
    in_group: bool = False
    group_id: int | None = None
    scope_note: str = ""
    uploads: UploadTarget = UploadTarget.NONE

    def link(self, passage_id: str, document_name: str) -> str:
        """Return a deep link to a passage of a document, which sends `/start` with the passage's id.

        It opens in the private chat with the bot. For a document of a group it names the group, so that the
        bot can check that whoever opens it is a member.
        """
        group = self.group_id if self.group_id is not None and is_chat_document(document_name) else ""
        return f"https://t.me/{self.bot_username}?start={passage_id}{group}"


@dataclass(frozen=True, slots=True)
class FormattedText:
    """A text with its entities; offsets and lengths count UTF-16 units."""

    text: str = ""
    entities: "tuple[MessageEntity, ...]" = ()

    def __add__(self, other: Self | str) -> "FormattedText":
        if isinstance(other, str):
            return FormattedText(self.text + other, self.entities)
        from telegram import MessageEntity  # noqa: PLC0415  # slow to import

        shifted = MessageEntity.shift_entities(self.units, other.entities)
        return FormattedText(self.text + other.text, (*self.entities, *shifted))

    @property
    def units(self) -> int:
        return utf16_length(self.text)


def _entity(kind: str, offset: int, length: int, url: str | None) -> "MessageEntity":
    from telegram import MessageEntity  # noqa: PLC0415  # slow to import

    return MessageEntity(kind, offset, length, url=url)


def plain(text: str) -> FormattedText:
    return FormattedText(text)


def formatted(text: str, kind: str, url: str | None = None) -> FormattedText:
    """Return a text with one entity over all of it; none if it is empty, which Telegram would reject."""
    return FormattedText(text, (_entity(kind, 0, utf16_length(text), url),) if text else ())


def bold(text: str) -> FormattedText:
    return formatted(text, "bold")


def code(text: str) -> FormattedText:
    """Format a file name as code: Telegram would make a link of `readme.md`."""
    return formatted(text, "code")


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
    return formatted(text, "text_link", url)


@dataclass(frozen=True, slots=True)
class Reply:
    """A message to send: the text, its entities and the buttons below it.

    It keeps to Telegram's limits, whatever it is made of: a longer text loses its end, and further entities
    are dropped. Views choose themselves what to shorten, so this is the exception.
    """

    text: str
    entities: "tuple[MessageEntity, ...]" = ()
    keyboard: "InlineKeyboardMarkup | None" = None

    def __post_init__(self) -> None:
        text, entities = self.text, self.entities
        if utf16_length(text) > MAX_MESSAGE_UNITS:
            text = truncate(text, MAX_MESSAGE_UNITS - 1) + "…"
            entities = tuple(_cut_entities(entities, utf16_length(text)))
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "entities", entities[:MAX_ENTITIES])


def _cut_entities(entities: "Iterable[MessageEntity]", end: int) -> "Iterator[MessageEntity]":
    """Yield the parts of entities that are before an offset."""
    for entity in entities:
        if entity.offset + entity.length <= end:
            yield entity
        elif entity.offset < end:
            yield _entity(entity.type, entity.offset, end - entity.offset, entity.url)


def text_reply(text: str) -> Reply:
    return Reply(text)


def build_reply(body: FormattedText, rows: Sequence[Row] = ()) -> Reply:
    """Return a message of a text and rows of buttons; empty rows are dropped."""
    filled = [row for row in rows if row]
    if not filled:
        return Reply(body.text, body.entities)
    from telegram import InlineKeyboardMarkup  # noqa: PLC0415  # slow to import

    return Reply(body.text, body.entities, InlineKeyboardMarkup(filled))


MAX_CALLBACK_DATA_BYTES = 64
# Next to words of an earlier question there is room for only this much of a passage's id.
SHORT_PASSAGE_ID_CHARS = 8


ViewT = TypeVar("ViewT", bound=StrEnum)


class AnswerAction(StrEnum):
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
class AnswerPress:
    """The view or the action, and the rank of the quote that it is for, counted from 1.

    `passage_id` is the id of the quote's passage when the button was made, the beginning of the id, or empty.
    """

    action: AnswerAction
    rank: int = 1
    passage_id: str = ""
    origin: Origin = AS_WRITTEN


_ANSWER_DATA = re.compile(r"(~?)([qcnpgl+-])([1-9][0-9]?)(?::([A-Za-z0-9_-]{1,32}))?(?: (.+))?", re.DOTALL)
MAX_EARLIER_BYTES = MAX_CALLBACK_DATA_BYTES - len("~c99:") - SHORT_PASSAGE_ID_CHARS - len(" ")


def encode_answer_press(press: AnswerPress) -> str:
    correction = "~" if press.origin.corrected else ""
    passage = f":{press.passage_id}" if press.passage_id else ""
    earlier = f" {press.origin.earlier}" if press.origin.earlier else ""
    return f"{correction}{press.action}{press.rank}{passage}{earlier}"


def decode_answer_press(data: object) -> AnswerPress | None:
    """Parse callback data, which anybody can forge; None for what `encode_answer_press` does not make."""
    match = _ANSWER_DATA.fullmatch(data) if isinstance(data, str) else None
    if match is None:
        return None
    correction, action, rank, passage, earlier = match.groups()
    return AnswerPress(
        AnswerAction(action), int(rank), passage or "", Origin(bool(correction), earlier or "")
    )


class BrowseAction(StrEnum):
    """The view or the action of a button in a list of documents or headings."""

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

    action: BrowseAction
    document_id: str = ""
    number: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether a document is given if, and only if, the view needs one."""
        is_list = self.action is BrowseAction.SOURCES or (
            self.action is BrowseAction.OVERVIEW and not self.document_id
        )
        return bool(self.document_id) != is_list


class ChatDocumentAction(StrEnum):
    """The action of a button below the documents of a chat."""

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
class ChatDocumentPress:
    """An action on the documents of a chat: the id of one, or the number of a page of the list from 0."""

    action: ChatDocumentAction
    document_id: str = ""
    number: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether a document is given if, and only if, the action needs one."""
        return bool(self.document_id) == (
            self.action in {ChatDocumentAction.REMOVE, ChatDocumentAction.REMOVE_CONFIRMED}
        )


_BROWSE_SIGN, _CHAT_DOCUMENT_SIGN = "@", "%"
# The sign, a letter for the view, the id of a document if there is one, and a number.
_VIEW_DATA = re.compile(r"([@%])([a-z])([A-Za-z0-9_-]{8})?\.(0|[1-9][0-9]{0,7})", re.ASCII)


def encode_browse_press(press: BrowsePress) -> str:
    return f"{_BROWSE_SIGN}{press.action}{press.document_id}.{press.number}"


def encode_chat_document_press(press: ChatDocumentPress) -> str:
    return f"{_CHAT_DOCUMENT_SIGN}{press.action}{press.document_id}.{press.number}"


def decode_browse_press(data: object) -> BrowsePress | None:
    """Parse callback data, which anybody can forge; None for what `encode_browse_press` does not make."""
    parts = _split_view_data(data, _BROWSE_SIGN, BrowseAction)
    press = BrowsePress(*parts) if parts else None
    return press if press and press.is_complete else None


def decode_chat_document_press(data: object) -> ChatDocumentPress | None:
    """Parse callback data, which anybody can forge; None for what its encoder does not make."""
    parts = _split_view_data(data, _CHAT_DOCUMENT_SIGN, ChatDocumentAction)
    press = ChatDocumentPress(*parts) if parts else None
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


def is_chat_document_data(data: object) -> bool:
    """Return whether callback data belongs to a button below the documents of a chat."""
    return isinstance(data, str) and data.startswith(_CHAT_DOCUMENT_SIGN)


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
