import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.pipeline import certainty, confidence
from retrieval.query.query import parse, with_earlier_words
from retrieval.quotes.coefficients import MIN_UNSURE_CONFIDENCE, WITH_MEANING, WORDS_ONLY, Coefficients

QUESTION_FEATURES = {"words", "unspaced"}
NAMES = sorted({*WITH_MEANING.confidence, *WORDS_ONLY.confidence} - QUESTION_FEATURES)
FEATURES = st.fixed_dictionaries(
    {name: st.floats(-3, 3) if "meaning" in name else st.floats(0, 1.6) for name in NAMES if "*" not in name}
)
# The features of a perfect match. A missing name counts against it.
PERFECT = {name: float(name != "missing_names") for name in NAMES if "*" not in name}
OPPOSITE = {name: 1 - value for name, value in PERFECT.items()}
FITS = pytest.mark.parametrize("coefficients", [WITH_MEANING, WORDS_ONLY], ids=["meaning", "words"])
LANGUAGES = ["en", "zh", "th"]


@FITS
@given(features=FEATURES, question=st.text(max_size=40))
def test_bounds(coefficients: Coefficients, features: dict[str, float], question: str) -> None:
    """Confidence is from 0 to 1 for any question and any features."""
    assert 0 <= confidence(parse(question, LANGUAGES), features, coefficients) <= 1


@FITS
@pytest.mark.parametrize("question", ["", "who is it", "谢谢", "ที่ไหน", "😀", "hello"])
def test_nothing_asked(question: str, coefficients: Coefficients) -> None:
    """Without content words it is exactly 0, even for a perfect match."""
    assert 0.0 == confidence(parse(question, LANGUAGES), PERFECT, coefficients)


@FITS
@pytest.mark.parametrize("question", ["lighthouse", "goats?", "茶馆", "茶", "ตลา"])
def test_one_word(question: str, coefficients: Coefficients) -> None:
    """One word stays below the threshold, even for a perfect match. Its characters are not more words."""
    assert 0 < confidence(parse(question, LANGUAGES), PERFECT, coefficients) < coefficients.min_sure


@FITS
@pytest.mark.parametrize("question", ["goats eat?", "the art of artists", "茶馆在哪里", "ตลาดน้ำ"])
def test_several_words(question: str, coefficients: Coefficients) -> None:
    """Several words are answered by a perfect match and declined for its opposite."""
    query = parse(question, LANGUAGES)
    assert confidence(query, PERFECT, coefficients) > coefficients.min_sure
    assert confidence(query, OPPOSITE, coefficients) < MIN_UNSURE_CONFIDENCE


@FITS
def test_follow_up_of_one_word(coefficients: Coefficients) -> None:
    """A single word with words of the earlier question counts as several."""
    query = with_earlier_words(parse("goats?", ["en"]), parse("Who feeds the sheep?", ["en"]))
    assert confidence(query, PERFECT, coefficients) > coefficients.min_sure


@FITS
def test_certainty(coefficients: Coefficients) -> None:
    """Two thresholds, themselves included, divide all probabilities into three kinds of reply."""
    sure = coefficients.min_sure
    for probability, expected in (
        (0.0, "none"),
        (math.nextafter(MIN_UNSURE_CONFIDENCE, 0), "none"),
        (MIN_UNSURE_CONFIDENCE, "unsure"),
        (math.nextafter(sure, 0), "unsure"),
        (sure, "sure"),
        (1.0, "sure"),
    ):
        assert expected == certainty(probability, coefficients)


@FITS
@pytest.mark.parametrize("question", ["goats", "Who feeds the goats?", "茶馆", "茶馆在哪里", "ตลาดน้ำ"])
def test_order(question: str, coefficients: Coefficients) -> None:
    """A perfect match has a higher confidence than none, and none a higher one than the opposite."""
    query = parse(question, LANGUAGES)
    zeros = dict.fromkeys(PERFECT, 0.0)
    assert confidence(query, OPPOSITE, coefficients) < confidence(query, zeros, coefficients)
    assert confidence(query, zeros, coefficients) < confidence(query, PERFECT, coefficients)


@FITS
def test_products(coefficients: Coefficients) -> None:
    """A name with * is the product of two features."""
    query = parse("Who feeds the goats?", ["en"])
    features = {"coverage": 0.25, "grams": 0.5}
    product = Coefficients(
        {}, 0.0, {"coverage": 2.0, "coverage*grams": 3.0}, coefficients.bias, coefficients.min_sure
    )
    equivalent = Coefficients(
        {}, 0.0, {"coverage": 2.0 + 3.0 * 0.5}, coefficients.bias, coefficients.min_sure
    )
    assert confidence(query, features, equivalent) == pytest.approx(confidence(query, features, product))
