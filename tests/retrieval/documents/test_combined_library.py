"""A chat's documents and the shared library, asked as one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.documents.library import CombinedLibrary, merge_answers
from retrieval.documents.local_library import LocalLibrary
from retrieval.model import (
    Answer,
    Citation,
    Locator,
    Passage,
    Span,
    chat_folder,
    is_chat_document,
    logged_name,
    make_document_id,
    make_passage_id,
    shown_name,
)

LEASE = "Either party may end this lease with a notice period of three months.\n"
OTHER = "Either party may end this lease with a notice period of nine weeks.\n"
FERRY = "The ferry to the island of Runa leaves at seven in the morning.\n"


def _citation(name: str, rank: int) -> Citation:
    passage = Passage(make_passage_id(name, str(rank), 0), name, "T", Span(0, 5), "Words", (), 1, 1, "en")
    return Citation(
        rank, name, "T", Span(0, 5), "Words", (), 1.0, Locator(None, None, 1, 1, 1), passage=passage
    )


def _answer(name: str, certainty: str, confidence: float, count: int = 3) -> Answer:
    citations = tuple(_citation(name, rank) for rank in range(1, count + 1))
    return Answer("Q?", certainty, confidence, citations)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("own", "shared", "first"),
    [
        (("sure", 0.9), ("sure", 0.9), "own"),
        (("sure", 0.85), ("sure", 0.9), "own"),
        (("sure", 0.7), ("sure", 0.95), "shared"),
        (("unsure", 0.5), ("sure", 0.7), "shared"),
        (("sure", 0.7), ("unsure", 0.5), "own"),
        (("none", 0.1), ("unsure", 0.3), "shared"),
        (("none", 0.1), ("none", 0.1), "own"),
    ],
)
def test_the_better_answer_comes_first(own: tuple[str, float], shared: tuple[str, float], first: str) -> None:
    """The surer answer comes first; of equally good ones the chat's own."""
    merged = merge_answers(_answer("own", *own), _answer("shared", *shared), 5)
    assert first == merged.citations[0].document_name
    assert (
        max((own, shared), key=lambda answer: ["none", "unsure", "sure"].index(answer[0]))[0]
        == merged.certainty
    )


def test_quotes_alternate_unless_one_answer_is_none() -> None:
    """Quotes of both alternate; those of an answer that is none come last."""
    both = merge_answers(_answer("own", "sure", 0.9), _answer("shared", "unsure", 0.5), 5)
    assert ["own", "shared", "own", "shared", "own"] == [
        citation.document_name for citation in both.citations
    ]
    one = merge_answers(_answer("own", "sure", 0.9), _answer("shared", "none", 0.1), 5)
    assert ["own", "own", "own", "shared", "shared"] == [citation.document_name for citation in one.citations]


@given(st.integers(0, 5), st.integers(0, 5), st.integers(1, 6))
def test_ranks_and_number(own: int, shared: int, top: int) -> None:
    """There are at most `top` quotes, ranked from 1 without gaps, each once."""
    merged = merge_answers(_answer("a", "sure", 0.9, own), _answer("b", "sure", 0.9, shared), top)
    assert list(range(1, len(merged.citations) + 1)) == [citation.rank for citation in merged.citations]
    assert min(own + shared, top) == len({citation.passage.id for citation in merged.citations})


def test_suggestions_and_small_talk() -> None:
    """A suggestion of either is kept; nothing is asked only if both say so."""
    own = replace(_answer("own", "none", 0.1), asks_nothing=True)
    shared = replace(_answer("shared", "none", 0.1), suggestion="Lighthouse?")
    merged = merge_answers(own, shared, 5)
    assert "Lighthouse?" == merged.suggestion
    assert not merged.asks_nothing


@pytest.fixture
def folders(tmp_path: Path) -> Callable[[int, str], LocalLibrary]:
    def make(chat: int, text: str) -> LocalLibrary:
        folder = tmp_path / str(chat)
        target = folder / chat_folder(chat) if chat else folder
        target.mkdir(parents=True)
        (target / "lease.txt").write_text(text)
        return LocalLibrary.open(folder)

    return make


async def test_same_names_are_told_apart(folders: Callable[[int, str], LocalLibrary]) -> None:
    """A chat's document and one of the library with the same name and text each keep their own ids."""
    library = CombinedLibrary(folders(7, LEASE), folders(0, LEASE))
    own, shared = library.sources
    assert ["@7/lease.txt", "lease.txt"] == [own.name, shared.name]
    assert own.id != shared.id
    for source in (own, shared):
        assert source == library.source(source.id)
        (passage,) = await library.read(source)
        context = await library.passage_with_neighbours(passage.id)
        assert context is not None
        assert source.name == context.passage.document_name
        assert library.file(source).read_text() == LEASE


async def test_nothing_of_another_chat(folders: Callable[[int, str], LocalLibrary]) -> None:
    """Chats with the same document share no id, so no link or button of one opens anything in another."""
    ada, omar, library = folders(7, LEASE), folders(-8, LEASE), folders(0, FERRY)
    (passage,) = await ada.read(ada.sources[0])
    other = CombinedLibrary(omar, library)
    assert await other.passage_with_neighbours(passage.id) is None
    assert other.source(ada.sources[0].id) is None


async def test_both_are_asked(folders: Callable[[int, str], LocalLibrary]) -> None:
    """Each question finds its document; the words of both are explained."""
    library = CombinedLibrary(folders(7, OTHER), folders(0, FERRY))
    for question, name in (
        ("How long is the notice period of the lease?", "@7/lease.txt"),
        ("When does the ferry to Runa leave?", "lease.txt"),
    ):
        answer = await library.answer(question)
        assert name == answer.citations[0].document_name
        assert all(citation.is_verbatim for citation in answer.citations)
    weights = {term.word: term.passages for term in await library.explain("lease ferry zeppelin")}
    assert {"lease": 1, "ferry": 1, "zeppelin": 0} == weights


@given(st.integers(-(10**15), 10**15), st.text(min_size=1, max_size=20).filter(lambda name: "/" not in name))
def test_names_of_chat_documents(chat: int, name: str) -> None:
    """The name of a chat's document is shown without the chat, and never logged."""
    full = f"{chat_folder(chat)}/{name}"
    assert is_chat_document(full)
    assert name == shown_name(full)
    assert not is_chat_document(name)
    assert name == shown_name(name) == logged_name(name)
    assert make_document_id(full) != make_document_id(name)
    if len(name.rpartition(".")[0]) > 3:
        assert name.rpartition(".")[0] not in logged_name(full).removeprefix("a chat's document")
