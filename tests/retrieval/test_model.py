"""Ids of documents and passages, which links in chats rely on."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents.local_library import LocalLibrary
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load_document
from retrieval.model import document_id_of, make_document_id, make_passage_id

NAMES = st.text(min_size=1)
TEXTS = st.text(min_size=1)


@given(NAMES, TEXTS, st.integers(0, 10**6))
def test_ids_are_well_formed(name: str, words: str, occurrence: int) -> None:
    """Ids of any name and words, even with lone surrogates, are safe in links and buttons."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{8}", make_document_id(name + "\udce9"))
    assert re.fullmatch(r"[A-Za-z0-9_-]{20}", make_passage_id(name + "\udce9", words, occurrence))


@given(NAMES, TEXTS, st.integers(0, 10**6))
def test_document_of_passage(name: str, words: str, occurrence: int) -> None:
    """A passage id contains the id of its document."""
    assert make_document_id(name) == document_id_of(make_passage_id(name, words, occurrence))


@given(st.sets(st.tuples(NAMES, TEXTS, st.integers(0, 99)), min_size=2, max_size=20))
def test_ids_are_unique(keys: set[tuple[str, str, int]]) -> None:
    """A different document, text or occurrence gives a different id."""
    assert len(keys) == len({make_passage_id(*key) for key in keys})
    names = {name for name, _, _ in keys}
    assert len(names) == len({make_document_id(name) for name in names})


PARAGRAPHS = st.lists(
    st.sampled_from(["The sea.", "The land.", "The harbour at night.", "شاطئ", "灯塔。"])
    | st.text("abc ", min_size=3, max_size=30).map(str.strip).filter(bool),
    min_size=1,
    max_size=8,
)
# Long enough to be a passage of its own.
UNCHANGED = (
    "Clara Brandt built the tower 🗼 in 1874, and a road to it. " * 4 + "It stands on the northern cape."
)


def _ids_by_text(paragraphs: list[str], name: str = "a.txt") -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for passage in split_passages(load_document("\n\n".join(paragraphs).encode(), name)):
        ids.setdefault(passage.text, []).append(passage.id)
    return ids


@given(PARAGRAPHS, PARAGRAPHS, PARAGRAPHS, PARAGRAPHS)
def test_ids_survive_changes_elsewhere(
    before: list[str], after: list[str], other: list[str], another: list[str]
) -> None:
    """A passage keeps its id when the text before and after it changes."""
    old = _ids_by_text(["Start.", *before, UNCHANGED, *after])
    new = _ids_by_text(["Start.", *other, UNCHANGED, *another])
    assert old[UNCHANGED] == new[UNCHANGED]
    assert old[UNCHANGED] != _ids_by_text(["Start.", UNCHANGED], "b.txt")[UNCHANGED]


@given(PARAGRAPHS)
def test_ids_of_repeated_text(paragraphs: list[str]) -> None:
    """Repeated text in one document has an id for each occurrence."""
    every = [
        passage for ids in _ids_by_text(["Start.", *paragraphs, *paragraphs]).values() for passage in ids
    ]
    assert len(every) == len(set(every))


async def test_library_lookup(tmp_path: Path) -> None:
    """A library finds passages and documents by their ids, and returns None for unknown ids."""
    (tmp_path / "a.md").write_text("# One\n\nThe sea.\n\n## Two\n\nThe sea.\n\n# Three\n\nThe land.\n")
    (tmp_path / "b.txt").write_text("The sea.\n\nThe sea.\n")
    library = LocalLibrary.open(tmp_path)
    for source in library.sources:
        assert source == library.source(source.id)
        for ordinal, passage in enumerate(await library.read(source)):
            context = await library.passage_with_neighbours(passage.id)
            assert context is not None
            assert (passage, ordinal, source.id) == (
                context.passage,
                context.ordinal,
                document_id_of(context.passage.id),
            )
    assert [("One", 1, 0), ("Two", 2, 1), ("Three", 1, 2)] == [
        (section.heading, section.level, section.first)
        for section in await library.sections(library.sources[0])
    ]
    assert (None, None) == (library.source("nowhere0"), await library.passage_with_neighbours("x" * 20))
