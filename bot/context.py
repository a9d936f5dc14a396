"""What every handler is given, typed."""

from typing import Any

from telegram.ext import CallbackContext, ExtBot

from bot.asking import Archive

Data = dict[Any, Any]


class State:
    """What all handlers share; the documents are replaced as a whole when they change."""

    archive: Archive


class Context(CallbackContext[ExtBot[int], Data, Data, State]):
    @property
    def archive(self) -> Archive:
        return self.bot_data.archive
