import time
from contextlib import suppress

import pytest

from retrieval.errors import DocumentError
from retrieval.loaders.text.rtf import load
from retrieval.model import Document
from tests.documents import samples


def parts(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def read(body: str) -> Document:
    return load(rf"{{\rtf1\ansi\ansicpg1252 {body}}}".encode("latin-1"), "a.rtf")


def test_all_that_a_letter_holds() -> None:
    """Paragraphs, headings, notes and rows are read; styles, pictures and information are not."""
    document = load(samples.RTF.encode(), "a.rtf")
    assert [
        "Die Fähre nach Sørøya fährt um 7\xa0Uhr, ausser am 24.\xa0Dezember.",
        "Im Winter eine Stunde später.",
        "Преподобный Осип держит ключ.",
        "Fahrgast: Erwachsene\nPreis: 90 Kronen",
        "Fahrgast: Kinder\nPreis: 45 Kronen",
    ] == parts(document)
    assert [("Fahrplan", 1), ("Preise", 2)] == [
        (heading.text, heading.level) for heading in document.headings
    ]
    assert ("Fahrplan", "paragraph") == (document.title, document.unit)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (r"caf\'e9 \u8364? \emdash  a\~b", "café € — a\xa0b"),
        (r"\u-10179?\u-8694? owl", "\U0001f60a owl"),
        (r"\{braces\} and \\", r"{braces} and " + "\\"),
        (r'{\field{\*\fldinst{HYPERLINK "http://a.example"}}{\fldrslt the link}}', "the link"),
        (r"a{\pict\pngblip " + "89504e47" * 100 + "}b", "ab"),
        (r"a{\*\unknown hidden}b", "ab"),
    ],
)
def test_signs(body: str, expected: str) -> None:
    """Characters of any script are read; addresses of links, pictures and unknown parts are not."""
    assert [expected] == parts(read(body))


def test_a_note_waits_for_the_end_of_its_paragraph() -> None:
    """A note in the middle of a sentence does not break it; an open one changes nothing."""
    document = read(r"One{\footnote Two.} three.\par Four.{\footnote Five \{six\}.}\par")
    assert ["One three.", "Two.", "Four.", "Five {six}."] == parts(document)
    assert ["One."] == parts(read(r"One.\par {\footnote open"))


def test_bold_type() -> None:
    """Short paragraphs in bold type are headings, and so are bold words before others."""
    body = r"{\b Miete\par }Die Miete ist f\'e4llig.\par\b Tiere\b0\par Eine Katze ist {\b erlaubt}.\par"
    document = read(body)
    assert ["Miete", "Tiere"] == [heading.text for heading in document.headings]
    assert ["Die Miete ist fällig.", "Eine Katze ist erlaubt."] == parts(document)
    document = read(
        r"{\b Miete.} Sie ist im Mai f\'e4llig.\par\pard\b Tiere. \plain Eine Katze ist erlaubt.\par"
    )
    assert ["Miete.", "Tiere."] == [heading.span.of(document.text) for heading in document.headings]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is not Rich Text; give it the suffix of its real format"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is not Rich Text"),
        (rb"{\rtf1 \pict\bin {", "is damaged; save it again"),
        pytest.param(
            rb"{\rtf1{\fonttbl" + rb"\f1" * 2_000_000, "is damaged; save it again", marks=pytest.mark.slow
        ),
    ],
)
def test_what_cannot_be_read(data: bytes, reason: str) -> None:
    """Other and damaged files are rejected, also those that would take a long time."""
    with pytest.raises(DocumentError, match=f"^a.rtf: {reason}"):
        load(data, "a.rtf")


@pytest.mark.parametrize(
    "part", [r"{\field{\*\fldinst{", r"{\footnote ", "{", "}", r"\'", r"\u1?", r"a|", r"{\f1 "]
)
def test_endless_repetition(part: str) -> None:
    """A file of one part repeated 100,000 times is read or rejected within seconds."""
    started = time.monotonic()
    with suppress(DocumentError):
        read(part * 100_000)
    assert time.monotonic() - started < 20
