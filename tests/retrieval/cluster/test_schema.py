"""What is said of an index in a cluster."""

import json

import pytest

from retrieval.cluster import schema
from retrieval.cluster.schema import About
from retrieval.model import Problem


def about(model: str = "some model") -> About:
    return About.new("verbatim", 2, 300, model)


def test_about_comes_back() -> None:
    """What is kept of an index as JSON is read as it was, with and without vectors."""
    for written in (about(), about("")):
        assert written == About.read(json.loads(json.dumps(written.kept())))


def test_problems_come_back() -> None:
    """What could not be listed is kept too."""
    written = About("verbatim", 1, 300, problems=(Problem("a.txt", "no"),), languages=("en", "de"))
    assert written == About.read(json.loads(json.dumps(written.kept())))


def test_another_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is laid out in another way is not read."""
    kept = about().kept()
    monkeypatch.setattr(schema, "FORMAT", schema.FORMAT + 1)
    assert About.read(kept) is None
    assert About.read({}) is None


def test_another_model_does_not_fit() -> None:
    """Passages with vectors of another model, or with none, cannot stay in an index."""
    assert [True, False, False] == [about().fits(about(model)) for model in ("some model", "another", "")]
