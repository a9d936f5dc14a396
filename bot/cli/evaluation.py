"""Measures how well the documents answer questions: `verbatim eval`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from bot.cli.open_documents import open_documents
from bot.cli.output import UsageFailure, print_text
from bot.cli.settings import read_settings
from retrieval.evaluation import dataset, evaluation_report, floors, metrics


def evaluate(  # noqa: PLR0913  # one for each option
    docs: Path | None,
    file: BinaryIO,
    floors_file: BinaryIO | None,
    *,
    labels: Sequence[str],
    as_json: bool,
    misses: bool,
) -> None:
    """Print the figures, and exit with whether they are good enough."""
    folder, data = docs or read_settings().seeds_dir, file.read()
    with open_documents(docs) as (library, runner):
        names = [name for source in library.sources for name in (source.name, *source.copies)]
        cases = dataset.read_cases(data, file.name, names)
        for label in labels:
            if not any(label in case.labels for case in cases):
                raise UsageFailure(f"{file.name}: --by {label}: no line has this key with a text")
        limits = floors.read_floors(floors_file.read(), floors_file.name) if floors_file else None
        outcomes = runner.run(metrics.evaluate(library, cases, metrics.document_texts(folder)))
    checks = floors.check_floors(limits, outcomes) if limits else None
    evaluation = evaluation_report.Report(outcomes, labels, checks, misses)
    print_text(
        json.dumps(evaluation_report.report_json(evaluation), ensure_ascii=False)
        if as_json
        else evaluation_report.report_text(evaluation)
    )
    if limits and (digest := floors.dataset_digest(data, folder, names)) != limits.digest:
        raise UsageFailure(
            f"{limits.name}: digest mismatch: expected {limits.digest}, got {digest}. The questions or "
            "documents have changed: check that the floors still make sense, then put the new digest there"
        )
    is_verbatim = evaluation.overall.verbatim in {None, 1.0}
    sys.exit(0 if is_verbatim and all(check.is_met for check in checks or ()) else 1)
