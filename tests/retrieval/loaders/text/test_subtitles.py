from pathlib import Path

import pytest

from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import DocumentError
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.text import subtitles
from retrieval.loaders.text.subtitles import load
from retrieval.model import Document
from retrieval.quotes.quote_selection import Excerpt, cite
from tests.documents import text_samples
from tests.retrieval.corpus import library_passages


def read(text: str, name: str = "folder/talk.srt") -> Document:
    return load(text.encode(), name)


def blocks(document: Document) -> list[str]:
    return [block.of(document.text) for block in document.blocks]


def place(document: Document, words: str) -> tuple[str | None, int]:
    """Return the time and the source line of a quote."""
    for passage in split_passages(document):
        start = passage.text.find(words)
        if start >= 0:
            at = cite(passage, Excerpt(0, start, start + len(words), 1.0), 1, ()).locator
            return at.label, at.line
    raise AssertionError(words)


def test_srt() -> None:
    """Cues are joined to sentences without numbers and tags; turns of a dialogue are lines."""
    document = read(text_samples.SRT)
    assert [
        "Welcome to the ferry museum of Osterwick. It opened in 1931, when the last steam ferry was sold.",
        "- Who built her?\n- The Brandt shipyard.",
    ] == blocks(document)
    assert ("talk", "time") == (document.title, document.unit)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Welcome to", ("00:00:01", 3)),
        ("museum of", ("00:00:01", 4)),
        ("It opened", ("00:00:04", 8)),
        ("when the last", ("00:00:06", 12)),
        ("was sold", ("00:00:06", 13)),
        ("Who built", ("00:12:31", 17)),
    ],
)
def test_place_of_quote(words: str, expected: tuple[str, int]) -> None:
    """A quote is cited with the time and the line of the cue it begins in, not of its passage."""
    assert expected == place(read(text_samples.SRT), words)


def test_vtt() -> None:
    """Speakers are named when they change; notes, styles, settings and identifiers are dropped."""
    document = load(text_samples.VTT.encode(), "a.vtt")
    assert [
        "Ada Brandt: The crane lifts forty tons",
        "& was made in Leeds.",
        "Jonas Veit: Who runs it now?",
    ] == blocks(document)
    assert "Harbour tour" == document.title
    assert ("01:00:07", 13) == place(document, "& was made")


def test_scrolling_captions() -> None:
    """Lines that scroll up are read once."""
    lines = [f"line {number}" for number in range(9)]
    cues = [
        f"00:00:{number:02}.000 --> 00:00:{number + 1:02}.000\n{lines[number]}\n{lines[number + 1]}\n"
        for number in range(8)
    ]
    assert [" ".join(lines)] == blocks(load(("WEBVTT\n\n" + "\n".join(cues)).encode(), "a.vtt"))


def test_repeated_words_stay() -> None:
    """Somebody who says the same twice is quoted twice."""
    text = "".join(
        f"{n}\n00:00:0{n},0 --> 00:00:0{n},9\n{words}\n\n"
        for n, words in enumerate(["No!", "No!", "Why?", "Because.", "Of what?", "Of rain."])
    )
    assert ["No! No! Why? Because. Of what? Of rain."] == blocks(read(text))


def test_east_asian() -> None:
    """Cues in scripts without spaces are joined without one."""
    text = "1\n00:00:01,0 --> 00:00:02,0\n博物馆开在\n\n2\n00:00:02,0 --> 00:00:03,0\n青石桥边。\n"
    assert ["博物馆开在青石桥边。"] == blocks(read(text))


def test_empty_lines_within_cue() -> None:
    """An empty line within a cue of an .srt file does not end it, and a missing number costs nothing."""
    text = "00:00:01,0 --> 00:00:02,0\none\n\ntwo\n\n00:00:03,0 --> 00:00:04,0\nthree"
    assert ["one two three"] == blocks(read(text))


def test_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without times is rejected, and so is one with too many cues."""
    with pytest.raises(DocumentError, match="has no times such as 00:00:01,000"):
        read("The ferry leaves at nine.")
    monkeypatch.setattr(subtitles, "MAX_CUES", 1)
    with pytest.raises(DocumentError, match="has more than 1 cues; split it"):
        read(text_samples.SRT)


def test_long_pause() -> None:
    """What is said minutes apart is not one passage."""
    passages = list(split_passages(read(text_samples.SRT)))
    assert ["00:00:01", "00:12:31"] == [passage.label for passage in passages]


def test_saved_times(tmp_path: Path) -> None:
    """An index that was saved and opened again knows the time of each cue."""
    (tmp_path / "talk.srt").write_text(text_samples.SRT)
    opened = [library_passages(LocalLibrary.open(tmp_path, index_dir=tmp_path / "index")) for _ in range(2)]
    assert [list(split_passages(read(text_samples.SRT, "talk.srt")))] * 2 == opened
