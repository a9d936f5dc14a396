"""Changes of the documents folder while the bot runs."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.documents.document_manager import DocumentManager, is_valid_document_name
from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import DocumentError, FolderError
from tests.documents import mail_samples, samples

FACT = "The lighthouse of Nordholm was built in 1874.\n"


@pytest.fixture
def swapped() -> list[LocalLibrary]:
    return []


@pytest.fixture
def manager(tmp_path: Path, swapped: list[LocalLibrary]) -> DocumentManager:
    """Return the manager of a folder with one document."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text(FACT)
    return DocumentManager(
        LocalLibrary.open(folder), lambda *_: LocalLibrary.open(folder), swapped.append, lambda _: None
    )


def _names(library: LocalLibrary) -> list[str]:
    return [source.name for source in library.sources]


def _files(manager: DocumentManager) -> list[str]:
    return sorted(file.name for file in manager.library.folder.iterdir())


async def test_adding_and_replacing_a_document(manager: DocumentManager, swapped: list[LocalLibrary]) -> None:
    """An added document is in the library; one of the same name replaces it."""
    assert not await manager.add("b.md", b"# Knots\n\nA bowline.\n")
    assert ["a.txt", "b.md"] == _names(swapped[-1])
    assert await manager.add("b.md", b"# Ropes\n\nA hawser.\n")
    assert "Ropes" == swapped[-1].sources[1].title
    assert manager.library is swapped[-1]
    assert 0o644 == (manager.library.folder / "b.md").stat().st_mode & 0o777


@pytest.mark.parametrize("data", [b"", b" \n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"])
async def test_unreadable_documents_are_not_added(
    manager: DocumentManager, swapped: list[LocalLibrary], data: bytes
) -> None:
    """A document that cannot be read changes nothing, not even the one it would replace."""
    with pytest.raises(DocumentError):
        await manager.add("a.txt", data)
    assert (["a.txt"], []) == (_files(manager), swapped)
    assert FACT == (manager.library.folder / "a.txt").read_text()


async def test_a_failed_write_leaves_no_file(manager: DocumentManager, swapped: list[LocalLibrary]) -> None:
    """A failed write leaves no temporary file."""
    (manager.library.folder / "b.txt").mkdir()
    with pytest.raises(OSError, match="directory"):
        await manager.add("b.txt", FACT.encode())
    assert (["a.txt", "b.txt"], []) == (_files(manager), swapped)


async def test_removing_a_document(manager: DocumentManager, swapped: list[LocalLibrary]) -> None:
    """The file is deleted and the document leaves the library; removing it twice is not an error."""
    (source,) = manager.library.sources
    await manager.remove(source)
    await manager.remove(source)
    assert ([], []) == (_files(manager), _names(swapped[-1]))


@pytest.mark.slow
async def test_archives_and_mails(manager: DocumentManager, swapped: list[LocalLibrary]) -> None:
    """An archive or a mail is added with the documents in it, and removed with any of them."""
    (manager.library.folder / "a.txt").unlink()
    await manager.add("b.zip", samples.make_zip({"c.txt": "A hawser.", "d.txt": ""}))
    await manager.add("m.eml", mail_samples.mail_with({"e.txt": b"A bowline."}))
    assert ["b.zip/c.txt", "m.eml", "m.eml/e.txt"] == _names(swapped[-1])
    archived, _, attached = swapped[-1].sources
    assert ("b.zip", "m.eml") == (manager.file_name(archived), manager.file_name(attached))
    await manager.remove(archived)
    await manager.remove(attached)
    assert ([], []) == (_files(manager), _names(swapped[-1]))


@pytest.mark.parametrize("data", [b"PK", samples.make_zip({"a.txt": ""}), samples.make_zip({"a.exe": "x"})])
async def test_archives_without_a_document(manager: DocumentManager, data: bytes) -> None:
    """An archive that cannot be opened, or has nothing that can be read, is not added."""
    with pytest.raises(DocumentError):
        await manager.add("b.zip", data)
    assert ["a.txt"] == _files(manager)


async def test_reloading(manager: DocumentManager, swapped: list[LocalLibrary]) -> None:
    """A reload finds new files, and raises FolderError if the folder is missing."""
    folder = manager.library.folder
    (folder / "c.txt").write_text("A rope is fixed to the wall.")
    assert ["a.txt", "c.txt"] == _names(await manager.reload())
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(FolderError):
        await manager.reload()
    assert ["a.txt", "c.txt"] == _names(manager.library)
    assert 1 == len(swapped)


async def test_concurrent_changes(manager: DocumentManager, swapped: list[LocalLibrary]) -> None:
    """Documents that are added concurrently are all in the library in the end."""
    names = [f"{number}.txt" for number in range(5)]
    await asyncio.gather(*(manager.add(name, f"Facts of {name}.".encode()) for name in names))
    assert sorted([*names, "a.txt"]) == _names(swapped[-1]) == _files(manager)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", "../x.txt", "a/b.txt", "/etc/x.txt", "a\\b.txt", "x.txt/"),
        *(".hidden.txt", "~x.txt", "x.exe", "x", "txt", ".txt"),
        *("x" * 300 + ".txt", "я" * 99 + ".txt", "a\nb.txt", "a\0.txt", "\u202egpj.txt", "a\u200bb.txt"),
        *("a\udce9.txt", "a\u2028b.txt", "x.txt\n"),
    ],
)
def test_bad_names(name: str) -> None:
    """Names that are hidden, outside the folder, misleading or of an unknown format are rejected."""
    assert not is_valid_document_name(name)


@pytest.mark.parametrize("name", ["a.txt", "Гид по маяку.MD", "دليل.txt", "灯塔 🗼.txt", "a..b.txt", "-x.md"])
def test_good_names(name: str) -> None:
    """Names may be in any script, with spaces and punctuation."""
    assert is_valid_document_name(name)


@given(st.text(max_size=300), st.sampled_from([".txt", ".md", ".exe", ""]))
def test_a_good_name_stays_in_the_folder(stem: str, ending: str) -> None:
    """Every accepted name is that of a visible file right in the folder, and not too long."""
    name = stem + ending
    if is_valid_document_name(name):
        path = Path("folder") / name
        assert (Path("folder"), name) == (path.parent, path.name)
        assert not name.startswith(".")
        assert len(name.encode()) <= 255
