from hypothesis import given
from hypothesis import strategies as st

from bot.views.message import bold, compose, plain
from bot.views.truncation import head, one_line, tail, units
from tests.bot.hostile_inputs import texts_of

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["👨‍👩‍👧 e\u0301 🇹🇷" * 9])


@given(TEXT)
def test_units_are_utf_16(text: str) -> None:
    """The length is the number of UTF-16 code units."""
    assert len(text.encode("utf-16-le")) // 2 == units(text)


@given(TEXT, TEXT)
def test_entities_stay_on_their_text(first: str, second: str) -> None:
    """Joining texts shifts each entity along with the text it formats; an empty text has none."""
    joined = plain(first) + bold(second)
    reply = compose(joined)
    assert first + second == reply.text
    assert ([second] if second else []) == texts_of(reply, "bold")


@given(TEXT, st.integers(0, 40))
def test_head_and_tail_fit(text: str, max_units: int) -> None:
    """Head and tail are ends of the text and fit."""
    assert text.startswith(head(text, max_units))
    assert text.endswith(tail(text, max_units))
    assert max(units(head(text, max_units)), units(tail(text, max_units))) <= max_units


def test_graphemes_stay_whole() -> None:
    """A family emoji or a letter with an accent is kept whole or dropped."""
    assert "a" == head("a👨‍👩‍👧", 5)
    assert "e\u0301" == head("e\u0301e\u0301", 3)
    assert "a" == tail("👨‍👩‍👧a", 5)
    assert "e\u0301" == tail("e\u0301e\u0301", 3)


@given(st.text() | st.just("\udce9.txt"), st.integers(1, 50))
def test_labels_are_one_line_that_can_be_sent(text: str, max_units: int) -> None:
    """A label is one line that fits and can be encoded, even for a file name with lone surrogates."""
    line = one_line(text, max_units)
    assert line == " ".join(line.split())
    assert units(line) <= max_units
    line.encode()
