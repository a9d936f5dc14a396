"""Where on its page each line of an outline stands."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace

import regex

from retrieval.loaders.pdf.paragraphs import PlacedLine
from retrieval.loaders.pdf.reader import OutlineEntry

_MOST_LINES = 4
_FEWEST_LETTERS = 5
_NO_LETTER = regex.compile(r"[^\p{L}\p{M}\p{N}]++")
_NUMBER = regex.compile(r"^[\p{N}]++")


def place_outline(
    pages: Sequence[Sequence[PlacedLine]], outline: Sequence[OutlineEntry]
) -> tuple[list[list[PlacedLine]], dict[int, PlacedLine]]:
    """Mark the lines that are headings with their entry's number.

    For an entry that has no line of its own, give the line that it stands before, if its page has any.
    """
    marked = [list(page) for page in pages]
    anchors: dict[int, PlacedLine] = {}
    after: dict[int, int] = {}
    for number, entry in enumerate(outline):
        page = marked[entry.page]
        start = after.get(entry.page, 0)
        found = _find(page, entry.text, start) or (_find(page, entry.text, 0) if start else None)
        if found:
            first, end = found
            page[first:end] = [replace(placed, heading=number) for placed in page[first:end]]
            after[entry.page] = end
        elif page:
            anchors[number] = _before(page, entry)
    return marked, anchors


def _find(page: Sequence[PlacedLine], text: str, start: int) -> tuple[int, int] | None:
    """Find the lines that say what an entry does, with its number or without."""
    wanted = _letters(text)
    if not wanted:
        return None
    bare = _NUMBER.sub("", wanted)
    for first in range(start, len(page)):
        said = ""
        for end in range(first, min(first + _MOST_LINES, len(page))):
            if page[end].heading is not None:
                break
            said += _letters(page[end].line.text)
            if said == wanted or (bare and bare == _NUMBER.sub("", said)):
                return first, end + 1
            if len(said) > len(wanted) + _MOST_LINES:
                break
    return None


def _before(page: Sequence[PlacedLine], entry: OutlineEntry) -> PlacedLine:
    """Take the line that begins with an entry's words, else the first below the place it leads to."""
    wanted = _letters(entry.text)
    for placed in page if len(wanted) >= _FEWEST_LETTERS else ():
        if _letters(placed.line.text).startswith(wanted):
            return placed
    top = entry.top
    return next((placed for placed in page if top is not None and placed.line.base <= top), page[0])


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", unicodedata.normalize("NFKC", text).casefold())
