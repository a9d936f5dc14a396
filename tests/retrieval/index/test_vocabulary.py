from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index import forward_index
from retrieval.index.inverted_index import (
    EMPTY_VOCABULARY,
    TokenType,
    Vocabulary,
    digest,
    gram_codes,
    grams,
    token_type,
)
from retrieval.language import tokenize

DOCUMENTS = Path(__file__).parents[2] / "eval" / "documents"
WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
WORDS = ["goat", "Goat", "goats", "keeper", "the", "1874", "козы", "茶馆", "ab", "abc"]
SOME_WORDS = st.lists(st.sampled_from(WORDS), max_size=8)


def code(gram: str) -> int:
    return int(gram_codes([gram]).values[0])


def forms_of(words: Sequence[str]) -> Vocabulary:
    return forward_index.tokenize_all([" ".join(words)], "en").vocabulary if words else EMPTY_VOCABULARY


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("The Bay bay ÄRGER Ёлка ёлка", [1, 1, 2, 1, 1, 2]),
        ("1874 2024 2124 999 12 1,874 ١٨٧٤ 18741", [12, 12, 8, 8, 8, 12, 12, 8]),
        ("السوق किताब", [0, 0]),
    ],
)
def test_token_types(text: str, types: list[int]) -> None:
    """A word's type is the case of its first letter; a number from 1000 to 2099 is also a year."""
    assert [TokenType(bits) for bits in types] == [token_type(token, text) for token in tokenize(text, "en")]


def test_scripts_without_case() -> None:
    """Words in scripts without case have no type."""
    assert {TokenType(0)} == {token_type(token, "茶馆在河边") for token in tokenize("茶馆在河边", "zh")}


def test_grams() -> None:
    """A word's grams are its substrings of four characters; a shorter word is its only gram."""
    assert ["libr", "ibra", "brar", "rary"] == grams("library")
    assert ["sea"] == grams("sea")
    assert [""] == grams("")


def test_codes_of_real_words() -> None:
    """No two grams in the documents of the evaluation have the same code."""
    known: set[str] = set()
    for file in DOCUMENTS.rglob("*.*"):
        text = file.read_text(encoding="utf-8")
        known.update(gram for token in tokenize(text, file.parent.name) for gram in grams(token.word))
    assert len(known) > 10_000
    assert len(known) == len(np.unique(gram_codes(sorted(known)).values))


@given(words=st.lists(WORD, max_size=8))
def test_codes(words: Sequence[str]) -> None:
    """A word has the codes of its distinct grams, in order, whatever the other words are."""
    rows = gram_codes(words)
    assert len(words) == len(rows)
    for number, word in enumerate(words):
        assert sorted({code(gram) for gram in grams(word)}) == rows.row(number).tolist()


def test_codes_of_similar_grams() -> None:
    """Prefixes and permutations of a gram have other codes than the gram."""
    similar = ["", "a", "aa", "aaa", "aaaa", "ab", "ba", "\0", "\0\0", "a\0", "\0a", "abcd", "dcba", "abdc"]
    assert len(similar) == len({code(gram) for gram in similar})


@given(words=SOME_WORDS, wanted=st.lists(WORD.map(lambda word: word[:4]), unique=True))
def test_find_grams(words: Sequence[str], wanted: Sequence[str]) -> None:
    """Each pair of a wanted gram and a form with it is found once, in the order of the forms."""
    tokenized = forward_index.tokenize_all([" ".join(words)], "en")
    wanted = list(dict.fromkeys([*wanted, *(gram for word in words for gram in grams(word)[:2])]))
    indexes, owners = tokenized.vocabulary.find_grams(wanted)
    expected = {
        (gram, form) for gram in wanted for form, word in enumerate(tokenized.words) if gram in grams(word)
    }
    pairs = [(wanted[at], owner) for at, owner in zip(indexes.tolist(), owners.tolist(), strict=True)]
    assert (expected, len(expected)) == (set(pairs), len(pairs))
    assert sorted(owners.tolist()) == owners.tolist()


@given(
    words=SOME_WORDS,
    values=st.dictionaries(st.sampled_from(["goat", "keeper", "the", "ferri"]), st.integers(0, 9)),
)
def test_map_terms(words: Sequence[str], values: dict[str, int]) -> None:
    """Each form gets the value of its term, or -1 if the term has none."""
    forms = forms_of(words)
    by_digest = {digest(term): value for term, value in values.items()}
    assert [by_digest.get(term, -1) for term in forms.terms.tolist()] == forms.map_terms(by_digest).tolist()


@given(parts=st.lists(SOME_WORDS, min_size=1, max_size=4), data=st.data())
@settings(max_examples=60)
def test_merge(parts: Sequence[Sequence[str]], data: st.DataObject) -> None:
    """A merge has each form that occurs once, most frequent first, and maps the forms of each part to it."""
    vocabularies = [forms_of(words) for words in parts]
    counts = [
        np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(part), max_size=len(part))), np.int64)
        for part in vocabularies
    ]
    merged, numbers = Vocabulary.merge(vocabularies, counts)
    total: dict[int, int] = {}
    for part, part_counts, new in zip(vocabularies, counts, numbers, strict=True):
        assert len(part) == len(new)
        for form, count in enumerate(part_counts.tolist()):
            name = int(part.names[form])
            total[name] = total.get(name, 0) + count
            if count:
                assert row(part, form) == row(merged, int(new[form]))
    frequencies = [total[name] for name in merged.names.tolist()]
    assert {name for name, count in total.items() if count} == set(merged.names.tolist())
    assert len(merged) == len(set(merged.names.tolist()))
    assert sorted(frequencies, reverse=True) == frequencies


def row(forms: Vocabulary, form: int) -> list[object]:
    columns = (forms.names, forms.terms, forms.token_types, forms.lengths)
    return [*(int(column[form]) for column in columns), forms.grams.row(form).tolist()]


@given(words=SOME_WORDS, others=SOME_WORDS)
def test_join_and_take(words: Sequence[str], others: Sequence[str]) -> None:
    """Joined forms come one after the other unchanged, and can be taken in any order."""
    parts = [forms_of(words), forms_of(others)]
    alone = [row(part, form) for part in parts for form in range(len(part))]
    joined = Vocabulary.join(parts)
    backwards = np.arange(len(joined))[::-1]
    assert alone == [row(joined, form) for form in range(len(joined))]
    assert alone[::-1] == [row(joined.take(backwards), form) for form in range(len(joined))]
