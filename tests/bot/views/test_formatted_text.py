from hypothesis import given
from hypothesis import strategies as st

from bot.views.message import bold, compose, plain
from bot.views.truncation import head, label, tail, units
from tests.bot.hostile_inputs import texts_of

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["👨‍👩‍👧 e\u0301 🇹🇷" * 9])


@given(TEXT)
def test_units_are_utf_16(text: str) -> None:
    """Length is counted in UTF-16 code units."""
    assert len(text.encode("utf-16-le")) // 2 == units(text)


@given(TEXT, TEXT)
def test_entities_stay_on_their_text(first: str, second: str) -> None:
    """Joining texts shifts each entity along with the text it formats; an empty text has none."""
    joined = plain(first) + bold(second)
    reply = compose(joined)
    assert first + second == reply.text
    assert ([second] if second else []) == texts_of(reply, "bold")


@given(TEXT, st.integers(0, 40))
def test_head_and_tail_fit(text: str, most: int) -> None:
    """What is kept is an end of the text, and fits."""
    assert text.startswith(head(text, most))
    assert text.endswith(tail(text, most))
    assert max(units(head(text, most)), units(tail(text, most))) <= most


def test_no_letter_is_cut() -> None:
    """A family emoji or an accent is kept whole or not at all."""
    assert "a" == head("a👨‍👩‍👧", 5)
    assert "e\u0301" == head("e\u0301e\u0301", 3)
    assert "a" == tail("👨‍👩‍👧a", 5)
    assert "e\u0301" == tail("e\u0301e\u0301", 3)


@given(st.text() | st.just("\udce9.txt"), st.integers(1, 50))
def test_labels_are_one_line_that_can_be_sent(text: str, most: int) -> None:
    """A label is a single line within its room, without halves of letters of a strange file name."""
    made = label(text, most)
    assert made == " ".join(made.split())
    assert units(made) <= most
    made.encode()
