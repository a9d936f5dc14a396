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

    From the confidence `min_sure` on, the best quote counts as the answer.
    """

    span: Mapping[str, float]
    length: float
    confidence: Mapping[str, float]
    bias: float
    min_sure: float


# For candidates with vectors.
WITH_MEANING = Coefficients(
    span={
        "asks": -10.25,
        "coverage_with_headings": 5.62,
        "faq": 1.14,
        "frequency": 0.69,
        "heading": 1.17,
        "meaning": 8.69,
        "names": 0.41,
        "nearby_gain": 2.48,
        "number": 1.44,
        "pairs": 0.9,
        "passage_gain": 1.78,
        "person": 0.06,
        "previous_gain": 2.54,
        "span_grams": 1.43,
        "span_meaning": 4.66,
        "starts_lowercase": -0.7,
        "starts_passage": 0.62,
        "starts_section": 0.62,
        "terms": 0.55,
        "title": 0.18,
    },
    length=0.88,
    confidence={
        "missing_names": -2.52,
        "coverage": 0.42,
        "span_grams": 0.36,
        "grams": 0.79,
        "heading": 0.49,
        "meaning": 1.66,
        "span_meaning": 0.31,
        "words": 0.7,
        "share": 0.32,
    },
    bias=-3.45,
    # On collections held out of the fit, 0.05 of the answerable questions then get a wrong answer, and
    # 0.90 of the others get none.
    min_sure=0.6,
)

# For candidates with the vectors of their tokens, too.
WITH_TOKENS = Coefficients(
    span={
        "asks": -10.48,
        "coverage_with_headings": 4.82,
        "faq": 1.24,
        "heading": 0.89,
        "meaning": 5.91,
        "names": 0.39,
        "nearby_gain": 2.44,
        "number": 1.16,
        "passage_gain": 0.27,
        "person": 0.17,
        "previous_gain": 2.05,
        "span_grams": 0.66,
        "span_meaning": 4.33,
        "starts_lowercase": -0.43,
        "starts_passage": 0.39,
        "starts_section": 0.7,
        "title": 0.26,
        "token_meaning": 3.02,
        "answer_likeness": 1.0,
    },
    length=0.67,
    confidence={
        "missing_names": -2.16,
        "span_grams": 0.47,
        "grams": 0.29,
        "heading": 1.08,
        "meaning": 1.28,
        "span_meaning": 0.42,
        "token_meaning": 0.27,
        "words": 0.49,
        "share": 0.3,
        "token_gap": 0.9,
        "weakest_tokens": 0.43,
    },
    bias=-5.19,
    # On collections held out of the fit, 0.04 of the answerable questions then get a wrong answer, and
    # 0.95 of the others get none (docs/ranking.md).
    min_sure=0.65,
)

# For candidates without vectors.
WORDS_ONLY = Coefficients(
    span={
        "terms": 4.77,
        "grams": 3.64,
        "pairs": 1.49,
        "names": 1.57,
        "heading": 6.52,
        "faq": 5.45,
        "coverage": 8.39,
        "frequency": 4.64,
        "passage_gain": 3.99,
        "nearby_gain": 3.92,
        "span_grams": 1.96,
        "previous_gain": 3.97,
        "starts_passage": 0.98,
        "starts_lowercase": -1.02,
        "asks": -5.0,
        "title": 5.05,
        "year": 1.42,
        "person": 0.72,
        "number": 1.27,
    },
    length=1.2,
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
