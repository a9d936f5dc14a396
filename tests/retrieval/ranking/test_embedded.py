import asyncio
from pathlib import Path

import pytest

from retrieval.identity import document_of
from retrieval.model import Passage
from retrieval.ranking import embedded, segments
from retrieval.ranking.embedded import EmbeddedIndex
from retrieval.ranking.leaf import Leaf
from tests.retrieval.corpus import document, held, rows


def nearest(index: EmbeddedIndex, *words: str) -> dict[str, str]:
    return dict(asyncio.run(index.nearest(words)))


def test_languages(index: EmbeddedIndex, everything: list[Passage]) -> None:
    """The languages are the passages', those with most passages first."""
    assert {"en", "de", "ru", "ar", "zh", "th", "hi", "tr"} == set(index.languages)
    german = [passage for passage in everything if passage.language == "de"]
    assert ("de", "en") == EmbeddedIndex.build([everything[0], *german], 300).languages


def test_search(index: EmbeddedIndex, everything: list[Passage]) -> None:
    """Search gives the passages that hold a term, best first, and how many hold each."""
    found = asyncio.run(index.search(["goat", "телескоп", "unknown"], 10))
    assert ["goats" in one.text or "телескоп" in one.text for one in found.passages] == [True, True]
    assert {"goat": 1, "телескоп": 1, "unknown": 0} == found.frequencies
    assert [passage for passage, _ in index.ranked(["goat", "телескоп"], 10)] == list(found.passages)
    assert len(everything) == found.size
    assert 1 == len(asyncio.run(index.search(["goat", "телескоп"], 1)).passages)
    assert 0 == len(asyncio.run(index.search([], 10)).passages)


def test_long_searches_are_the_same(index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that takes long is done beside the event loop, and finds the same."""
    terms = ["goat", "bay", "телескоп", "茶馆"]
    here = asyncio.run(index.search(terms, 10))
    monkeypatch.setattr(embedded, "_LONG", -1)
    beside = asyncio.run(index.search(terms, 10))
    assert (here.passages, here.frequencies) == (beside.passages, beside.frequencies)
    assert rows(here.forward) == rows(beside.forward)


def test_searches_side_by_side(index: EmbeddedIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many searches at a time find what each finds alone."""
    monkeypatch.setattr(embedded, "_LONG", -1)
    asked = [[word] for word in ("goat", "bay", "ferri", "茶馆", "unknown")] * 20

    async def together() -> list[list[Passage]]:
        return [list(one.passages) for one in await asyncio.gather(*(index.search(t, 5) for t in asked))]

    assert [[one for one, _ in index.ranked(terms, 5)] for terms in asked] == asyncio.run(together())


def test_candidates_of_many_segments(everything: list[Passage], tmp_path: Path) -> None:
    """Candidates and what the second stage needs of them are the same from one segment and from several."""
    own: dict[str, list[Passage]] = {}
    for passage in everything:
        own.setdefault(passage.document, []).append(passage)
    index = EmbeddedIndex([Leaf(segments.build(tmp_path, part, 300)) for part in own.values()])
    terms = ["goat", "das", "brot", "телескоп", "茶馆", "the", "и"]
    apart = asyncio.run(index.search(terms, 20))
    whole = asyncio.run(EmbeddedIndex.build(everything, 300).search(terms, 20))
    assert list(whole.passages) == list(apart.passages)
    assert rows(whole.forward) == rows(apart.forward)
    assert whole.frequencies == apart.frequencies


def test_words(index: EmbeddedIndex) -> None:
    """For a misspelt word the index knows its own as they are spelt, and has none for others."""
    asked = ("ligthhouse", "xylophone", "lighthouse")
    assert {"ligthhouse": "lighthouse", "lighthouse": "lighthouse"} == nearest(index, *asked)


def test_documents(index: EmbeddedIndex, everything: list[Passage]) -> None:
    """A document's passages are found by its id, in parts too, and none by any other."""
    for name in {passage.document for passage in everything}:
        own = [passage for passage in everything if passage.document == name]
        found = index.document(document_of(own[0].id))
        assert own == list(found)
        assert own[1:3] == list(found[1:3])
        assert own[-1] == found[-1]
        assert list(range(len(own))) == [found.ordinal(passage.id) for passage in own]
        assert found.ordinal("x" * 20) is None
    assert [] == list(index.document("x" * 8))
    assert index.document("x" * 8).ordinal(everything[0].id) is None


def test_without() -> None:
    """A document that is taken out is found nowhere any more, nor its words; it can come back changed."""
    kept, gone = document("a.txt", ["The goats eat salt."]), document("b.txt", ["A keeper sleeps.", "Goats!"])
    index = EmbeddedIndex.build([*kept, *gone], 300).without([document_of(gone[0].id), "x" * 8])
    assert kept == held(index) == [passage for passage, _ in index.ranked(["goat", "keeper"], 9)]
    assert (1, {"keeper": 0}) == (index.size, asyncio.run(index.frequencies(["keeper"])))
    assert {"gaots": "goats"} == nearest(index, "kepeer", "gaots")
    assert [] == list(index.document(document_of(gone[0].id)))
    again = EmbeddedIndex.build(document("b.txt", ["A keeper wakes."]), 300)
    both = EmbeddedIndex([*index.leaves, *again.leaves])
    assert ["A keeper wakes."] == [one.text for one in both.document(document_of(gone[0].id))]
    assert () == both.without([document_of(one.id) for one in (kept[0], gone[0])]).leaves
