"""What an e-mail holds: its headers, what was written, what was quoted, each once, and its attachments."""

import mimetypes
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import regex

from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.html.html import extract_all_blocks, parse_html
from retrieval.loaders.text.plain_text import find_paragraphs

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
# What it lacks in some versions of Python.
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
    """Adds messages to a builder. What one quotes from those before it is left out."""

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
    shown = "".join(
        " " if letter in "\r\n\t" else letter
        for letter in attachment.name
        if unicodedata.category(letter) not in _INVISIBLE or letter in "\r\n\t"
    )
    last = shown.replace("\\", "/").rstrip("/. ").rpartition("/")[2]
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
