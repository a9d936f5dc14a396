"""The users and chats that the page starts with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import user_actions

if TYPE_CHECKING:
    from sandbox.state import TelegramState


def add_demo_chats(telegram: TelegramState) -> None:
    """Add two users, and a group of both of them and the bot."""
    ada = telegram.add_user("Ada", last_name="Lovelace", username="ada", language_code="en")
    omar = telegram.add_user("Omar", last_name="Khayyam", username="omar", language_code="ar")
    group = telegram.add_group("Reading circle", {ada.id, omar.id}, "supergroup")
    user_actions.add_bot(telegram, group, ada)
