import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.language import fold, tokenize

LANGUAGES = st.sampled_from(
    ["en", "fr", "tr", "uk", "ru", "ar", "fa", "he", "hi", "th", "zh", "ja", "ko", "my", "xx"]
)


def words(text: str, language: str = "en") -> list[str]:
    return [token.word for token in tokenize(text, language)]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Don't, Russia’s O'Brien o'clock", "en", ["don", "russia", "o", "brien", "o", "clock"]),
        ("L’homme d'État", "fr", ["l", "homme", "d", "état"]),
        ("Ankara'nın İSTANBUL IRMAK", "tr", ["ankara", "istanbul", "ırmak"]),
        ("п'ять п’ять пʼять", "uk", ["п'ять"] * 3),
        ("ʼabc aʼ", "en", ["abc", "a"]),
    ],
)
def test_apostrophes(text: str, language: str, expected: list[str]) -> None:
    """An apostrophe splits words by the rules of their language; in Ukrainian it is a letter."""
    assert expected == words(text, language)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,000 1.000 1'000 1\u202f000 ١٬٠٠٠ １０００ ၁၀၀၀", ["1000"] * 7),
        ("1,000,000 10,00,000", ["1000000"] * 2),
        ("3.5 3,5 35", ["3.5", "3.5", "35"]),
        ("1.234.567,89", ["1234567.89"]),
        ("2018-07-21 5G m² ½", ["2018", "07", "21", "5", "g", "m2", "1⁄2"]),
        ("am 17.10.2025", ["am", "17", "10", "2025"]),
        ("03.10.2025 3.10.2025 2025.10.03", ["3", "10", "2025", "3", "10", "2025", "2025", "10", "3"]),
        ("10.2025 1.2.3 00.00.0000", ["10.2025", "1.2.3", "00.00.0000"]),
        ("v2.10.1 V3.6, but v2 and mp3", ["2.10.1", "3.6", "but", "v2", "and", "mp3"]),
    ],
)
def test_numbers(text: str, expected: list[str]) -> None:
    """A number is one term in any digits and with any thousands separator; a decimal point is kept.

    The parts of a date are numbers of their own, without leading zeros.
    """
    assert expected == words(text)


@pytest.mark.parametrize(
    ("language", "spellings"),
    [
        ("en", ["Straße", "STRASSE"]),
        ("en", ["İstanbul", "istanbul"]),
        ("en", ["exam\u00adple", "exam\u200dple", "\uff25xample"]),
        ("fr", ["École", unicodedata.normalize("NFD", "école")]),
        ("ru", ["Ёлка", "елка"]),
        ("ar", ["كِتَابٌ", "كتاب", "كتـــاب"]),
        ("ar", ["إلى", "الى"]),
        ("fa", ["كتاب‌هاي", "کتاب‌های", "کتابهای"]),
        ("he", ["שָׁלוֹם", "שלום"]),
    ],
)
def test_fold(language: str, spellings: list[str]) -> None:
    """All spellings of a word fold to the same form."""
    assert 1 == len({fold(word, language) for word in spellings})
    assert len(spellings) == len(words(" ".join(spellings), language))


def test_vowel_signs() -> None:
    """Hindi vowel signs are part of the word."""
    assert ["हिन्दी", "में"] == words("हिन्दी में", "hi")


def test_unspaced_scripts() -> None:
    """Han, Kana and Hangul have characters and bigrams as tokens, Thai and similar scripts trigrams."""
    assert [(0, 1, "図"), (0, 2, "図書"), (1, 2, "書"), (1, 3, "書館"), (2, 3, "館")] == [
        (token.start, token.end, token.word) for token in tokenize("図書館", "ja")
    ]
    assert ["สวั", "วัส"] == words("สวัส", "th")
    assert ["ไป"] == words("ไป", "th")


def test_composed_letters() -> None:
    """Decomposed and half-width characters equal composed full-width ones."""
    assert words("한국어がぎデータ", "ja") == words(unicodedata.normalize("NFD", "한국어がぎ") + "ﾃﾞｰﾀ", "ja")


def test_no_words() -> None:
    """Emoji, punctuation and lone surrogates are not words."""
    assert ["a", "b"] == words("😀 a\ud800b !? \u200b\u0301")


@given(text=st.text(max_size=80), language=LANGUAGES)
def test_tokens(text: str, language: str) -> None:
    """Tokens are within the text, in order and not empty; an ASCII word's token is the folded word."""
    tokens = tokenize(text, language)
    assert [token.start for token in tokens] == sorted(token.start for token in tokens)
    for token in tokens:
        assert 0 <= token.start < token.end <= len(text)
        spelling = text[token.start : token.end]
        assert token.term
        if spelling.isalpha() and spelling.isascii():
            assert token.word == fold(spelling, language)
        assert token.word in words(spelling, language) or not spelling.isalpha()
