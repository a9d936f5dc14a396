from pathlib import Path

import pytest

from retrieval.errors import DocumentError
from retrieval.loaders import mail, msg
from retrieval.model import Document
from tests.documents import text_samples

MSG = Path("tests/documents/mail/simple_test_msg.msg").read_bytes()


def read(text: str) -> Document:
    return mail.load(text.encode(), "folder/a.eml")


def blocks(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


HEADERS = """\
From: Ida Müller <ida@example.org>
To: Jonas Veit <jonas@example.org>
Date: Tue, 5 Mar 2024 09:12:00 +0100
Attachments: bell.pdf"""


def test_eml() -> None:
    """Subject, headers and attachments come first, then the new text, then what it quotes, without marks."""
    document = read(text_samples.EML)
    assert [
        HEADERS,
        "It was cast in Lübeck in 1788.",
        "--\nIda",
        "On Monday, 4 March 2024, Jonas Veit wrote:",
        "Who cast the bell, and when?",
    ] == blocks(document)  # fmt: skip
    assert ("Re: The bell of the Lighthouse", "message", ["2024-03-05"]) == (
        document.title,
        document.unit,
        [page.label for page in document.pages],
    )


def test_mbox() -> None:
    """Messages are numbered; what one quotes from those before is written once."""
    document = mail.load(text_samples.MBOX.encode(), "horn.mbox")
    assert [
        "From: Jonas Veit <jonas@example.org>\nDate: Mon, 4 Mar 2024 10:00:00 +0000",
        "When was the fog horn replaced?\nFrom 1950 on there are no papers.",
        "From: Ida Falk <ida@example.org>\nDate: Tue, 5 Mar 2024 10:00:00 +0000",
        "In 1967, by an electric one.",
        "Jonas Veit wrote on Monday, 4 March:",
        "When was the fog horn replaced?\nFrom 1950 on there are no papers.\nA sentence that nobody sent.",
    ] == blocks(document)
    assert ["1 2024-03-04", "2 2024-03-05"] == [page.label for page in document.pages]
    assert ["Fog horn", "Re: Fog horn"] == [heading.text for heading in document.headings]


def test_quoted_once() -> None:
    """A quotation that earlier messages contain as a whole is dropped."""
    text = text_samples.MBOX.replace("> A sentence that nobody sent.\n", "")
    assert 1 == mail.load(text.encode(), "horn.mbox").text.count("When was the fog horn replaced?")


def test_broken_message() -> None:
    """A part of a mailbox that is not a message costs the others nothing."""
    text = text_samples.MBOX + "\nFrom nobody Mon Mar  4 10:00:00 2024\nnothing\n"
    assert 2 == len(mail.load(text.encode(), "horn.mbox").pages)


MIXED, HTML = "Content-Type: multipart/mixed; boundary=x", "Content-Type: text/html"
HEAD = "From: a@b.org\nSubject: S\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\nYes.\n\n> Is it open?\n", ["Yes.", "Is it open?"]),
        ("\n> Is it open?\n\nYes.\n", ["Yes.", "Is it open?"]),
        ("\n> One?\n\nYes.\n\n> Two?\n\nNo.\n", ["One?", "Yes.", "Two?", "No."]),
        ("\nYes.\n\n--Original Message--\nFrom: c\nOld?", ["Yes.", "--Original Message--\nFrom: c\nOld?"]),
        ("\nYes.\n\nVon: Ida\nGesendet: gestern\n\nGut?\n", ["Yes.", "Von: Ida\nGesendet: gestern", "Gut?"]),
        ("Content-Type: text/plain; format=flowed\n\nOne \nline.\n", ["One line."]),
        (f"{HTML}\n\nNew.<blockquote type=cite>Old.</blockquote><p>End.</p>", ["New.", "End.", "Old."]),
        (f"{HTML}; charset=iso-8859-1\nContent-Transfer-Encoding: base64\n\nPHA+ZvxyPC9wPg==", ["für"]),
        ("Content-Type: text/plain; charset=no-such\n\nText.", ["Text."]),
        ("Content-Transfer-Encoding: base64\n\nnot base64 !!!", None),
        ("\nSee.\n\nbegin 644 a.txt\n#0V%T\n`\nend\n", ["See."]),
        (f"{MIXED}\n\n--x\n\nCut short", ["Cut short"]),
        (f"{MIXED}\n\n--x\nContent-Type: message/rfc822\n\nSubject: Inner\n\nBody.\n--x--\n", ["Body."]),
        ("Content-Type: image/png; name=a.png\n\nxxxx", []),
    ],
)  # fmt: skip
def test_bodies(text: str, expected: list[str] | None) -> None:
    """The text is that of the best part; the newest is first, but answers stay below their questions."""
    found = blocks(read(HEAD + text))
    assert found[0].startswith("From: a@b.org")
    if expected is not None:
        assert expected == found[1:]


@pytest.mark.parametrize(
    ("headers", "title"),
    [
        ("Subject: =?utf-8?q?broken=ZZ?=\n", "broken=ZZ"),
        ("Subject: =?no-such?q?x?=\n", "=?no-such?q?x?="),
        ("Subject: räw\n", "räw"),
        ("Subject: a\n folded\n", "a folded"),
        ("From: x@y.org\nDate: yesterday\n", "a"),
    ],
)
def test_headers(headers: str, title: str) -> None:
    """Broken headers are shown as they are."""
    assert title == read(f"{headers}\nText.").title


def test_msg() -> None:
    """A message of Outlook is read as others are."""
    document = msg.load(MSG, "a.msg")
    assert "This is a simple test message" in " ".join(document.text.split()) or len(document.blocks) > 1
    assert ("message", "test message") == (document.unit, document.title)


def test_mime_named_msg() -> None:
    """A .msg file that contains a message as in .eml files is read as one."""
    assert read(text_samples.EML).text == msg.load(text_samples.EML.encode(), "a.msg").text


NESTED = "".join(
    f"Content-Type: multipart/mixed; boundary=b{number}\n\n--b{number}\n" for number in range(3000)
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"Hello, how are you?", "has no headers of an e-mail"),
        (b"", "has no headers of an e-mail"),
        ((HEAD + NESTED).encode(), "parts nested too deep|has too many parts"),
        (
            (HEAD + "Content-Type: multipart/mixed; boundary=x\n\n" + "--x\n\na\n" * 6000).encode(),
            "has too many parts; save its attachments on their own",
        ),
    ],
)
def test_refused(data: bytes, reason: str) -> None:
    """A file that is not a message is rejected, and so are thousands of parts."""
    with pytest.raises(DocumentError, match=reason):
        mail.load(data, "a.eml")


def test_refused_others() -> None:
    """A mailbox without messages and a damaged message of Outlook are rejected."""
    with pytest.raises(DocumentError, match="has no line that begins with `From `"):
        mail.load(b"Subject: a\n\nb", "a.mbox")
    with pytest.raises(DocumentError, match="is damaged; save it again in Outlook"):
        msg.load(MSG[:600], "a.msg")
