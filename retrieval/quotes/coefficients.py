"""The fitted coefficients of quotes and of confidence, and the thresholds of certainty.

Besides the direction in e5_answers.npy, these are the only fitted constants. Those with vectors come from
encyclopaedia questions in five languages and everyday questions about 28 collections in nine, those for words
alone from seven of these.
docs/ranking.md has the method, the contribution of each feature and the results on unseen collections. A
negative coefficient corrects for what two features both count. That of `asks` for words alone is of the size
of those that were fitted.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Coefficients:
    """The coefficients of one fit, by feature.

    `span` gives the log-odds that a span is the answer. The score of a quote is the logarithm of the sum of
    their exponentials over all spans inside it, and `length` times its share of the characters a quote may
    have. They were fitted as a softmax over all quotes: those with the answer against the others.
    `confidence` and `bias` are a logistic regression over the features of the best span. A name with * is the
    product of two features. `words` is the logarithm of the number of content words, `unspaced` is 1 in
    scripts without spaces.

    `usual_passage` is the mean, over questions and the less likely half of their shortlisted passages, of the
    logarithm of that sum for a whole passage. It stands for passages that a small library lacks.

    From the confidence `min_sure` on, the best quote counts as the answer.
    """

    span: Mapping[str, float]
    length: float
    confidence: Mapping[str, float]
    bias: float
    min_sure: float
    usual_passage: float = 0.0


# For candidates with vectors.
WITH_MEANING = Coefficients(
    span={
        "asks": -10.02,
        "coverage_with_headings": 8.5,
        "faq": 2.02,
        "frequency": 0.9,
        "heading": 1.86,
        "meaning": 12.63,
        "names": 0.65,
        "nearby_gain": 4.04,
        "number": 2.18,
        "pairs": 1.02,
        "passage_gain": 2.83,
        "person": 0.07,
        "previous_gain": 4.46,
        "span_grams": 2.13,
        "span_meaning": 7.14,
        "starts_lowercase": -1.24,
        "starts_passage": 1.16,
        "starts_section": 1.0,
        "terms": 1.27,
        "title": 0.21,
    },
    length=0.55,
    confidence={
        "missing_names": -2.34,
        "coverage": 0.86,
        "span_grams": 0.62,
        "grams": 0.74,
        "heading": 0.23,
        "meaning": 1.8,
        "span_meaning": 0.27,
        "words": 0.75,
        "share": 0.3,
    },
    bias=-3.95,
    usual_passage=14.5,
    # On collections held out of the fit, 0.04 of the answerable questions then get a wrong answer, and
    # 0.93 of the others get none.
    min_sure=0.65,
)

# For candidates with the vectors of their tokens, too.
WITH_TOKENS = Coefficients(
    span={
        "asks": -10.25,
        "coverage_with_headings": 7.06,
        "faq": 1.74,
        "heading": 1.45,
        "meaning": 8.49,
        "names": 0.59,
        "nearby_gain": 3.79,
        "number": 1.92,
        "passage_gain": 0.55,
        "person": 0.21,
        "previous_gain": 3.24,
        "span_grams": 0.99,
        "span_meaning": 6.29,
        "starts_lowercase": -0.84,
        "starts_passage": 0.7,
        "starts_section": 1.12,
        "title": 0.35,
        "token_meaning": 4.59,
        "answer_likeness": 1.0,
    },
    length=0.21,
    confidence={
        "missing_names": -1.98,
        "span_grams": 0.62,
        "grams": 0.53,
        "heading": 1.07,
        "meaning": 1.5,
        "span_meaning": 0.36,
        "token_meaning": 0.25,
        "words": 0.49,
        "share": 0.27,
        "token_gap": 1.01,
        "weakest_tokens": 0.52,
    },
    bias=-6.00,
    usual_passage=10.2,
    # On collections held out of the fit, 0.03 of the answerable questions then get a wrong answer, and
    # 0.95 of the others get none (docs/ranking.md).
    min_sure=0.68,
)

# For candidates without vectors.
WORDS_ONLY = Coefficients(
    span={
        "terms": 7.15,
        "grams": 5.46,
        "pairs": 2.23,
        "names": 2.35,
        "heading": 9.78,
        "faq": 8.18,
        "coverage": 12.59,
        "frequency": 6.96,
        "passage_gain": 5.99,
        "nearby_gain": 5.88,
        "span_grams": 2.94,
        "previous_gain": 5.96,
        "starts_passage": 1.47,
        "starts_lowercase": -1.53,
        "asks": -7.5,
        "title": 7.57,
        "year": 2.13,
        "person": 1.08,
        "number": 1.91,
    },
    length=0.0,
    confidence={
        "terms": 1.55,
        "grams": 5.55,
        "pairs": 1.62,
        "names": 0.86,
        "missing_names": -2.86,
        "coverage": 3.2,
        "passage_gain": 0.67,
        "nearby_gain": 0.44,
        "span_grams": 1.05,
        "heading": 4.65,
        "title": -2.25,
        "faq": -5.66,
        "words": 1.3,
        "coverage*coverage": -2.36,
        "grams*grams": -3.46,
        "grams*coverage": 0.28,
        "unspaced": -1.15,
    },
    # The fit gave -5.73. With 0.6 more, about as many questions are answered as with vectors.
    bias=-5.13,
    min_sure=0.57,
)

# From this confidence on, the closest passages are shown. 0.98 of the questions that they answer reach it.
MIN_UNSURE_CONFIDENCE = 0.08
