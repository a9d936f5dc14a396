import math

import pytest

from retrieval.pipeline import confidence
from retrieval.query.query import parse
from retrieval.quotes.coefficients import (
    WITH_MEANING,
    WITH_TOKENS,
    WORDS_ONLY,
    Coefficients,
)


@pytest.mark.parametrize("coefficients", [WITH_MEANING, WITH_TOKENS, WORDS_ONLY])
def test_values(coefficients: Coefficients) -> None:
    """All coefficients are finite; a question without matches is far from sure."""
    assert all(
        map(
            math.isfinite,
            [
                *coefficients.span.values(),
                coefficients.length,
                *coefficients.confidence.values(),
                coefficients.bias,
            ],
        )
    )
    query = parse(" ".join(f"unknown{number}" for number in range(30)), ["en"])
    features = dict.fromkeys(coefficients.confidence, 0.0)
    assert confidence(query, features, coefficients) < coefficients.min_sure / 3


@pytest.mark.parametrize("coefficients", [WITH_MEANING, WITH_TOKENS, WORDS_ONLY])
def test_products(coefficients: Coefficients) -> None:
    """Every factor of a product has a coefficient of its own, too."""
    parts = {part for name in coefficients.confidence if "*" in name for part in name.split("*")}
    assert parts <= coefficients.confidence.keys()


def test_words_only() -> None:
    """The fit for words only has no features of meaning."""
    assert [] == [name for name in (*WORDS_ONLY.span, *WORDS_ONLY.confidence) if "meaning" in name]
