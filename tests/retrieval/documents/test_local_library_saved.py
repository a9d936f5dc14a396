"""A library whose index is saved, and shared with others."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from retrieval.documents import local_library
from retrieval.documents.local_library import LocalLibrary
from retrieval.index.segment import ArrayFile, ArrayWriter, Segment
from retrieval.model import Answer
from tests.retrieval.corpus import library_passages, uncached

SENTENCE = "The keeper of the lighthouse writes the weather into a blue book every morning. "
HOURS = "Hours\n\nThe library opens at nine in the morning.\n\nIt closes at eight in the evening.\n"


def ask(opened: LocalLibrary, question: str) -> Answer:
    return asyncio.run(opened.answer(question))


def test_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A saved index is used while the documents are the same, and gives the same answers."""
    docs, saved = tmp_path / "docs", tmp_path / "saved"
    docs.mkdir()
    (docs / "a.txt").write_text(HOURS)
    (docs / "bad.txt").write_bytes(b"")
    for file in docs.iterdir():
        os.utime(file, (1e9, 1e9))  # just now written, it would be read again
    built = LocalLibrary.open(docs, index_dir=saved)
    with monkeypatch.context() as patched:
        patched.setattr(local_library, "ingest", None)  # is not called
        opened = LocalLibrary.open(docs, index_dir=saved)
    assert (built.sources, built.problems) == (opened.sources, opened.problems)
    assert ask(built, "When does the library open?") == ask(opened, "When does the library open?")
    (docs / "a.txt").write_text(HOURS.replace("nine", "ten"))
    assert "ten" in ask(LocalLibrary.open(docs, index_dir=saved), "When does it open?").citations[0].quote
    assert 1 == len(list(saved.iterdir()))


def test_lines_of_the_source(tmp_path: Path) -> None:
    """A quote from a Markdown document names the lines and the paragraph of its file, also once saved."""
    docs, saved = tmp_path / "docs", tmp_path / "saved"
    docs.mkdir()
    (docs / "a.md").write_text(
        "---\ntitle: Hours\n---\n\n<!-- hours -->\n\nThe library opens at nine\nin the **morning**.\n\n"
        "- It closes at eight\n  in the evening.\n- The reading room has twelve chairs.\n"
    )
    for _ in range(2):
        opened = LocalLibrary.open(docs, index_dir=saved)
        found = [ask(opened, question).citations[0] for question in ("When does the library open?", "chairs")]
        assert "The library opens at nine in the morning." in found[0].quote
        assert (7, 1) == (found[0].locator.line, found[0].locator.paragraph)
        (passage,) = {one.passage for one in found}
        assert [7, 8, 10, 11, 12] == [mark.line for mark in passage.lines]
        assert 2 == len(passage.paragraphs)
    assert ["The library opens", "It closes", "The reading"] == [
        passage.text[at:][: len(words)]
        for at, words in zip(
            (0, *passage.paragraphs), ("The library opens", "It closes", "The reading"), strict=True
        )
    ]


def test_damaged_save_is_rebuilt(tmp_path: Path) -> None:
    """A damaged index is rebuilt and replaced; `fresh` builds anew whatever is saved."""
    docs, saved = tmp_path / "docs", tmp_path / "saved"
    docs.mkdir()
    (docs / "a.txt").write_text(HOURS)
    LocalLibrary.open(docs, index_dir=saved)
    manifest = next(saved.iterdir()) / "manifest.json"
    manifest.write_text("{}")
    for fresh in (False, True):
        assert 1 == LocalLibrary.open(docs, index_dir=saved, fresh=fresh).passages
        assert manifest.read_text() != "{}"


def test_index_that_cannot_be_saved(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where no index can be written, the library is there all the same and one line says why."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text(HOURS)
    (tmp_path / "file").write_text("x")
    assert 1 == LocalLibrary.open(tmp_path / "docs", index_dir=tmp_path / "file" / "saved").passages
    assert 1 == len(caplog.messages)
    assert "the index cannot be saved there" in caplog.messages[0]


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where the disk for the index is full, all continues without it, and one line a time says so."""
    docs, saved, close = tmp_path / "docs", tmp_path / "saved", ArrayWriter.close
    docs.mkdir()
    (docs / "a.txt").write_text(HOURS)
    os.utime(docs / "a.txt", (1e9, 1e9))

    def full(self: ArrayWriter, facts: object) -> None:
        if str(saved) in str(self._file.name):
            raise OSError(28, "No space left on device")
        close(self, facts)

    def no_copy(_: object, path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(ArrayWriter, "close", full)
    monkeypatch.setattr(ArrayFile, "copy", no_copy)
    opened = LocalLibrary.open(docs, index_dir=saved)
    assert "nine" in ask(opened, "When does the library open?").citations[0].quote
    (line,) = caplog.messages
    assert f"INDEX_DIR={saved}: the index cannot be saved there (No space left on device)" == line
    (docs / "b.txt").write_text(SENTENCE)
    monkeypatch.setattr(local_library, "_MAX_PASSAGES_MERGED_BY_UPDATE", 1)
    more = LocalLibrary.open(docs, before=opened)
    assert 2 == len(more.index.segments) == len(more.compact().index.segments)
    assert "weather" in ask(more, "What does the keeper of the lighthouse write?").citations[0].quote
    monkeypatch.undo()
    assert 1 == len(more.compact().index.segments)
    more.save(saved)
    assert library_passages(more) == library_passages(LocalLibrary.open(docs, index_dir=saved))


def test_opening_reads_no_passage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A saved index is opened without reading its passages, however many."""
    docs, saved = tmp_path / "docs", tmp_path / "saved"
    docs.mkdir()
    (docs / "a.txt").write_text(HOURS)
    os.utime(docs / "a.txt", (1e9, 1e9))
    LocalLibrary.open(docs, index_dir=saved)
    with monkeypatch.context() as patched:
        for name in ("passages", "candidates", "forward"):
            patched.setattr(Segment, name, None)  # is not called
        opened = LocalLibrary.open(docs, index_dir=saved)
        assert 1 == opened.passages
    assert "nine" in ask(opened, "When does the library open?").citations[0].quote


def test_one_index_of_two_libraries(tmp_path: Path) -> None:
    """Two that use one index continue with what they have when the other saves, and each can save its own."""
    docs, saved = tmp_path / "docs", tmp_path / "saved"
    docs.mkdir()
    (docs / "a.txt").write_text(HOURS)
    one = LocalLibrary.open(docs, index_dir=saved)
    other = LocalLibrary.open(docs, index_dir=saved)
    for number, opening in enumerate(["ten", "eleven", "noon"]):
        (docs / "a.txt").write_text(HOURS.replace("nine", opening))
        (docs / f"{number}.txt").write_text(f"{SENTENCE} It has number {number}.")
        before = ask(other, "When does the library open?")
        one = LocalLibrary.open(docs, before=one)
        one.save(saved)
        assert before == asyncio.run(uncached(other).answer("When does the library open?"))
        assert opening in ask(one, "When does the library open?").citations[0].quote
        assert library_passages(one) == library_passages(LocalLibrary.open(docs, index_dir=saved))
        one, other = other, one
    last = LocalLibrary.open(docs, before=one)
    last.save(saved)
    assert (
        library_passages(LocalLibrary.open(docs))
        == library_passages(last)
        == library_passages(LocalLibrary.open(docs, index_dir=saved))
    )


@pytest.mark.slow
def test_processes_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that make the same index at the same time leave one that can be used."""
    docs, saved = tmp_path / "docs", tmp_path / "saved"
    docs.mkdir()
    for number in range(3):
        (docs / f"{number}.txt").write_text(f"{SENTENCE} It has number {number}.")
        os.utime(docs / f"{number}.txt", (1e9, 1e9))
    code = (
        "from pathlib import Path; from retrieval.documents.local_library import LocalLibrary;"
        f"print(LocalLibrary.open(Path({str(docs)!r}), index_dir=Path({str(saved)!r}), fresh=True).passages)"
    )
    root = Path(__file__).parents[3]
    running = [
        subprocess.Popen([sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE) for _ in range(3)
    ]
    assert [b"3\n"] * 3 == [process.communicate()[0] for process in running]
    monkeypatch.setattr(local_library, "ingest", None)  # is not called
    assert 3 == LocalLibrary.open(docs, index_dir=saved).passages


def test_work_of_others_is_left(tmp_path: Path) -> None:
    """Saving drops what it replaces and what a dead process left, not what another process writes."""
    docs, saved = tmp_path / "docs", tmp_path / "saved"
    docs.mkdir()
    for name in (".new-live", ".new-dead"):
        (saved / name).mkdir(parents=True)
    os.utime(saved / ".new-dead", (0, 0))
    LocalLibrary.open(docs, index_dir=saved)
    assert (saved / ".new-live").exists()
    assert not (saved / ".new-dead").exists()
