"""What a web page says: headings, paragraphs, lists, and tables by row, in the order of reading."""

from collections.abc import Iterator
from typing import NamedTuple

import regex
from selectolax.lexbor import LexborHTMLParser, LexborNode

from retrieval.loading import rows
from retrieval.loading.draft import Draft

_UNSEEN = (
    "script, style, template, noscript, svg, iframe, object, select, datalist, button, audio, video, canvas, "
    "rt, rp, [hidden]"
)
# What stands around the text of a page; within an article they are a part of it.
_AROUND = frozenset({"nav", "footer", "aside"})
_BLOCKS = frozenset(
    {
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "body",
            "caption",
            "center",
            "dd",
            "details",
            "dialog",
        ),
        *("div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4"),
        *("h5", "h6", "header", "hr", "html", "legend", "li", "main", "nav", "ol", "p", "pre", "section"),
        *("summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
    }
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SPACE = regex.compile(r"[ \t\n\r\f]+")
_SPACES = regex.compile(r" {2,}")
_BREAKS = regex.compile(r" ?\n ?")
_EMPTY_LINE = regex.compile(r"\n{2,}")
_NUMBER = regex.compile(r"[1-9][0-9]{0,2}")


def pour(page: LexborHTMLParser, draft: Draft) -> None:
    """Put what a page says into a draft: its main part, else all but its surroundings, else all there is."""
    body = page.body
    if body is None:
        return
    for node in body.css(_UNSEEN):
        node.decompose()
    around = _AROUND | {"header"} if body.css_first("article") else _AROUND
    main = body.css_first("main, [role=main]")
    attempts = ((main or body, around), (body, around), (body, frozenset[str]()))
    for root, skipped in attempts:
        pieces = list(_pieces(root, skipped))
        if any(piece.level is None for piece in pieces):
            break
    for piece in pieces:
        piece.add_to(draft)


class _Piece(NamedTuple):
    """A paragraph, a heading of a level, or (level 0) the names of a table's columns."""

    text: str
    level: int | None = None

    def add_to(self, draft: Draft) -> None:
        if self.level is None:
            draft.block(self.text)
        elif self.level:
            draft.heading(self.text, self.level)
        else:
            draft.aside(self.text)


def _pieces(root: LexborNode, skipped: frozenset[str]) -> Iterator[_Piece]:
    """Part a page as its blocks do; a table is taken whole, and so is what is set as it is typed."""
    inline: list[str] = []
    level: int | None = None
    for node, is_opening in _walk(root, skipped):
        tag = node.tag or ""
        if tag == "-text":
            inline.append(_SPACE.sub(" ", node.text_content or ""))
        elif is_opening and (tag == "br" or (tag == "dd" and inline)):
            inline.append("\n")
        elif tag in _BLOCKS and not (tag == "dt" and not is_opening):
            yield from _paragraphs(inline, level)
            inline.clear()
        if tag in _HEADINGS:
            level = _HEADINGS[tag] if is_opening else None
        elif is_opening and tag == "pre":
            yield _Piece(node.text())
        elif is_opening and _is_table(node):
            yield from _table(node)
    yield from _paragraphs(inline, level)


def _paragraphs(inline: list[str], level: int | None) -> Iterator[_Piece]:
    """Part what stands in one block at empty lines."""
    text = _BREAKS.sub("\n", _SPACES.sub(" ", "".join(inline)))
    for paragraph in _EMPTY_LINE.split(text):
        if paragraph.strip():
            yield _Piece(paragraph, level)


def _walk(root: LexborNode, skipped: frozenset[str]) -> Iterator[tuple[LexborNode, bool]]:
    """Yield each node as it opens, and each element as it closes, but nothing within those taken whole.

    What is skipped is skipped outside articles only.
    """
    above: list[LexborNode] = []
    articles = 0
    node = root.first_child
    while node is not None or above:
        if node is None:
            node = above.pop()
            articles -= node.tag == "article"
            yield node, False
            node = node.next
            continue
        if node.tag in skipped and not articles:
            node = node.next
            continue
        yield node, True
        if node.is_element_node and node.tag != "pre" and not _is_table(node):
            articles += node.tag == "article"
            above.append(node)
            node = node.first_child
        else:
            node = node.next


# Tables


def _is_table(node: LexborNode) -> bool:
    """Tell a table of rows and columns from a frame for the layout of a page."""
    if node.tag != "table" or node.attributes.get("role") in {"presentation", "none"}:
        return False
    row = node.css_first("tr")
    if row is None or row.css_first("table") or len(node.css("table")) > 1:
        return False
    if node.css_first("h1, h2, h3, h4, h5, h6"):
        return False
    return any(len(_cells(row)) > 1 for row in node.css("tr"))


def _table(table: LexborNode) -> Iterator[_Piece]:
    columns: tuple[str, ...] = ()
    open_cells: dict[int, tuple[int, str]] = {}
    caption = table.css_first("caption")
    if caption:
        yield _Piece(_says(caption))
    for number, row in enumerate(table.css("tr")):
        texts = _row(row, open_cells)
        if number == 0 and all(cell.tag == "th" for cell in _cells(row)):
            columns = rows.names(texts, marked=True)
            yield _Piece(rows.line(texts), 0)
        else:
            yield _Piece(rows.line(texts, columns))


def _row(row: LexborNode, open_cells: dict[int, tuple[int, str]]) -> list[str]:
    """Give the text of each column; a cell over several rows is given in each, a wide one in its first."""
    texts: list[str] = []
    for cell in _cells(row):
        _carry_on(texts, open_cells)
        text, attributes = _says(cell), cell.attributes
        if (down := _count(attributes.get("rowspan"))) > 1:
            open_cells[len(texts)] = (down - 1, text)
        texts += [text] + [""] * (_count(attributes.get("colspan")) - 1)
    _carry_on(texts, open_cells)
    return texts


def _carry_on(texts: list[str], open_cells: dict[int, tuple[int, str]]) -> None:
    while len(texts) in open_cells:
        left, text = open_cells.pop(len(texts))
        if left > 1:
            open_cells[len(texts)] = (left - 1, text)
        texts.append(text)


def _cells(row: LexborNode) -> list[LexborNode]:
    return [node for node in row.iter() if node.tag in {"td", "th"}]


def _says(node: LexborNode) -> str:
    return "\n".join(piece.text.strip() for piece in _pieces(node, frozenset()))


def _count(value: str | None) -> int:
    return int(value) if value and _NUMBER.fullmatch(value) else 1
