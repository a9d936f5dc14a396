"""Reading in processes of their own: what happens there stays there."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pebble import ProcessFuture, ProcessPool

from retrieval.documents import ingestion
from retrieval.documents.file_listing import FileEntry, list_files
from retrieval.documents.ingestion import Batch, FailedFile, IngestedFile, ingest
from retrieval.index import segment_writer
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.segment import Segment
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load
from retrieval.model import Passage
from tests.retrieval.corpus import forward_rows

Documents = Callable[[dict[str, str]], Path]


@pytest.fixture
def documents(tmp_path: Path) -> Documents:
    def write(texts: dict[str, str]) -> Path:
        folder = tmp_path / "docs"
        folder.mkdir()
        for name, text in texts.items():
            (folder / name).write_text(text)
        return folder

    return write


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read texts in processes of their own too, however few."""
    monkeypatch.setattr(ingestion, "_LITTLE", -1)


def everything(folder: Path, scratch: Path) -> tuple[dict[str, IngestedFile | FailedFile], list[Passage]]:
    """Read a folder; give what became of each file, in order, and all passages."""
    results: dict[str, IngestedFile | FailedFile] = {}
    found: list[Passage] = []
    for batch in ingest(folder, list_files(folder)[0], 300, scratch):
        results |= {file.name: result for file, result in batch.results}
        own: list[Passage] = []
        if batch.segment:
            one = Segment(batch.segment)
            own = one.passages(range(len(one)))
            assert forward_rows(ForwardIndex.build(own, 300)[0]) == forward_rows(one.forward(range(len(one))))
            found += own
        names = [file.name for file, result in batch.results if isinstance(result, IngestedFile)]
        assert names == list(dict.fromkeys(passage.document for passage in own))
    return results, found


def reasons(results: dict[str, IngestedFile | FailedFile]) -> dict[str, str]:
    return {name: result.reason for name, result in results.items() if isinstance(result, FailedFile)}


def read_badly(folder: Path, some: Sequence[FileEntry], longest_piece: int, scratch: Path) -> Batch:
    """Read files as ever, but what says so crashes, hangs or fails; called in another process."""
    text = "".join((folder / file.name).read_text() for file in some)
    if "crash" in text:
        os._exit(3)
    if "hang" in text:
        time.sleep(60)
    if "memory" in text:
        raise MemoryError
    return ingestion._read(folder, some, longest_piece, scratch)


def begin_badly(
    pool: ProcessPool, folder: Path, files: Sequence[FileEntry], *arguments: Any
) -> "ProcessFuture[Batch]":
    """Have patience with all but the one that hangs: on a busy machine a process takes seconds to start."""
    alone = len(files) == 1 and "hang" in (folder / files[0].name).read_text()
    return pool.schedule(read_badly, args=(folder, files, *arguments), timeout=3 if alone else 60)


@pytest.mark.usefixtures("apart")
def test_what_breaks_off_costs_one_document(
    documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that crashes a process, keeps it busy or takes all memory fails alone."""
    monkeypatch.setattr(ingestion, "_begin", begin_badly)
    words = ["fine", "crash", "also fine", "hang", "memory", "well"]
    folder = documents({f"{number}.txt": f"This is {word}.\n" for number, word in enumerate(words)})
    results, found = everything(folder, tmp_path / "index")
    assert {
        "1.txt": "reading it crashed (exit code 3); save it anew or remove it",
        "3.txt": "takes more than 180 s to read; save it anew, or split it",
        "4.txt": "takes too much memory to read; split it",
    } == reasons(results)
    assert [f"{number}.txt" for number in range(6)] == list(results)
    assert ["This is fine.", "This is also fine.", "This is well."] == [one.text for one in found]


@pytest.mark.parametrize("error", [MemoryError(), ValueError("x"), RecursionError()])
def test_a_mistake_in_indexing_costs_one_document(
    error: Exception, documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that cannot be indexed fails alone, of all read with it."""
    build = segment_writer.build

    def failing(folder: Path, found: Sequence[Passage], longest_piece: int) -> Segment:
        if any("bad" in passage.text for passage in found):
            raise error
        return build(folder, found, longest_piece)

    monkeypatch.setattr(segment_writer, "build", failing)
    folder = documents({f"{number}.txt": word for number, word in enumerate(["fine", "bad", "well"])})
    results, found = everything(folder, tmp_path / "index")
    assert ["1.txt"] == list(reasons(results))
    assert ["fine", "well"] == [passage.text for passage in found]


def test_a_full_disk_costs_no_document(
    documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be written it is the disk that is blamed, not a document."""

    def full(*_: object) -> Segment:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(segment_writer, "build", full)
    folder = documents({"a.txt": "fine"})
    with pytest.raises(OSError, match="No space left"):
        list(ingest(folder, list_files(folder)[0], 300, tmp_path))


def test_many_and_few_are_read_alike(
    documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether here or in other processes, one by one or together, the same comes of the same files."""
    texts = {f"{n}.txt": f"The lighthouse {n} stands by the sea.\n\nПароход." for n in range(7)}
    folder = documents({**texts, "3.txt": "", "5.md": "# Sea\n\nThe ferry leaves at seven."})
    here = everything(folder, tmp_path / "here")
    assert {"3.txt": "holds no text"} == {name: why.split(";")[0] for name, why in reasons(here[0]).items()}
    expected = [one for name in sorted({*texts, "5.md"} - {"3.txt"}) for one in of(folder, name)]
    assert expected == here[1]
    bounds: list[dict[str, int]] = [{}, {"_MOST_FILES": 2, "_AHEAD": 1}, {"_BATCH": 1}]
    for own in bounds:
        with monkeypatch.context() as patched:
            for name, value in {"_LITTLE": -1, **own}.items():
                patched.setattr(ingestion, name, value)
            assert here == everything(folder, tmp_path / "apart")
    (folder / "6.html").write_text("<p>The ferry leaves at seven.</p>")
    both = everything(folder, tmp_path / "both")
    assert sorted([*here[0], "6.html"]) == list(both[0])


def of(folder: Path, name: str) -> list[Passage]:
    return list(split_passages(load((folder / name).read_bytes(), name)))


def test_nothing_to_read(tmp_path: Path) -> None:
    """Without files there is nothing, and files without text leave no segment."""
    assert [] == list(ingest(tmp_path, [], 300, tmp_path / "index"))
    (tmp_path / "a.txt").write_text("")
    assert [None] == [
        batch.segment for batch in ingest(tmp_path, list_files(tmp_path)[0], 300, tmp_path / "index")
    ]


def test_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    """A file that could not be opened is no lost case; one that holds nothing is, until it changes."""
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "b.odd").write_text("?")
    results, _ = everything(tmp_path, tmp_path / "index")
    assert {"a.txt": True, "b.odd": False} == {
        name: one.is_final for name, one in results.items() if isinstance(one, FailedFile)
    }
