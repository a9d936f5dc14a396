"""What speaks for each run: its own words, its passage's, and those around it.

Each feature is a share of what the question could reach (0 to 1, or little more), so that it means the same
for short and long questions, in small and large libraries. What each is worth stands in weights.py.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from retrieval.model import Passage
from retrieval.quoting.runs import Runs
from retrieval.ranking.analysis import tokenize
from retrieval.ranking.evidence import Array, Evidence, Numbers, inverse_document_frequency
from retrieval.ranking.question import Question
from retrieval.ranking.rerank import MEANING_SCALE, by_document, gram_weights, likeness_nearby

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
    in_title = np.stack([_in_title(question, passages[ordinal]) for ordinal in kept])[row[owners]]
    nearby = likeness_nearby(evidence, passages, kept)[row[owners]]
    previous = np.maximum(runs.first - 1, 0)
    has_previous = (previous < runs.first) & (evidence.owners[previous] == owners)
    return {
        "exact": np.minimum(runs.words, 1) @ content / ideal,
        "alike": covered / ideal,
        "often": runs.words / (runs.words + _SATURATION) @ content / ideal,
        "best_piece": runs.best_piece / ideal,
        "local": _share(runs.likeness, _among_candidates(evidence)),
        "within_document": _share(runs.likeness, _within_document(evidence, passages)[owners]),
        "within_passage": _share(runs.likeness, _within_passage(evidence)[owners]),
        "untitled": _share(runs.likeness, content * (1 - in_title)),
        "run_grams": _share(np.minimum(runs.grams, 1), gram_weights(evidence)),
        "rest": gain(np.maximum(in_passage, in_title)),
        "near": gain(np.maximum(nearby, in_passage)) - gain(in_passage),
        "previous": gain(evidence.likeness[previous]) * has_previous,
        "small": evidence.small[runs.first],
        "opens": (runs.first == evidence.first[owners]).astype(np.float64),
        "run_meaning": _run_meaning(evidence, runs),
        "year": question.wants_time * (runs.years > 0),
        "person": question.wants_person * (runs.capitals > 0),
    }


def length_feature(evidence: Evidence, runs: Runs, longest: int) -> Array:
    """Give the share of the longest quote that each run fills."""
    shares: Array = (evidence.ends[runs.last] - evidence.starts[runs.first]) / longest
    return shares


def _run_meaning(evidence: Evidence, runs: Runs) -> Array:
    """Return how similar each run is to the question: its vector is the mean of its pieces', by their lengths."""
    meaning = evidence.meaning
    if meaning is None:
        return np.zeros(len(runs.first))
    lengths = (evidence.ends - evidence.starts).astype(np.float32)
    sums = np.zeros((len(lengths) + 1, meaning.pieces.shape[1]), np.float64)
    np.cumsum(meaning.pieces * lengths[:, None], axis=0, out=sums[1:])
    vectors = sums[runs.last + 1] - sums[runs.first]
    norms = np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
    similar: Array = vectors @ meaning.question / norms - meaning.baseline
    return similar * MEANING_SCALE


def _share(likeness: Array, weights: Array) -> Array:
    ideal = np.maximum(weights.sum(axis=-1), 1e-9)
    shares: Array = (likeness * weights).sum(axis=1) / ideal
    return shares


def _among_candidates(evidence: Evidence) -> Array:
    """Weigh the content words by how rare they are among the candidates."""
    frequency = (evidence.greatest(evidence.words) > 0).sum(axis=0)
    rarity = inverse_document_frequency(frequency, len(evidence.first))
    weights: Array = rarity * (evidence.content > 0) * evidence.weights
    return weights


def _within_document(evidence: Evidence, passages: Sequence[Passage]) -> Array:
    """Weigh the content words for each candidate by how few candidates of its document hold them."""
    held = evidence.greatest(evidence.likeness) > 0
    weights = np.zeros(held.shape)
    for ordinals in by_document(passages).values():
        frequency = held[ordinals].sum(axis=0)
        weights[ordinals] = inverse_document_frequency(frequency, len(ordinals))
    weighed: Array = weights * (evidence.content > 0) * evidence.weights
    return weighed


def _within_passage(evidence: Evidence) -> Array:
    """Weigh the content words for each candidate by how few of its pieces hold them."""
    pieces = np.bincount(evidence.owners)
    holding = evidence.total(np.minimum(evidence.words, 1))
    weights: Array = np.log((pieces[:, None] + 1) / np.maximum(holding, 0.5)) * evidence.content
    return weights


def _in_title(question: Question, passage: Passage) -> Array:
    terms = _title_terms(" ".join((passage.title, *passage.heading)), passage.language)
    return np.array([not terms.isdisjoint(word.terms) for word in question.words], np.float64)


@lru_cache(maxsize=4096)
def _title_terms(title: str, language: str) -> frozenset[str]:
    return frozenset(token.term for token in tokenize(title, language))
