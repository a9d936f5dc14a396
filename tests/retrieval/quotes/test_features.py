from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from retrieval.index.protocol import Candidates
from retrieval.query.query import Query
from retrieval.query.reranker import MEANING_SCALE, MatchFeatures
from retrieval.quotes.quote_selection import rank_spans
from retrieval.quotes.scoring import MEANING, WORDS
from tests.retrieval.fake_encoder import FakeEncoder

Look = Callable[..., tuple[Query, Candidates, MatchFeatures] | None]

# Counts saturate at k1 + 1.
HIGHEST = 1.6
# Vectors are as similar as 1 at most, and as any two are in the mean otherwise.
FARTHEST = 2 * MEANING_SCALE
LANGUAGE = st.sampled_from(["en", "ru", "ar", "zh", "th", "hi", "tr"])
HARD = st.text(
    st.sampled_from([*"ab. ,\n1", "字", "。", "ก", "ا", "😀", "\u0301", "İ"])
    | st.characters(exclude_categories=["Cs"]),
    max_size=80,
)


@given(
    texts=st.lists(st.tuples(LANGUAGE, HARD), min_size=1, max_size=4),
    question=HARD,
    longest=st.integers(1, 300),
    encoder=st.sampled_from([None, FakeEncoder()]),
)
@example(texts=[("en", "goat " * 500)], question="goat " * 50, longest=300, encoder=FakeEncoder())
@example(texts=[("en", "the")], question="the the", longest=3, encoder=None)
@example(texts=[("zh", "茶" * 300)], question="茶" * 100, longest=20, encoder=None)
@settings(max_examples=60)
def test_bounds(
    texts: Sequence[tuple[str, str]], question: str, longest: int, encoder: FakeEncoder | None, look: Look
) -> None:
    """Whatever the text, features are shares: finite, never below 0 and little above 1, but for meaning."""
    looked = look(question + " " + texts[0][1][:20], texts, longest, encoder)
    assume(looked is not None)
    asked, candidates, evidence = looked  # type: ignore[misc]
    ranking = rank_spans(asked, evidence, candidates, longest)
    for name, values in ranking.features.items():
        assert values.shape == ranking.scores.shape, name
        assert np.isfinite(values).all(), name
        lowest, highest = (-FARTHEST, FARTHEST) if "meaning" in name else (0, HIGHEST)
        assert (values >= lowest - 1e-5).all(), name
        assert (values <= highest + 1e-5).all(), name
    assert np.isfinite(ranking.scores).all()


def features(look: Look, question: str, *texts: str) -> dict[tuple[int, int], dict[str, float]]:
    """Return the features of each run, by its first and last piece."""
    looked = look(question, [("en", text) for text in texts])
    assert looked is not None
    ranking = rank_spans(looked[0], looked[2], looked[1], 300)
    runs = zip(ranking.runs.first.tolist(), ranking.runs.last.tolist(), strict=True)
    return {
        run: {name: float(values[i]) for name, values in ranking.features.items()}
        for i, run in enumerate(runs)
    }


def test_every_weight_has_its_feature(look: Look) -> None:
    """What is weighed is measured and the other way round, but for what only passages are chosen by.

    `words` and `unspaced` are the question's own.
    """
    measured = features(look, "goat", "The goat eats.")[0, 0]
    for_quotes = {name for fit in (MEANING, WORDS) for name in fit.quote}
    for_answers = {part for fit in (MEANING, WORDS) for name in fit.confidence for part in name.split("*")}
    assert {*measured, "words", "unspaced"} == {*for_quotes, *for_answers, "piece"}
    assert not {"words", "unspaced", "piece"} & for_quotes


def test_what_a_run_holds(look: Look) -> None:
    """A run with all the question's words has all of `alike` and `run_grams`; one without has none."""
    found = features(look, "Does the keeper feed goats?", "A keeper feeds goats. Snow fell.")
    assert 1 == round(found[0, 0]["alike"], 6)
    assert (0, 0) == (found[1, 1]["alike"], found[1, 1]["often"])
    assert found[0, 0]["often"] > 0.5
    assert found[0, 0]["run_grams"] > 0.5 > found[1, 1]["run_grams"]
    assert found[1, 1]["previous"] > 0 == found[0, 0]["previous"]
    assert found[1, 1]["rest"] > 0 == round(found[0, 0]["rest"], 6)


def test_kinds_of_answers(look: Look) -> None:
    """A new year or number speaks for a run where a time is asked for, a name where a person is."""
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


def test_neighbours(look: Look) -> None:
    """Words that stand in the passage around a run, or in the passages near it, count beside its own."""
    texts = ["The goat eats. The keeper sleeps.", "The tower is high.", "The goat runs."]
    found = features(look, "goat keeper tower", *texts)
    assert found[0, 0]["rest"] > 0
    assert found[0, 0]["near"] > 0


def test_meaning_of_a_run(look: Look) -> None:
    """A run's vector is the mean of its pieces' by their lengths; without vectors there is no meaning."""
    texts = [("en", "The goat eats. Snow fell on the high tower."), ("en", "The goat sleeps.")]
    looked = look("Does the goat eat?", texts, encoder=FakeEncoder())
    assert looked is not None
    asked, candidates, evidence = looked
    meaning, ranking = evidence.meaning, rank_spans(asked, evidence, candidates, 300)
    assert meaning is not None
    for run, (first, last) in enumerate(zip(ranking.runs.first, ranking.runs.last, strict=True)):
        own = slice(first, last + 1)
        vector = np.average(meaning.pieces[own], axis=0, weights=(evidence.ends - evidence.starts)[own])
        similar = float(vector @ meaning.question / np.linalg.norm(vector)) - float(meaning.baselines[0])
        assert similar * MEANING_SCALE == pytest.approx(ranking.features["run_meaning"][run], abs=1e-4)
    for values in features(look, "Does the goat eat?", *(text for _, text in texts)).values():
        assert (0, 0) == (values["meaning"], values["run_meaning"])


def test_context_of_a_run(look: Look) -> None:
    """A word of the title counts for all of its passage's runs."""
    found = features(look, "Is the title about goats?", "Snow fell. The tower is high. A title.")
    assert len({values["heading"] for values in found.values()}) == 1
    assert found[0, 0]["heading"] > 0
    assert found[0, 0]["rest"] > 0
