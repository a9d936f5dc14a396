from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from retrieval.index.candidates import Candidates
from retrieval.query.matching import MEANING_SCALE, QueryMatches
from retrieval.query.query import Query
from retrieval.quotes.coefficients import WITH_MEANING, WITH_TOKENS, WORDS_ONLY
from retrieval.quotes.quote_selection import rank_spans
from tests.retrieval.fake_encoder import FakeEncoder

Look = Callable[..., tuple[Query, Candidates, QueryMatches] | None]

# BM25 scores saturate at K1 + 1.
TOKEN_FEATURES = ("token_meaning", "token_gap", "weakest_tokens")
MAX_SHARE = 1.6
# Similarities are from -1 to 1, and so are their baselines.
MAX_MEANING = 2 * MEANING_SCALE
LANGUAGE = st.sampled_from(["en", "ru", "ar", "zh", "th", "hi", "tr"])
HARD_TEXT = st.text(
    st.sampled_from([*"ab. ,\n1", "字", "。", "ก", "ا", "😀", "\u0301", "İ"])
    | st.characters(exclude_categories=["Cs"]),
    max_size=80,
)


@given(
    texts=st.lists(st.tuples(LANGUAGE, HARD_TEXT), min_size=1, max_size=4),
    question=HARD_TEXT,
    max_chars=st.integers(1, 300),
    encoder=st.sampled_from([None, FakeEncoder()]),
)
@example(texts=[("en", "goat " * 500)], question="goat " * 50, max_chars=300, encoder=FakeEncoder())
@example(texts=[("en", "the")], question="the the", max_chars=3, encoder=None)
@example(texts=[("zh", "茶" * 300)], question="茶" * 100, max_chars=20, encoder=None)
@settings(max_examples=60)
def test_bounds(
    texts: Sequence[tuple[str, str]], question: str, max_chars: int, encoder: FakeEncoder | None, look: Look
) -> None:
    """For any text, features but those of meaning are shares: finite, from 0 to little above 1."""
    looked = look(question + " " + texts[0][1][:20], texts, max_chars, encoder)
    assume(looked is not None)
    query, candidates, matches = looked  # type: ignore[misc]
    ranking = rank_spans(query, matches, candidates, max_chars)
    for name, values in ranking.features.items():
        assert values.shape == ranking.scores.shape, name
        assert np.isfinite(values).all(), name
        is_similarity = "meaning" in name or name in TOKEN_FEATURES
        lowest, highest = (-MAX_MEANING, MAX_MEANING) if is_similarity else (0, MAX_SHARE)
        assert (values >= lowest - 1e-5).all(), name
        assert (values <= highest + 1e-5).all(), name
    assert np.isfinite(ranking.scores).all()


def features(look: Look, question: str, *texts: str) -> dict[tuple[int, int], dict[str, float]]:
    """Return the features of each span, by its first and last piece."""
    looked = look(question, [("en", text) for text in texts])
    assert looked is not None
    ranking = rank_spans(looked[0], looked[2], looked[1], 300)
    bounds = zip(ranking.spans.first.tolist(), ranking.spans.last.tolist(), strict=True)
    return {
        pieces: {name: float(values[row]) for name, values in ranking.features.items()}
        for row, pieces in enumerate(bounds)
    }


def test_every_coefficient_has_a_feature(look: Look) -> None:
    """Every coefficient has a feature and every feature a coefficient.

    `words` and `unspaced` are features of the question, `share` is one of all spans; `best_piece` is for the
    shortlist only. Without token vectors there are no features of tokens.
    """
    computed = features(look, "goat", "The goat eats.")[0, 0]
    for_quotes = {name for fit in (WITH_MEANING, WITH_TOKENS, WORDS_ONLY) for name in fit.span} | {"length"}
    for_confidence = {
        part
        for fit in (WITH_MEANING, WITH_TOKENS, WORDS_ONLY)
        for name in fit.confidence
        for part in name.split("*")
    }
    expected = {*for_quotes, *for_confidence, "best_piece"}
    assert {*computed, "words", "unspaced", "share", *TOKEN_FEATURES} == expected
    assert not {"words", "unspaced", "share", "best_piece"} & for_quotes


def test_matches(look: Look) -> None:
    """A span with all words of the question has full coverage, one with none has none."""
    by_span = features(look, "Does the keeper feed goats?", "A keeper feeds goats. Snow fell.")
    assert 1 == round(by_span[0, 0]["coverage"], 6)
    assert (0, 0) == (by_span[1, 1]["coverage"], by_span[1, 1]["frequency"])
    assert by_span[0, 0]["frequency"] > 0.5
    assert by_span[0, 0]["span_grams"] > 0.5 > by_span[1, 1]["span_grams"]
    assert by_span[1, 1]["previous_gain"] > 0 == by_span[0, 0]["previous_gain"]
    assert by_span[1, 1]["passage_gain"] > 0 == round(by_span[0, 0]["passage_gain"], 6)


def test_coverage_with_headings(look: Look) -> None:
    """A span need not repeat words of the title: "goat" is in it."""
    by_span = features(look, "How old is the goat?", "The goat is brown. It is ten years old.")
    assert by_span[1, 1]["coverage"] < by_span[1, 1]["coverage_with_headings"] == pytest.approx(1)
    assert by_span[0, 0]["coverage"] == by_span[0, 0]["coverage_with_headings"] < 1


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("How old is the goat? Ten.", [1, 0]),
        ("“How old is the goat?” The goat is ten years old.", [1, 0]),
        ("The goat is old. Is it?", [0, 1]),
    ],
)
def test_asks(text: str, asks: list[float], look: Look) -> None:
    """A sentence that is a question asks; with a longer statement next to it, it does not."""
    by_span = features(look, "How old is the goat?", text)
    assert asks == [by_span[piece, piece]["asks"] for piece in range(2)]


def test_mostly_a_question(look: Look) -> None:
    """A span with more than half of a question counts as a question."""
    long_question = features(look, "goat", "Who knows how old the brown goat is? Nobody.")
    long_answer = features(look, "goat", "How old? The goat of Holloway is ten years old.")
    assert (1, 0) == (long_question[0, 1]["asks"], long_answer[0, 1]["asks"])


def test_kinds_of_answer(look: Look) -> None:
    """New years and numbers count if a time or number is wanted, capitalised words if a person is."""
    texts = ["The goat came in 1874. The goat of Holloway sleeps. the goat eats."]
    when = features(look, "When did the goat come?", *texts)
    assert [1, 0, 0] == [when[i, i]["year"] for i in range(3)]
    assert [0, 0, 0] == [when[i, i]["person"] for i in range(3)]
    assert [1, 0, 0] == [when[i, i]["number"] for i in range(3)]
    assert 0 == features(look, "When in 1874 did the goat come?", *texts)[0, 0]["year"]
    who = features(look, "Who has the goat?", *texts)
    assert who[1, 1]["person"] == 1
    assert {0} == {who[i, i][name] for i in range(3) for name in ("year", "number")}
    many = features(look, "How many goats came?", "The goats came in the spring. There came 12 goats.")
    assert [(0, 0), (1, 0)] == [(many[i, i]["number"], many[i, i]["year"]) for i in range(2)]


def test_gains(look: Look) -> None:
    """Words in the rest of the passage and in passages nearby count, too."""
    texts = ["The goat eats. The keeper sleeps.", "The tower is high.", "The goat runs."]
    by_span = features(look, "goat keeper tower", *texts)
    assert by_span[0, 0]["passage_gain"] > 0
    assert by_span[0, 0]["nearby_gain"] > 0


def test_span_meaning(look: Look) -> None:
    """The vector of a span is the mean of its pieces', weighted by length; without vectors features are 0."""
    texts = [("en", "The goat eats. Snow fell on the high tower."), ("en", "The goat sleeps.")]
    looked = look("Does the goat eat?", texts, encoder=FakeEncoder())
    assert looked is not None
    query, candidates, matches = looked
    meaning, ranking = matches.meaning, rank_spans(query, matches, candidates, 300)
    assert meaning is not None
    for row, (first, last) in enumerate(zip(ranking.spans.first, ranking.spans.last, strict=True)):
        own = slice(first, last + 1)
        vector = np.average(meaning.pieces[own], axis=0, weights=(matches.ends - matches.starts)[own])
        similarity = float(vector @ meaning.question / np.linalg.norm(vector)) - float(meaning.baselines[0])
        assert similarity * MEANING_SCALE == pytest.approx(ranking.features["span_meaning"][row], abs=1e-4)
    for values in features(look, "Does the goat eat?", *(text for _, text in texts)).values():
        assert (0, 0) == (values["meaning"], values["span_meaning"])


def test_context(look: Look) -> None:
    """A word of the title counts for all spans of its passage."""
    by_span = features(look, "Is the title about goats?", "Snow fell. The tower is high. A title.")
    assert len({values["heading"] for values in by_span.values()}) == 1
    assert by_span[0, 0]["heading"] > 0
    assert by_span[0, 0]["passage_gain"] > 0
