"""HTML that may be hostile, parsed as browsers do."""

from collections import Counter

import regex
from selectolax.lexbor import LexborHTMLParser

from retrieval.errors import DocumentError

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
