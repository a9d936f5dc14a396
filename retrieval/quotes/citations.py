"""Citations: a quote with its highlights and its location, and the check that it is verbatim."""

import logging
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retrieval.index.forward_index import ForwardIndex
from retrieval.index.inverted_index import GRAM_CHARS, Vocabulary, digest, grams
from retrieval.model import Answer, Citation, Locator, Passage, Span, logged_name
from retrieval.query.query import Query

_log = logging.getLogger(__name__)

# Quotes after the first that have no word of the question need at least this share of the first quote's
# score, and at least this score. Quotes unrelated to the question score less.
_MIN_SHARE_OF_BEST_SCORE = 0.7
_MIN_SCORE = 6.0
# A word with another term is highlighted if it shares more than this part of its grams with a query word.
_MIN_HIGHLIGHT_GRAM_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A selected quote: characters `start` to `end` (exclusive) of a candidate's passage.

    `candidate` is the candidate's ordinal.
    """

    candidate: int
    start: int
    end: int
    score: float


def match_forms(query: Query, forms: Vocabulary) -> NDArray[np.bool_]:
    """Return which forms are, or resemble, a content word of the query, with shape (forms,)."""
    words = [word for word in query.words if word.is_content]
    is_match = forms.map_terms({digest(term): 0 for word in words for term in word.terms}) >= 0
    grams_by_word = [set(grams(word.spelling)) for word in words if len(word.spelling) > GRAM_CHARS]
    if not grams_by_word:
        return is_match
    query_grams = list(set().union(*grams_by_word))
    matched_grams, matched_forms = forms.find_grams(query_grams)
    for own in grams_by_word:
        is_own = np.array([gram in own for gram in query_grams])
        shared = np.bincount(matched_forms[is_own[matched_grams]], minlength=len(forms))
        is_match |= shared > _MIN_HIGHLIGHT_GRAM_SHARE * np.maximum(forms.grams.lengths, len(own))
    return is_match


def find_highlights(
    forward: ForwardIndex, row: int, is_match: NDArray[np.bool_], start: int, end: int
) -> tuple[Span, ...]:
    """Return the spans of matching words between two offsets of a passage, in order.

    `row` is the passage's row of the forward index, `is_match` is as match_forms returns it. Spans that
    overlap or touch are merged.
    """
    own = slice(*forward.tokens.offsets[row : row + 2].tolist())
    starts, forms = forward.starts[own], forward.tokens.values[own]
    inside = slice(*np.searchsorted(starts, [start, end]).tolist())
    starts, forms = starts[inside], forms[inside]
    lengths = forward.vocabulary.lengths[forms]
    spans: list[Span] = []
    for token in np.flatnonzero(is_match[forms]).tolist():
        first = int(starts[token])
        span = Span(first, min(first + int(lengths[token]), end))
        if spans and span.start <= spans[-1].end:
            span = Span(spans[-1].start, max(spans.pop().end, span.end))
        spans.append(span)
    return tuple(spans)


def cite(passage: Passage, excerpt: Excerpt, rank: int, highlights: Iterable[Span]) -> Citation:
    """Return the citation of an excerpt; `highlights` are spans of its passage."""
    offset = passage.span.start
    return Citation(
        rank=rank,
        document=passage.document,
        title=passage.title,
        span=Span(offset + excerpt.start, offset + excerpt.end),
        quote=passage.text[excerpt.start : excerpt.end],
        highlights=tuple(Span(offset + span.start, offset + span.end) for span in highlights),
        score=excerpt.score,
        locator=_locate(passage, excerpt),
        passage=passage,
    )


def _locate(passage: Passage, excerpt: Excerpt) -> Locator:
    line, line_end = line_range(passage, excerpt.start, excerpt.end)
    return Locator(
        heading=passage.section,
        page=passage.page,
        line=line,
        line_end=line_end,
        paragraph=paragraph_number(passage, excerpt.start),
        unit=passage.unit,
        label=place_label(passage, excerpt.start),
        is_scanned=passage.scan_confidence(excerpt.start, excerpt.end) is not None,
    )


def place_label(passage: Passage, start: int) -> str | None:
    """Return the label of the place at an offset of a passage."""
    later = bisect_right(passage.labels, start, key=lambda place: place.start)
    return passage.labels[later - 1].label if later else passage.label


def paragraph_number(passage: Passage, start: int) -> int:
    """Return the number, in its document, of the paragraph at an offset of a passage."""
    return passage.paragraph + bisect_right(passage.paragraphs, start)


def line_range(passage: Passage, start: int, end: int) -> tuple[int, int]:
    """Return the first and the last source line of a part of a passage."""
    marks = passage.lines
    if not marks:
        line = passage.line + passage.text.count("\n", 0, start)
        return line, line + passage.text.count("\n", start, end)
    first, last = (
        bisect_right(marks, offset, key=lambda mark: mark.start) - 1
        for offset in (start, max(start, end - 1))
    )
    return marks[first].line, marks[last].line


def keep_checked(answer: Answer) -> Answer:
    """Drop quotes that are not verbatim, and further quotes that are unlikely to answer."""
    verified = drop_altered(answer.citations)
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


def drop_altered(citations: Sequence[Citation]) -> list[Citation]:
    """Drop quotes that are not verbatim, which is logged."""
    verified = [citation for citation in citations if citation.is_verbatim]
    if len(verified) < len(citations):
        documents = sorted(
            {logged_name(citation.document) for citation in citations if not citation.is_verbatim}
        )
        _log.error("A quote differs from its document and is not sent: %s", documents)
    return verified
