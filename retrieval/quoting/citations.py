"""From an excerpt to a citation that a person can check."""

from retrieval.model import Citation, Locator, Passage, Span
from retrieval.quoting.excerpts import Excerpt
from retrieval.quoting.highlights import highlights
from retrieval.ranking.question import Question


def cite(question: Question, passage: Passage, excerpt: Excerpt, rank: int) -> Citation:
    span = Span(passage.span.start + excerpt.start, passage.span.start + excerpt.end)
    return Citation(
        rank=rank,
        document=passage.document,
        title=passage.title,
        span=span,
        quote=passage.text[excerpt.start : excerpt.end],
        highlights=highlights(question, passage, excerpt.start, excerpt.end),
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
