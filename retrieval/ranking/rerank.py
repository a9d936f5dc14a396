"""The second stage: a closer look at the first stage's candidates."""

from dataclasses import dataclass

import numpy as np

from retrieval.ranking.postings import K1, B
from retrieval.ranking.evidence import Array, Evidence, inverse_document_frequency


@dataclass(frozen=True, slots=True)
class Weights:
    """What each kind of evidence adds to the first stage's score."""

    grams: float = 1.0
    sentence: float = 0.5
    pairs: float = 0.25


def score(evidence: Evidence, first_stage: Array, weights: Weights = Weights()) -> Array:
    """Score the candidates: stems, character grams, the best single piece, adjacent words."""
    found = evidence.by_candidate(evidence.grams)
    lengths = evidence.by_candidate(evidence.lengths)
    gram_idf = inverse_document_frequency((found > 0).sum(axis=0), len(found))
    pair_idf = evidence.idf + np.append(evidence.idf[1:], 0)
    best_piece = np.maximum.reduceat(bm25(evidence.words, evidence.idf, evidence.lengths), evidence.first)
    return (
        first_stage
        + weights.grams * bm25(found, gram_idf, lengths)
        + weights.sentence * best_piece
        + weights.pairs * bm25(evidence.by_candidate(evidence.pairs), pair_idf, lengths)
    )


def bm25(counts: Array, idf: Array, lengths: Array) -> Array:
    """Score rows of term counts, by the same formula as the first stage, over these rows alone."""
    norm = K1 * (1 - B + B * lengths / max(lengths.mean(), 1))
    scores: Array = (counts * (K1 + 1) / (counts + norm[:, None])) @ idf
    return scores
