"""Asking the documents, and letting nothing through that is not word for word."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from bot.replies import is_verbatim
from retrieval.model import Answer, Context, Source

TOP = 5

_log = logging.getLogger(__name__)


class Archive(Protocol):
    """What the bot needs of the documents."""

    @property
    def sources(self) -> Sequence[Source]: ...

    async def answer(self, question: str, *, top: int = TOP) -> Answer: ...

    def context(self, passage_id: str) -> Context | None: ...


async def ask(archive: Archive, question: str) -> Answer:
    return _proven(await archive.answer(question, top=TOP))


async def ask_corrected(archive: Archive, question: str) -> Answer | None:
    """Ask what was suggested instead of the question; None when nothing is suggested any more."""
    suggestion = (await archive.answer(question, top=TOP)).suggestion
    return await ask(archive, suggestion) if suggestion else None


def _proven(answer: Answer) -> Answer:
    proven = tuple(citation for citation in answer.citations if is_verbatim(citation))
    if len(proven) == len(answer.citations):
        return answer
    failed = {citation.document for citation in answer.citations} - {citation.document for citation in proven}
    _log.error("A quote is not what the document says, so it is not sent: %s", sorted(failed))
    return replace(answer, citations=proven, answered=answer.answered and bool(proven))
