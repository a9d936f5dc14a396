"""A document's passages: its natural paragraphs, long ones parted at sentences that overlap by one."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator

from retrieval.identity import passage_id
from retrieval.language import detect, script, script_of
from retrieval.model import Document, Heading, LineMark, Passage, Span
from retrieval.sentences import pieces

# Measured best for windows over long paragraphs (0.63 to 0.68 quote@1 with 50 to 100 words, 0.73 here).
FILL = 1000
# A paragraph is parted only when it is so long that no one would call it one place.
_LONGEST = 2000
_LONGEST_PIECE = 300
# Rows and chapters are places for people, but no pages.
_PAGED = frozenset({"page", "slide"})


def passages(document: Document) -> Iterator[Passage]:
    """Yield a document's passages in reading order."""
    text = document.text
    language = detect("\n".join(block.of(text) for block in document.blocks[:20]))
    paths = _paths(document)
    starts = [heading.span.start for heading in document.headings]
    line, counted = 1, 0
    occurrences: Counter[str] = Counter()
    for number, block in enumerate(document.blocks, 1):
        own = _language(block.of(text), language)
        for span in _parts(text, block, own):
            lines = _lines(document, span)
            if lines:
                line = lines[0].line
            else:
                line, counted = line + text.count("\n", counted, span.start), span.start
            words = span.of(text)
            page = bisect_right(document.pages, span.start, key=lambda page: page.start)
            yield Passage(
                id=passage_id(document.name, words, occurrences[words]),
                document=document.name,
                title=document.title,
                span=span,
                text=words,
                heading=paths[bisect_right(starts, span.start)],
                line=line,
                paragraph=number,
                language=own,
                page=page if page and document.unit in _PAGED else None,
                unit=document.unit,
                label=document.pages[page - 1].label if page else None,
                lines=lines,
            )
            occurrences[words] += 1


def _lines(document: Document, span: Span) -> tuple[LineMark, ...]:
    """Return the marks of a passage, with offsets from its start."""
    marks = document.lines
    first = max(bisect_right(marks, span.start, key=lambda mark: mark.start) - 1, 0)
    last = bisect_left(marks, span.end, key=lambda mark: mark.start)
    return tuple(LineMark(max(mark.start - span.start, 0), mark.line) for mark in marks[first:last])


def _language(text: str, of_document: str) -> str:
    """Take a paragraph's language to be the document's, unless its script says otherwise."""
    own = script(text)
    return of_document if own in {None, script_of(of_document)} else detect(text)


def _parts(text: str, block: Span, language: str) -> Iterator[Span]:
    """Fill parts with sentences; each begins with the last one of the part before, where there is room."""
    if len(block) <= _LONGEST:
        yield block
        return
    found = pieces(block.of(text), language, _LONGEST_PIECE)
    first = last = 0
    while True:
        while last + 1 < len(found) and found[last + 1].end - found[first].start <= FILL:
            last += 1
        yield Span(block.start + found[first].start, block.start + found[last].end)
        if last + 1 == len(found):
            return
        overlaps = last > first and found[last + 1].end - found[last].start <= FILL
        first, last = (last if overlaps else last + 1), last + 1


def _paths(document: Document) -> list[tuple[str, ...]]:
    """Give the path of headings that holds before the first heading, and from each one on."""
    paths: list[tuple[str, ...]] = [()]
    path: list[Heading] = []
    for heading in document.headings:
        while path and path[-1].level >= heading.level:
            path.pop()
        path.append(heading)
        paths.append(tuple(above.text for above in path))
    return paths
