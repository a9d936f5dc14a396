import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from retrieval.errors import UnavailableError
from retrieval.opensearch import bulk
from retrieval.opensearch.bulk import BulkItem
from retrieval.opensearch.client import Cluster, ConnectionSettings, RefusedError


def item(status: int) -> dict[str, Any]:
    """Tell what became of a document."""
    error = {"error": {"type": "some_exception", "reason": "because"}} if status >= 400 else {}
    return {"index": {"status": status, **error}}


class Sink:
    """Takes documents as long as there are at most `room` in a request; notes how many were in each."""

    def __init__(self, room: int, status: int = 429) -> None:
        self.room, self.status = room, status
        self.sizes: list[int] = []
        self.held: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        identities = [json.loads(line)["index"]["_id"] for line in request.content.splitlines()[::2]]
        self.sizes.append(len(identities))
        items = []
        for n, identity in enumerate(identities):
            if n < self.room:
                self.held.append(identity)
                items.append(item(201))
            else:
                items.append(item(self.status))
        return httpx.Response(200, json={"errors": len(identities) > self.room, "items": items})


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "_FIRST_WAIT", 0)


async def written(play: Callable[[httpx.Request], httpx.Response], count: int, size: int = 10) -> None:
    async with Cluster(ConnectionSettings.of("http://one"), httpx.MockTransport(play)) as cluster:
        body = json.dumps({"b": "x" * size}).encode()
        await bulk.write(cluster, "some", [BulkItem(str(n), body) for n in range(count)])


async def test_requests_have_bounds() -> None:
    """A request has at most 2,000 documents, and some 5 MB."""
    many, large = Sink(10_000), Sink(10_000)
    await written(many, 4_500)
    await written(large, 12, 1_000_000)
    assert ([2_000, 2_000, 500], [4, 4, 4]) == (many.sizes, large.sizes)


@pytest.mark.parametrize("status", [429, 503])
async def test_what_has_no_room_is_sent_again_in_halves(status: int) -> None:
    """What a cluster cannot take now comes again, and only that, in smaller requests."""
    sink = Sink(30, status)
    await written(sink, 100)
    assert [str(n) for n in range(100)] == sorted(sink.held, key=int)
    assert [100, 35, 5, 35, 5][:2] == sink.sizes[:2]
    assert max(sink.sizes[1:]) == 35


async def test_a_whole_request_is_refused() -> None:
    """A cluster that takes no request of that size is sent smaller ones."""
    sink = Sink(10_000)

    def play(request: httpx.Request) -> httpx.Response:
        return sink(request) if len(request.content) < 1_000 else httpx.Response(429, json={})

    await written(play, 100)
    assert [str(n) for n in range(100)] == sorted(sink.held, key=int)


async def test_what_will_never_be_taken() -> None:
    """A document that is refused for what it is ends the writing."""
    with pytest.raises(RefusedError, match="some_exception"):
        await written(Sink(0, 400), 1)


async def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that never takes anything is given up."""
    monkeypatch.setattr(bulk, "_PATIENCE", 3)
    with pytest.raises(UnavailableError, match="takes no more documents"):
        await written(Sink(0), 10)
