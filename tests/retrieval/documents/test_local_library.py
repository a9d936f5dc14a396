"""A library: reading a folder, answering from it, and documents that cannot be read."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retrieval.documents import ingestion, local_library
from retrieval.documents.file_listing import FileEntry, FolderListing
from retrieval.documents.local_library import LocalLibrary
from retrieval.embeddings.encoder import QuestionVectors, Vectors
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


def ask(opened: LocalLibrary, question: str) -> Answer:
    return asyncio.run(opened.answer(question))


class Translator(FakeEncoder):
    """Encodes a German question as its English words."""

    def encode_question(self, text: str) -> QuestionVectors:
        known = {"wann": "when", "wird": "the", "bibliothek": "library", "geöffnet": "opens"}
        return super().encode_question(" ".join(known.get(word, "") for word in text.casefold().split()))


@contextmanager
def folder_of(text: str) -> Iterator[Path]:
    """Yield a folder with a document of this text and another one."""
    with TemporaryDirectory() as name:
        (Path(name) / "a.txt").write_text(text, encoding="utf-8", newline="")
        (Path(name) / "b.md").write_text(HOURS, encoding="utf-8")
        yield Path(name)


@given(text=TEXT, question=TEXT | st.text(max_size=40), max_chars=st.integers(5, 300))
@example(text="x" * 10_000, question="x" * 10_000, max_chars=300)
@example(text="e\u0301" * 5_000, question="e\u0301 " * 40, max_chars=300)
@example(text="שלום עולם. 😀 nine\u200b\u0301", question="שלום nine", max_chars=300)
@example(text="The library", question="a\ud800 library", max_chars=300)
@settings(max_examples=60)
def test_quotes_are_verbatim(text: str, question: str, max_chars: int) -> None:
    """For any text, a quote equals its span of the file, is within the limit, and contains its highlights."""
    # A file with NULs is not read as UTF-8.
    with folder_of(text.replace("\0", "")) as folder:
        opened = LocalLibrary.open(folder, quote_chars=max_chars)
        for query in (question, text[:50] + " library"):
            for citation in ask(opened, query).citations:
                content = (folder / citation.document_name).read_text(encoding="utf-8").removeprefix("\ufeff")
                assert citation.span.of(content) == citation.quote
                assert 0 < len(citation.quote) <= max_chars
                assert list(citation.highlights) == sorted(citation.highlights)
                for highlight in citation.highlights:
                    assert citation.span.start <= highlight.start < highlight.end <= citation.span.end
                context = asyncio.run(opened.passage_with_neighbours(citation.passage.id))
                assert context is not None
                assert citation.passage == context.passage


def test_empty_folder(tmp_path: Path) -> None:
    """An empty folder is a library without passages, which declines every question."""
    for _ in range(2):  # indexed, then loaded
        opened = LocalLibrary.open(tmp_path, index_dir=tmp_path / ".index")
        assert (0, (), ()) == (opened.passages, opened.sources, opened.problems)
        assert not ask(opened, "When does it open?").answered
        assert asyncio.run(opened.passage_with_neighbours("x")) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", "no such folder of documents; make it, or name another"),
        ("file", "is a file; name the folder"),
    ],
)
def test_missing_folder(name: str, message: str, tmp_path: Path) -> None:
    """A missing folder, or a file, raises FolderError, which says what to do."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(FolderError, match=rf"{name}: {message}"):
        LocalLibrary.open(tmp_path / name)


def test_unlistable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that cannot be listed raises FolderError; a folder inside it is a problem instead."""
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.txt").write_text(HOURS)
    scandir = os.scandir

    def refuse(folder: Path | int) -> object:
        # Temporary folders are listed by their file descriptor.
        if not isinstance(folder, int) and refused in {Path(folder).name, "all"}:
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    refused = "closed"
    opened = LocalLibrary.open(tmp_path)
    assert ["closed"] == [problem.name for problem in opened.problems]
    assert ["a.txt"] == [source.name for source in opened.sources]
    refused = "all"
    with pytest.raises(FolderError, match=r"cannot be listed \(Permission denied\); check its permissions"):
        LocalLibrary.open(tmp_path)


def test_unreadable_documents(tmp_path: Path) -> None:
    """A document that cannot be read is a problem that says what to do; others are indexed."""
    (tmp_path / "good.txt").write_text(HOURS)
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "picture.txt").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0")
    (tmp_path / "sheet.ods").write_bytes(b"x")
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text(HOURS)
    opened = LocalLibrary.open(tmp_path)
    assert ["good.txt"] == [source.name for source in opened.sources]
    assert ["caf\ufffd.txt", "empty.txt", "picture.txt", "sheet.ods"] == [
        problem.name for problem in opened.problems
    ]
    assert all("; " in problem.reason for problem in opened.problems)
    assert "nine" in ask(opened, "When does the library open?").citations[0].quote


def test_bug_in_a_loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception in a loader skips one document only."""
    load = formats.load_document

    def broken(data: bytes, name: str, _: object) -> Document:
        if name == "a.txt":
            raise RecursionError
        return load(data, name)

    monkeypatch.setattr(ingestion, "load_document", broken)
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(HOURS + name)
    opened = LocalLibrary.open(tmp_path)
    assert ["b.txt"] == [source.name for source in opened.sources]
    assert ["cannot be read because of an internal error (see the log); save it again or remove it"] == [
        problem.reason for problem in opened.problems
    ]


def test_listed_files(tmp_path: Path) -> None:
    """Files in subfolders are listed, sorted; links, hidden files and special files are not."""
    for name in ("x.txt/b.txt", "книги/ا.txt", "B.txt", ".hidden.txt", ".git/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(HOURS + name)
    (tmp_path / "link.txt").symlink_to(tmp_path / "B.txt")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.txt")
    opened = LocalLibrary.open(tmp_path)
    assert ["B.txt", "x.txt/b.txt", "книги/ا.txt"] == [source.name for source in opened.sources]
    assert () == opened.problems


def test_deleted_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file deleted between listing and reading is a problem, not an error."""
    (tmp_path / "a.txt").write_text(HOURS)
    listed = [FileEntry(name, 1, 1) for name in ("a.txt", "gone.txt")]
    monkeypatch.setattr(local_library, "list_folder", lambda *_: FolderListing(listed, []))
    assert ["gone.txt"] == [problem.name for problem in LocalLibrary.open(tmp_path).problems]


async def test_context(tmp_path: Path) -> None:
    """The neighbours of a passage are those before and after it in its document."""
    (tmp_path / "a.txt").write_text(SENTENCE * 60)
    (tmp_path / "b.txt").write_text(HOURS)
    opened = LocalLibrary.open(tmp_path)
    for passage in library_passages(opened):
        context = await opened.passage_with_neighbours(passage.id)
        assert context is not None
        assert passage == context.passage
        if context.before:
            assert context.before.span.start < passage.span.start
        if context.after:
            assert context.after.span.end > passage.span.end
        neighbours = [other.document_name for other in (context.before, context.after) if other]
        assert {passage.document_name} == {passage.document_name, *neighbours}
    first, *_, last = library_passages(opened)
    assert (await opened.passage_with_neighbours(first.id)).before is None  # type: ignore[union-attr]
    assert (await opened.passage_with_neighbours(last.id)).after is None  # type: ignore[union-attr]


def test_answers_by_meaning(tmp_path: Path) -> None:
    """Once texts are encoded, a passage of similar meaning is quoted without a common word."""
    (tmp_path / "a.txt").write_text(HOURS)
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text(f"Weather\n\n{SENTENCE}It has number {number}.\n")
    opened = LocalLibrary.open(tmp_path, encoder=Translator())
    question = "Wann wird die Bibliothek geöffnet"
    assert not ask(opened, question).citations
    assert opened.encode()
    answer = ask(opened, question)
    assert "opens at nine" in answer.citations[0].quote
    assert answer.confidence > 0


def test_vectors_of_unchanged_passages(tmp_path: Path) -> None:
    """When a document changes, only its new texts are encoded; unchanged passages keep their vectors."""
    encoder = FakeEncoder()
    paragraphs = [SENTENCE.replace("blue", f"blue{number}") * 6 for number in range(4)]
    (tmp_path / "a.txt").write_text("\n\n".join(paragraphs))
    (tmp_path / "b.txt").write_text(HOURS)
    opened = LocalLibrary.open(tmp_path, encoder=encoder)
    assert opened.passages > 2
    opened.encode()
    before = set(encoder.texts)
    encoder.texts.clear()
    (tmp_path / "a.txt").write_text(
        "\n\n".join((*paragraphs[:3], paragraphs[3].replace("every morning", "at noon")))
    )
    changed = LocalLibrary.open(tmp_path, before=opened)
    assert 0 < changed.unencoded < changed.encodable / 2
    changed.encode()
    assert encoder.texts
    assert all("noon" in text and text not in before for text in encoder.texts)
    assert "noon" in ask(changed, "Who writes into the blue3 book at noon?").citations[0].quote


def test_progress(tmp_path: Path) -> None:
    """Progress counts every document, including those that cannot be read."""
    (tmp_path / "a.txt").write_text(HOURS)
    (tmp_path / "b.txt").write_bytes(b"")
    calls: list[tuple[int, int]] = []
    LocalLibrary.open(tmp_path, progress=lambda done, total: calls.append((done, total)))
    assert [(1, 2), (2, 2)] == calls


@pytest.mark.parametrize(
    ("question", "is_declined"),
    [
        ("zzz qqq", True),
        ("Fghjk rtz", True),
        ("йцкнг фвпр", True),
        ("pgp vpn", False),
        ("toilet paper", False),
        ("wann geöffnet", False),
        ("fghjk", False),
        ("fghjk 77", False),
        ("when fghjk rtzq", False),
    ],
)
def test_gibberish(question: str, is_declined: bool, tmp_path: Path) -> None:
    """Words that are none in any language and in no document are declined, also with an encoder."""
    (tmp_path / "b.md").write_text(HOURS, encoding="utf-8")

    class Near(FakeEncoder):
        """Takes every text for the same."""

        def _encode(self, text: str) -> Vectors:  # noqa: ARG002
            return np.full(self.dimensions, 0.125, np.float32)

    opened = LocalLibrary.open(tmp_path, encoder=Near())
    assert opened.encode()
    assert is_declined == (ask(opened, question).confidence == 0)
