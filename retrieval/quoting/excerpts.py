"""The quote: the run of whole pieces that best answers the question, over all kept candidates at once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retrieval.quoting.features import length_feature, run_features
from retrieval.quoting.runs import Runs, find
from retrieval.quoting.weights import MEANING, WORDS, Weights
from retrieval.ranking.evidence import Array, Evidence
from retrieval.ranking.index import Candidates
from retrieval.ranking.question import Question
from retrieval.ranking.rerank import keep, passage_features

# What a quote loses for standing beside one already chosen, as "wider context" would show it anyway.
# Forbidding it altogether costs 5 to 8 of 100 answers in the first three quotes.
_BESIDE = 0.5


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A run of pieces of one candidate (by ordinal); `start` and `end` count from its passage's start."""

    candidate: int
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """All runs that may be quoted.

    `features` tells what speaks for each (a value a run), `scores` weighs that by `weights`.
    """

    runs: Runs
    features: Mapping[str, Array]
    scores: Array
    weights: Weights

    @property
    def best(self) -> dict[str, float]:
        """The features of the best run."""
        run = int(np.argmax(self.scores))
        return {name: float(values[run]) for name, values in self.features.items()}


def rank(question: Question, evidence: Evidence, candidates: Candidates, longest: int) -> Ranking:
    """Score the runs of at most `longest` characters in the candidates worth a closer look."""
    of_passage = passage_features(question, evidence)
    kept = keep(of_passage)
    runs = find(evidence, kept, longest)
    features = {name: values[evidence.owners[runs.first]] for name, values in of_passage.items()}
    features |= run_features(question, evidence, runs, candidates.passages, kept)
    features["length"] = length_feature(evidence, runs, longest)
    weights = WORDS if evidence.meaning is None else MEANING
    scores = sum(
        (weight * features[name] for name, weight in weights.quote.items()), np.zeros(len(runs.first))
    )
    return Ranking(runs, features, scores, weights)


def choose(ranking: Ranking, evidence: Evidence, top: int) -> list[Excerpt]:
    """Choose up to `top` runs, best first, that do not overlap; beside a chosen one it has to be better."""
    runs, scores = ranking.runs, ranking.scores.copy()
    chosen: list[Excerpt] = []
    while len(chosen) < top and scores.max() > -np.inf:
        run = int(np.argmax(scores))
        first, last = runs.first[run], runs.last[run]
        chosen.append(
            Excerpt(
                candidate=int(evidence.owners[first]),
                start=int(evidence.starts[first]),
                end=int(evidence.ends[last]),
                score=float(ranking.scores[run]),
            )
        )
        touching = (runs.first == last + 1) | (runs.last == first - 1)
        scores[touching & (evidence.owners[runs.first] == evidence.owners[first])] -= _BESIDE
        scores[(runs.first <= last) & (runs.last >= first)] = -np.inf
    return chosen
