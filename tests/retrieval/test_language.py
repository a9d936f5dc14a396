import pytest

from retrieval.language import detect, script, script_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("12 %", None),
        ("😀", None),
        ("Open", "Latin"),
        ("Öffnen", "Latin"),
        ("Книга Open it", "Latin"),
        ("Книга it", "Cyrillic"),
        ("图书馆", "Han"),
        ("図書館は", "Kana"),
        ("도서관", "Hangul"),
        ("كتاب", "Arabic"),
        ("पुस्तक", "Devanagari"),
        ("หนังสือ", "Thai"),
    ],
)
def test_script(text: str, expected: str | None) -> None:
    """A text is in the script of most of its letters; a few Kana make Han Japanese."""
    assert expected == script(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "en"),
        ("The library opens at nine in the morning.", "en"),
        ("Die Bücherei öffnet um neun Uhr morgens.", "de"),
        ("Библиотека открывается в девять утра.", "ru"),
        ("Бібліотека відкривається о дев'ятій ранку.", "uk"),
        ("Kütüphane sabah saat dokuzda açılır.", "tr"),
        ("کتابخانه ساعت نه صبح باز می‌شود.", "fa"),
        ("图书馆早上九点开门。", "zh"),
    ],
)
def test_detect(text: str, expected: str) -> None:
    """A language is told by script, and within it by its words; English when nothing tells."""
    assert expected == detect(text)


def test_script_of() -> None:
    """Every language has its script; an unknown one counts as Latin."""
    assert ["Cyrillic", "Kana", "Latin"] == [script_of(code) for code in ("ru", "ja", "xx")]
