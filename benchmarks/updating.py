"""The time to index one changed document among many, compared with indexing all of them."""

from __future__ import annotations

import os
import random
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.table import Table
from retrieval.documents.local_library import LocalLibrary

DOCUMENTS = 10_000
MAX_RATIO = 0.02
_PARAGRAPHS = 3
_PARAGRAPH_WORDS = 80
_ROUNDS = 5
_OLD_MTIME = 1_000_000_000


def updating() -> Table:
    """Measure the seconds to open a library, first without and then with a saved index."""
    with tempfile.TemporaryDirectory() as root:
        folder, index_folder = Path(root, "documents"), Path(root, "index")
        _write_documents(folder)
        start = time.perf_counter()
        library = LocalLibrary.open(folder, index_dir=index_folder)
        full_seconds = time.perf_counter() - start
        times = []
        for round_number in range(_ROUNDS):
            file = folder / f"{round_number}.txt"
            file.write_text(f"{file.read_text()}\n\nThe new sentence of turn {round_number} stands here.\n")
            start = time.perf_counter()
            library = LocalLibrary.open(folder, index_dir=index_folder, before=library)
            times.append(time.perf_counter() - start)
        update_seconds = median(times)
    return Table(
        f"One changed document of {DOCUMENTS:,} ({library.passages:,} passages)",
        [
            ("", "seconds"),
            ("read all documents", f"{full_seconds:.1f}"),
            ("update one document", f"{update_seconds:.2f}"),
            (f"ratio (goal: under {MAX_RATIO})", f"{update_seconds / full_seconds:.4f}"),
        ],
    )


def _write_documents(folder: Path) -> None:
    folder.mkdir()
    source = Path(__file__).parents[1] / "tests" / "eval" / "documents"
    words = [word for file in sorted(source.rglob("*.txt")) for word in file.read_text("utf-8").split()]
    rng = random.Random(1)  # noqa: S311  # not for security
    for number in range(DOCUMENTS):
        paragraphs = (" ".join(rng.choices(words, k=_PARAGRAPH_WORDS)) for _ in range(_PARAGRAPHS))
        file = folder / f"{number}.txt"
        file.write_text("\n\n".join(paragraphs) + f"\n\nThis is document {number}.\n", encoding="utf-8")
        os.utime(file, (_OLD_MTIME, _OLD_MTIME))
