"""Measure how well everyday questions about real documents are answered: `python -m tests.eval.everyday`.

Collections whose documents are not there are left out. Exits with 1 when a figure is beyond its limit or the
limits are of other questions, with 2 when the call is wrong.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from retrieval.documents.library import Library
from retrieval.embeddings.encoder import Encoder, is_installed, load_encoder
from retrieval.errors import RetrievalError
from tests.eval import limits, pages
from tests.eval.measures import Figures, ask, figures, questions
from tests.eval.report import ALL, FIT, Measured, report
from tests.eval.sources import FETCHED, Collection, digest, problems, read


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the collections that are named, or all that are there; return the exit code."""
    options = _parser().parse_args(arguments)
    everything = read()
    chosen = [
        one
        for one in everything
        if one.name in (options.names or [one.name]) and one.part in (options.part or one.part)
    ]
    if unknown := set(options.names) - {one.name for one in everything}:
        _complain(f"no such collection: {', '.join(sorted(unknown))}")
        return 2
    with_meaning = is_installed() and not options.words
    there, left_out = _there(chosen, options.documents)
    try:
        encoder = load_encoder() if with_meaning else None
        measured = [measure(one, options.documents, encoder, options.index) for one in there]
    except RetrievalError as error:
        _complain(str(error))
        return 2
    if left_out:
        _say("\n".join(left_out))
    if not measured:
        _say("no everyday questions asked; `make eval-fetch` fetches the documents")
        return 0
    _say("\n\n".join(report(measured, with_misses=options.misses)))
    return _held(measured, everything, with_meaning=with_meaning)


def measure(collection: Collection, root: Path, encoder: Encoder | None, index: Path | None) -> Measured:
    """Ask the questions about a collection whose documents are all there."""
    folder = collection.folder(root)
    _complain(f"{collection.name} ...")
    library = Library.open(folder, index_dir=index, encoder=encoder)
    for problem in library.problems:
        _complain(f"{collection.name}: left out {problem.name}: {problem.reason}")
    if encoder:
        library.encode()
    outcomes = asyncio.run(ask(library, questions(collection)))
    if not any(outcome.question.pages for outcome in outcomes):
        return Measured(collection, outcomes)
    search = pages.PageSearch.read(folder, collection.sums)
    beside = pages.of_pages(search, (outcome.question for outcome in outcomes))
    return Measured(collection, outcomes, (pages.of_answers(outcomes), beside))


def groups(measured: Sequence[Measured], collections: Iterable[Collection]) -> dict[str, Figures]:
    """Return figures by the groups that limits have: a part, or all, only if the whole of it was measured."""
    found = {one.collection.name: figures(one.outcomes) | (one.paged or ({},))[0] for one in measured}
    parts: dict[str, set[str]] = {}
    for collection in collections:
        parts.setdefault(collection.part, set()).add(collection.name)
        parts.setdefault(ALL, set()).add(collection.name)
    whole = {part: names for part, names in parts.items() if names <= found.keys()}
    return found | {
        part: figures([o for one in measured if one.collection.name in names for o in one.outcomes])
        for part, names in whole.items()
    }


def _held(measured: Sequence[Measured], everything: Sequence[Collection], *, with_meaning: bool) -> int:
    pinned = limits.read()
    if (found := digest(everything)) != pinned.digest:
        _complain(
            f"{limits.LIMITS.name}: digest mismatch: expected {pinned.digest}, got {found}."
            " See that the limits still mean the same, then write it there"
        )
        return 1
    if not with_meaning:
        _say("limits not checked: they are of answers that compare meanings")
        return 0
    checks = limits.checks(pinned, groups(measured, everything))
    broken = [check for check in checks if not check.is_held]
    _say("\n".join([f"{len(checks) - len(broken)} of {len(checks)} limits held", *map(str, broken)]))
    return 1 if broken else 0


def _there(chosen: Iterable[Collection], root: Path) -> tuple[list[Collection], list[str]]:
    """Return the collections whose documents are all there, and a line for each other."""
    there, left_out = [], []
    for collection in chosen:
        if lacked := problems(collection.folder(root), collection.sums):
            left_out.append(f"left out {collection.name}: {_counted(collection, lacked)}")
        else:
            there.append(collection)
    return there, left_out


def _counted(collection: Collection, lacked: Mapping[str, str]) -> str:
    wrong = len(collection.sums.keys() & lacked.keys())
    if not wrong:
        return f"files that are not of it, such as {next(iter(lacked))}"
    return f"{wrong} of {len(collection.sums)} documents are missing or differ"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


def _complain(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.eval.everyday",
        description="Measure how well everyday questions about real documents are answered.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="collections; all if none is named")
    parser.add_argument("--part", choices=(FIT, "report"), help="only this half")
    parser.add_argument(
        "--documents",
        type=Path,
        default=os.environ.get("EVERYDAY_DIR") or FETCHED,
        metavar="DIR",
        help="where the documents are, as DIR/NAME/docs; default: EVERYDAY_DIR or %(default)s",
    )
    parser.add_argument(
        "--index", type=Path, default=FETCHED / ".index", metavar="DIR", help="default: %(default)s"
    )
    parser.add_argument("--words", action="store_true", help="do not compare meanings")
    parser.add_argument("--misses", action="store_true", help=f"list what went wrong in the part {FIT}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
