"""What speaks for each run: its own words, its passage's, and those around it.

Each feature is a share of what the question could reach (0 to 1, or little more), so that it means the same
for short and long questions, in small and large libraries. What each is worth stands in weights.py.
"""

from collections.abc import Sequence

import numpy as np

from retrieval.model import Passage
from retrieval.quoting.runs import Runs
from retrieval.ranking.evidence import Array, Evidence, Numbers
from retrieval.ranking.question import Question
from retrieval.ranking.rerank import MEANING_SCALE, gram_weights, likeness_nearby

_SATURATION = 0.6  # as k1 in BM25


def run_features(
    question: Question, evidence: Evidence, runs: Runs, passages: Sequence[Passage], kept: Numbers
) -> dict[str, Array]:
    """Weigh the runs by themselves; `passages` are the candidates', `kept` those the runs are of."""
    content, owners = evidence.content, evidence.owners[runs.first]
    ideal = max(float(content.sum()), 1e-9)
    covered = runs.likeness @ content
    row = np.empty(len(passages), np.intp)
    row[kept] = np.arange(len(kept))

    def gain(others: Array) -> Array:
        # What coverage would gain from others' words beside the run's own.
        gained: Array = (np.maximum(others, runs.likeness) @ content - covered) / ideal
        return gained

    in_passage = evidence.greatest(evidence.likeness)[owners]
    in_title = np.maximum(evidence.context.heading, evidence.context.title)[owners]
    nearby = likeness_nearby(evidence, passages, kept)[row[owners]]
    previous = np.maximum(runs.first - 1, 0)
    has_previous = (previous < runs.first) & (evidence.owners[previous] == owners)
    return {
        "alike": covered / ideal,
        "often": runs.words / (runs.words + _SATURATION) @ content / ideal,
        "run_grams": _share(np.minimum(runs.grams, 1), gram_weights(evidence)),
        "rest": gain(np.maximum(in_passage, in_title)),
        "near": gain(np.maximum(nearby, in_passage)) - gain(in_passage),
        "previous": gain(evidence.likeness[previous]) * has_previous,
        "small": evidence.small[runs.first],
        "opens": (runs.first == evidence.first[owners]).astype(np.float64),
        "run_meaning": _run_meaning(evidence, runs),
        "number": (question.wants_time or question.wants_number) * (runs.numbers > 0),
        "year": question.wants_time * (runs.years > 0),
        "person": question.wants_person * (runs.capitals > 0),
    }


def length_feature(evidence: Evidence, runs: Runs, longest: int) -> Array:
    """Give the share of the longest quote that each run fills."""
    shares: Array = (evidence.ends[runs.last] - evidence.starts[runs.first]) / longest
    return shares


def _run_meaning(evidence: Evidence, runs: Runs) -> Array:
    """Return how similar each run is to the question.

    A run's vector is the mean of its pieces', by their lengths.
    """
    meaning = evidence.meaning
    if meaning is None:
        return np.zeros(len(runs.first))
    lengths = (evidence.ends - evidence.starts).astype(np.float32)
    sums = np.zeros((len(lengths) + 1, meaning.pieces.shape[1]), np.float64)
    np.cumsum(meaning.pieces * lengths[:, None], axis=0, out=sums[1:])
    vectors = sums[runs.last + 1] - sums[runs.first]
    norms = np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
    similar: Array = vectors @ meaning.question / norms - meaning.baselines[runs.first]
    return similar * MEANING_SCALE


def _share(likeness: Array, weights: Array) -> Array:
    ideal = np.maximum(weights.sum(axis=-1), 1e-9)
    shares: Array = (likeness * weights).sum(axis=1) / ideal
    return shares
