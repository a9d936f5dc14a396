import unicodedata
from collections import Counter
from dataclasses import fields

import pytest

from retrieval.index.tokenizer import fold, is_unspaced, tokenize
from retrieval.query.stopwords import STOPWORDS, Stopwords


def entries(lexicon: Stopwords) -> list[str]:
    return [word for field in fields(Stopwords) for word in sorted(getattr(lexicon, field.name))]


@pytest.mark.parametrize("language", STOPWORDS)
def test_folded(language: str) -> None:
    """Every entry is spelt as its language folds it and is one token: else no question could match it."""
    for word in entries(STOPWORDS[language]):
        if not is_unspaced(word):
            assert fold(word, language) == word
            assert [word] == [token.word for token in tokenize(word, language)]


@pytest.mark.parametrize("language", STOPWORDS)
def test_scripts_without_spaces(language: str) -> None:
    """There an entry is looked for in the question as people type it, so it is spelt as keyboards do."""
    for word in filter(is_unspaced, entries(STOPWORDS[language])):
        assert unicodedata.normalize("NFC", word) == word


@pytest.mark.parametrize("language", STOPWORDS)
def test_each_word_once(language: str) -> None:
    """No word stands twice in one language: it asks for one thing or joins."""
    counts = Counter(entries(STOPWORDS[language]))
    assert [] == [word for word, count in counts.items() if count > 1]


@pytest.mark.parametrize("language", STOPWORDS)
def test_each_kind(language: str) -> None:
    """Every language has words for every kind of question, `function_words` all but small talk."""
    lexicon = STOPWORDS[language]
    assert all(getattr(lexicon, field.name) for field in fields(Stopwords))
    assert set(entries(lexicon)) - lexicon.greet == lexicon.function_words
