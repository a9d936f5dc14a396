"""What each feature of a quote is worth, and of an answer at all: the only fitted constants there are.

Fitted over encyclopaedia questions in five languages and everyday questions about seven collections of
documents in four. How, what each part brings, and what the fit reaches on collections it has not seen, stands
in docs/ranking.md. A negative weight takes back what two features count twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass


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
        "stems": 1.63,
        "grams": -0.89,
        "pairs": -0.73,
        "names": 0.59,
        "heading": 4.03,
        "faq": -0.94,
        "title": 1.34,
        "alike": 4.63,
        "often": 2.93,
        "rest": 2.17,
        "near": 1.62,
        "run_grams": 2.01,
        "previous": 4.05,
        "opens": 1.13,
        "length": 1.33,
        "small": -1.04,
        "meaning": 11.15,
        "run_meaning": 3.45,
        "year": 1.52,
        "person": 0.2,
    },
    confidence={
        "stems": 0.07,
        "grams": 0.72,
        "pairs": 0.07,
        "names": 0.03,
        "lost_names": -4.0,
        "alike": 1.91,
        "rest": -0.43,
        "near": -1.13,
        "run_grams": 2.45,
        "heading": 2.06,
        "title": -0.71,
        "faq": -1.19,
        "meaning": 6.53,
        "run_meaning": 2.33,
        "words": 0.87,
        "alike*alike": 0.52,
        "run_meaning*run_meaning": -0.54,
        "meaning*meaning": -1.81,
        "run_meaning*alike": 0.95,
        "meaning*alike": -3.95,
        "unspaced": -0.39,
    },
    bias=-7.13,
)

# Where words alone are.
WORDS = Weights(
    quote={
        "stems": 4.67,
        "grams": 2.22,
        "pairs": 0.34,
        "names": 1.6,
        "heading": 6.17,
        "faq": 4.29,
        "title": 4.54,
        "alike": 5.95,
        "often": 5.36,
        "rest": 2.77,
        "near": 3.51,
        "run_grams": 3.46,
        "previous": 4.33,
        "opens": 1.25,
        "length": 0.91,
        "small": -1.13,
        "year": 1.39,
        "person": 0.45,
    },
    confidence={
        "stems": 1.99,
        "grams": 5.65,
        "pairs": 2.48,
        "names": 0.99,
        "lost_names": -2.98,
        "alike": 1.84,
        "rest": 0.52,
        "near": 1.16,
        "run_grams": 0.25,
        "heading": 5.24,
        "title": -2.3,
        "faq": -3.4,
        "words": 1.06,
        "alike*alike": -1.14,
        "grams*grams": -2.34,
        "grams*alike": -1.34,
        "unspaced": -1.0,
    },
    bias=-5.09,
)
