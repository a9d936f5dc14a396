"""The context of handlers: the shared state of the bot, questions to the documents, and who is asking."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from telegram import Chat, Update
from telegram.ext import CallbackContext

from bot.i18n.messages import texts_for
from bot.ops.document_manager import DocumentManager
from bot.ops.feedback import Feedback
from bot.ops.metrics import Metrics
from bot.search_service import TOP, ask
from bot.telegram.bot_client import Bot
from bot.views.callback_data import AS_WRITTEN, Origin
from bot.views.viewer import Viewer
from retrieval.documents.archive import AnyArchive
from retrieval.model import Answer

Data = dict[Any, Any]

_MAX_ANSWERS = 2_000


class AnswerMap:
    """Ids of recent questions and their answers, in memory, to edit the answer of an edited question."""

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[int, int], int] = OrderedDict()

    def remember(self, chat: int, question: int, answer: int) -> None:
        self._answers[chat, question] = answer
        if len(self._answers) > _MAX_ANSWERS:
            self._answers.popitem(last=False)

    def find(self, chat: int, question: int) -> int | None:
        return self._answers.get((chat, question))


@dataclass(slots=True)
class BotState:
    """State that all handlers share; `archive` is replaced when the documents change.

    `document_manager` is None if the documents are in a cluster. `has_files`: the folder has their files.
    """

    archive: AnyArchive
    metrics: Metrics
    feedback: Feedback
    document_manager: DocumentManager | None
    admins: frozenset[int] = frozenset()
    logs_questions: bool = False
    has_files: bool = True
    answer_map: AnswerMap = field(default_factory=AnswerMap)


class BotContext(CallbackContext[Bot, Data, Data, BotState]):
    @property
    def state(self) -> BotState:
        return self.bot_data

    @property
    def archive(self) -> AnyArchive:
        return self.bot_data.archive

    @property
    def metrics(self) -> Metrics:
        return self.bot_data.metrics

    async def find(self, question: str, origin: Origin = AS_WRITTEN, *, top: int = TOP) -> Answer | None:
        """Answer a question and measure the time; None if a corrected spelling is no longer suggested."""
        with self.metrics.timing("find"):
            return await ask(self.archive, question, origin, top=top)

    def viewer(self, update: Update) -> Viewer:
        """Return the language and permissions of the person behind an update."""
        user, chat, state = update.effective_user, update.effective_chat, self.state
        return Viewer(
            texts_for(user.language_code if user else None),
            self.bot.username,
            asks_opinion=state.feedback.is_on,
            can_remove=state.document_manager is not None and user is not None and user.id in state.admins,
            has_files=state.has_files,
            in_group=chat is not None and chat.type in {Chat.GROUP, Chat.SUPERGROUP},
        )
