"""Splits documents into passages: joins short paragraphs, splits long ones at sentences."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator

from retrieval.language import DENSE_SCRIPT_FACTOR, DENSE_SCRIPTS, detect, script, script_of
from retrieval.model import (
    ROW_UNITS,
    Document,
    Heading,
    LineMark,
    Page,
    Passage,
    ScanMark,
    Section,
    Span,
    TableSpan,
    make_passage_id,
)
from retrieval.sentences import LEAD_IN_ENDINGS, pieces


def table_of_contents(headings: Iterable[tuple[str, ...]]) -> tuple[Section, ...]:
    """Return the headings that have passages, from the heading path of each passage in reading order."""
    sections: list[Section] = []
    path: tuple[str, ...] | None = None
    for first, heading in enumerate(headings):
        is_new = path is None or heading != path[: len(heading)]
        if is_new and heading:
            sections.append(Section(heading[-1], len(heading), first))
        path = heading
    return tuple(sections)


# The best measured size for parts of long paragraphs: quote@1 is 0.73, and 0.63 to 0.68 at 50 to 100 words.
MAX_PART_CHARS = 1000
# Longer paragraphs are split: a paragraph number would be too imprecise to find a quote.
_MAX_PARAGRAPH_CHARS = 2000
_MAX_PIECE_CHARS = 300
# Short blocks say little alone, so they are joined to their neighbours up to the size of a long paragraph.
MAX_JOINED_CHARS = 700
_SHORT_BLOCK_CHARS = 250
# Subtitles further apart than this are not quoted together.
_LONG_PAUSE_SECONDS = 60
# Units with page numbers; rows and chapters have labels only.
_PAGE_UNITS = frozenset({"page", "slide"})
# The language of a text of fewer letters cannot be detected.
_MIN_PROSE_LETTERS = 25
_LINK = re.compile(r"\S+://\S+")
# Rows of tables in texts are passages of their own, too, unless all of the table fits into a quote.
_MAX_TABLE_CHARS = 280


def split_passages(document: Document) -> Iterator[Passage]:
    """Yield a document's passages in reading order."""
    text = document.text
    language = detect(_LINK.sub("", "\n".join(block.of(text) for block in document.blocks[:20])))
    paths = _heading_paths(document)
    starts = [heading.span.start for heading in document.headings]
    line, counted = 1, 0
    occurrences: Counter[str] = Counter()
    for first, last in _join_blocks(document):
        block_language = _block_language(document.blocks[first].of(text), language)
        joined = Span(document.blocks[first].start, document.blocks[last].end)
        for span in _split_long(text, joined, block_language):
            lines = _line_marks(document, span)
            if lines:
                line = lines[0].line
            else:
                line, counted = line + text.count("\n", counted, span.start), span.start
            words = span.of(text)
            page = bisect_right(document.pages, span.start, key=lambda page: page.start)
            yield Passage(
                id=make_passage_id(document.name, words, occurrences[words]),
                document_name=document.name,
                title=document.title,
                span=span,
                text=words,
                heading=(*paths[bisect_right(starts, span.start)], *_table_title(document, span)),
                line=line,
                paragraph=first + 1,
                language=block_language,
                page=page if page and document.unit in _PAGE_UNITS else None,
                unit=document.unit,
                label=document.pages[page - 1].label if page else None,
                lines=lines,
                paragraphs=tuple(block.start - span.start for block in document.blocks[first + 1 : last + 1]),
                labels=_later_labels(document, span, page) if document.unit == "time" else (),
                scan=_scan_marks(document, span),
            )
            occurrences[words] += 1


def _join_blocks(document: Document) -> Iterator[tuple[int, int]]:
    """Yield the first and last block number of each group of blocks that belong together."""
    blocks = document.blocks
    first = 0
    while first < len(blocks):
        last = first
        while last + 1 < len(blocks) and _takes_next(document, first, last):
            last += 1
        yield first, last
        first = last + 1


def _takes_next(document: Document, first: int, last: int) -> bool:
    """Return whether the block after `last` joins the group from `first` to `last`."""
    blocks = document.blocks
    if not _belongs_to_next(document, last) or blocks[last + 1].end - blocks[first].start > MAX_JOINED_CHARS:
        return False
    # A lead-in goes with the block it introduces if both fit into one passage.
    after = blocks[last + 2 : last + 3]
    splits_lead_in = (
        bool(after)
        and after[0].end - blocks[first].start > MAX_JOINED_CHARS >= after[0].end - blocks[last + 1].start
    )
    return not (splits_lead_in and _is_lead_in(document, last + 1) and _belongs_to_next(document, last + 1))


def _belongs_to_next(document: Document, number: int) -> bool:
    """Return whether a block and the next one may share a passage."""
    before, block = document.blocks[number : number + 2]
    if document.unit in ROW_UNITS or _has_boundary(document, before, block):
        return False
    table = _table_of(document, before)
    if table != _table_of(document, block):
        return False
    if table is not None:
        return len(table.span) <= _MAX_TABLE_CHARS
    if _is_lead_in(document, number):
        return True
    density = DENSE_SCRIPT_FACTOR if script(before.of(document.text)) in DENSE_SCRIPTS else 1.0
    is_short = max(len(before), len(block)) * density < _SHORT_BLOCK_CHARS
    is_same_list = _enclosing_list(document, before) == _enclosing_list(document, block) is not None
    return (is_short or is_same_list) and _is_same_script(document.text, before, block)


def _is_same_script(text: str, before: Span, block: Span) -> bool:
    """Return whether two blocks share a script. Han and Kana count as one: short Japanese may lack Kana."""
    scripts = {_script_of_prose(before.of(text)), _script_of_prose(block.of(text))} - {None}
    return len(scripts) < 2 or scripts == {"Han", "Kana"}  # noqa: PLR2004


def _is_lead_in(document: Document, number: int) -> bool:
    return document.blocks[number].of(document.text).endswith(LEAD_IN_ENDINGS)


def _has_boundary(document: Document, before: Span, block: Span) -> bool:
    """Return whether a heading, page or slide begins between two blocks."""
    heading = bisect_right(document.headings, before.start, key=lambda heading: heading.span.start)
    starts = [heading.span.start for heading in document.headings[heading : heading + 1]]
    if document.unit == "time":
        return _has_pause(document, block) or any(start <= block.start for start in starts)
    page = bisect_right(document.pages, before.start, key=lambda page: page.start)
    starts += [page.start for page in document.pages[page : page + 1]]
    return any(start <= block.start for start in starts)


def _has_pause(document: Document, block: Span) -> bool:
    """Return whether a block of subtitles begins long after the end of the block before it."""
    index = bisect_right(document.pages, block.start, key=lambda page: page.start)
    before, after = (_seconds(page.label) for page in document.pages[index - 2 : index])
    return after - before >= _LONG_PAUSE_SECONDS


def _seconds(time: str) -> int:
    """Return a time such as 00:12:31 in seconds."""
    hours, minutes, seconds = map(int, time.split(":"))
    return 3600 * hours + 60 * minutes + seconds


def _enclosing_list(document: Document, block: Span) -> Span | None:
    """Return the span of the list or table around a block."""
    index = bisect_right(document.lists, block.start, key=lambda span: span.start)
    return document.lists[index - 1] if index and block.end <= document.lists[index - 1].end else None


def _table_of(document: Document, block: Span) -> TableSpan | None:
    """Return the table that a block is a row of."""
    index = bisect_right(document.tables, block.start, key=lambda table: table.span.start)
    return document.tables[index - 1] if index and block.end <= document.tables[index - 1].span.end else None


def _table_title(document: Document, block: Span) -> tuple[str, ...]:
    table = _table_of(document, block)
    return (table.title,) if table and table.title else ()


def main_language(passages: Iterable[Passage]) -> str:
    """Return the language that most of the text of a document is in."""
    lengths: Counter[str] = Counter()
    for passage in passages:
        is_dense = script_of(passage.language) in DENSE_SCRIPTS
        lengths[passage.language] += round(len(passage.text) * (DENSE_SCRIPT_FACTOR if is_dense else 1.0))
    return lengths.most_common(1)[0][0]


def _later_labels(document: Document, span: Span, page: int) -> tuple[Page, ...]:
    """Return the places that begin inside a passage after its first one, with offsets from its start."""
    last = bisect_left(document.pages, span.end, key=lambda place: place.start)
    return tuple(Page(place.start - span.start, place.label) for place in document.pages[page:last])


def _line_marks(document: Document, span: Span) -> tuple[LineMark, ...]:
    """Return the line marks of a passage, with offsets from its start."""
    marks = document.lines
    first = max(bisect_right(marks, span.start, key=lambda mark: mark.start) - 1, 0)
    last = bisect_left(marks, span.end, key=lambda mark: mark.start)
    return tuple(LineMark(max(mark.start - span.start, 0), mark.line) for mark in marks[first:last])


def _scan_marks(document: Document, span: Span) -> tuple[ScanMark, ...]:
    """Return the marks of a passage's words that were read by OCR, with offsets from its start."""
    marks = document.scan
    first = max(bisect_right(marks, span.start, key=lambda mark: mark.start) - 1, 0)
    last = bisect_left(marks, span.end, key=lambda mark: mark.start)
    marks_of_passage = tuple(
        ScanMark(max(mark.start - span.start, 0), mark.confidence) for mark in marks[first:last]
    )
    return marks_of_passage if any(mark.confidence is not None for mark in marks_of_passage) else ()


def _script_of_prose(text: str) -> str | None:
    """Return the script of a block, or None if it is too short for prose, such as a link or a name."""
    text = _LINK.sub("", text)
    name = script(text)
    min_letters = _MIN_PROSE_LETTERS / (DENSE_SCRIPT_FACTOR if name in DENSE_SCRIPTS else 1.0)
    return name if sum(map(str.isalpha, text)) >= min_letters else None


def _block_language(text: str, document_language: str) -> str:
    """Return the document's language, or the detected one for a block of prose in another script."""
    block_script = _script_of_prose(text)
    return document_language if block_script in {None, script_of(document_language)} else detect(text)


def _split_long(text: str, block: Span, language: str) -> Iterator[Span]:
    """Split a long block at sentences; each part repeats the last sentence of the one before if it fits."""
    if len(block) <= _MAX_PARAGRAPH_CHARS:
        yield block
        return
    sentences = pieces(block.of(text), language, _MAX_PIECE_CHARS)
    first = last = 0
    while True:
        while (
            last + 1 < len(sentences) and sentences[last + 1].end - sentences[first].start <= MAX_PART_CHARS
        ):
            last += 1
        yield Span(block.start + sentences[first].start, block.start + sentences[last].end)
        if last + 1 == len(sentences):
            return
        overlaps = last > first and sentences[last + 1].end - sentences[last].start <= MAX_PART_CHARS
        first, last = (last if overlaps else last + 1), last + 1


def _heading_paths(document: Document) -> list[tuple[str, ...]]:
    """Return the heading paths: empty before the first heading, then one for each heading."""
    paths: list[tuple[str, ...]] = [()]
    path: list[Heading] = []
    for heading in document.headings:
        while path and path[-1].level >= heading.level:
            path.pop()
        path.append(heading)
        paths.append(tuple(above.text for above in path))
    return paths
