"""Everything that is counted in arrays is counted here again, a token at a time."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retrieval.index.protocol import Candidates
from retrieval.index.tokenizer import Token, tokenize
from retrieval.index.vocabulary import TokenType, grams, token_type
from retrieval.query.query import Query, Word
from retrieval.query.reranker import MatchFeatures, inverse_document_frequency
from retrieval.sentences import pieces

Look = Callable[..., tuple[Query, Candidates, MatchFeatures] | None]

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


def column(question: Query, token: Token) -> int:
    return next((i for i, word in enumerate(question.words) if token.term in word.terms), -1)


def share(word: Word, other: str) -> float:
    own = set(grams(word.text))
    return len(own & set(grams(other))) / len(own)


def tokens_by_piece(candidates: Candidates, longest: int) -> list[list[Token]]:
    found: list[list[Token]] = []
    for passage in candidates.passages:
        starts = [piece.start for piece in pieces(passage.text, passage.language, longest)]
        rows: list[list[Token]] = [[] for _ in starts]
        for token in tokenize(passage.text, passage.language):
            rows[max(sum(start <= token.start for start in starts) - 1, 0)].append(token)
        found += rows
    return found


@given(question=QUESTION, texts=TEXTS, longest=st.integers(8, 60))
@settings(max_examples=40)
def test_counts(question: str, texts: Sequence[tuple[str, str]], longest: int, look: Look) -> None:
    """Words, grams, likeness, lengths, years, numbers, capitals and small openings are as counted by hand."""
    looked = look(question, texts, longest)
    assume(looked is not None)
    asked, candidates, evidence = looked  # type: ignore[misc]
    terms = [term for word in asked.words for term in word.terms]
    assume(len(terms) == len(set(terms)))  # a term that two words may be counts for either
    rows = tokens_by_piece(candidates, longest)
    of_question = list(dict.fromkeys(gram for word in asked.words for gram in grams(word.text)))
    for row, tokens in enumerate(rows):
        passage = candidates.passages[int(evidence.owners[row])]
        assert len(tokens) == evidence.lengths[row]
        counts = [sum(token.term in word.terms for token in tokens) for word in asked.words]
        assert counts == evidence.words[row].tolist()
        holding = [sum(gram in grams(token.word) for token in tokens) for gram in of_question]
        assert holding == evidence.grams[row].tolist()
        nearest = [max([share(word, token.word) for token in tokens], default=0) for word in asked.words]
        likeness = [1 if count else (s if s > 0.5 else 0) for count, s in zip(counts, nearest, strict=True)]
        assert likeness == pytest.approx(evidence.likeness[row].tolist())
        new = [token_type(token, passage.text) for token in tokens if column(asked, token) < 0]
        assert sum(TokenType.YEAR in kind for kind in new) == evidence.years[row]
        assert sum(TokenType.NUMBER in kind for kind in new) == evidence.numbers[row]
        assert sum(TokenType.CAPITAL in kind for kind in new) == evidence.capitals[row]
        opens_small = bool(tokens) and TokenType.SMALL in token_type(tokens[0], passage.text)
        assert opens_small == bool(evidence.small[row])


@given(question=QUESTION, texts=TEXTS, longest=st.integers(8, 60))
@settings(max_examples=40)
def test_pairs(question: str, texts: Sequence[tuple[str, str]], longest: int, look: Look) -> None:
    """Neighbouring words of the question count as a pair where they are neighbours in one passage."""
    looked = look(question, texts, longest)
    assume(looked is not None)
    asked, candidates, evidence = looked  # type: ignore[misc]
    terms = [term for word in asked.words for term in word.terms]
    assume(len(terms) == len(set(terms)))
    rows = tokens_by_piece(candidates, longest)
    expected = np.zeros((len(rows), len(asked.words)))
    placed = [(row, token) for row, tokens in enumerate(rows) for token in tokens]
    for (row, token), (after, other) in pairwise(placed):
        left, right = column(asked, token), column(asked, other)
        if evidence.owners[row] == evidence.owners[after] and left >= 0 and right == left + 1:
            expected[row, left] += 1
    assert expected.tolist() == evidence.pairs.tolist()


@given(question=QUESTION, texts=TEXTS, longest=st.integers(8, 60))
@settings(max_examples=40)
def test_shape(question: str, texts: Sequence[tuple[str, str]], longest: int, look: Look) -> None:
    """Every candidate has its pieces in order, likeness is 0 to 1, and weights are positive."""
    looked = look(question, texts, longest)
    assume(looked is not None)
    asked, candidates, evidence = looked  # type: ignore[misc]
    for ordinal, passage in enumerate(candidates.passages):
        own = np.flatnonzero(evidence.owners == ordinal)
        assert own[0] == evidence.first[ordinal]
        spans = [(piece.start, piece.end) for piece in pieces(passage.text, passage.language, longest)]
        starts, ends = evidence.starts[own].tolist(), evidence.ends[own].tolist()
        assert spans == list(zip(starts, ends, strict=True))
        assert evidence.words[own].sum(axis=0).tolist() == evidence.total(evidence.words)[ordinal].tolist()
        assert evidence.words[own].max(axis=0).tolist() == evidence.greatest(evidence.words)[ordinal].tolist()
    assert ((evidence.likeness >= 0) & (evidence.likeness <= 1)).all()
    assert (evidence.idf > 0).all()
    assert [w if word.content else 0 for word, w in zip(asked.words, evidence.idf, strict=True)] == (
        evidence.content.tolist()
    )


def test_no_pair_over_two_passages(look: Look) -> None:
    """The last word of a passage and the first of the next are no neighbours."""
    looked = look("goat keeper", [("en", "goat"), ("en", "keeper"), ("en", "keeper")])
    assert looked is not None
    assert 0 == looked[2].pairs.sum()


def test_rare_words_weigh_more() -> None:
    """A word weighs more the fewer passages hold it, and something even where all do."""
    weights = inverse_document_frequency(np.array([0.0, 1.0, 5.0, 10.0]), 10)
    assert sorted(weights.tolist(), reverse=True) == weights.tolist()
    assert weights[-1] > 0
