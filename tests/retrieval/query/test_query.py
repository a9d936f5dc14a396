import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.query.query import Query, follow_up, parse, with_corrections
from retrieval.query.stopwords import load_stopwords

EVERY = ["en", "de", "ru", "ar", "zh", "th", "hi", "tr"]


def content(text: str, *languages: str) -> list[str]:
    return [word.text for word in parse(text, languages or EVERY).words if word.content]


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
    """Words that only ask or join name nothing, in any of the documents' languages; the others do."""
    assert expected == content(text)


@pytest.mark.parametrize("language", EVERY)
def test_function_words_name_nothing(language: str) -> None:
    """No word that only asks, joins or greets is content in its own language."""
    for word in sorted(load_stopwords()[language].function_words | load_stopwords()[language].greet):
        assert [] == content(word, language), word


@pytest.mark.parametrize(
    "text", ["Good morning, how are you?", "Спасибо большое!", "早上好", "你好吗", "谢谢"]
)
def test_small_talk(text: str) -> None:
    """Where only greetings and the like are said nothing is named; beside other words they may."""
    assert [] == content(text)
    assert [] != content(text + " Skerry")


@pytest.mark.parametrize(
    ("text", "language", "nothing"),
    [
        ("茶馆在哪里", "zh", {"在", "哪", "里", "哪里"}),
        ("ตลาดอยู่ที่ไหน", "th", {"ที่", "ี่ไ", "่ไห", "ไหน"}),
    ],
)
def test_function_words_within(text: str, language: str, nothing: set[str]) -> None:
    """In scripts without spaces they name nothing where they stand in the question, and the rest does."""
    words = parse(text, [language]).words
    assert nothing == {word.text for word in words if word.text in nothing}
    assert not any(word.content for word in words if word.text in nothing)
    assert any(word.content for word in words)


@pytest.mark.parametrize(
    ("text", "spellings"),
    [("متى تأسس", ["متي", "تاسس"]), ("ещё чьё", ["еще", "чье"]), ("п'ять", ["п'ять", "п", "ять"])],
)
def test_spelling(text: str, spellings: list[str]) -> None:
    """A word is spelt as its own language folds it, whatever other languages the documents are in."""
    assert set(spellings) == {word.text for word in parse(text, ["en", "ru", "uk", "ar"]).words}


def test_other_languages_joiners() -> None:
    """What joins in one language may name something in another: the question's own language decides."""
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
    """Words that only ask or join name nothing either where no document is in the question's language."""
    assert expected == content(text, *languages)


def test_documents_language_decides_first() -> None:
    """Words of another language join only where the documents' languages have no word that does."""
    assert ["die", "gift"] == content("Can the die be a gift?", "en")


def test_words_about_the_asking() -> None:
    """They name nothing, unless there are no others."""
    assert ["goats"] == content("What does the article say about goats?", "en")
    assert ["goats"] == content("What does the article say about goats?", "de")
    assert ["article", "say"] == content("What does the article say about it?", "en")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Who is Margaret Holloway?", ["margaret", "holloway"]),
        ("What happened in 1874?", ["1874"]),
        ("Когда родился Лебедев?", ["лебедев"]),
        ("12 goats", ["12"]),
    ],
)
def test_named(text: str, named: list[str]) -> None:
    """Capitals after the first word and numbers are names."""
    assert named == [word.text for word in parse(text, EVERY).words if word.named]


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
def test_kind(text: str, time: bool, person: bool) -> None:
    """A question tells whether it wants a time or a person."""
    question = parse(text, EVERY)
    assert (time, person) == (question.wants_time, question.wants_person)


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
    """A question tells whether it wants a number."""
    assert number == parse(text, EVERY).wants_number


def test_terms() -> None:
    """A word has the terms it may be in each language, every term once; a word said twice counts once."""
    question = parse("goats and goats feeding", ["en", "xx"])
    assert ["goats", "and", "feeding"] == [word.text for word in question.words]
    assert ["goat", "goats", "and", "feed", "feeding"] == question.terms


def test_nothing_known() -> None:
    """Without documents, and so without languages, a question has no words."""
    assert () == parse("Who is it?", []).words


@given(
    text=st.text(max_size=60),
    languages=st.lists(st.sampled_from(sorted(load_stopwords())), max_size=4, unique=True),
)
def test_any_text(text: str, languages: list[str]) -> None:
    """Words stand where they say, in order, each with at least one term, none like another."""
    words = parse(text, languages).words
    assert sorted((word.start, word.end) for word in words) == [(word.start, word.end) for word in words]
    assert all(0 <= word.start < word.end <= len(text) and word.terms and word.text for word in words)
    assert len(words) == len({word.terms for word in words})
    assert {1.0} >= {word.weight for word in words}


def weights(question: Query) -> dict[str, float]:
    return {word.text: word.weight for word in question.words}


def test_following() -> None:
    """A question takes content words from the one before, all together for half a word; none said twice."""
    earlier = parse("Who built the old lighthouse?", ["en"])
    asked = follow_up(parse("And who keeps the lighthouse?", ["en"]), earlier)
    assert {"built": 0.25, "old": 0.25} == {text: w for text, w in weights(asked).items() if w < 1}
    assert 1 == [word.text for word in asked.words].count("lighthouse")


def test_following_with_nothing_said() -> None:
    """A question that names nothing takes them whole."""
    asked = follow_up(parse("why?", ["en"]), parse("Who built the lighthouse?", ["en"]))
    assert {"why": 1, "built": 1, "lighthouse": 1} == weights(asked)
    bare = parse("lighthouse", ["en"])
    assert bare == follow_up(bare, parse("thanks", ["en"]))


def test_corrected() -> None:
    """A misspelt word keeps its spelling and takes the terms of the right one."""
    question = with_corrections(parse("gaots feed", ["en"]), {"gaots": "goats"}, ["en"])
    assert [("gaots", ("gaot", "goat")), ("feed", ("feed",))] == [(w.text, w.terms) for w in question.words]
