"""Memory use of a process and its children, from /proc (Linux); 0 elsewhere."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SAMPLE_SECONDS = 0.1


@dataclass(slots=True)
class PeakMemory:
    """The highest memory use of a process tree, complete when `track_peak` ends."""

    bytes: int = 0


def resident_bytes(pid: int) -> int:
    """Return the resident bytes of a process and its descendants. Shared pages count once."""
    pids = _process_tree(pid)
    # PSS is expensive to read, so it is used only if pages may be shared.
    file, field = ("status", "VmRSS") if len(pids) == 1 else ("smaps_rollup", "Pss")
    return sum(_read_field(each, file, field) for each in pids)


def mapped_bytes(pid: int) -> int:
    """Return the resident bytes of a process that are pages of files, which the system can reclaim."""
    return _read_field(pid, "status", "RssFile")


@contextlib.contextmanager
def track_peak(pid: int) -> Iterator[PeakMemory]:
    """Sample the memory of a process and its children during the context."""
    peak, stop = PeakMemory(), threading.Event()

    def sample() -> None:
        while not stop.wait(_SAMPLE_SECONDS):
            peak.bytes = max(peak.bytes, resident_bytes(pid))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()
        # The process itself may have used more between two samples.
        peak.bytes = max(peak.bytes, _read_field(pid, "status", "VmHWM"))


def _process_tree(pid: int) -> list[int]:
    """Return a process and its living descendants."""
    pids = [pid]
    # The list grows while it is iterated.
    for parent in pids:
        for file in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                pids += map(int, file.read_text("ascii").split())
    return pids


def _read_field(pid: int, file: str, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), 0)
