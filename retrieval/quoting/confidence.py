"""How sure we are that the documents hold the answer."""

import math
from collections.abc import Mapping

from retrieval.model import Certainty
from retrieval.quoting.weights import Weights
from retrieval.ranking.analysis import is_unspaced
from retrieval.ranking.question import Question

# From here on the best quote is taken for the answer: on collections left out of the fit, 0.05 of the
# answerable questions then get a wrong one, and 0.89 of the others none (docs/ranking.md).
SURE = 0.57
# From here on the closest passages are shown: 0.97 of the questions that these answer reach it.
UNSURE = 0.08
# More words make a question no clearer.
_MOST_WORDS = 6


def confidence(question: Question, features: Mapping[str, float], weights: Weights) -> float:
    """Return the probability (0 to 1) that a question is answered, by the features of its best run.

    A question without a content word asks for nothing, so nothing answers it; a single word asks for nothing
    in particular, so no quote is sure to.
    """
    words = sum(word.content for word in question.words)
    if not words:
        return 0.0
    unspaced = float(any(is_unspaced(word.text) for word in question.words))
    known = {**features, "words": math.log(min(words, _MOST_WORDS)), "unspaced": unspaced}
    logit = weights.bias + sum(
        weight * math.prod(known[part] for part in name.split("*"))
        for name, weight in weights.confidence.items()
    )
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
