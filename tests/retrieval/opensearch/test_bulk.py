import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from retrieval.errors import UnavailableError
from retrieval.opensearch import bulk
from retrieval.opensearch.bulk import BulkItem
from retrieval.opensearch.client import ClusterClient, ConnectionSettings, RefusedError


def result(status: int) -> dict[str, Any]:
    """Return the result of one document in a bulk response."""
    error = {"error": {"type": "some_exception", "reason": "because"}} if status >= 400 else {}
    return {"index": {"status": status, **error}}


class FakeIndex:
    """Accepts the first `capacity` documents of a request, and rejects the others with `status`."""

    def __init__(self, capacity: int, status: int = 429) -> None:
        self.capacity, self.status = capacity, status
        self.request_sizes: list[int] = []
        self.accepted: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        identities = [json.loads(line)["index"]["_id"] for line in request.content.splitlines()[::2]]
        self.request_sizes.append(len(identities))
        results = []
        for n, identity in enumerate(identities):
            if n < self.capacity:
                self.accepted.append(identity)
                results.append(result(201))
            else:
                results.append(result(self.status))
        return httpx.Response(200, json={"errors": len(identities) > self.capacity, "items": results})


@pytest.fixture(autouse=True)
def _without_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_FIRST_DELAY_SECONDS", 0)


async def write(respond: Callable[[httpx.Request], httpx.Response], count: int, size: int = 10) -> None:
    async with ClusterClient(ConnectionSettings.of("http://one"), httpx.MockTransport(respond)) as cluster:
        body = json.dumps({"b": "x" * size}).encode()
        await bulk.write(cluster, "some", [BulkItem(str(n), body) for n in range(count)])


async def test_request_limits() -> None:
    """A request has at most 2,000 documents and about 5 MB."""
    many, large = FakeIndex(10_000), FakeIndex(10_000)
    await write(many, 4_500)
    await write(large, 12, 1_000_000)
    assert ([2_000, 2_000, 500], [4, 4, 4]) == (many.request_sizes, large.request_sizes)


@pytest.mark.parametrize("status", [429, 503])
async def test_rejected_documents_are_retried_in_halves(status: int) -> None:
    """Only the documents that an overloaded cluster rejects are sent again, in smaller requests."""
    index = FakeIndex(30, status)
    await write(index, 100)
    assert [str(n) for n in range(100)] == sorted(index.accepted, key=int)
    assert [100, 35, 5, 35, 5][:2] == index.request_sizes[:2]
    assert max(index.request_sizes[1:]) == 35


async def test_rejected_requests_are_split() -> None:
    """A request that is rejected as a whole is split into smaller ones."""
    index = FakeIndex(10_000)

    def respond(request: httpx.Request) -> httpx.Response:
        return index(request) if len(request.content) < 1_000 else httpx.Response(429, json={})

    await write(respond, 100)
    assert [str(n) for n in range(100)] == sorted(index.accepted, key=int)


async def test_invalid_document() -> None:
    """A document that the cluster cannot index ends the write with an error."""
    with pytest.raises(RefusedError, match="some_exception"):
        await write(FakeIndex(0, 400), 1)


async def test_retry_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that rejects everything raises an error after the last retry."""
    monkeypatch.setattr(bulk, "_MAX_RETRIES", 3)
    with pytest.raises(UnavailableError, match="takes no more documents"):
        await write(FakeIndex(0), 10)
