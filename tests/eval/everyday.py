"""Measure how well everyday questions about real documents are answered: `python -m tests.eval.everyday`.

Collections without their documents are skipped. The exit code is 1 if a limit is not met or the digest in
the limits file differs, and 2 for invalid arguments.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from retrieval.documents.local_library import LocalLibrary
from retrieval.embeddings.encoder import Encoder, is_installed, load_encoder
from retrieval.errors import RetrievalError
from tests.eval import limits, page_metrics
from tests.eval.metrics import Metrics, ask, compute_metrics, read_questions
from tests.eval.report import ALL, PARTS, SHOWN_PARTS, CollectionResult, report_sections
from tests.eval.sources import FETCHED_DIR, Collection, digest, find_problems, read_collections


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the named collections, or all that have their documents, and return the exit code."""
    options = _build_parser().parse_args(arguments)
    collections = read_collections()
    selected = [
        collection
        for collection in collections
        if collection.name in (options.names or [collection.name]) and options.part in (None, collection.part)
    ]
    if unknown := set(options.names) - {collection.name for collection in collections}:
        _print_error(f"no such collection: {', '.join(sorted(unknown))}")
        return 2
    with_meaning = is_installed() and not options.words
    available, skipped = _split_available(selected, options.documents)
    try:
        encoder = load_encoder() if with_meaning else None
        results = [measure(collection, options.documents, encoder, options.index) for collection in available]
    except RetrievalError as error:
        _print_error(str(error))
        return 2
    if skipped:
        _print("\n".join(skipped))
    if not results:
        _print("no everyday questions asked; `make eval-fetch` fetches the documents")
        return 0
    _print("\n\n".join(report_sections(results, with_misses=options.misses)))
    return _check_limits(results, collections, with_meaning=with_meaning)


def measure(
    collection: Collection, root: Path, encoder: Encoder | None, index_dir: Path | None
) -> CollectionResult:
    """Ask the questions about a collection whose documents are complete. Raises RetrievalError."""
    folder = collection.folder(root)
    _print_error(f"{collection.name} ...")
    library = LocalLibrary.open(folder, index_dir=index_dir, encoder=encoder)
    for problem in library.problems:
        _print_error(f"{collection.name}: skipped {problem.name}: {problem.reason}")
    if encoder:
        library.encode()
    outcomes = asyncio.run(ask(library, read_questions(collection)))
    if not any(outcome.question.pages for outcome in outcomes):
        return CollectionResult(collection, outcomes)
    search = page_metrics.PageSearch.read(folder, collection.checksums)
    bm25 = page_metrics.bm25_metrics(search, (outcome.question for outcome in outcomes))
    return CollectionResult(collection, outcomes, (page_metrics.quote_metrics(outcomes), bm25))


def metrics_by_group(
    results: Sequence[CollectionResult], collections: Iterable[Collection]
) -> dict[str, Metrics]:
    """Return the metrics of each collection, and of each part (or all) that was measured completely."""
    metrics = {
        result.collection.name: compute_metrics(result.outcomes)
        | (result.page_metrics[0] if result.page_metrics else {})
        for result in results
    }
    parts: dict[str, set[str]] = {}
    for collection in collections:
        parts.setdefault(collection.part, set()).add(collection.name)
        parts.setdefault(ALL, set()).add(collection.name)
    complete = {part: names for part, names in parts.items() if names <= metrics.keys()}
    return metrics | {
        part: compute_metrics(
            [outcome for result in results if result.collection.name in names for outcome in result.outcomes]
        )
        for part, names in complete.items()
    }


def _check_limits(
    results: Sequence[CollectionResult], collections: Sequence[Collection], *, with_meaning: bool
) -> int:
    """Print the limits that are not met and return the exit code."""
    expected = limits.read()
    if (actual_digest := digest(collections)) != expected.digest:
        _print_error(
            f"{limits.LIMITS_FILE.name}: digest mismatch: expected {expected.digest}, got {actual_digest}."
            " Check that the limits still make sense, then put the new digest there"
        )
        return 1
    if not with_meaning:
        _print("limits not checked: they are for answers that compare meanings")
        return 0
    checks = limits.check_limits(expected, metrics_by_group(results, collections))
    failed = [check for check in checks if not check.is_met]
    _print("\n".join([f"{len(checks) - len(failed)} of {len(checks)} limits met", *map(str, failed)]))
    return 1 if failed else 0


def _split_available(collections: Iterable[Collection], root: Path) -> tuple[list[Collection], list[str]]:
    """Return the collections with complete documents, and a line about each other one."""
    available, skipped = [], []
    for collection in collections:
        if problems := find_problems(collection.folder(root), collection.checksums):
            skipped.append(f"skipped {collection.name}: {_describe_problems(collection, problems)}")
        else:
            available.append(collection)
    return available, skipped


def _describe_problems(collection: Collection, problems: Mapping[str, str]) -> str:
    count = len(collection.checksums.keys() & problems.keys())
    if not count:
        return f"unknown files in its folder, such as {next(iter(problems))}"
    return f"{count} of {len(collection.checksums)} documents are missing or differ"


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n\n")
    sys.stdout.flush()


def _print_error(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.eval.everyday",
        description="Measure how well everyday questions about real documents are answered.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="collections to measure (default: all)")
    parser.add_argument("--part", choices=PARTS, help="only collections of this part")
    parser.add_argument(
        "--documents",
        type=Path,
        default=os.environ.get("EVERYDAY_DIR") or FETCHED_DIR,
        metavar="DIR",
        help="folder with the documents in NAME/docs (default: EVERYDAY_DIR or %(default)s)",
    )
    parser.add_argument(
        "--index",
        type=Path,
        default=FETCHED_DIR / ".index",
        metavar="DIR",
        help="folder of saved indexes (default: %(default)s)",
    )
    parser.add_argument("--words", action="store_true", help="do not compare meanings")
    parser.add_argument(
        "--misses", action="store_true", help=f"list the misses of {' and '.join(SHOWN_PARTS)}"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
