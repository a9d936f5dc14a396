"""Opens the documents for a command, here or in a cluster; and `verbatim index`, which saves their index."""

import asyncio
import contextlib
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from bot.cli.output import (
    INTERRUPTED_EXIT_CODE,
    SETTING_EXIT_CODE,
    UNSAVED_EXIT_CODE,
    count_noun,
    print_text,
)
from bot.documents.search_backend import (
    connection_settings,
    encoder_for,
    loaded_encoder_for,
    no_documents_message,
    open_cluster,
    open_cluster_library,
)
from bot.views.problems import all_problem_lines, problem_lines
from config.settings import Settings, read_settings
from retrieval.documents.local_library import LocalLibrary
from retrieval.errors import EncoderError
from retrieval.ocr import tesseract

if TYPE_CHECKING:
    # The cluster client takes longer to import than answering a question.
    from retrieval.opensearch import ClusterClient, ClusterLibrary
    # The cluster client takes longer to import than reading a small folder.

# Encoding this many takes minutes on two cores. More are left to `verbatim index`.
_MAX_VECTORS_BEFORE_ANSWERS = 20_000
# More are announced, as they take some seconds at least.
_MIN_VECTORS_ANNOUNCED = 50
# About 40 a second on one core.
_VECTORS_PER_MINUTE = 2_400
# They take some minutes.
_MAX_PAGES_BEFORE_ANSWERS = 40


@contextlib.contextmanager
def open_documents(docs: Path | None) -> Iterator[tuple["LocalLibrary | ClusterLibrary", asyncio.Runner]]:
    """Open the documents, here or in a cluster, with an event loop to search them in."""
    settings = read_settings()
    folder = docs or settings.seeds_dir
    with asyncio.Runner() as runner:
        if settings.opensearch_nodes:
            with connect(settings, runner) as cluster:
                in_cluster = open_cluster_documents(settings, folder, cluster, runner)
                print_problems(in_cluster, "the cluster", list_with=_check_command(docs))
                yield in_cluster, runner
            return
        library = LocalLibrary.open(
            folder,
            index_dir=settings.index_dir,
            quote_chars=settings.quote_chars,
            encoder=encoder_for(settings),
            ocr=settings.ocr == "auto",
        )
        library = _read_scans_if_quick(library, settings.index_dir)
        print_problems(library, folder, list_with=_check_command(docs))
        _encode_if_quick(library)
        yield library, runner


def _read_scans_if_quick(library: LocalLibrary, index_dir: Path) -> LocalLibrary:
    """Read scanned pages by OCR if they are few, or print a note if they are many."""
    pages = _unread_pages(library)
    if not pages or not tesseract.is_available():
        return library
    if pages > _MAX_PAGES_BEFORE_ANSWERS:
        click.echo(
            f"{pages:,} scanned pages have not been read yet; `verbatim index` reads them by OCR", err=True
        )
        return library
    return read_scans(library, index_dir)


def read_scans(library: LocalLibrary, index_dir: Path) -> LocalLibrary:
    """Read the scanned pages by OCR, with a progress bar; save the library with them, and return it.

    Where the bar is hidden, print a line before.
    """
    unread, total, done = library.unread_scans, _unread_pages(library), 0
    if not unread or not tesseract.is_available():
        return library
    if not sys.stderr.isatty():
        noun = "1 scanned page" if total == 1 else f"{total:,} scanned pages"
        click.echo(f"reading {noun} by OCR, once; a page takes some seconds", err=True)
    with progress_bar("Reading scans") as progress:
        for file in unread:
            before = done
            library.read_scan(file, lambda count, _: progress(before + count, total))  # noqa: B023  # called at once
            done += len(file.pages)
    library = LocalLibrary.open(library.folder, before=library)
    return replace(library, is_saved=library.save(index_dir))


def _unread_pages(library: LocalLibrary) -> int:
    return sum(len(file.pages) for file in library.unread_scans)


def _encode_if_quick(library: LocalLibrary) -> None:
    """Compute the missing vectors if they are few, or print a note if they are many."""
    missing = library.unencoded
    if not missing:
        return
    if missing > _MAX_VECTORS_BEFORE_ANSWERS:
        click.echo(
            f"{missing:,} texts have no vector yet, so answers are found by words alone for now; "
            "`verbatim index` makes them",
            err=True,
        )
        return
    encode_missing(library)


def encode_missing(library: LocalLibrary) -> None:
    """Compute the missing vectors, with a progress bar, or where that is hidden with a line before it."""
    missing = library.unencoded
    if missing >= _MIN_VECTORS_ANNOUNCED and not sys.stderr.isatty():
        minutes = round(missing / _VECTORS_PER_MINUTE)
        duration = {0: "less than a minute", 1: "about a minute"}.get(minutes, f"about {minutes} minutes")
        click.echo(f"encoding {missing:,} passages and sentences, once; this takes {duration}", err=True)
    # If the encoder cannot be loaded, it has logged why.
    with contextlib.suppress(EncoderError), progress_bar("Encoding") as progress:
        library.encode(progress, threads=os.cpu_count() or 1)


@contextlib.contextmanager
def connect(settings: Settings, runner: asyncio.Runner) -> Iterator["ClusterClient"]:
    cluster = open_cluster(connection_settings(settings))
    try:
        yield cluster
    finally:
        runner.run(cluster.close())


def open_cluster_documents(
    settings: Settings, folder: Path, cluster: "ClusterClient", runner: asyncio.Runner
) -> "ClusterLibrary":
    return runner.run(open_cluster_library(settings, folder, cluster, encoder_for(settings)))


def _check_command(docs: Path | None) -> str:
    return f"verbatim check --docs {shlex.quote(str(docs))}" if docs else "verbatim check"


def print_problems(
    library: "LocalLibrary | ClusterLibrary",
    folder: Path | str,
    *,
    list_with: str | None = None,
    list_all: bool = False,
) -> None:
    """List the skipped files, or only count them and name the command that lists them.

    With `list_all`, files in unsupported formats are listed, too; else they are counted by kind.
    """
    count = len(library.problems)
    if list_with and count:
        files = "1 file was" if count == 1 else f"{count:,} files were"
        click.echo(f"{files} skipped; `{list_with}` says why", err=True)
    for line in (all_problem_lines if list_all else problem_lines)(() if list_with else library.problems):
        click.echo(f"skipped {line}", err=True)
    if not library.sources:
        click.echo(no_documents_message(folder), err=True)


@contextlib.contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar if stderr is a terminal; its update function takes the count done and the total."""
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        yield progress


def index(docs: Path | None, *, fresh: bool, list_all: bool) -> None:
    """Read the documents and save their index, and exit if that fails."""
    settings = read_settings()
    folder = docs or settings.seeds_dir
    if settings.opensearch_nodes:
        _index_cluster(settings, folder, fresh=fresh, list_all=list_all)
        return
    with progress_bar("Reading") as progress:
        library = LocalLibrary.open(
            folder,
            index_dir=settings.index_dir,
            quote_chars=settings.quote_chars,
            progress=progress,
            fresh=True,
            encoder=encoder_for(settings),
            ocr=settings.ocr == "auto",
        )
    library = _read_scans_for_index(library, settings.index_dir)
    print_problems(library, folder, list_all=list_all)
    _print_counts(library)
    if not library.sources:
        sys.exit(SETTING_EXIT_CODE)
    if not library.is_saved:
        _fail_unsaved(settings, "the index is not saved")
    if texts := library.encodable:
        _encode_for_index(library, texts)
        if not library.has_saved_vectors:
            _fail_unsaved(settings, "vectors are not saved")


def _fail_unsaved(settings: Settings, what: str) -> NoReturn:
    """End with exit code 1 and a line; the reason has been logged."""
    click.echo(f"verbatim: INDEX_DIR={settings.index_dir}: {what}; `verbatim index` tries again", err=True)
    sys.exit(UNSAVED_EXIT_CODE)


def _read_scans_for_index(library: LocalLibrary, index_dir: Path) -> LocalLibrary:
    """Read all scanned pages by OCR. Ctrl-C stops this, and keeps the pages so far."""
    try:
        return read_scans(library, index_dir)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED_EXIT_CODE)


def _encode_for_index(library: LocalLibrary, texts: int) -> None:
    """Encode all texts without a vector. Ctrl-C stops this, and keeps the vectors so far."""
    missing = library.unencoded
    try:
        encode_missing(library)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED_EXIT_CODE)
    finally:
        remaining = library.unencoded
        hint = "; `verbatim index` encodes the rest" if remaining else ""
        counts = f"{texts - remaining:,} of {texts:,} texts have vectors, {missing - remaining:,} of them new"
        print_text(f"{counts}{hint}")


def _index_cluster(settings: Settings, folder: Path, *, fresh: bool, list_all: bool) -> None:
    from retrieval.opensearch import IndexPlan, cached_embeddings, write_index  # noqa: PLC0415  # as above

    # Loaded first to see whether that works: an index has vectors of all its texts or of none.
    encoder = loaded_encoder_for(settings)
    embeddings = (
        cached_embeddings(encoder, settings.index_dir, settings.opensearch_index) if encoder else None
    )

    def print_waiting(holder: str) -> None:
        click.echo(f"another process ({holder}) is writing the index; waiting", err=True)

    plan = IndexPlan(
        settings.opensearch_index,
        settings.quote_chars,
        settings.opensearch_shards,
        settings.opensearch_replicas,
        fresh,
    )
    with asyncio.Runner() as runner, connect(settings, runner) as cluster:
        with progress_bar("Reading") as progress:
            runner.run(
                write_index(
                    cluster, folder, plan, progress=progress, on_wait=print_waiting, embeddings=embeddings
                )
            )
        library = open_cluster_documents(settings, folder, cluster, runner)
    print_problems(library, "the cluster", list_all=list_all)
    _print_counts(library)
    if not library.sources:
        sys.exit(SETTING_EXIT_CODE)


def _print_counts(library: "LocalLibrary | ClusterLibrary") -> None:
    languages = f" in {', '.join(library.languages)}" if library.languages else ""
    left_out = f"; {len(library.problems)} skipped" if library.problems else ""
    counts = f"{count_noun(len(library.sources), 'document')}, {count_noun(library.passages, 'passage')}"
    print_text(f"{counts}{languages}{left_out}")
