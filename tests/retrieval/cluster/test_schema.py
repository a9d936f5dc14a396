"""What is said of an index in a cluster."""

import json

import numpy as np
import pytest

from retrieval.cluster import schema
from retrieval.cluster.schema import About
from retrieval.model import Problem


def about(model: str = "some model") -> About:
    return About.new("verbatim", 2, 300, model)


@pytest.mark.parametrize("has_means", [False, True])
def test_about_comes_back(has_means: bool) -> None:
    """What is kept of an index as JSON is read as it was, with and without vectors."""
    written = about()
    if has_means:
        written = written.with_means(np.arange(384, dtype=np.float32), np.ones(384, np.float32))
    read = About.read(json.loads(json.dumps(written.kept())))
    assert written == read
    assert [384 * has_means] * 2 == [len(mean) for mean in written.means()]


def test_problems_come_back() -> None:
    """What could not be listed is kept too."""
    written = About("verbatim", 1, 300, problems=(Problem("a.txt", "no"),), languages=("en", "de"))
    assert written == About.read(json.loads(json.dumps(written.kept())))


def test_means_are_exact() -> None:
    """Means come back as they were, to the last bit."""
    wholes, pieces = np.random.default_rng(1).standard_normal((2, 384)).astype(np.float32)
    found = about().with_means(wholes, pieces).means()
    assert [wholes.tolist(), pieces.tolist()] == [mean.tolist() for mean in found]


def test_another_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is laid out in another way is not read."""
    kept = about().kept()
    monkeypatch.setattr(schema, "FORMAT", schema.FORMAT + 1)
    assert About.read(kept) is None
    assert About.read({}) is None


def test_another_model_does_not_fit() -> None:
    """Passages with vectors of another model, or with none, cannot stay in an index."""
    assert [True, False, False] == [about().fits(about(model)) for model in ("some model", "another", "")]
