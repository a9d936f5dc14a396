import json
from pathlib import Path

import numpy as np
import pytest

from retrieval.loading.passages import passages
from retrieval.loading.plain import load
from retrieval.ranking import store
from retrieval.ranking.embedded import EmbeddedIndex

TEXT = "Hours\n\nThe library opens at nine.\n\nБиблиотека открыта с девяти утра.\n\n😀"


def build(text: str = TEXT) -> EmbeddedIndex:
    return EmbeddedIndex.build(list(passages(load(text.encode(), "a.txt"))), 300)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    store.save(build(), tmp_path / "saved", {"folder": "x"})
    return tmp_path / "saved"


@pytest.mark.parametrize("text", [TEXT, "", "😀"])
def test_round_trip(text: str, tmp_path: Path) -> None:
    """What is opened is what was saved, without passages and without terms too."""
    index = build(text)
    store.save(index, tmp_path / "deep" / "saved", {"folder": "x"})
    loaded = store.load(tmp_path / "deep" / "saved")
    assert loaded is not None
    opened, about = loaded
    assert {"folder": "x"} == about == store.about(tmp_path / "deep" / "saved")
    assert index.passages == opened.passages
    assert index.languages == opened.languages
    assert index.forward.terms == opened.forward.terms
    assert np.array_equal(index.postings.weights, opened.postings.weights)
    assert np.array_equal(index.forward.pieces.values, opened.forward.pieces.values)
    assert (
        index.postings.search(["librari"], 5)[1].tolist()
        == opened.postings.search(["librari"], 5)[1].tolist()
    )


def test_missing(tmp_path: Path) -> None:
    """Where nothing is saved, nothing is opened."""
    assert store.load(tmp_path / "saved") is None
    assert {} == store.about(tmp_path / "saved")


def test_damaged(place: Path) -> None:
    """Any file that is cut, changed or gone makes the whole index unusable."""
    for file in sorted(place.iterdir()):
        data = file.read_bytes()
        for damaged in (data[:-1], b"", bytes([data[0] ^ 1]) + data[1:]):
            file.write_bytes(damaged)
            assert store.load(place) is None, file.name
        file.unlink()
        assert store.load(place) is None, file.name
        file.write_bytes(data)
    assert store.load(place) is not None


@pytest.mark.parametrize("manifest", [[], {}, {"maker": 1}, None, "x"])
def test_foreign_manifest(place: Path, manifest: object) -> None:
    """A manifest of another shape is no manifest."""
    (place / "manifest.json").write_text(json.dumps(manifest))
    assert store.load(place) is None
    assert {} == store.about(place)


def test_outdated(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index made by other code is not used."""
    monkeypatch.setattr(store, "maker", lambda: "another")
    assert store.load(place) is None


def test_replaced(place: Path) -> None:
    """Saving over an index replaces it, a reader of the old one goes on, and nothing is left beside it."""
    loaded = store.load(place)
    assert loaded is not None
    before = np.array(loaded[0].postings.weights)
    (place / "passages.json").write_bytes(b"damaged")
    store.save(build(), place, {"folder": "y"})
    assert {"folder": "y"} == store.about(place)
    assert [place] == list(place.parent.iterdir())
    assert np.array_equal(before, loaded[0].postings.weights)


def test_two_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When two processes save at once, the first to arrive stays and the other is content."""
    place, rename = tmp_path / "saved", Path.rename

    def late(self: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "rename", rename)
        store.save(build(), place, {"by": "the other"})
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    store.save(build(), place, {"by": "us"})
    assert {"by": "the other"} == store.about(place)
    assert store.load(place) is not None
    assert [place] == list(tmp_path.iterdir())


def test_not_writable(tmp_path: Path) -> None:
    """A place that cannot be written is an OSError."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="file"):
        store.save(build(), tmp_path / "file" / "saved", {})
