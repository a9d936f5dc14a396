import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from retrieval.errors import UnavailableError
from retrieval.opensearch import client
from retrieval.opensearch.client import BulkItem, ClusterClient, ConnectionSettings, Node, RefusedError

AUTHORIZATION = {"us:pa:ss": "Basic dXM6cGE6c3M=", "o:p": "Basic bzpw"}


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("http://one:9200", [Node("http://one:9200")]),
        ("https://one/", [Node("https://one:443")]),
        (" http://one:9200 , http://[::1]:9201/os,", [Node("http://one:9200"), Node("http://[::1]:9201/os")]),
        (
            "https://us:pa%3Ass@one:9200,https://two:9200,https://o:p@three:9200",
            [
                Node("https://one:9200", AUTHORIZATION["us:pa:ss"]),
                Node("https://two:9200", AUTHORIZATION["us:pa:ss"]),
                Node("https://three:9200", AUTHORIZATION["o:p"]),
            ],
        ),
    ],
)
def test_addresses(addresses: str, expected: list[Node]) -> None:
    """Addresses are parsed; those without a user get the first user of the others."""
    assert expected == list(ConnectionSettings.from_addresses(addresses).nodes)


def test_api_key() -> None:
    """An API key is sent instead of users."""
    assert [Node("http://one:9200", "ApiKey abc")] == list(
        ConnectionSettings.from_addresses("http://u:p@one:9200", api_key="abc").nodes
    )


@pytest.mark.parametrize(
    "addresses",
    [
        "",
        " , ",
        "one:9200",
        "ftp://us:secret@one",
        "http://us:secret@",
        "http://us:secret@one:port",
        "http://x?secret",
    ],
)
def test_invalid_addresses(addresses: str) -> None:
    """An invalid address is rejected in one line without the secrets in it."""
    with pytest.raises(ValueError, match=r"address of a cluster") as caught:
        ConnectionSettings.from_addresses(addresses)
    assert "secret" not in str(caught.value)


def test_repr_has_no_secrets() -> None:
    """The repr of connection settings has neither users nor passwords nor keys."""
    shown = repr(ConnectionSettings.from_addresses("https://user:secret@one", api_key="key")) + repr(
        ConnectionSettings.from_addresses("https://user:secret@one")
    )
    assert [] == [word for word in ("user", "secret", "key", "Basic", "dXNlc") if word in shown]


def test_certificates(tmp_path: Path) -> None:
    """The error for a missing or invalid CA file names the file."""
    (tmp_path / "ca.pem").write_text("no certificate", encoding="utf-8")
    for name, reason in [("none.pem", "No such file"), ("ca.pem", "no certificates in it")]:
        with pytest.raises(ValueError, match=reason) as caught:
            ConnectionSettings.from_addresses("https://one", ca_file=tmp_path / name).ssl_verification()
        assert name in str(caught.value)
    assert ConnectionSettings.from_addresses("https://one").ssl_verification() is True


class Nodes:
    """Fake nodes: each answers with a status, JSON body or exception, or with those of a list in turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **replies: Any) -> None:
        self.replies = replies
        self.hosts: list[str] = []
        self.requests: list[httpx.Request] = []
        self.now = 1000.0
        monkeypatch.setattr(client, "monotonic", lambda: self.now)
        monkeypatch.setattr(client, "_RETRY_DELAY_SECONDS", 0)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.hosts.append(request.url.host)
        self.requests.append(request)
        reply = self.replies[request.url.host]
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        if isinstance(reply, type):
            raise reply("user:secret", request=request)
        if isinstance(reply, int):
            return httpx.Response(reply, json={"error": {"type": "some_exception", "reason": "because"}})
        return httpx.Response(200, json=reply)

    def cluster(self) -> ClusterClient:
        addresses = ",".join(f"http://user:secret@{host}:9200" for host in self.replies)
        return ClusterClient(ConnectionSettings.from_addresses(addresses), httpx.MockTransport(self))


OK = {"ok": True}


@pytest.mark.parametrize(
    "failure",
    [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout, httpx.ReadError, 429, 502, 503, 504],
)
async def test_retry_on_another_node(failure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a node fails, the request is sent to the next one."""
    nodes = Nodes(monkeypatch, one=[failure, OK], two=OK, three=OK)
    async with nodes.cluster() as cluster:
        assert [OK] * 4 == [await cluster.get("/") for _ in range(4)]
        assert 5 == len(nodes.hosts)
        nodes.hosts.clear()
        for _ in range(3):
            await cluster.get("/")
    # A busy node stays in the rotation.
    assert (failure == 429) == ("one" in nodes.hosts)


@pytest.mark.parametrize("failure", [httpx.ReadTimeout, httpx.ConnectError, 503])
async def test_retry_on_the_only_node(failure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single node gets the request a second time."""
    nodes = Nodes(monkeypatch, one=[failure, OK])
    async with nodes.cluster() as cluster:
        assert OK == await cluster.get("/")
    assert ["one", "one"] == nodes.hosts


async def test_failed_node_is_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed node gets no requests for ten seconds, then as many as the others."""
    nodes = Nodes(monkeypatch, one=[httpx.ReadTimeout, OK], two=OK, three=OK)
    async with nodes.cluster() as cluster:
        while "one" not in nodes.hosts:
            await cluster.get("/")
        nodes.hosts.clear()
        nodes.now += 9.9
        for _ in range(6):
            await cluster.get("/")
        assert "one" not in nodes.hosts
        nodes.now += 0.2
        for _ in range(6):
            await cluster.get("/")
    assert 2 == nodes.hosts.count("one")


@pytest.mark.parametrize(("failure", "tries"), [(httpx.ReadTimeout, 2), (503, 2), (httpx.ConnectError, 4)])
async def test_unavailable(failure: Any, tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request is tried twice, not counting refused connections; the error is one line with advice."""
    nodes = Nodes(monkeypatch, one=failure, two=failure, three=failure, four=failure)
    async with nodes.cluster() as cluster:
        with pytest.raises(
            UnavailableError, match=r"^OpenSearch does not answer \(http://\w+:9200: .*OPENSEARCH_URL"
        ):
            await cluster.get("/")
    assert tries == len(nodes.hosts) == len(set(nodes.hosts))


async def test_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that every node would reject is not sent to another node."""
    nodes = Nodes(monkeypatch, one=404, two=400)
    async with nodes.cluster() as cluster:
        refusals = []
        for _ in range(2):
            with pytest.raises(RefusedError, match="some_exception") as caught:
                await cluster.get("/")
            refusals.append((caught.value.status, caught.value.is_missing))
    assert [(400, False), (404, True)] == sorted(refusals)
    assert 2 == len(nodes.hosts)


@pytest.mark.parametrize("status", [401, 403])
async def test_access_denied(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Denied access is an error of its own, and no other node is tried."""
    nodes = Nodes(monkeypatch, one=status, two=status)
    async with nodes.cluster() as cluster:
        with pytest.raises(UnavailableError, match="denied access"):
            await cluster.get("/")
    assert 1 == len(nodes.hosts)


async def test_multi_search_fails_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """A multi-search is repeated as a whole when one of its searches fails."""
    half = {"responses": [{"status": 200}, {"status": 503, "error": {"type": "x", "reason": "y"}}]}
    whole = {"responses": [{"status": 200, "n": 1}, {"status": 200, "n": 2}]}
    nodes = Nodes(monkeypatch, one=[half, whole])
    async with nodes.cluster() as cluster:
        assert [1, 2] == [result["n"] for result in await cluster.multi_search("some", [{}, {}])]


async def test_reporting_node_is_not_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that reports the failure of another one stays in the rotation."""
    half = {"responses": [{"status": 503, "error": {"type": "x", "reason": "y"}}]}
    nodes = Nodes(monkeypatch, one=[half, OK], two=OK)
    async with nodes.cluster() as cluster:
        for _ in range(4):
            await cluster.get("/")
    assert 2 <= nodes.hosts.count("one")


async def test_credentials_are_secret(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """User and password are sent in a header only, and are in no URL, log line or error."""
    caplog.set_level(logging.DEBUG)
    nodes = Nodes(monkeypatch, one=httpx.ReadError, two=503)
    async with nodes.cluster() as cluster:
        with pytest.raises(UnavailableError) as caught:
            await cluster.get("/")
        assert "http://one:9200, http://two:9200" == cluster.addresses
    assert {"Basic dXNlcjpzZWNyZXQ="} == {request.headers["Authorization"] for request in nodes.requests}
    assert not any("user" in str(request.url) for request in nodes.requests)
    output = caplog.text + repr(caught.value)
    assert caplog.text
    assert [] == [word for word in ("user", "secret", "dXNlc") if word in output]


async def test_cut_response(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request is repeated when its response is cut off."""
    responses = [httpx.Response(200, content=b'{"o'), httpx.Response(200, json=OK)]
    monkeypatch.setattr(client, "_RETRY_DELAY_SECONDS", 0)
    transport = httpx.MockTransport(lambda _: responses.pop(0))
    async with ClusterClient(ConnectionSettings.from_addresses("http://one"), transport) as cluster:
        assert await cluster.get("/") == OK


def bulk_result(status: int) -> dict[str, Any]:
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
                results.append(bulk_result(201))
            else:
                results.append(bulk_result(self.status))
        return httpx.Response(200, json={"errors": len(identities) > self.capacity, "items": results})


@pytest.fixture(autouse=True)
def _without_bulk_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_FIRST_BULK_DELAY_SECONDS", 0)


async def write_documents(
    respond: Callable[[httpx.Request], httpx.Response], count: int, size: int = 10
) -> None:
    async with ClusterClient(
        ConnectionSettings.from_addresses("http://one"), httpx.MockTransport(respond)
    ) as cluster:
        body = json.dumps({"b": "x" * size}).encode()
        await client.bulk_write(cluster, "some", [BulkItem(str(n), body) for n in range(count)])


async def test_request_limits() -> None:
    """A request has at most 2,000 documents and about 5 MB."""
    many, large = FakeIndex(10_000), FakeIndex(10_000)
    await write_documents(many, 4_500)
    await write_documents(large, 12, 1_000_000)
    assert ([2_000, 2_000, 500], [4, 4, 4]) == (many.request_sizes, large.request_sizes)


@pytest.mark.parametrize("status", [429, 503])
async def test_rejected_documents_are_retried_in_halves(status: int) -> None:
    """Only the documents that an overloaded cluster rejects are sent again, in smaller requests."""
    index = FakeIndex(30, status)
    await write_documents(index, 100)
    assert [str(n) for n in range(100)] == sorted(index.accepted, key=int)
    assert [100, 35, 5, 35, 5][:2] == index.request_sizes[:2]
    assert max(index.request_sizes[1:]) == 35


async def test_rejected_requests_are_split() -> None:
    """A request that is rejected as a whole is split into smaller ones."""
    index = FakeIndex(10_000)

    def respond(request: httpx.Request) -> httpx.Response:
        return index(request) if len(request.content) < 1_000 else httpx.Response(429, json={})

    await write_documents(respond, 100)
    assert [str(n) for n in range(100)] == sorted(index.accepted, key=int)


async def test_invalid_document() -> None:
    """A document that the cluster cannot index ends the write with an error."""
    with pytest.raises(RefusedError, match="some_exception"):
        await write_documents(FakeIndex(0, 400), 1)


async def test_retry_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that rejects everything raises an error after the last retry."""
    monkeypatch.setattr(client, "_MAX_BULK_RETRIES", 3)
    with pytest.raises(UnavailableError, match="takes no more documents"):
        await write_documents(FakeIndex(0), 10)
