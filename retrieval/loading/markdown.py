"""Markdown: headings, paragraphs, lists, tables and code as blocks of the file's own lines."""

import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

from retrieval.loading.decoding import decode
from retrieval.loading.plain import opening
from retrieval.model import Document, Heading, Span

_FRONT_MATTER = regex.compile(r"\A---[^\S\n]*\n(?P<body>.*?)\n(?:---|\.\.\.)[^\S\n]*(?:\n|\Z)", regex.DOTALL)
_FRONT_TITLE = regex.compile(r"^title:[^\S\n]*[\"']?(?P<title>.+?)[\"']?[^\S\n]*$", regex.MULTILINE)
_HEADING_MARKS = regex.compile(r"^\s*#{1,6}\s+|\s+#+\s*$|\n\s*(?:=+|-+)\s*$")
# Blocks that hold no other: a list item's text is a paragraph of its own.
_LEAVES = frozenset({"paragraph_open", "fence", "code_block", "html_block", "table_open"})


def load(data: bytes, name: str) -> Document:
    """Read a .md file; the title is the front matter's, else the first heading of the highest level."""
    text = decode(data, name)
    front = _FRONT_MATTER.match(text)
    body = front.end() if front else 0
    starts = _line_starts(text, body)
    tokens = MarkdownIt("commonmark").enable("table").parse(text[body:])
    headings = tuple(_heading(text, token, starts) for token in tokens if token.type == "heading_open")
    blocks = [_span(text, token, starts) for token in tokens if token.type in _LEAVES]
    return Document(name, _title(text, front, headings) or name, text, _outermost(blocks), headings)


def _title(text: str, front: regex.Match[str] | None, headings: tuple[Heading, ...]) -> str:
    named = _FRONT_TITLE.search(front["body"]) if front else None
    if named:
        return named["title"]
    if headings:
        return min(headings, key=lambda heading: heading.level).span.of(text)
    return opening(text[front.end() :] if front else text)


def _line_starts(text: str, body: int) -> list[int]:
    return [body, *(body + m.end() for m in regex.finditer(r"\n", text[body:])), len(text)]


def _span(text: str, token: Token, starts: list[int]) -> Span:
    first, last = token.map or (0, 0)
    start, end = starts[first], starts[min(last, len(starts) - 1)]
    block = text[start:end]
    return Span(start + len(block) - len(block.lstrip()), max(start + len(block.rstrip()), start))


def _heading(text: str, token: Token, starts: list[int]) -> Heading:
    span = _span(text, token, starts)
    line = span.of(text)
    bare = _HEADING_MARKS.sub("", line)
    start = span.start + line.find(bare)
    return Heading(Span(start, start + len(bare)), int(token.tag[1]))


def _outermost(blocks: list[Span]) -> tuple[Span, ...]:
    """Leave out empty blocks, and those inside another (the cells of a table are paragraphs too)."""
    found: list[Span] = []
    for block in sorted(blocks, key=lambda span: (span.start, -span.end)):
        if len(block) and (not found or block.start >= found[-1].end):
            found.append(block)
    return tuple(found)
