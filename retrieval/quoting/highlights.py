"""The words of a quote that the question asked for."""

import numpy as np
from numpy.typing import NDArray

from retrieval.model import Span
from retrieval.ranking.forms import GRAM, Forms, digest, grams
from retrieval.ranking.forward import Forward
from retrieval.ranking.question import Question

# A word that shares this much of its grams with the question's is shown as a match though its term differs.
_ALIKE = 0.6


def matching(question: Question, forms: Forms) -> NDArray[np.bool_]:
    """Tell which forms are content words of the question, or like them."""
    words = [word for word in question.words if word.content]
    found = forms.rows_of({digest(term): 0 for word in words for term in word.terms}) >= 0
    alike = [set(grams(word.spelling)) for word in words if len(word.spelling) > GRAM]
    if not alike:
        return found
    wanted = list(set().union(*alike))
    held, owners = forms.holding(wanted)
    for own in alike:
        is_own = np.array([gram in own for gram in wanted])
        shared = np.bincount(owners[is_own[held]], minlength=len(forms))
        found |= shared > _ALIKE * np.maximum(forms.grams.lengths, len(own))
    return found


def highlights(
    forward: Forward, row: int, is_match: NDArray[np.bool_], start: int, end: int
) -> tuple[Span, ...]:
    """Find the matches between two positions of a passage; `is_match` is by form.

    Gives spans of the passage in order; those that overlap or touch are one.
    """
    own = slice(*forward.tokens.offsets[row : row + 2].tolist())
    starts, forms = forward.starts[own], forward.tokens.values[own]
    inside = slice(*np.searchsorted(starts, [start, end]).tolist())
    lengths = forward.forms.lengths[forms[inside]]
    found: list[Span] = []
    for at in np.flatnonzero(is_match[forms[inside]]).tolist():
        first = int(starts[inside][at])
        span = Span(first, min(first + int(lengths[at]), end))
        if found and span.start <= found[-1].end:
            span = Span(found[-1].start, max(found.pop().end, span.end))
        found.append(span)
    return tuple(found)
