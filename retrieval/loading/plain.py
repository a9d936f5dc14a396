"""Plain text: paragraphs by blank lines, or one a line where there are none."""

import regex

from retrieval.loading.decoding import decode
from retrieval.model import Document, Heading, Span

_BLANK = regex.compile(r"\n[^\S\n]*\n\s*")
# Lines of at least this many characters are paragraphs of their own; shorter ones were wrapped by hand.
_WRAPPED = 100
_LONGEST_TITLE = 120
_SENTENCE_END = tuple(".!?。！？؟।:;,،、…")


def load(data: bytes, name: str) -> Document:
    """Read a .txt file; its first line is the title when it stands alone and is no sentence."""
    text = decode(data, name)
    blocks = paragraphs(text)
    headings: tuple[Heading, ...] = ()
    if len(blocks) > 1 and _is_title(blocks[0].of(text)):
        headings, blocks = (Heading(blocks[0], 1),), blocks[1:]
    title = headings[0].span.of(text) if headings else opening(text)
    return Document(name, title or name, text, tuple(blocks), headings)


def paragraphs(text: str) -> list[Span]:
    """Part a text into its natural paragraphs, space at their ends left out."""
    parts = _between(text, _BLANK, Span(0, len(text)))
    return [line for part in parts for line in _lines(text, part)]


def opening(text: str) -> str:
    """Take a text's first words, for a document that has no title."""
    line = " ".join(text.split("\n", 1)[0].split()) or " ".join(text[:400].split())
    if len(line) <= _LONGEST_TITLE // 2:
        return line
    cut = line.rfind(" ", 1, _LONGEST_TITLE // 2)
    return line[: cut if cut > 0 else _LONGEST_TITLE // 2].rstrip(" ,;:–-") + "…"


def _is_title(line: str) -> bool:
    return "\n" not in line and len(line) <= _LONGEST_TITLE and not line.endswith(_SENTENCE_END)


def _lines(text: str, part: Span) -> list[Span]:
    """Take each long line for a paragraph; a block with any is not hand-wrapped."""
    block = part.of(text)
    lines = block.split("\n")
    if len(lines) == 1 or max(map(len, lines)) < _WRAPPED:
        return [part]
    return _between(text, regex.compile(r"\n\s*"), part)


def _between(text: str, separator: regex.Pattern[str], whole: Span) -> list[Span]:
    ends = [(m.start(), m.end()) for m in separator.finditer(text, whole.start, whole.end)]
    starts = [whole.start, *(end for _, end in ends)]
    stops = [*(start for start, _ in ends), whole.end]
    found = []
    for start, stop in zip(starts, stops, strict=True):
        part = text[start:stop]
        span = Span(start + len(part) - len(part.lstrip()), start + len(part.rstrip()))
        if len(span) > 0:
            found.append(span)
    return found
