"""Citations: a quote with its highlights and its place in the document."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrieval.index.forward_index import ForwardIndex
from retrieval.index.vocabulary import GRAM_CHARS, Vocabulary, digest, grams
from retrieval.model import Citation, Locator, Passage, Span
from retrieval.query.query import Query

# A word that shares this much of its grams with the question's is shown as a match though its term differs.
_ALIKE = 0.6


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A run of pieces of one candidate (by ordinal); `start` and `end` count from its passage's start."""

    candidate: int
    start: int
    end: int
    score: float


def matching(question: Query, forms: Vocabulary) -> NDArray[np.bool_]:
    """Return a function from a form to whether it is, or resembles, a content word of the question."""
    words = [word for word in question.words if word.content]
    found = forms.map_terms({digest(term): 0 for word in words for term in word.terms}) >= 0
    alike = [set(grams(word.spelling)) for word in words if len(word.spelling) > GRAM_CHARS]
    if not alike:
        return found
    wanted = list(set().union(*alike))
    held, owners = forms.find_grams(wanted)
    for own in alike:
        is_own = np.array([gram in own for gram in wanted])
        shared = np.bincount(owners[is_own[held]], minlength=len(forms))
        found |= shared > _ALIKE * np.maximum(forms.grams.lengths, len(own))
    return found


def highlights(
    forward: ForwardIndex, row: int, is_match: NDArray[np.bool_], start: int, end: int
) -> tuple[Span, ...]:
    """Find the matches between two positions of a passage; `is_match` is by form.

    Gives spans of the passage in order; those that overlap or touch are one.
    """
    own = slice(*forward.tokens.offsets[row : row + 2].tolist())
    starts, forms = forward.starts[own], forward.tokens.values[own]
    inside = slice(*np.searchsorted(starts, [start, end]).tolist())
    lengths = forward.vocabulary.lengths[forms[inside]]
    found: list[Span] = []
    for at in np.flatnonzero(is_match[forms[inside]]).tolist():
        first = int(starts[inside][at])
        span = Span(first, min(first + int(lengths[at]), end))
        if found and span.start <= found[-1].end:
            span = Span(found[-1].start, max(found.pop().end, span.end))
        found.append(span)
    return tuple(found)


def cite(passage: Passage, excerpt: Excerpt, rank: int, highlights: Iterable[Span]) -> Citation:
    """Cite an excerpt; `highlights` are spans of its passage."""
    span = Span(passage.span.start + excerpt.start, passage.span.start + excerpt.end)
    return Citation(
        rank=rank,
        document=passage.document,
        title=passage.title,
        span=span,
        quote=passage.text[excerpt.start : excerpt.end],
        highlights=tuple(Span(passage.span.start + h.start, passage.span.start + h.end) for h in highlights),
        score=excerpt.score,
        locator=_locate(passage, excerpt),
        passage=passage,
    )


def _locate(passage: Passage, excerpt: Excerpt) -> Locator:
    line, line_end = lines(passage, excerpt.start, excerpt.end)
    return Locator(
        heading=passage.heading[-1] if passage.heading else None,
        page=passage.page,
        line=line,
        line_end=line_end,
        paragraph=paragraph(passage, excerpt.start),
        unit=passage.unit,
        label=passage.label,
    )


def paragraph(passage: Passage, start: int) -> int:
    """Return the number of the paragraph in which a character of a passage stands."""
    return passage.paragraph + bisect_right(passage.paragraphs, start)


def lines(passage: Passage, start: int, end: int) -> tuple[int, int]:
    """Return the source lines in which a part of a passage begins and ends."""
    marks = passage.lines
    if not marks:
        line = passage.line + passage.text.count("\n", 0, start)
        return line, line + passage.text.count("\n", start, end)
    first, last = (
        bisect_right(marks, offset, key=lambda mark: mark.start) - 1
        for offset in (start, max(start, end - 1))
    )
    return marks[first].line, marks[last].line
