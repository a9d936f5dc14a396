"""What every handler is given, typed."""

from typing import Any

from telegram.ext import CallbackContext

from bot.asking import Archive
from bot.metrics import Metrics
from bot.receiving import Bot

Data = dict[Any, Any]


class State:
    """What all handlers share; the documents are replaced as a whole when they change."""

    archive: Archive
    metrics: Metrics
    logs_questions: bool


class Context(CallbackContext[Bot, Data, Data, State]):
    @property
    def archive(self) -> Archive:
        return self.bot_data.archive

    @property
    def metrics(self) -> Metrics:
        return self.bot_data.metrics

    @property
    def logs_questions(self) -> bool:
        """Whether the operator wants to read what is asked."""
        return self.bot_data.logs_questions
