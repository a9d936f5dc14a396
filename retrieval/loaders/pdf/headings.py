"""Headings of PDF files: the lines of the outline's entries, or lines that look like headings."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import regex

from retrieval.loaders.heading_lines import HeadingLines, TextLine, find_headings
from retrieval.loaders.pdf.paragraphs import Paragraph, PlacedLine, Typography
from retrieval.loaders.pdf.reader import OutlineEntry

_MAX_ENTRY_LINES = 4
_MIN_LETTERS = 5
_NOT_LETTERS = regex.compile(r"[^\p{L}\p{M}\p{N}]++")
_NUMBER = regex.compile(r"^[\p{N}]++")


def place_outline(
    pages: Sequence[Sequence[PlacedLine]], outline: Sequence[OutlineEntry]
) -> tuple[list[list[PlacedLine]], dict[int, PlacedLine]]:
    """Mark lines that are headings with the index of their outline entry.

    Also return, for entries without a line of their own, the line that follows them, if their page has lines.
    """
    marked = [list(page) for page in pages]
    anchors: dict[int, PlacedLine] = {}
    after: dict[int, int] = {}
    for number, entry in enumerate(outline):
        page = marked[entry.page]
        start = after.get(entry.page, 0)
        lines = _find(page, entry.text, start) or (_find(page, entry.text, 0) if start else None)
        if lines:
            first, end = lines
            page[first:end] = [replace(placed, heading=number) for placed in page[first:end]]
            after[entry.page] = end
        elif page:
            anchors[number] = _anchor_line(page, entry)
    return marked, anchors


def _find(page: Sequence[PlacedLine], text: str, start: int) -> tuple[int, int] | None:
    """Return the range of lines with the text of an entry, with or without its number."""
    wanted = _letters(text)
    if not wanted:
        return None
    bare = _NUMBER.sub("", wanted)
    for first in range(start, len(page)):
        text_so_far = ""
        for end in range(first, min(first + _MAX_ENTRY_LINES, len(page))):
            if page[end].heading is not None:
                break
            text_so_far += _letters(page[end].line.text)
            if text_so_far == wanted or (bare and bare == _NUMBER.sub("", text_so_far)):
                return first, end + 1
            if len(text_so_far) > len(wanted) + _MAX_ENTRY_LINES:
                break
    return None


def _anchor_line(page: Sequence[PlacedLine], entry: OutlineEntry) -> PlacedLine:
    """Return the line that begins with an entry's text, else the first below its target."""
    wanted = _letters(entry.text)
    for placed in page if len(wanted) >= _MIN_LETTERS else ():
        if _letters(placed.line.text).startswith(wanted):
            return placed
    top = entry.top
    return next((placed for placed in page if top is not None and placed.line.base <= top), page[0])


def _letters(text: str) -> str:
    return _NOT_LETTERS.sub("", unicodedata.normalize("NFKC", text).casefold())


def has_large_headings(whole: Sequence[Paragraph], typography: Typography) -> bool:
    """Return whether a paragraph in larger type follows one that is not: a title alone divides nothing."""
    is_large = [typography.is_large(paragraph) for paragraph in whole]
    return True in is_large[is_large.index(False) :] if False in is_large else False


def split_at_headings(whole: Sequence[Paragraph]) -> tuple[list[Paragraph], dict[int, HeadingLines]]:
    """Return the paragraphs with lines that look like headings apart, and these headings by paragraph."""
    places = [(number, at) for number, paragraph in enumerate(whole) for at in range(len(paragraph.lines))]
    found = find_headings([_text_line(whole[number], at) for number, at in places])
    parts: list[Paragraph] = []
    headings: dict[int, HeadingLines] = {}
    cuts: dict[int, dict[int, HeadingLines | None]] = {}
    for heading in found:
        number, first = places[heading.first]
        own = cuts.setdefault(number, {})
        own[first] = heading
        own.setdefault(first + heading.end - heading.first, None)
    for number, paragraph in enumerate(whole):
        starts = {0: None, **cuts.get(number, {})}
        ends = [*sorted(starts)[1:], len(paragraph.lines)]
        for start, end in zip(sorted(starts), ends, strict=True):
            if start < end:
                if heading_here := starts[start]:
                    headings[len(parts)] = heading_here
                is_last = end == len(paragraph.lines)
                lines, joints = paragraph.lines[start:end], paragraph.joints[start : end - 1]
                parts.append(Paragraph(lines, joints, is_open=paragraph.is_open and is_last))
    return parts, headings


def _text_line(paragraph: Paragraph, at: int) -> TextLine:
    """Return a line of a paragraph; that of a table without words, which are no heading."""
    placed = paragraph.lines[at]
    is_row = placed.is_row or placed.line.is_laid_out
    is_full = paragraph.joints[at] != "\n" if at < len(paragraph.joints) else None
    return TextLine("" if is_row else placed.line.text.strip(), is_apart=at == 0, is_full=is_full)
