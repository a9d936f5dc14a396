"""Markdown: rendered to HTML, and read as a web page is; so the text is what a reader of the page sees."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from html import escape
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
from retrieval.loaders.html.blocks import LINE, extract_all_blocks
from retrieval.loaders.html.html import parse
from retrieval.loaders.text.markdown_containers import Lines
from retrieval.loaders.text.markdown_tags import LEAD
from retrieval.loaders.text.markdown_templates import strip_templates
from retrieval.model import Document

# A rule at the top may also part text: front matter begins with a key.
_FRONT_MATTER = regex.compile(
    r"\A(?P<mark>---|\+\+\+)[^\S\n]*\n(?=[\"']?[\w-]+[\"']?\s*[:=]|#)(?P<body>.*?)\n"
    r"(?:(?P=mark)|\.\.\.)[^\S\n]*(?:\n|\Z)",
    regex.DOTALL,
)
_FRONT_TITLE = regex.compile(r"^title\s*[:=][^\S\n]*[\"']?(?P<title>.+?)[\"']?[^\S\n]*$", regex.MULTILINE)
# Of lists and quotations in each other; what is deeper is left out.
_MOST_NESTED = 50
_TASK = regex.compile(r"\[[ xX]\]\s+")
_TAG = regex.compile(r"<(?P<name>[a-zA-Z][\w-]*)(?=[\s/>])")
# Elements that are not shown, or whose content is no markup: left open, they would swallow the text after.
_SWALLOWING = regex.compile(
    r"<(?=(?P<name>script|style|title|textarea|xmp|iframe|noembed|noframes|plaintext|template|noscript|svg|math"
    r"|object|select|datalist|button|audio|video|canvas|rt|rp|head|frameset)[\s/>])",
    regex.IGNORECASE,
)
# Links to what is defined elsewhere, such as in a file that all pages include.
_REFERENCE = regex.compile(r"(?<![\w\])\\])\[(?P<text>[^\[\]]{1,300})\]\[(?P<label>[^\[\]]{0,300})\]")
_NOWHERE = {"href": "", "title": ""}
# CommonMark takes these for emphasis only beside spaces, which Chinese and Japanese do not have.
_EMPHASIS = regex.compile(
    r"\*\*(?P<text>[^*\n]*[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\u3000-\u303f\uff01-\uff5e][^*\n]*)\*\*"
)
_CLOSED = regex.compile(r"</([a-z]+)")


def load(data: bytes, name: str) -> Document:
    """Read a .md file; the title is the front matter's, else the first heading of the highest level."""
    text = decode(data, name)
    front = _FRONT_MATTER.match(text)
    body = front.end() if front else 0
    source = strip_templates(text[body:], 1 + text.count("\n", 0, body))
    draft = DocumentBuilder(name)
    extract_all_blocks(parse(_html(source), name), draft)
    named = _FRONT_TITLE.search(front["body"]) if front else None
    return draft.document(named["title"] if named else None, unit="line")


def _with_line(rule: Callable[[StateInline, bool], bool]) -> Callable[[StateInline, bool], bool]:
    """Make a rule note in a line break where it is in the paragraph."""

    def noting(state: StateInline, silent: bool) -> bool:
        start = state.pos
        found = rule(state, silent)
        if found and not silent and state.tokens and state.tokens[-1].type.endswith("break"):
            state.tokens[-1].meta["at"] = start
        return found

    return noting


def _unchanged(url: str) -> str:
    return url


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"maxNesting": _MOST_NESTED}).enable(["table", "strikethrough"])
    parser.inline.ruler.at("newline", _with_line(newline_rule))
    parser.inline.ruler.at("escape", _with_line(escape_rule))
    # Targets of links are not read.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # noqa: ARG005
    parser.normalizeLink = parser.normalizeLinkText = _unchanged  # type: ignore[method-assign,assignment]
    return parser


_PARSER = _parser()
_MDX_PARSER = _parser().disable("code")


def _html(source: Lines) -> str:
    """Render Markdown; each block says in the attribute LINE which line of the source it begins in."""
    text = "\n".join(source.texts)
    used = _REFERENCE.finditer(text)
    references = {normalizeReference(found["label"] or found["text"]): _NOWHERE for found in used}
    tokens = (_MDX_PARSER if source.has_components else _PARSER).parse(text, {"references": references})
    lower = text.lower()
    tags = {found["name"].lower() for found in _SWALLOWING.finditer(text)}
    unclosed = {tag for tag in tags if f"</{tag}" not in lower}
    renderer = _Renderer(source.numbers, unclosed)
    return f"<!DOCTYPE html><body>{''.join(renderer.blocks(tokens))}"


class _Renderer:
    """Renders tokens as far as their text depends on it: blocks and line breaks, but no marks of style."""

    def __init__(self, numbers: Sequence[int], unclosed: set[str]) -> None:
        self._numbers = numbers
        self._unclosed = unclosed

    def blocks(self, tokens: Sequence[Token]) -> Iterator[str]:
        is_lead = False
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
            elif token.type == "paragraph_open" and tokens[number + 1].content.startswith(LEAD):
                is_lead = True
                yield f"<summary{self._line(token)}>"
            elif token.type == "paragraph_close" and is_lead:
                is_lead = False
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
        if is_item and children and children[0].type == "text":
            children[0].content = (
                _TASK.sub("", children[0].content, count=1) if _TASK.match(content) else (children[0].content)
            )
        for child in children:
            kind = child.type
            if kind == "text":
                words = child.content.replace(LEAD, "")
                yield escape(_EMPHASIS.sub(r"\g<text>", words) if "**" in words else words, quote=False)
            elif kind == "code_inline":
                yield escape(child.content, quote=False)
            elif kind == "html_inline":
                closed = {*_CLOSED.findall(content.lower())} if closed is None else closed
                yield self._raw_inline(child.content, closed)
            elif kind in {"softbreak", "hardbreak"}:
                if breaks is None:
                    breaks = [found.start() for found in regex.finditer("\n", content)]
                yield "<br>" if kind == "hardbreak" else "\n"
                if token.map and "at" in child.meta:
                    line = token.map[0] + bisect_left(breaks, child.meta["at"]) + 1
                    yield f"<wbr {LINE}={self._number(line)}>"

    @staticmethod
    def _raw_inline(tag: str, closed: set[str]) -> str:
        """Show a tag that swallows the text after it, unless it is closed in the same paragraph."""
        found = _SWALLOWING.match(tag)
        return tag if found is None or found["name"].lower() in closed else escape(tag, quote=False)

    def _raw_block(self, token: Token) -> str:
        content, first = token.content, token.map[0] if token.map else 0
        counted, line = 0, first

        def numbered(tag: regex.Match[str]) -> str:
            nonlocal counted, line
            line, counted = line + content.count("\n", counted, tag.start()), tag.start()
            return f"<{tag['name']} {LINE}={self._number(line)}"

        def shown(tag: regex.Match[str]) -> str:
            return "&lt;" if tag["name"].lower() in self._unclosed else "<"

        return f"<wbr {LINE}={self._number(first)}>{_SWALLOWING.sub(shown, _TAG.sub(numbered, content))}"

    def _line(self, token: Token, after: int = 0) -> str:
        return f" {LINE}={self._number(token.map[0] + after)}" if token.map else ""

    def _number(self, line: int) -> int:
        return self._numbers[min(line, len(self._numbers) - 1)]
