"""Loads plain text: headings by the look of their lines, paragraphs between blank lines.

Where lines are not wrapped by hand, each is a paragraph.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import regex

from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import title_from_opening
from retrieval.loaders.heading_lines import (
    MAX_WRAPPED_COLUMNS,
    MIN_WRAPPED_COLUMNS,
    HeadingLines,
    TextLine,
    find_headings,
    width_in_columns,
)
from retrieval.model import Document, Heading, Span

# An ideographic space also begins a Chinese or Japanese paragraph.
_BLANK_LINES = regex.compile(r"\n[^\S\n]*\n\s*|\n(?=\u3000)\s*")
_LINE_BREAK = regex.compile(r"\n\s*")
_BLANK_LINE_AFTER = regex.compile(r"[^\S\n]*\n[^\S\n]*\n")
# Lines with this many columns may be paragraphs; longer ones than MAX_WRAPPED_COLUMNS are.
_MIN_PARAGRAPH_COLUMNS = 100
# A line that leaves room for so much more than the next word was broken on purpose.
_MIN_ROOM_COLUMNS = 10
_MAX_TITLE_CHARS = 120
# "Ruderverein Kleinhafen e. V.", "Harbour Club Inc."
_ABBREVIATION_END = regex.compile(r"(?<!\p{L})\p{Lu}\p{Ll}{0,2}\.$")
_WORD = regex.compile(r"[\p{L}\p{N}]")
# A question may be a title: it answers nothing, so no quote is lost.
_SENTENCE_END = tuple(".!。！।:;,،、…")
_PARAGRAPH_END = (*_SENTENCE_END, *"?？؟\"'”’»)")


def load(data: bytes, name: str) -> Document:
    """Load a .txt file.

    The first line is the title if it looks like a heading, or if a blank line follows and it is not a
    sentence.
    """
    text = decode(data, name)
    lines = list(_lines(text))
    heading_lines = find_headings([TextLine(span.of(text), is_apart) for span, is_apart in lines])
    title = ""
    if heading_lines and heading_lines[0].first == 0 and not heading_lines[0].run_in_chars:
        title = "" if heading_lines[0].is_numbered else heading_lines[0].text
    elif len(lines) > 1 and _is_title(text, lines[0][0]):
        title = " ".join(lines[0][0].of(text).split())
        below = [replace(heading, level=heading.level + 1) for heading in heading_lines]
        heading_lines = [HeadingLines(0, 0, 1, 1, title, is_numbered=False), *below]
    headings = tuple(
        Heading(heading.span(lines[heading.first][0], lines[heading.last][0]), heading.level, heading.text)
        for heading in heading_lines
    )
    blocks = list(_paragraphs_between(text, [span for span, _ in lines], heading_lines))
    return Document(name, title or title_from_opening(text) or name, text, tuple(blocks), headings)


def _lines(text: str) -> Iterator[tuple[Span, bool]]:
    """Yield the span of each line that is not blank, stripped, and whether it begins a paragraph."""
    start, is_apart = 0, True
    for line in text.split("\n"):
        words = line.strip()
        if words:
            first = start + line.index(words[0])
            yield Span(first, first + len(words)), is_apart or line.startswith("\u3000")
        is_apart = not words
        start += len(line) + 1


def _paragraphs_between(text: str, lines: Sequence[Span], headings: Sequence[HeadingLines]) -> Iterator[Span]:
    """Yield the paragraphs before, between and after headings."""
    ends = [heading.end for heading in headings]
    firsts = [heading.first for heading in headings]
    for first, last in zip([0, *ends], [*firsts, len(lines)], strict=True):
        if first < last:
            whole = Span(lines[first].start, lines[last - 1].end)
            for part in find_paragraphs(text, whole):
                yield from _split_short_lines(text, part)


def find_paragraphs(text: str, whole: Span | None = None) -> list[Span]:
    """Return the spans of the paragraphs of a text or a part of it, stripped; short lines are one."""
    parts = _split(text, _BLANK_LINES, whole or Span(0, len(text)))
    return [line for part in parts for line in _split_lines(text, part)]


def _is_title(text: str, first: Span) -> bool:
    line = first.of(text)
    alone = "\n" not in line and _BLANK_LINE_AFTER.match(text, first.end) is not None
    return (
        alone
        and len(line) <= _MAX_TITLE_CHARS
        and (not line.endswith(_SENTENCE_END) or _ABBREVIATION_END.search(line) is not None)
    )


def _split_lines(text: str, part: Span) -> list[Span]:
    """Return each line of a part as a paragraph, or the whole part if its lines were wrapped by hand."""
    lines = part.of(text).split("\n")
    if len(lines) == 1 or _is_wrapped([line.rstrip() for line in lines]):
        return [part]
    return _split(text, _LINE_BREAK, part)


def _split_short_lines(text: str, paragraph: Span) -> Iterator[Span]:
    """Yield the parts of a paragraph between the lines that were broken on purpose."""
    lines = paragraph.of(text).split("\n")
    width = max(MIN_WRAPPED_COLUMNS, *map(width_in_columns, lines))
    start = offset = paragraph.start
    for line, after in pairwise(lines):
        offset += len(line) + 1
        if _is_broken_on_purpose(line, after, width):
            yield from _split(text, _BLANK_LINES, Span(start, offset))
            start = offset
    yield from _split(text, _BLANK_LINES, Span(start, paragraph.end))


def _is_broken_on_purpose(line: str, after: str, width: int) -> bool:
    """Return whether the next word would have fitted into a line of a text with `width` columns.

    A line of signs, as below column names and above a signature, belongs to the lines around it.
    """
    words = after.strip()
    if not (_WORD.search(line) and _WORD.search(words)):
        return False
    room = width - width_in_columns(line.rstrip()) - width_in_columns(words.partition(" ")[0])
    return room > _MIN_ROOM_COLUMNS and not words[:1].islower()


def _is_wrapped(lines: list[str]) -> bool:
    """Return whether lines were wrapped by hand: short, or ending where the next word did not fit."""
    widest = max(map(width_in_columns, lines))
    if not _MIN_PARAGRAPH_COLUMNS <= widest <= MAX_WRAPPED_COLUMNS:
        return widest < _MIN_PARAGRAPH_COLUMNS
    full = sum(
        width_in_columns(line) + 1 + width_in_columns(after.strip().partition(" ")[0]) > widest
        for line, after in pairwise(lines)
    )
    ended = sum(line.endswith(_PARAGRAPH_END) for line in lines[:-1])
    breaks = len(lines) - 1
    return full * 10 >= breaks * 8 and ended * 2 < breaks


def _split(text: str, separator: regex.Pattern[str], whole: Span) -> list[Span]:
    ends = [(m.start(), m.end()) for m in separator.finditer(text, whole.start, whole.end)]
    starts = [whole.start, *(end for _, end in ends)]
    stops = [*(start for start, _ in ends), whole.end]
    spans = []
    for start, stop in zip(starts, stops, strict=True):
        part = text[start:stop]
        if not part.isspace() and part:
            spans.append(Span(start + len(part) - len(part.lstrip()), start + len(part.rstrip())))
    return spans
