"""What is said of an index in a cluster."""

import json

import pytest

from retrieval.model import Problem
from retrieval.opensearch import mappings
from retrieval.opensearch.mappings import IndexMetadata


def about(model: str = "some model") -> IndexMetadata:
    return IndexMetadata.new("verbatim", 2, 300, model)


def test_about_comes_back() -> None:
    """What is kept of an index as JSON is read as it was, with and without vectors."""
    for written in (about(), about("")):
        assert written == IndexMetadata.read(json.loads(json.dumps(written.kept())))


def test_problems_come_back() -> None:
    """What could not be listed is kept too."""
    written = IndexMetadata("verbatim", 1, 300, problems=(Problem("a.txt", "no"),), languages=("en", "de"))
    assert written == IndexMetadata.read(json.loads(json.dumps(written.kept())))


def test_another_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is laid out in another way is not read."""
    kept = about().kept()
    monkeypatch.setattr(mappings, "FORMAT", mappings.FORMAT + 1)
    assert IndexMetadata.read(kept) is None
    assert IndexMetadata.read({}) is None


def test_another_model_does_not_fit() -> None:
    """Passages with vectors of another model, or with none, cannot stay in an index."""
    assert [True, False, False] == [about().fits(about(model)) for model in ("some model", "another", "")]
