"""Update of one changed document among many, compared with reading all of them."""

from __future__ import annotations

import os
import random
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.table import Table
from retrieval.documents.library import Library

DOCUMENTS = 10_000
MAX_RATIO = 0.02
_PARAGRAPHS = 3
_PARAGRAPH_WORDS = 80
_ROUNDS = 5
_OLD_MTIME = 1_000_000_000


def updating() -> Table:
    """Measure the seconds until the library is open and, for the first one, saved."""
    with tempfile.TemporaryDirectory() as place:
        folder, saved = Path(place, "documents"), Path(place, "index")
        _write_documents(folder)
        start = time.perf_counter()
        library = Library.open(folder, index_dir=saved)
        full = time.perf_counter() - start
        times = []
        for turn in range(_ROUNDS):
            changed = folder / f"{turn}.txt"
            changed.write_text(f"{changed.read_text()}\n\nThe new sentence of turn {turn} stands here.\n")
            start = time.perf_counter()
            library = Library.open(folder, index_dir=saved, before=library)
            times.append(time.perf_counter() - start)
        update = median(times)
    return Table(
        f"One changed document of {DOCUMENTS:,} ({library.passages:,} passages)",
        [
            ("", "seconds"),
            ("read all documents", f"{full:.1f}"),
            ("update one document", f"{update:.2f}"),
            (f"ratio (goal: under {MAX_RATIO})", f"{update / full:.4f}"),
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
