"""Ids of documents and passages, which links in chats count on."""

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents.library import Library
from retrieval.ids import document_id, document_of, passage_id
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.formats import load

NAMES = st.text(min_size=1)
WORDS = st.text(min_size=1)


@given(NAMES, WORDS, st.integers(0, 10**6))
def test_ids_are_well_formed(name: str, words: str, occurrence: int) -> None:
    """Any name and words, lone surrogates too, make ids that links and buttons can carry."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{8}", document_id(name + "\udce9"))
    assert re.fullmatch(r"[A-Za-z0-9_-]{20}", passage_id(name + "\udce9", words, occurrence))


@given(NAMES, WORDS, st.integers(0, 10**6))
def test_a_passage_names_its_document(name: str, words: str, occurrence: int) -> None:
    """The document of a passage is read off its id."""
    assert document_id(name) == document_of(passage_id(name, words, occurrence))


@given(st.sets(st.tuples(NAMES, WORDS, st.integers(0, 99)), min_size=2, max_size=20))
def test_different_passages_have_different_ids(which: set[tuple[str, str, int]]) -> None:
    """Another document, other words or another occurrence make another id."""
    assert len(which) == len({passage_id(*one) for one in which})
    names = {name for name, _, _ in which}
    assert len(names) == len({document_id(name) for name in names})


PARAGRAPHS = st.lists(
    st.sampled_from(["The sea.", "The land.", "The harbour at night.", "شاطئ", "灯塔。"])
    | st.text("abc ", min_size=3, max_size=30).map(str.strip).filter(bool),
    min_size=1,
    max_size=8,
)
# As long as a paragraph has to be to make a passage by itself.
KEPT = "Clara Brandt built the tower 🗼 in 1874, and a road to it. " * 4 + "It stands on the northern cape."


def _ids(paragraphs: list[str], name: str = "a.txt") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for passage in split_passages(load("\n\n".join(paragraphs).encode(), name)):
        found.setdefault(passage.text, []).append(passage.id)
    return found


@given(PARAGRAPHS, PARAGRAPHS, PARAGRAPHS, PARAGRAPHS)
def test_a_passage_outlives_changes_elsewhere(
    before: list[str], after: list[str], other: list[str], another: list[str]
) -> None:
    """A passage keeps its id whatever comes to stand before and after it."""
    first, then = _ids(["Start.", *before, KEPT, *after]), _ids(["Start.", *other, KEPT, *another])
    assert first[KEPT] == then[KEPT]
    assert first[KEPT] != _ids(["Start.", KEPT], "b.txt")[KEPT]


@given(PARAGRAPHS)
def test_repeated_words_are_told_apart(paragraphs: list[str]) -> None:
    """The same words several times in one document are passages with ids of their own."""
    every = [one for ids in _ids(["Start.", *paragraphs, *paragraphs]).values() for one in ids]
    assert len(every) == len(set(every))


async def test_a_library_finds_what_it_names(tmp_path: Path) -> None:
    """Each passage's id leads back to it, each document's id to its document, others nowhere."""
    (tmp_path / "a.md").write_text("# One\n\nThe sea.\n\n## Two\n\nThe sea.\n\n# One\n\nThe land.\n")
    (tmp_path / "b.txt").write_text("The sea.\n\nThe sea.\n")
    library = Library.open(tmp_path)
    for source in library.sources:
        assert source == library.source(source.id)
        for ordinal, passage in enumerate(await library.read(source)):
            context = await library.context(passage.id)
            assert context is not None
            assert (passage, ordinal, source.id) == (
                context.passage,
                context.ordinal,
                document_of(context.passage.id),
            )
    assert [("One", 1, 0), ("Two", 2, 1), ("One", 1, 2)] == [
        (section.heading, section.level, section.first)
        for section in await library.sections(library.sources[0])
    ]
    assert (None, None) == (library.source("nowhere0"), await library.context("x" * 20))
