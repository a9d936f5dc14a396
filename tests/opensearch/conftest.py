"""OpenSearch for the tests: one node shared by all, or three nodes that the tests of a module may stop."""

import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from retrieval.opensearch import ClusterClient, ConnectionSettings
from tests.opensearch.cluster import LocalCluster
from tests.retrieval.conftest import TEXTS


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a node shared by all tests, each of which uses index names of its own.

    With OPENSEARCH_TEST_URL, use that cluster instead.
    """
    if url := os.environ.get("OPENSEARCH_TEST_URL"):
        yield url.rstrip("/")
        return
    with LocalCluster(tmp_path_factory.mktemp("opensearch")) as cluster:
        yield cluster.urls[0]


@pytest.fixture(scope="module")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Start three nodes for a module; each test leaves them running, with status green."""
    with LocalCluster(tmp_path_factory.mktemp("cluster"), size=3) as cluster:
        yield cluster


@pytest.fixture
async def cluster(opensearch: str) -> AsyncIterator[ClusterClient]:
    async with ClusterClient(ConnectionSettings.from_addresses(opensearch)) as client:
        yield client


@pytest.fixture
def alias(opensearch: str) -> Iterator[str]:
    """Return a unique alias; its indexes are deleted afterwards."""
    name = f"test-{secrets.token_hex(6)}"
    yield name
    httpx.delete(f"{opensearch}/{name}-*", timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with small documents in eight languages."""
    documents = tmp_path / "documents"
    documents.mkdir()
    for name, text in TEXTS.items():
        (documents / name).write_text(text, encoding="utf-8")
    make_old(documents)
    return documents


def make_old(folder: Path) -> None:
    """Set the times of new files to a minute ago; files modified just before indexing are read again."""
    now = time.time_ns()
    for n, file in enumerate(sorted(folder.iterdir())):
        if file.stat().st_mtime_ns > now - 10**10:
            written = now - 60 * 10**9 + n
            os.utime(file, ns=(written, written))
