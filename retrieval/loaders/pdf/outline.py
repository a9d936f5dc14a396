"""Finds the line on the page for each entry of a PDF outline."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import regex

from retrieval.loaders.pdf.paragraphs import PlacedLine
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
