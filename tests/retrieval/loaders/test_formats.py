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

FRAGMENTS = [
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
MARKDOWN = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=8), max_size=12).map("\n".join)


def encode(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def line_of(document: Document, offset: int) -> int:
    if not document.lines:
        return document.text.count("\n", 0, offset) + 1
    return [mark.line for mark in document.lines if mark.start <= offset][-1]


def check_document(document: Document) -> None:
    spans = list(document.blocks)
    assert spans == sorted(spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    for span in [*spans, *(heading.span for heading in document.headings)]:
        assert 0 <= span.start < span.end <= len(document.text)
        assert span.of(document.text) == span.of(document.text).strip()
    passages = list(split_passages(document))
    assert len({passage.id for passage in passages}) == len(passages)
    for passage in passages:
        assert passage.text == passage.span.of(document.text)
        assert passage.text.strip() == passage.text != ""
        assert passage.line == line_of(document, passage.span.start)


@pytest.mark.parametrize("name", ["a.txt", "a.md"])
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(encode) | MARKDOWN.map(encode))
def test_any_bytes(name: str, data: bytes) -> None:
    """Any bytes are read as a document with sound spans, or rejected with a DocumentError."""
    with suppress(DocumentError):
        check_document(formats.load_document(data, name))


def test_empty() -> None:
    """A file without text is rejected."""
    with pytest.raises(DocumentError, match=r"^a\.txt: contains no text; add some, or remove the file$"):
        formats.load_document(b" \n ", "a.txt")


@pytest.mark.parametrize(
    ("name", "reason"), [("a.xyz", ".xyz files are"), ("a", "files without a suffix are")]
)
def test_unknown_format(name: str, reason: str, tmp_path: Path) -> None:
    """An unknown suffix is rejected; the error lists the known ones."""
    with pytest.raises(DocumentError, match=rf"{reason} not supported; save it as one of \.txt"):
        formats.read_file(tmp_path / name, name)


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file over the size limit is rejected before it is read."""
    monkeypatch.setattr(formats, "MAX_FILE_BYTES", 2**20)
    (tmp_path / "a.txt").write_bytes(bytes(2**20 + 1))
    with pytest.raises(DocumentError, match="1 MB exceed the limit of 1 MB; split it"):
        formats.read_file(tmp_path / "a.txt", "a.txt")


def test_larger_pdf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PDF files have a size limit of their own."""
    monkeypatch.setattr(formats, "MAX_FILE_BYTES", 2**20)
    (tmp_path / "a.pdf").write_bytes(bytes(2**20 + 1))
    assert 2**20 + 1 == len(formats.read_file(tmp_path / "a.pdf", "a.pdf"))


def test_removed(tmp_path: Path) -> None:
    """A file that was removed after the folder was listed is rejected."""
    with pytest.raises(DocumentError, match=r"^a\.txt: was removed after the folder was listed"):
        formats.read_file(tmp_path / "a.txt", "a.txt")


def test_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without read permission is rejected with the reason of the system."""

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.txt").write_text("x")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DocumentError, match=r"cannot be read \(Permission denied\); check its permissions"):
        formats.read_file(tmp_path / "a.txt", "a.txt")


def test_suffix_in_capitals(tmp_path: Path) -> None:
    """Suffixes are case-insensitive."""
    (tmp_path / "A.TXT").write_text("At nine.")
    assert (Span(0, 8),) == formats.load_document(
        formats.read_file(tmp_path / "A.TXT", "A.TXT"), "A.TXT"
    ).blocks
