"""Loads e-mails (.eml) and mailboxes (.mbox): the headers that matter, the text and the attachments.

Each message of a mailbox is a place of its own.
"""

import binascii
import email
import email.policy
import re
from collections.abc import Iterator
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as Part
from email.utils import parsedate_to_datetime
from functools import partial

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder, title_from_name
from retrieval.loaders.mail.message import Attachment, Email, MailWriter
from retrieval.model import Document

MAX_PARTS = 5000
MAX_DEPTH = 32
_HEADER_ERRORS = (ValueError, LookupError, TypeError, MessageError)
_SHOWN_HEADERS = ("From", "To", "Cc", "Date")
_EXPECTED_HEADERS = (*_SHOWN_HEADERS, "Subject", "Received", "Message-ID", "Content-Type", "MIME-Version")
_UUENCODED = re.compile(r"^begin [0-7]{3,4} (?P<name>\S.*)\n(?P<lines>(?:[ -`]{1,61}\n)+)end$", re.MULTILINE)
_FLOWED_BREAK = re.compile(r"(?<=\S) \n(?![>\n])")
MAX_MESSAGES = 50_000
_FROM_LINE = re.compile(rb"(?:\A\s*|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]*\r?\n")
_ESCAPED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


def load(data: bytes, name: str) -> Document:
    """Load an .eml or .mbox file; its title is the subject, and it is labelled by its date.

    A message of an .mbox file is labelled by its number and date, too. One that cannot be read is left out,
    unless it is the only one.
    """
    if is_mailbox(name):
        return _load_mailbox(data, name)
    messages = list(read_messages(data, name))
    if not messages:
        raise DocumentError(name, "has no headers of an e-mail, such as From and Subject; save it again")
    builder = DocumentBuilder(name)
    writer = MailWriter(builder, name)
    for message in messages:
        writer.add(message, message.date)
    return builder.build(messages[0].subject or title_from_name(name), unit="message")


def _load_mailbox(data: bytes, name: str) -> Document:
    builder = DocumentBuilder(name)
    writer = MailWriter(builder, name)
    count = 0
    problem = DocumentError(name, "has no line that begins with `From ` before a message; save it again")
    for number, part in enumerate(split_messages(data), 1):
        if number > MAX_MESSAGES:
            raise DocumentError(
                name, f"has more than {MAX_MESSAGES} messages; split it", kind=ProblemKind.TOO_LARGE
            )
        try:
            for message in read_messages(part, name):
                writer.add(message, f"{number} {message.date}".strip())
                count += 1
        except DocumentError as error:
            problem = error
    if not count:
        raise problem
    return builder.build(title_from_name(name), unit="message")


def is_mailbox(name: str) -> bool:
    """Return whether a file's name ends as that of a mailbox does."""
    return name.lower().endswith(".mbox")


def split_messages(data: bytes) -> Iterator[bytes]:
    """Yield the messages of a mailbox without their `From ` lines."""
    lines = list(_FROM_LINE.finditer(data))
    ends = [line.start() for line in lines] + [len(data)]
    for line, end in zip(lines, ends[1:], strict=True):
        yield _ESCAPED_FROM.sub(rb"\1", data[line.end() : end])


def read_messages(data: bytes, name: str) -> Iterator[Email]:
    """Yield a message and those attached to it; none if the bytes have no headers of an e-mail."""
    try:
        root = email.message_from_bytes(data, policy=email.policy.compat32)
        if any(header in root for header in _EXPECTED_HEADERS):
            yield from _messages(root, name)
    except RecursionError:
        raise DocumentError(name, "has parts nested too deep; save its attachments on their own") from None
    except _HEADER_ERRORS:
        raise DocumentError(name, "has damaged headers; save it again") from None


def _messages(root: Part, name: str) -> Iterator[Email]:
    reader = _PartReader(name)
    text, html = reader.read(root, 0)
    headers = [(header, _header(root, header)) for header in _SHOWN_HEADERS]
    subject = _header(root, "Subject")
    yield Email(subject, _date(root), headers, text, html, reader.attachments)
    for inner in reader.messages:
        yield from _messages(inner, name)


class _PartReader:
    """Collects the text of a message, its attachments, and the messages attached to it."""

    def __init__(self, name: str) -> None:
        self.attachments: list[Attachment] = []
        self.messages: list[Part] = []
        self._name = name
        self._parts = 0

    def read(self, part: Part, depth: int) -> tuple[str, str]:
        """Return the plain text and the HTML of a part. Raises DocumentError for too many or deep parts."""
        self._parts += 1
        if self._parts > MAX_PARTS or depth > MAX_DEPTH:
            raise DocumentError(self._name, "has too many parts; save its attachments on their own")
        kind = part.get_content_type()
        if part.is_multipart():
            inner = [child for child in part.get_payload() if isinstance(child, Part)]
            if kind == "message/rfc822":
                self.messages += inner
                return "", ""
            return self._join(inner, kind, depth)
        filename = _filename(part)
        disposition = part.get_content_disposition()
        is_text = kind in {"text/plain", "text/html"} or (kind.startswith("text/") and not filename)
        if disposition == "attachment" or not is_text:
            is_inline = disposition == "inline" or "Content-ID" in part
            self.attachments.append(Attachment(filename, kind, partial(_payload, part), is_inline))
            return "", ""
        text = self._decode(part)
        return ("", text) if kind == "text/html" else (self._without_files(text), "")

    def _without_files(self, text: str) -> str:
        """Return a text without the files in it, as programs before MIME attached them."""
        self.attachments += [
            Attachment(file["name"], "application/octet-stream", partial(_uudecode, file["lines"]))
            for file in _UUENCODED.finditer(text)
        ]
        return _UUENCODED.sub("", text)

    def _join(self, parts: list[Part], kind: str, depth: int) -> tuple[str, str]:
        both = [self.read(part, depth + 1) for part in parts]
        texts = [text for text, _ in both if text.strip()]
        pages = [page for _, page in both if page.strip()]
        if kind == "multipart/alternative":
            return (texts[0], "") if texts else ("", pages[0] if pages else "")
        return "\n\n".join(texts), "\n".join(pages)

    def _decode(self, part: Part) -> str:
        text = _text(_payload(part), self._name, part.get_content_charset())
        if str(part.get_param("format", "")).lower() == "flowed":
            text = _FLOWED_BREAK.sub(" ", text)
        return text


def _text(data: bytes, name: str, charset: str | None = None) -> str:
    """Return the text that bytes hold; what cannot be decoded is replaced."""
    try:
        return decode(data, name, charset)
    except DocumentError:
        return data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\0", "")


def _payload(part: Part) -> bytes:
    """Return the decoded bytes of a part, none for one that only holds others."""
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _uudecode(lines: str) -> bytes:
    try:
        return b"".join(map(binascii.a2b_uu, lines.splitlines()))
    except binascii.Error:
        return b""


def _header(part: Part, name: str) -> str:
    """Return a header as people see it; as it is if its encoding is broken."""
    value = next((given for key, given in part.raw_items() if key.lower() == name.lower()), None)
    if value is None:
        return ""
    # Bytes that are not ASCII are held as lone surrogates.
    value = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        shown = str(make_header(decode_header(value)))
    except _HEADER_ERRORS:
        shown = str(value)
    return " ".join(shown.encode("utf-8", "replace").decode().split())


def _filename(part: Part) -> str:
    for header in ("Content-Disposition", "Content-Type"):
        raw = next((str(value) for key, value in part.raw_items() if key.lower() == header.lower()), "")
        if any("\udc80" <= letter <= "\udcff" for letter in raw):
            # Bytes that are not ASCII, held as lone surrogates.
            part.replace_header(header, _text(raw.encode("utf-8", "surrogateescape"), ""))
    try:
        name = part.get_filename() or ""
        shown = str(make_header(decode_header(name)))
    except _HEADER_ERRORS:
        return ""
    return " ".join(shown.encode("utf-8", "replace").decode().split())


def _date(part: Part) -> str:
    try:
        return parsedate_to_datetime(str(part.get("Date", ""))).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
