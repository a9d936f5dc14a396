"""An index is replaced completely or not at all, despite interruptions and other writers and readers."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import FolderError, UnavailableError
from retrieval.opensearch import (
    ClusterClient,
    ClusterLibrary,
    IndexingError,
    IndexPlan,
    WriteLockLostError,
    cached_embeddings,
    index_update,
    stored_passages,
    write_index,
)
from retrieval.opensearch.cluster_library import id_query
from retrieval.opensearch.index_update import WriteLock
from tests.opensearch.conftest import make_old
from tests.retrieval.fake_encoder import FakeEncoder

pytestmark = pytest.mark.opensearch

ROOT = Path(__file__).parents[2]
# Indexes a folder and prints its progress; sends itself a signal (argv[5]) after argv[4] files.
WRITER = """
import asyncio, os, signal, sys
from pathlib import Path
from retrieval.opensearch import ClusterClient, ConnectionSettings, IndexPlan, write_index

def progress(done, total):
    print(done, total, flush=True)
    if done == int(sys.argv[4]):
        os.kill(os.getpid(), int(sys.argv[5]))

async def main():
    async with ClusterClient(ConnectionSettings.from_addresses(sys.argv[1])) as cluster:
        await write_index(cluster, Path(sys.argv[2]), IndexPlan(sys.argv[3], replicas=0), progress=progress)

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def _without_expunge_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait until deleted documents are merged away."""
    monkeypatch.setattr(index_update, "_EXPUNGE_TIMEOUT_SECONDS", 0)


@pytest.fixture
def short_expiry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the times of the write lock."""
    monkeypatch.setattr(index_update, "_EXPIRY_SECONDS", 1.0)
    monkeypatch.setattr(index_update, "_RENEW_SECONDS", 0.2)
    monkeypatch.setattr(index_update, "_POLL_SECONDS", 0.1)


@pytest.fixture
def html_folder(tmp_path: Path) -> Path:
    """Return a folder with twelve documents that are read and indexed one by one."""
    folder = tmp_path / "pages"
    folder.mkdir()
    for n in range(12):
        text = "".join(f"<h2>Part {i}</h2><p>Keeper {n} has {i} goats on rock {n * i}.</p>" for i in range(9))
        (folder / f"{n:02}.html").write_text(f"<title>Rock {n}</title>{text}", encoding="utf-8")
    make_old(folder)
    return folder


def start_writer(
    opensearch: str, folder: Path, alias: str, files: int, number: int
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, opensearch, str(folder), alias, str(files), str(number)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )


async def list_indexes(cluster: ClusterClient, alias: str) -> list[str]:
    return sorted(await cluster.get(f"/{alias}-*/_mapping", filter_path="*.mappings._meta"))


async def aliased_indexes(cluster: ClusterClient, alias: str) -> list[str]:
    return sorted(await cluster.get(f"/_alias/{alias}"))


def progress_recorder() -> tuple[list[int], Callable[[int, int], None]]:
    """Return a list and a progress callback that appends the total number of files to it."""
    totals: list[int] = []
    return totals, lambda _, total: totals.append(total)


async def assert_like_local_library(
    cluster: ClusterClient, alias: str, folder: Path, question: str = "How many goats?"
) -> None:
    """Compare the cluster's library with one on this machine, and count the documents in the index."""
    local, remote = LocalLibrary.open(folder), await ClusterLibrary.open(cluster, folder, alias=alias)
    for name in ("sources", "problems", "passages", "languages", "version"):
        assert getattr(local, name) == getattr(remote, name)
    assert await local.answer(question) == await remote.answer(question)
    assert await local.explain(question) == await remote.explain(question)
    (name,) = await aliased_indexes(cluster, alias)
    records = len(local.sources) + sum(len(source.copies) for source in local.sources) + len(remote.problems)
    samples = (await cluster.search(name, id_query(stored_passages.SAMPLE_ID)))["hits"]["hits"]
    assert local.passages + records + len(samples) == (await cluster.get(f"/{name}/_count"))["count"]


async def test_changes(cluster: ClusterClient, alias: str, folder: Path) -> None:
    """Only changed, new, renamed, copied and broken files are read; the index then equals a new one."""
    plan = IndexPlan(alias, replicas=0)
    await write_index(cluster, folder, plan)
    await assert_like_local_library(cluster, alias, folder)
    os.utime(folder / "zh.txt", (1, 1))
    (folder / "en.txt").write_text("Goats\n\nThe keeper feeds twelve goats.\n", encoding="utf-8")
    (folder / "new.md").write_text("# New\n\nTwo goats are new here.\n", encoding="utf-8")
    (folder / "de.txt").unlink()
    (folder / "ru.txt").rename(folder / "renamed.txt")
    (folder / "copy.txt").write_bytes((folder / "ar.txt").read_bytes())
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    make_old(folder)
    totals, progress = progress_recorder()
    await write_index(cluster, folder, plan, progress=progress)
    assert {6} == set(totals)
    await assert_like_local_library(cluster, alias, folder)
    library = await ClusterLibrary.open(cluster, folder, alias=alias)
    assert ["broken.pdf"] == [problem.name for problem in library.problems]
    assert ("copy.txt",) == next(source for source in library.sources if source.name == "ar.txt").copies
    # When the original is removed, its copy replaces it.
    (folder / "ar.txt").unlink()
    (folder / "broken.pdf").unlink()
    await write_index(cluster, folder, plan)
    await assert_like_local_library(cluster, alias, folder)


async def test_deleted_documents_are_expunged(
    cluster: ClusterClient, alias: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many deleted documents are merged away, so that the cluster's scores do not count them."""
    monkeypatch.setattr(index_update, "_EXPUNGE_TIMEOUT_SECONDS", 60)
    await write_index(cluster, folder, IndexPlan(alias, replicas=0))
    (folder / "de.txt").unlink()
    await write_index(cluster, folder, IndexPlan(alias, replicas=0))
    (name,) = await aliased_indexes(cluster, alias)
    assert 0 == (await cluster.get(f"/{name}/_stats/docs"))["_all"]["total"]["docs"]["deleted"]
    await assert_like_local_library(cluster, alias, folder)


async def test_nothing_changed(cluster: ClusterClient, alias: str, folder: Path) -> None:
    """Without changes nothing is written."""
    await write_index(cluster, folder, IndexPlan(alias, replicas=0))
    before = await aliased_indexes(cluster, alias)
    totals, progress = progress_recorder()
    await write_index(cluster, folder, IndexPlan(alias, replicas=0), progress=progress)
    assert (before, []) == (await aliased_indexes(cluster, alias), totals)


async def test_vectors_are_made_once(
    cluster: ClusterClient, alias: str, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Vectors are kept: a changed document has its own texts encoded, a rebuilt index none."""
    encoder, plan = FakeEncoder(), IndexPlan(alias, replicas=0)
    await write_index(cluster, folder, plan, embeddings=cached_embeddings(encoder, tmp_path / "index", alias))
    count = len(encoder.texts)
    (folder / "en.txt").write_text("Goats\n\nThe keeper feeds twelve goats.\n", encoding="utf-8")
    make_old(folder)
    totals, progress = progress_recorder()
    await write_index(
        cluster,
        folder,
        plan,
        embeddings=cached_embeddings(encoder, tmp_path / "index", alias),
        progress=progress,
    )
    assert ({1}, 2) == (set(totals), len(encoder.texts) - count)
    await assert_like_local_library(cluster, alias, folder)
    # Without vectors, then with vectors again: all files are read again, and nothing is encoded.
    for embeddings in (None, cached_embeddings(encoder, tmp_path / "index", alias)):
        caplog.clear()
        totals.clear()
        await write_index(cluster, folder, plan, progress=progress, embeddings=embeddings)
        assert 1 == caplog.text.count("reading all documents again")
        assert {8} == set(totals)
    assert count + 2 == len(encoder.texts)
    library = await ClusterLibrary.open(cluster, folder, alias=alias, encoder=encoder)
    assert library.snapshot.index.encoder is encoder


@pytest.mark.parametrize("change", [{"shards": 2}, {"quote_chars": 200}, {"fresh": True}])
async def test_rebuild(cluster: ClusterClient, alias: str, folder: Path, change: dict[str, Any]) -> None:
    """Another number of shards, another length of quotes, or `fresh` rebuilds the index."""
    await write_index(cluster, folder, IndexPlan(alias, replicas=0))
    totals, progress = progress_recorder()
    await write_index(cluster, folder, IndexPlan(alias, replicas=0, **change), progress=progress)
    assert {8} == set(totals)
    library = await ClusterLibrary.open(cluster, folder, alias=alias)
    assert change.get("quote_chars", 300) == library.quote_chars


async def test_old_indexes_are_deleted(cluster: ClusterClient, alias: str, folder: Path) -> None:
    """The previous index is kept for its last readers, older ones are deleted, those of others are not."""
    foreign_index = f"{alias}-of-somebody-else"
    await cluster.send("PUT", f"/{foreign_index}", {"mappings": {"_meta": {"alias": "another"}}})
    names: list[str] = []
    for n in range(4):
        (folder / "n.txt").write_text(f"Goat {n}.", encoding="utf-8")
        await write_index(cluster, folder, IndexPlan(alias, replicas=0))
        names += await aliased_indexes(cluster, alias)
    assert sorted([*names[-2:], foreign_index]) == await list_indexes(cluster, alias)


async def test_other_version(
    cluster: ClusterClient, alias: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index of another version is not used: open libraries keep theirs, opening one raises an error."""
    await write_index(cluster, folder, IndexPlan(alias, replicas=0))
    library = await ClusterLibrary.open(cluster, folder, alias=alias)
    with monkeypatch.context() as later:
        later.setattr(stored_passages, "FORMAT_VERSION", stored_passages.FORMAT_VERSION + 1)
        await write_index(cluster, folder, IndexPlan(alias, replicas=0))
    assert not await library.refresh()
    assert (await library.answer("How many goats does the keeper feed?")).answered
    with pytest.raises(UnavailableError, match="no index for this version"):
        await ClusterLibrary.open(cluster, folder, alias=alias)


async def test_an_empty_folder(cluster: ClusterClient, alias: str, tmp_path: Path) -> None:
    """An empty folder gives an index without passages; a missing one raises an error."""
    await write_index(cluster, tmp_path, IndexPlan(alias, replicas=0))
    library = await ClusterLibrary.open(cluster, tmp_path, alias=alias)
    assert ((), 0, ()) == (library.sources, library.passages, library.languages)
    assert (await library.answer("How many goats?")).citations == ()
    with pytest.raises(FolderError, match="no such folder"):
        await write_index(cluster, tmp_path / "missing", IndexPlan(alias, replicas=0))


async def test_nothing_indexed_yet(cluster: ClusterClient, alias: str, tmp_path: Path) -> None:
    """Before the first indexing, the error names the command to run."""
    with pytest.raises(UnavailableError, match="run `verbatim index`"):
        await ClusterLibrary.open(cluster, tmp_path, alias=alias)


@pytest.mark.usefixtures("short_expiry")
async def test_killed_writer(opensearch: str, cluster: ClusterClient, alias: str, html_folder: Path) -> None:
    """A killed writer leaves the current index unchanged, and the next one continues its work."""
    with start_writer(opensearch, html_folder, alias, 6, signal.SIGKILL) as killed:
        killed.communicate(timeout=120)
    assert -signal.SIGKILL == killed.returncode
    with pytest.raises(UnavailableError):
        await ClusterLibrary.open(cluster, html_folder, alias=alias)
    (html_folder / "00.html").unlink()
    (html_folder / "01.html").write_text("<p>Keeper 1 has no goats.</p>", encoding="utf-8")
    totals, progress = progress_recorder()
    await write_index(cluster, html_folder, IndexPlan(alias, replicas=0), progress=progress)
    assert totals
    assert set(totals) <= {6, 7}
    await assert_like_local_library(cluster, alias, html_folder)
    assert await aliased_indexes(cluster, alias) == await list_indexes(cluster, alias)


@pytest.mark.usefixtures("short_expiry")
async def test_suspended_writer(
    opensearch: str, cluster: ClusterClient, alias: str, html_folder: Path
) -> None:
    """A suspended writer loses the lock; when it is resumed, it ends without changing the index."""
    with start_writer(opensearch, html_folder, alias, 6, signal.SIGSTOP) as stopped:
        assert stopped.stdout is not None
        while "6 12" not in await asyncio.to_thread(stopped.stdout.readline):
            pass
        await write_index(cluster, html_folder, IndexPlan(alias, replicas=0))
        stopped.send_signal(signal.SIGCONT)
        _, errors = await asyncio.to_thread(stopped.communicate, timeout=120)
    assert 1 == stopped.returncode
    assert "another process has taken over" in errors or "the current index is unchanged" in errors
    await assert_like_local_library(cluster, alias, html_folder)
    assert await aliased_indexes(cluster, alias) == await list_indexes(cluster, alias)


@pytest.mark.usefixtures("short_expiry")
async def test_concurrent_writers(cluster: ClusterClient, alias: str, html_folder: Path) -> None:
    """Of two writers one waits, gets the name of the other, and then has nothing to do."""
    holders: list[str] = []
    totals, progress = progress_recorder()
    first = write_index(
        cluster, html_folder, IndexPlan(alias, replicas=0), on_wait=holders.append, progress=progress
    )
    second = write_index(
        cluster, html_folder, IndexPlan(alias, replicas=0), on_wait=holders.append, progress=progress
    )
    await asyncio.gather(first, second)
    assert [f"process {os.getpid()}"] == [holder.rpartition(", ")[2] for holder in holders]
    assert 12 == len(totals)
    await assert_like_local_library(cluster, alias, html_folder)


async def test_lost_lock(cluster: ClusterClient, alias: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A holder that does not renew the lock loses it; the next one learns of the unfinished index."""
    monkeypatch.setattr(index_update, "_EXPIRY_SECONDS", 0.3)
    monkeypatch.setattr(index_update, "_POLL_SECONDS", 0.1)
    async with WriteLock.acquire(cluster, alias) as first:
        await first.set_unfinished("some-index")
        async with WriteLock.acquire(cluster, alias) as second:
            assert "some-index" == second.unfinished
            with pytest.raises(WriteLockLostError):
                await first.set_unfinished(None)
            with pytest.raises(WriteLockLostError):
                first.check()
            second.check()


async def test_replaced_meanwhile(cluster: ClusterClient, alias: str, folder: Path) -> None:
    """An index replaces only the one that was current when it was begun."""
    await write_index(cluster, folder, IndexPlan(alias, replicas=0))
    (before,) = await aliased_indexes(cluster, alias)
    (folder / "n.txt").write_text("One more goat.", encoding="utf-8")

    def swap(_: int, __: int) -> None:
        with httpx.Client(base_url=cluster.addresses) as client:
            client.put(f"/{alias}-other", json={}, timeout=30).raise_for_status()
            actions = [
                {"remove": {"index": before, "alias": alias}},
                {"add": {"index": f"{alias}-other", "alias": alias}},
            ]
            client.post("/_aliases", json={"actions": actions}, timeout=30).raise_for_status()

    with pytest.raises(IndexingError, match="another process has replaced the index"):
        await write_index(cluster, folder, IndexPlan(alias, replicas=0), progress=swap)
    assert [f"{alias}-other"] == await aliased_indexes(cluster, alias)


async def test_replaced_while_read(cluster: ClusterClient, alias: str, folder: Path) -> None:
    """While indexes are replaced, each question is answered from a single one of them."""
    note = folder / "note.txt"
    note.write_text("The harbour master counts 0 kites.", encoding="utf-8")
    await write_index(cluster, folder, IndexPlan(alias, replicas=0))
    library = await ClusterLibrary.open(cluster, folder, alias=alias)
    is_done = False
    quotes: list[str] = []

    async def ask() -> None:
        n = 0
        while not is_done:
            n += 1
            answer = await library.answer(f"How many kites does the harbour master count {n}")
            quotes.append(answer.citations[0].quote)

    task = asyncio.create_task(ask())
    for n in range(1, 5):
        note.write_text(f"The harbour master counts {n} kites.", encoding="utf-8")
        await write_index(cluster, folder, IndexPlan(alias, replicas=0))
    is_done = True
    await task
    assert {quote.replace(quote.split()[-2], "N") for quote in quotes} == {
        "The harbour master counts N kites."
    }
    await library.refresh()
    assert not await library.refresh()
    (citation,) = (await library.answer("How many kites?")).citations[:1]
    assert "The harbour master counts 4 kites." == citation.quote
