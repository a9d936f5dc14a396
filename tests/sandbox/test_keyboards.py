from __future__ import annotations

import pytest

from sandbox import validation
from sandbox.errors import ApiError


@pytest.mark.parametrize(
    ("button", "expected"),
    [
        ({"text": "a", "callback_data": ""}, "BUTTON_DATA_INVALID"),
        ({"text": "a", "callback_data": "я" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "a", "url": "not a link"}, "is invalid: Wrong HTTP URL"),
        ({"text": "a", "url": "javascript:alert(1)"}, "is invalid: Wrong HTTP URL"),
        ({"text": "a", "copy_text": {"text": "x" * 257}}, "BUTTON_COPY_TEXT_INVALID"),
        ({"text": "a"}, "text buttons are unallowed"),
        ({"text": " ", "callback_data": "a"}, 'can\'t find field "text"'),
        ({"text": "a", "callback_data": "a", "url": "https://a.b"}, "BUTTON_TYPE_INVALID"),
    ],
)
def test_wrong_buttons_are_refused(button: dict[str, object], expected: str) -> None:
    """A button that Telegram would refuse is refused."""
    with pytest.raises(ApiError, match=expected.replace("'", ".")):
        validation.keyboard({"inline_keyboard": [[button]]})


def test_valid_buttons_are_kept() -> None:
    """Callback data of 64 bytes, links and texts to copy are accepted."""
    row = [
        {"text": "a", "callback_data": "я" * 32},
        {"text": "b", "url": "https://t.me/verbatim_bot?start=a"},
        {"text": "c", "copy_text": {"text": "x" * 256}},
    ]
    assert validation.keyboard({"inline_keyboard": [row]}) == (tuple(row),)
