"""Search speed, index size and opening time, compared with other engines on the same texts."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import corpus
from benchmarks.engines import OURS, RANK_BM25, PreparedEngine, engine_names, prepare
from benchmarks.interleaving import ROUNDS, TimedEngine, Times, run_interleaved
from benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.peers.engine import Question

PASSAGES = 100_000
_QUESTIONS = 50 * ROUNDS
_RANK_BM25_QUESTIONS = 5 * ROUNDS
_WARM_UP_QUESTIONS = 20
_RESULTS = 10
# The number of passages that the second stage re-ranks.
_CANDIDATES = 64
_LARGE_CORPUS_PASSAGES = 1_000_000
_COMPARED_QUESTIONS = 20
_TITLES = {OURS: "ours", "bm25s": "bm25s, numba", "tantivy": "tantivy", RANK_BM25: "rank-bm25"}
_CANDIDATES_TITLE, _ANSWER_TITLE, _TENTH_TITLE = (
    f"ours, first {_CANDIDATES}",
    "ours, whole answer",
    "ours, a tenth",
)


@dataclass(frozen=True, slots=True)
class Goal:
    """A measurement and its target, the highest value that it should have."""

    name: str
    value: float
    limit: float
    unit: str = ""

    def __str__(self) -> str:
        verdict = "met" if self.value <= self.limit else "missed"
        return f"{self.name}: {self.value:.3g}{self.unit}, at most {self.limit:g}{self.unit}: {verdict}"


def search(passages: int = PASSAGES, keep: Path | None = None) -> Table:
    """Measure all engines. Texts and the indexes of other engines are kept in `keep` for later runs."""
    with contextlib.ExitStack() as stack:
        root = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verbatim-")))
        folder = corpus.open_corpus(root, passages)
        engines: dict[str, PreparedEngine] = {}
        notes: list[str] = []
        for name in engine_names(passages):
            _print_progress(f"{name}: indexing {passages:,} passages ...")
            try:
                engines[name] = prepare(name, folder, stack)
            except ChildProcessError as error:
                if name == OURS:
                    raise
                notes.append(f"Skipped: {error}.")
        tenth = prepare(OURS, corpus.open_corpus(root, passages // 10), stack)
        _print_progress("Searching ...")
        ours = engines[OURS].process
        questions = ours.terms(corpus.make_questions(folder, 3 * _QUESTIONS + _WARM_UP_QUESTIONS))
        times = run_interleaved(
            list(_timed_engines(engines, tenth, questions[_WARM_UP_QUESTIONS:])),
            questions[:_WARM_UP_QUESTIONS],
        )
        if len(engines) == 1:
            notes.append("The other engines are not installed; `make bench` installs them.")
        rows = list(_table_rows(engines, times))
        notes = [*_notes(passages, engines, times), *notes]
        if RANK_BM25 in engines:
            notes += _score_differences(engines, questions[:_COMPARED_QUESTIONS])
        title = (
            f"Searching {passages:,} passages, the best {_RESULTS}, one question at a time, {ROUNDS} rounds"
        )
        return Table(title, rows, tuple(notes))


def _timed_engines(
    engines: Mapping[str, PreparedEngine], tenth: PreparedEngine, questions: Sequence[Question]
) -> Iterator[TimedEngine]:
    """Yield the engines with their questions. All of ours are different, because answers are cached."""
    for name, engine in engines.items():
        engine_questions = questions[: _RANK_BM25_QUESTIONS if name == RANK_BM25 else _QUESTIONS]
        yield TimedEngine(name, engine_questions, partial(engine.process.search, limit=_RESULTS))
    ours = engines[OURS].process
    candidate_questions, answer_questions = questions[_QUESTIONS:][:_QUESTIONS], questions[2 * _QUESTIONS :]
    yield TimedEngine(_CANDIDATES_TITLE, candidate_questions, partial(ours.search, limit=_CANDIDATES))
    yield TimedEngine(_ANSWER_TITLE, answer_questions, ours.answer)
    yield TimedEngine(_TENTH_TITLE, questions[:_QUESTIONS], partial(tenth.process.search, limit=_RESULTS))


def _table_rows(
    engines: Mapping[str, PreparedEngine], times: Mapping[str, Times]
) -> Iterator[tuple[str, ...]]:
    yield (
        "",
        "p50 ms",
        "p99 ms",
        "ours/theirs",
        "build s",
        "peak MB",
        "open ms",
        "first ms",
        "disk MB",
        "RSS MB",
    )
    for name, engine in engines.items():
        yield (
            _TITLES[name],
            *_format_percentiles(times[name]),
            f"{times[OURS].ratio(times[name]):.2g}" if name != OURS else "",
            f"{engine.build_cost.seconds:.1f}",
            f"{engine.build_cost.peak / 2**20:.0f}",
            "-" if engine.open_seconds is None else f"{engine.open_seconds * 1000:.0f}",
            f"{times[name].first * 1000:.2f}",
            "-" if engine.disk_bytes is None else f"{engine.disk_bytes / 2**20:.0f}",
            f"{engine.process.resident_bytes / 2**20:.0f}",
        )
    for name in (_CANDIDATES_TITLE, _ANSWER_TITLE):
        yield name, *_format_percentiles(times[name]), *[""] * 4, f"{times[name].first * 1000:.2f}", "", ""


def _format_percentiles(times: Times) -> tuple[str, str]:
    return f"{times.p50 * 1000:.3f}", f"{times.p99 * 1000:.3f}"


def _notes(passages: int, engines: Mapping[str, PreparedEngine], times: Mapping[str, Times]) -> Iterator[str]:
    load = os.getloadavg()[0]
    yield f"{os.cpu_count()} processors, load {load:.1f} at the end; ratios are medians over the rounds."
    yield (
        f"Growth with the corpus: p50 {times[_TENTH_TITLE].p50 * 1000:.3f} ms at {passages // 10:,} "
        f"passages, {times[OURS].p50 * 1000:.3f} ms at {passages:,}."
    )
    if cached := [_TITLES[name] for name, engine in engines.items() if engine.is_cached]:
        yield f"Built in an earlier run: {'; '.join(cached)}."
    yield f"Of our memory, {engines[OURS].process.mapped_bytes / 2**20:.0f} MB are pages of files."
    yield from map(str, _goals(passages, engines, times))


def _goals(
    passages: int, engines: Mapping[str, PreparedEngine], times: Mapping[str, Times]
) -> Iterator[Goal]:
    ours, is_large = engines[OURS], passages >= _LARGE_CORPUS_PASSAGES
    # The time of rank-bm25 is linear in the passages: the ratio holds for large corpora only.
    rank_bm25 = {RANK_BM25: 0.001} if passages >= PASSAGES else {}
    for name, limit in ({"bm25s": 1.0, "tantivy": 0.5} | rank_bm25).items():
        if name in engines:
            yield Goal(f"Search, ours to {_TITLES[name]}", times[OURS].ratio(times[name]), limit)
    if is_large:
        if "bm25s" in engines:
            yield Goal(
                "Build, ours to bm25s", ours.build_cost.seconds / engines["bm25s"].build_cost.seconds, 0.3
            )
        yield Goal("Peak of the build", ours.build_cost.peak / 2**30, 1.5, " GB")
    yield Goal("Open", (ours.open_seconds or 0) * 1000, 50, " ms")
    yield Goal("Memory after searching", ours.process.resident_bytes / 2**20, 400 if is_large else 200, " MB")
    yield Goal("Whole answer, p50", times[_ANSWER_TITLE].p50 * 1000, 10, " ms")
    yield Goal("Whole answer, p99", times[_ANSWER_TITLE].p99 * 1000, 40, " ms")


def _score_differences(engines: Mapping[str, PreparedEngine], questions: Sequence[Question]) -> Iterator[str]:
    """Yield a note if our results do not have the best scores by rank-bm25."""
    results = engines[OURS].process.best_paragraphs(questions, _RESULTS)
    if differing := engines[RANK_BM25].process.count_differing(questions, results):
        yield f"For {differing} of {len(questions)} questions our results differ from those of rank-bm25."


def _print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - progress of a long run
