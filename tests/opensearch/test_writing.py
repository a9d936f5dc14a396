"""Indexes are written whole or not at all: whatever breaks off, whoever else writes or reads meanwhile."""

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

from retrieval.documents.library import Library
from retrieval.errors import FolderError, UnavailableError
from retrieval.opensearch import (
    Cluster,
    ClusterLibrary,
    IndexingError,
    IndexPlan,
    WriteLockLostError,
    cached_embeddings,
    index_builder,
    mappings,
    write,
    write_lock,
)
from retrieval.opensearch.write_lock import WriteLock
from tests.opensearch.conftest import settle
from tests.retrieval.fake_encoder import FakeEncoder

pytestmark = pytest.mark.opensearch

ROOT = Path(__file__).parents[2]
# Writes a folder, saying how far it is; with a number, kills or stops itself when so many files are written.
WRITER = """
import asyncio, os, signal, sys
from pathlib import Path
from retrieval.opensearch import Cluster, ConnectionSettings, IndexPlan, write

def progress(done, total):
    print(done, total, flush=True)
    if done == int(sys.argv[4]):
        os.kill(os.getpid(), int(sys.argv[5]))

async def main():
    async with Cluster(ConnectionSettings.of(sys.argv[1])) as cluster:
        await write(cluster, Path(sys.argv[2]), IndexPlan(sys.argv[3], replicas=0), progress=progress)

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing that is deleted to be forgotten."""
    monkeypatch.setattr(index_builder, "_PATIENCE", 0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a writer for gone sooner."""
    monkeypatch.setattr(write_lock, "_GONE", 1.0)
    monkeypatch.setattr(write_lock, "_RENEWED", 0.2)
    monkeypatch.setattr(write_lock, "_LOOKS", 0.1)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Return a folder with twelve documents that are read and written one by one."""
    place = tmp_path / "pages"
    place.mkdir()
    for n in range(12):
        text = "".join(f"<h2>Part {i}</h2><p>Keeper {n} has {i} goats on rock {n * i}.</p>" for i in range(9))
        (place / f"{n:02}.html").write_text(f"<title>Rock {n}</title>{text}", encoding="utf-8")
    settle(place)
    return place


def writer(opensearch: str, folder: Path, alias: str, at: int, number: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, opensearch, str(folder), alias, str(at), str(number)]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )


async def indexes(cluster: Cluster, alias: str) -> list[str]:
    """Name the indexes of ours that are there."""
    told = await cluster.get(f"/{alias}-*/_mapping", filter_path="*.mappings._meta")
    return sorted(told)


async def aliased(cluster: Cluster, alias: str) -> list[str]:
    return sorted(await cluster.get(f"/_alias/{alias}"))


def counting() -> tuple[list[int], Callable[[int, int], None]]:
    """Return what notes how many files are to be written."""
    totals: list[int] = []
    return totals, lambda _, total: totals.append(total)


async def check(cluster: Cluster, alias: str, folder: Path, question: str = "How many goats?") -> None:
    """See that the cluster's library is what one on this machine is, with the same numbers."""
    mine, found = Library.open(folder), await ClusterLibrary.open(cluster, folder, alias=alias)
    for name in ("sources", "problems", "passages", "languages", "version"):
        assert getattr(mine, name) == getattr(found, name)
    assert await mine.answer(question) == await found.answer(question)
    assert await mine.explain(question) == await found.explain(question)
    (name,) = await aliased(cluster, alias)
    records = len(mine.sources) + sum(len(one.copies) for one in mine.sources) + len(found.problems)
    samples = (await cluster.search(name, mappings.by_id(mappings.SAMPLE)))["hits"]["hits"]
    assert mine.passages + records + len(samples) == (await cluster.get(f"/{name}/_count"))["count"]


async def test_changes(cluster: Cluster, alias: str, folder: Path) -> None:
    """Changed, new, removed, renamed, copied and broken documents: only they are read, and all counts."""
    plan = IndexPlan(alias, replicas=0)
    await write(cluster, folder, plan)
    await check(cluster, alias, folder)
    os.utime(folder / "zh.txt", (1, 1))
    (folder / "en.txt").write_text("Goats\n\nThe keeper feeds twelve goats.\n", encoding="utf-8")
    (folder / "new.md").write_text("# New\n\nTwo goats are new here.\n", encoding="utf-8")
    (folder / "de.txt").unlink()
    (folder / "ru.txt").rename(folder / "renamed.txt")
    (folder / "copy.txt").write_bytes((folder / "ar.txt").read_bytes())
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 broken")
    settle(folder)
    totals, progress = counting()
    await write(cluster, folder, plan, progress=progress)
    assert {6} == set(totals)
    await check(cluster, alias, folder)
    found = await ClusterLibrary.open(cluster, folder, alias=alias)
    assert ["broken.pdf"] == [problem.name for problem in found.problems]
    assert ("copy.txt",) == next(one for one in found.sources if one.name == "ar.txt").copies
    # The original goes, so the copy takes its place.
    (folder / "ar.txt").unlink()
    (folder / "broken.pdf").unlink()
    await write(cluster, folder, plan)
    await check(cluster, alias, folder)


async def test_what_was_taken_out_is_forgotten(
    cluster: Cluster, alias: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where much was taken out, the cluster's own scores do not count it any more."""
    monkeypatch.setattr(index_builder, "_PATIENCE", 60)
    await write(cluster, folder, IndexPlan(alias, replicas=0))
    (folder / "de.txt").unlink()
    await write(cluster, folder, IndexPlan(alias, replicas=0))
    (name,) = await aliased(cluster, alias)
    assert 0 == (await cluster.get(f"/{name}/_stats/docs"))["_all"]["total"]["docs"]["deleted"]
    await check(cluster, alias, folder)


async def test_nothing_changed(cluster: Cluster, alias: str, folder: Path) -> None:
    """Where nothing changed, nothing is written."""
    await write(cluster, folder, IndexPlan(alias, replicas=0))
    before = await aliased(cluster, alias)
    totals, progress = counting()
    await write(cluster, folder, IndexPlan(alias, replicas=0), progress=progress)
    assert (before, []) == (await aliased(cluster, alias), totals)


async def test_vectors_are_made_once(
    cluster: Cluster, alias: str, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is encoded is kept: a changed document costs its own texts, an index made anew none."""
    encoder, plan = FakeEncoder(), IndexPlan(alias, replicas=0)
    await write(cluster, folder, plan, embeddings=cached_embeddings(encoder, tmp_path / "index", alias))
    whole = len(encoder.texts)
    (folder / "en.txt").write_text("Goats\n\nThe keeper feeds twelve goats.\n", encoding="utf-8")
    settle(folder)
    totals, progress = counting()
    await write(
        cluster,
        folder,
        plan,
        embeddings=cached_embeddings(encoder, tmp_path / "index", alias),
        progress=progress,
    )
    assert ({1}, 2) == (set(totals), len(encoder.texts) - whole)
    await check(cluster, alias, folder)
    # Without vectors, and then with them again: all is read anew, and nothing encoded.
    for embeddings in (None, cached_embeddings(encoder, tmp_path / "index", alias)):
        caplog.clear()
        totals.clear()
        await write(cluster, folder, plan, progress=progress, embeddings=embeddings)
        assert 1 == caplog.text.count("all documents are read anew")
        assert {8} == set(totals)
    assert whole + 2 == len(encoder.texts)
    library = await ClusterLibrary.open(cluster, folder, alias=alias, encoder=encoder)
    assert library.snapshot.index.encoder is encoder


@pytest.mark.parametrize("change", [{"shards": 2}, {"quote_chars": 200}, {"fresh": True}])
async def test_made_anew(cluster: Cluster, alias: str, folder: Path, change: dict[str, Any]) -> None:
    """Other shards or another length of quotes make the index anew, and so does who wants that."""
    await write(cluster, folder, IndexPlan(alias, replicas=0))
    totals, progress = counting()
    await write(cluster, folder, IndexPlan(alias, replicas=0, **change), progress=progress)
    assert {8} == set(totals)
    found = await ClusterLibrary.open(cluster, folder, alias=alias)
    assert change.get("quote_chars", 300) == found.quote_chars


async def test_what_is_kept(cluster: Cluster, alias: str, folder: Path) -> None:
    """The index before stays for those who still ask it; the one before that is deleted, others are not."""
    other = f"{alias}-of-somebody-else"
    await cluster.send("PUT", f"/{other}", {"mappings": {"_meta": {"alias": "another"}}})
    seen: list[str] = []
    for n in range(4):
        (folder / "n.txt").write_text(f"Goat {n}.", encoding="utf-8")
        await write(cluster, folder, IndexPlan(alias, replicas=0))
        seen += await aliased(cluster, alias)
    assert sorted([*seen[-2:], other]) == await indexes(cluster, alias)


async def test_another_version(
    cluster: Cluster, alias: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another version made is not read: who has an index goes on with it, and who has none is told."""
    await write(cluster, folder, IndexPlan(alias, replicas=0))
    library = await ClusterLibrary.open(cluster, folder, alias=alias)
    with monkeypatch.context() as later:
        later.setattr(mappings, "FORMAT", mappings.FORMAT + 1)
        await write(cluster, folder, IndexPlan(alias, replicas=0))
    assert not await library.refresh()
    assert (await library.answer("How many goats does the keeper feed?")).answered
    with pytest.raises(UnavailableError, match="no index for this version"):
        await ClusterLibrary.open(cluster, folder, alias=alias)


async def test_an_empty_folder(cluster: Cluster, alias: str, tmp_path: Path) -> None:
    """An empty folder is an index without passages; a missing one is told."""
    await write(cluster, tmp_path, IndexPlan(alias, replicas=0))
    found = await ClusterLibrary.open(cluster, tmp_path, alias=alias)
    assert ((), 0, ()) == (found.sources, found.passages, found.languages)
    assert (await found.answer("How many goats?")).citations == ()
    with pytest.raises(FolderError, match="no such folder"):
        await write(cluster, tmp_path / "missing", IndexPlan(alias, replicas=0))


async def test_nothing_indexed_yet(cluster: Cluster, alias: str, tmp_path: Path) -> None:
    """Before anything was indexed, one line says what to run."""
    with pytest.raises(UnavailableError, match="run `verbatim index`"):
        await ClusterLibrary.open(cluster, tmp_path, alias=alias)


@pytest.mark.usefixtures("impatient")
async def test_killed_and_taken_up(opensearch: str, cluster: Cluster, alias: str, pages: Path) -> None:
    """A writer that is killed leaves what was searched as it was, and the next one goes on where it was."""
    with writer(opensearch, pages, alias, 6, signal.SIGKILL) as killed:
        killed.communicate(timeout=120)
    assert -signal.SIGKILL == killed.returncode
    with pytest.raises(UnavailableError):
        await ClusterLibrary.open(cluster, pages, alias=alias)
    (pages / "00.html").unlink()
    (pages / "01.html").write_text("<p>Keeper 1 has no goats.</p>", encoding="utf-8")
    totals, progress = counting()
    await write(cluster, pages, IndexPlan(alias, replicas=0), progress=progress)
    assert totals
    assert set(totals) <= {6, 7}
    await check(cluster, alias, pages)
    assert await aliased(cluster, alias) == await indexes(cluster, alias)


@pytest.mark.usefixtures("impatient")
async def test_stopped_and_overtaken(opensearch: str, cluster: Cluster, alias: str, pages: Path) -> None:
    """A writer that hangs for long is taken for gone; when it goes on, it does no harm."""
    with writer(opensearch, pages, alias, 6, signal.SIGSTOP) as stopped:
        assert stopped.stdout is not None
        while "6 12" not in await asyncio.to_thread(stopped.stdout.readline):
            pass
        await write(cluster, pages, IndexPlan(alias, replicas=0))
        stopped.send_signal(signal.SIGCONT)
        _, errors = await asyncio.to_thread(stopped.communicate, timeout=120)
    assert 1 == stopped.returncode
    assert "another process has taken over" in errors or "the index is as it was" in errors
    await check(cluster, alias, pages)
    assert await aliased(cluster, alias) == await indexes(cluster, alias)


@pytest.mark.usefixtures("impatient")
async def test_two_at_once(cluster: Cluster, alias: str, pages: Path) -> None:
    """Of two writers one waits, knows who for, and then finds nothing to do."""
    told: list[str] = []
    totals, progress = counting()
    one = write(cluster, pages, IndexPlan(alias, replicas=0), waits=told.append, progress=progress)
    other = write(cluster, pages, IndexPlan(alias, replicas=0), waits=told.append, progress=progress)
    await asyncio.gather(one, other)
    assert [f"process {os.getpid()}"] == [holder.rpartition(", ")[2] for holder in told]
    assert 12 == len(totals)
    await check(cluster, alias, pages)


async def test_a_lease_that_is_lost(cluster: Cluster, alias: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who did not renew is overtaken and finds out, and the other one is told what was left."""
    monkeypatch.setattr(write_lock, "_GONE", 0.3)
    monkeypatch.setattr(write_lock, "_LOOKS", 0.1)
    async with WriteLock.held(cluster, alias) as first:
        await first.builds("some-index")
        async with WriteLock.held(cluster, alias) as second:
            assert "some-index" == second.left
            with pytest.raises(WriteLockLostError):
                await first.builds(None)
            with pytest.raises(WriteLockLostError):
                first.check()
            second.check()


async def test_somebody_else_was_first(cluster: Cluster, alias: str, folder: Path) -> None:
    """An index takes the place of the one it was made from, and of no other."""
    await write(cluster, folder, IndexPlan(alias, replicas=0))
    (before,) = await aliased(cluster, alias)
    (folder / "n.txt").write_text("One more goat.", encoding="utf-8")

    def swap(_: int, __: int) -> None:
        with httpx.Client(base_url=cluster.shown) as client:
            client.put(f"/{alias}-other", json={}, timeout=30).raise_for_status()
            actions = [
                {"remove": {"index": before, "alias": alias}},
                {"add": {"index": f"{alias}-other", "alias": alias}},
            ]
            client.post("/_aliases", json={"actions": actions}, timeout=30).raise_for_status()

    with pytest.raises(IndexingError, match="another process has put its index there"):
        await write(cluster, folder, IndexPlan(alias, replicas=0), progress=swap)
    assert [f"{alias}-other"] == await aliased(cluster, alias)


async def test_swaps_under_reading(cluster: Cluster, alias: str, folder: Path) -> None:
    """While indexes come and go, every question is answered, from one of them as a whole."""
    note = folder / "note.txt"
    note.write_text("The harbour master counts 0 kites.", encoding="utf-8")
    await write(cluster, folder, IndexPlan(alias, replicas=0))
    library = await ClusterLibrary.open(cluster, folder, alias=alias)
    done = False
    quotes: list[str] = []

    async def ask() -> None:
        n = 0
        while not done:
            n += 1
            found = await library.answer(f"How many kites does the harbour master count {n}")
            quotes.append(found.citations[0].quote)

    asking = asyncio.create_task(ask())
    for n in range(1, 5):
        note.write_text(f"The harbour master counts {n} kites.", encoding="utf-8")
        await write(cluster, folder, IndexPlan(alias, replicas=0))
    done = True
    await asking
    assert {quote.replace(quote.split()[-2], "N") for quote in quotes} == {
        "The harbour master counts N kites."
    }
    await library.refresh()
    assert not await library.refresh()
    (citation,) = (await library.answer("How many kites?")).citations[:1]
    assert "The harbour master counts 4 kites." == citation.quote
