"""Runs all benchmarks, or those named: `.venv/bin/python -m benchmarks messages`."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.chat_documents import chat_documents
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
    "chats": chat_documents,
    "search": search,
    "stages": partial(stages, PASSAGES),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"benchmarks to run: {', '.join(BENCHMARKS)} (default: all)"
    )
    parser.add_argument(
        "--passages", type=int, default=PASSAGES, help="size of the searched corpus (default: %(default)s)"
    )
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="folder in which to keep texts and indexes for later runs"
    )
    options = parser.parse_args()
    names = options.names or list(BENCHMARKS)
    if unknown := set(names) - BENCHMARKS.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    with_options = {
        name: partial(benchmark, options.passages, options.keep)
        for name, benchmark in (("search", search), ("stages", stages))
    }
    for name in names:
        print(f"\n{(BENCHMARKS | with_options)[name]()}\n", flush=True)  # noqa: T201 - the program's output


if __name__ == "__main__":
    main()
