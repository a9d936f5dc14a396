"""Checks of quotes before they are shown: none differs from its document, none is unlikely to answer."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from retrieval.ids import logged_name
from retrieval.model.answer import Answer, Citation
from retrieval.overview import Overview

_log = logging.getLogger(__name__)

# Quotes after the first that have no word of the question need at least this share of the first quote's
# score, and at least this score. Quotes unrelated to the question score less.
_MIN_SHARE_OF_BEST_SCORE = 0.7
_MIN_SCORE = 6.0


def keep_checked(answer: Answer) -> Answer:
    """Drop quotes that are not verbatim, and further quotes that are unlikely to answer."""
    verified = _drop_altered(answer.citations)
    likely = tuple(
        citation
        for citation in verified
        if citation is verified[0]
        or citation.highlights
        or citation.score >= max(verified[0].score * _MIN_SHARE_OF_BEST_SCORE, _MIN_SCORE)
    )
    are_parts_kept = likely[: answer.parts] == answer.citations[: answer.parts]
    return replace(
        answer,
        citations=likely,
        certainty=answer.certainty if likely else "none",
        parts=answer.parts if are_parts_kept else 1,
    )


def keep_checked_sentences(overview: Overview) -> Overview:
    """Drop sentences that are not verbatim."""
    return replace(overview, sentences=tuple(_drop_altered(overview.sentences)))


def _drop_altered(citations: Sequence[Citation]) -> list[Citation]:
    """Drop quotes that are not verbatim."""
    verified = [citation for citation in citations if citation.is_verbatim]
    if len(verified) < len(citations):
        documents = sorted(
            {logged_name(citation.document) for citation in citations if not citation.is_verbatim}
        )
        _log.error("A quote differs from its document and is not sent: %s", documents)
    return verified
