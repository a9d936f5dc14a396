"""The cluster that other tests stand on is a real one, and what is done to its nodes happens."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.opensearch.cluster import Cluster

pytestmark = pytest.mark.opensearch


def _count(url: str, index: str) -> int:
    answer = httpx.get(f"{url}/{index}/_count", timeout=30)
    return int(answer.raise_for_status().json()["count"])


def _fill(url: str, index: str, documents: int) -> None:
    """Write documents to three shards, each with one copy."""
    shape = {"settings": {"number_of_shards": 3, "number_of_replicas": 1}}
    httpx.put(f"{url}/{index}", json=shape, timeout=60).raise_for_status()
    lines = "".join(f'{{"index":{{}}}}\n{{"number":{number}}}\n' for number in range(documents))
    answer = httpx.post(
        f"{url}/{index}/_bulk",
        params={"refresh": "true"},
        content=lines,
        headers={"Content-Type": "application/x-ndjson"},
        timeout=60,
    )
    assert not answer.raise_for_status().json()["errors"]


def test_one_node_is_opensearch_and_has_what_our_index_needs(opensearch: str) -> None:
    """It is OpenSearch, it compiles scripts, and it finds what was written."""
    assert "opensearch" == httpx.get(opensearch).json()["version"]["distribution"]
    script = {"script": {"source": "Math.round(params.half * 2)", "params": {"half": 21}}}
    answer = httpx.post(f"{opensearch}/_scripts/painless/_execute", json=script, timeout=30)
    assert {"result": "42"} == answer.json()
    httpx.put(f"{opensearch}/one-node/_doc/1", params={"refresh": "true"}, json={"a": 1}, timeout=30)
    try:
        assert 1 == _count(opensearch, "one-node")
    finally:
        httpx.delete(f"{opensearch}/one-node", timeout=30)


def test_three_processes_are_one_cluster(three_nodes: Cluster) -> None:
    """Each node tells of three."""
    told = [httpx.get(f"{url}/_cluster/health").json()["number_of_nodes"] for url in three_nodes.urls]
    assert [3, 3, 3] == told


def test_a_killed_node_is_missed_and_comes_back(three_nodes: Cluster) -> None:
    """The others still find every document while one is dead, and all do when it is back."""
    _fill(three_nodes.urls[0], "killed", 30)
    three_nodes.wait()
    three_nodes.kill(1)
    with pytest.raises(httpx.ConnectError):
        httpx.get(three_nodes.urls[1])
    three_nodes.wait("yellow")
    assert [30, 30] == [_count(three_nodes.urls[n], "killed") for n in (0, 2)]
    three_nodes.start(1)
    three_nodes.wait()
    assert [30, 30, 30] == [_count(url, "killed") for url in three_nodes.urls]


def test_all_nodes_stop_and_start_with_what_they_had(three_nodes: Cluster) -> None:
    """What was written is there after the whole cluster was away."""
    _fill(three_nodes.urls[0], "stopped", 30)
    three_nodes.wait()
    for n in range(three_nodes.size):
        three_nodes.stop(n)
    for n in range(three_nodes.size):
        three_nodes.start(n)
    three_nodes.wait()
    assert [30, 30, 30] == [_count(url, "stopped") for url in three_nodes.urls]


def test_a_paused_node_takes_connections_and_answers_when_it_is_resumed(three_nodes: Cluster) -> None:
    """To a client it is not gone but slow."""
    three_nodes.pause(2)
    try:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(three_nodes.urls[2], timeout=1)
    finally:
        three_nodes.resume(2)
    three_nodes.wait()
    assert httpx.codes.OK == httpx.get(three_nodes.urls[2], timeout=30).status_code


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of the dead")
def test_no_node_outlives_the_tests(tmp_path: Path) -> None:
    """A node dies with the process that started it, also when that is killed."""
    starts = (
        "import sys, time; from pathlib import Path; from tests.opensearch.cluster import Cluster\n"
        "cluster = Cluster(Path(sys.argv[1])); cluster.start(0)\n"
        "print(cluster.nodes[0].popen.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", starts, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as owner:
        assert owner.stdout is not None
        node = int(owner.stdout.readline())
        os.kill(node, 0)
        owner.kill()
    deadline = time.monotonic() + 10
    while _runs(node):
        assert time.monotonic() < deadline, "it runs on"
        time.sleep(0.05)


def _runs(process: int) -> bool:
    """Return whether a process runs; a zombie, which nobody has waited for, does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
