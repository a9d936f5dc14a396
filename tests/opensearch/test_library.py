"""A library in a cluster returns the same as one on this machine."""

import logging
from pathlib import Path

import pytest

from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import UnavailableError
from retrieval.opensearch import ClusterClient, ClusterLibrary, ConnectionSettings, IndexPlan, write_index
from tests.opensearch.compare_indexes import EVAL_DOCUMENTS

pytestmark = pytest.mark.opensearch


@pytest.fixture
async def both(cluster: ClusterClient, alias: str) -> tuple[LocalLibrary, ClusterLibrary]:
    await write_index(cluster, EVAL_DOCUMENTS, IndexPlan(alias, shards=2, replicas=0))
    return LocalLibrary.open(EVAL_DOCUMENTS), await ClusterLibrary.open(cluster, EVAL_DOCUMENTS, alias=alias)


async def test_documents(both: tuple[LocalLibrary, ClusterLibrary]) -> None:
    """Documents, passages and headings are equal, read whole or in parts."""
    local, remote = both
    assert local.sources == remote.sources
    for source in local.sources:
        assert source == remote.source(source.id)
        passages = list(await local.read(source))
        assert passages == list(await remote.read(source))
        assert passages[2:5] == list(await remote.read(source, 2, 3))
        assert passages[3:] == list(await remote.read(source, 3))
        assert await local.sections(source) == await remote.sections(source)
        assert local.file(source) == remote.file(source)
    assert remote.source("x" * 8) is None


async def test_neighbours(both: tuple[LocalLibrary, ClusterLibrary]) -> None:
    """The neighbours of each passage are equal, also at the ends of a document."""
    local, remote = both
    for source in local.sources[:4]:
        for passage in await local.read(source):
            assert await local.passage_with_neighbours(passage.id) == await remote.passage_with_neighbours(
                passage.id
            )
    assert await remote.passage_with_neighbours("x" * 20) is None


async def test_long_documents(cluster: ClusterClient, alias: str, tmp_path: Path) -> None:
    """A document with more passages than one request returns is read completely."""
    text = "\n\n".join(f"## Goat {n}\n\nGoat {n} eats salt and sleeps on the rock." for n in range(1_500))
    (tmp_path / "long.md").write_text(text, encoding="utf-8")
    await write_index(cluster, tmp_path, IndexPlan(alias, replicas=0))
    remote = await ClusterLibrary.open(cluster, tmp_path, alias=alias)
    (source,) = remote.sources
    local = LocalLibrary.open(tmp_path)
    assert list(await local.read(source)) == list(await remote.read(source))
    assert await local.sections(source) == await remote.sections(source)


async def test_explanations(both: tuple[LocalLibrary, ClusterLibrary]) -> None:
    """The weights of a question's words are equal."""
    question = "When did the town acquire the customs house?"
    assert await both[0].explain(question) == await both[1].explain(question)


async def test_earlier_questions(both: tuple[LocalLibrary, ClusterLibrary]) -> None:
    """A follow-up question gets the same answer."""
    question, earlier = "And when did it burn?", "When did the town acquire the customs house?"
    assert await both[0].answer(question, earlier=earlier) == await both[1].answer(question, earlier=earlier)
    assert await both[0].answer(question, top=2) == await both[1].answer(question, top=2)


async def test_ping(both: tuple[LocalLibrary, ClusterLibrary]) -> None:
    """`ping` raises no error while the cluster can be searched."""
    await both[1].ping()


async def test_unreachable(
    tmp_path: Path, opensearch: str, alias: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An unreachable cluster raises an error; credentials are in no error and no log line."""
    caplog.set_level(logging.DEBUG)
    host = opensearch.partition("://")[2]
    async with ClusterClient(
        ConnectionSettings.from_addresses("http://user:secret@127.0.0.1:9")
    ) as unreachable:
        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:9: ConnectError") as caught:
            await ClusterLibrary.open(unreachable, tmp_path, alias=alias)
    async with ClusterClient(ConnectionSettings.from_addresses(f"http://user:secret@{host}")) as cluster:
        (tmp_path / "a.txt").write_text("Eleven goats.", encoding="utf-8")
        await write_index(cluster, tmp_path, IndexPlan(alias, replicas=0))
        await (await ClusterLibrary.open(cluster, tmp_path, alias=alias)).answer("How many goats?")
    output = caplog.text + repr(caught.value)
    assert [] == [word for word in ("user:", "secret", "dXNlc") if word in output]
