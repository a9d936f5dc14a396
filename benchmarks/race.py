"""Several that answer the same questions by turns, so that what else the machine does slows all alike."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.peers.engine import Asked

ROUNDS = 10
_WARM = 20


@dataclass(frozen=True, slots=True)
class Lane:
    """One that answers questions, each asked once; `run` gives the seconds of each."""

    name: str
    questions: Sequence[Asked]
    run: Callable[[Sequence[Asked]], list[float]]


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: of the very first question, and of those that count, by round."""

    first: float
    rounds: list[list[float]]

    @property
    def p50(self) -> float:
        return self._percentile(50)

    @property
    def p99(self) -> float:
        return self._percentile(99)

    def _percentile(self, percent: int) -> float:
        return float(np.percentile([one for took in self.rounds for one in took], percent))

    def ratio(self, other: Times) -> float:
        """Divide ours by theirs: the median over the rounds, of the questions that both were asked."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return median(median(mine[: len(theirs)]) / median(theirs[: len(mine)]) for mine, theirs in pairs)


def race(lanes: Sequence[Lane], warming: Sequence[Asked]) -> dict[str, Times]:
    """Let all answer, a round's share of their questions at a time."""
    firsts: dict[str, float] = {}
    rounds: dict[str, list[list[float]]] = {lane.name: [] for lane in lanes}
    for lane in lanes:
        (firsts[lane.name],) = lane.run(warming[:1])
        # One that is asked little is slow.
        lane.run(warming[1 : max(_WARM * len(lane.questions) // len(lanes[0].questions), 2)])
    for number in range(ROUNDS):
        for lane in lanes:
            rounds[lane.name].append(lane.run(lane.questions[number::ROUNDS]))
    return {name: Times(first, rounds[name]) for name, first in firsts.items()}
