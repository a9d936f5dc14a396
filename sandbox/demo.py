"""The people and chats the page opens with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import people

if TYPE_CHECKING:
    from sandbox.telegram import Telegram


def furnish(telegram: Telegram) -> None:
    """Two people, and a group where both of them and the bot are."""
    ada = telegram.add_user("Ada", last_name="Lovelace", username="ada", language_code="en")
    omar = telegram.add_user("Omar", last_name="Khayyam", username="omar", language_code="ar")
    group = telegram.add_group("Reading circle", {ada.id, omar.id}, "supergroup")
    people.bring_bot(telegram, group, ada)
