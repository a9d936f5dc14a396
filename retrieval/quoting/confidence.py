"""How sure we are that the documents hold the answer."""

import math
from collections.abc import Mapping

from retrieval.model import Certainty
from retrieval.quoting.weights import CONFIDENCE, CONFIDENCE_BIAS
from retrieval.ranking.analysis import is_unspaced
from retrieval.ranking.question import Question

# From here on the best quote is taken for the answer. The regression counts a wrong answer as much as a
# missing one.
SURE = 0.5
# From here on the closest passages are shown, as what may hold the answer.
UNSURE = 0.15


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
    return probability * SURE if _is_one_word(question) else probability


def certainty(confidence: float) -> Certainty:
    """Return which kind of reply a confidence allows."""
    if confidence >= SURE:
        return "sure"
    return "unsure" if confidence >= UNSURE else "none"


def _is_one_word(question: Question) -> bool:
    """Tell a question of one word; in scripts without spaces that is one whose tokens stand in each other."""
    texts = [word.text for word in question.words]
    return len(texts) == 1 or any(is_unspaced(text) and all(part in text for part in texts) for text in texts)
