"""Where the time of one answer goes."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import corpus
from benchmarks.table import Table
from retrieval import pipeline
from retrieval.documents.library import Library
from retrieval.index.local_index import LocalIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_QUESTIONS = 300
_WARMING = 50
# What answers are made of: where it is called from, under which name, and what it does.
_STAGES: tuple[tuple[Any, str, str], ...] = (
    (pipeline, "_parse_and_correct", "understand the question: words, terms, slips"),
    (LocalIndex, "_lists", "look up posting lists and frequencies, twice"),
    (LocalIndex, "_best", "first stage: the best 64 passages"),
    (LocalIndex, "_read", "read these passages from the disk's cache"),
    (pipeline, "match_features", "count words and grams in their pieces"),
    (pipeline, "rank_spans", "second stage: weigh passages and spans"),
    (pipeline, "select_quotes", "choose the quotes"),
    (pipeline, "match_forms", "find the words to mark"),
    (pipeline, "cite", "cite"),
)


def stages(passages: int, keep: Path | None = None) -> Table:
    """Ask questions that were never asked before, and measure each stage of every answer."""
    with contextlib.ExitStack() as stack:
        place = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verbatim-")))
        folder = corpus.written(place, passages)
        library = Library.open(folder, index_dir=place / f"{passages}-stages")
        texts = corpus.questions(folder, _QUESTIONS + _WARMING)
        took: dict[str, list[float]] = defaultdict(list)
        asyncio.run(_ask(library, texts[:_WARMING]))
        with _measured(took):
            whole = asyncio.run(_ask(library, texts[_WARMING:]))
    total = median(whole)
    rows = [(told, took[name]) for _, name, told in _STAGES]
    each = [(told, sum(seconds) / _QUESTIONS) for told, seconds in rows]
    named = sum(seconds for _, seconds in each)
    mean = sum(whole) / _QUESTIONS
    return Table(
        f"One answer from {passages:,} passages: {total * 1000:.1f} ms (median of {_QUESTIONS})",
        [
            ("", "ms (mean)", "share"),
            *((told, f"{seconds * 1000:.2f}", f"{seconds / mean:.0%}") for told, seconds in each),
            ("all else", f"{(mean - named) * 1000:.2f}", f"{(mean - named) / mean:.0%}"),
            ("together", f"{mean * 1000:.2f}", "100%"),
        ],
    )


async def _ask(library: Library, texts: list[str]) -> list[float]:
    took = []
    for text in texts:
        began = time.perf_counter()
        await library.answer(text)
        took.append(time.perf_counter() - began)
    return took


@contextlib.contextmanager
def _measured(took: dict[str, list[float]]) -> Iterator[None]:
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in _STAGES]
    own: list[float] = []
    for owner, name, call in before:
        setattr(owner, name, _timed(call, took[name], own))
    try:
        yield
    finally:
        for owner, name, call in before:
            setattr(owner, name, call)


def _timed(call: Callable[..., Any], took: list[float], inside: list[float]) -> Callable[..., Any]:
    """Measure calls, without what other measured ones take that are called inside."""

    def note(began: float, outer: int) -> None:
        spent = time.perf_counter() - began
        took.append(spent - sum(inside[outer:]))
        del inside[outer:]
        inside.append(spent)

    async def waited(*args: Any, **named: Any) -> Any:
        began, outer = time.perf_counter(), len(inside)
        try:
            return await call(*args, **named)
        finally:
            note(began, outer)

    def called(*args: Any, **named: Any) -> Any:
        began, outer = time.perf_counter(), len(inside)
        try:
            return call(*args, **named)
        finally:
            note(began, outer)

    return waited if inspect.iscoroutinefunction(call) else called
