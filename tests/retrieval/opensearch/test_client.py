import logging
from typing import Any

import httpx
import pytest

from retrieval.errors import UnavailableError
from retrieval.opensearch import client
from retrieval.opensearch.client import Cluster, ConnectionSettings, RefusedError


class Nodes:
    """Nodes that answer as they are told to: with a status, an answer or an error, and note who was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **plays: Any) -> None:
        self.plays = plays
        self.asked: list[str] = []
        self.requests: list[httpx.Request] = []
        self.now = 1000.0
        monkeypatch.setattr(client, "monotonic", lambda: self.now)
        monkeypatch.setattr(client, "_BREATH", 0)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.host)
        self.requests.append(request)
        play = self.plays[request.url.host]
        if isinstance(play, list):
            play = play.pop(0) if len(play) > 1 else play[0]
        if isinstance(play, type):
            raise play("user:secret", request=request)
        if isinstance(play, int):
            return httpx.Response(play, json={"error": {"type": "some_exception", "reason": "because"}})
        return httpx.Response(200, json=play)

    def cluster(self) -> Cluster:
        addresses = ",".join(f"http://user:secret@{host}:9200" for host in self.plays)
        return Cluster(ConnectionSettings.of(addresses), httpx.MockTransport(self))


FINE = {"fine": True}


@pytest.mark.parametrize(
    "failure",
    [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout, httpx.ReadError, 429, 502, 503, 504],
)
async def test_another_node_is_asked(failure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a node fails, the next one is asked."""
    nodes = Nodes(monkeypatch, one=[failure, FINE], two=FINE, three=FINE)
    async with nodes.cluster() as cluster:
        assert [FINE] * 4 == [await cluster.get("/") for _ in range(4)]
        assert 5 == len(nodes.asked)
        nodes.asked.clear()
        for _ in range(3):
            await cluster.get("/")
    # Who is only busy is asked again when its turn comes.
    assert (failure == 429) == ("one" in nodes.asked)


@pytest.mark.parametrize("failure", [httpx.ReadTimeout, httpx.ConnectError, 503])
async def test_the_same_node_is_asked_again(failure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The only node there is gets a second chance."""
    nodes = Nodes(monkeypatch, one=[failure, FINE])
    async with nodes.cluster() as cluster:
        assert FINE == await cluster.get("/")
    assert ["one", "one"] == nodes.asked


async def test_a_node_that_failed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """For ten seconds a node that failed is not asked; then it is, and stays when it answers."""
    nodes = Nodes(monkeypatch, one=[httpx.ReadTimeout, FINE], two=FINE, three=FINE)
    async with nodes.cluster() as cluster:
        while "one" not in nodes.asked:
            await cluster.get("/")
        nodes.asked.clear()
        nodes.now += 9.9
        for _ in range(6):
            await cluster.get("/")
        assert "one" not in nodes.asked
        nodes.now += 0.2
        for _ in range(6):
            await cluster.get("/")
    assert 2 == nodes.asked.count("one")


@pytest.mark.parametrize(("failure", "tries"), [(httpx.ReadTimeout, 2), (503, 2), (httpx.ConnectError, 4)])
async def test_unavailable(failure: Any, tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two tries are enough, but a node that takes no connection costs none; one line says what to do."""
    nodes = Nodes(monkeypatch, one=failure, two=failure, three=failure, four=failure)
    async with nodes.cluster() as cluster:
        with pytest.raises(
            UnavailableError, match=r"^OpenSearch does not answer \(http://\w+:9200: .*OPENSEARCH_URL"
        ):
            await cluster.get("/")
    assert tries == len(nodes.asked) == len(set(nodes.asked))


async def test_a_refusal_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another node would refuse too is asked nowhere else."""
    nodes = Nodes(monkeypatch, one=404, two=400)
    async with nodes.cluster() as cluster:
        told = []
        for _ in range(2):
            with pytest.raises(RefusedError, match="some_exception") as caught:
                await cluster.get("/")
            told.append((caught.value.status, caught.value.is_missing))
    assert [(400, False), (404, True)] == sorted(told)
    assert 2 == len(nodes.asked)


@pytest.mark.parametrize("status", [401, 403])
async def test_not_let_in(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is not let in is told so, and goes nowhere else."""
    nodes = Nodes(monkeypatch, one=status, two=status)
    async with nodes.cluster() as cluster:
        with pytest.raises(UnavailableError, match="does not let us in"):
            await cluster.get("/")
    assert 1 == len(nodes.asked)


async def test_one_of_several_searches_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several searches are asked again together when one of them fails."""
    half = {"responses": [{"status": 200}, {"status": 503, "error": {"type": "x", "reason": "y"}}]}
    whole = {"responses": [{"status": 200, "n": 1}, {"status": 200, "n": 2}]}
    nodes = Nodes(monkeypatch, one=[half, whole])
    async with nodes.cluster() as cluster:
        assert [1, 2] == [one["n"] for one in await cluster.searches("some", [{}, {}])]


async def test_who_tells_of_another_is_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that says that others failed is asked again when its turn comes."""
    half = {"responses": [{"status": 503, "error": {"type": "x", "reason": "y"}}]}
    nodes = Nodes(monkeypatch, one=[half, FINE], two=FINE)
    async with nodes.cluster() as cluster:
        for _ in range(4):
            await cluster.get("/")
    assert 2 <= nodes.asked.count("one")


async def test_who_we_are_is_sent_and_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The password is in the header alone: in no address, no log and no error."""
    caplog.set_level(logging.DEBUG)
    nodes = Nodes(monkeypatch, one=httpx.ReadError, two=503)
    async with nodes.cluster() as cluster:
        with pytest.raises(UnavailableError) as caught:
            await cluster.get("/")
        assert "http://one:9200, http://two:9200" == cluster.shown
    assert {"Basic dXNlcjpzZWNyZXQ="} == {request.headers["Authorization"] for request in nodes.requests}
    assert not any("user" in str(request.url) for request in nodes.requests)
    told = caplog.text + repr(caught.value)
    assert caplog.text
    assert [] == [word for word in ("user", "secret", "dXNlc") if word in told]


async def test_half_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks off in the middle is asked for again."""
    answers = [httpx.Response(200, content=b'{"fi'), httpx.Response(200, json=FINE)]
    monkeypatch.setattr(client, "_BREATH", 0)
    transport_ = httpx.MockTransport(lambda _: answers.pop(0))
    async with Cluster(ConnectionSettings.of("http://one"), transport_) as cluster:
        assert await cluster.get("/") == FINE
