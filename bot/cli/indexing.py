"""Reads the documents and saves their index: `verbatim index`."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from bot.cli.open_documents import (
    connect,
    encode_missing,
    open_cluster_documents,
    print_problems,
    progress_bar,
    read_scans,
)
from bot.cli.output import (
    INTERRUPTED_EXIT_CODE,
    SETTING_EXIT_CODE,
    UNSAVED_EXIT_CODE,
    count_noun,
    print_text,
)
from bot.cli.settings import read_settings
from bot.documents.search_backends import encoder_for, loaded_encoder_for
from config.settings import Settings
from retrieval.documents.local_library import LocalLibrary

if TYPE_CHECKING:
    # The cluster client takes longer to import than reading a small folder.
    from retrieval.opensearch import ClusterLibrary


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
    left_out = f"; {len(library.problems)} left out" if library.problems else ""
    counts = f"{count_noun(len(library.sources), 'document')}, {count_noun(library.passages, 'passage')}"
    print_text(f"{counts}{languages}{left_out}")
