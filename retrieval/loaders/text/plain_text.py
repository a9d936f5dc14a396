"""Plain text: paragraphs by blank lines, or one a line where there are none."""

from itertools import pairwise
from unicodedata import east_asian_width

import regex

from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import title_from_opening
from retrieval.model import Document, Heading, Span

# Chinese and Japanese paragraphs are also set off by an ideographic space.
_BLANK = regex.compile(r"\n[^\S\n]*\n\s*|\n(?=\u3000)\s*")
_LINE = regex.compile(r"\n\s*")
_TITLE_ALONE = regex.compile(r"[^\S\n]*\n[^\S\n]*\n")
# People wrap lines by hand at 60 to 80 columns, some at up to 160; a longer line is a paragraph.
_WRAPPED = 100
_WIDEST = 160
_LONGEST_TITLE = 120
# A question may be a title: it answers nothing, so nothing is lost for a quote.
_SENTENCE_END = tuple(".!。！।:;,،、…")
_PARAGRAPH_END = (*_SENTENCE_END, *"?？؟\"'”’»)")


def load(data: bytes, name: str) -> Document:
    """Read a .txt file; its first line is the title when a blank line follows and it is no sentence."""
    text = decode(data, name)
    blocks = paragraphs(text)
    if len(blocks) > 1 and _is_title(text, blocks[0]):
        title = " ".join(blocks[0].of(text).split())
        return Document(name, title, text, tuple(blocks[1:]), (Heading(blocks[0], 1, title),))
    return Document(name, title_from_opening(text) or name, text, tuple(blocks))


def paragraphs(text: str) -> list[Span]:
    """Part a text into its natural paragraphs, space at their ends left out."""
    parts = _between(text, _BLANK, Span(0, len(text)))
    return [line for part in parts for line in _lines(text, part)]


def _is_title(text: str, first: Span) -> bool:
    line = first.of(text)
    alone = "\n" not in line and _TITLE_ALONE.match(text, first.end) is not None
    return alone and len(line) <= _LONGEST_TITLE and not line.endswith(_SENTENCE_END)


def _lines(text: str, part: Span) -> list[Span]:
    """Take each line for a paragraph, unless a long paragraph was wrapped into them by hand."""
    lines = part.of(text).split("\n")
    if len(lines) == 1 or _is_wrapped([line.rstrip() for line in lines]):
        return [part]
    return _between(text, _LINE, part)


def _is_wrapped(lines: list[str]) -> bool:
    """Return whether lines were wrapped by hand: short, or ending where the next word did not fit."""
    widest = max(map(_width, lines))
    if not _WRAPPED <= widest <= _WIDEST:
        return widest < _WRAPPED
    full = sum(
        _width(line) + 1 + _width(after.strip().partition(" ")[0]) > widest for line, after in pairwise(lines)
    )
    ended = sum(line.endswith(_PARAGRAPH_END) for line in lines[:-1])
    breaks = len(lines) - 1
    return full * 10 >= breaks * 8 and ended * 2 < breaks


def _width(line: str) -> int:
    """Measure a line in columns: Han, Kana and Hangul take two."""
    if line.isascii() or len(line) > _WIDEST:
        return len(line)
    return sum(2 if east_asian_width(c) in "WF" else 1 for c in line)


def _between(text: str, separator: regex.Pattern[str], whole: Span) -> list[Span]:
    ends = [(m.start(), m.end()) for m in separator.finditer(text, whole.start, whole.end)]
    starts = [whole.start, *(end for _, end in ends)]
    stops = [*(start for start, _ in ends), whole.end]
    found = []
    for start, stop in zip(starts, stops, strict=True):
        part = text[start:stop]
        if not part.isspace() and part:
            found.append(Span(start + len(part) - len(part.lstrip()), start + len(part.rstrip())))
    return found
