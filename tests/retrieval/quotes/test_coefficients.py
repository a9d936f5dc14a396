import math

import pytest

from retrieval.query.query import parse
from retrieval.quotes.confidence import (
    MIN_UNSURE_CONFIDENCE,
    WITH_MEANING,
    WORDS_ONLY,
    Coefficients,
    confidence,
)


@pytest.mark.parametrize("coefficients", [WITH_MEANING, WORDS_ONLY])
def test_values(coefficients: Coefficients) -> None:
    """All coefficients are finite; a question without matches is far below the threshold."""
    assert all(
        map(
            math.isfinite,
            [*coefficients.quote.values(), *coefficients.confidence.values(), coefficients.bias],
        )
    )
    query = parse(" ".join(f"unknown{number}" for number in range(30)), ["en"])
    assert (
        confidence(query, dict.fromkeys(coefficients.confidence, 0.0), coefficients) < MIN_UNSURE_CONFIDENCE
    )


@pytest.mark.parametrize("coefficients", [WITH_MEANING, WORDS_ONLY])
def test_products(coefficients: Coefficients) -> None:
    """Every factor of a product has a coefficient of its own, too."""
    parts = {part for name in coefficients.confidence if "*" in name for part in name.split("*")}
    assert parts <= coefficients.confidence.keys()


def test_words_only() -> None:
    """The fit for words only has no features of meaning."""
    assert [] == [name for name in (*WORDS_ONLY.quote, *WORDS_ONLY.confidence) if "meaning" in name]
