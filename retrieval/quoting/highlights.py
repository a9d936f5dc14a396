"""The words of a quote that the question asked for."""

from collections.abc import Sequence
from functools import lru_cache

from retrieval.model import Passage, Span
from retrieval.ranking.analysis import tokenize
from retrieval.ranking.forward import GRAM, grams
from retrieval.ranking.question import Question

# A word that shares this much of its grams with the question's is shown as a match though its term differs.
_ALIKE = 0.6


def highlights(question: Question, passage: Passage, start: int, end: int) -> tuple[Span, ...]:
    """Find the question's content words between two positions of a passage.

    Gives spans of the document in order; those that overlap or touch are one.
    """
    words = [word for word in question.words if word.content]
    terms = {term for word in words for term in word.terms}
    alike = [_grams(word.text) for word in words if len(word.text) > GRAM]
    base = passage.span.start + start
    found: list[Span] = []
    for token in _tokens(passage.text[start:end], passage.language):
        if token.term not in terms and not _is_alike(token.word, alike):
            continue
        span = Span(base + token.start, base + token.end)
        if found and span.start <= found[-1].end:
            span = Span(found[-1].start, max(found.pop().end, span.end))
        found.append(span)
    return tuple(found)


# The best quotes come again and again.
_tokens = lru_cache(maxsize=1024)(tokenize)


def _is_alike(word: str, wanted: Sequence[frozenset[str]]) -> bool:
    if len(word) <= GRAM:
        return False
    own = _grams(word)
    return any(len(own & other) > _ALIKE * max(len(own), len(other)) for other in wanted)


@lru_cache(maxsize=10_000)
def _grams(word: str) -> frozenset[str]:
    return frozenset(grams(word))
