import io
import random
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from bot.i18n.texts import texts_for
from bot.views.message import location_text
from retrieval.documents.file_listing import list_files
from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import DocumentError
from retrieval.loaders import containers
from retrieval.loaders.formats import read_file
from tests.documents import samples, text_samples

FILES: dict[str, str | bytes] = {
    "notes/hours.txt": "The library opens at nine on Mondays.\n",
    "guide.docx": samples.make_docx(),
    "signal.rst": text_samples.RST,
    "main.py": "print(1)",
    "inner.zip": samples.make_zip({"a.txt": "x"}),
    ".hidden.txt": "no",
    "__MACOSX/._hours.txt": "no",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "documents" / "more").mkdir(parents=True)
    (tmp_path / "documents" / "more" / "pack.zip").write_bytes(samples.make_zip(FILES))
    (tmp_path / "documents" / "own.txt").write_text("The pier closes at ten.\n")
    return tmp_path / "documents"


@pytest.mark.slow
async def test_documents(folder: Path, tmp_path: Path) -> None:
    """Each file in an archive is a document, cited with its path through the archive."""
    library = LocalLibrary.open(folder, index_dir=tmp_path / "index")
    assert [
        "more/pack.zip/guide.docx",
        "more/pack.zip/notes/hours.txt",
        "more/pack.zip/signal.rst",
        "own.txt",
    ] == [source.name for source in library.sources]
    best = (await library.answer("When does the library open on Mondays?")).citations[0]
    assert "more/pack.zip/notes/hours.txt" == best.document_name
    assert "line 1" in location_text("", best.locator, texts_for("en"))
    problems = {problem.name: problem.reason for problem in library.problems}
    assert {"more/pack.zip/inner.zip", "more/pack.zip/main.py"} == set(problems)
    assert "is an archive in an archive; unpack it" == problems["more/pack.zip/inner.zip"]
    source = library.sources[0]
    assert folder / "more" / "pack.zip" == library.file(source)


@pytest.mark.slow
def test_unchanged_archives_are_not_read_again(folder: Path, tmp_path: Path) -> None:
    """A saved index knows the files of an archive; a new archive replaces them."""
    first = LocalLibrary.open(folder, index_dir=tmp_path / "index")
    assert first.version == LocalLibrary.open(folder, index_dir=tmp_path / "index").version
    (folder / "more" / "pack.zip").write_bytes(samples.make_zip({"new.txt": "A new sentence."}))
    assert ["more/pack.zip/new.txt", "own.txt"] == [
        source.name for source in LocalLibrary.open(folder, index_dir=tmp_path / "index").sources
    ]


def _write(path: Path, entries: dict[str, bytes]) -> Path:
    path.write_bytes(samples.make_zip(entries))
    return path


def test_paths_out_of_the_archive(tmp_path: Path) -> None:
    """A path that leads out of the archive is a problem, and reads nothing outside."""
    _write(tmp_path / "a.zip", {"../secret.txt": b"x", "/etc/passwd.txt": b"x", "good.txt": b"Good."})
    (tmp_path / "secret.txt").write_text("outside")
    files, problems = list_files(tmp_path)
    assert ["a.zip/good.txt", "secret.txt"] == [file.name for file in files]
    assert 2 == sum("leads out of the archive" in problem.reason for problem in problems)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is no ZIP archive, or cut short or damaged"),
        (b"PK\3\4" + bytes(100), "is no ZIP archive, or cut short or damaged"),
        (samples.make_zip({}), "contains no files"),
        (samples.make_zip({"a.txt": bytes(64 * 2**20)}), "which is too much; split it"),
    ],
)
def test_refused(data: bytes, reason: str, tmp_path: Path) -> None:
    """An archive that is damaged, empty or a bomb is one problem, and costs no other document."""
    (tmp_path / "a.zip").write_bytes(data)
    (tmp_path / "own.txt").write_text("Own.")
    files, problems = list_files(tmp_path)
    assert ["own.txt"] == [file.name for file in files]
    assert reason in problems[0].reason


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many files, and one that is too large, are rejected."""
    path = _write(tmp_path / "a.zip", {f"{n}.txt": b"abc" for n in range(3)})
    with pytest.raises(DocumentError, match="unpacks to more than 0 MB"):
        containers.read_packed_file(path / "1.txt", "a.zip/1.txt", 2)
    monkeypatch.setattr(containers, "MAX_FILES", 2)
    with pytest.raises(DocumentError, match="has more than 2 files; unpack it"):
        containers.list_packed_files(path, "a.zip")


def test_wrong_size(tmp_path: Path) -> None:
    """A file that is larger than the list states is not unpacked beyond that."""
    data = bytearray(samples.make_zip({"a.txt": b"a" * 5000}))
    at = data.rindex((5000).to_bytes(4, "little"))
    data[at : at + 4] = (10).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(DocumentError, match="is damaged in its archive"):
        read_file(tmp_path / "a.zip" / "a.txt", "a.zip/a.txt")


def test_any_damage(tmp_path: Path) -> None:
    """Of a hundred damaged archives, each is listed or a problem; some are still read."""
    intact, read = samples.make_zip({"a.txt": b"The pier closes at ten.", "b.txt": b"Second."}), 0
    for seed in range(100):
        rng, data = random.Random(seed), bytearray(intact)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        (tmp_path / "a.zip").write_bytes(data[: rng.choice([len(data), len(data), rng.randrange(len(data))])])
        files, _ = list_files(tmp_path)
        for file in files:
            with suppress(DocumentError):
                read += bool(read_file(tmp_path / file.name, file.name))
    assert read > 20


def test_encrypted(tmp_path: Path) -> None:
    """An encrypted archive is rejected."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.txt", "x")
    data = bytearray(buffer.getvalue())
    data[data.rindex(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert "is encrypted" in list_files(tmp_path)[1][0].reason
