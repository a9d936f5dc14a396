import io
import re
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from retrieval.errors import DocumentError
from retrieval.loaders import xml_parser, zip_archive
from retrieval.loaders.formats import load_document
from retrieval.loaders.zip_archive import ZipArchive
from tests.documents import samples

# Bytes of an entry that are read at once.
CHUNK = 64 * 1024
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)
ARCHIVES = {
    "a.docx": samples.make_docx,
    "a.pptx": samples.make_pptx,
    "a.xlsx": samples.make_xlsx,
    "a.epub": samples.make_epub,
    "a.odt": samples.make_odt,
    "a.ods": samples.make_ods,
    "a.odp": samples.make_odp,
}
PARTS = {
    "a.docx": "word/document.xml",
    "a.pptx": "ppt/slides/slide1.xml",
    "a.xlsx": "xl/worksheets/sheet1.xml",
    "a.epub": "OEBPS/book.opf",
    "a.odt": "content.xml",
    "a.ods": "content.xml",
    "a.odp": "content.xml",
}
LAUGHS = (
    '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;">]>'
    "<a>&d;</a>"
)


def reason(data: bytes, name: str) -> str:
    with pytest.raises(DocumentError) as refused:
        load_document(data, name)
    return refused.value.reason


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (OLE + "EncryptedPackage".encode("utf-16-le"), "is encrypted; save it without a password"),
        (OLE, "is of a version before 2007; save it in the format of its suffix"),
        (b"%PDF-1.7\n", "is a .pdf file, not what its suffix says; give it the suffix .pdf"),
        (b"\n<html>", "is a .html file, not what its suffix says; give it the suffix .html"),
        (b"{\\rtf1", "is a .rtf file, not what its suffix says; give it the suffix .rtf"),
        (b"<?xml version='1.0'?>", "is XML; save it in the format of its suffix"),
        (b"PK\3\4\0\0", "is cut short or damaged; copy it again"),
        (b"", "is not what its suffix says; give it the suffix of its real format"),
        (b"\0\1\2", "is not what its suffix says; give it the suffix of its real format"),
    ],
)
def test_something_else(name: str, data: bytes, expected: str) -> None:
    """A file with a wrong suffix or a password is rejected with what it is and what to do."""
    assert expected == reason(data, name)


@pytest.mark.parametrize("name", ARCHIVES)
def test_encrypted_entries(name: str) -> None:
    """An archive with encrypted entries is rejected."""
    data = bytearray(ARCHIVES[name]())
    at = data.rindex(b"PK\1\2")
    data[at + 8] |= 1
    assert "is encrypted; save it without a password" == reason(bytes(data), name)


@pytest.mark.parametrize("name", ARCHIVES)
def test_bombs(name: str) -> None:
    """An archive with an excessive compression ratio is rejected before anything is unpacked."""
    bomb = samples.replace_entries(ARCHIVES[name](), {"media/zeros": bytes(30 * 2**20)})
    assert len(bomb) < 200_000
    assert re.fullmatch(r"unpacks to 3\d MB, which is too much; split it, or remove it", reason(bomb, name))


class CountingDecompressor:
    """A decompressor that adds up the bytes it unpacks in `sizes`."""

    def __init__(self, sizes: list[int]) -> None:
        self._sizes = sizes
        self._decompressor = zlib.decompressobj(-zlib.MAX_WBITS)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decompressor, name)

    def decompress(self, data: bytes, max_length: int = 0) -> bytes:
        unpacked = self._decompressor.decompress(data, max_length)
        self._sizes.append(len(unpacked))
        return unpacked


def understate_size(data: bytes, path: str) -> bytes:
    """Write a size of 100 bytes for an entry into the list of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        size = file.getinfo(path).file_size
    return data.replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little"))


@pytest.fixture
def unpacked_sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list that gets the number of bytes of each step of decompression."""
    sizes: list[int] = []
    monkeypatch.setattr(zipfile, "_get_decompressor", lambda _: CountingDecompressor(sizes))
    return sizes


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_bomb_whose_list_lies(name: str, unpacked_sizes: list[int]) -> None:
    """An entry that is larger than the list of the archive states is rejected within one chunk."""
    data = samples.replace_entries(ARCHIVES[name](), {PARTS[name]: b"<a>" + bytes(30 * 2**20)})
    bomb = understate_size(data, PARTS[name])
    unpacked_sizes.clear()
    assert f"is damaged at '{PARTS[name]}'" in reason(bomb, name)
    assert 100 <= sum(unpacked_sizes) <= 2 * CHUNK


@pytest.mark.parametrize("method", [ZipArchive.read, ZipArchive.parse_xml])
def test_how_far_an_entry_is_unpacked(
    method: Callable[[ZipArchive, str], object], unpacked_sizes: list[int]
) -> None:
    """Neither way to read an entry unpacks more than one chunk beyond the size in the list."""
    bomb = understate_size(samples.make_zip({"a.xml": b"<a>" + bytes(30 * 2**20)}), "a.xml")
    with pytest.raises(DocumentError, match=r"is damaged at 'a\.xml'"):
        method(ZipArchive(bomb, "a.docx"), "a.xml")
    assert 100 <= sum(unpacked_sizes) <= CHUNK


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities(name: str, encoding: str) -> None:
    """A part that declares entities is rejected before any is expanded."""
    for text in (LAUGHS, '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>'):
        data = samples.replace_entries(ARCHIVES[name](), {PARTS[name]: text.encode(encoding)})
        assert f"declares entities in '{PARTS[name]}'; remove it" == reason(data, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHIVES)
def test_deep_nesting(name: str) -> None:
    """A part that is nested too deep is rejected."""
    data = samples.replace_entries(ARCHIVES[name](), {PARTS[name]: "<tbl>" * 100_000 + "</tbl>" * 100_000})
    assert "is nested more than 256 deep; save it again in the program that made it" == reason(data, name)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("MAX_ENTRIES", "has more than 2 parts; split it"),
        ("MAX_TAGS", "is too large to be read as a whole; split it"),
        ("MAX_READ_BYTES", "unpacks to more than 0 MB of text; split it"),
        ("MAX_UNPACKED_BYTES", "unpacks to 1 MB, which is too much; split it, or remove it"),
    ],
)
def test_limits(limit: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive over a limit is rejected with what to do."""
    monkeypatch.setattr(xml_parser if limit == "MAX_TAGS" else zip_archive, limit, 2)
    assert expected == reason(samples.make_docx(), "a.docx")


def test_paths() -> None:
    """Paths are case-insensitive and never leave the archive."""
    found = ZipArchive(samples.make_zip({"A/B.xml": "<a/>", "../c": "x"}), "a.docx")
    assert b"<a/>" == found.read("a/./b.XML")
    assert "a/b.xml" in found
    with pytest.raises(DocumentError, match=r"^a\.docx: lacks its part '/etc/hostname'"):
        found.read("/etc/hostname")
