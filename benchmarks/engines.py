"""The search engines to compare, each in its own process with an open index."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.peers.engine_process import ROOT, BuildCost, EngineProcess

if TYPE_CHECKING:
    from contextlib import ExitStack

_PEER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
_OPEN_ROUNDS = 3
OURS = "ours"
# rank-bm25 scores every passage and keeps its index in memory, so it is too slow for large corpora.
RANK_BM25 = "rank_bm25"
_MAX_RANK_BM25_PASSAGES = 100_000


@dataclass(frozen=True, slots=True)
class PreparedEngine:
    """A running engine. `open_seconds` and `disk_bytes` are None if it cannot save its index.

    `is_cached` means that the index was built in an earlier run.
    """

    process: EngineProcess
    build_cost: BuildCost
    open_seconds: float | None
    disk_bytes: int | None
    is_cached: bool


def engine_names(passages: int) -> list[str]:
    """Return the installed engines that can search this many passages, the slowest last."""
    if not (_PEER_PYTHON.parents[1] / ".installed").exists():
        return [OURS]
    return [OURS, "bm25s", "tantivy", *([RANK_BM25] if passages <= _MAX_RANK_BM25_PASSAGES else [])]


def prepare(name: str, folder: Path, stack: ExitStack) -> PreparedEngine:
    """Build the index of an engine next to the folder and open it. Other engines reuse an existing index."""
    python = Path(sys.executable) if name == OURS else _PEER_PYTHON
    index_folder = folder.with_name(f"{folder.name}-{name}")
    cost_file = folder.with_name(f"{folder.name}-{name}.json")
    if name == RANK_BM25:
        process = stack.enter_context(EngineProcess.start(name, python))
        return PreparedEngine(process, process.build(folder, index_folder), None, None, is_cached=False)
    is_cached = name != OURS and cost_file.exists()
    if not is_cached:
        shutil.rmtree(index_folder, ignore_errors=True)
        with EngineProcess.start(name, python) as process:
            build_cost = process.build(folder, index_folder)
        cost_file.write_text(json.dumps(asdict(build_cost)), encoding="utf-8")
    open_seconds = []
    for _ in range(_OPEN_ROUNDS - 1):
        with EngineProcess.start(name, python) as process:
            open_seconds.append(process.open(folder, index_folder))
    process = stack.enter_context(EngineProcess.start(name, python))
    open_seconds.append(process.open(folder, index_folder))
    build_cost = BuildCost(**json.loads(cost_file.read_text("utf-8")))
    return PreparedEngine(process, build_cost, median(open_seconds), _folder_bytes(index_folder), is_cached)


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
