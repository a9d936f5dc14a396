"""From an excerpt to a citation that a person can check."""

from collections.abc import Iterable

from retrieval.model import Citation, Locator, Passage, Span
from retrieval.quoting.excerpts import Excerpt


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
    line = passage.line + passage.text.count("\n", 0, excerpt.start)
    return Locator(
        heading=passage.heading[-1] if passage.heading else None,
        page=passage.page,
        line=line,
        line_end=line + passage.text.count("\n", excerpt.start, excerpt.end),
        paragraph=passage.paragraph,
        unit=passage.unit,
        label=passage.label,
    )
