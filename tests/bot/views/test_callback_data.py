import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.views.message import (
    AS_WRITTEN,
    MAX_CALLBACK_DATA_BYTES,
    MAX_EARLIER_BYTES,
    SHORT_PASSAGE_ID_CHARS,
    AnswerAction,
    AnswerPress,
    BrowseAction,
    BrowsePress,
    Origin,
    decode_answer_press,
    decode_browse_press,
    encode_answer_press,
    encode_browse_press,
    fit_words,
)

IDS = "ABCxyz019_-"
WORD = st.text(min_size=1, max_size=40).filter(lambda word: "".join(word.split()) == word)
RANKS, ACTIONS = st.integers(1, 99), st.sampled_from(AnswerAction)
FOLLOWING = st.builds(Origin, st.booleans(), st.lists(WORD).map(fit_words))
PRESSES = st.builds(
    AnswerPress,
    ACTIONS,
    RANKS,
    st.text(IDS, max_size=32),
    st.sampled_from([AS_WRITTEN, Origin(corrected=True)]),
) | st.builds(AnswerPress, ACTIONS, RANKS, st.text(IDS, max_size=SHORT_PASSAGE_ID_CHARS), FOLLOWING)


@given(PRESSES)
def test_round_trip(press: AnswerPress) -> None:
    """Any press survives encoding and fits in callback data."""
    assert press == decode_answer_press(encode_answer_press(press))
    assert len(encode_answer_press(press).encode()) <= MAX_CALLBACK_DATA_BYTES


@given(st.text() | st.none() | st.integers() | st.binary())
def test_garbage_is_nothing(data: object) -> None:
    """Any other data is rejected or is exactly what `encode_answer_press` makes; it never raises."""
    press = decode_answer_press(data)
    assert press is None or data == encode_answer_press(press)


@given(PRESSES, st.text(min_size=1, max_size=3), st.booleans())
def test_a_forged_ending_is_not_half_read(press: AnswerPress, more: str, in_front: bool) -> None:
    """Data with an addition is a different press or none."""
    assert press != decode_answer_press(
        more + encode_answer_press(press) if in_front else encode_answer_press(press) + more
    )


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
def test_words_that_fit(words: list[str], expected: str) -> None:
    """Distinct words in order, the longest preferred; of a word that is too long, its beginning."""
    assert expected == fit_words(words)


DOCUMENTS = st.text(IDS, min_size=8, max_size=8)
NUMBERS = st.integers(0, 99_999_999)
BROWSE_PRESSES = st.builds(
    BrowsePress, st.sampled_from(list(BrowseAction)[1:]), DOCUMENTS, NUMBERS
) | st.builds(BrowsePress, st.just(BrowseAction.SOURCES), st.just(""), NUMBERS)


@given(BROWSE_PRESSES)
def test_browse_round_trip(press: BrowsePress) -> None:
    """Any press survives encoding, fits in callback data, and is not taken for a button of an answer."""
    assert press == decode_browse_press(encode_browse_press(press))
    assert len(encode_browse_press(press).encode()) <= MAX_CALLBACK_DATA_BYTES
    assert decode_answer_press(encode_browse_press(press)) is None


@given(st.text() | st.none() | st.integers() | st.from_regex(r"@[shrfxy][A-Za-z0-9_-]{0,9}\.[0-9]{0,9}"))
def test_forged_browse_data(data: object) -> None:
    """Any other data is rejected or means exactly what it says."""
    press = decode_browse_press(data)
    view, document, number = str(data)[1:2], *str(data)[2:].partition(".")[::2]
    assert press is None or (view, document, int(number)) == (press.action, press.document_id, press.number)


@given(BROWSE_PRESSES, st.text(min_size=1, max_size=3), st.booleans())
def test_browse_data_with_an_addition(press: BrowsePress, more: str, in_front: bool) -> None:
    """Data with an addition is never the same press."""
    assert press != decode_browse_press(
        more + encode_browse_press(press) if in_front else encode_browse_press(press) + more
    )
