import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.quoting.confidence import SURE, UNSURE, certainty, confidence
from retrieval.quoting.weights import CONFIDENCE
from retrieval.ranking.question import analyse, following

NAMES = sorted(CONFIDENCE.keys() - {"words"})
FEATURES = st.fixed_dictionaries({name: st.floats(0, 1.6) for name in NAMES})
# A feature with a negative weight counts what is missing.
ALL = {name: float(CONFIDENCE[name] > 0) for name in NAMES}
NONE = {name: 1 - value for name, value in ALL.items()}
LANGUAGES = ["en", "zh", "th"]


@given(features=FEATURES, question=st.text(max_size=40))
def test_bounds(features: dict[str, float], question: str) -> None:
    """Confidence is 0 to 1, whatever is asked and found."""
    assert 0 <= confidence(analyse(question, LANGUAGES), features) <= 1


@pytest.mark.parametrize("question", ["", "who is it", "谢谢", "ที่ไหน", "😀", "hello"])
def test_nothing_asked(question: str) -> None:
    """Where nothing is asked it is exactly 0, though everything were found."""
    assert 0.0 == confidence(analyse(question, LANGUAGES), ALL)


@pytest.mark.parametrize("question", ["lighthouse", "goats?", "茶馆", "茶", "ตลา"])
def test_one_word(question: str) -> None:
    """One word stays below the threshold, though everything were found; its letters are no other words."""
    assert 0 < confidence(analyse(question, LANGUAGES), ALL) < SURE


@pytest.mark.parametrize("question", ["goats eat?", "the art of artists", "茶馆在哪里", "ตลาดน้ำ"])
def test_several_words(question: str) -> None:
    """Several words are answered when everything is found and declined when nothing is."""
    assert (
        confidence(analyse(question, LANGUAGES), ALL) > SURE > confidence(analyse(question, LANGUAGES), NONE)
    )


def test_follow_up_of_one_word() -> None:
    """A word that leans on the question before it is not alone."""
    question = following(analyse("goats?", ["en"]), analyse("Who feeds the sheep?", ["en"]))
    assert confidence(question, ALL) > SURE


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0.0, "none"),
        (math.nextafter(UNSURE, 0), "none"),
        (UNSURE, "unsure"),
        (math.nextafter(SURE, 0), "unsure"),
        (SURE, "sure"),
        (1.0, "sure"),
    ],
)
def test_each_kind_of_reply_begins_at_its_threshold(probability: float, expected: str) -> None:
    """Two thresholds part all probabilities into three kinds of reply."""
    assert expected == certainty(probability)


@given(features=FEATURES, name=st.sampled_from(NAMES), less=st.floats(0, 1))
def test_more_is_surer(features: dict[str, float], name: str, less: float) -> None:
    """The more is found and the less is missing, the surer it is."""
    question = analyse("Who feeds the goats?", ["en"])
    fewer = {**features, name: features[name] * less}
    change = confidence(question, fewer) - confidence(question, features)
    assert change <= 0 if CONFIDENCE[name] > 0 else change >= 0
    assert math.isfinite(confidence(question, fewer))
