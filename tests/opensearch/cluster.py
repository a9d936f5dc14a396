"""A cluster of stock OpenSearch nodes on this machine, each a process of its own that can be killed."""

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

# Put there by `make test-opensearch`.
JARS = Path(__file__).parents[2] / ".opensearch" / "lib"
# Three nodes that start at once on two cores want some 25 s; a machine with other work wants more.
PATIENCE = 120.0
# The runner takes no port above; systems give connections theirs from 32768 on, so these stay free meanwhile.
_PORTS = range(2000, 9299)


@dataclass
class Node:
    """One node: where it lives, the ports it keeps for life, and its process, if it was ever started."""

    folder: Path
    http: int
    transport: int
    popen: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def runs(self) -> bool:
        return self.popen is not None and self.popen.poll() is None

    @property
    def output(self) -> str:
        """What it wrote since it was started first."""
        return (self.folder / "output.txt").read_text(encoding="utf-8", errors="replace")

    def start(self, cluster_name: str) -> None:
        with (self.folder / "output.txt").open("ab") as stream:
            self.popen = subprocess.Popen(
                # The system kills the node when the tests die, whatever they die of.
                [
                    *(["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []),
                    *("java", "-Xms256m", "-Xmx512m", "-cp", f"{JARS}/*"),
                    "org.codelibs.opensearch.runner.OpenSearchRunner",
                    *("-clusterName", cluster_name, "-numOfNode", "1"),
                    *("-basePath", str(self.folder), "-confPath", str(self.folder / "config")),
                    *("-baseHttpPort", str(self.http - 1)),  # it counts its nodes from 1
                ],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    def send(self, number: signal.Signals) -> None:
        assert self.popen is not None, "never started"
        self.popen.send_signal(number)

    def end(self, number: signal.Signals) -> None:
        """Send the signal and wait until the process is gone."""
        if self.popen is not None:
            self.popen.send_signal(number)
            self.popen.wait(PATIENCE)


@dataclass
class Cluster:
    """Some nodes that find each other; they are counted from 0. Leaving the `with` kills what still runs."""

    folder: Path
    size: int = 1
    settings: dict[str, str] = field(default_factory=dict)
    nodes: list[Node] = field(init=False)

    def __post_init__(self) -> None:
        if not JARS.is_dir():
            raise FileNotFoundError(f"{JARS} is missing: `make test-opensearch` fetches it")
        ports = _free_ports(2 * self.size)
        pairs = enumerate(zip(ports[::2], ports[1::2], strict=True))
        self.nodes = [Node(self.folder / f"node-{n}", *pair) for n, pair in pairs]
        for node in self.nodes:
            (node.folder / "config").mkdir(parents=True)
            (node.folder / "config" / "opensearch.yml").write_text(self._settings_of(node), encoding="utf-8")

    def __enter__(self) -> Self:
        """Start all nodes and wait until they are one cluster."""
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
        """The addresses of all nodes, also of those that do not run."""
        return [node.url for node in self.nodes]

    def start(self, n: int) -> None:
        """Start a node, with the data that it had; `wait` tells when it has joined."""
        assert not self.nodes[n].runs, "runs already"
        self.nodes[n].start(self.folder.name)

    def kill(self, n: int) -> None:
        """Take a node's process away, as `kill -9` does."""
        self.nodes[n].end(signal.SIGKILL)

    def stop(self, n: int) -> None:
        """Ask a node to leave, and wait until it has."""
        self.nodes[n].end(signal.SIGTERM)

    def pause(self, n: int) -> None:
        """Have a node hold its connections and answer nothing, until `resume`."""
        self.nodes[n].send(signal.SIGSTOP)

    def resume(self, n: int) -> None:
        self.nodes[n].send(signal.SIGCONT)

    def stop_all(self) -> None:
        """Kill what runs; nobody needs the data any more."""
        for node in self.nodes:
            node.end(signal.SIGKILL)

    def wait(self, status: str = "green", within: float = PATIENCE) -> None:
        """Wait until those that run all see each other, nobody else, and shards as they should be."""
        running = [node for node in self.nodes if node.runs]
        assert running, "no node runs"
        deadline = time.monotonic() + within
        with httpx.Client(timeout=5) as client:
            while not all(_is_settled(client, node.url, len(running), status) for node in running):
                for node in running:
                    assert node.runs, f"a node ended:\n{node.output}"
                assert time.monotonic() < deadline, f"not {status} in {within} s:\n{running[0].output}"
                time.sleep(0.1)

    def _settings_of(self, node: Node) -> str:
        hosts = [f"127.0.0.1:{other.transport}" for other in self.nodes]
        settings: dict[str, Any] = {
            "network.host": "127.0.0.1",
            "transport.port": node.transport,
            "discovery.seed_hosts": hosts,
            # By address: the runner gives each process' first node the same name.
            "cluster.initial_cluster_manager_nodes": hosts,
            "path.repo": self.folder / "snapshots",
            # A full disk is no matter of ours.
            "cluster.routing.allocation.disk.threshold_enabled": "false",
        }
        lines = [f"{key}: {value}" for key, value in (settings | self.settings).items()]
        return "\n".join(lines) + "\n"


def _is_settled(client: httpx.Client, url: str, size: int, status: str) -> bool:
    wanted: dict[str, str | int] = {"wait_for_nodes": size, "wait_for_status": status, "timeout": "1s"}
    try:
        answer = client.get(f"{url}/_cluster/health", params=wanted)
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK and not answer.json()["timed_out"]


def _free_ports(count: int) -> list[int]:
    """Choose ports at random, so that clusters that start side by side hardly meet."""
    free: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        free.append(port)
        if len(free) == count:
            return free
    raise OSError(f"{count} ports are not free")
