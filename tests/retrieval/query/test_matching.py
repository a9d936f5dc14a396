"""Matches equal counts made a token at a time."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retrieval.index.candidates import Candidates
from retrieval.index.inverted_index import TokenType, grams, token_type
from retrieval.language import Token, tokenize
from retrieval.query.matching import (
    MEANING_SCALE,
    QueryMatches,
    inverse_document_frequency,
    token_features,
)
from retrieval.query.query import Query, Word
from retrieval.sentences import pieces
from tests.retrieval.fake_encoder import FakeEncoder

Look = Callable[..., tuple[Query, Candidates, QueryMatches] | None]

WORDS = """goat goats Goat feeds feeding the keeper keepers Keeper Holloway 1874 2024 12 it milk milking.
salt, rock. Козы козу корм. 茶馆 茶馆在 古井。 ตลาดน้ำ keçiler Ahrental'da . 😀 ! ß"""
WORD = st.sampled_from(WORDS.split())
TEXTS = st.lists(
    st.tuples(
        st.sampled_from(["en", "en", "ru", "zh", "th", "tr"]), st.lists(WORD, max_size=25).map(" ".join)
    ),
    min_size=1,
    max_size=5,
)
QUESTION = st.lists(WORD, min_size=1, max_size=6).map(" ".join)


def column(query: Query, token: Token) -> int:
    """Return the index of the query word that a token is, or -1."""
    return next((i for i, word in enumerate(query.words) if token.term in word.terms), -1)


def gram_share(word: Word, other: str) -> float:
    """Return the share of a word's grams that another word has."""
    own = set(grams(word.text))
    return len(own & set(grams(other))) / len(own)


def tokens_by_piece(candidates: Candidates, max_chars: int) -> list[list[Token]]:
    """Return the tokens of each piece of the candidates."""
    by_piece: list[list[Token]] = []
    for passage in candidates.passages:
        starts = [piece.start for piece in pieces(passage.text, passage.language, max_chars)]
        rows: list[list[Token]] = [[] for _ in starts]
        for token in tokenize(passage.text, passage.language):
            rows[max(sum(start <= token.start for start in starts) - 1, 0)].append(token)
        by_piece += rows
    return by_piece


@given(question=QUESTION, texts=TEXTS, max_chars=st.integers(8, 60))
@settings(max_examples=40)
def test_counts(question: str, texts: Sequence[tuple[str, str]], max_chars: int, look: Look) -> None:
    """Counts, similarities and lengths of each piece equal those computed from its tokens."""
    looked = look(question, texts, max_chars)
    assume(looked is not None)
    query, candidates, matches = looked  # type: ignore[misc]
    terms = [term for word in query.words for term in word.terms]
    assume(len(terms) == len(set(terms)))  # a term of two words counts for one of them
    rows = tokens_by_piece(candidates, max_chars)
    query_grams = list(dict.fromkeys(gram for word in query.words for gram in grams(word.text)))
    for row, tokens in enumerate(rows):
        passage = candidates.passages[int(matches.owners[row])]
        assert len(tokens) == matches.lengths[row]
        counts = [sum(token.term in word.terms for token in tokens) for word in query.words]
        assert counts == matches.words[row].tolist()
        gram_counts = [sum(gram in grams(token.word) for token in tokens) for gram in query_grams]
        assert gram_counts == matches.grams[row].tolist()
        shares = [max([gram_share(word, token.word) for token in tokens], default=0) for word in query.words]
        similarity = [
            1 if count else (share if share > 0.5 else 0) for count, share in zip(counts, shares, strict=True)
        ]
        assert similarity == pytest.approx(matches.similarity[row].tolist())
        new_types = [token_type(token, passage.text) for token in tokens if column(query, token) < 0]
        assert sum(TokenType.YEAR in types for types in new_types) == matches.years[row]
        assert sum(TokenType.NUMBER in types for types in new_types) == matches.numbers[row]
        assert sum(TokenType.CAPITAL in types for types in new_types) == matches.capitals[row]
        starts_lowercase = bool(tokens) and TokenType.SMALL in token_type(tokens[0], passage.text)
        assert starts_lowercase == bool(matches.starts_lowercase[row])


@given(question=QUESTION, texts=TEXTS, max_chars=st.integers(8, 60))
@settings(max_examples=40)
def test_pairs(question: str, texts: Sequence[tuple[str, str]], max_chars: int, look: Look) -> None:
    """Adjacent words of the query are a pair where they are adjacent in one passage."""
    looked = look(question, texts, max_chars)
    assume(looked is not None)
    query, candidates, matches = looked  # type: ignore[misc]
    terms = [term for word in query.words for term in word.terms]
    assume(len(terms) == len(set(terms)))
    rows = tokens_by_piece(candidates, max_chars)
    expected = np.zeros((len(rows), len(query.words)))
    ordered = [(row, token) for row, tokens in enumerate(rows) for token in tokens]
    for (row, token), (next_row, next_token) in pairwise(ordered):
        left, right = column(query, token), column(query, next_token)
        if matches.owners[row] == matches.owners[next_row] and left >= 0 and right == left + 1:
            expected[row, left] += 1
    assert expected.tolist() == matches.pairs.tolist()


@given(question=QUESTION, texts=TEXTS, max_chars=st.integers(8, 60))
@settings(max_examples=40)
def test_shape(question: str, texts: Sequence[tuple[str, str]], max_chars: int, look: Look) -> None:
    """Every candidate has its pieces in order, similarities are from 0 to 1, and weights are positive."""
    looked = look(question, texts, max_chars)
    assume(looked is not None)
    query, candidates, matches = looked  # type: ignore[misc]
    for ordinal, passage in enumerate(candidates.passages):
        own = np.flatnonzero(matches.owners == ordinal)
        assert own[0] == matches.first_pieces[ordinal]
        spans = [(piece.start, piece.end) for piece in pieces(passage.text, passage.language, max_chars)]
        starts, ends = matches.starts[own].tolist(), matches.ends[own].tolist()
        assert spans == list(zip(starts, ends, strict=True))
        assert (
            matches.words[own].sum(axis=0).tolist()
            == matches.sum_by_candidate(matches.words)[ordinal].tolist()
        )
        assert (
            matches.words[own].max(axis=0).tolist()
            == matches.max_by_candidate(matches.words)[ordinal].tolist()
        )
    assert ((matches.similarity >= 0) & (matches.similarity <= 1)).all()
    assert (matches.idf > 0).all()
    assert [idf if word.is_content else 0 for word, idf in zip(query.words, matches.idf, strict=True)] == (
        matches.content_idf.tolist()
    )


def test_no_pair_over_two_passages(look: Look) -> None:
    """The last word of a passage and the first of the next are not adjacent."""
    looked = look("goat keeper", [("en", "goat"), ("en", "keeper"), ("en", "keeper")])
    assert looked is not None
    assert 0 == looked[2].pairs.sum()


def test_rare_words_weigh_more() -> None:
    """A word in fewer passages weighs more, and a word in all passages more than 0."""
    weights = inverse_document_frequency(np.array([0.0, 1.0, 5.0, 10.0]), 10)
    assert sorted(weights.tolist(), reverse=True) == weights.tolist()
    assert weights[-1] > 0


@pytest.mark.parametrize(
    ("shortlisted", "baseline", "gap"),
    # The less similar half of 0.9, 0.2 and 0.4 has a mean of 0.3, that of 0.4 and 0.9 one of 0.4. The usual
    # baseline is used for the passages that are missing to a shortlist of 20.
    [
        ([3, 0, 1], (3 * 0.3 + 17 * 0.505) / 20, 0.9 - 0.505),
        ([1, 3], (2 * 0.4 + 18 * 0.505) / 20, 0.9 - 0.505),
        ([2], (0.7 + 19 * 0.505) / 20, 0.7 - 0.505),
        ([2, 3], (2 * 0.7 + 18 * 0.505) / 20, 0.9 - (0.7 + 2 * 0.505) / 3),
    ],
)
def test_token_features(shortlisted: list[int], baseline: float, gap: float, look: Look) -> None:
    """Similarities are relative to the less similar half of the shortlisted, and 0 for other candidates.

    The gap is that of the most similar candidate to the three after it. The weakest tokens are a third.
    """
    looked = look("goat", [("en", "goat")] * 4, encoder=FakeEncoder())
    assert looked is not None
    matches = looked[2]
    assert matches.meaning is not None
    similarity = np.array([0.2, 0.4, 0.7, 0.9], np.float32)
    by_token = similarity + np.array([[-0.1], [0.1], [0.15], [-0.15]], np.float32)
    meaning = replace(matches.meaning, compare_tokens=lambda ordinals: by_token[:, ordinals])
    result = token_features(replace(matches, meaning=meaning), np.array(shortlisted))
    assert result is not None
    expected = np.zeros(4)
    expected[shortlisted] = (similarity[shortlisted] - baseline) * MEANING_SCALE
    assert expected.tolist() == pytest.approx(result["token_meaning"].tolist(), abs=1e-5)
    expected[shortlisted] = (similarity[shortlisted] - 0.15) * MEANING_SCALE
    assert expected.tolist() == pytest.approx(result["weakest_tokens"].tolist(), abs=1e-5)
    assert [gap * MEANING_SCALE] * 4 == pytest.approx(result["token_gap"].tolist(), abs=1e-5)


def test_no_token_features(look: Look) -> None:
    """There are none without meaning scores, without token vectors, or if a passage has none."""
    texts, encoder = [("en", "The goat eats."), ("en", "A goat.")], FakeEncoder()
    by_words, looked = look("goat", texts), look("goat", texts, encoder=encoder)
    assert by_words is not None
    assert looked is not None
    assert token_features(by_words[2], np.arange(2)) is None
    matches = looked[2]
    assert token_features(matches, np.arange(2)) is not None
    assert matches.meaning is not None
    for compare in (None, lambda _: None):
        meaning = replace(matches.meaning, compare_tokens=compare)
        assert token_features(replace(matches, meaning=meaning), np.arange(2)) is None
