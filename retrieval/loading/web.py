"""Web pages: read in the encoding that they name, and parted as a browser would."""

import regex

from retrieval.loading.decoding import decode
from retrieval.loading.draft import Draft
from retrieval.loading.flow import pour
from retrieval.loading.markup import parse
from retrieval.model import Document

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
    draft = Draft(name)
    pour(page, draft)
    return draft.document(title.text() if title else None)


def _encoding(declared: regex.Match[bytes] | None) -> str | None:
    """Give the encoding that a page names, as browsers understand the name."""
    if declared is None:
        return None
    label = (declared["meta"] or declared["xml"]).decode("ascii", "replace").lower()
    return _ENCODINGS.get(label) or (label if _PLAUSIBLE.fullmatch(label) else None)
