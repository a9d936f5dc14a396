import math

import pytest

from retrieval.query.query import parse
from retrieval.quotes.scoring import MEANING, UNSURE, WORDS, Weights, confidence


@pytest.mark.parametrize("weights", [MEANING, WORDS])
def test_weights(weights: Weights) -> None:
    """All weights are numbers; where nothing is found, any question is far below the threshold."""
    assert all(map(math.isfinite, [*weights.quote.values(), *weights.confidence.values(), weights.bias]))
    question = parse(" ".join(f"unknown{number}" for number in range(30)), ["en"])
    assert confidence(question, dict.fromkeys(weights.confidence, 0.0), weights) < UNSURE


@pytest.mark.parametrize("weights", [MEANING, WORDS])
def test_products(weights: Weights) -> None:
    """What is multiplied is weighed by itself as well."""
    parts = {part for name in weights.confidence if "*" in name for part in name.split("*")}
    assert parts <= weights.confidence.keys()


def test_words_alone_have_no_meaning() -> None:
    """The fit for words alone weighs no meaning."""
    assert [] == [name for name in (*WORDS.quote, *WORDS.confidence) if "meaning" in name]
