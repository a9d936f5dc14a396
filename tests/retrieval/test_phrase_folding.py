import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.phrase_folding import fold_phrase, fold_with_offsets


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Grüß  Gott!", "gruss gott"),
        ("İYİ GÜNLER", "iyi gunler"),
        ("أهلًا وسهلًا", "اهلا وسهلا"),
        ("你好 ， 茶馆", "你好茶馆"),
        ("hr/Travel-Policy_2019.md", "hr travel policy 2019 md"),
        ("e\u0301te\u0301\u200b", "ete"),
        ("?!", ""),
        ("", ""),
    ],
)
def test_folding(text: str, folded: str) -> None:
    """Case, accents, punctuation and blanks between characters of an unspaced script do not count."""
    assert folded == fold_phrase(text)


@given(st.text() | st.text("aA ıİى\u0640ß茶馆\t\u0301.'", max_size=20))
def test_offsets(text: str) -> None:
    """Both ways of folding agree, and each character has the offset of its origin, in order."""
    folded, offsets = fold_with_offsets(text)
    assert fold_phrase(text) == folded
    assert sorted(offsets) == offsets
    assert all(
        letter == " " or letter in fold_phrase(text[at]) for letter, at in zip(folded, offsets, strict=True)
    )
