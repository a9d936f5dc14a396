"""A document's passages: its natural paragraphs, short ones joined, long ones split at sentences."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator

from retrieval.ids import passage_id
from retrieval.language import detect, script, script_of
from retrieval.model import Document, Heading, LineMark, Passage, Section, Span
from retrieval.sentences import pieces


def table_of_contents(headings: Iterable[tuple[str, ...]]) -> tuple[Section, ...]:
    """List the headings that have text; given are the paths above a document's passages, in their order."""
    found: list[Section] = []
    path: tuple[str, ...] | None = None
    for first, heading in enumerate(headings):
        if heading != path and heading:
            found.append(Section(heading[-1], len(heading), first))
        path = heading
    return tuple(found)


# Measured best for windows over long paragraphs (0.63 to 0.68 quote@1 with 50 to 100 words, 0.73 here).
FILL = 1000
# A paragraph is parted only when it is so long that no one would call it one place.
_LONGEST = 2000
_LONGEST_PIECE = 300
# What says little by itself is joined to what it belongs to, up to the length of a long paragraph.
JOINED = 700
_SHORT = 250
# A character of these scripts says as much as two and a half of an alphabet.
_DENSE_SCRIPTS = frozenset({"Han", "Kana", "Hangul"})
_DENSITY = 2.5
_LEADS_IN = (":", "：", "﹕")
# Rows and chapters are places for people, but no pages.
_PAGED = frozenset({"page", "slide"})


def split_passages(document: Document) -> Iterator[Passage]:
    """Yield a document's passages in reading order."""
    text = document.text
    language = detect("\n".join(block.of(text) for block in document.blocks[:20]))
    paths = _paths(document)
    starts = [heading.span.start for heading in document.headings]
    line, counted = 1, 0
    occurrences: Counter[str] = Counter()
    for first, last in _joined(document):
        own = _language(document.blocks[first].of(text), language)
        joined = Span(document.blocks[first].start, document.blocks[last].end)
        for span in _parts(text, joined, own):
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
                paragraph=first + 1,
                language=own,
                page=page if page and document.unit in _PAGED else None,
                unit=document.unit,
                label=document.pages[page - 1].label if page else None,
                lines=lines,
                paragraphs=tuple(block.start - span.start for block in document.blocks[first + 1 : last + 1]),
            )
            occurrences[words] += 1


def _joined(document: Document) -> Iterator[tuple[int, int]]:
    """Yield the first and the last block of what is to be a passage, or parted into some."""
    blocks = document.blocks
    first = 0
    while first < len(blocks):
        last = first
        while last + 1 < len(blocks) and _goes_on(document, first, last):
            last += 1
        yield first, last
        first = last + 1


def _goes_on(document: Document, first: int, last: int) -> bool:
    """Return whether a passage of the blocks from `first` to `last` goes on with the next one."""
    blocks = document.blocks
    if not _belongs(document, last) or blocks[last + 1].end - blocks[first].start > JOINED:
        return False
    # What leads in goes with what it leads to, if they fit.
    after = blocks[last + 2 : last + 3]
    is_torn = (
        bool(after) and after[0].end - blocks[first].start > JOINED >= after[0].end - blocks[last + 1].start
    )
    return not (is_torn and _leads_in(document, last + 1) and _belongs(document, last + 1))


def _belongs(document: Document, number: int) -> bool:
    """Return whether a block and the next one belong together."""
    before, block = document.blocks[number : number + 2]
    if document.unit == "row" or _is_parted(document, before, block):
        return False
    if _leads_in(document, number):
        return True
    density = _DENSITY if script(before.of(document.text)) in _DENSE_SCRIPTS else 1.0
    is_short = max(len(before), len(block)) * density < _SHORT
    is_of_one_list = _list(document, before) == _list(document, block) is not None
    return (is_short or is_of_one_list) and _is_of_one_script(document.text, before, block)


def _is_of_one_script(text: str, before: Span, block: Span) -> bool:
    """Return whether two blocks may be of one language; a short one in Japanese may have no Kana."""
    scripts = {script(before.of(text)), script(block.of(text))} - {None}
    return len(scripts) < 2 or scripts == {"Han", "Kana"}  # noqa: PLR2004


def _leads_in(document: Document, number: int) -> bool:
    return document.blocks[number].of(document.text).endswith(_LEADS_IN)


def _is_parted(document: Document, before: Span, block: Span) -> bool:
    """Return whether a heading, page or slide begins between two blocks."""
    heading = bisect_right(document.headings, before.start, key=lambda heading: heading.span.start)
    page = bisect_right(document.pages, before.start, key=lambda page: page.start)
    starts = [heading.span.start for heading in document.headings[heading : heading + 1]]
    starts += [page.start for page in document.pages[page : page + 1]]
    return any(start <= block.start for start in starts)


def _list(document: Document, block: Span) -> Span | None:
    """Return the list or table that a block is of."""
    at = bisect_right(document.lists, block.start, key=lambda span: span.start)
    return document.lists[at - 1] if at and block.end <= document.lists[at - 1].end else None


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
    """Return the heading path before the first heading, and from each heading on."""
    paths: list[tuple[str, ...]] = [()]
    path: list[Heading] = []
    for heading in document.headings:
        while path and path[-1].level >= heading.level:
            path.pop()
        path.append(heading)
        paths.append(tuple(above.text for above in path))
    return paths
