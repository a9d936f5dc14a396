"""OpenSearch for the tests: one node that all share, or three that a module may kill."""

import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from retrieval.opensearch import Cluster, ConnectionSettings
from tests.opensearch.cluster import Cluster as Nodes
from tests.retrieval.conftest import TEXTS


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of one node; tests share it, so each names its indexes itself.

    OPENSEARCH_TEST_URL names a cluster that is there already.
    """
    if url := os.environ.get("OPENSEARCH_TEST_URL"):
        yield url.rstrip("/")
        return
    with Nodes(tmp_path_factory.mktemp("opensearch")) as cluster:
        yield cluster.urls[0]


@pytest.fixture(scope="module")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Start three nodes for a module; a test leaves them as it found them: running, and all green."""
    with Nodes(tmp_path_factory.mktemp("cluster"), size=3) as cluster:
        yield cluster


@pytest.fixture
async def cluster(opensearch: str) -> AsyncIterator[Cluster]:
    async with Cluster(ConnectionSettings.of(opensearch)) as opened:
        yield opened


@pytest.fixture
def alias(opensearch: str) -> Iterator[str]:
    """Return a name that no other test has; its indexes are gone afterwards."""
    name = f"test-{secrets.token_hex(6)}"
    yield name
    httpx.delete(f"{opensearch}/{name}-*", timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with small documents in eight languages."""
    place = tmp_path / "documents"
    place.mkdir()
    for name, text in TEXTS.items():
        (place / name).write_text(text, encoding="utf-8")
    settle(place)
    return place


def settle(folder: Path) -> None:
    """Make what was written just now a minute old: what is newer may change again, and is read again."""
    now = time.time_ns()
    for n, file in enumerate(sorted(folder.iterdir())):
        if file.stat().st_mtime_ns > now - 10**10:
            written = now - 60 * 10**9 + n
            os.utime(file, ns=(written, written))
