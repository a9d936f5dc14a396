"""The people and chats the page opens with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import user_actions

if TYPE_CHECKING:
    from sandbox.state import TelegramState


def add_demo_chats(telegram: TelegramState) -> None:
    """Two people, and a group where both of them and the bot are."""
    ada = telegram.add_user("Ada", last_name="Lovelace", username="ada", language_code="en")
    omar = telegram.add_user("Omar", last_name="Khayyam", username="omar", language_code="ar")
    group = telegram.add_group("Reading circle", {ada.id, omar.id}, "supergroup")
    user_actions.bring_bot(telegram, group, ada)
