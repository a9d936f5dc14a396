"""Reading files in worker processes: a faulty document fails alone."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pebble import ProcessFuture

from retrieval.documents import ingestion
from retrieval.documents.file_listing import FileEntry, list_files
from retrieval.documents.file_records import FailedFile, IngestedFile
from retrieval.documents.ingestion import Batch, ingest
from retrieval.errors import ReadingStoppedError
from retrieval.index import segment_writer
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.segment import Segment
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load_document
from retrieval.model import Document, Passage
from tests.retrieval.corpus import forward_rows

pytestmark = pytest.mark.slow

# Of the two workers, the second imports this module for a second, and the first takes longer to end.
LATE_WORKER = """\
import multiprocessing.util, os, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
if __name__ == "__mp_main__":
    (folder / str(os.getpid())).touch()
    while len(workers := sorted(int(path.name) for path in folder.glob("[0-9]*"))) < 2:
        time.sleep(0.01)
    if os.getpid() == workers[0]:
        multiprocessing.util._exit_function = lambda: time.sleep(2)
    else:
        time.sleep(1)
if __name__ == "__main__":
    os.cpu_count = lambda: 2
    from retrieval.documents.local_library import LocalLibrary
    print(LocalLibrary.open(folder / "docs").passages)
"""

ROOT = Path(__file__).parents[3]

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
    """Read plain text in worker processes too, however little."""
    monkeypatch.setattr(ingestion, "_MAX_BYTES_IN_PROCESS", -1)


def ingest_folder(folder: Path, scratch: Path) -> tuple[dict[str, IngestedFile | FailedFile], list[Passage]]:
    """Return the result of each file in a folder, in order, and all passages."""
    results: dict[str, IngestedFile | FailedFile] = {}
    passages: list[Passage] = []
    for batch in ingest(folder, list_files(folder)[0], 300, scratch):
        results |= {file.name: result for file, result in batch.results}
        batch_passages: list[Passage] = []
        if batch.segment:
            segment = Segment(batch.segment)
            ordinals = range(len(segment))
            batch_passages = segment.passages(ordinals)
            rebuilt, _ = ForwardIndex.build(batch_passages, 300)
            assert forward_rows(rebuilt) == forward_rows(segment.forward(ordinals))
            passages += batch_passages
        names = [file.name for file, result in batch.results if isinstance(result, IngestedFile)]
        assert names == list(dict.fromkeys(passage.document_name for passage in batch_passages))
    return results, passages


def reasons(results: dict[str, IngestedFile | FailedFile]) -> dict[str, str]:
    return {name: result.reason for name, result in results.items() if isinstance(result, FailedFile)}


def ingest_faultily(folder: Path, files: Sequence[FileEntry], max_piece_chars: int, scratch: Path) -> Batch:
    """Crash, hang or fail if a file says so, else ingest the batch; runs in a worker process."""
    text = "".join((folder / file.name).read_text() for file in files)
    if "crash" in text:
        os._exit(3)
    if "hang" in text:
        time.sleep(60)
    if "memory" in text:
        raise MemoryError
    return ingestion._ingest_batch(folder, files, max_piece_chars, scratch)


def schedule_faultily(jobs: ingestion._Jobs, files: Sequence[FileEntry]) -> ProcessFuture[Batch]:
    """Set a short timeout for the hanging file only: on a busy machine processes take seconds to start."""
    alone = len(files) == 1 and "hang" in (jobs.folder / files[0].name).read_text()
    arguments = jobs.folder, files, jobs.max_piece_chars, jobs.scratch
    return jobs.pool.schedule(ingest_faultily, args=arguments, timeout=3 if alone else 60)


@pytest.mark.usefixtures("apart")
def test_faulty_document_fails_alone(
    documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that crashes a worker, blocks it or exhausts its memory fails alone."""
    monkeypatch.setattr(ingestion._Jobs, "schedule", schedule_faultily)
    words = ["fine", "crash", "also fine", "hang", "memory", "well"]
    folder = documents({f"{number}.txt": f"This is {word}.\n" for number, word in enumerate(words)})
    results, passages = ingest_folder(folder, tmp_path / "index")
    assert {
        "1.txt": "reading it crashed (exit code 3); save it again or remove it",
        "3.txt": "takes more than 180 s to read; save it again, or split it",
        "4.txt": "takes too much memory to read; split it",
    } == reasons(results)
    assert [f"{number}.txt" for number in range(6)] == list(results)
    assert ["This is fine.", "This is also fine.", "This is well."] == [passage.text for passage in passages]


class Panic(BaseException):
    """Like the exception of a panic in a Rust library: no Exception, and unknown to pickle."""

    def __reduce__(self) -> str:
        raise TypeError("cannot be pickled")


def build_unless_bad(error: BaseException) -> Callable[[Path, Sequence[Passage], int], Segment]:
    """Return a function that writes segments, and raises the error if a passage says that it is bad."""
    build = segment_writer.write_segment

    def build_or_fail(folder: Path, passages: Sequence[Passage], max_piece_chars: int) -> Segment:
        if any("bad" in passage.text for passage in passages):
            raise error
        return build(folder, passages, max_piece_chars)

    return build_or_fail


@pytest.mark.parametrize("error", [MemoryError(), ValueError("x"), RecursionError(), Panic()])
def test_indexing_error_fails_alone(
    error: BaseException, documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that cannot be indexed fails alone in its batch."""
    monkeypatch.setattr(segment_writer, "write_segment", build_unless_bad(error))
    folder = documents({f"{number}.txt": word for number, word in enumerate(["fine", "bad", "well"])})
    results, passages = ingest_folder(folder, tmp_path / "index")
    assert ["1.txt"] == list(reasons(results))
    assert ["fine", "well"] == [passage.text for passage in passages]


def panic_if_bad(data: bytes, name: str, _: object) -> Document:
    if b"bad" in data:
        raise Panic
    return load_document(data, name)


def index_with_panic(
    folder: Path, files: Sequence[FileEntry], max_piece_chars: int, scratch: Path, _: object = None
) -> Batch:
    """Ingest in a worker process, where a library panics while a bad document is indexed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segment_writer, "write_segment", build_unless_bad(Panic()))
        return ingestion._ingest_batch(folder, files, max_piece_chars, scratch)


@pytest.mark.usefixtures("apart")
def test_stopping(documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading that is no longer wanted ends long before its limit, and the worker processes with it."""

    def schedule(jobs: ingestion._Jobs, files: Sequence[FileEntry]) -> ProcessFuture[Batch]:
        return jobs.pool.schedule(ingest_faultily, args=(jobs.folder, files, 300, jobs.scratch), timeout=60)

    monkeypatch.setattr(ingestion._Jobs, "schedule", schedule)
    folder = documents({"0.txt": "hang"})
    started = time.monotonic()
    with pytest.raises(ReadingStoppedError):
        list(ingest(folder, list_files(folder)[0], 300, tmp_path, lambda: time.monotonic() > started + 1))
    assert time.monotonic() - started < 20


@pytest.mark.usefixtures("apart")
def test_panic_in_worker_fails_alone(
    documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A panic while a worker indexes a document costs that document only, and its reason names no class."""

    def schedule(jobs: ingestion._Jobs, files: Sequence[FileEntry]) -> ProcessFuture[Batch]:
        arguments = jobs.folder, files, jobs.max_piece_chars, jobs.scratch
        return jobs.pool.schedule(index_with_panic, args=arguments)

    monkeypatch.setattr(ingestion._Jobs, "schedule", schedule)
    folder = documents({f"{number}.txt": word for number, word in enumerate(["fine", "bad", "well"])})
    results, passages = ingest_folder(folder, tmp_path / "index")
    expected = "cannot be read because of an internal error (see the log); save it again or remove it"
    assert {"1.txt": expected} == reasons(results)
    assert ["fine", "well"] == [passage.text for passage in passages]


def test_panic_in_a_loader_fails_alone(
    documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A panic while a document is read costs that document only."""
    monkeypatch.setattr(ingestion, "load_document", panic_if_bad)
    folder = documents({f"{number}.txt": word for number, word in enumerate(["fine", "bad", "well"])})
    results, passages = ingest_folder(folder, tmp_path / "index")
    assert ["1.txt"] == list(reasons(results))
    assert ["fine", "well"] == [passage.text for passage in passages]


def test_full_disk(documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write error is raised as OSError, not attributed to a document."""

    def full(*_: object) -> Segment:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(segment_writer, "write_segment", full)
    folder = documents({"a.txt": "fine"})
    with pytest.raises(OSError, match="No space left"):
        list(ingest(folder, list_files(folder)[0], 300, tmp_path))


def test_results_do_not_depend_on_batches(
    documents: Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process or in workers, one by one or in batches, the results are the same."""
    texts = {f"{n}.txt": f"The lighthouse {n} stands by the sea.\n\nПароход." for n in range(7)}
    folder = documents({**texts, "3.txt": "", "5.md": "# Sea\n\nThe ferry leaves at seven."})
    in_process = ingest_folder(folder, tmp_path / "here")
    assert {"3.txt": "contains no text"} == {
        name: reason.split(";")[0] for name, reason in reasons(in_process[0]).items()
    }
    expected = [
        passage for name in sorted({*texts, "5.md"} - {"3.txt"}) for passage in load_passages(folder, name)
    ]
    assert expected == in_process[1]
    bounds: list[dict[str, int]] = [
        {},
        {"_MAX_BATCH_FILES": 2, "_MAX_PENDING_BATCHES": 1},
        {"_MAX_BATCH_BYTES": 1},
    ]
    for limits in bounds:
        with monkeypatch.context() as patched:
            for name, value in {"_MAX_BYTES_IN_PROCESS": -1, **limits}.items():
                patched.setattr(ingestion, name, value)
            assert in_process == ingest_folder(folder, tmp_path / "apart")
    (folder / "6.html").write_text("<p>The ferry leaves at seven.</p>")
    both = ingest_folder(folder, tmp_path / "both")
    assert sorted([*in_process[0], "6.html"]) == list(both[0])


def load_passages(folder: Path, name: str) -> list[Passage]:
    return list(split_passages(load_document((folder / name).read_bytes(), name)))


def test_no_text(tmp_path: Path) -> None:
    """Without files there is no batch, and without text no segment."""
    assert [] == list(ingest(tmp_path, [], 300, tmp_path / "index"))
    (tmp_path / "a.txt").write_text("")
    assert [None] == [
        batch.segment for batch in ingest(tmp_path, list_files(tmp_path)[0], 300, tmp_path / "index")
    ]


def test_final_failures(tmp_path: Path) -> None:
    """Failure to open a file is not final; failure to load its content is."""
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "b.odd").write_text("?")
    results, _ = ingest_folder(tmp_path, tmp_path / "index")
    assert {"a.txt": True, "b.odd": False} == {
        name: result.is_final for name, result in results.items() if isinstance(result, FailedFile)
    }


def test_a_worker_that_starts_late(documents: Documents, tmp_path: Path) -> None:
    """A worker that is still starting when all files have been read ends without a traceback."""
    documents({"a.html": "<p>The lighthouse was built in 1874.</p>", "b.html": "<p>It has 212 steps.</p>"})
    program = tmp_path / "program.py"
    program.write_text(LATE_WORKER)
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "2\n", "") == (done.returncode, done.stdout, done.stderr)
