"""The second stage: a closer look at the first stage's candidates.

Each feature is a share of what the question could reach (0 to 1, or little more), so that it means the same
for short and long questions, in small and large libraries.
"""

from collections.abc import Sequence

import numpy as np

from retrieval.model import Passage
from retrieval.ranking.evidence import ALIKE, Array, Evidence, Numbers, inverse_document_frequency
from retrieval.ranking.postings import K1, B
from retrieval.ranking.question import Question

# How many candidates are looked at for quotes. For 1 % of the questions the answer stands in none of them.
KEPT = 20
# Similarities of the encoder differ by a tenth or so: brought to the range of the other features.
MEANING_SCALE = 10.0
# Passages so near in their document are about the same things.
_NEAR = 3


def passage_features(question: Question, evidence: Evidence) -> dict[str, Array]:
    """Weigh the candidates: their words and grams, names, headings, titles, and meaning."""
    ideal = _positive(evidence.idf.sum())
    found, lengths = evidence.total(evidence.grams), evidence.total(evidence.lengths)
    gram_idf = gram_weights(evidence)
    pair_idf = np.append(evidence.idf[:-1] + evidence.idf[1:], 0)
    named = evidence.content * [word.named for word in question.words]
    likeness = evidence.greatest(evidence.likeness)
    # A name that only the title or a heading holds is not lost.
    known = np.maximum(likeness, np.maximum(evidence.context.heading, evidence.context.title))
    return {
        "stems": bm25(evidence.total(evidence.words), evidence.idf, lengths) / ideal,
        "grams": bm25(found, gram_idf, lengths) / _positive(gram_idf.sum()),
        "piece": evidence.greatest(bm25(evidence.words, evidence.idf, evidence.lengths)) / ideal,
        "pairs": bm25(evidence.total(evidence.pairs), pair_idf, lengths) / _positive(pair_idf.sum()),
        "names": likeness @ named / _positive(named.sum()),
        "lost_names": (known <= ALIKE) @ named / _positive(evidence.content.sum()),
        "heading": evidence.context.heading @ evidence.content / _positive(evidence.content.sum()),
        "title": evidence.context.title @ evidence.content / _positive(evidence.content.sum()),
        "faq": evidence.context.faq,
        "meaning": _meaning(evidence),
    }


def _meaning(evidence: Evidence) -> Array:
    if evidence.meaning is None:
        return np.zeros(len(evidence.first))
    return np.asarray(evidence.meaning.wholes * MEANING_SCALE, np.float64)


def gram_weights(evidence: Evidence) -> Array:
    """Weigh the question's grams by how rare they are among the candidates."""
    frequency = (evidence.total(evidence.grams) > 0).sum(axis=0)
    weights: Array = inverse_document_frequency(frequency, len(evidence.first)) * evidence.gram_weights
    return weights


def keep(features: dict[str, Array]) -> Numbers:
    """Choose the candidates to look for quotes in, best first."""
    total = features["stems"] + features["grams"] + 0.5 * features["piece"] + 0.25 * features["pairs"]
    total = (
        total + features["heading"] + features["faq"] + 0.5 * features["title"] + 2.0 * features["meaning"]
    )
    return np.argsort(-total, kind="stable")[:KEPT]


def likeness_nearby(evidence: Evidence, passages: Sequence[Passage], kept: Numbers) -> Array:
    """Give for each kept candidate the greatest likeness of each word in the candidates near it."""
    likeness = evidence.greatest(evidence.likeness)
    nearby = np.zeros((len(kept), likeness.shape[1]))
    documents = by_document(passages)
    for row, passage in enumerate(passages[ordinal] for ordinal in kept):
        near = [
            other
            for other in documents[passage.document]
            if abs(passages[other].paragraph - passage.paragraph) <= _NEAR
        ]
        nearby[row] = likeness[near].max(axis=0)
    return nearby


def by_document(passages: Sequence[Passage]) -> dict[str, list[int]]:
    """Group the candidates by their documents."""
    ordinals: dict[str, list[int]] = {}
    for ordinal, passage in enumerate(passages):
        ordinals.setdefault(passage.document, []).append(ordinal)
    return ordinals


def bm25(counts: Array, idf: Array, lengths: Array) -> Array:
    """Score rows of term counts, by the same formula as the first stage, over these rows alone."""
    norm = K1 * (1 - B + B * lengths / max(lengths.mean(), 1))
    scores: Array = (counts * (K1 + 1) / (counts + norm[:, None])) @ idf
    return scores


def _positive(total: float) -> float:
    return max(float(total), 1e-9)
