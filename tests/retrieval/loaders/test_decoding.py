import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import DocumentError
from retrieval.loaders.decoding import decode

RUSSIAN = "Библиотека открыта с девяти утра. По воскресеньям она закрыта. Читатели могут брать до пяти книг."
FRENCH = "La bibliothèque est ouverte dès neuf heures. L’accès est gratuit pour les élèves."
POLISH = "Książki można wypożyczać na miesiąc. Biblioteka działa od dziewiątej."
TURKISH = "Kütüphane sabah dokuzda açılır. Çocuklar için ayrı bir köşe vardır."
GREEK = "Η βιβλιοθήκη είναι ανοιχτή από τις εννέα το πρωί."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_mark(encoding: str) -> None:
    """A byte order mark decides the encoding and is not part of the text."""
    assert RUSSIAN == decode(RUSSIAN.encode(encoding), "a.txt")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (FRENCH, "cp1252"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (TURKISH, "cp1254"),
        (GREEK, "cp1253"),
        ("naïve résumé", "cp1252"),
        ("“It’s 5 € at the door”", "cp1252"),
    ],
)
def test_detected(text: str, encoding: str) -> None:
    """The code page of a text is detected."""
    assert text == decode(text.encode(encoding), "a.txt")


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE)]
)
def test_utf_16_without_byte_order_mark(encoding: str, mark: bytes) -> None:
    """UTF-16 is recognised without a byte order mark too."""
    assert "Open at nine." == decode("Open at nine.".encode(encoding), "a.txt")
    assert "Open at nine." == decode(mark + "Open at nine.".encode(encoding), "a.txt")


def test_line_ends() -> None:
    r"""All line ends become `\n`."""
    assert "a\nb\nc\n" == decode(b"a\r\nb\rc\n", "a.txt")


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0",
        b"\x7fELF" + bytes(60),
        bytes(range(32)) * 4,
        b"PK\x03\x04\x14\0\0\0",
    ],
)
def test_binary(data: bytes) -> None:
    """A binary file is rejected with advice."""
    with pytest.raises(DocumentError, match=r"^a\.txt: this is not a text file; remove it"):
        decode(data, "a.txt")


def test_damaged() -> None:
    """UTF-8 with a broken byte is rejected, not decoded as another encoding."""
    data = RUSSIAN.encode()
    with pytest.raises(DocumentError, match=r"byte 20 is not valid UTF-8; save it as UTF-8"):
        decode(data[:20] + b"\xff" + data[20:], "a.txt")


def test_lone_surrogates() -> None:
    """A lone surrogate is rejected."""
    with pytest.raises(DocumentError):
        decode(codecs.BOM_UTF16_LE + b"a\0\x00\xd8b\0", "a.txt")


@given(data=st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    """Any bytes are decoded to text without lone surrogates, or rejected with a DocumentError."""
    try:
        text = decode(data, "a.txt")
    except DocumentError:
        return
    text.encode()
    assert "\r" not in text
