"""Loads mailboxes (.mbox): each message is a place of its own, with its number and date."""

import re
from collections.abc import Iterator

from retrieval.errors import DocumentError, ProblemKind
from retrieval.loaders.document_builder import DocumentBuilder, title_from_name
from retrieval.loaders.mail.eml import read_messages
from retrieval.loaders.mail.message import MailWriter
from retrieval.model import Document

MAX_MESSAGES = 50_000
_FROM_LINE = re.compile(rb"(?:\A\s*|(?<=\n\n)|(?<=\n\r\n))From [^\r\n]*\r?\n")
_ESCAPED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


def load(data: bytes, name: str) -> Document:
    """Load an .mbox file. A message that cannot be read is left out, unless it is the only one."""
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


def split_messages(data: bytes) -> Iterator[bytes]:
    """Yield the messages of a mailbox without their `From ` lines."""
    lines = list(_FROM_LINE.finditer(data))
    ends = [line.start() for line in lines] + [len(data)]
    for line, end in zip(lines, ends[1:], strict=True):
        yield _ESCAPED_FROM.sub(rb"\1", data[line.end() : end])
