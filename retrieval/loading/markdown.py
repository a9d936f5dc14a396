"""Markdown: headings, paragraphs, lists, tables and code as blocks of the file's own lines."""

from itertools import pairwise

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from retrieval.loading.decoding import decode
from retrieval.loading.plain import opening
from retrieval.model import Document, Heading, Span

# A rule at the top may also part text: front matter begins with a key.
_FRONT_MATTER = regex.compile(
    r"\A(?P<mark>---|\+\+\+)[^\S\n]*\n(?=[\"']?[\w-]+[\"']?\s*[:=]|#)(?P<body>.*?)\n"
    r"(?:(?P=mark)|\.\.\.)[^\S\n]*(?:\n|\Z)",
    regex.DOTALL,
)
_FRONT_TITLE = regex.compile(r"^title\s*[:=][^\S\n]*[\"']?(?P<title>.+?)[\"']?[^\S\n]*$", regex.MULTILINE)
# What stands before a paragraph's first word: the marks of lists, quotations and tasks. Numbers are kept.
_MARKS = regex.compile(r"(?:\s|[-*+>](?=\s)|\[[ xX]\](?=\s))*")
_HTML = regex.compile(r"<!--.*?(?:-->|\Z)|<[^>]*>", regex.DOTALL)
_SAYS_SOMETHING = regex.compile(r"[\p{L}\p{N}]")
# Blocks that hold no other: a list item's text is a paragraph of its own.
_LEAVES = frozenset({"paragraph_open", "fence", "code_block", "html_block", "table_open"})

# Blocks alone: what stands inside a paragraph is quoted as it is written.
_BLOCKS = MarkdownIt("commonmark").enable("table").disable("inline")
_INLINE = MarkdownIt("commonmark")


def load(data: bytes, name: str) -> Document:
    """Read a .md file; the title is the front matter's, else the first heading of the highest level."""
    text = decode(data, name)
    front = _FRONT_MATTER.match(text)
    starts = _line_starts(text, front.end() if front else 0)
    tokens = _BLOCKS.parse(text[starts[0] :])
    headings = tuple(
        heading
        for token, inline in pairwise(tokens)
        if token.type == "heading_open" and (heading := _heading(text, token, inline.content, starts))
    )
    blocks = [_block(text, token, starts) for token in tokens if token.type in _LEAVES]
    return Document(name, _title(text, front, headings) or name, text, _outermost(blocks), headings)


def _title(text: str, front: regex.Match[str] | None, headings: tuple[Heading, ...]) -> str:
    named = _FRONT_TITLE.search(front["body"]) if front else None
    if named:
        return " ".join(named["title"].split())
    if headings:
        return min(headings, key=lambda heading: heading.level).text
    return opening(text[front.end() :] if front else text)


def _line_starts(text: str, body: int) -> list[int]:
    return [body, *(m.end() for m in regex.finditer(r"\n", text, pos=body)), len(text)]


def _lines(text: str, first: int, last: int, starts: list[int]) -> Span:
    """Give the lines from `first` to `last` (excluded), space at their ends left out."""
    start, end = starts[min(first, len(starts) - 1)], starts[min(last, len(starts) - 1)]
    block = text[start:end].rstrip()
    return Span(start + len(block) - len(block.lstrip()), start + len(block))


def _heading(text: str, token: Token, content: str, starts: list[int]) -> Heading | None:
    """Give the heading without its marks, or None when nothing is left."""
    first, last = token.map or (0, 0)
    span = _lines(text, first, last, starts)
    words = " ".join(_words(content).split())
    if not words:
        return None
    at = text.find(content, span.start, span.end)  # lines that are indented or quoted are not found as one
    return Heading(Span(at, at + len(content)) if at >= 0 else span, int(token.tag[1]), words)


def _words(content: str) -> str:
    """Leave out the marks of emphasis, code and links."""
    inline = _INLINE.parseInline(content)[0].children or []
    return "".join(" " if token.type.endswith("break") else token.content for token in inline) or content


def _block(text: str, token: Token, starts: list[int]) -> Span:
    first, last = token.map or (0, 0)
    if token.type == "fence":
        closed = (
            text[: starts[min(last, len(starts) - 1)]].rstrip().endswith(token.markup) and last - first > 1
        )
        return _lines(text, first + 1, last - closed, starts)
    span = _lines(text, first, last, starts)
    if token.type == "html_block" and not _SAYS_SOMETHING.search(_HTML.sub("", span.of(text))):
        return Span(span.start, span.start)
    if token.type == "paragraph_open":
        marks = _MARKS.match(text, span.start, span.end)
        return Span(marks.end() if marks else span.start, span.end)
    return span


def _outermost(blocks: list[Span]) -> tuple[Span, ...]:
    """Leave out empty blocks, and those inside another (the cells of a table are paragraphs too)."""
    found: list[Span] = []
    for block in sorted(blocks, key=lambda span: (span.start, -span.end)):
        if block.end > block.start and (not found or block.start >= found[-1].end):
            found.append(block)
    return tuple(found)
