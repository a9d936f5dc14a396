"""Asking the documents, and letting nothing through that is not word for word."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from bot.views.callback_data import AS_WRITTEN, Origin
from bot.views.quotes import is_verbatim
from retrieval.model import Answer, Citation, Passage, PassageContext, Problem, Section, Source, TermWeight

TOP = 5

# What a quote without a word of the question has to reach: this share of the best score, and this score.
# Quotes that have nothing to do with a question stay below it.
_NEARLY_AS_HIGH = 0.7
_LEAST_SCORE = 6.0

_log = logging.getLogger(__name__)


class Archive(Protocol):
    """What the bot needs of the documents; any of it raises UnavailableError while they cannot be reached."""

    @property
    def sources(self) -> Sequence[Source]: ...

    @property
    def problems(self) -> Sequence[Problem]: ...

    @property
    def passages(self) -> int: ...

    @property
    def version(self) -> str: ...

    async def answer(self, question: str, *, top: int = TOP, earlier: str | None = None) -> Answer: ...

    async def explain(self, question: str) -> Sequence[TermWeight]: ...

    async def context(self, passage_id: str) -> PassageContext | None: ...

    def source(self, document_id: str) -> Source | None: ...

    async def sections(self, source: Source) -> Sequence[Section]: ...

    async def read(self, source: Source) -> Sequence[Passage]: ...

    def picture(self, citation: Citation) -> bytes | None: ...

    def file(self, source: Source) -> Path: ...


async def ask(
    archive: Archive, question: str, origin: Origin = AS_WRITTEN, *, top: int = TOP
) -> Answer | None:
    """Ask the question, or what was suggested instead; None when nothing is suggested any more."""
    found = await archive.answer(question, top=top, earlier=origin.earlier or None)
    if origin.corrected:
        if not found.suggestion:
            return None
        found = await archive.answer(found.suggestion, top=top, earlier=origin.earlier or None)
    return _proven(found)


def _proven(answer: Answer) -> Answer:
    """Keep the quotes that are word for word, and after the first those that may answer as well.

    These have a word of the question, or score nearly as high by what they mean.
    """
    failed = {citation.document for citation in answer.citations if not is_verbatim(citation)}
    if failed:
        _log.error("A quote is not what the document says, so it is not sent: %s", sorted(failed))
    proven = [citation for citation in answer.citations if is_verbatim(citation)]
    kept = tuple(
        citation
        for citation in proven
        if citation is proven[0]
        or citation.highlights
        or citation.score >= max(proven[0].score * _NEARLY_AS_HIGH, _LEAST_SCORE)
    )
    return replace(answer, citations=kept, certainty=answer.certainty if kept else "none")
