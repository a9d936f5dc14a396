"""Views of the documents of a chat: their list, what is asked, and the questions before a change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Literal

from telegram import InlineKeyboardButton

from bot.i18n.texts import Texts
from bot.views.answers import browse_button
from bot.views.message import (
    BrowseAction,
    BrowsePress,
    ChatDocumentAction,
    ChatDocumentPress,
    FormattedText,
    Recipient,
    Reply,
    Row,
    about_file,
    build_reply,
    encode_chat_document_press,
    file_name,
    isolate_direction,
    one_line,
    plain,
    text_reply,
)

_DOCUMENTS_PER_PAGE = 8
_MAX_PERSON_UNITS = 60
_MAX_BUTTON_UNITS = 40
_SCOPES = {
    "both": ChatDocumentAction.ASK_BOTH,
    "own": ChatDocumentAction.ASK_OWN,
    "library": ChatDocumentAction.ASK_LIBRARY,
}


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A document of a chat as listed: `id` is empty while it is still being read. `added` is POSIX time.

    `page` is that of the list of documents which has the first one of an archive, None for other files.
    """

    id: str
    name: str
    bytes: int
    added: float
    person: str
    page: int | None = None


def render_list(  # noqa: PLR0913  # what the list shows
    documents: Sequence[ListedDocument],
    scope: Literal["both", "own", "library"],
    page: int,
    recipient: Recipient,
    *,
    can_change: bool,
    has_library: bool,
) -> Reply:
    """List the documents of a chat with buttons to read and remove each, and to choose what is asked."""
    texts = recipient.texts
    if not documents:
        return text_reply(texts.no_own_documents_in_group if recipient.in_group else texts.no_own_documents)
    pages = ceil(len(documents) / _DOCUMENTS_PER_PAGE)
    page = min(page, pages - 1)
    first = page * _DOCUMENTS_PER_PAGE
    body = plain(texts.own_document_count(len(documents)) + "\n")
    rows: list[Row] = []
    for number, document in enumerate(documents[first : first + _DOCUMENTS_PER_PAGE], first + 1):
        body += plain(f"\n{number}. ") + _describe(document, recipient)
        if document.id:
            rows.append(_document_buttons(number, document, texts, can_change=can_change))
    targets = [("‹", page - 1)] * (page > 0) + [("›", page + 1)] * (page < pages - 1)
    rows.append(
        [_button(sign, ChatDocumentPress(ChatDocumentAction.LIST, number=target)) for sign, target in targets]
    )
    if can_change and has_library:
        body += f"\n\n{texts.scope_question}"
        rows += _scope_buttons(scope, texts)
    elif note := scope_note(scope, texts):
        body += f"\n\n{note}"
    if can_change:
        rows.append([_button(texts.forget_all, ChatDocumentPress(ChatDocumentAction.FORGET))])
    return build_reply(body, rows)


def _describe(document: ListedDocument, recipient: Recipient) -> FormattedText:
    texts = recipient.texts
    name = file_name(document.name, texts)
    if not document.id:
        return name + f" · {texts.still_reading}"
    added = datetime.fromtimestamp(document.added, UTC).date().isoformat()
    parts = ["", texts.file_size(ceil(document.bytes / 1024)), added]
    if recipient.in_group and document.person:
        person = isolate_direction(one_line(document.person, _MAX_PERSON_UNITS), texts)
        parts.append(texts.added_by(person))
    return name + " · ".join(parts)


def _document_buttons(
    number: int, document: ListedDocument, texts: Texts, *, can_change: bool
) -> list[InlineKeyboardButton]:
    title = f"{number}. {one_line(document.name, _MAX_BUTTON_UNITS)}"
    press = BrowsePress(BrowseAction.HEADINGS, document.id)
    if document.page is not None:
        press = BrowsePress(BrowseAction.SOURCES, number=document.page)
    buttons = [browse_button(title, press)]
    if can_change:
        buttons.append(
            _button(texts.remove_document, ChatDocumentPress(ChatDocumentAction.REMOVE, document.id))
        )
    return buttons


def _scope_buttons(scope: str, texts: Texts) -> list[Row]:
    """Return a button for each choice of what is asked; the current one has a mark."""
    labels = {"both": texts.scope_both, "own": texts.scope_own, "library": texts.scope_library}
    return [
        [_button(("✓ " if name == scope else "") + label, ChatDocumentPress(_SCOPES[name]))]
        for name, label in labels.items()
    ]


def scope_note(scope: str, texts: Texts) -> str:
    """Return a line that names what was searched; empty if that was everything."""
    return {"own": texts.searched_own, "library": texts.searched_library}.get(scope, "")


def render_removal(document: ListedDocument, texts: Texts) -> Reply:
    """Ask for confirmation before a document is deleted."""
    rows = [
        [
            _button(
                texts.removal_confirmed, ChatDocumentPress(ChatDocumentAction.REMOVE_CONFIRMED, document.id)
            )
        ],
        [_button(texts.removal_cancelled, ChatDocumentPress(ChatDocumentAction.LIST))],
    ]
    return build_reply(about_file(texts.confirm_removal, document.name, texts), rows)


def render_forgetting(count: int, texts: Texts) -> Reply:
    """Ask for confirmation before all documents of a chat are deleted."""
    rows = [
        [_button(texts.forgetting_confirmed, ChatDocumentPress(ChatDocumentAction.FORGET_CONFIRMED))],
        [_button(texts.forgetting_cancelled, ChatDocumentPress(ChatDocumentAction.LIST))],
    ]
    return build_reply(plain(texts.confirm_forgetting(count)), rows)


def render_replacement(name: str, texts: Texts) -> Reply:
    """Ask whether a document replaces the one of the same name."""
    rows = [
        [_button(texts.replacement_confirmed, ChatDocumentPress(ChatDocumentAction.REPLACE))],
        [_button(texts.replacement_cancelled, ChatDocumentPress(ChatDocumentAction.KEEP))],
    ]
    return build_reply(about_file(texts.confirm_replacement, name, texts), rows)


def render_destination(name: str, texts: Texts) -> Reply:
    """Ask an admin whether a document belongs to the chat or to the library."""
    rows = [
        [_button(texts.to_this_chat, ChatDocumentPress(ChatDocumentAction.ADD_HERE))],
        [_button(texts.to_the_library, ChatDocumentPress(ChatDocumentAction.ADD_TO_LIBRARY))],
    ]
    return build_reply(about_file(texts.confirm_library, name, texts), rows)


def document_not_added(name: str, reason: str, texts: Texts) -> FormattedText:
    """Return the text for a document that was rejected, with the reason."""
    return about_file(lambda file_name: texts.document_not_added(file_name, reason), name, texts)


def _button(text: str, press: ChatDocumentPress) -> InlineKeyboardButton:
    return InlineKeyboardButton(text, callback_data=encode_chat_document_press(press))
