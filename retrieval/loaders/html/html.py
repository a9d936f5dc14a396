"""HTML files: decoded as they declare, parsed as browsers do, with limits on hostile markup."""

from collections import Counter

import regex
from selectolax.lexbor import LexborHTMLParser

from retrieval.errors import DocumentError
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.html.blocks import extract_blocks
from retrieval.model import Document

# An element's parser looks through all that are open: this many looks take a second or two.
MOST_NESTED = 50_000_000
# Marks of style left open are opened anew in every block that follows, as 100 to 200 bytes each.
MOST_REOPENED = 3_000_000
_REOPENED = frozenset(
    {"a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"}
)
# Elements without an end, or whose end is understood.
_NEVER_OPEN = frozenset(
    {
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source"),
        *("track", "wbr", "p", "li", "dt", "dd", "option", "optgroup", "tr", "td", "th", "thead", "tbody"),
        *("tfoot", "colgroup", "html", "head", "body"),
    }
)
_TAG = regex.compile(r"<(?P<close>/?)(?P<name>[a-zA-Z][^\s/>]*+)")
# Each attribute is compared with those before it. A tag may be long: pictures are written into them.
MOST_ATTRIBUTES = 5000
_LONG = 50_000
_MOST_LONG = 1000
_SELF_CLOSED = regex.compile(r"<(?P<name>[a-zA-Z][\w:.-]*+)(?P<rest>[^<>]*+)(?<=/)>")
_START = 4096


def parse(text: str, name: str) -> LexborHTMLParser:
    """Parse a page as browsers do. Raises DocumentError when its tags would take too much time or memory."""
    if text[:_START].lstrip().startswith("<?xml"):
        text = _SELF_CLOSED.sub(_spelt_out, text)
    _check_nesting(text, name)
    return LexborHTMLParser(text)


def _spelt_out(match: regex.Match[str]) -> str:
    """Close an element of XML as HTML does, where a slash means nothing."""
    name, rest = match["name"], match["rest"][:-1]
    return f"<{name}{rest}>" if name.lower() in _NEVER_OPEN else f"<{name}{rest}></{name}>"


def _check_nesting(text: str, name: str) -> None:
    """Refuse a page that leaves its elements open by the thousand, before a parser suffers from it."""
    if _is_crowded(text):
        raise DocumentError(name, "has a tag with thousands of attributes; save it anew, or as text")
    unclosed: Counter[str] = Counter()
    deep = reopened = nested = copies = 0
    for tag in _TAG.finditer(text):
        kind = tag["name"].lower()
        if kind not in _NEVER_OPEN:
            step = -1 if tag["close"] else 1
            if step > 0 or unclosed[kind]:
                unclosed[kind] += step
                deep += step
                reopened += step if kind in _REOPENED else 0
        nested += deep
        copies += reopened
        if nested > MOST_NESTED or copies > MOST_REOPENED:
            raise DocumentError(name, "leaves too many of its tags open; save it anew, or as text")


def _is_crowded(text: str) -> bool:
    long = 0
    for tag in _TAG.finditer(text):
        end = tag.end()
        if text.find(">", end, end + _LONG) < 0:
            within = text[end : end + _LONG]
            long += 1
            if long > _MOST_LONG or within.count("=") + within.count(" ") > MOST_ATTRIBUTES:
                return True
    return False


_DECLARED = regex.compile(
    rb"""<meta\s[^>]*?charset\s*=\s*["']?\s*(?P<meta>[\w:-]+)|\A\s*<\?xml[^>]*?encoding\s*=\s*["'](?P<xml>[\w-]+)""",
    regex.IGNORECASE,
)
_DECLARED_WITHIN = 4096
# What browsers take for the names that are too narrow for what people write under them.
_ENCODINGS = {
    **dict.fromkeys(("iso-8859-1", "latin1", "ascii", "us-ascii", "windows-1252"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk", "gb18030"), "gb18030"),
    **dict.fromkeys(("shift_jis", "shift-jis", "x-sjis"), "cp932"),
    **dict.fromkeys(("euc-kr", "ks_c_5601-1987"), "cp949"),
    "iso-8859-9": "cp1254",
    "tis-620": "cp874",
}
_PLAUSIBLE = regex.compile(
    r"utf-?8|iso[-_]8859-\d+|windows-\d+|cp\d+|koi8-[ru]|big5|euc-jp|iso-2022-jp|macintosh"
)


def load(data: bytes, name: str) -> Document:
    """Read a .html file; the title is its own, else its first heading."""
    declared = _DECLARED.search(data, endpos=_DECLARED_WITHIN)
    page = parse(decode(data, name, _encoding(declared)), name)
    title = page.head.css_first("title") if page.head else None
    draft = DocumentBuilder(name)
    extract_blocks(page, draft)
    return draft.document(title.text() if title else None)


def _encoding(declared: regex.Match[bytes] | None) -> str | None:
    """Return the encoding that a page declares, as browsers understand its name."""
    if declared is None:
        return None
    label = (declared["meta"] or declared["xml"]).decode("ascii", "replace").lower()
    return _ENCODINGS.get(label) or (label if _PLAUSIBLE.fullmatch(label) else None)
