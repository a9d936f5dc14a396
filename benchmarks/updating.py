"""One changed document among many, beside reading all of them."""

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
GOAL = 0.02
_PARAGRAPHS = 3
_WORDS = 80
_ROUNDS = 5
_LONG_AGO = 1_000_000_000


def updating() -> Table:
    """Measure both in one run: seconds until the new index answers, the saved one written."""
    with tempfile.TemporaryDirectory() as place:
        folder, saved = Path(place, "documents"), Path(place, "index")
        _write(folder)
        began = time.perf_counter()
        library = Library.open(folder, index_dir=saved)
        full = time.perf_counter() - began
        took = []
        for turn in range(_ROUNDS):
            changed = folder / f"{turn}.txt"
            changed.write_text(f"{changed.read_text()}\n\nThe new sentence of turn {turn} stands here.\n")
            began = time.perf_counter()
            library = Library.open(folder, index_dir=saved, before=library)
            took.append(time.perf_counter() - began)
        update = median(took)
    return Table(
        f"One changed document of {DOCUMENTS:,} ({library.passages:,} passages)",
        [
            ("", "seconds"),
            ("all are read", f"{full:.1f}"),
            ("one is read again", f"{update:.2f}"),
            (f"ratio (goal: under {GOAL})", f"{update / full:.4f}"),
        ],
    )


def _write(folder: Path) -> None:
    folder.mkdir()
    texts = Path(__file__).parents[1] / "tests" / "eval" / "documents"
    words = [word for file in sorted(texts.rglob("*.txt")) for word in file.read_text("utf-8").split()]
    chance = random.Random(1)  # noqa: S311  # no secret
    for number in range(DOCUMENTS):
        paragraphs = (" ".join(chance.choices(words, k=_WORDS)) for _ in range(_PARAGRAPHS))
        file = folder / f"{number}.txt"
        file.write_text("\n\n".join(paragraphs) + f"\n\nThis is document {number}.\n", encoding="utf-8")
        os.utime(file, (_LONG_AGO, _LONG_AGO))
