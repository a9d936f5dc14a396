import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import ProblemKind
from retrieval.model import Problem
from retrieval.opensearch import stored_passages
from retrieval.opensearch.stored_passages import IndexMetadata, spell_terms


def metadata(model: str = "some model") -> IndexMetadata:
    return IndexMetadata.new("verbatim", 2, 300, model)


def test_metadata_round_trip() -> None:
    """Metadata is read from JSON as it was written, with and without a model."""
    for written in (metadata(), metadata("")):
        assert written == IndexMetadata.read(json.loads(json.dumps(written.to_json())))


def test_problems_round_trip() -> None:
    """Files that could not be listed are part of the metadata."""
    written = IndexMetadata(
        "verbatim", 1, 300, problems=(Problem("a.txt", "no", ProblemKind.EMPTY),), languages=("en", "de")
    )
    assert written == IndexMetadata.read(json.loads(json.dumps(written.to_json())))


def test_other_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata of another format is not read."""
    stored = metadata().to_json()
    monkeypatch.setattr(stored_passages, "FORMAT_VERSION", stored_passages.FORMAT_VERSION + 1)
    assert IndexMetadata.read(stored) is None
    assert IndexMetadata.read({}) is None


def test_other_model_does_not_fit() -> None:
    """Passages with vectors of another model, or without vectors, cannot be taken over."""
    assert [True, False, False] == [
        metadata().fits(metadata(model)) for model in ("some model", "another", "")
    ]


@given(st.sets(st.integers(0, 2**64 - 1), min_size=1))
def test_spelled_terms_are_words(digests: set[int]) -> None:
    """Each digest is spelled as a different word, which the whitespace analyzer does not split."""
    words = spell_terms(np.array(sorted(digests), np.uint64))
    assert len(digests) == len(set(words))
    assert {True} == {
        len(word) == 11 and word.isascii() and not set(word) & set(' \t\n"\\') for word in words
    }
