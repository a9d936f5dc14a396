"""A library that is brought up to date is the one that is made anew."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.documents import ingestion, local_library
from retrieval.documents.local_library import LocalLibrary
from retrieval.model import Answer
from tests.retrieval.corpus import library_passages

TEXTS = (
    "The library opens at nine. It closes at five.\n",
    "The harbour of Nordholm was built in 1874.\n\nIts tower is 31 metres high.\n",
    "Die Bäckerei öffnet um sechs Uhr. Das Brot ruht achtzehn Stunden.\n",
    "# Bread\n\nThe rye bread rests for eighteen hours.\n\n# Cake\n\nThe cake is baked at nine.\n",
    "Пекарня открывается в шесть часов утра.\n",
    "",
)
QUESTIONS = (
    "When does the library open?",
    "How long does the bread rest?",
    "Wie lange ruht das Brot?",
    "libary",
)
NAMES = st.sampled_from(["a.txt", "b.md", "c/d.txt", "e.txt", "z.txt"])
CHANGES = st.lists(st.tuples(NAMES, st.none() | st.sampled_from(TEXTS)), min_size=1, max_size=12)


def _apply(folder: Path, name: str, text: str | None, when: int) -> None:
    file = folder / name
    if text is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    os.utime(file, (when, when))


def _asked(opened: LocalLibrary) -> list[Answer]:
    return [asyncio.run(opened.answer(question, top=3)) for question in QUESTIONS]


def _told(opened: LocalLibrary) -> Any:
    about = [(s.title, s.passages, s.characters, s.language) for s in opened.sources]
    found = [
        (
            one.answered,
            one.confidence,
            one.suggestion,
            [(c.quote, c.score, c.highlights) for c in one.citations],
        )
        for one in _asked(opened)
    ]
    return about, library_passages(opened), found


@pytest.mark.slow
@given(CHANGES, st.dictionaries(st.integers(0, 11), st.booleans()), st.sampled_from([1, 3, 20_000]))
@settings(max_examples=60, deadline=None)
def test_an_update_is_as_good_as_new(
    tmp_path_factory: pytest.TempPathFactory,
    changes: list[tuple[str, str | None]],
    looks: dict[int, bool],
    soon: int,
) -> None:
    """After any changes, and any looks at the folder in between, all is as if read for the first time.

    So it is when the index is tidied up, at once or after a look.
    """
    docs, saved = tmp_path_factory.mktemp("docs"), tmp_path_factory.mktemp("saved")
    live = LocalLibrary.open(docs)
    for step, (name, text) in enumerate(changes):
        _apply(docs, name, text, 1_000_000 + step)
        if step in looks:
            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(local_library, "_MAX_PASSAGES_MERGED_BY_UPDATE", soon)
                live = LocalLibrary.open(docs, before=live)
            live = live.compact() if looks[step] else live
            LocalLibrary.open(docs, index_dir=saved)
    live = LocalLibrary.open(docs, before=live)
    kept = LocalLibrary.open(docs, index_dir=saved)
    # Of two files with one text, the one that was there first is the source.
    fresh = LocalLibrary.open(docs)
    names = {source.name for source in live.sources}
    if names == {source.name for source in fresh.sources}:
        assert _told(fresh) == _told(live) == _told(live.compact())
    if names == {source.name for source in kept.sources}:
        assert _told(live) == _told(kept)
    assert sorted(s.characters for s in fresh.sources) == sorted(s.characters for s in live.sources)


def test_only_what_changed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many documents only the changed one is read again."""
    for number in range(5):
        _apply(tmp_path, f"{number}.txt", f"Fact {number} is known.\n", 1_000_000)
    before = LocalLibrary.open(tmp_path)
    _apply(tmp_path, "3.txt", "Fact 33 is new.\n", 2_000_000)
    names: list[str] = []
    read_all = ingestion.ingest

    def noting(folder: Path, files: Any, *others: Any) -> Any:
        names.extend(file.name for file in files)
        return read_all(folder, files, *others)

    monkeypatch.setattr(local_library, "ingest", noting)
    after = LocalLibrary.open(tmp_path, before=before)
    assert ["3.txt"] == names
    facts = [f"Fact {number} is known." for number in range(5)]
    assert [*facts[:3], "Fact 33 is new.", *facts[4:]] == [
        passage.text for passage in library_passages(after)
    ]
    assert facts == [passage.text for passage in library_passages(before)]
    assert before.version != after.version
    assert after.version == LocalLibrary.open(tmp_path).version


def test_a_text_in_two_files_is_indexed_once(tmp_path: Path) -> None:
    """One of two files of the same text is the source, the other is cited next to it and takes its place."""
    for name in ("a.txt", "b.txt"):
        _apply(tmp_path, name, TEXTS[0], 1_000_000)
    both = LocalLibrary.open(tmp_path)
    (citation,) = _asked(both)[0].citations[:1]
    assert [("a.txt", ("b.txt",))] == [(source.name, source.copies) for source in both.sources]
    assert ("a.txt", ("b.txt",)) == (citation.document_name, citation.copies)
    (tmp_path / "a.txt").unlink()
    left = LocalLibrary.open(tmp_path, before=both)
    assert [("b.txt", ())] == [(source.name, source.copies) for source in left.sources]
    assert "b.txt" == _asked(left)[0].citations[0].document_name


def test_many_updates_leave_few_pieces(tmp_path: Path) -> None:
    """After many changes of a document the index is of few segments, and nothing else is in its folder."""
    docs, saved = tmp_path / "docs", tmp_path / "saved"
    docs.mkdir()
    live = LocalLibrary.open(docs, index_dir=saved)
    for number in range(40):
        _apply(docs, f"{number % 13}.txt", f"Fact {number} is known.\n\nIt is new.\n", 1_000_000 + number)
        live = LocalLibrary.open(docs, before=live)
        live.save(saved)
        assert len(live.index.segments) <= 4
    (place,) = saved.iterdir()
    assert {leaf.segment.path.name for leaf in live.index.segments} == {
        path.name for path in place.iterdir() if path.suffix == ".segment"
    }
    assert 13 == len(library_passages(LocalLibrary.open(docs, index_dir=saved)))


def test_the_words_of_what_is_gone(tmp_path: Path) -> None:
    """A word that only a document that is gone had is suggested no more, tidied up or not."""
    _apply(tmp_path, "a.txt", TEXTS[0], 1_000_000)
    _apply(tmp_path, "b.txt", "The lighthouse stands here.\n", 1_000_000)
    both = LocalLibrary.open(tmp_path)
    (tmp_path / "b.txt").unlink()
    left = LocalLibrary.open(tmp_path, before=both)
    asked = [asyncio.run(one.answer("Where is the lihgthouse?")) for one in (both, left, left.compact())]
    assert ["Where is the lighthouse?", None, None] == [answer.suggestion for answer in asked]
