"""What every handler is given, typed."""

from typing import Any

from telegram.ext import CallbackContext

from bot.asking import Archive
from bot.receiving import Bot

Data = dict[Any, Any]


class State:
    """What all handlers share; the documents are replaced as a whole when they change."""

    archive: Archive


class Context(CallbackContext[Bot, Data, Data, State]):
    @property
    def archive(self) -> Archive:
        return self.bot_data.archive
