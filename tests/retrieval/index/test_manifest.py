import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from retrieval.documents.local_library import LocalLibrary
from retrieval.embeddings.vector_store import CODES_FILE_NAME, FILE_NAME
from retrieval.errors import DamagedError
from retrieval.index import manifest, segment_writer
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment
from retrieval.model import document_id_of
from tests.documents.samples import DOCUMENTS
from tests.retrieval.corpus import all_passages, document, search_bm25

GOATS = document("a.txt", ["The goats eat salt.", "Библиотека открыта.", "😀"])
KEEPER = document("b.txt", ["A keeper sleeps."])
FERRY = document("c.txt", ["The ferry brings flour."])
MANIFEST = "manifest.json"


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., LocalIndex]:
    """Return a function that builds an index of two segments, with a deleted document in the second."""

    def build(*texts: str) -> LocalIndex:
        first = document("d.txt", texts) if texts else GOATS
        parts = [first, [*KEEPER, *FERRY]]
        index = LocalIndex(
            [LiveSegment(segment_writer.write_segment(tmp_path / "built", part, 300)) for part in parts]
        )
        return index.without([document_id_of(KEEPER[0].id)])

    return build


@pytest.fixture
def place(tmp_path: Path, make: Callable[..., LocalIndex]) -> Path:
    manifest.save_index(make(), tmp_path / "saved", {"folder": "x"})
    return tmp_path / "saved"


def load(place: Path) -> LocalIndex:
    loaded = manifest.load_index(place)
    assert loaded is not None
    return loaded[0]


def names(index: LocalIndex) -> set[str]:
    """Return the names of the files of a saved index."""
    return {MANIFEST, *(live.segment.path.name for live in index.segments)}


def files(place: Path) -> set[str]:
    return {path.name for path in place.iterdir()}


@pytest.mark.parametrize("texts", [[], ["😀"], ["goat"] * 300])
def test_round_trip(texts: list[str], tmp_path: Path, make: Callable[..., LocalIndex]) -> None:
    """A saved index is loaded as it was, without deleted documents; its folder has no other files."""
    index, place = make(*texts), tmp_path / "deep" / "saved"
    manifest.save_index(index, place, {"folder": "x"})
    assert {"folder": "x"} == manifest.read_metadata(place)
    assert (manifest.load_index(place) or (None, None))[1] == {"folder": "x"}
    loaded = load(place)
    assert all_passages(index) == all_passages(loaded)
    assert (index.languages, index.size) == (loaded.languages, loaded.size)
    terms = ["goat", "keeper", "ferri", "открыт"]
    assert search_bm25(index, terms, 9) == search_bm25(loaded, terms, 9)
    assert names(loaded) == files(place)


def test_empty(tmp_path: Path) -> None:
    """An index without passages can be saved and loaded."""
    manifest.save_index(LocalIndex(), tmp_path / "saved", {})
    assert () == load(tmp_path / "saved").segments


def test_missing(tmp_path: Path) -> None:
    """Without a saved index nothing is loaded, and the metadata is empty."""
    assert manifest.load_index(tmp_path / "saved") is None
    assert {} == manifest.read_metadata(tmp_path / "saved")


def test_damaged(place: Path) -> None:
    """An index with a truncated, changed or missing file is not loaded."""
    for file in sorted(place.iterdir()):
        data = file.read_bytes()
        middle = len(data) // 2
        changed = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        for damaged in (data[:-1], b"", bytes([data[0] ^ 1]) + data[1:], changed, data + b"x"):
            file.write_bytes(damaged)
            assert manifest.load_index(place) is None, file.name
        file.unlink()
        assert manifest.load_index(place) is None, file.name
        file.write_bytes(data)
    assert manifest.load_index(place) is not None


def test_large_segments(
    tmp_path: Path, make: Callable[..., LocalIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large segment of another size, or with a damaged end, is not loaded even without digests checked."""
    monkeypatch.setattr(manifest, "_MAX_VERIFIED_BYTES", 0)
    place = tmp_path / "saved"
    manifest.save_index(make(), place, {})
    assert manifest.load_index(place) is not None
    for file in set(place.iterdir()) - {place / MANIFEST}:
        data = file.read_bytes()
        for damaged in (data[:-1], b"", data + b"x", data[:-1] + b"\xff", b"\0" * len(data)):
            file.write_bytes(damaged)
            assert manifest.load_index(place) is None, file.name
        file.write_bytes(data)
    assert manifest.load_index(place) is not None


def test_damage_in_a_large_segment(
    tmp_path: Path, make: Callable[..., LocalIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed letter in a large segment is never quoted: a thorough load and a search both notice it."""
    monkeypatch.setattr(manifest, "_MAX_VERIFIED_BYTES", 0)
    place = tmp_path / "saved"
    manifest.save_index(make(), place, {})
    for file in set(place.iterdir()) - {place / MANIFEST}:
        file.write_bytes(file.read_bytes().replace(b"eat salt", b"eat rice"))
    assert manifest.load_index(place, thorough=True) is None
    loaded = manifest.load_index(place)
    assert loaded is not None
    with pytest.raises(DamagedError, match="verbatim index"):
        asyncio.run(loaded[0].search(["goat", "ferri"], 5))


@pytest.mark.parametrize("where", range(1, 10))
def test_damage_anywhere(
    tmp_path: Path, make: Callable[..., LocalIndex], monkeypatch: pytest.MonkeyPatch, where: int
) -> None:
    """Whatever is damaged in a large segment, a search returns only saved texts, or raises an error."""
    monkeypatch.setattr(manifest, "_MAX_VERIFIED_BYTES", 0)
    place = tmp_path / "saved"
    index = make()
    manifest.save_index(index, place, {})
    expected = {passage.text for passage in asyncio.run(index.search(["goat", "ferri"], 5)).passages}
    for file in set(place.iterdir()) - {place / MANIFEST}:
        data = bytearray(file.read_bytes())
        part = slice(len(data) * where // 20, len(data) * (where + 1) // 20)
        data[part] = bytes(255 - byte for byte in data[part])
        file.write_bytes(data)
    loaded = manifest.load_index(place)
    if loaded is None:
        return
    try:
        candidates = asyncio.run(loaded[0].search(["goat", "ferri"], 5))
    except DamagedError:
        return
    assert {passage.text for passage in candidates.passages} <= expected


@pytest.mark.parametrize("content", [[], {}, {"format": 1}, None, "x"])
def test_foreign_manifest(place: Path, content: object) -> None:
    """A manifest with other contents is not loaded."""
    (place / MANIFEST).write_text(json.dumps(content))
    assert manifest.load_index(place) is None
    assert {} == manifest.read_metadata(place)


def test_outdated(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index of another format is not loaded."""
    monkeypatch.setattr(manifest, "format_id", lambda: "another")
    assert manifest.load_index(place) is None


def test_replaced(place: Path, make: Callable[..., LocalIndex]) -> None:
    """Saving over an index replaces all its files; an open reader still reads the old index."""
    reader = load(place)
    before = all_passages(reader)
    manifest.save_index(make("Snow fell."), place, {"folder": "y"})
    assert {"folder": "y"} == manifest.read_metadata(place)
    assert names(load(place)) == files(place)
    assert ["Snow fell.", "The ferry brings flour."] == [
        passage.text for passage in all_passages(load(place))
    ]
    assert before == all_passages(reader)
    assert before[:1] == [passage for passage, _ in search_bm25(reader, ["goat"], 9)]


def test_only_new_segments_are_written(place: Path, make: Callable[..., LocalIndex]) -> None:
    """A segment that is in the folder already is not written again."""
    index = load(place)
    inodes = {path: path.stat().st_ino for path in place.iterdir() if path.name != MANIFEST}
    both = LocalIndex([*index.segments, *make("Snow fell.").segments])
    manifest.save_index(both, place, {})
    assert inodes == {path: path.stat().st_ino for path in inodes}
    assert all_passages(both) == all_passages(load(place))


def test_deleted_by_others(place: Path, make: Callable[..., LocalIndex]) -> None:
    """A segment whose file another process has deleted is written again when it is saved."""
    reader = load(place)
    manifest.save_index(make("Snow fell."), place, {})
    assert not (names(reader) - {MANIFEST}) & files(place)
    manifest.save_index(reader, place, {})
    assert all_passages(reader) == all_passages(load(place))
    assert names(reader) == files(place)


@pytest.mark.parametrize("when", ["before", "after"])
def test_concurrent_saves(
    when: str, place: Path, make: Callable[..., LocalIndex], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When two processes save at the same time, one of the two indexes is complete."""
    replace, ours = Path.replace, make("Ours.")
    theirs = LocalIndex([*load(place).segments, *make("Theirs.").segments[:1]])

    def crossing(self: Path, target: Path) -> Path:
        is_manifest = Path(target).name == MANIFEST
        if is_manifest:
            monkeypatch.setattr(Path, "replace", replace)
        if is_manifest and when == "before":
            manifest.save_index(theirs, place, {"by": "them"})
        path = replace(self, target)
        if is_manifest and when == "after":
            manifest.save_index(theirs, place, {"by": "them"})
        return path

    monkeypatch.setattr(Path, "replace", crossing)
    manifest.save_index(ours, place, {"by": "us"})
    by = manifest.read_metadata(place)["by"]
    assert ("us" if when == "before" else "them") == by
    assert all_passages(ours if by == "us" else theirs) == all_passages(load(place))


def test_failed_save(place: Path, make: Callable[..., LocalIndex], monkeypatch: pytest.MonkeyPatch) -> None:
    """When saving fails at any of its files, the previous index is intact."""
    before, replace = all_passages(load(place)), Path.replace
    for successes in range(3):
        remaining = successes

        def failing(self: Path, target: Path) -> Path:
            nonlocal remaining
            if remaining == 0:
                raise OSError(28, "No space left on device")
            remaining -= 1
            return replace(self, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", failing)
            with pytest.raises(OSError, match="No space left"):
                manifest.save_index(make("Snow fell."), place, {})
        assert before == all_passages(load(place))


def test_abandoned_files(place: Path, make: Callable[..., LocalIndex]) -> None:
    """A save deletes old unfinished files, and neither recent ones nor vectors of any age."""
    for name in (".new-dead", "dead.segment", ".new-live", "live.segment", FILE_NAME, CODES_FILE_NAME):
        (place / name).write_bytes(b"x")
        if "live" not in name:
            os.utime(place / name, (0, 0))
    manifest.save_index(make(), place, {})
    kept = {".new-live", "live.segment", FILE_NAME, CODES_FILE_NAME}
    assert {*names(load(place)), *kept} == files(place)


def test_not_writable(tmp_path: Path, make: Callable[..., LocalIndex]) -> None:
    """A folder that cannot be written to raises OSError."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="file"):
        manifest.save_index(make(), tmp_path / "file" / "saved", {})


def test_format_version(tmp_path: Path) -> None:
    """The index of the same documents does not change without a new FORMAT_VERSION.

    If this fails, increase FORMAT_VERSION unless older saved indexes can still be used, then pin the new
    digest. After an update of a package that reads or tokenises text only the digest changes.
    """
    documents = tmp_path / "documents"
    shutil.copytree("tests/eval/documents", documents)
    shutil.copytree("tests/documents/printed", documents / "pdf")
    shutil.copytree("tests/documents/plain", documents / "plain")
    for name, make in DOCUMENTS.items():
        (documents / name).write_bytes(make())
    index = LocalLibrary.open(documents, index_dir=tmp_path / "index").index
    digest = hashlib.blake2b(digest_size=8)
    for live in index.segments:
        digest.update(live.segment.path.read_bytes())
    assert (8, "56cb8dd6c4b13d71") == (manifest.FORMAT_VERSION, digest.hexdigest())
