"""Checks of what hangs under a message: rows of buttons, with Telegram's own error texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.errors import bad_request
from sandbox.limits import is_url

if TYPE_CHECKING:
    from sandbox.model import Json

CALLBACK_DATA_BYTES = 64
COPY_TEXT = 256
BUTTONS = 100
_BUTTON_KINDS_NAMES = """
url callback_data web_app login_url switch_inline_query switch_inline_query_current_chat
switch_inline_query_chosen_chat copy_text callback_game pay
"""
_BUTTON_KINDS = frozenset(_BUTTON_KINDS_NAMES.split())


def keyboard(markup: Json | None) -> tuple[tuple[Json, ...], ...]:
    """Check and return the rows of an inline keyboard; other reply markup has nothing to keep."""
    if not markup or "inline_keyboard" not in markup:
        return ()
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request(
            'can\'t parse inline keyboard: field "inline_keyboard" must be of type Array of Array'
        )
    # Stricter: an empty row is dropped by Telegram, here it is a mistake of the bot.
    if any(not row for row in rows):
        raise bad_request("inline keyboard has an empty row")
    checked = tuple(tuple(_button(button) for button in row) for row in rows)
    if sum(map(len, checked)) > BUTTONS:
        raise bad_request("reply markup is too long")
    return checked


def _button(button: object) -> Json:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: expected an Object")
    label = button.get("text")
    if not isinstance(label, str) or not label.strip():
        raise bad_request("can't parse inline keyboard button: can't find field \"text\"")
    kinds = _BUTTON_KINDS & button.keys()
    if not kinds:
        raise bad_request("text buttons are unallowed in the inline keyboard")
    # Stricter: Telegram takes the first kind it knows.
    if len(kinds) > 1:
        raise bad_request(f"BUTTON_TYPE_INVALID: {', '.join(sorted(kinds))} in one button")
    if (data := button.get("callback_data")) is not None and not (
        isinstance(data, str) and 1 <= len(data.encode()) <= CALLBACK_DATA_BYTES
    ):
        raise bad_request("BUTTON_DATA_INVALID")
    _button_action(button)
    return dict(button)


def _button_action(button: Json) -> None:
    if "url" in button and not is_url(button["url"]):
        raise bad_request(f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
    if "copy_text" in button:
        copied = button["copy_text"].get("text", "") if isinstance(button["copy_text"], dict) else ""
        if not 1 <= len(copied) <= COPY_TEXT:
            raise bad_request("BUTTON_COPY_TEXT_INVALID")
    for key in ("switch_inline_query", "switch_inline_query_current_chat"):
        if len(button.get(key) or "") > 256:  # noqa: PLR2004 - an inline query's length
            raise bad_request("BUTTON_DATA_INVALID")
