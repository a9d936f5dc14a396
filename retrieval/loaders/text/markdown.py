"""Loads Markdown by rendering it to HTML, so that the text is what a reader of the page sees.

Before that, the syntax of extensions and template languages is converted to plain Markdown; code is left
unchanged.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import groupby
from textwrap import dedent

import regex
from markdown_it import MarkdownIt
from markdown_it.common.utils import normalizeReference
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline import escape as escape_rule
from markdown_it.rules_inline import newline as newline_rule
from markdown_it.token import Token

from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.html.html import LINE_ATTRIBUTE, extract_all_blocks, parse_html
from retrieval.loaders.text.markdown_extensions import (
    BLOCK_END,
    BLOCK_START,
    TITLE_MARK,
    AdmonitionConverter,
    MarkdownLines,
    TemplateTagRemover,
    indentation,
    opens_indented_block,
)
from retrieval.model import Document

# Text may also begin with a horizontal rule; front matter begins with a key.
_FRONT_MATTER = regex.compile(
    r"\A(?P<mark>---|\+\+\+)[^\S\n]*\n(?=[\"']?[\w-]+[\"']?\s*[:=]|#)(?P<body>.*?)\n"
    r"(?:(?P=mark)|\.\.\.)[^\S\n]*(?:\n|\Z)",
    regex.DOTALL,
)
_FRONT_TITLE = regex.compile(r"^title\s*[:=][^\S\n]*[\"']?(?P<title>.+?)[\"']?[^\S\n]*$", regex.MULTILINE)
# The title, authors and date of Pandoc.
_TITLE_BLOCK = regex.compile(
    r"\A%[^\S\n]+(?P<title>\S[^\n]*(?:\n[^\S\n]+\S[^\n]*)*)(?:\n%[^\n]*(?:\n[^\S\n]+\S[^\n]*)*){0,2}"
    r"\n[^\S\n]*\n"
)
# Of lists and quotations; deeper ones are omitted.
_MAX_NESTING = 50
_TASK_BOX = regex.compile(r"\[[ xX]\]\s+")
_HTML_TAG = regex.compile(r"<(?P<name>[a-zA-Z][\w-]*)(?=[\s/>])")
# Elements that are not shown or contain no markup: left open, they would swallow the text after them.
_SWALLOWING_TAG = regex.compile(
    r"<(?=(?P<name>script|style|title|textarea|xmp|iframe|noembed|noframes|plaintext|template|noscript|svg|math"
    r"|object|select|datalist|button|audio|video|canvas|rt|rp|head|frameset)[\s/>])",
    regex.IGNORECASE,
)
# Reference links may be defined elsewhere, such as in a file that all pages include.
_REFERENCE_LINK = regex.compile(r"(?<![\w\])\\])\[(?P<text>[^\[\]]{1,300})\]\[(?P<label>[^\[\]]{0,300})\]")
_EMPTY_REFERENCE = {"href": "", "title": ""}
# CommonMark recognises this emphasis only next to spaces, which Chinese and Japanese do not use.
_EAST_ASIAN_EMPHASIS = regex.compile(
    r"\*\*(?P<text>[^*\n]*[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\u3000-\u303f\uff01-\uff5e][^*\n]*)\*\*"
)
_CLOSING_HTML_TAG = regex.compile(r"</([a-z]+)")


def load(data: bytes, name: str) -> Document:
    """Load an .md file. The title is that of the front matter, else the first of the highest headings."""
    text = decode(data, name)
    front = _FRONT_MATTER.match(text)
    block = None if front else _TITLE_BLOCK.match(text)
    before = front or block
    body = before.end() if before else 0
    builder = DocumentBuilder(name)
    add_markdown(text[body:], builder, name, first=1 + text.count("\n", 0, body))
    title = _FRONT_TITLE.search(front["body"]) if front else block
    return builder.build(" ".join(title["title"].split()) if title else None, unit="line")


def add_markdown(text: str, builder: DocumentBuilder, name: str, *, first: int | None = None) -> None:
    """Add the text of some Markdown to a builder. `first` is the number of its first line, if it has one.

    Raises DocumentError when its HTML would take too long to parse.
    """
    page = parse_html(_render_html(convert_extensions(text, first or 1)), name)
    if first is None:
        for node in page.css(f"[{LINE_ATTRIBUTE}]"):
            del node.attrs[LINE_ATTRIBUTE]
    extract_all_blocks(page, builder)


def _record_position(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """Return a rule that stores the position of each line break in `meta["at"]` of its token."""

    def recording_rule(state: StateInline, silent: bool) -> bool:
        start = state.pos
        matched = rule(state, silent)
        if matched and not silent and state.tokens and state.tokens[-1].type.endswith("break"):
            state.tokens[-1].meta["at"] = start
        return matched

    return recording_rule


def _keep_url(url: str) -> str:
    return url


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": _MAX_NESTING}).enable(["table", "strikethrough"])
    parser.inline.ruler.at("newline", _record_position(newline_rule))
    parser.inline.ruler.at("escape", _record_position(escape_rule))
    # Link targets are not used.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # noqa: ARG005
    parser.normalizeLink = parser.normalizeLinkText = _keep_url  # type: ignore[method-assign,assignment]
    return parser


_PARSER = _make_parser()
_MDX_PARSER = _make_parser().disable("code")


def _render_html(source: MarkdownLines) -> str:
    """Render Markdown to HTML, with the first source line of each block in LINE_ATTRIBUTE."""
    text = "\n".join(source.texts)
    links = _REFERENCE_LINK.finditer(text)
    references = {normalizeReference(link["label"] or link["text"]): _EMPTY_REFERENCE for link in links}
    tokens = (_MDX_PARSER if source.has_components else _PARSER).parse(text, {"references": references})
    lower = text.lower()
    tags = {tag["name"].lower() for tag in _SWALLOWING_TAG.finditer(text)}
    unclosed = {tag for tag in tags if f"</{tag}" not in lower}
    renderer = _MarkdownRenderer(source.numbers, unclosed)
    return f"<!DOCTYPE html><body>{''.join(renderer.blocks(tokens))}"


def _escape_text(text: str) -> str:
    words = text.replace(TITLE_MARK, "")
    return escape(_EAST_ASIAN_EMPHASIS.sub(r"\g<text>", words) if "**" in words else words, quote=False)


class _MarkdownRenderer:
    """Renders the blocks, line breaks and raw HTML of tokens; emphasis and links become plain text."""

    def __init__(self, numbers: Sequence[int], unclosed: set[str]) -> None:
        self._numbers = numbers
        self._unclosed = unclosed

    def blocks(self, tokens: Sequence[Token]) -> Iterator[str]:
        is_title = False
        for number, token in enumerate(tokens):
            kind = token.type
            if kind == "inline":
                is_item = number > 1 and tokens[number - 2].type == "list_item_open"
                yield from self._inline(token, is_item)
            elif kind in {"fence", "code_block"}:
                code = escape(dedent(token.content), quote=False)
                yield f"<pre{self._line(token, kind == 'fence')}>\n{code}</pre>"
            elif kind == "html_block":
                yield self._raw_block(token)
            elif token.type == "paragraph_open" and tokens[number + 1].content.startswith(TITLE_MARK):
                is_title = True
                yield f"<summary{self._line(token)}>"
            elif token.type == "paragraph_close" and is_title:
                is_title = False
                yield "</summary>"
            elif token.hidden:
                yield "\n"
            elif token.nesting < 0:
                yield f"</{token.tag}>"
            else:
                start = token.attrGet("start")
                yield f"<{token.tag}{self._line(token)}{f' start={start}' if start is not None else ''}>"

    def _inline(self, token: Token, is_item: bool) -> Iterator[str]:
        content = token.content
        closed: set[str] | None = None
        breaks: list[int] | None = None
        children = token.children or []
        if is_item and children and children[0].type == "text" and _TASK_BOX.match(content):
            children[0].content = _TASK_BOX.sub("", children[0].content, count=1)
        for child in children:
            kind = child.type
            if kind == "text":
                yield _escape_text(child.content)
            elif kind == "code_inline":
                yield escape(child.content, quote=False)
            elif kind in {"strong_open", "strong_close"}:
                yield f"<{'/' * (kind == 'strong_close')}strong>"
            elif kind == "html_inline":
                closed = {*_CLOSING_HTML_TAG.findall(content.lower())} if closed is None else closed
                yield self._raw_inline(child.content, closed)
            elif kind in {"softbreak", "hardbreak"}:
                if breaks is None:
                    breaks = [match.start() for match in regex.finditer("\n", content)]
                yield "<br>" if kind == "hardbreak" else "\n"
                if token.map and "at" in child.meta:
                    line = token.map[0] + bisect_left(breaks, child.meta["at"]) + 1
                    yield f"<wbr {LINE_ATTRIBUTE}={self._number(line)}>"

    @staticmethod
    def _raw_inline(tag: str, closed: set[str]) -> str:
        """Return a tag, escaped if it would swallow the text after it and is not closed in its paragraph."""
        swallowing = _SWALLOWING_TAG.match(tag)
        return tag if swallowing is None or swallowing["name"].lower() in closed else escape(tag, quote=False)

    def _raw_block(self, token: Token) -> str:
        content, first = token.content, token.map[0] if token.map else 0
        counted, line = 0, first

        def add_line(tag: regex.Match[str]) -> str:
            nonlocal counted, line
            line, counted = line + content.count("\n", counted, tag.start()), tag.start()
            return f"<{tag['name']} {LINE_ATTRIBUTE}={self._number(line)}"

        def escape_unclosed(tag: regex.Match[str]) -> str:
            return "&lt;" if tag["name"].lower() in self._unclosed else "<"

        html = _SWALLOWING_TAG.sub(escape_unclosed, _HTML_TAG.sub(add_line, content))
        return f"<wbr {LINE_ATTRIBUTE}={self._number(first)}>{html}"

    def _line(self, token: Token, after: int = 0) -> str:
        return f" {LINE_ATTRIBUTE}={self._number(token.map[0] + after)}" if token.map else ""

    def _number(self, line: int) -> int:
        return self._numbers[min(line, len(self._numbers) - 1)]


_REMOVE_MARKS = {ord(mark): None for mark in (TITLE_MARK, BLOCK_START, BLOCK_END)}
_FENCE = regex.compile(
    r"(?P<prefix>(?:[ \t]|>|[-*+][ \t]|\d{1,9}[.)][ \t])*+)(?P<mark>`{3,}(?=[^`]*$)|~{3,})"
)
_OPENING_HIGHLIGHT = regex.compile(
    r"(?P<prefix>\s*)(?:\{%-?\s*highlight\b[^%]*%\}|\{\{[<%]\s*highlight\b.*?[>%]\}\})\s*$"
)
_CLOSING_HIGHLIGHT = regex.compile(
    r"(?P<prefix>\s*)(?:\{%-?\s*endhighlight\s*-?%\}|\{\{[<%]\s*/\s*highlight\s*[>%]\}\})\s*$"
)
_LONG_FENCE = "`" * 8
_LIST_ITEM = regex.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]")
_ESM_STATEMENT = regex.compile(
    r"import\s+(?:[\w*{][^'\"]*?\sfrom\s+)?['\"][^'\"]+['\"];?\s*$"
    r"|export\s+(?:default|const|let|var|function|class|async)\b|import\s+(?:\w+,\s*)?\{\s*$"
)
_FOOTNOTE_DEFINITION = regex.compile(r" {0,3}\[\^(?P<label>[^\]\s\[]+)\]:")
_FOOTNOTE_REFERENCE = regex.compile(r"(?<!\\)\[\^(?P<label>[^\]\s\[]+)\]")
_FOOTNOTE_INDENT = 4
_ATX_HEADING = regex.compile(r" {0,3}#{1,6}(?:\s|$)")
_SETEXT_UNDERLINE = regex.compile(r" {0,3}(?:=+|-+)[ \t]*")
_JSX_COMPONENT = regex.compile(r"\s*</?[A-Z][a-z]\w*[\s/>]")


def convert_extensions(text: str, first: int = 1) -> MarkdownLines:
    """Return the lines of a text as plain Markdown, without extension and template syntax.

    `first` is the number of its first line.
    """
    lines = text.translate(_REMOVE_MARKS).split("\n")
    has_components = any(map(_JSX_COMPONENT.match, lines)) or any(map(_ESM_STATEMENT.match, lines))
    is_code = _find_code_lines(lines, has_components)
    if has_components:
        _blank_modules(lines, is_code)
    order = _order_footnotes(lines, is_code)
    lines = ["" if index is None else lines[index] for index in order]
    is_code = [index is not None and is_code[index] for index in order]
    numbers = [first + (index or 0) for index in order]
    return AdmonitionConverter(has_components).convert(_remove_tags(lines, is_code), is_code, numbers)


def _find_code_lines(lines: list[str], has_components: bool) -> list[bool]:
    """Return for each line whether it is code. Tags around code are replaced by fences in `lines`."""
    code_lines: list[bool] = []
    fence = prefix = ""
    in_comment = in_list = False
    was_blank = was_indented = True
    for number, line in enumerate(lines):
        is_code = is_indented = False
        if fence and ">" in prefix and not line.lstrip().startswith(">"):
            fence = ""
        if fence == _LONG_FENCE and (closing := _CLOSING_HIGHLIGHT.match(line)):
            lines[number] = closing["prefix"] + _LONG_FENCE
            is_code, fence = True, ""
        elif fence:
            is_code = True
            bare = line.lstrip(" \t>").rstrip()
            if fence != _LONG_FENCE and len(bare) >= len(fence) and not bare.strip(fence[0]):
                fence = ""
        elif in_comment:
            in_comment = "-->" not in line
        elif opening := _FENCE.match(line):
            is_code, fence, prefix = True, opening["mark"], opening["prefix"]
        elif opening := _OPENING_HIGHLIGHT.match(line):
            lines[number] = opening["prefix"] + _LONG_FENCE
            is_code, fence, prefix = True, _LONG_FENCE, ""
        else:
            indent = indentation(line)
            is_indented = (
                not has_components
                and bool(line.strip())
                and indent >= (8 if in_list else 4)
                and (was_blank or was_indented)
            )
            is_code = is_indented
            if line.strip() and not is_indented:
                opens = _LIST_ITEM.match(line) or opens_indented_block(line)
                in_list = bool(opens) or (in_list and indent > 0)
                in_comment = _leaves_comment_open(line)
        was_blank = not line.strip()
        was_indented = is_indented or (was_blank and was_indented)
        code_lines.append(is_code)
    return code_lines


def _order_footnotes(lines: Sequence[str], is_code: Sequence[bool]) -> list[int | None]:
    """Return the order of the lines with each footnote at the end of the section that refers to it first.

    Most footnotes are written at the end of the file, below a heading that they have nothing to do with. None
    stands for an empty line.
    """
    notes = list(_find_footnotes(lines, is_code))
    inside = {number for _, span in notes for number in span}
    references: dict[str, int] = {}
    headings: list[int] = []
    for number, line in enumerate(lines if notes else ()):
        if is_code[number] or number in inside:
            continue
        for reference in _FOOTNOTE_REFERENCE.finditer(line):
            references.setdefault(reference["label"], number)
        if _ATX_HEADING.match(line):
            headings.append(number)
        elif _SETEXT_UNDERLINE.fullmatch(line) and number and lines[number - 1].strip():
            headings.append(number - 1)
    moved: dict[int, list[int | None]] = {}
    for label, span in notes:
        following = bisect_right(headings, references.get(label, span.start))
        if following < len(headings) and headings[following] < span.start:
            moved.setdefault(headings[following], [None]).extend((*span, None))
    taken = {number for span in moved.values() for number in span}
    return [
        index
        for number in range(len(lines))
        if number not in taken
        for index in (*moved.get(number, ()), number)
    ]


def _find_footnotes(lines: Sequence[str], is_code: Sequence[bool]) -> Iterator[tuple[str, range]]:
    """Yield the label and the lines of each footnote: its first, its paragraph and what is indented below.

    The lines include the blank ones after it.
    """
    start = 0
    while start < len(lines):
        opening = None if is_code[start] else _FOOTNOTE_DEFINITION.match(lines[start])
        end = start + 1
        if opening:
            while end < len(lines) and _continues_footnote(lines, end):
                end += 1
            yield opening["label"], range(start, end)
        start = end


def _continues_footnote(lines: Sequence[str], number: int) -> bool:
    """Return whether a line belongs to the footnote that the line before it belongs to."""
    line = lines[number]
    if not line.strip() or indentation(line) >= _FOOTNOTE_INDENT:
        return True
    is_new_block = _FOOTNOTE_DEFINITION.match(line) or _ATX_HEADING.match(line) or _FENCE.match(line)
    return bool(lines[number - 1].strip()) and not is_new_block


def _leaves_comment_open(line: str) -> bool:
    begin = line.rfind("<!--")
    return begin >= 0 and line.find("-->", begin) < 0 and line.count("`", 0, begin) % 2 == 0


def _blank_modules(lines: list[str], is_code: list[bool]) -> None:
    """Blank the imports and exports of MDX, each up to an empty line with all brackets closed."""
    depth: int | None = None
    for number, line in enumerate(lines):
        if is_code[number]:
            depth = None
        elif depth is None and _ESM_STATEMENT.match(line):
            depth = 0
        if depth is not None:
            if not line.strip() and depth <= 0:
                depth = None
                continue
            depth += sum(map(line.count, "{([")) - sum(map(line.count, "})]"))
            lines[number] = ""
            if depth <= 0 and line.rstrip().endswith((";", "'", '"')):
                depth = None


def _remove_tags(lines: list[str], is_code: list[bool]) -> list[str]:
    """Return the lines without tags outside code blocks; their number stays the same."""
    cleaned: list[str] = []
    for code, run in groupby(zip(is_code, lines, strict=True), key=lambda pair: pair[0]):
        run_lines = [line for _, line in run]
        cleaned += run_lines if code else TemplateTagRemover("\n".join(run_lines)).remove_tags().split("\n")
    return cleaned
