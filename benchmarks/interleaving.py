"""Interleaved measurement of several engines, so that other load on the machine affects all alike."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.peers.engine import Question

ROUNDS = 10
_WARM_UP_QUESTIONS = 20


@dataclass(frozen=True, slots=True)
class TimedEngine:
    """An engine and its questions, each asked once. `run` returns the seconds per question."""

    name: str
    questions: Sequence[Question]
    run: Callable[[Sequence[Question]], list[float]]


@dataclass(frozen=True, slots=True)
class Times:
    """The seconds of the first question, and of each measured question by round."""

    first: float
    rounds: list[list[float]]

    @property
    def p50(self) -> float:
        return self._percentile(50)

    @property
    def p99(self) -> float:
        return self._percentile(99)

    def _percentile(self, percent: int) -> float:
        return float(np.percentile([seconds for times in self.rounds for seconds in times], percent))

    def ratio(self, other: Times) -> float:
        """Return the ratio of median times for questions that both were asked, the median over all rounds."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return median(median(own[: len(theirs)]) / median(theirs[: len(own)]) for own, theirs in pairs)


def run_interleaved(engines: Sequence[TimedEngine], warm_up: Sequence[Question]) -> dict[str, Times]:
    """Run all engines in turn, each with a tenth of its questions per round."""
    firsts: dict[str, float] = {}
    rounds: dict[str, list[list[float]]] = {engine.name: [] for engine in engines}
    for engine in engines:
        (firsts[engine.name],) = engine.run(warm_up[:1])
        # A slow engine has fewer questions, so also fewer to warm up.
        count = _WARM_UP_QUESTIONS * len(engine.questions) // len(engines[0].questions)
        engine.run(warm_up[1 : max(count, 2)])
    for number in range(ROUNDS):
        for engine in engines:
            rounds[engine.name].append(engine.run(engine.questions[number::ROUNDS]))
    return {name: Times(first, rounds[name]) for name, first in firsts.items()}
