"""Answers the question in the caption of a document that was sent into a chat.

`bot/handlers/questions.py` does the same for messages.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from telegram import Bot, ReplyParameters
from telegram.error import BadRequest, Forbidden

from bot.concurrency import in_thread
from bot.documents.chat_document_store import ChatDocumentStore, sources_in_upload
from bot.i18n.texts import small_talk_reply, texts_for
from bot.monitoring import Metrics
from bot.telegram.messaging import ChatActions
from bot.views import answers
from bot.views.browse import render_overview
from bot.views.chat_documents import scope_note
from bot.views.help import no_own_documents
from bot.views.message import Recipient, Reply, text_reply
from retrieval.documents.library import SingleLibrary
from retrieval.errors import UnavailableError
from retrieval.model import chat_document_name
from retrieval.query.intent import DocumentQuestionKind, is_any_document, parse_document_question
from retrieval.query.query import looks_like_question
from retrieval.quotes.quote_selection import drop_unlikely


@dataclass(frozen=True, slots=True)
class Caption:
    """A question that came with a document: the message with both, the document's name, and the language."""

    chat_id: int
    message_id: int
    name: str
    question: str
    language: str


class CaptionAnswers:
    """Answers captions from what their chats search, outside of the update that they came with."""

    def __init__(
        self,
        bot: Bot,
        chat_documents: ChatDocumentStore,
        metrics: Metrics,
        library: Callable[[], SingleLibrary],
        chat_actions: ChatActions,
    ) -> None:
        """`library` returns what chats search in addition to their own documents."""
        self._bot = bot
        self._chat_documents = chat_documents
        self._metrics = metrics
        self._library = library
        self._chat_actions = chat_actions

    async def answer(self, caption: Caption) -> None:
        """Answer the question that came with a document, as a reply to it, where its buttons find it.

        A caption that is not a question, such as "minutes of May", gets an answer only if that is sure.
        """
        with self._chat_actions.show_in(self._bot, caption.chat_id):
            reply = await self._render(caption)
        if reply is None:
            return
        with contextlib.suppress(BadRequest, Forbidden):
            await self._bot.send_message(
                caption.chat_id,
                reply.text,
                entities=reply.entities or None,
                reply_markup=reply.keyboard,
                reply_parameters=ReplyParameters(caption.message_id, allow_sending_without_reply=True),
            )

    async def _render(self, caption: Caption) -> Reply | None:
        """Return the reply to a caption, if any; "What is this about?" asks about its document."""
        texts, chat = texts_for(caption.language), caption.chat_id
        chosen = await self._chat_documents.chosen_library(chat, self._library())
        group = chat if chat < 0 else None
        recipient = Recipient(
            texts,
            self._bot.username,
            in_group=group is not None,
            group_id=group if chosen.scope else None,
            scope_note=scope_note(chosen.scope, texts) if chosen.scope else "",
        )
        if greeting := small_talk_reply(caption.question, texts):
            return text_reply(greeting)
        if not chosen.library.sources:
            return text_reply(no_own_documents(texts, in_group=group is not None))
        # The first call reads a table.
        about = await in_thread(lambda: parse_document_question(caption.question))
        source = next(
            iter(sources_in_upload(chosen.library.sources, chat_document_name(chat, caption.name))), None
        )
        try:
            with self._metrics.time_stage("find"):
                if (
                    source
                    and about
                    and about.kind is DocumentQuestionKind.OVERVIEW
                    and _is_unnamed(about.subject)
                ):
                    overview = await chosen.library.overview(source)
                    return render_overview(source, overview, recipient)
                answer = drop_unlikely(await chosen.library.answer(caption.question))
        except UnavailableError:
            return text_reply(texts.documents_unreachable)
        if not answer.answered and not looks_like_question(caption.question):
            return None
        self._metrics.count_question(answer.certainty)
        return answers.render_answer(answer, recipient)


def _is_unnamed(document: str) -> bool:
    """Return whether a question about a document does not say which."""
    return not document or is_any_document(document)
