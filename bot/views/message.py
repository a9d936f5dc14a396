"""Messages: who they are for, formatted text joined from parts, and rows of buttons."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Self

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
