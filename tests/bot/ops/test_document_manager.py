"""The documents folder while the bot runs."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ops.document_manager import DocumentManager, is_good_name
from retrieval.documents.library import Library
from retrieval.errors import DocumentError, FolderError

FACT = "The lighthouse of Nordholm was built in 1874.\n"


@pytest.fixture
def swapped() -> list[Library]:
    return []


@pytest.fixture
def keeper(tmp_path: Path, swapped: list[Library]) -> DocumentManager:
    """Keep a folder with one document."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "a.txt").write_text(FACT)
    return DocumentManager(
        Library.open(folder), lambda *_: Library.open(folder), swapped.append, lambda _: None
    )


def _names(library: Library) -> list[str]:
    return [source.name for source in library.sources]


def _files(keeper: DocumentManager) -> list[str]:
    return sorted(file.name for file in keeper.library.folder.iterdir())


async def test_a_document_is_put_in_and_replaced(keeper: DocumentManager, swapped: list[Library]) -> None:
    """A document answers once it is in; one of the same name takes its place."""
    assert not await keeper.add("b.md", b"# Knots\n\nA bowline.\n")
    assert ["a.txt", "b.md"] == _names(swapped[-1])
    assert await keeper.add("b.md", b"# Ropes\n\nA hawser.\n")
    assert "Ropes" == swapped[-1].sources[1].title
    assert keeper.library is swapped[-1]
    assert 0o644 == (keeper.library.folder / "b.md").stat().st_mode & 0o777


@pytest.mark.parametrize("data", [b"", b" \n", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"])
async def test_what_cannot_be_read_is_not_put_in(
    keeper: DocumentManager, swapped: list[Library], data: bytes
) -> None:
    """A document that cannot be read leaves the folder, and what it would replace, as they were."""
    with pytest.raises(DocumentError):
        await keeper.add("a.txt", data)
    assert (["a.txt"], []) == (_files(keeper), swapped)
    assert FACT == (keeper.library.folder / "a.txt").read_text()


async def test_a_failed_write_leaves_nothing(keeper: DocumentManager, swapped: list[Library]) -> None:
    """Where a file cannot be put, nothing half written stays behind."""
    (keeper.library.folder / "b.txt").mkdir()
    with pytest.raises(OSError, match="directory"):
        await keeper.add("b.txt", FACT.encode())
    assert (["a.txt", "b.txt"], []) == (_files(keeper), swapped)


async def test_a_document_is_taken_out(keeper: DocumentManager, swapped: list[Library]) -> None:
    """Its file is deleted, and it answers no more; taking it out twice is no error."""
    (source,) = keeper.library.sources
    await keeper.remove(source)
    await keeper.remove(source)
    assert ([], []) == (_files(keeper), _names(swapped[-1]))


async def test_reading_again(keeper: DocumentManager, swapped: list[Library]) -> None:
    """A file that somebody put there is found when the folder is read again; one without a folder fails."""
    folder = keeper.library.folder
    (folder / "c.txt").write_text("A rope is fixed to the wall.")
    assert ["a.txt", "c.txt"] == _names(await keeper.reload())
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(FolderError):
        await keeper.reload()
    assert ["a.txt", "c.txt"] == _names(keeper.library)
    assert 1 == len(swapped)


async def test_changes_at_once_are_all_made(keeper: DocumentManager, swapped: list[Library]) -> None:
    """Several documents put in at the same time are all there in the end."""
    names = [f"{number}.txt" for number in range(5)]
    await asyncio.gather(*(keeper.add(name, f"Facts of {name}.".encode()) for name in names))
    assert sorted([*names, "a.txt"]) == _names(swapped[-1]) == _files(keeper)


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
    """A name that is hidden, leads elsewhere, deceives the eye or is of no format is refused."""
    assert not is_good_name(name)


@pytest.mark.parametrize("name", ["a.txt", "Гид по маяку.MD", "دليل.txt", "灯塔 🗼.txt", "a..b.txt", "-x.md"])
def test_good_names(name: str) -> None:
    """Any script will do, with spaces and signs."""
    assert is_good_name(name)


@given(st.text(max_size=300), st.sampled_from([".txt", ".md", ".exe", ""]))
def test_a_good_name_stays_in_the_folder(stem: str, ending: str) -> None:
    """Whatever is let in names a visible file right in the folder, and one that can be."""
    name = stem + ending
    if is_good_name(name):
        path = Path("folder") / name
        assert (Path("folder"), name) == (path.parent, path.name)
        assert not name.startswith(".")
        assert len(name.encode()) <= 255
