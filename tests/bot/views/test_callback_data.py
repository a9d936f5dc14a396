import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.views.callback_data import (
    AS_WRITTEN,
    MAX_BYTES,
    MAX_EARLIER_BYTES,
    SHORT_PASSAGE_ID_CHARS,
    Action,
    BrowsePress,
    BrowseView,
    ButtonPress,
    Origin,
    decode,
    decode_browse,
    encode,
    encode_browse,
    fit_words,
)

IDS = "ABCxyz019_-"
WORD = st.text(min_size=1, max_size=40).filter(lambda word: "".join(word.split()) == word)
RANKS, ACTIONS = st.integers(1, 99), st.sampled_from(Action)
FOLLOWING = st.builds(Origin, st.booleans(), st.lists(WORD).map(fit_words))
PRESSES = st.builds(
    ButtonPress,
    ACTIONS,
    RANKS,
    st.text(IDS, max_size=32),
    st.sampled_from([AS_WRITTEN, Origin(corrected=True)]),
) | st.builds(ButtonPress, ACTIONS, RANKS, st.text(IDS, max_size=SHORT_PASSAGE_ID_CHARS), FOLLOWING)


@given(PRESSES)
def test_round_trip(press: ButtonPress) -> None:
    """What a button carries comes back as it was, and fits."""
    assert press == decode(encode(press))
    assert len(encode(press).encode()) <= MAX_BYTES


@given(st.text() | st.none() | st.integers() | st.binary())
def test_garbage_is_nothing(data: object) -> None:
    """Anything else is read as nothing, or as exactly what it says; never an exception."""
    press = decode(data)
    assert press is None or data == encode(press)


@given(PRESSES, st.text(min_size=1, max_size=3), st.booleans())
def test_a_forged_ending_is_not_half_read(press: ButtonPress, more: str, in_front: bool) -> None:
    """Data with something added is another value or none, never the same."""
    assert press != decode(more + encode(press) if in_front else encode(press) + more)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Who", "built", "who", "BUILT", "it"], "Who built it"),
        (["a", "x" * (MAX_EARLIER_BYTES - 2), "b", "c"], f"a {'x' * (MAX_EARLIER_BYTES - 2)}"),
        (["я" * 40, "дом"], "дом"),
        (["я" * 40], "я" * (MAX_EARLIER_BYTES // 2)),
        (["灯" * 17], "灯" * (MAX_EARLIER_BYTES // 3)),
        ([], ""),
    ],
)
def test_what_a_button_carries(words: list[str], expected: str) -> None:
    """As many words as fit, the longest before others, in order, each once; of one too long its beginning."""
    assert expected == fit_words(words)


DOCUMENTS = st.text(IDS, min_size=8, max_size=8)
NUMBERS = st.integers(0, 99_999_999)
TURNS = st.builds(BrowsePress, st.sampled_from(list(BrowseView)[1:]), DOCUMENTS, NUMBERS) | st.builds(
    BrowsePress, st.just(BrowseView.SOURCES), st.just(""), NUMBERS
)


@given(TURNS)
def test_a_turn_comes_back(turn: BrowsePress) -> None:
    """Each way through the documents comes back as it was, fits, and is none of an answer's buttons."""
    assert turn == decode_browse(encode_browse(turn))
    assert len(encode_browse(turn).encode()) <= MAX_BYTES
    assert decode(encode_browse(turn)) is None


@given(st.text() | st.none() | st.integers() | st.from_regex(r"@[shrfxy][A-Za-z0-9_-]{0,9}\.[0-9]{0,9}"))
def test_a_forged_turn_is_nothing(data: object) -> None:
    """Anything else is no turn, or one that leads just where it says."""
    turn = decode_browse(data)
    shelf, document, number = str(data)[1:2], *str(data)[2:].partition(".")[::2]
    assert turn is None or (shelf, document, int(number)) == (turn.view, turn.document, turn.number)


@given(TURNS, st.text(min_size=1, max_size=3), st.booleans())
def test_a_turn_with_more_is_another(turn: BrowsePress, more: str, in_front: bool) -> None:
    """Data with something added is never the same turn."""
    assert turn != decode_browse(more + encode_browse(turn) if in_front else encode_browse(turn) + more)
