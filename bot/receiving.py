"""A bot that takes updates one by one, so that one nobody can read does not hold up the others."""

import logging
from typing import Any

from telegram import Update
from telegram.ext import ExtBot

_log = logging.getLogger(__name__)

_MARGIN = 10


class Bot(ExtBot[int]):
    async def pending(self, *, offset: int, limit: int, wait: int, kinds: tuple[str, ...]) -> list[Update]:
        """Confirm what is below `offset` and wait so many seconds for what comes after it."""
        asked = {"offset": offset, "limit": limit, "timeout": wait, "allowed_updates": kinds}
        received = await self._post("getUpdates", asked, read_timeout=wait + _MARGIN)
        return [self.read(one) for one in received]

    def read(self, received: dict[str, Any]) -> Update:
        """Give an update; an empty one where nobody can read it."""
        try:
            return Update.de_json(received, self)
        except Exception as error:  # noqa: BLE001  # what a newer Telegram sends may fail in any way
            # Without its contents nobody handles it, and it is confirmed like any other.
            _log.error("Update %s cannot be read: %s", received["update_id"], type(error).__name__)
            return Update(received["update_id"])
