"""Pages that OCR has read are kept on disk until their document is gone."""

from pathlib import Path

import pytest

from retrieval.ocr.scanned_page import ScanStore
from tests.documents.scans import scanned_page

PAGES = {0: scanned_page(["The harbour"]), 2: scanned_page([])}


@pytest.fixture
def store(tmp_path: Path) -> ScanStore:
    return ScanStore(tmp_path / "scans")


def test_pages_are_kept(store: ScanStore) -> None:
    """Pages are read as they were saved, also one without words."""
    assert {} == store.read("a1")
    store.add("a1", {0: PAGES[0]})
    store.add("a1", {2: PAGES[2]})
    assert PAGES == store.read("a1")
    assert store.has("a1", [0, 2])
    assert not store.has("a1", [0, 1])
    assert not store.has("b2", [0])


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_a_process_that_was_killed(store: ScanStore, cut: int) -> None:
    """A page that was written in part is read again; the others are kept."""
    store.add("a1", PAGES)
    path = store.folder / "a1.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    complete = store.read("a1")
    assert PAGES.items() >= complete.items()
    missing = {number: page for number, page in PAGES.items() if number not in complete}
    store.add("a1", missing or PAGES)
    assert PAGES == store.read("a1")


@pytest.mark.parametrize("junk", [b"\xff\xfe", b"[]\n", b'{"page": 0, "size": 3}\n', b'{"page": 0, "lin'])
def test_damaged_files(store: ScanStore, junk: bytes) -> None:
    store.folder.mkdir()
    (store.folder / "a1.jsonl").write_bytes(junk)
    assert {} == store.read("a1")
    assert not store.has("a1", [0])


def test_failures(store: ScanStore) -> None:
    store.folder.mkdir()
    store.set_failure("a1", "is in Arabic script")
    assert "is in Arabic script" == store.failure("a1")
    store.set_failure("a1", "")
    assert "" == store.failure("a1")


def test_nothing_stays_of_documents_that_are_gone(store: ScanStore) -> None:
    store.keep_only({"a1"})
    store.add("a1", PAGES)
    store.add("b2", PAGES)
    store.set_failure("b2", "reason")
    store.keep_only({"a1"})
    assert ["a1.jsonl"] == [path.name for path in store.folder.iterdir()]


def test_a_deleted_index_stays_deleted(tmp_path: Path) -> None:
    """Pages are not saved where the index was deleted in the meantime."""
    with pytest.raises(FileNotFoundError):
        ScanStore(tmp_path / "gone" / "scans").add("a1", PAGES)
