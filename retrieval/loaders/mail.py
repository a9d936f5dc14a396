"""E-mails (.eml) and mailboxes (.mbox): headers, what was written, each quotation once, and attachments.

Each message of a mailbox is a place of its own.
"""

import binascii
import email
import email.policy
import mimetypes
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as Part
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import PurePosixPath

import regex

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder, title_from_name
from retrieval.loaders.html.html import extract_all_blocks, parse_html
from retrieval.loaders.text.plain_text import find_paragraphs
from retrieval.model import SHOWN_MAIL_HEADERS, Document

_QUOTED_LINE = regex.compile(r"(?:[ \t]*[>|](?=[\s>|]|\S))+ ?")
_QUOTE_MARK = regex.compile(r"[ \t]*>")
# The line that introduces a quotation: `On Monday, Ida Falk <ida@example.org> wrote:` in any language.
_ATTRIBUTION = regex.compile(
    r".*(?:\d|@|\bwrote\b|schrieb|écrit|escribió|пишет|пише|yazdı|写道|كتب).*[:：]\s*"
)
_MAX_ATTRIBUTION_LINES = 3
# From here on, programs repeat the earlier messages without marks.
_HISTORY = regex.compile(
    r"\s*(?:-{2,}\s*(?:Original Message|Original-Nachricht|Ursprüngliche Nachricht|Message d'origine|"
    r"Mensaje original|Forwarded message|Weitergeleitete Nachricht|Исходное сообщение|Orijinal Mesaj|"
    r"原始邮件)\s*-{2,}|Begin forwarded message:|_{20,})\s*",
    regex.IGNORECASE,
)
_HEADER_LINE = regex.compile(r"\s*\*?(?:From|Von|De|От|Від|Kimden|发件人|من)\s*:\*?\s*\S.*", regex.IGNORECASE)
_SECOND_HEADER_LINE = regex.compile(
    r"\s*\*?(?:Sent|Date|To|Gesendet|Datum|An|Enviado|Fecha|Para|Envoyé|À|Дата|Отправлено|Кому|Gönderildi|"
    r"Tarih|Kime|发送时间|收件人|Cc|Subject)\s*:\*?\s*\S.*",
    regex.IGNORECASE,
)
_QUOTED_ELEMENTS = (
    "blockquote[type=cite], .gmail_quote, .yahoo_quoted, .moz-cite-prefix, .moz-forward-container"
)
# Pictures within the text that are smaller are logos and signatures; scans and photos of pages are larger.
_MAX_INLINE_PICTURE_BYTES = 100 * 1024
_MAX_NAME_BYTES = 200
_MAX_SUFFIX_CHARS = 12
_UNNAMED = "attachment"
# Control and format characters, surrogates, and line and paragraph separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Not the types of the machine: names must be the same on all.
_TYPES = mimetypes.MimeTypes()
# Types that it lacks in some versions of Python.
_SUFFIXES = {
    "application/rtf": ".rtf",
    "application/vnd.ms-outlook": ".msg",
    "application/vnd.oasis.opendocument.presentation": ".odp",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "image/jpeg": ".jpg",
    "message/rfc822": ".eml",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "text/rtf": ".rtf",
}
_WITHOUT_TEXT = frozenset({"application/octet-stream", "application/ms-tnef"})


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file attached to an e-mail: its name, "" without one, its MIME type, and a function that decodes it.

    `is_inline` means that it may be shown within the text. `problem` is why it cannot be read, if so.
    """

    name: str
    kind: str
    read: Callable[[], bytes]
    is_inline: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Email:
    """An e-mail. `date` is as in ISO 8601 or "", `headers` are names and values, as they are shown."""

    subject: str
    date: str
    headers: Sequence[tuple[str, str]]
    text: str = ""
    html: str = ""
    attachments: Sequence[Attachment] = ()


@dataclass(slots=True)
class _Parts:
    """Paragraphs in order, each with whether it is quoted from another message."""

    paragraphs: list[tuple[str, bool]] = field(default_factory=list)

    def ordered(self) -> Iterator[tuple[str, bool]]:
        """Yield the own paragraphs before the quoted ones, unless the message answers quote by quote."""
        changes = [quoted for number, (_, quoted) in enumerate(self.paragraphs) if self._begins_run(number)]
        is_between = sum(not quoted for quoted in changes[1:]) > 1 or changes[:4] == [
            False,
            True,
            False,
            True,
        ]
        yield from self.paragraphs if is_between else sorted(self.paragraphs, key=lambda part: part[1])

    def _begins_run(self, number: int) -> bool:
        return number == 0 or self.paragraphs[number - 1][1] != self.paragraphs[number][1]


class MailWriter:
    """Adds messages to a builder. What one quotes from those before it is dropped."""

    def __init__(self, builder: DocumentBuilder, name: str) -> None:
        self._builder = builder
        self._name = name
        self._seen: set[str] = set()

    def add(self, message: Email, label: str) -> None:
        """Add a message. Raises DocumentError when its HTML would take too long to parse."""
        self._builder.begin_page(label)
        self._builder.add_heading(message.subject, 1)
        lines = [f"{name}: {value}" for name, value in message.headers if value]
        if names := [attachment.name for attachment in message.attachments if attachment.name]:
            lines.append(f"Attachments: {', '.join(names)}")
        # Like the row of a table, they are a passage of their own: no quote begins with "From: ...".
        self._builder.add_row("\n".join(lines))
        parts = _plain_parts(message.text) if message.text.strip() else _html_parts(message.html, self._name)
        new: list[str] = []
        for text, quoted in parts.ordered():
            lines = [" ".join(line.split()).casefold() for line in text.split("\n")]
            if not quoted or not self._seen.issuperset(lines):
                self._builder.add_block(text)
            new += lines
        self._seen.update(new)


def _plain_parts(text: str) -> _Parts:
    parts = _Parts()
    for run, quoted in _runs(text.split("\n")):
        joined = "\n".join(run)
        parts.paragraphs += [(span.of(joined), quoted) for span in find_paragraphs(joined)]
    return parts


def _runs(lines: list[str]) -> Iterator[tuple[list[str], bool]]:
    """Yield runs of lines without quotation marks, and whether they are quoted."""
    run: list[str] = []
    quoted = False
    for number, line in enumerate(lines):
        if _begins_history(lines, number):
            yield run, quoted
            yield [_QUOTED_LINE.sub("", rest, count=1) for rest in lines[number:]], True
            return
        is_quoted = _QUOTE_MARK.match(line) is not None
        if is_quoted != quoted and line.strip():
            moved = _attribution(run) if is_quoted else []
            yield run[: len(run) - len(moved)], quoted
            yield moved, True
            run, quoted = [], is_quoted
        run.append(_QUOTED_LINE.sub("", line, count=1) if is_quoted else line)
    yield run, quoted


def _attribution(run: list[str]) -> list[str]:
    """Return the last lines of a run that introduce the quotation after it."""
    last = len(run)
    while last and not run[last - 1].strip():
        last -= 1
    for count in range(1, _MAX_ATTRIBUTION_LINES + 1):
        first = last - count
        if first < 0 or not run[first].strip():
            break
        if _ATTRIBUTION.fullmatch(" ".join(run[first:last])):
            while first and run[first - 1].strip() and last - first < _MAX_ATTRIBUTION_LINES:
                first -= 1
            return run[first:]
    return []


def _begins_history(lines: list[str], number: int) -> bool:
    if _HISTORY.fullmatch(lines[number]):
        return True
    below = lines[number + 1 : number + 3]
    return bool(_HEADER_LINE.fullmatch(lines[number])) and any(map(_SECOND_HEADER_LINE.fullmatch, below))


def _html_parts(html: str, name: str) -> _Parts:
    parts = _Parts()
    if html.strip():
        page = parse_html(html, name)
        quotations = []
        while page.body and (quotation := page.body.css_first(_QUOTED_ELEMENTS)):
            quotations.append(quotation.html or "")
            quotation.decompose()
        parts.paragraphs += [(text, False) for text in _html_blocks(page.html or "", name)]
        parts.paragraphs += [(text, True) for part in quotations for text in _html_blocks(part, name)]
    return parts


def _html_blocks(html: str, name: str) -> Iterator[str]:
    builder = DocumentBuilder(name)
    extract_all_blocks(parse_html(html, name), builder)
    document = builder.build()
    spans = sorted([*document.blocks, *(heading.span for heading in document.headings)])
    return (span.of(document.text) for span in spans)


# Attachments


def named_files(attachments: Iterable[Attachment]) -> dict[str, Attachment]:
    """Return the attachments that are files of their own, by names of files that no other has."""
    named: dict[str, Attachment] = {}
    for attachment in attachments:
        if _is_file(attachment):
            named[_free_name(file_name(attachment), named)] = attachment
    return named


def _is_file(attachment: Attachment) -> bool:
    """Return whether an attachment is a file of its own, not a part of how the mail looks."""
    suffix = PurePosixPath(file_name(attachment)).suffix.lower()
    if not attachment.name and (not suffix or attachment.kind in _WITHOUT_TEXT):
        return False
    kind = attachment.kind if attachment.kind.startswith("image/") else _TYPES.guess_type(f"x{suffix}")[0]
    is_picture = (kind or "").startswith("image/")
    return not (
        is_picture
        and (attachment.is_inline or not attachment.name)
        and len(attachment.read()) < _MAX_INLINE_PICTURE_BYTES
    )


def file_name(attachment: Attachment) -> str:
    """Return the name of an attachment as a name of a file: without folders and invisible characters.

    A name without a suffix gets that of its MIME type.
    """
    visible = "".join(
        " " if letter in "\r\n\t" else letter
        for letter in attachment.name
        if unicodedata.category(letter) not in _INVISIBLE or letter in "\r\n\t"
    )
    last = visible.replace("\\", "/").rstrip("/. ").rpartition("/")[2]
    name = " ".join(last.split()).lstrip(". ")
    suffix = PurePosixPath(name).suffix
    if not suffix or len(suffix) > _MAX_SUFFIX_CHARS or " " in suffix:
        suffix = _SUFFIXES.get(attachment.kind) or _TYPES.guess_extension(attachment.kind) or ""
        return _cut(name or _UNNAMED, suffix) + suffix
    return _cut(name.removesuffix(suffix), suffix) + suffix


def _cut(stem: str, suffix: str) -> str:
    return stem.encode()[: _MAX_NAME_BYTES - len(suffix.encode())].decode("utf-8", "ignore")


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    """Return a name that no other file has: `report (2).pdf` for a second `report.pdf`."""
    path, number, free = PurePosixPath(name), 1, name
    while free in taken:
        number += 1
        free = f"{path.stem} ({number}){path.suffix}"
    return free


MAX_PARTS = 5000
MAX_DEPTH = 32
_HEADER_ERRORS = (ValueError, LookupError, TypeError, MessageError)
_EXPECTED_HEADERS = (*SHOWN_MAIL_HEADERS, "Subject", "Received", "Message-ID", "Content-Type", "MIME-Version")
_UUENCODED = re.compile(r"^begin [0-7]{3,4} (?P<name>\S.*)\n(?P<lines>(?:[ -`]{1,61}\n)+)end$", re.MULTILINE)
_FLOWED_BREAK = re.compile(r"(?<=\S) \n(?![>\n])")
MAX_MESSAGES = 50_000
_FROM_LINE = re.compile(rb"(?:\A\s*|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]*\r?\n")
_ESCAPED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


def load(data: bytes, name: str) -> Document:
    """Load an .eml or .mbox file; its title is the subject, and it is labelled by its date.

    A message of an .mbox file is labelled by its number and date, too. One that cannot be read is skipped,
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
    headers = [(header, _header(root, header)) for header in SHOWN_MAIL_HEADERS]
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
    """Return the text in bytes; what cannot be decoded is replaced."""
    try:
        return decode(data, name, charset)
    except DocumentError:
        return data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\0", "")


def _payload(part: Part) -> bytes:
    """Return the decoded bytes of a part, none for one that only contains others."""
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
    # Bytes that are not ASCII are lone surrogates.
    value = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        decoded = str(make_header(decode_header(value)))
    except _HEADER_ERRORS:
        decoded = str(value)
    return " ".join(decoded.encode("utf-8", "replace").decode().split())


def _filename(part: Part) -> str:
    for header in ("Content-Disposition", "Content-Type"):
        raw = next((str(value) for key, value in part.raw_items() if key.lower() == header.lower()), "")
        if any("\udc80" <= letter <= "\udcff" for letter in raw):
            # Bytes that are not ASCII, as lone surrogates.
            part.replace_header(header, _text(raw.encode("utf-8", "surrogateescape"), ""))
    try:
        name = part.get_filename() or ""
        decoded = str(make_header(decode_header(name)))
    except _HEADER_ERRORS:
        return ""
    return " ".join(decoded.encode("utf-8", "replace").decode().split())


def _date(part: Part) -> str:
    try:
        return parsedate_to_datetime(str(part.get("Date", ""))).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""
