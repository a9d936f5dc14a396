"""Runs a cluster of unmodified OpenSearch nodes on this machine, each in its own process."""

import random
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

# Downloaded by `make test-opensearch`.
JARS = Path(__file__).parents[2] / ".opensearch" / "lib"
# Three nodes take about 25 s to start on two idle cores.
START_TIMEOUT_SECONDS = 120.0
# The runner accepts ports up to 9298. Systems use ports from 32768 on for connections, so these stay free.
_PORTS = range(2000, 9299)


@dataclass
class Node:
    """A node: its folder, its ports, and its process, None before it is first started."""

    folder: Path
    http: int
    transport: int
    popen: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def is_running(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    @property
    def output(self) -> str:
        """The output of all its processes so far."""
        return (self.folder / "output.txt").read_text(encoding="utf-8", errors="replace")

    def start(self, cluster_name: str) -> None:
        with (self.folder / "output.txt").open("ab") as stream:
            self.popen = subprocess.Popen(
                # Linux kills the node when the test process ends, even if that is killed.
                [
                    *(["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []),
                    *("java", "-Xms256m", "-Xmx512m", "-cp", f"{JARS}/*"),
                    "org.codelibs.opensearch.runner.OpenSearchRunner",
                    *("-clusterName", cluster_name, "-numOfNode", "1"),
                    *("-basePath", str(self.folder), "-confPath", str(self.folder / "config")),
                    *("-baseHttpPort", str(self.http - 1)),  # the runner adds the number of the node, 1
                ],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    def send(self, number: signal.Signals) -> None:
        assert self.popen is not None, "never started"
        self.popen.send_signal(number)

    def stop(self, number: signal.Signals) -> None:
        """Send a signal and wait for the process to exit."""
        if self.popen is not None:
            self.popen.send_signal(number)
            self.popen.wait(START_TIMEOUT_SECONDS)


@dataclass
class LocalCluster:
    """A cluster of `size` nodes, numbered from 0. Leaving the `with` block kills all nodes."""

    folder: Path
    size: int = 1
    settings: dict[str, str] = field(default_factory=dict)
    nodes: list[Node] = field(init=False)

    def __post_init__(self) -> None:
        if not JARS.is_dir():
            raise FileNotFoundError(f"{JARS} is missing: `make test-opensearch` downloads it")
        ports = _free_ports(2 * self.size)
        pairs = enumerate(zip(ports[::2], ports[1::2], strict=True))
        self.nodes = [Node(self.folder / f"node-{n}", *pair) for n, pair in pairs]
        for node in self.nodes:
            (node.folder / "config").mkdir(parents=True)
            (node.folder / "config" / "opensearch.yml").write_text(
                self._node_settings(node), encoding="utf-8"
            )

    def __enter__(self) -> Self:
        """Start all nodes and wait until they have formed a cluster."""
        try:
            for n in range(self.size):
                self.start(n)
            self.wait()
        except BaseException:
            self.stop_all()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()

    @property
    def urls(self) -> list[str]:
        """The addresses of all nodes, running or not."""
        return [node.url for node in self.nodes]

    def start(self, n: int) -> None:
        """Start a node with the data it had; use `wait` to wait until it has joined."""
        assert not self.nodes[n].is_running, "already running"
        self.nodes[n].start(self.folder.name)

    def kill(self, n: int) -> None:
        """Kill a node, as `kill -9` does."""
        self.nodes[n].stop(signal.SIGKILL)

    def stop(self, n: int) -> None:
        """Shut down a node and wait for it to exit."""
        self.nodes[n].stop(signal.SIGTERM)

    def pause(self, n: int) -> None:
        """Suspend a node: it keeps its connections but does not answer until `resume`."""
        self.nodes[n].send(signal.SIGSTOP)

    def resume(self, n: int) -> None:
        self.nodes[n].send(signal.SIGCONT)

    def stop_all(self) -> None:
        for node in self.nodes:
            node.stop(signal.SIGKILL)

    def wait(self, status: str = "green", within: float = START_TIMEOUT_SECONDS) -> None:
        """Wait until each running node reports `status` and as many nodes as are running."""
        running = [node for node in self.nodes if node.is_running]
        assert running, "no node is running"
        deadline = time.monotonic() + within
        with httpx.Client(timeout=5) as client:
            while not all(_has_status(client, node.url, len(running), status) for node in running):
                for node in running:
                    assert node.is_running, f"a node exited:\n{node.output}"
                assert time.monotonic() < deadline, f"not {status} in {within} s:\n{running[0].output}"
                time.sleep(0.1)

    def _node_settings(self, node: Node) -> str:
        addresses = [f"127.0.0.1:{other.transport}" for other in self.nodes]
        settings: dict[str, Any] = {
            "network.host": "127.0.0.1",
            "transport.port": node.transport,
            "discovery.seed_hosts": addresses,
            # Not by name: the runner gives the node of each process the same name.
            "cluster.initial_cluster_manager_nodes": addresses,
            "path.repo": self.folder / "snapshots",
            # A nearly full disk must not fail the tests.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
        }
        lines = [f"{key}: {value}" for key, value in (settings | self.settings).items()]
        return "\n".join(lines) + "\n"


def _has_status(client: httpx.Client, url: str, size: int, status: str) -> bool:
    params: dict[str, str | int] = {"wait_for_nodes": size, "wait_for_status": status, "timeout": "1s"}
    try:
        response = client.get(f"{url}/_cluster/health", params=params)
    except httpx.TransportError:
        return False
    return response.status_code == httpx.codes.OK and not response.json()["timed_out"]


def _free_ports(count: int) -> list[int]:
    """Return random free ports, so that clusters started at the same time rarely conflict."""
    free: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        free.append(port)
        if len(free) == count:
            return free
    raise OSError(f"fewer than {count} ports are free")
