"""The search engines to compare, each in a process of its own with its index open."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.peers.child import ROOT, BuildCost, Child

if TYPE_CHECKING:
    from contextlib import ExitStack

_PEER_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
_OPEN_ROUNDS = 3
OURS = "ours"
# It scores every passage and keeps all in memory, so only smaller corpora are practical.
RANK_BM25 = "rank_bm25"
_MAX_RANK_BM25_PASSAGES = 100_000


@dataclass(frozen=True, slots=True)
class PreparedEngine:
    """A running engine. `open_seconds` and `disk_bytes` are None if it cannot save its index.

    `is_cached` if the index was built in an earlier run.
    """

    child: Child
    built: BuildCost
    open_seconds: float | None
    disk_bytes: int | None
    is_cached: bool


def engine_names(passages: int) -> list[str]:
    """Return the installed engines that can search this many passages, the slowest last."""
    if not (_PEER_PYTHON.parents[1] / ".installed").exists():
        return [OURS]
    return [OURS, "bm25s", "tantivy", *([RANK_BM25] if passages <= _MAX_RANK_BM25_PASSAGES else [])]


def prepare(name: str, folder: Path, stack: ExitStack) -> PreparedEngine:
    """Build an engine's index next to the folder and open it. An existing index of a peer is reused."""
    python = Path(sys.executable) if name == OURS else _PEER_PYTHON
    saved = folder.with_name(f"{folder.name}-{name}")
    cost_file = folder.with_name(f"{folder.name}-{name}.json")
    if name == RANK_BM25:
        child = stack.enter_context(Child.start(name, python))
        return PreparedEngine(child, child.build(folder, saved), None, None, is_cached=False)
    is_cached = name != OURS and cost_file.exists()
    if not is_cached:
        shutil.rmtree(saved, ignore_errors=True)
        with Child.start(name, python) as child:
            built = child.build(folder, saved)
        cost_file.write_text(json.dumps(asdict(built)), encoding="utf-8")
    open_seconds = []
    for _ in range(_OPEN_ROUNDS - 1):
        with Child.start(name, python) as child:
            open_seconds.append(child.open(folder, saved))
    child = stack.enter_context(Child.start(name, python))
    open_seconds.append(child.open(folder, saved))
    built = BuildCost(**json.loads(cost_file.read_text("utf-8")))
    return PreparedEngine(child, built, median(open_seconds), _folder_bytes(saved), is_cached)


def _folder_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
