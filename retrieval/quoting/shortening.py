"""Shorter quotes: whole sentences of a longer one."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from retrieval.model import Citation, Span
from retrieval.quoting.citations import lines, paragraph
from retrieval.sentences import pieces


def shorten(citation: Citation, longest: int) -> Citation:
    """Return the part of a quote with the most matched words: whole sentences, at most `longest` characters.

    A quote without a sentence that short stays whole.
    """
    if len(citation.quote) <= longest:
        return citation
    runs = _runs(pieces(citation.quote, citation.passage.language, len(citation.quote)), longest)
    if not runs:
        return citation
    found = citation.span.start
    matched = [Span(span.start - found, span.end - found) for span in citation.highlights]
    best = max(runs, key=lambda run: (_overlap(run, matched), len(run)))
    return _part(citation, Span(found + best.start, found + best.end))


def _runs(sentences: Sequence[Span], longest: int) -> list[Span]:
    """Return the longest run of sentences from each one on."""
    starts = [sentence.start for sentence in sentences]
    ends = [sentence.end for sentence in sentences]
    last = [bisect_right(ends, start + longest) - 1 for start in starts]
    return [Span(starts[first], ends[end]) for first, end in enumerate(last) if end >= first]


def _overlap(run: Span, matched: Sequence[Span]) -> int:
    return sum(max(min(run.end, span.end) - max(run.start, span.start), 0) for span in matched)


def _part(citation: Citation, span: Span) -> Citation:
    passage = citation.passage
    start, end = span.start - passage.span.start, span.end - passage.span.start
    line, line_end = lines(passage, start, end)
    return replace(
        citation,
        span=span,
        quote=passage.text[start:end],
        highlights=tuple(one for one in citation.highlights if _overlap(span, [one])),
        locator=replace(citation.locator, line=line, line_end=line_end, paragraph=paragraph(passage, start)),
    )
