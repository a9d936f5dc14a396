"""The search engines that are compared: which there are, and each with its index made and open."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.peers.child import ROOT, Built, Child

if TYPE_CHECKING:
    from contextlib import ExitStack

_PEERS = ROOT / ".venv-bench" / "bin" / "python"
_OPENINGS = 3
OURS = "ours"
# Slow, and all in memory: it is asked where that is bearable.
PLAIN = "rank_bm25"
_MOST_PLAIN = 100_000


@dataclass(frozen=True, slots=True)
class Contestant:
    """A running engine; `opened` in seconds and `disk` in bytes are None where it cannot save its index.

    One that is `kept` was built in an earlier run.
    """

    child: Child
    built: Built
    opened: float | None
    disk: int | None
    kept: bool


def names(passages: int) -> list[str]:
    """Name ours and those peers that are installed and bear so many passages, the slow one last."""
    if not (_PEERS.parents[1] / ".installed").exists():
        return [OURS]
    return [OURS, "bm25s", "tantivy", *([PLAIN] if passages <= _MOST_PLAIN else [])]


def prepare(name: str, folder: Path, stack: ExitStack) -> Contestant:
    """Make an engine's index next to the folder and open it; a peer's that is there already is kept."""
    python = Path(sys.executable) if name == OURS else _PEERS
    saved, note = folder.with_name(f"{folder.name}-{name}"), folder.with_name(f"{folder.name}-{name}.json")
    if name == PLAIN:
        child = stack.enter_context(Child.start(name, python))
        return Contestant(child, child.build(folder, saved), None, None, kept=False)
    kept = name != OURS and note.exists()
    if not kept:
        shutil.rmtree(saved, ignore_errors=True)
        with Child.start(name, python) as child:
            built = child.build(folder, saved)
        note.write_text(json.dumps(asdict(built)), encoding="utf-8")
    opened = []
    for _ in range(_OPENINGS - 1):
        with Child.start(name, python) as child:
            opened.append(child.open(folder, saved))
    child = stack.enter_context(Child.start(name, python))
    opened.append(child.open(folder, saved))
    built = Built(**json.loads(note.read_text("utf-8")))
    return Contestant(child, built, median(opened), _size(saved), kept)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
