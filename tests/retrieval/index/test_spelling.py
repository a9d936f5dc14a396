from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.index import spelling
from retrieval.index.arrays import ArrayFile, ArrayWriter
from retrieval.index.spelling import SpellingDictionary

KNOWN = ["goats", "lighthouse", "miller", "телескоп", "السوق", "茶馆", "1874", "cafés", "count"]


def spelling_of(words: Iterable[str] | Sequence[SpellingDictionary]) -> SpellingDictionary:
    """Write words, or those of several spellings, and open them."""
    is_parts = all(isinstance(word, SpellingDictionary) for word in words)
    buckets = spelling.merge_buckets(list(words)) if is_parts else spelling.group_words(words)  # type: ignore[arg-type]
    with TemporaryDirectory() as folder:
        path = Path(folder, "words")
        with path.open("wb") as file:
            writer = ArrayWriter(file)
            writer.close(spelling.write_buckets(buckets, writer))
        columns = ArrayFile(path)
    return SpellingDictionary(columns, columns.facts)


def every(word: str) -> bool:
    return bool(word)


def nearest(word: str, *known: Sequence[str], is_known: Callable[[str], bool] = every) -> str | None:
    return spelling.find_correction(word, [spelling_of(words) for words in known], is_known)


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
def test_nearest(word: str, expected: str | None) -> None:
    """A slip in a word leads to the known one, not in its first letter; short words and numbers have none."""
    assert expected == nearest(word, KNOWN)
    assert expected == nearest(word, KNOWN[::2], KNOWN[1::2])


def test_equals() -> None:
    """Of equally near words the first is taken, in whichever segment it is."""
    assert "males" == nearest("mases", ["manes", "males"])
    assert "males" == nearest("mases", ["manes"], ["males"])


def test_words_that_are_gone() -> None:
    """A word that is known no more gives way to the next best."""
    known = ["lighthouse", "lighthouses"]
    assert "lighthouse" == nearest("lighthuose", known)
    assert "lighthouses" == nearest("lighthuose", known, is_known=lambda word: word == "lighthouses")
    assert nearest("lighthuose", known, is_known=lambda word: not word) is None


@given(word=st.text(max_size=12), known=st.lists(st.text(min_size=1, max_size=12), max_size=5))
@settings(max_examples=60)
def test_known(word: str, known: list[str]) -> None:
    """What is found is a known word; nothing is found among none."""
    assert nearest(word, known) in {None, *known}
    assert nearest(word) is nearest(word, []) is None


@given(word=st.text(st.characters(categories=["Ll"], max_codepoint=0x24F), min_size=6, max_size=12))
@settings(max_examples=60)
def test_one_letter_off(word: str) -> None:
    """A word of six letters or more is found when its last one is left out."""
    if word.isalpha():
        assert word == nearest(word[:-1], [word])


@given(parts=st.lists(st.lists(st.text(max_size=8), max_size=8), max_size=3))
@settings(max_examples=60)
def test_merged(parts: list[list[str]]) -> None:
    """The words of all parts are on the buckets of one, each once and in order; short ones are on none."""
    merged = spelling_of([spelling_of(words) for words in parts])
    expected = {word for words in parts for word in words if len(word) >= 4 and word[0].isalpha()}
    found = [word for bucket in merged.buckets for word in merged.words(bucket)]
    assert sorted(expected) == sorted(found)
    assert all(merged.words(bucket) == sorted(merged.words(bucket)) for bucket in merged.buckets)
    assert [] == merged.words(("?", 99))
