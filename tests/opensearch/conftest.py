"""OpenSearch for the tests: one node that all share, or three that a module may kill."""

import os
from collections.abc import Iterator

import pytest

from tests.opensearch.cluster import Cluster


@pytest.fixture(scope="session")
def opensearch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of one node; tests share it, so each names its indexes itself.

    OPENSEARCH_TEST_URL names a cluster that is there already.
    """
    if url := os.environ.get("OPENSEARCH_TEST_URL"):
        yield url.rstrip("/")
        return
    with Cluster(tmp_path_factory.mktemp("opensearch")) as cluster:
        yield cluster.urls[0]


@pytest.fixture(scope="module")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Start three nodes for a module; a test leaves them as it found them: running, and all green."""
    with Cluster(tmp_path_factory.mktemp("cluster"), size=3) as cluster:
        yield cluster
