"""How sure we are that the documents hold the answer."""

import numpy as np

from retrieval.quoting.excerpts import Runs
from retrieval.quoting.weights import CONFIDENCE, CONFIDENCE_BIAS
from retrieval.ranking.evidence import Evidence

# From here on the bot answers. The regression counts a wrong answer as much as a missing one.
THRESHOLD = 0.5


def confidence(runs: Runs, evidence: Evidence, size: int) -> float:
    """Judge the best run of a question among `size` passages, as a probability (0 to 1).

    A question without a content word asks for nothing, so nothing answers it.
    """
    words = np.count_nonzero(evidence.content)
    if not words:
        return 0.0
    scores = runs.scores
    best = int(np.argmax(scores))
    features = dict(zip(runs.names, runs.features[best], strict=True))
    features |= {"score": scores[best], "words": np.log(words), "size": np.log(size)}
    logit = CONFIDENCE_BIAS + sum(weight * features[name] for name, weight in CONFIDENCE.items())
    return float(1 / (1 + np.exp(-logit)))
