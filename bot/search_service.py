"""Asks the documents a question, and lets only verbatim quotes through."""

import logging
from dataclasses import replace

from bot.views.callback_data import AS_WRITTEN, Origin
from retrieval.documents.archive import AnyArchive
from retrieval.model import Answer

TOP = 5

# Quotes after the first that have no word of the question need at least this share of the first quote's
# score, and at least this score. Quotes unrelated to the question score less.
_MIN_SHARE_OF_BEST_SCORE = 0.7
_MIN_SCORE = 6.0

_log = logging.getLogger(__name__)


async def ask(
    archive: AnyArchive, question: str, origin: Origin = AS_WRITTEN, *, top: int = TOP
) -> Answer | None:
    """Answer the question, or its corrected spelling; None when there is no correction any more."""
    answer = await archive.answer(question, top=top, earlier=origin.earlier or None)
    if origin.corrected:
        if not answer.suggestion:
            return None
        answer = await archive.answer(answer.suggestion, top=top, earlier=origin.earlier or None)
    return _keep_verified(answer)


def _keep_verified(answer: Answer) -> Answer:
    """Drop quotes that are not verbatim, and further quotes that are unlikely to answer."""
    verified = [citation for citation in answer.citations if citation.is_verbatim]
    if len(verified) < len(answer.citations):
        documents = sorted({citation.document for citation in answer.citations if not citation.is_verbatim})
        _log.error("A quote differs from its document and is not sent: %s", documents)
    kept = tuple(
        citation
        for citation in verified
        if citation is verified[0]
        or citation.highlights
        or citation.score >= max(verified[0].score * _MIN_SHARE_OF_BEST_SCORE, _MIN_SCORE)
    )
    return replace(answer, citations=kept, certainty=answer.certainty if kept else "none")
