import unicodedata
from collections import Counter
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.language import fold, is_unspaced, tokenize
from retrieval.query.query import (
    Query,
    Stopwords,
    load_stopwords,
    parse,
    with_corrections,
    with_earlier_words,
)

LANGUAGES = ["en", "de", "ru", "ar", "zh", "th", "hi", "tr"]


def content(text: str, *languages: str) -> list[str]:
    return [word.text for word in parse(text, languages or LANGUAGES).words if word.is_content]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Who built the lighthouse?", ["built", "lighthouse"]),
        ("Wem gehört die Mühle?", ["gehört", "mühle"]),
        ("Кто основал обсерваторию?", ["основал", "обсерваторию"]),
        ("متى تأسس السوق؟", ["تاسس", "السوق"]),
        ("किताबें कहाँ हैं?", ["किताबें"]),
        ("Hamamı kim yaptı?", ["hamamı", "yaptı"]),
    ],
)
def test_content(text: str, expected: list[str]) -> None:
    """Content words are all but function words, in any of the documents' languages."""
    assert expected == content(text)


@pytest.mark.parametrize("apostrophe", ["'", "’"])
def test_an_ending_is_no_word_of_another_language(apostrophe: str) -> None:
    """The s of "what's" is not a content word in a library with German documents; a name after d' is."""
    assert ["price"] == content(f"what{apostrophe}s the price", "en", "de")
    assert ["hotel", "prix", "arc"] == content(f"l{apostrophe}hotel au prix de l{apostrophe}arc", "en", "fr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_stopwords_are_not_content(language: str) -> None:
    """No function word or greeting is a content word in its own language."""
    stopwords = load_stopwords()[language]
    for word in sorted(stopwords.function_words | stopwords.greet):
        assert [] == content(word, language), word


@pytest.mark.parametrize(
    "text", ["Good morning, how are you?", "Спасибо большое!", "早上好", "你好吗", "谢谢"]
)
def test_small_talk(text: str) -> None:
    """Small talk has no content words, but text with another word has."""
    assert [] == content(text)
    assert [] != content(text + " Skerry")


@pytest.mark.parametrize(
    ("text", "language", "function_words"),
    [
        ("茶馆在哪里", "zh", {"在", "哪", "里", "哪里"}),
        ("ตลาดอยู่ที่ไหน", "th", {"ที่", "ี่ไ", "่ไห", "ไหน"}),
    ],
)
def test_unspaced_function_words(text: str, language: str, function_words: set[str]) -> None:
    """In scripts without spaces, the tokens inside a function word are not content words; others are."""
    words = parse(text, [language]).words
    assert function_words == {word.text for word in words if word.text in function_words}
    assert not any(word.is_content for word in words if word.text in function_words)
    assert any(word.is_content for word in words)


@pytest.mark.parametrize(
    ("text", "spellings"),
    [("متى تأسس", ["متي", "تاسس"]), ("ещё чьё", ["еще", "чье"]), ("п'ять", ["п'ять", "п", "ять"])],
)
def test_spelling(text: str, spellings: list[str]) -> None:
    """A word is folded as in a language of its script, whatever languages the documents are in."""
    assert set(spellings) == {word.text for word in parse(text, ["en", "ru", "uk", "ar"]).words}


def test_function_words_of_other_languages() -> None:
    """A function word of one language is a content word in a question in another language."""
    assert ["war"] == content("What was the war?", "en", "de")
    assert ["mill"] == content("was war die mill?", "en", "de")


@pytest.mark.parametrize(
    ("text", "languages", "expected"),
    [
        ("Who feeds the goats?", ["de"], ["feeds", "goats"]),
        ("Wer füttert die Ziegen?", ["en"], ["füttert", "ziegen"]),
        ("¿Quién alimenta las cabras?", ["en"], ["alimenta", "cabras"]),
        ("Qui nourrit les chèvres ?", ["de", "en"], ["nourrit", "chèvres"]),
        ("Кто кормит коз?", ["en", "uk"], ["кормит", "коз"]),
        ("Хто годує кіз?", ["ru"], ["годує", "кіз"]),
        ("Keçileri kim besliyor?", ["en"], ["keçileri", "besliyor"]),
    ],
)
def test_language_of_no_document(text: str, languages: list[str], expected: list[str]) -> None:
    """Function words are recognised in the question's language even if no document is in it."""
    assert expected == content(text, *languages)


def test_documents_language_decides_first() -> None:
    """Function words of other languages count only without any of the documents' languages."""
    assert ["die", "gift"] == content("Can the die be a gift?", "en")


def test_asking_phrases() -> None:
    """Words of asking phrases are not content words, unless there are no others."""
    assert ["goats"] == content("What does the article say about goats?", "en")
    assert ["goats"] == content("What does the article say about goats?", "de")
    assert ["article", "say"] == content("What does the article say about it?", "en")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Who is Margaret Holloway?", ["margaret", "holloway"]),
        ("What happened in 1874?", ["1874"]),
        ("Когда родился Лебедев?", ["лебедев"]),
        ("12 goats", ["12"]),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    """Numbers, and capitalised words after the first, are names."""
    assert names == [word.text for word in parse(text, LANGUAGES).words if word.is_name]


@pytest.mark.parametrize(
    ("text", "time", "person"),
    [
        ("When was it built?", True, False),
        ("Who built it?", False, True),
        ("What is it?", False, False),
        ("Wann kam er?", True, False),
        ("Wer war es?", False, True),
        ("Когда это было?", True, False),
        ("Кто это?", False, True),
        ("متى كان؟", True, False),
        ("什么时候开门?", True, False),
        ("茶馆是谁创办的?", False, True),
        ("ตลาดเปิดเมื่อไหร่", True, False),
        ("ใครก่อตั้งตลาด", False, True),
        ("यह कब बना?", True, False),
        ("यह किसने बनाया?", False, True),
        ("Ne zaman yapıldı?", True, False),
        ("Kim yaptı?", False, True),
        ("lighthouse", False, False),
    ],
)
def test_time_and_person(text: str, time: bool, person: bool) -> None:
    """Question words show whether a time or a person is wanted."""
    query = parse(text, LANGUAGES)
    assert (time, person) == (query.wants_time, query.wants_person)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("How many goats?", True),
        ("Wie viele Ziegen?", True),
        ("Сколько коз?", True),
        ("Who built it?", False),
    ],
)
def test_number(text: str, number: bool) -> None:
    """Question words show whether a number is wanted."""
    assert number == parse(text, LANGUAGES).wants_number


def test_terms() -> None:
    """A word has its terms in each language, each term once; a repeated word counts once."""
    query = parse("goats and goats feeding", ["en", "xx"])
    assert ["goats", "and", "feeding"] == [word.text for word in query.words]
    assert ["goat", "goats", "and", "feed", "feeding"] == query.terms


def test_no_languages() -> None:
    """Without documents there are no languages, and a question has no words."""
    assert () == parse("Who is it?", []).words


@given(
    text=st.text(max_size=60),
    languages=st.lists(st.sampled_from(sorted(load_stopwords())), max_size=4, unique=True),
)
def test_any_text(text: str, languages: list[str]) -> None:
    """Words are in order and inside the text, with at least one term, and have different terms."""
    words = parse(text, languages).words
    assert sorted((word.start, word.end) for word in words) == [(word.start, word.end) for word in words]
    assert all(0 <= word.start < word.end <= len(text) and word.terms and word.text for word in words)
    assert len(words) == len({word.terms for word in words})
    assert {1.0} >= {word.weight for word in words}


def weights(query: Query) -> dict[str, float]:
    return {word.text: word.weight for word in query.words}


def test_follow_up() -> None:
    """Content words of the earlier question weigh half a word together; none is repeated."""
    earlier = parse("Who built the old lighthouse?", ["en"])
    query = with_earlier_words(parse("And who keeps the lighthouse?", ["en"]), earlier)
    assert {"built": 0.25, "old": 0.25} == {
        text: weight for text, weight in weights(query).items() if weight < 1
    }
    assert 1 == [word.text for word in query.words].count("lighthouse")


def test_follow_up_without_content() -> None:
    """If a question has no content words, those of the earlier one have their full weight."""
    query = with_earlier_words(parse("why?", ["en"]), parse("Who built the lighthouse?", ["en"]))
    assert {"why": 1, "built": 1, "lighthouse": 1} == weights(query)
    bare = parse("lighthouse", ["en"])
    assert bare == with_earlier_words(bare, parse("thanks", ["en"]))


def test_corrections() -> None:
    """A misspelt word keeps its spelling and gets the terms of its correction, too."""
    query = with_corrections(parse("gaots feed", ["en"]), {"gaots": "goats"}, ["en"])
    assert [("gaots", ("gaot", "goat")), ("feed", ("feed",))] == [
        (word.text, word.terms) for word in query.words
    ]


LISTED_LANGUAGES = pytest.mark.parametrize("language", load_stopwords())


def entries(stopwords: Stopwords) -> list[str]:
    return [word for field in fields(Stopwords) for word in sorted(getattr(stopwords, field.name))]


@LISTED_LANGUAGES
def test_folded(language: str) -> None:
    """Every entry is one token, folded as in its language: otherwise no question could match it."""
    for word in entries(load_stopwords()[language]):
        if not is_unspaced(word):
            assert fold(word, language) == word
            assert [word] == [token.word for token in tokenize(word, language)]


@LISTED_LANGUAGES
def test_scripts_without_spaces(language: str) -> None:
    """Entries of scripts without spaces are in NFC, as keyboards type them: they are matched unfolded."""
    for word in filter(is_unspaced, entries(load_stopwords()[language])):
        assert unicodedata.normalize("NFC", word) == word


@LISTED_LANGUAGES
def test_each_word_once(language: str) -> None:
    """No word is in two groups of a language."""
    counts = Counter(entries(load_stopwords()[language]))
    assert [] == [word for word, count in counts.items() if count > 1]


@LISTED_LANGUAGES
def test_all_groups(language: str) -> None:
    """Every language has words in all groups, and `function_words` are all of them but small talk."""
    stopwords = load_stopwords()[language]
    assert all(getattr(stopwords, field.name) for field in fields(Stopwords))
    assert set(entries(stopwords)) - stopwords.greet == stopwords.function_words
