"""From an excerpt to a citation that a person can check."""

from bisect import bisect_right
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
