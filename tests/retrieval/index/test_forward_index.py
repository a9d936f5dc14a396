from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retrieval.index import forward_index
from retrieval.index.forward_index import ForwardIndex
from retrieval.index.inverted_index import digest, gram_codes, token_type
from retrieval.language import tokenize
from retrieval.loaders.chunking import split_passages
from retrieval.loaders.text.plain_text import find_paragraphs
from retrieval.model import Document, Passage
from tests.retrieval.corpus import document, forward_rows

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
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
PASSAGES = st.lists(st.tuples(st.sampled_from(["en", "ru", "zh"]), ANY_TEXT), max_size=6)


@given(text=ANY_TEXT, max_chars=st.integers(1, 80))
def test_rows(text: str, max_chars: int) -> None:
    """Every passage has pieces within its text, every token is in a piece, and forms match their tokens."""
    passages = list(split_passages(Document("a.txt", "a", text, tuple(find_paragraphs(text)))))
    forward, words = ForwardIndex.build(passages, max_chars)
    for number, passage in enumerate(passages):
        own, row = forward.row(number)
        starts, ends = forward.pieces.values[row], forward.piece_ends[row]
        assert len(starts) > 0
        assert ((starts < ends) & (ends - starts <= max_chars) & (ends <= len(passage.text))).all()
        tokens, forms = tokenize(passage.text, passage.language), forward.tokens.values[own]
        assert [token.start for token in tokens] == forward.starts[own].tolist()
        assert [token.word for token in tokens] == [words[form] for form in forms]
        assert [digest(token.term) for token in tokens] == forward.vocabulary.terms[forms].tolist()
        assert [token.end - token.start for token in tokens] == forward.vocabulary.lengths[forms].tolist()
        assert [token_type(token, passage.text) for token in tokens] == forward.vocabulary.token_types[
            forms
        ].tolist()
        pieces = [sum(start <= token.start for start in starts[1:].tolist()) for token in tokens]
        counts = np.bincount(np.array(pieces, np.intp), minlength=len(starts)).tolist()
        assert counts == forward.piece_tokens[row].tolist()


def mixed(texts: Sequence[tuple[str, str]]) -> list[Passage]:
    return [
        passage
        for number, (language, text) in enumerate(texts)
        for passage in document(f"{number}.txt", [text], language)
    ]


@given(texts=PASSAGES, others=PASSAGES, data=st.data())
@settings(max_examples=60)
def test_join_and_take(
    texts: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]], data: st.DataObject
) -> None:
    """Passages have the same rows alone or joined with others, and in any order they are taken."""
    parts = [mixed(texts), mixed(others)]
    forward = ForwardIndex.join([ForwardIndex.build(part, 60)[0] for part in parts if part])
    alone = [forward_rows(ForwardIndex.build([passage], 60)[0])[0] for part in parts for passage in part]
    assert alone == forward_rows(forward)
    order = data.draw(st.lists(st.integers(0, len(alone) - 1))) if alone else []
    assert [alone[at] for at in order] == forward_rows(forward.take(np.array(order, np.intp)))


def test_too_long() -> None:
    """A passage of 65,535 characters is indexed; a longer one raises an error."""
    forward, _ = ForwardIndex.build(document("a.txt", ["a " * 32_767 + "a"]), 300)
    assert (65_534, 65_535) == (int(forward.starts[-1]), int(forward.piece_ends[-1]))
    with pytest.raises(ValueError, match="a passage is longer than 65535 characters"):
        ForwardIndex.build(document("a.txt", ["a" * 65_536]), 300)


def assert_tokens_as_alone(texts: Sequence[str], language: str) -> None:
    tokenized = forward_index.tokenize_all(texts, language)
    forms, rows, words = tokenized.vocabulary, tokenized.tokens, tokenized.words
    grams = gram_codes(words)
    assert len(texts) == len(rows)
    assert len(set(forms.names.tolist())) == len(forms) == len(words)
    for number, text in enumerate(texts):
        own = rows.row(number).tolist()
        tokens = tokenize(text, language)
        starts = tokenized.starts[rows.offsets[number] : rows.offsets[number + 1]].tolist()
        assert [(token.start, token.word) for token in tokens] == [
            (start, words[form]) for start, form in zip(starts, own, strict=True)
        ]
        assert [
            (
                digest(f"{language} {text[token.start : token.end]}"),
                digest(token.term),
                token_type(token, text),
            )
            for token in tokens
        ] == [(forms.names[form], forms.terms[form], forms.token_types[form]) for form in own]
        assert [token.end - token.start for token in tokens] == forms.lengths[own].tolist()
    for form in range(len(forms)):
        assert grams.row(form).tolist() == forms.grams.row(form).tolist()


@given(texts=TEXTS, language=LANGUAGES)
@settings(max_examples=200)
@example(texts=["", " ", "goat"], language="en")
@example(texts=["1 000", "1\u2009000", "1\n000"], language="en")
def test_many_texts_at_once(texts: Sequence[str], language: str) -> None:
    """Each text has the same tokens as alone: positions, words, terms, grams and types."""
    assert_tokens_as_alone(texts, language)


@given(rounds=st.lists(st.tuples(TEXTS, LANGUAGES), min_size=2, max_size=5))
@settings(max_examples=40)
def test_cleared_cache(rounds: Sequence[tuple[Sequence[str], str]]) -> None:
    """Neither a filled nor a cleared cache changes the tokens."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(forward_index, "_MAX_CACHED_TOKENS", 5)
        for texts, language in rounds:
            assert_tokens_as_alone(texts, language)


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "tr", "uk", "zh", "ja", "th", "xx"])
def test_any_two_neighbours(language: str) -> None:
    """Any two neighbouring words, with or without a space between them, have the same tokens as alone."""
    assert_tokens_as_alone(
        [f"{first}{space}{second}" for first in WORDS for second in WORDS for space in ("", " ")], language
    )


def test_results_are_independent() -> None:
    """Tokenising more texts does not change earlier results."""
    texts = forward_index.tokenize_all(["The goat eats.", "The keeper"], "en")
    before = [
        texts.vocabulary.names.tolist(),
        texts.vocabulary.grams.values.tolist(),
        texts.tokens.values.tolist(),
    ]
    forward_index.tokenize_all([f"word{number} goat" for number in range(500)], "en")
    after = [
        texts.vocabulary.names.tolist(),
        texts.vocabulary.grams.values.tolist(),
        texts.tokens.values.tolist(),
    ]
    assert before == after
