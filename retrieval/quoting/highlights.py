"""The words of a quote that the question asked for."""

from collections.abc import Sequence

from retrieval.model import Passage, Span
from retrieval.ranking.analysis import tokenize
from retrieval.ranking.forward import grams
from retrieval.ranking.question import Question

# A word that shares this much of its grams with the question's is shown as a match though its term differs.
_ALIKE = 0.6


def highlights(question: Question, passage: Passage, start: int, end: int) -> tuple[Span, ...]:
    """Find the matched words between two positions of a passage, as spans of the document, touching ones joined."""
    terms = {term for word in question.words for term in word.terms}
    alike = [frozenset(grams(word.text)) for word in question.words]
    found: list[Span] = []
    for token in tokenize(passage.text[start:end], passage.language):
        if token.term in terms or _is_alike(token.word, alike):
            span = Span(passage.span.start + start + token.start, passage.span.start + start + token.end)
            if found and span.start <= found[-1].end:
                span = Span(found.pop().start, max(span.end, found[-1].end if found else span.end))
            found.append(span)
    return tuple(found)


def _is_alike(word: str, wanted: Sequence[frozenset[str]]) -> bool:
    own = frozenset(grams(word))
    return len(own) > 1 and any(len(own & other) > _ALIKE * max(len(own), len(other)) for other in wanted)
