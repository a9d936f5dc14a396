import unicodedata
from collections import Counter
from dataclasses import fields

import pytest

from retrieval.index.tokenizer import fold, is_unspaced, tokenize
from retrieval.query.stopwords import Stopwords, load_stopwords

LANGUAGES = pytest.mark.parametrize("language", load_stopwords())


def entries(stopwords: Stopwords) -> list[str]:
    return [word for field in fields(Stopwords) for word in sorted(getattr(stopwords, field.name))]


@LANGUAGES
def test_folded(language: str) -> None:
    """Every entry is one token, folded as in its language: otherwise no question could match it."""
    for word in entries(load_stopwords()[language]):
        if not is_unspaced(word):
            assert fold(word, language) == word
            assert [word] == [token.word for token in tokenize(word, language)]


@LANGUAGES
def test_scripts_without_spaces(language: str) -> None:
    """Entries of scripts without spaces are in NFC, as keyboards type them: they are matched unfolded."""
    for word in filter(is_unspaced, entries(load_stopwords()[language])):
        assert unicodedata.normalize("NFC", word) == word


@LANGUAGES
def test_each_word_once(language: str) -> None:
    """No word is in two groups of a language."""
    counts = Counter(entries(load_stopwords()[language]))
    assert [] == [word for word, count in counts.items() if count > 1]


@LANGUAGES
def test_all_groups(language: str) -> None:
    """Every language has words in all groups, and `function_words` are all of them but small talk."""
    stopwords = load_stopwords()[language]
    assert all(getattr(stopwords, field.name) for field in fields(Stopwords))
    assert set(entries(stopwords)) - stopwords.greet == stopwords.function_words
