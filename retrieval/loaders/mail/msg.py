"""Loads e-mails saved by Outlook (.msg) with python-oxmsg. Other programs give .eml files this suffix."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import oxmsg

from retrieval.errors import DocumentError
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder, title_from_name
from retrieval.loaders.mail import eml
from retrieval.loaders.mail.message import Email, MailWriter
from retrieval.model.document import Document

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_DAMAGED = "is damaged; save it again in Outlook"


def load(data: bytes, name: str) -> Document:
    """Load a .msg file; its title is the subject, and it is labelled by its date."""
    if not data.startswith(_OLE):
        return eml.load(data, name)
    try:
        source = oxmsg.Message.load(io.BytesIO(data))
    except Exception:  # noqa: BLE001  # its parser raises all kinds of errors on damaged files
        raise DocumentError(name, _DAMAGED) from None
    subject = _clean(_value(lambda: source.subject, ""))
    sent = _value(lambda: source.sent_date, None)
    sender = _clean(_value(lambda: source.sender, ""))
    recipients = [_recipient(person) for person in _value(lambda: list(source.recipients), [])]
    headers = [
        ("From", sender),
        ("To", ", ".join(filter(None, recipients))),
        ("Date", sent.strftime("%Y-%m-%d %H:%M") if sent else ""),
    ]
    attachments = [
        _clean(_value(partial(getattr, file, "file_name"), ""))
        for file in _value(lambda: list(source.attachments), [])
    ]
    text = _value(lambda: source.body, "") or ""
    page = _value(lambda: source.html_body, "") or ""
    message = Email(
        subject,
        sent.date().isoformat() if sent else "",
        headers,
        _text(text, name),
        _text(page, name),
        [attachment for attachment in attachments if attachment],
    )
    builder = DocumentBuilder(name)
    MailWriter(builder, name).add(message, message.date)
    return builder.build(subject or title_from_name(name), unit="message")


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
