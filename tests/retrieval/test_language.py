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
    """The script is that of most letters; Han with a few Kana is Japanese."""
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
    """The language is detected by script, then by words; the default is English."""
    assert expected == detect(text)


def test_script_of() -> None:
    """Each language has a script; unknown languages count as Latin."""
    assert ["Cyrillic", "Kana", "Latin"] == [script_of(code) for code in ("ru", "ja", "xx")]
