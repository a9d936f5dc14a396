"""The quote: the run of whole pieces that best covers the question, over all candidates at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.ranking.evidence import Array, Evidence


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A run of pieces of one candidate (by ordinal); `start` and `end` count from its passage's start."""

    candidate: int
    start: int
    end: int
    score: float


def choose(evidence: Evidence, passage_scores: Array, longest: int, top: int) -> list[Excerpt]:
    """Choose up to `top` runs of at most `longest` characters, best first, that do not overlap."""
    first, last = _runs(evidence, longest)
    scores = _coverage(evidence, first, last) + passage_scores[evidence.owners[first]]
    chosen: list[int] = []
    taken = np.zeros(len(evidence.owners), bool)
    for run in np.argsort(-scores, kind="stable"):
        if not taken[first[run] : last[run] + 1].any():
            chosen.append(run)
            taken[first[run] : last[run] + 1] = True
        if len(chosen) == top:
            break
    return [
        Excerpt(
            candidate=int(evidence.owners[first[run]]),
            start=int(evidence.starts[first[run]]),
            end=int(evidence.ends[last[run]]),
            score=float(scores[run]),
        )
        for run in chosen
    ]


def _runs(evidence: Evidence, longest: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """List all runs of neighbouring pieces of one candidate that fit: their first and last pieces."""
    pairs = np.array(list(_run_pairs(evidence, longest)), np.intp)
    return pairs[:, 0], pairs[:, 1]


def _run_pairs(evidence: Evidence, longest: int) -> Iterator[tuple[int, int]]:
    owners, starts, ends = evidence.owners.tolist(), evidence.starts.tolist(), evidence.ends.tolist()
    for first, owner in enumerate(owners):
        yield first, first
        last = first + 1
        while last < len(owners) and owners[last] == owner and ends[last] - starts[first] <= longest:
            yield first, last
            last += 1


def _coverage(evidence: Evidence, first: NDArray[np.intp], last: NDArray[np.intp]) -> Array:
    """Weigh how much of the question each run holds: words and likenesses by idf, a little less for each piece."""
    likeness = np.maximum(np.minimum(evidence.words, 1), evidence.similar * (evidence.similar > 0.5))
    covered = np.stack([likeness[a : b + 1].max(axis=0) for a, b in zip(first, last, strict=True)])
    scores: Array = covered @ evidence.idf
    return scores
