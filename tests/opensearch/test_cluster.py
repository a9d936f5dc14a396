"""The cluster that other tests use is a real one, whose nodes can be killed, stopped and paused."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.opensearch.cluster import LocalCluster

pytestmark = pytest.mark.opensearch


def _count(url: str, index: str) -> int:
    response = httpx.get(f"{url}/{index}/_count", timeout=30)
    return int(response.raise_for_status().json()["count"])


def _fill(url: str, index: str, documents: int) -> None:
    """Write documents to three shards with one replica each."""
    definition = {"settings": {"number_of_shards": 3, "number_of_replicas": 1}}
    httpx.put(f"{url}/{index}", json=definition, timeout=60).raise_for_status()
    lines = "".join(f'{{"index":{{}}}}\n{{"number":{number}}}\n' for number in range(documents))
    response = httpx.post(
        f"{url}/{index}/_bulk",
        params={"refresh": "true"},
        content=lines,
        headers={"Content-Type": "application/x-ndjson"},
        timeout=60,
    )
    assert not response.raise_for_status().json()["errors"]


def test_one_node(opensearch: str) -> None:
    """A node is OpenSearch, runs scripts, and finds what was written."""
    assert "opensearch" == httpx.get(opensearch).json()["version"]["distribution"]
    script = {"script": {"source": "Math.round(params.half * 2)", "params": {"half": 21}}}
    response = httpx.post(f"{opensearch}/_scripts/painless/_execute", json=script, timeout=30)
    assert {"result": "42"} == response.json()
    httpx.put(f"{opensearch}/one-node/_doc/1", params={"refresh": "true"}, json={"a": 1}, timeout=30)
    try:
        assert 1 == _count(opensearch, "one-node")
    finally:
        httpx.delete(f"{opensearch}/one-node", timeout=30)


def test_three_nodes(three_nodes: LocalCluster) -> None:
    """Three processes form one cluster: each reports three nodes."""
    counts = [httpx.get(f"{url}/_cluster/health").json()["number_of_nodes"] for url in three_nodes.urls]
    assert [3, 3, 3] == counts


def test_kill_and_start(three_nodes: LocalCluster) -> None:
    """While a node is dead the others find every document, and all of them when it is back."""
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


def test_stop_and_start_all(three_nodes: LocalCluster) -> None:
    """The data survives a restart of all nodes."""
    _fill(three_nodes.urls[0], "stopped", 30)
    three_nodes.wait()
    for n in range(three_nodes.size):
        three_nodes.stop(n)
    for n in range(three_nodes.size):
        three_nodes.start(n)
    three_nodes.wait()
    assert [30, 30, 30] == [_count(url, "stopped") for url in three_nodes.urls]


def test_pause_and_resume(three_nodes: LocalCluster) -> None:
    """A paused node accepts connections, but answers only after it is resumed."""
    three_nodes.pause(2)
    try:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(three_nodes.urls[2], timeout=1)
    finally:
        three_nodes.resume(2)
    three_nodes.wait()
    assert httpx.codes.OK == httpx.get(three_nodes.urls[2], timeout=30).status_code


@pytest.mark.skipif(sys.platform != "linux", reason="needs setpriv, which only Linux has")
def test_no_orphaned_nodes(tmp_path: Path) -> None:
    """A node ends with the process that started it, even if that is killed."""
    script = (
        "import sys, time; from pathlib import Path; from tests.opensearch.cluster import LocalCluster\n"
        "cluster = LocalCluster(Path(sys.argv[1])); cluster.start(0)\n"
        "print(cluster.nodes[0].popen.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as owner:
        assert owner.stdout is not None
        node = int(owner.stdout.readline())
        # setpriv asks the kernel for the signal just before it becomes the node.
        _wait_until(lambda: _command_name(node) != "setpriv")
        owner.kill()
    _wait_until(lambda: not _is_running(node))


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.05)


def _command_name(process: int) -> str:
    return Path(f"/proc/{process}/comm").read_text(encoding="ascii").strip()


def _is_running(process: int) -> bool:
    """Return whether a process is running; a zombie is not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
