"""`make bench`, or `.venv/bin/python -m benchmarks messages` for the named ones."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from benchmarks.messages import messages
from benchmarks.updating import updating

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.table import Table

BENCHMARKS: dict[str, Callable[[], Table]] = {"messages": messages, "updating": updating}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast it is.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; all without")
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := set(names) - BENCHMARKS.keys():
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    for name in names:
        print(f"\n{BENCHMARKS[name]()}\n", flush=True)  # noqa: T201 - the program's output


if __name__ == "__main__":
    main()
