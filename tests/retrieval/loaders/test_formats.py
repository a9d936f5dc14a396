from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import DocumentError
from retrieval.loaders import formats
from retrieval.loaders.chunking import split_passages
from retrieval.model import Document, Span

MARKS = [
    *(
        "# a",
        "- b",
        "> c",
        "```",
        "---",
        "+++",
        "title: x",
        "| a | b |",
        "|---|---|",
        "<div>",
        "    d",
        "===",
        "1. e",
    ),
    *("", "  ", "\t", "[a]: b", "<!--", "-->", "\u2028", "é̂", "\0", "\x1c"),
]
MARKDOWN = st.lists(st.sampled_from(MARKS) | st.text(max_size=8), max_size=12).map("\n".join)


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def line_of(document: Document, offset: int) -> int:
    if not document.lines:
        return document.text.count("\n", 0, offset) + 1
    return [mark.line for mark in document.lines if mark.start <= offset][-1]


def check(document: Document) -> None:
    spans = list(document.blocks)
    assert spans == sorted(spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    for span in [*spans, *(heading.span for heading in document.headings)]:
        assert 0 <= span.start < span.end <= len(document.text)
        assert span.of(document.text) == span.of(document.text).strip()
    found = list(split_passages(document))
    assert len({passage.id for passage in found}) == len(found)
    for passage in found:
        assert passage.text == passage.span.of(document.text)
        assert passage.text.strip() == passage.text != ""
        assert passage.line == line_of(document, passage.span.start)


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(encoded) | MARKDOWN.map(encoded))
def test_any_bytes(name: str, data: bytes) -> None:
    """Any bytes give a document whose spans are in bounds and in order, or a DocumentError."""
    with suppress(DocumentError):
        check(formats.load(data, name))


def test_empty() -> None:
    """A file without text says so."""
    with pytest.raises(DocumentError, match=r"^a\.txt: holds no text; fill it or remove it$"):
        formats.load(b" \n ", "a.txt")


@pytest.mark.parametrize(
    ("name", "reason"), [("a.xyz", ".xyz files cannot"), ("a", "files without an ending cannot")]
)
def test_unknown_format(name: str, reason: str, tmp_path: Path) -> None:
    """A format that no loader reads is named, with those that are."""
    with pytest.raises(DocumentError, match=rf"{reason} be read yet; save it as one of \.txt"):
        formats.read(tmp_path / name, name)


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file over the limit is refused before it is read."""
    monkeypatch.setattr(formats, "LARGEST", 2**20)
    (tmp_path / "a.txt").write_bytes(bytes(2**20 + 1))
    with pytest.raises(DocumentError, match="1 MB is more than the 1 MB a document may have; split it"):
        formats.read(tmp_path / "a.txt", "a.txt")


def test_a_pdf_may_be_larger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PDF is mostly pictures, which are not read: its limit is its own."""
    monkeypatch.setattr(formats, "LARGEST", 2**20)
    (tmp_path / "a.pdf").write_bytes(bytes(2**20 + 1))
    assert 2**20 + 1 == len(formats.read(tmp_path / "a.pdf", "a.pdf"))


def test_vanished(tmp_path: Path) -> None:
    """A file that is gone since the folder was listed is a DocumentError."""
    with pytest.raises(DocumentError, match=r"^a\.txt: is gone"):
        formats.read(tmp_path / "a.txt", "a.txt")


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission is a DocumentError that says to check it."""

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.txt").write_text("x")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DocumentError, match=r"cannot be read \(Permission denied\); check its permissions"):
        formats.read(tmp_path / "a.txt", "a.txt")


def test_ending_in_capitals(tmp_path: Path) -> None:
    """An ending counts in any case."""
    (tmp_path / "A.TXT").write_text("At nine.")
    assert (Span(0, 8),) == formats.load(formats.read(tmp_path / "A.TXT", "A.TXT"), "A.TXT").blocks
