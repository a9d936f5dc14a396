"""`make bench`, or `.venv/bin/python -m benchmarks messages` for the named ones."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.messages import messages
from benchmarks.search import PASSAGES, search
from benchmarks.stages import stages
from benchmarks.updating import updating
from benchmarks.workers import workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.table import Table

BENCHMARKS: dict[str, Callable[[], Table]] = {
    "messages": messages,
    "workers": workers,
    "updating": updating,
    "search": search,
    "stages": partial(stages, PASSAGES),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast it is.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without")
    parser.add_argument("--passages", type=int, default=PASSAGES, help="how many to search (%(default)s)")
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="where search keeps texts and peers' indexes"
    )
    asked = parser.parse_args()
    names = asked.names or list(BENCHMARKS)
    if unknown := set(names) - BENCHMARKS.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    sized = {
        name: partial(of, asked.passages, asked.keep) for name, of in (("search", search), ("stages", stages))
    }
    for name in names:
        print(f"\n{(BENCHMARKS | sized)[name]()}\n", flush=True)  # noqa: T201 - the program's output


if __name__ == "__main__":
    main()
