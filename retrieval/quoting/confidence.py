"""How sure we are that the documents hold the answer."""

import numpy as np

from retrieval.ranking.evidence import Evidence

# Below it the bot declines.
THRESHOLD = 0.5


def confidence(evidence: Evidence) -> float:
    """Give the share of the question's weight that the best candidate holds (0 to 1)."""
    likeness = np.maximum(np.minimum(evidence.words, 1), evidence.similar * (evidence.similar > 0.5))
    held = np.maximum.reduceat(likeness, evidence.first, axis=0) @ evidence.idf
    return float(held.max() / max(evidence.idf.sum(), 1e-9))
