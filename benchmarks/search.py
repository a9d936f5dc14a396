"""Searching, beside other search engines on the same texts: how fast, how large, how soon ready."""

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
from benchmarks.contestants import OURS, PLAIN, Contestant, names, prepare
from benchmarks.race import ROUNDS, Lane, Times, race
from benchmarks.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from benchmarks.peers.engine import Asked

PASSAGES = 100_000
_QUESTIONS = 50 * ROUNDS
_PLAIN_QUESTIONS = 5 * ROUNDS
_WARMING = 20
_LIMIT = 10
# As many as an answer looks closer at.
_CLOSER = 64
_LARGE = 1_000_000
_COMPARED = 20
_TITLES = {OURS: "ours", "bm25s": "bm25s, numba", "tantivy": "tantivy", PLAIN: "rank-bm25"}
_DEEPER, _ANSWER, _TENTH = f"ours, first {_CLOSER}", "ours, whole answer", "ours, a tenth"


@dataclass(frozen=True, slots=True)
class Goal:
    """What one figure is to be at most."""

    what: str
    found: float
    most: float
    unit: str = ""

    def __str__(self) -> str:
        verdict = "met" if self.found <= self.most else "missed"
        return f"{self.what}: {self.found:.3g}{self.unit}, at most {self.most:g}{self.unit}: {verdict}"


def search(passages: int = PASSAGES, keep: Path | None = None) -> Table:
    """Measure all; texts and the peers' indexes are made in `keep`, and used again if they are there."""
    with contextlib.ExitStack() as stack:
        place = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verbatim-")))
        folder = corpus.written(place, passages)
        there: dict[str, Contestant] = {}
        notes: list[str] = []
        for name in names(passages):
            _say(f"{name} reads {passages:,} passages ...")
            try:
                there[name] = prepare(name, folder, stack)
            except ChildProcessError as failed:
                if name == OURS:
                    raise
                notes.append(f"Left out: {failed}.")
        tenth = prepare(OURS, corpus.written(place, passages // 10), stack)
        _say("Searching ...")
        ours = there[OURS].child
        asked = ours.terms(corpus.questions(folder, 3 * _QUESTIONS + _WARMING))
        times = race(list(_lanes(there, tenth, asked[_WARMING:])), asked[:_WARMING])
        if len(there) == 1:
            notes.append("The peers are not installed (`make bench` does it): ours alone is measured.")
        rows = list(_rows(there, times))
        notes = [*_notes(passages, there, times), *notes]
        if PLAIN in there:
            notes += _differing(there, asked[:_COMPARED])
        title = f"Searching {passages:,} passages, the best {_LIMIT}, one question at a time, {ROUNDS} rounds"
        return Table(title, rows, tuple(notes))


def _lanes(there: Mapping[str, Contestant], tenth: Contestant, asked: Sequence[Asked]) -> Iterator[Lane]:
    """Ask ours nothing twice: what an answer found may be remembered."""
    for name, one in there.items():
        own = asked[: _PLAIN_QUESTIONS if name == PLAIN else _QUESTIONS]
        yield Lane(name, own, partial(one.child.search, limit=_LIMIT))
    ours, deeper, answer = there[OURS].child, asked[_QUESTIONS:][:_QUESTIONS], asked[2 * _QUESTIONS :]
    yield Lane(_DEEPER, deeper, partial(ours.search, limit=_CLOSER))
    yield Lane(_ANSWER, answer, ours.answer)
    yield Lane(_TENTH, asked[:_QUESTIONS], partial(tenth.child.search, limit=_LIMIT))


def _rows(there: Mapping[str, Contestant], times: Mapping[str, Times]) -> Iterator[tuple[str, ...]]:
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
    for name, one in there.items():
        yield (
            _TITLES[name],
            *_milliseconds(times[name]),
            f"{times[OURS].ratio(times[name]):.2g}" if name != OURS else "",
            f"{one.built.seconds:.1f}",
            f"{one.built.peak / 2**20:.0f}",
            "-" if one.opened is None else f"{one.opened * 1000:.0f}",
            f"{times[name].first * 1000:.2f}",
            "-" if one.disk is None else f"{one.disk / 2**20:.0f}",
            f"{one.child.resident / 2**20:.0f}",
        )
    for name in (_DEEPER, _ANSWER):
        yield name, *_milliseconds(times[name]), *[""] * 4, f"{times[name].first * 1000:.2f}", "", ""


def _milliseconds(times: Times) -> tuple[str, str]:
    return f"{times.p50 * 1000:.3f}", f"{times.p99 * 1000:.3f}"


def _notes(passages: int, there: Mapping[str, Contestant], times: Mapping[str, Times]) -> Iterator[str]:
    busy = os.getloadavg()[0]
    yield f"{os.cpu_count()} processors, load {busy:.1f} at the end; ratios are medians over the rounds."
    yield (
        f"As the documents grow: p50 {times[_TENTH].p50 * 1000:.3f} ms at {passages // 10:,} passages, "
        f"{times[OURS].p50 * 1000:.3f} ms at {passages:,}."
    )
    if kept := [_TITLES[name] for name, one in there.items() if one.kept]:
        yield f"Built in an earlier run: {'; '.join(kept)}."
    yield f"Of our memory, {there[OURS].child.mapped / 2**20:.0f} MB are pages of files."
    yield from map(str, _goals(passages, there, times))


def _goals(passages: int, there: Mapping[str, Contestant], times: Mapping[str, Times]) -> Iterator[Goal]:
    ours, large = there[OURS], passages >= _LARGE
    # The plain one takes as long as there are passages: at fewer it is not that far behind.
    plain = {PLAIN: 0.001} if passages >= PASSAGES else {}
    for name, most in ({"bm25s": 1.0, "tantivy": 0.5} | plain).items():
        if name in there:
            yield Goal(f"Search, ours to {_TITLES[name]}", times[OURS].ratio(times[name]), most)
    if large:
        if "bm25s" in there:
            yield Goal("Build, ours to bm25s", ours.built.seconds / there["bm25s"].built.seconds, 0.3)
        yield Goal("Peak of the build", ours.built.peak / 2**30, 1.5, " GB")
    yield Goal("Open", (ours.opened or 0) * 1000, 50, " ms")
    yield Goal("Memory when asked", ours.child.resident / 2**20, 400 if large else 200, " MB")
    yield Goal("Whole answer, p50", times[_ANSWER].p50 * 1000, 10, " ms")
    yield Goal("Whole answer, p99", times[_ANSWER].p99 * 1000, 40, " ms")


def _differing(there: Mapping[str, Contestant], asked: Sequence[Asked]) -> Iterator[str]:
    """Say so where what we find is not what has rank-bm25's best scores."""
    found = there[OURS].child.found(asked, _LIMIT)
    if differing := there[PLAIN].child.differing(asked, found):
        yield f"For {differing} of {len(asked)} questions ours are not the best by rank-bm25's scores."


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)  # noqa: T201 - it takes minutes
