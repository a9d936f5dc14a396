"""E-mails with attachments, made by hand: their headers are as the tests need them."""

from base64 import encodebytes
from collections.abc import Iterable, Mapping

HEAD = "From: Ida Falk <ida@example.org>\nSubject: The harbour\nDate: Tue, 5 Mar 2024 09:12:00 +0100\n"
BODY = "See the attached papers."


def attachment(data: bytes, headers: str) -> bytes:
    """Return a part with these headers, one a line, and the data in base64."""
    return f"{headers}\nContent-Transfer-Encoding: base64\n\n".encode() + encodebytes(data)


def named(data: bytes, name: str, kind: str = "application/octet-stream") -> bytes:
    """Return a part that is a file of this name."""
    return attachment(data, f'Content-Type: {kind}\nContent-Disposition: attachment; filename="{name}"')


def mail(parts: Iterable[bytes], *, head: str = HEAD, boundary: str = "=_x") -> bytes:
    """Return a mail with a text and these parts."""
    text = f"Content-Type: text/plain; charset=utf-8\n\n{BODY}".encode()
    joined = b"".join(b"\n--%s\n%s" % (boundary.encode(), part) for part in (text, *parts))
    start = f'{head}MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="{boundary}"\n'
    return start.encode() + joined + f"\n--{boundary}--\n".encode()


def mail_with(files: Mapping[str, bytes]) -> bytes:
    """Return a mail with these attachments, by name."""
    return mail(named(data, name) for name, data in files.items())


def mailbox(mails: Iterable[bytes]) -> bytes:
    """Return a mailbox of mails."""
    return b"".join(b"From ida@example.org Tue Mar  5 10:00:00 2024\n" + one + b"\n" for one in mails)
