import math

from retrieval.quoting.weights import CONFIDENCE, CONFIDENCE_BIAS, WEIGHTS


def test_weights() -> None:
    """All weights are numbers; where nothing is found, any question is far below the threshold."""
    assert all(map(math.isfinite, [*WEIGHTS.values(), *CONFIDENCE.values()]))
    assert CONFIDENCE_BIAS + CONFIDENCE["words"] * math.log(30) < -3
