import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.query.query import follow_up, parse
from retrieval.quotes.scoring import MEANING, SURE, UNSURE, WORDS, Weights, certainty, confidence

OF_QUESTION = {"words", "unspaced"}
NAMES = sorted({*MEANING.confidence, *WORDS.confidence} - OF_QUESTION)
FEATURES = st.fixed_dictionaries(
    {name: st.floats(-3, 3) if "meaning" in name else st.floats(0, 1.6) for name in NAMES if "*" not in name}
)
# What is lost is a name that was not found.
ALL = {name: float(name != "lost_names") for name in NAMES if "*" not in name}
NONE = {name: 1 - value for name, value in ALL.items()}
FITS = pytest.mark.parametrize("weights", [MEANING, WORDS], ids=["meaning", "words"])
LANGUAGES = ["en", "zh", "th"]


@FITS
@given(features=FEATURES, question=st.text(max_size=40))
def test_bounds(weights: Weights, features: dict[str, float], question: str) -> None:
    """Confidence is 0 to 1, whatever is asked and found."""
    assert 0 <= confidence(parse(question, LANGUAGES), features, weights) <= 1


@FITS
@pytest.mark.parametrize("question", ["", "who is it", "谢谢", "ที่ไหน", "😀", "hello"])
def test_nothing_asked(question: str, weights: Weights) -> None:
    """Where nothing is asked it is exactly 0, though everything were found."""
    assert 0.0 == confidence(parse(question, LANGUAGES), ALL, weights)


@FITS
@pytest.mark.parametrize("question", ["lighthouse", "goats?", "茶馆", "茶", "ตลา"])
def test_one_word(question: str, weights: Weights) -> None:
    """One word stays below the threshold, though everything were found; its letters are no other words."""
    assert 0 < confidence(parse(question, LANGUAGES), ALL, weights) < SURE


@FITS
@pytest.mark.parametrize("question", ["goats eat?", "the art of artists", "茶馆在哪里", "ตลาดน้ำ"])
def test_several_words(question: str, weights: Weights) -> None:
    """Several words are answered when everything is found and declined when nothing is."""
    asked = parse(question, LANGUAGES)
    assert confidence(asked, ALL, weights) > SURE
    assert confidence(asked, NONE, weights) < UNSURE


@FITS
def test_follow_up_of_one_word(weights: Weights) -> None:
    """A word that leans on the question before it is not alone."""
    question = follow_up(parse("goats?", ["en"]), parse("Who feeds the sheep?", ["en"]))
    assert confidence(question, ALL, weights) > SURE


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


@FITS
@pytest.mark.parametrize("question", ["goats", "Who feeds the goats?", "茶馆", "茶馆在哪里", "ตลาดน้ำ"])
def test_everything_is_surer_than_nothing(question: str, weights: Weights) -> None:
    """Whatever is asked, it is surer where everything is found than where nothing is."""
    asked = parse(question, LANGUAGES)
    nothing = dict.fromkeys(ALL, 0.0)
    assert confidence(asked, NONE, weights) < confidence(asked, nothing, weights)
    assert confidence(asked, nothing, weights) < confidence(asked, ALL, weights)


@FITS
def test_products(weights: Weights) -> None:
    """A name with * weighs the product of two features."""
    question = parse("Who feeds the goats?", ["en"])
    alone = Weights({}, {"alike": 2.0, "alike*grams": 3.0}, weights.bias)
    single = Weights({}, {"alike": 2.0 + 3.0 * 0.5}, weights.bias)
    found = {"alike": 0.25, "grams": 0.5}
    assert confidence(question, found, single) == pytest.approx(confidence(question, found, alone))
