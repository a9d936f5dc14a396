"""How sure we are that the documents hold the answer."""

import math
from collections.abc import Mapping

from retrieval.quoting.weights import CONFIDENCE, CONFIDENCE_BIAS
from retrieval.ranking.question import Question

# From here on the bot answers. The regression counts a wrong answer as much as a missing one.
THRESHOLD = 0.5


def confidence(question: Question, features: Mapping[str, float]) -> float:
    """Judge a question by the features of its best run, as a probability (0 to 1).

    A question without a content word asks for nothing, so nothing answers it; a single word asks for nothing
    in particular, so no quote is sure to.
    """
    words = sum(word.content for word in question.words)
    if not words:
        return 0.0
    known = {**features, "words": math.log(words)}
    logit = CONFIDENCE_BIAS + sum(weight * known[name] for name, weight in CONFIDENCE.items())
    probability = 1 / (1 + math.exp(-logit))
    return probability if len(question.words) > 1 else probability * THRESHOLD
