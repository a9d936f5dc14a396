"""What a process and its children hold in memory, where the system tells (Linux)."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAUSE = 0.1


@dataclass(slots=True)
class Peak:
    """The most bytes held at once, by all together; known when the watching is over."""

    bytes: int = 0


def resident(pid: int) -> int:
    """Sum up the bytes of a process and its children; pages they share count once."""
    pids = _tree(pid)
    # Dearer to find out, so only where pages may be shared.
    file, field = ("status", "VmRSS") if len(pids) == 1 else ("smaps_rollup", "Pss")
    return sum(_told(one, file, field) for one in pids)


def mapped(pid: int) -> int:
    """Return the bytes of these that are pages of files, which the system may take back."""
    return _told(pid, "status", "RssFile")


@contextlib.contextmanager
def watched(pid: int) -> Iterator[Peak]:
    """Look at a process's memory again and again meanwhile."""
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        while not over.wait(_PAUSE):
            peak.bytes = max(peak.bytes, resident(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
        # Between two looks a process alone may have held more.
        peak.bytes = max(peak.bytes, _told(pid, "status", "VmHWM"))


def _tree(pid: int) -> list[int]:
    """List a process and all that it and its children started and that are alive."""
    found = [pid]
    for one in found:
        for file in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, file.read_text("ascii").split())
    return found


def _told(pid: int, file: str, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), 0)
