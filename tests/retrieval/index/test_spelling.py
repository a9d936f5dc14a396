from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index import spelling
from retrieval.index.segment import ArrayFile, ArrayWriter, SpellingDictionary

KNOWN = ["goats", "lighthouse", "miller", "телескоп", "السوق", "茶馆", "1874", "cafés", "count"]


def dictionary_of(words: Iterable[str] | Sequence[SpellingDictionary]) -> SpellingDictionary:
    """Write words, or the words of several dictionaries, to one dictionary and open it."""
    is_parts = all(isinstance(word, SpellingDictionary) for word in words)
    buckets = spelling.merge_buckets(list(words)) if is_parts else spelling.group_words(words)  # type: ignore[arg-type]
    with TemporaryDirectory() as folder:
        path = Path(folder, "words")
        with path.open("wb") as file:
            writer = ArrayWriter(file)
            writer.close(spelling.write_buckets(buckets, writer))
        arrays = ArrayFile(path)
    return SpellingDictionary(arrays, arrays.facts)


def any_word(word: str) -> bool:
    return bool(word)


def correction(word: str, *known: Sequence[str], is_known: Callable[[str], bool] = any_word) -> str | None:
    return spelling.find_correction(word, [dictionary_of(words) for words in known], is_known)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("gaots", "goats"),
        ("ligthhouse", "lighthouse"),
        ("lighthose", "lighthouse"),
        ("телесокп", "телескоп"),
        ("cafes", "cafés"),
        ("muller", "miller"),
        ("tower", None),
        ("mount", None),
        ("gots", None),
        ("1875", None),
        ("茶馆在河", None),
        ("", None),
    ],
)
def test_correction(word: str, expected: str | None) -> None:
    """A typo is corrected unless it is in the first letter; short words and numbers are not corrected."""
    assert expected == correction(word, KNOWN)
    assert expected == correction(word, KNOWN[::2], KNOWN[1::2])


def test_ties() -> None:
    """Of equally similar words the first in alphabetical order is chosen, whichever segment it is in."""
    assert "males" == correction("mases", ["manes", "males"])
    assert "males" == correction("mases", ["manes"], ["males"])


def test_unknown_words() -> None:
    """A word that is no longer known is not chosen, the next best is."""
    known = ["lighthouse", "lighthouses"]
    assert "lighthouse" == correction("lighthuose", known)
    assert "lighthouses" == correction("lighthuose", known, is_known=lambda word: word == "lighthouses")
    assert correction("lighthuose", known, is_known=lambda word: not word) is None


@given(word=st.text(max_size=12), known=st.lists(st.text(min_size=1, max_size=12), max_size=5))
@settings(max_examples=60)
def test_known(word: str, known: list[str]) -> None:
    """A correction is one of the words; without words there is none."""
    assert correction(word, known) in {None, *known}
    assert correction(word) is correction(word, []) is None


@given(word=st.text(st.characters(categories=["Ll"], max_codepoint=0x24F), min_size=6, max_size=12))
@settings(max_examples=60)
def test_one_letter_off(word: str) -> None:
    """A word of six letters or more is found when its last letter is missing."""
    if word.isalpha():
        assert word == correction(word[:-1], [word])


@given(parts=st.lists(st.lists(st.text(max_size=8), max_size=8), max_size=3))
@settings(max_examples=60)
def test_merged(parts: list[list[str]]) -> None:
    """A merged dictionary has the words of all parts, each once and sorted by bucket, without short words."""
    merged = dictionary_of([dictionary_of(words) for words in parts])
    expected = {word for words in parts for word in words if len(word) >= 4 and word[0].isalpha()}
    words = [word for bucket in merged.buckets for word in merged.words(bucket)]
    assert sorted(expected) == sorted(words)
    assert all(merged.words(bucket) == sorted(merged.words(bucket)) for bucket in merged.buckets)
    assert [] == merged.words(("?", 99))
