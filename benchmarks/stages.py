"""How much of the time of an answer each stage takes."""

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
from retrieval.documents.local_library import LocalLibrary
from retrieval.index.local_index import LocalIndex
from retrieval.query.matching import match_candidates
from retrieval.quotes.quote_selection import cite, match_forms, rank_spans, select_quotes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_QUESTIONS = 300
_WARM_UP_QUESTIONS = 50
# Where a function is looked up when it is called, its name, and what it does.
STAGES: tuple[tuple[Any, str, str], ...] = (
    (pipeline, "parse_and_correct", "parse the question and correct misspelt words"),
    (LocalIndex, "_posting_lists", "look up posting lists and frequencies (twice)"),
    (LocalIndex, "_top_hits", "first stage: the best 64 passages"),
    (LocalIndex, "_read_passages", "read these passages from the page cache"),
    (pipeline, match_candidates.__name__, "match words and n-grams in their pieces"),
    (pipeline, rank_spans.__name__, "second stage: score passages and spans"),
    (pipeline, select_quotes.__name__, "select the quotes"),
    (pipeline, match_forms.__name__, "find the words to highlight"),
    (pipeline, cite.__name__, "make the citations"),
)


def stages(passages: int, keep: Path | None = None) -> Table:
    """Answer different questions and measure the stages of each answer."""
    with contextlib.ExitStack() as stack:
        root = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="verbatim-")))
        folder = corpus.open_corpus(root, passages)
        library = LocalLibrary.open(folder, index_dir=root / f"{passages}-stages")
        texts = corpus.make_questions(folder, _QUESTIONS + _WARM_UP_QUESTIONS)
        times: dict[str, list[float]] = defaultdict(list)
        asyncio.run(_time_answers(library, texts[:_WARM_UP_QUESTIONS]))
        with _record_stages(times):
            totals = asyncio.run(_time_answers(library, texts[_WARM_UP_QUESTIONS:]))
    means = [(description, sum(times[name]) / _QUESTIONS) for _, name, description in STAGES]
    mean = sum(totals) / _QUESTIONS
    other = mean - sum(seconds for _, seconds in means)
    return Table(
        f"One answer from {passages:,} passages: {median(totals) * 1000:.1f} ms (median of {_QUESTIONS})",
        [
            ("", "ms (mean)", "share"),
            *(
                (description, f"{seconds * 1000:.2f}", f"{seconds / mean:.0%}")
                for description, seconds in means
            ),
            ("other", f"{other * 1000:.2f}", f"{other / mean:.0%}"),
            ("total", f"{mean * 1000:.2f}", "100%"),
        ],
    )


async def _time_answers(library: LocalLibrary, texts: list[str]) -> list[float]:
    times = []
    for text in texts:
        start = time.perf_counter()
        await library.answer(text)
        times.append(time.perf_counter() - start)
    return times


@contextlib.contextmanager
def _record_stages(times: dict[str, list[float]]) -> Iterator[None]:
    """Record the seconds of each call of a stage by its name, during the context."""
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in STAGES]
    nested: list[float] = []
    for owner, name, original in originals:
        setattr(owner, name, _record_calls(original, times[name], nested))
    try:
        yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def _record_calls(call: Callable[..., Any], times: list[float], nested: list[float]) -> Callable[..., Any]:
    """Wrap a function to record the seconds of each call, without those of timed calls inside it.

    `nested` is shared by all wrappers: the seconds of timed calls that have ended within a running one.
    """

    def record(start: float, nested_count: int) -> None:
        seconds = time.perf_counter() - start
        times.append(seconds - sum(nested[nested_count:]))
        del nested[nested_count:]
        nested.append(seconds)

    async def timed_coroutine(*args: Any, **kwargs: Any) -> Any:
        start, nested_count = time.perf_counter(), len(nested)
        try:
            return await call(*args, **kwargs)
        finally:
            record(start, nested_count)

    def timed_function(*args: Any, **kwargs: Any) -> Any:
        start, nested_count = time.perf_counter(), len(nested)
        try:
            return call(*args, **kwargs)
        finally:
            record(start, nested_count)

    return timed_coroutine if inspect.iscoroutinefunction(call) else timed_function
