from hypothesis import given
from hypothesis import strategies as st

from bot.buttons import MOST_BYTES, Action, Press, decode, encode

PASSAGE_IDS = st.text("ABCxyz019_-", max_size=32)
PRESSES = st.builds(Press, st.sampled_from(Action), st.integers(1, 99), PASSAGE_IDS, st.booleans())


@given(PRESSES)
def test_round_trip(press: Press) -> None:
    """What a button carries comes back as it was, and fits."""
    assert press == decode(encode(press))
    assert len(encode(press).encode()) <= MOST_BYTES


@given(st.text() | st.none() | st.integers() | st.binary())
def test_garbage_is_nothing(data: object) -> None:
    """Anything else is read as nothing, or as exactly what it says; never an exception."""
    press = decode(data)
    assert press is None or data == encode(press)


@given(PRESSES, st.text(min_size=1, max_size=3), st.booleans())
def test_a_forged_ending_is_not_half_read(press: Press, more: str, in_front: bool) -> None:
    """Data with something added is another value or none, never the same."""
    assert press != decode(more + encode(press) if in_front else encode(press) + more)
