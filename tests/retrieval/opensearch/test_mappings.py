import json

import pytest

from retrieval.model import Problem
from retrieval.opensearch import mappings
from retrieval.opensearch.mappings import IndexMetadata


def metadata(model: str = "some model") -> IndexMetadata:
    return IndexMetadata.new("verbatim", 2, 300, model)


def test_metadata_round_trip() -> None:
    """Metadata is read from JSON as it was written, with and without a model."""
    for written in (metadata(), metadata("")):
        assert written == IndexMetadata.read(json.loads(json.dumps(written.to_json())))


def test_problems_round_trip() -> None:
    """Files that could not be listed are part of the metadata."""
    written = IndexMetadata("verbatim", 1, 300, problems=(Problem("a.txt", "no"),), languages=("en", "de"))
    assert written == IndexMetadata.read(json.loads(json.dumps(written.to_json())))


def test_other_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata of another format is not read."""
    stored = metadata().to_json()
    monkeypatch.setattr(mappings, "FORMAT_VERSION", mappings.FORMAT_VERSION + 1)
    assert IndexMetadata.read(stored) is None
    assert IndexMetadata.read({}) is None


def test_other_model_does_not_fit() -> None:
    """Passages with vectors of another model, or without vectors, cannot be taken over."""
    assert [True, False, False] == [
        metadata().fits(metadata(model)) for model in ("some model", "another", "")
    ]
