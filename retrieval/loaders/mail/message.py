"""The text of an e-mail: its headers, what was written, and what was quoted, each once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import regex

from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.html.blocks import extract_all_blocks
from retrieval.loaders.html.html import parse_html
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
        self._builder.add_block("\n".join(lines))
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
