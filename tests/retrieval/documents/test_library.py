import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retrieval.documents import ingestion, library
from retrieval.documents.file_listing import FileEntry
from retrieval.documents.library import Library
from retrieval.embeddings.encoder import Vectors
from retrieval.errors import FolderError
from retrieval.loaders import formats
from retrieval.model import Answer, Document
from tests.retrieval.corpus import library_passages
from tests.retrieval.fake_encoder import FakeEncoder

SENTENCE = "The keeper of the lighthouse writes the weather into a blue book every morning. "
TEXT = st.text(
    st.sampled_from(
        [
            *"ab. ,\n",
            "\u0301",
            "\u200b",
            "\u200d",
            "\u202e",
            "א",
            "ש",
            "م",
            "字",
            "か",
            "ก",
            "😀",
            "🏽",
            "ß",
            "İ",
            "1",
        ]
    )
    | st.characters(exclude_categories=["Cs"]),
    max_size=400,
)
HOURS = "Hours\n\nThe library opens at nine in the morning.\n\nIt closes at eight in the evening.\n"


def ask(opened: Library, question: str) -> Answer:
    return asyncio.run(opened.answer(question))


class Translator(FakeEncoder):
    """Knows the English words of one question in German."""

    def encode_question(self, text: str) -> Vectors:
        known = {"wann": "when", "wird": "the", "bibliothek": "library", "geöffnet": "opens"}
        return super().encode_question(" ".join(known.get(word, "") for word in text.casefold().split()))


@contextmanager
def folder_of(text: str) -> Iterator[Path]:
    with TemporaryDirectory() as name:
        (Path(name) / "a.txt").write_text(text, encoding="utf-8", newline="")
        (Path(name) / "b.md").write_text(HOURS, encoding="utf-8")
        yield Path(name)


@given(text=TEXT, question=TEXT | st.text(max_size=40), longest=st.integers(5, 300))
@example(text="x" * 10_000, question="x" * 10_000, longest=300)
@example(text="e\u0301" * 5_000, question="e\u0301 " * 40, longest=300)
@example(text="שלום עולם. 😀 nine\u200b\u0301", question="שלום nine", longest=300)
@example(text="The library", question="a\ud800 library", longest=300)
@settings(max_examples=60)
def test_quotes_are_verbatim(text: str, question: str, longest: int) -> None:
    """A quote is its span of the file, fits the limit, and holds its highlights, whatever the text."""
    # With NULs a file is of another encoding.
    with folder_of(text.replace("\0", "")) as folder:
        opened = Library.open(folder, quote_chars=longest)
        for asked in (question, text[:50] + " library"):
            for citation in ask(opened, asked).citations:
                whole = (folder / citation.document).read_text(encoding="utf-8").removeprefix("\ufeff")
                assert citation.span.of(whole) == citation.quote
                assert 0 < len(citation.quote) <= longest
                assert list(citation.highlights) == sorted(citation.highlights)
                for mark in citation.highlights:
                    assert citation.span.start <= mark.start < mark.end <= citation.span.end
                context = asyncio.run(opened.context(citation.passage.id))
                assert context is not None
                assert citation.passage == context.passage


def test_empty_folder(tmp_path: Path) -> None:
    """An empty folder is a library without passages, which answers that it has nothing."""
    for _ in range(2):  # built, then opened as saved
        opened = Library.open(tmp_path, index_dir=tmp_path / ".index")
        assert (0, (), ()) == (opened.passages, opened.sources, opened.problems)
        assert not ask(opened, "When does it open?").answered
        assert asyncio.run(opened.context("x")) is None


@pytest.mark.parametrize("name", ["missing", "file"])
def test_no_folder(name: str, tmp_path: Path) -> None:
    """A folder that is missing, or is a file, is a FolderError that says what to do."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(FolderError, match=rf"{name}: no such folder of documents; make it, or name another"):
        Library.open(tmp_path / name)


def test_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder itself must be listed; one inside it that cannot be is a problem like a bad document."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.txt").write_text(HOURS)
    listed = os.scandir

    def refuse(folder: Path | int) -> object:
        # Temporary folders are listed by the number they are open as.
        if not isinstance(folder, int) and refused in {Path(folder).name, "all"}:
            raise PermissionError(13, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    refused = "closed"
    opened = Library.open(tmp_path)
    assert ["closed"] == [problem.name for problem in opened.problems]
    assert ["a.txt"] == [source.name for source in opened.sources]
    refused = "all"
    with pytest.raises(FolderError, match=r"cannot be listed \(Permission denied\); check its permissions"):
        Library.open(tmp_path)


def test_bad_documents(tmp_path: Path) -> None:
    """A bad document is named, with what to do, and never stops the good ones."""
    (tmp_path / "good.txt").write_text(HOURS)
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0")
    (tmp_path / "sheet.ods").write_bytes(b"x")
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text(HOURS)
    opened = Library.open(tmp_path)
    assert ["good.txt"] == [source.name for source in opened.sources]
    assert ["caf\ufffd.txt", "empty.txt", "picture.txt", "sheet.ods"] == [p.name for p in opened.problems]
    assert all("; " in problem.reason for problem in opened.problems)
    assert "nine" in ask(opened, "When does the library open?").citations[0].quote


def test_mistake_in_a_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even a mistake of ours costs one document only."""
    load = formats.load

    def broken(data: bytes, name: str) -> Document:
        if name == "a.txt":
            raise RecursionError
        return load(data, name)

    monkeypatch.setattr(ingestion, "load", broken)
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(HOURS + name)
    opened = Library.open(tmp_path)
    assert ["b.txt"] == [source.name for source in opened.sources]
    assert ["cannot be read because of an internal error (see the log); save it again or remove it"] == [
        p.reason for p in opened.problems
    ]


def test_what_is_listed(tmp_path: Path) -> None:
    """Files in folders are found, in one order; links are not followed and hidden files not read."""
    for name in ("x.txt/b.txt", "книги/ا.txt", "B.txt", ".hidden.txt", ".git/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(HOURS + name)
    (tmp_path / "link.txt").symlink_to(tmp_path / "B.txt")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.txt")
    opened = Library.open(tmp_path)
    assert ["B.txt", "x.txt/b.txt", "книги/ا.txt"] == [source.name for source in opened.sources]
    assert () == opened.problems


def test_vanished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that goes between listing and reading is a problem, not an error."""
    (tmp_path / "a.txt").write_text(HOURS)
    listed = [FileEntry(name, 1, 1) for name in ("a.txt", "gone.txt")]
    monkeypatch.setattr(library, "list_files", lambda _: (listed, []))
    assert ["gone.txt"] == [problem.name for problem in Library.open(tmp_path).problems]


async def test_context(tmp_path: Path) -> None:
    """A passage's neighbours are those before and after it in its document."""
    (tmp_path / "a.txt").write_text(SENTENCE * 60)
    (tmp_path / "b.txt").write_text(HOURS)
    opened = Library.open(tmp_path)
    for passage in library_passages(opened):
        context = await opened.context(passage.id)
        assert context is not None
        assert passage == context.passage
        if context.before:
            assert context.before.span.start < passage.span.start
        if context.after:
            assert context.after.span.end > passage.span.end
        near = [other.document for other in (context.before, context.after) if other]
        assert {passage.document} == {passage.document, *near}
    first, *_, last = library_passages(opened)
    assert (await opened.context(first.id)).before is None  # type: ignore[union-attr]
    assert (await opened.context(last.id)).after is None  # type: ignore[union-attr]


def test_answers_by_meaning(tmp_path: Path) -> None:
    """Once texts are encoded, what is near in meaning is quoted, though it shares no word."""
    (tmp_path / "a.txt").write_text(HOURS)
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text(f"Weather\n\n{SENTENCE}It has number {number}.\n")
    opened = Library.open(tmp_path, encoder=Translator())
    question = "Wann wird die Bibliothek geöffnet"
    assert not ask(opened, question).citations
    assert opened.encode()
    found = ask(opened, question)
    assert "opens at nine" in found.citations[0].quote
    assert found.confidence > 0


def test_vectors_of_unchanged_passages(tmp_path: Path) -> None:
    """When a document changes only its new texts are encoded; unchanged passages keep their vectors."""
    encoder = FakeEncoder()
    long = [SENTENCE.replace("blue", f"blue{number}") * 6 for number in range(4)]
    (tmp_path / "a.txt").write_text("\n\n".join(long))
    (tmp_path / "b.txt").write_text(HOURS)
    opened = Library.open(tmp_path, encoder=encoder)
    assert opened.passages > 2
    opened.encode()
    before = set(encoder.texts)
    encoder.texts.clear()
    (tmp_path / "a.txt").write_text("\n\n".join((*long[:3], long[3].replace("every morning", "at noon"))))
    changed = Library.open(tmp_path, before=opened)
    assert 0 < changed.unencoded < changed.encodable / 2
    changed.encode()
    assert encoder.texts
    assert all("noon" in text and text not in before for text in encoder.texts)
    assert "noon" in ask(changed, "Who writes into the blue3 book at noon?").citations[0].quote


def test_progress(tmp_path: Path) -> None:
    """Progress counts every document, the bad ones too."""
    (tmp_path / "a.txt").write_text(HOURS)
    (tmp_path / "b.txt").write_bytes(b"")
    seen: list[tuple[int, int]] = []
    Library.open(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert [(1, 2), (2, 2)] == seen
