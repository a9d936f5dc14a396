"""A library in a cluster gives what one on this machine gives."""

import logging
from pathlib import Path

import pytest

from retrieval.documents.library import Library
from retrieval.errors import UnavailableError
from retrieval.opensearch import Cluster, ClusterLibrary, ConnectionSettings, IndexPlan, write
from tests.opensearch.compare_indexes import EVAL

pytestmark = pytest.mark.opensearch


@pytest.fixture
async def both(cluster: Cluster, alias: str) -> tuple[Library, ClusterLibrary]:
    await write(cluster, EVAL, IndexPlan(alias, shards=2, replicas=0))
    return Library.open(EVAL), await ClusterLibrary.open(cluster, EVAL, alias=alias)


async def test_documents(both: tuple[Library, ClusterLibrary]) -> None:
    """Documents, their passages and headings are the same, whole and in parts."""
    mine, other = both
    assert mine.sources == other.sources
    for source in mine.sources:
        assert source == other.source(source.id)
        passages = list(await mine.read(source))
        assert passages == list(await other.read(source))
        assert passages[2:5] == list(await other.read(source, 2, 3))
        assert passages[3:] == list(await other.read(source, 3))
        assert await mine.sections(source) == await other.sections(source)
        assert mine.file(source) == other.file(source)
    assert other.source("x" * 8) is None


async def test_contexts(both: tuple[Library, ClusterLibrary]) -> None:
    """What stands around a passage is the same, at the ends of a document as well."""
    mine, other = both
    for source in mine.sources[:4]:
        for passage in await mine.read(source):
            assert await mine.context(passage.id) == await other.context(passage.id)
    assert await other.context("x" * 20) is None


async def test_long_documents(cluster: Cluster, alias: str, tmp_path: Path) -> None:
    """A document of more passages than are read at once is read whole."""
    text = "\n\n".join(f"## Goat {n}\n\nGoat {n} eats salt and sleeps on the rock." for n in range(1_500))
    (tmp_path / "long.md").write_text(text, encoding="utf-8")
    await write(cluster, tmp_path, IndexPlan(alias, replicas=0))
    other = await ClusterLibrary.open(cluster, tmp_path, alias=alias)
    (source,) = other.sources
    mine = Library.open(tmp_path)
    assert list(await mine.read(source)) == list(await other.read(source))
    assert await mine.sections(source) == await other.sections(source)


async def test_explanations(both: tuple[Library, ClusterLibrary]) -> None:
    """Words weigh the same."""
    asked = "When did the town acquire the customs house?"
    assert await both[0].explain(asked) == await both[1].explain(asked)


async def test_earlier_questions(both: tuple[Library, ClusterLibrary]) -> None:
    """A question that leans on the one before gets the same answer."""
    asked, earlier = "And when did it burn?", "When did the town acquire the customs house?"
    assert await both[0].answer(asked, earlier=earlier) == await both[1].answer(asked, earlier=earlier)
    assert await both[0].answer(asked, top=2) == await both[1].answer(asked, top=2)


async def test_reachable(both: tuple[Library, ClusterLibrary]) -> None:
    """A library that can be searched says nothing."""
    await both[1].ping()


async def test_nobody_there(
    tmp_path: Path, opensearch: str, alias: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nobody answers, one line says so; who we are is told nowhere, also where somebody does."""
    caplog.set_level(logging.DEBUG)
    host = opensearch.partition("://")[2]
    async with Cluster(ConnectionSettings.of("http://user:secret@127.0.0.1:9")) as nobody:
        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9: ConnectError") as caught:
            await ClusterLibrary.open(nobody, tmp_path, alias=alias)
    async with Cluster(ConnectionSettings.of(f"http://user:secret@{host}")) as cluster:
        (tmp_path / "a.txt").write_text("Eleven goats.", encoding="utf-8")
        await write(cluster, tmp_path, IndexPlan(alias, replicas=0))
        await (await ClusterLibrary.open(cluster, tmp_path, alias=alias)).answer("How many goats?")
    told = caplog.text + repr(caught.value)
    assert [] == [word for word in ("user:", "secret", "dXNlc") if word in told]
