"""How sure we are that the documents hold the answer."""

import math
from collections.abc import Mapping

from retrieval.quoting.weights import CONFIDENCE, CONFIDENCE_BIAS
from retrieval.ranking.analysis import is_unspaced
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
    return probability * THRESHOLD if _is_one_word(question) else probability


def _is_one_word(question: Question) -> bool:
    """Tell a question of one word; in scripts without spaces that is one whose tokens stand in each other."""
    texts = [word.text for word in question.words]
    return len(texts) == 1 or any(is_unspaced(text) and all(part in text for part in texts) for text in texts)
