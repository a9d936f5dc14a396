"""What many texts at once are parted into is held against one text at a time."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retrieval.index import forward_index
from retrieval.index.tokenizer import tokenize
from retrieval.index.vocabulary import digest, gram_codes, token_type

LANGUAGES = st.sampled_from(
    ["en", "de", "ru", "uk", "tr", "ar", "fa", "he", "hi", "zh", "ja", "ko", "th", "fr", "xx"]
)
WORDS = [
    "the", "The", "THE", "goat's", "Goat’s", "goats'", "'goat", "O'Brien", "l'homme", "d’eau", "Ankara'nın",
    "об'єкт", "обʼєкт", "козы", "Козы", "ё", "1,000", "1.000,50", "1\u00a0000", "1\u2009000\u202f000",
    "10\u2009000,5", "12\u00a03456", "١٬٠٠٠", "१२३", "1874", "2024", "½", "x²", "a1b2", "3D", "茶馆",
    "茶館1903年", "がぎ", "か\u3099", "の\u3099", "ﾊﾟﾋﾟ", "ｶﾞ", "한국어", "\u1112\u1161\u11ab", "ตลาดน้ำ", "ກ",
    "ខ្មែរ", "မြန်မာ", "किताबें", "שָׁלוֹם", "كتابٌ", "ﷺ", "İstanbul", "ISPARTA", "straße", "STRASSE", "ﬁne",
    "co\u00adop", "zero\u200bwidth", "naïve", "e\u0301te\u0301", "Å", "\u212b", "😀", "👍🏽", "(goat)",
    '"goat",', "goat—keeper", "goat/keeper", "foo_bar", "a.b@c.de", "--goat--", "[goat]", "`goat`", "...",
    "?", "\u0301", "\ufeff", "ʼ", "'", "''", "--", "ǅ", "ª",
]  # fmt: skip
SPACES = " |  |\t|\n|\r\n|\f|\v|\u00a0|\u2009|\u2028|\x1c|\x85|"
SPACE = st.sampled_from(SPACES.split("|"))
TEXT = st.lists(
    st.tuples(st.sampled_from(WORDS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6), SPACE)
).map(lambda parts: "".join(word + space for word, space in parts))
TEXTS = st.lists(TEXT | st.text(max_size=30), min_size=1, max_size=6)


def check(texts: Sequence[str], language: str) -> None:
    found = forward_index.tokenize_all(texts, language)
    grams = gram_codes(found.words)
    assert len(texts) == len(found.tokens)
    assert len(set(found.forms.names.tolist())) == len(found.forms) == len(found.words)
    for number, text in enumerate(texts):
        own = found.tokens.row(number).tolist()
        tokens = tokenize(text, language)
        starts = found.starts[found.tokens.offsets[number] : found.tokens.offsets[number + 1]].tolist()
        assert [(token.start, token.word) for token in tokens] == [
            (start, found.words[form]) for start, form in zip(starts, own, strict=True)
        ]
        assert [
            (
                digest(f"{language} {text[token.start : token.end]}"),
                digest(token.term),
                token_type(token, text),
            )
            for token in tokens
        ] == [(found.forms.names[form], found.forms.terms[form], found.forms.kinds[form]) for form in own]
        assert [token.end - token.start for token in tokens] == found.forms.lengths[own].tolist()
    for form in range(len(found.forms)):
        assert grams.row(form).tolist() == found.forms.grams.row(form).tolist()


@given(texts=TEXTS, language=LANGUAGES)
@settings(max_examples=200)
@example(texts=["", " ", "goat"], language="en")
@example(texts=["1 000", "1\u2009000", "1\n000"], language="en")
def test_many_texts_at_once(texts: Sequence[str], language: str) -> None:
    """Each text has the tokens it has by itself: where they stand, their words, terms, grams and kinds."""
    check(texts, language)


@given(rounds=st.lists(st.tuples(TEXTS, LANGUAGES), min_size=2, max_size=5))
@settings(max_examples=40)
def test_after_much_was_forgotten(rounds: Sequence[tuple[Sequence[str], str]]) -> None:
    """What was met before, and is forgotten when it is much, changes nothing."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(forward_index, "_MAX_CACHED_TOKENS", 5)
        for texts, language in rounds:
            check(texts, language)


@pytest.mark.parametrize("language", ["en", "tr", "uk", "zh", "ja", "th", "xx"])
def test_any_two_neighbours(language: str) -> None:
    """Whatever two words stand side by side, with or without a space between them, each is what it is."""
    check([f"{one}{space}{other}" for one in WORDS for other in WORDS for space in ("", " ")], language)


def test_what_is_given_stays() -> None:
    """What was found before is not changed by what is found later."""
    before = forward_index.tokenize_all(["The goat eats.", "The keeper"], "en")
    told = [before.forms.names.tolist(), before.forms.grams.values.tolist(), before.tokens.values.tolist()]
    forward_index.tokenize_all([f"word{number} goat" for number in range(500)], "en")
    after = [before.forms.names.tolist(), before.forms.grams.values.tolist(), before.tokens.values.tolist()]
    assert told == after
