from hypothesis import given
from hypothesis import strategies as st

from bot.views.message import one_line, truncate, truncate_start, utf16_length

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["👨‍👩‍👧 e\u0301 🇹🇷" * 9])


@given(TEXT)
def test_units_are_utf_16(text: str) -> None:
    """The length is the number of UTF-16 code units."""
    assert len(text.encode("utf-16-le")) // 2 == utf16_length(text)


@given(TEXT, st.integers(0, 40))
def test_head_and_tail_fit(text: str, max_units: int) -> None:
    """Head and tail are ends of the text and fit."""
    assert text.startswith(truncate(text, max_units))
    assert text.endswith(truncate_start(text, max_units))
    assert (
        max(utf16_length(truncate(text, max_units)), utf16_length(truncate_start(text, max_units)))
        <= max_units
    )


def test_graphemes_stay_whole() -> None:
    """A family emoji or a letter with an accent is kept whole or dropped."""
    assert "a" == truncate("a👨‍👩‍👧", 5)
    assert "e\u0301" == truncate("e\u0301e\u0301", 3)
    assert "a" == truncate_start("👨‍👩‍👧a", 5)
    assert "e\u0301" == truncate_start("e\u0301e\u0301", 3)


@given(st.text() | st.just("\udce9.txt"), st.integers(1, 50))
def test_labels_are_one_line_that_can_be_sent(text: str, max_units: int) -> None:
    """A label is one line that fits and can be encoded, even for a file name with lone surrogates."""
    line = one_line(text, max_units)
    assert line == " ".join(line.split())
    assert utf16_length(line) <= max_units
    line.encode()
