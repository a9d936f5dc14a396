"""Loads HTML files: decodes and parses them as browsers do, with limits on hostile markup."""

from collections import Counter

import regex
from selectolax.lexbor import LexborHTMLParser

from retrieval.errors import DocumentError
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.html.blocks import extract_blocks
from retrieval.model import Document

# The parser searches all open elements at every tag. The sum of open elements over all tags is bounded: this
# many steps take one to two seconds.
MAX_NESTING_WORK = 50_000_000
# Formatting tags left open are reopened in every following block, at 100 to 200 bytes each.
MAX_REOPENED_TAGS = 3_000_000
_FORMATTING_TAGS = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
)
# Void elements, and elements whose end tag may be omitted.
_IMPLICITLY_CLOSED = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source"),
        *("track", "wbr", "p", "li", "dt", "dd", "option", "optgroup", "tr", "td", "th", "thead", "tbody"),
        *("tfoot", "colgroup", "html", "head", "body"),
    }
)
_TAG = regex.compile(r"<(?P<close>/?)(?P<name>[a-zA-Z][^\s/>]*+)")
# The parser compares each attribute with all before it. A long tag alone is no harm: it may embed a picture.
MAX_ATTRIBUTES = 5000
_LONG_TAG_CHARS = 50_000
_MAX_LONG_TAGS = 1000
_SELF_CLOSING_TAG = regex.compile(r"<(?P<name>[a-zA-Z][\w:.-]*+)(?P<rest>[^<>]*+)(?<=/)>")
_PROLOGUE_CHARS = 4096


def parse_html(text: str, name: str) -> LexborHTMLParser:
    """Parse a page as browsers do. Raises DocumentError when that would take too much time or memory."""
    if text[:_PROLOGUE_CHARS].lstrip().startswith("<?xml"):
        text = _SELF_CLOSING_TAG.sub(_expand_self_closing, text)
    _check_nesting(text, name)
    return LexborHTMLParser(text)


def _expand_self_closing(match: regex.Match[str]) -> str:
    """Return a self-closing XML tag as HTML, where the slash has no meaning."""
    name, rest = match["name"], match["rest"][:-1]
    return f"<{name}{rest}>" if name.lower() in _IMPLICITLY_CLOSED else f"<{name}{rest}></{name}>"


def _check_nesting(text: str, name: str) -> None:
    """Raise DocumentError for a page with too many open elements or with huge tags."""
    if _has_crowded_tag(text):
        raise DocumentError(name, "has a tag with thousands of attributes; save it again, or as text")
    unclosed: Counter[str] = Counter()
    depth = open_formatting = nesting_work = reopened = 0
    for tag in _TAG.finditer(text):
        kind = tag["name"].lower()
        if kind not in _IMPLICITLY_CLOSED:
            step = -1 if tag["close"] else 1
            if step > 0 or unclosed[kind]:
                unclosed[kind] += step
                depth += step
                open_formatting += step if kind in _FORMATTING_TAGS else 0
        nesting_work += depth
        reopened += open_formatting
        if nesting_work > MAX_NESTING_WORK or reopened > MAX_REOPENED_TAGS:
            raise DocumentError(name, "leaves too many tags open; save it again, or as text")


def _has_crowded_tag(text: str) -> bool:
    long_tags = 0
    for tag in _TAG.finditer(text):
        end = tag.end()
        if text.find(">", end, end + _LONG_TAG_CHARS) < 0:
            within = text[end : end + _LONG_TAG_CHARS]
            long_tags += 1
            if long_tags > _MAX_LONG_TAGS or within.count("=") + within.count(" ") > MAX_ATTRIBUTES:
                return True
    return False


_DECLARED_ENCODING = regex.compile(
    rb"""<meta\s[^>]*?charset\s*=\s*["']?\s*(?P<meta>[\w:-]+)|\A\s*<\?xml[^>]*?encoding\s*=\s*["'](?P<xml>[\w-]+)""",
    regex.IGNORECASE,
)
_DECLARATION_BYTES = 4096
# Browsers decode these labels as supersets of the encodings they name.
_ENCODING_OF_LABEL = {
    **dict.fromkeys(("iso-8859-1", "latin1", "ascii", "us-ascii", "windows-1252"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk", "gb18030"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "x-sjis"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987"), "cp949"),
    "iso-8859-9": "cp1254",
    "tis-620": "cp874",
}
_ACCEPTED_LABEL = regex.compile(
    r"utf-?8|iso[-_]8859-\d+|windows-\d+|cp\d+|koi8-[ru]|big5|euc-jp|iso-2022-jp|macintosh"
)


def load(data: bytes, name: str) -> Document:
    """Load an .html file. The title is that of the page, else its first heading."""
    declared = _DECLARED_ENCODING.search(data, endpos=_DECLARATION_BYTES)
    page = parse_html(decode(data, name, _browser_encoding(declared)), name)
    title = page.head.css_first("title") if page.head else None
    builder = DocumentBuilder(name)
    extract_blocks(page, builder)
    if builder.has_bold_starts:
        # Pages saved from a text have titles in bold type. In others, short lines are menus and lists.
        builder.find_headings()
    return builder.build(title.text() if title else None)


def _browser_encoding(declared: regex.Match[bytes] | None) -> str | None:
    """Return the encoding that browsers use for a declared label, or None for an unknown one."""
    if declared is None:
        return None
    label = (declared["meta"] or declared["xml"]).decode("ascii", "replace").lower()
    return _ENCODING_OF_LABEL.get(label) or (label if _ACCEPTED_LABEL.fullmatch(label) else None)
