import asyncio
from pathlib import Path

import numpy as np
import pytest
from rank_bm25 import BM25Plus

from retrieval.ids import document_of
from retrieval.index import local_index, segment_writer
from retrieval.index.bm25 import K1, B
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment
from retrieval.index.tokenizer import tokenize
from retrieval.model import Passage
from tests.retrieval.corpus import all_passages, document, forward_rows, with_vectors
from tests.retrieval.fake_encoder import FakeEncoder


def corrections(index: LocalIndex, *words: str) -> dict[str, str]:
    return dict(asyncio.run(index.corrections(words)))


def test_languages(index: LocalIndex, everything: list[Passage]) -> None:
    """The languages are the passages', those with most passages first."""
    assert {"en", "de", "ru", "ar", "zh", "th", "hi", "tr"} == set(index.languages)
    german = [passage for passage in everything if passage.language == "de"]
    assert ("de", "en") == LocalIndex.build([everything[0], *german], 300).languages


def test_search(index: LocalIndex, everything: list[Passage]) -> None:
    """Search gives the passages that hold a term, best first, and how many hold each."""
    found = asyncio.run(index.search(["goat", "телескоп", "unknown"], 10))
    assert ["goats" in one.text or "телескоп" in one.text for one in found.passages] == [True, True]
    assert {"goat": 1, "телескоп": 1, "unknown": 0} == found.frequencies
    assert [passage for passage, _ in index.ranked(["goat", "телескоп"], 10)] == list(found.passages)
    assert len(everything) == found.size
    assert 1 == len(asyncio.run(index.search(["goat", "телескоп"], 1)).passages)
    assert 0 == len(asyncio.run(index.search([], 10)).passages)


def test_long_searches_are_the_same(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that takes long is done beside the event loop, and finds the same."""
    terms = ["goat", "bay", "телескоп", "茶馆"]
    here = asyncio.run(index.search(terms, 10))
    monkeypatch.setattr(local_index, "_MAX_POSTINGS_ON_EVENT_LOOP", -1)
    beside = asyncio.run(index.search(terms, 10))
    assert (here.passages, here.frequencies) == (beside.passages, beside.frequencies)
    assert forward_rows(here.forward) == forward_rows(beside.forward)


def test_searches_side_by_side(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many searches at a time find what each finds alone."""
    monkeypatch.setattr(local_index, "_MAX_POSTINGS_ON_EVENT_LOOP", -1)
    asked = [[word] for word in ("goat", "bay", "ferri", "茶馆", "unknown")] * 20

    async def together() -> list[list[Passage]]:
        return [list(one.passages) for one in await asyncio.gather(*(index.search(t, 5) for t in asked))]

    assert [[one for one, _ in index.ranked(terms, 5)] for terms in asked] == asyncio.run(together())


def test_candidates_of_many_segments(everything: list[Passage], tmp_path: Path) -> None:
    """Candidates and what the second stage needs of them are the same from one segment and from several."""
    own: dict[str, list[Passage]] = {}
    for passage in everything:
        own.setdefault(passage.document, []).append(passage)
    index = LocalIndex([LiveSegment(segment_writer.build(tmp_path, part, 300)) for part in own.values()])
    terms = ["goat", "das", "brot", "телескоп", "茶馆", "the", "и"]
    apart = asyncio.run(index.search(terms, 20))
    whole = asyncio.run(LocalIndex.build(everything, 300).search(terms, 20))
    assert list(whole.passages) == list(apart.passages)
    assert forward_rows(whole.forward) == forward_rows(apart.forward)
    assert whole.frequencies == apart.frequencies


def test_words(index: LocalIndex) -> None:
    """For a misspelt word the index knows its own as they are spelt, and has none for others."""
    asked = ("ligthhouse", "xylophone", "lighthouse")
    assert {"ligthhouse": "lighthouse", "lighthouse": "lighthouse"} == corrections(index, *asked)


def test_documents(index: LocalIndex, everything: list[Passage]) -> None:
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
    index = LocalIndex.build([*kept, *gone], 300).without([document_of(gone[0].id), "x" * 8])
    assert kept == all_passages(index) == [passage for passage, _ in index.ranked(["goat", "keeper"], 9)]
    assert (1, {"keeper": 0}) == (index.size, asyncio.run(index.frequencies(["keeper"])))
    assert {"gaots": "goats"} == corrections(index, "kepeer", "gaots")
    assert [] == list(index.document(document_of(gone[0].id)))
    again = LocalIndex.build(document("b.txt", ["A keeper wakes."]), 300)
    both = LocalIndex([*index.segments, *again.segments])
    assert ["A keeper wakes."] == [one.text for one in both.document(document_of(gone[0].id))]
    assert () == both.without([document_of(one.id) for one in (kept[0], gone[0])]).segments


# Passages of one document each, which nothing but their bodies tells apart.
BODIES = ["The goat eats salt.", "A keeper sleeps.", "Snow fell on the tower.", "The ferry brings flour."]


def of(texts: list[str]) -> list[Passage]:
    return [one for number, text in enumerate(texts) for one in document(f"{number:02}.txt", [text])]


def test_near_in_meaning() -> None:
    """Passages with a near vector are candidates though they hold no term, after those that do."""
    encoder = FakeEncoder()
    index = with_vectors(LocalIndex.build(of(BODIES), 300), encoder)
    asked = encoder.encode_question("Flour by ferry")
    alone = asyncio.run(index.search(["unknown"], 10, asked))
    assert BODIES[3] == alone.passages[0].text
    beside = asyncio.run(index.search(["goat"], 10, asked))
    assert [BODIES[0], BODIES[3]] == [one.text for one in beside.passages[:2]]
    assert len(beside.passages) == len({one.id for one in beside.passages})
    assert [] == list(asyncio.run(index.search(["unknown"], 10)).passages)


def test_meaning_of_candidates() -> None:
    """Each candidate has the similarity and the pieces' vectors of its own texts."""
    encoder = FakeEncoder()
    index = with_vectors(LocalIndex.build(of([*BODIES, "Goats! " * 9]), 20), encoder)
    asked = encoder.encode_question("Does a goat eat flour?")
    found = asyncio.run(index.search(["goat", "flour"], 10, asked))
    meaning, forward = found.meaning, found.forward
    assert meaning is not None
    assert (len(found.passages), len(forward.piece_ends)) == (len(meaning.wholes), len(meaning.pieces))
    assert asked is meaning.question
    wholes = [f"{one.title} - {one.heading[0]}: {' '.join(one.text.split())}" for one in found.passages]
    similar = np.array([encoder.encode_question(whole) @ asked for whole in wholes])
    # All are less than their similarity by the same.
    baseline = similar[0] - meaning.wholes[0]
    assert (similar - baseline).tolist() == pytest.approx(meaning.wholes.tolist(), abs=0.02)
    own = zip(found.passages, forward.pieces.offsets[:-1], forward.pieces.offsets[1:], strict=True)
    texts = [
        one.text[start:end]
        for one, first, last in own
        for start, end in zip(forward.pieces.values[first:last], forward.piece_ends[first:last], strict=True)
    ]
    for text, vector in zip(texts, meaning.pieces, strict=True):
        assert encoder.encode_question(text) @ vector > 0.99


def test_no_meaning_without_all_vectors() -> None:
    """As long as a candidate has no vector, meanings are not compared."""
    encoder = FakeEncoder()
    whole = with_vectors(LocalIndex.build(of(BODIES), 300), encoder)
    more = LocalIndex.build(document("new.txt", ["The goat sleeps."]), 300)
    index = LocalIndex([*whole.segments, *more.segments], whole.embeddings)
    asked = encoder.encode_question("Snow on the tower")
    assert asyncio.run(whole.search(["goat"], 10, asked)).meaning is not None
    assert asyncio.run(whole.search(["goat"], 10)).meaning is None
    assert asyncio.run(index.search(["goat"], 10, asked)).meaning is None
    assert asyncio.run(index.search(["snow"], 10, asked)).meaning is not None
    assert index.embeddings is not None
    index.embeddings.encode(list(index.encoder_texts(more.encoder_keys().tolist())))
    assert asyncio.run(index.search(["goat"], 10, asked)).meaning is not None


@pytest.mark.parametrize("name", ["z-goat-farm.txt", "zzz/GoatFarm.txt"])
def test_named_document(name: str) -> None:
    """A question that names a document finds the passage in it that says most of the rest."""
    others = [one for n in range(60) for one in document(f"{n:02}.txt", ["The office opens at nine."])]
    named = document(name, ["Snow fell.", "The office opens at ten.", "A keeper sleeps."])
    index = LocalIndex.build([*others, *named], 300)
    found = asyncio.run(index.search(["goat", "farm", "offic", "open"], 5))
    assert [one.document for one in found.passages[:5]] == [f"{n:02}.txt" for n in range(5)]
    assert "The office opens at ten." == found.passages[5].text
    assert {name} == {one.document for one in found.passages[5:]}
    gone = index.without([document_of(named[0].id)])
    assert 5 == len(asyncio.run(gone.search(["goat", "farm", "offic", "open"], 5)).passages)


def test_scores_are_rank_bm25s() -> None:
    """The first candidates are those that rank-bm25 scores best by the bodies alone; others come after."""
    encoder, texts = FakeEncoder(), [*BODIES, "The goat and the keeper.", "A goat, a goat, a tower."]
    index = with_vectors(LocalIndex.build(of(texts), 300), encoder)
    peer = BM25Plus([[token.term for token in tokenize(text, "en")] for text in texts], k1=K1, b=B, delta=0)
    terms = ["goat", "tower", "flour"]
    scores = peer.get_scores(terms)
    best = np.lexsort((np.arange(len(texts)), -scores))[:3].tolist()
    found = asyncio.run(index.search(terms, 3, encoder.encode_question("A keeper sleeps.")))
    assert [texts[at] for at in best] == [one.text for one in found.passages[:3]]
    assert [scores[at] for at in best] == [score for _, score in index.ranked(terms, 3)]
    assert len(found.passages) > 3
