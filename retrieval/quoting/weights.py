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
