from collections.abc import Sequence
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index import forward_index
from retrieval.index.tokenizer import tokenize
from retrieval.index.vocabulary import EMPTY_VOCABULARY, Vocabulary, digest, gram_codes, grams

DOCUMENTS = Path(__file__).parents[2] / "eval" / "documents"
WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=9)
FORMS = ["goat", "Goat", "goats", "keeper", "the", "1874", "козы", "茶馆", "ab", "abc"]
FEW = st.lists(st.sampled_from(FORMS), max_size=8)


def code(gram: str) -> int:
    return int(gram_codes([gram]).values[0])


def forms_of(words: Sequence[str]) -> Vocabulary:
    return forward_index.tokenize_all([" ".join(words)], "en").forms if words else EMPTY_VOCABULARY


def test_grams() -> None:
    """A word's grams are its runs of four letters; a shorter word is its own."""
    assert ["libr", "ibra", "brar", "rary"] == grams("library")
    assert ["sea"] == grams("sea")
    assert [""] == grams("")


def test_codes_of_real_words() -> None:
    """No two grams of the documents that answers are measured on share a code."""
    found: set[str] = set()
    for file in DOCUMENTS.rglob("*.*"):
        text = file.read_text(encoding="utf-8")
        found.update(gram for token in tokenize(text, file.parent.name) for gram in grams(token.word))
    assert len(found) > 10_000
    assert len(found) == len(np.unique(gram_codes(sorted(found)).values))


@given(words=st.lists(WORD, max_size=8))
def test_codes(words: Sequence[str]) -> None:
    """A word has the codes of its grams, each once and in order, whichever words stand around it."""
    rows = gram_codes(words)
    assert len(words) == len(rows)
    for number, word in enumerate(words):
        assert sorted({code(gram) for gram in grams(word)}) == rows.row(number).tolist()


def test_a_gram_is_not_its_part() -> None:
    """Short grams are told from those that they begin, and letters from their places."""
    several = ["", "a", "aa", "aaa", "aaaa", "ab", "ba", "\0", "\0\0", "a\0", "\0a", "abcd", "dcba", "abdc"]
    assert len(several) == len({code(gram) for gram in several})


@given(words=FEW, wanted=st.lists(WORD.map(lambda word: word[:4]), unique=True))
def test_holding(words: Sequence[str], wanted: Sequence[str]) -> None:
    """The forms that hold some grams are found, each with each of its grams."""
    found = forward_index.tokenize_all([" ".join(words)], "en")
    wanted = list(dict.fromkeys([*wanted, *(gram for word in words for gram in grams(word)[:2])]))
    held, owners = found.forms.holding(wanted)
    expected = {
        (gram, word)
        for gram in wanted
        for word in range(len(found.words))
        if gram in grams(found.words[word])
    }
    pairs = [(wanted[at], owner) for at, owner in zip(held.tolist(), owners.tolist(), strict=True)]
    assert (expected, len(expected)) == (set(pairs), len(pairs))
    assert sorted(owners.tolist()) == owners.tolist()


@given(
    words=FEW, asked=st.dictionaries(st.sampled_from(["goat", "keeper", "the", "ferri"]), st.integers(0, 9))
)
def test_rows_of_terms(words: Sequence[str], asked: dict[str, int]) -> None:
    """Each form is led to what stands for its term, others to none."""
    forms = forms_of(words)
    by_digest = {digest(term): number for term, number in asked.items()}
    assert [by_digest.get(term, -1) for term in forms.terms.tolist()] == forms.rows_of(by_digest).tolist()


@given(parts=st.lists(FEW, min_size=1, max_size=4), data=st.data())
@settings(max_examples=60)
def test_merge(parts: Sequence[Sequence[str]], data: st.DataObject) -> None:
    """Each form that occurs is there once, the most frequent first, and each part is led to its own."""
    forms = [forms_of(words) for words in parts]
    counts = [
        np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(one), max_size=len(one))), np.int64)
        for one in forms
    ]
    merged, numbers = Vocabulary.merge(forms, counts)
    total: dict[int, int] = {}
    for one, own, new in zip(forms, counts, numbers, strict=True):
        assert len(one) == len(new)
        for form, count in enumerate(own.tolist()):
            name = int(one.names[form])
            total[name] = total.get(name, 0) + count
            if count:
                at = int(new[form])
                assert told(one, form) == told(merged, at)
    occurring = [total[name] for name in merged.names.tolist()]
    assert {name for name, count in total.items() if count} == set(merged.names.tolist())
    assert len(merged) == len(set(merged.names.tolist()))
    assert sorted(occurring, reverse=True) == occurring


def told(forms: Vocabulary, form: int) -> list[object]:
    columns = (forms.names, forms.terms, forms.kinds, forms.lengths)
    return [*(int(column[form]) for column in columns), forms.grams.row(form).tolist()]


@given(words=FEW, others=FEW)
def test_join_and_take(words: Sequence[str], others: Sequence[str]) -> None:
    """Joined forms stand one after the other as they were, and are taken in any order."""
    parts = [forms_of(words), forms_of(others)]
    alone = [told(part, form) for part in parts for form in range(len(part))]
    joined = Vocabulary.join(parts)
    backwards = np.arange(len(joined))[::-1]
    assert alone == [told(joined, form) for form in range(len(joined))]
    assert alone[::-1] == [told(joined.take(backwards), form) for form in range(len(joined))]
