import math

import pytest

from retrieval.quoting.confidence import UNSURE
from retrieval.quoting.weights import MEANING, WORDS, Weights


@pytest.mark.parametrize("weights", [MEANING, WORDS])
def test_weights(weights: Weights) -> None:
    """All weights are numbers; where nothing is found, nothing is shown, however long the question."""
    assert all(map(math.isfinite, [*weights.quote.values(), *weights.confidence.values(), weights.bias]))
    nothing = weights.bias + weights.confidence["words"] * math.log(20)
    assert nothing < math.log(UNSURE / (1 - UNSURE))


@pytest.mark.parametrize("weights", [MEANING, WORDS])
def test_products(weights: Weights) -> None:
    """What is multiplied is weighed by itself as well."""
    parts = {part for name in weights.confidence if "*" in name for part in name.split("*")}
    assert parts <= weights.confidence.keys()


def test_words_alone_have_no_meaning() -> None:
    """The fit for words alone weighs no meaning."""
    assert [] == [name for name in (*WORDS.quote, *WORDS.confidence) if "meaning" in name]
