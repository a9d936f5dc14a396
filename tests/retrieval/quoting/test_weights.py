import math

from retrieval.quoting.weights import CONFIDENCE, CONFIDENCE_BIAS, WEIGHTS


def test_weights() -> None:
    """What makes an answer sure never speaks against it; nothing found is far below the threshold."""
    assert all(map(math.isfinite, WEIGHTS.values()))
    assert all(weight > 0 for weight in CONFIDENCE.values())
    assert CONFIDENCE_BIAS < -3
