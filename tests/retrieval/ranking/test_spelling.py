import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.ranking.spelling import Speller

KNOWN = ["goats", "lighthouse", "miller", "телескоп", "السوق", "茶馆", "1874", "cafés", "count"]


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
    assert expected == Speller(KNOWN).nearest(word)


def test_equals() -> None:
    """Of equally near words the first known is taken."""
    assert "males" == Speller(["males", "manes"]).nearest("mases")


@given(word=st.text(max_size=12), known=st.lists(st.text(min_size=1, max_size=12), max_size=5))
def test_known(word: str, known: list[str]) -> None:
    """What is found is a known word; nothing is found among none."""
    assert Speller(known).nearest(word) in {None, *known}
    assert Speller([]).nearest(word) is None


@given(word=st.text(st.characters(categories=["Ll"], max_codepoint=0x24F), min_size=6, max_size=12))
def test_one_letter_off(word: str) -> None:
    """A word of six letters or more is found when its last one is left out."""
    if word.isalpha():
        assert word == Speller([word]).nearest(word[:-1])
