"""Loads e-mails saved by Outlook (.msg) with python-oxmsg. Other programs give .eml files this suffix."""

import io
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import oxmsg
import oxmsg.attachment
from olefile import OleFileIO
from oxmsg.domain.constants import PID_ATTACH_CONTENT_ID, PID_ATTACH_FILENAME
from oxmsg.properties import Properties
from oxmsg.storage import Storage

from retrieval.errors import DocumentError
from retrieval.loaders import mail
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder, title_from_name
from retrieval.loaders.mail import Attachment, Email, MailWriter, named_files
from retrieval.loaders.zip_archive import OLE
from retrieval.model import Document

_NO_FILE = "is not a file but an object of Outlook or a link; save it next to the message"
# A storage in that of an attachment, instead of its bytes.
_ATTACHED_MESSAGE = "__substg1.0_3701000D"
_ATTACHED_HEADER_BYTES = 24
_DAMAGED = "is damaged; save it again in Outlook"


def load(data: bytes, name: str) -> Document:
    """Load a .msg file; its title is the subject, and it is labelled by its date."""
    if not data.startswith(OLE):
        return mail.load(data, name)
    messages = read_messages(data, name)
    builder = DocumentBuilder(name)
    writer = MailWriter(builder, name)
    for message in messages:
        writer.add(message, message.date)
    return builder.build(messages[0].subject or title_from_name(name), unit="message")


def read_messages(data: bytes, name: str) -> list[Email]:
    """Return the message in a file of Outlook, and those attached to it. Raises DocumentError."""
    try:
        with OleFileIO(io.BytesIO(data)) as file:
            root = Storage.from_ole(file)
    except Exception:  # noqa: BLE001  # its parser raises all kinds of errors on damaged files
        raise DocumentError(name, _DAMAGED) from None
    return list(_messages(root, oxmsg.Message(root), name))


def read_attachments(data: bytes, name: str) -> dict[str, Attachment]:
    """Return the files attached to a .msg or .eml file, and to mails attached to it, by their names.

    Raises DocumentError.
    """
    read = read_messages if data.startswith(OLE) else mail.read_messages
    return named_files(attachment for message in read(data, name) for attachment in message.attachments)


class _AttachedMessage(oxmsg.Message):
    """A message within another one: its properties have a shorter header."""

    def __init__(self, storage: Storage) -> None:
        super().__init__(storage)
        self._own = Properties(storage, properties_header_offset=_ATTACHED_HEADER_BYTES)

    @property
    def properties(self) -> Properties:
        return self._own


def _messages(storage: Storage, source: oxmsg.Message, name: str) -> Iterator[Email]:
    attached: list[Storage] = []
    attachments: list[Attachment] = []
    for inner in storage.iter_attachment_storages():
        message = next((part for part in inner.storages if part.name == _ATTACHED_MESSAGE), None)
        if message is None:
            attachments.append(_attachment(oxmsg.attachment.Attachment(inner)))
        else:
            attached.append(message)
    yield _email(source, attachments, name)
    for message in attached:
        yield from _messages(message, _AttachedMessage(message), name)


def _email(source: oxmsg.Message, attachments: Sequence[Attachment], name: str) -> Email:
    subject = _clean(_value(lambda: source.subject, ""))
    sent = _value(lambda: source.sent_date, None)
    sender = _clean(_value(lambda: source.sender, ""))
    recipients = [_recipient(person) for person in _value(lambda: list(source.recipients), [])]
    headers = [
        ("From", sender),
        ("To", ", ".join(filter(None, recipients))),
        ("Date", sent.strftime("%Y-%m-%d %H:%M") if sent else ""),
    ]
    text = _value(lambda: source.body, "") or ""
    page = _value(lambda: source.html_body, "") or ""
    return Email(
        subject,
        sent.date().isoformat() if sent else "",
        headers,
        _text(text, name),
        _text(page, name),
        attachments,
    )


def _attachment(file: Any) -> Attachment:
    name = _clean(_value(partial(getattr, file, "file_name"), ""))
    has_bytes = _value(lambda: file.file_bytes, None) is not None
    return Attachment(
        name or _clean(_value(lambda: file.properties.str_prop_value(PID_ATTACH_FILENAME), "")),
        _clean(_value(partial(getattr, file, "mime_type"), "")),
        partial(_value, partial(getattr, file, "file_bytes"), b""),
        bool(_value(lambda: file.properties.str_prop_value(PID_ATTACH_CONTENT_ID), "")),
        "" if has_bytes else _NO_FILE,
    )


def _value(read: Callable[[], Any], default: Any) -> Any:
    """Return a property, or the default if its part of the file is damaged."""
    try:
        value = read()
    except Exception:  # noqa: BLE001  # as above
        return default
    return default if value is None else value


def _recipient(person: Any) -> str:
    name = _clean(_value(lambda: person.name, ""))
    address = _clean(_value(lambda: person.email_address, ""))
    return name if not address or address == name else f"{name} <{address}>".strip()


def _text(value: str | bytes, name: str) -> str:
    try:
        text = decode(value, name) if isinstance(value, bytes) else value
    except DocumentError:
        return ""
    return (
        text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").encode("utf-8", "replace").decode()
    )


def _clean(text: str) -> str:
    return " ".join(text.replace("\0", " ").encode("utf-8", "replace").decode().split())
