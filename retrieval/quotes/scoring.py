"""The fitted coefficients of quotes and of confidence, and the thresholds of certainty."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from retrieval.index.tokenizer import is_unspaced
from retrieval.model import Certainty
from retrieval.query.query import Query


@dataclass(frozen=True, slots=True)
class Weights:
    """One fit.

    `quote` is a softmax over all runs of a question, the runs that hold its answer against the rest.
    `confidence` and `bias` are a logistic regression over the features of the best run; a name with * is the
    product of two features. `words` is the logarithm of the number of content words, `unspaced` is 1 in
    scripts without spaces.
    """

    quote: Mapping[str, float]
    confidence: Mapping[str, float]
    bias: float


# Where meanings are compared.
MEANING = Weights(
    quote={
        "stems": 1.65,
        "grams": -0.98,
        "pairs": -0.16,
        "names": 0.52,
        "heading": 3.87,
        "faq": -0.58,
        "alike": 4.5,
        "often": 2.8,
        "rest": 2.3,
        "near": 1.52,
        "run_grams": 2.38,
        "previous": 3.7,
        "opens": 1.01,
        "length": 1.13,
        "small": -1.11,
        "meaning": 10.41,
        "run_meaning": 3.51,
        "title": 1.29,
        "year": 0.88,
        "person": 0.22,
        "number": 1.38,
    },
    confidence={
        "stems": -0.13,
        "grams": 1.37,
        "pairs": 0.63,
        "names": 0.1,
        "lost_names": -4.16,
        "alike": 1.78,
        "rest": -0.77,
        "near": -0.73,
        "run_grams": 1.69,
        "heading": 2.23,
        "title": -0.18,
        "faq": -2.11,
        "meaning": 4.88,
        "run_meaning": 1.89,
        "words": 0.7,
        "alike*alike": 0.38,
        "run_meaning*run_meaning": -0.31,
        "meaning*meaning": -1.14,
        "run_meaning*alike": 1.06,
        "meaning*alike": -3.17,
        "unspaced": -0.29,
    },
    bias=-6.65,
)

# Where words alone are.
WORDS = Weights(
    quote={
        "stems": 4.77,
        "grams": 3.64,
        "pairs": 1.49,
        "names": 1.57,
        "heading": 6.52,
        "faq": 5.45,
        "alike": 8.39,
        "often": 4.64,
        "rest": 3.99,
        "near": 3.92,
        "run_grams": 1.96,
        "previous": 3.97,
        "opens": 0.98,
        "length": 1.2,
        "small": -1.02,
        "title": 5.05,
        "year": 1.42,
        "person": 0.72,
        "number": 1.27,
    },
    confidence={
        "stems": 1.55,
        "grams": 5.55,
        "pairs": 1.62,
        "names": 0.86,
        "lost_names": -2.86,
        "alike": 3.2,
        "rest": 0.67,
        "near": 0.44,
        "run_grams": 1.05,
        "heading": 4.65,
        "title": -2.25,
        "faq": -5.66,
        "words": 1.3,
        "alike*alike": -2.36,
        "grams*grams": -3.46,
        "grams*alike": 0.28,
        "unspaced": -1.15,
    },
    # The fit gave -5.73; 0.6 more, so that about as many questions are answered as with meanings.
    bias=-5.13,
)


# From here on the best quote is taken for the answer: on collections left out of the fit, 0.05 of the
# answerable questions then get a wrong one, and 0.89 of the others none (docs/ranking.md).
SURE = 0.57
# From here on the closest passages are shown: 0.97 of the questions that these answer reach it.
UNSURE = 0.08
# More words make a question no clearer.
_MOST_WORDS = 6


def confidence(question: Query, features: Mapping[str, float], weights: Weights) -> float:
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


def _is_one_word(question: Query) -> bool:
    """Return whether a question has one word; without spaces between words, one whose tokens all overlap."""
    texts = [word.text for word in question.words]
    return len(texts) == 1 or any(is_unspaced(text) and all(part in text for part in texts) for text in texts)
