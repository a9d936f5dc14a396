import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rank_bm25 import BM25Plus

from retrieval.embeddings.vector_store import EmbeddingStore, TokenStore
from retrieval.index import local_index, segment_writer
from retrieval.index.inverted_index import K1, B
from retrieval.index.local_index import LocalIndex
from retrieval.index.segment import LiveSegment
from retrieval.language import tokenize
from retrieval.model import Passage, document_id_of
from tests.retrieval.corpus import all_passages, document, forward_rows, search_bm25, with_vectors
from tests.retrieval.fake_encoder import FakeEncoder

CompareTokens = Callable[[NDArray[np.intp]], NDArray[np.float32] | None]


def corrections(index: LocalIndex, *words: str) -> dict[str, str]:
    return dict(asyncio.run(index.corrections(words)))


def test_languages(index: LocalIndex, everything: list[Passage]) -> None:
    """The languages are the passages', those with most passages first."""
    assert {"en", "de", "ru", "ar", "zh", "th", "hi", "tr"} == set(index.languages)
    german = [passage for passage in everything if passage.language == "de"]
    assert ("de", "en") == LocalIndex.build([everything[0], *german], 300).languages


def test_search(index: LocalIndex, everything: list[Passage]) -> None:
    """A search returns the passages with any of the terms, best first, and the document frequencies."""
    found = asyncio.run(index.search(["goat", "телескоп", "unknown"], 10))
    assert ["goats" in passage.text or "телескоп" in passage.text for passage in found.passages] == [
        True,
        True,
    ]
    assert {"goat": 1, "телескоп": 1, "unknown": 0} == found.document_frequencies
    assert [passage for passage, _ in search_bm25(index, ["goat", "телескоп"], 10)] == list(found.passages)
    assert len(everything) == found.size
    assert 1 == len(asyncio.run(index.search(["goat", "телескоп"], 1)).passages)
    assert 0 == len(asyncio.run(index.search([], 10)).passages)


def test_search_in_a_thread(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long search runs in a thread, with the same results."""
    terms = ["goat", "bay", "телескоп", "茶馆"]
    expected = asyncio.run(index.search(terms, 10))
    monkeypatch.setattr(local_index, "_MAX_POSTINGS_ON_EVENT_LOOP", -1)
    found = asyncio.run(index.search(terms, 10))
    assert (expected.passages, expected.document_frequencies) == (found.passages, found.document_frequencies)
    assert forward_rows(expected.forward) == forward_rows(found.forward)


def test_concurrent_searches(index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """Concurrent searches find what each finds alone."""
    monkeypatch.setattr(local_index, "_MAX_POSTINGS_ON_EVENT_LOOP", -1)
    queries = [[word] for word in ("goat", "bay", "ferri", "茶馆", "unknown")] * 20

    async def search_all() -> list[list[Passage]]:
        results = await asyncio.gather(*(index.search(terms, 5) for terms in queries))
        return [list(found.passages) for found in results]

    assert [[passage for passage, _ in search_bm25(index, terms, 5)] for terms in queries] == asyncio.run(
        search_all()
    )


def test_candidates_of_many_segments(everything: list[Passage], tmp_path: Path) -> None:
    """Candidates and their forward index are the same from one segment and from several."""
    own: dict[str, list[Passage]] = {}
    for passage in everything:
        own.setdefault(passage.document_name, []).append(passage)
    index = LocalIndex(
        [LiveSegment(segment_writer.write_segment(tmp_path, part, 300)) for part in own.values()]
    )
    terms = ["goat", "das", "brot", "телескоп", "茶馆", "the", "и"]
    apart = asyncio.run(index.search(terms, 20))
    whole = asyncio.run(LocalIndex.build(everything, 300).search(terms, 20))
    assert list(whole.passages) == list(apart.passages)
    assert forward_rows(whole.forward) == forward_rows(apart.forward)
    assert whole.document_frequencies == apart.document_frequencies


def test_corrections(index: LocalIndex) -> None:
    """A misspelt word is corrected to a word of the index; words unlike any of its words are not."""
    words = ("ligthhouse", "xylophone", "lighthouse")
    assert {"ligthhouse": "lighthouse", "lighthouse": "lighthouse"} == corrections(index, *words)


def test_documents(index: LocalIndex, everything: list[Passage]) -> None:
    """A document's passages are read by its id, whole or in parts; an unknown id has none."""
    for name in {passage.document_name for passage in everything}:
        own = [passage for passage in everything if passage.document_name == name]
        passages = index.passages_of(document_id_of(own[0].id))
        assert own == list(passages)
        assert own[1:3] == list(passages[1:3])
        assert own[-1] == passages[-1]
        assert list(range(len(own))) == [passages.ordinal(passage.id) for passage in own]
        assert passages.ordinal("x" * 20) is None
    assert [] == list(index.passages_of("x" * 8))
    assert index.passages_of("x" * 8).ordinal(everything[0].id) is None


def test_without() -> None:
    """A deleted document and its words are no longer found; a new version of it can be added."""
    remaining, deleted = (
        document("a.txt", ["The goats eat salt."]),
        document("b.txt", ["A keeper sleeps.", "Goats!"]),
    )
    index = LocalIndex.build([*remaining, *deleted], 300).without([document_id_of(deleted[0].id), "x" * 8])
    assert (
        remaining
        == all_passages(index)
        == [passage for passage, _ in search_bm25(index, ["goat", "keeper"], 9)]
    )
    assert (1, {"keeper": 0}) == (index.size, asyncio.run(index.document_frequencies(["keeper"])))
    assert {"gaots": "goats"} == corrections(index, "kepeer", "gaots")
    assert [] == list(index.passages_of(document_id_of(deleted[0].id)))
    again = LocalIndex.build(document("b.txt", ["A keeper wakes."]), 300)
    both = LocalIndex([*index.segments, *again.segments])
    assert ["A keeper wakes."] == [
        passage.text for passage in both.passages_of(document_id_of(deleted[0].id))
    ]
    assert () == both.without([document_id_of(passage.id) for passage in (remaining[0], deleted[0])]).segments


# Passages of one document each, which differ only in their texts.
BODIES = ["The goat eats salt.", "A keeper sleeps.", "Snow fell on the tower.", "The ferry brings flour."]


def one_per_document(texts: list[str]) -> list[Passage]:
    return [passage for number, text in enumerate(texts) for passage in document(f"{number:02}.txt", [text])]


def test_nearest_passages() -> None:
    """The passages nearest to the question are candidates, after those with a term of the question."""
    encoder = FakeEncoder()
    index = with_vectors(LocalIndex.build(one_per_document(BODIES), 300), encoder)
    question = encoder.encode_question("Flour by ferry")
    alone = asyncio.run(index.search(["unknown"], 10, question))
    assert BODIES[3] == alone.passages[0].text
    both = asyncio.run(index.search(["goat"], 10, question))
    assert [BODIES[0], BODIES[3]] == [passage.text for passage in both.passages[:2]]
    assert len(both.passages) == len({passage.id for passage in both.passages})
    assert [] == list(asyncio.run(index.search(["unknown"], 10)).passages)


def test_meaning_of_candidates() -> None:
    """Each candidate has the similarity and the pieces' vectors of its own texts."""
    encoder = FakeEncoder()
    index = with_vectors(LocalIndex.build(one_per_document([*BODIES, "Goats! " * 9]), 20), encoder)
    question = encoder.encode_question("Does a goat eat flour?")
    found = asyncio.run(index.search(["goat", "flour"], 10, question))
    meaning, forward = found.meaning, found.forward
    assert meaning is not None
    assert (len(found.passages), len(forward.piece_ends)) == (len(meaning.wholes), len(meaning.pieces))
    assert question.vector is meaning.question
    wholes = [
        f"{passage.title} - {passage.heading[0]}: {' '.join(passage.text.split())}"
        for passage in found.passages
    ]
    similar = np.array([encoder.encode_question(whole).vector @ question.vector for whole in wholes])
    # All have the same baseline.
    baseline = similar[0] - meaning.wholes[0]
    assert (similar - baseline).tolist() == pytest.approx(meaning.wholes.tolist(), abs=0.02)
    own = zip(found.passages, forward.pieces.offsets[:-1], forward.pieces.offsets[1:], strict=True)
    texts = [
        passage.text[start:end]
        for passage, first, last in own
        for start, end in zip(forward.pieces.values[first:last], forward.piece_ends[first:last], strict=True)
    ]
    for text, vector in zip(texts, meaning.pieces, strict=True):
        assert encoder.encode_question(text).vector @ vector > 0.99


def test_no_meaning_without_all_vectors() -> None:
    """Meanings are compared only if all candidates have vectors."""
    encoder = FakeEncoder()
    whole = with_vectors(LocalIndex.build(one_per_document(BODIES), 300), encoder)
    more = LocalIndex.build(document("new.txt", ["The goat sleeps."]), 300)
    index = LocalIndex([*whole.segments, *more.segments], whole.embeddings)
    question = encoder.encode_question("Snow on the tower")
    assert asyncio.run(whole.search(["goat"], 10, question)).meaning is not None
    assert asyncio.run(whole.search(["goat"], 10)).meaning is None
    assert asyncio.run(index.search(["goat"], 10, question)).meaning is None
    assert asyncio.run(index.search(["snow"], 10, question)).meaning is not None
    assert index.embeddings is not None
    index.embeddings.encode(list(index.encoder_texts(more.encoder_keys().tolist())))
    assert asyncio.run(index.search(["goat"], 10, question)).meaning is not None


def _compare(index: LocalIndex, question: str) -> tuple[list[str], CompareTokens]:
    """Return the texts of the candidates for a question, and the function that compares their tokens."""
    encoder = index.encoder
    assert encoder is not None
    found = asyncio.run(index.search(["goat"], 10, encoder.encode_question(question)))
    assert found.meaning is not None
    assert found.meaning.compare_tokens is not None
    return [passage.text for passage in found.passages], found.meaning.compare_tokens


def _token_store(index: LocalIndex, tokens: dict[str, int]) -> TokenStore:
    """Return a store with the first tokens of the passages that have these texts."""
    encoder = FakeEncoder()
    store = TokenStore(None, encoder.name, encoder.token_codec.code_bytes)
    texts = [own for own in index.encoder_texts(index.whole_keys().tolist()) if own.is_whole]
    for own in texts:
        for text, count in tokens.items():
            if own.text.endswith(text):
                codes = encoder.encode_with_tokens([own.text])[1][0]
                store.append(np.array([own.key], np.uint64), [codes[:count]])
    return store


@pytest.mark.parametrize(("question", "best"), [("Does the goat eat?", 0), ("the ferry? flour!", 3)])
def test_compare_tokens(question: str, best: int) -> None:
    """Each token is compared; the passage with the words of the question is the most similar one."""
    encoder = FakeEncoder()
    index = with_vectors(LocalIndex.build(one_per_document(BODIES), 300), encoder)
    texts, compare = _compare(index, question)
    assert sorted(BODIES) == sorted(texts)
    ordinals = np.arange(len(texts))
    similarity = compare(ordinals)
    assert similarity is not None
    assert BODIES[best] == texts[int(similarity.mean(axis=0).argmax())]
    for order in ([2, 0, 3, 1], [3], [1, 1, 0]):
        some = compare(ordinals[order])
        assert some is not None
        assert similarity[:, order] == pytest.approx(some, abs=1e-6)
    wholes = {own.text: own for own in index.encoder_texts(index.whole_keys().tolist())}
    tokens = encoder.encode_question(question).tokens
    for text, values in zip(texts, similarity.T, strict=True):
        (whole,) = [own for own in wholes if own.endswith(text)]
        products = encoder.token_codec.similarity(tokens, encoder.encode_with_tokens([whole])[1][0])
        assert products.max(axis=1) == pytest.approx(values, abs=1e-5)


def test_compare_tokens_that_are_missing() -> None:
    """Tokens are compared only if all passages in question have theirs, and the question has some, too."""
    encoder = FakeEncoder()
    whole = with_vectors(LocalIndex.build(one_per_document(BODIES), 300), encoder)
    assert whole.embeddings is not None
    some = _token_store(whole, {BODIES[0]: 99, BODIES[1]: 99, BODIES[2]: 99})
    index = LocalIndex(whole.segments, EmbeddingStore(encoder, whole.embeddings.store, some))
    texts, compare = _compare(index, "Does the goat eat?")
    known = np.array([texts.index(text) for text in BODIES[:3]])
    assert compare(known) is not None
    assert compare(np.arange(4)) is None
    _, compare = _compare(whole, "")
    assert compare(np.arange(4)) is None
    for tokens in (None, _token_store(whole, {})):
        index = LocalIndex(whole.segments, EmbeddingStore(encoder, whole.embeddings.store, tokens))
        _, compare = _compare(index, "Does the goat eat?")
        assert compare(np.arange(4)) is None


@pytest.mark.parametrize("empty", range(4))
def test_compare_with_passages_without_tokens(empty: int) -> None:
    """A passage without tokens is as similar as the least similar one; the others are as without it."""
    encoder = FakeEncoder()
    whole = with_vectors(LocalIndex.build(one_per_document(BODIES), 300), encoder)
    assert whole.embeddings is not None
    texts, compare = _compare(whole, "Does the goat eat?")
    expected = compare(np.arange(4))
    assert expected is not None
    store = _token_store(whole, {text: 99 * (number != empty) for number, text in enumerate(texts)})
    index = LocalIndex(whole.segments, EmbeddingStore(encoder, whole.embeddings.store, store))
    texts_again, compare = _compare(index, "Does the goat eat?")
    similarity = compare(np.arange(4))
    assert texts == texts_again
    assert similarity is not None
    others = np.delete(np.arange(4), empty)
    assert expected[:, others] == pytest.approx(similarity[:, others], abs=1e-6)
    least = others[similarity[:, others].mean(axis=0).argmin()]
    assert similarity[:, least].tolist() == similarity[:, empty].tolist()
    assert compare(np.array([empty])) is None


@pytest.mark.parametrize("name", ["z-goat-farm.txt", "zzz/GoatFarm.txt"])
def test_named_document(name: str) -> None:
    """A question with a document's name finds the passage in it that best matches the rest."""
    others = [
        passage for n in range(60) for passage in document(f"{n:02}.txt", ["The office opens at nine."])
    ]
    named = document(name, ["Snow fell.", "The office opens at ten.", "A keeper sleeps."])
    index = LocalIndex.build([*others, *named], 300)
    found = asyncio.run(index.search(["goat", "farm", "offic", "open"], 5))
    assert [passage.document_name for passage in found.passages[:5]] == [f"{n:02}.txt" for n in range(5)]
    assert "The office opens at ten." == found.passages[5].text
    assert {name} == {passage.document_name for passage in found.passages[5:]}
    others_only = index.without([document_id_of(named[0].id)])
    assert 5 == len(asyncio.run(others_only.search(["goat", "farm", "offic", "open"], 5)).passages)


def test_scores_are_rank_bm25s() -> None:
    """The first candidates are those with rank-bm25's best scores of their texts; others come after them."""
    encoder, texts = FakeEncoder(), [*BODIES, "The goat and the keeper.", "A goat, a goat, a tower."]
    index = with_vectors(LocalIndex.build(one_per_document(texts), 300), encoder)
    peer = BM25Plus([[token.term for token in tokenize(text, "en")] for text in texts], k1=K1, b=B, delta=0)
    terms = ["goat", "tower", "flour"]
    scores = peer.get_scores(terms)
    best = np.lexsort((np.arange(len(texts)), -scores))[:3].tolist()
    found = asyncio.run(index.search(terms, 3, encoder.encode_question("A keeper sleeps.")))
    assert [texts[at] for at in best] == [passage.text for passage in found.passages[:3]]
    assert [scores[at] for at in best] == [score for _, score in search_bm25(index, terms, 3)]
    assert len(found.passages) > 3
