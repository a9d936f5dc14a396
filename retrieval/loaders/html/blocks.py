"""Headings, paragraphs, list items and table rows of an HTML tree, in reading order."""

from collections.abc import Iterator
from typing import NamedTuple

import regex
from selectolax.lexbor import LexborHTMLParser, LexborNode

from retrieval.loaders import document_builder
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.model import LineMark

_WHITE = " \t\n\r\f"
_SPACE = regex.compile(r"[ \t\n\r\f]+")
_EMPTY_LINE = regex.compile(r"\n{2,}")
_START = regex.compile(r"[0-9]{1,9}")
# Between these a line break is no space.
_EAST_ASIAN = r"[\p{Han}\p{Hiragana}\p{Katakana}\u3000-\u303f\uff01-\uff5e]"
_EAST_ASIAN_BREAK = regex.compile(rf"(?<={_EAST_ASIAN})[ \t\r\f]*\n[ \t\n\r\f]*(?={_EAST_ASIAN})")
_IS_EAST_ASIAN = regex.compile(_EAST_ASIAN)


class Piece(NamedTuple):
    """A paragraph, a heading of a level, or (level 0) the names of a table's columns."""

    text: str
    level: int | None = None
    lines: tuple[LineMark, ...] = ()
    in_list: int = 0

    def add_to(self, draft: DocumentBuilder) -> None:
        if self.level is None:
            draft.block(self.text, self.lines, self.in_list)
        elif self.level:
            draft.heading(self.text, self.level, self.lines)
        else:
            draft.aside(self.text, self.lines)


class Inline:
    """The text of one block: white space as a browser shows it, and the source lines of its parts."""

    def __init__(self) -> None:
        self.line: int | None = None
        self.is_after_lead = False
        self._parts: list[str] = []
        self._length = 0
        self._last = self._gap = self._prefix = ""
        self._lines: list[LineMark] = []

    def __bool__(self) -> bool:
        return bool(self._parts)

    def number(self, prefix: str) -> None:
        """Put the number of a list item before the text that comes next."""
        self._prefix = prefix

    def text(self, text: str) -> None:
        words = text.strip(_WHITE)
        if not words:
            self._gap += text
            return
        gap = self._gap + text[: len(text) - len(text.lstrip(_WHITE))]
        if self._last and self._last != "\n" and gap and not self._joins(gap, words[0]):
            self._append(" ")
        if self.line is not None and (not self._lines or self._lines[-1].line != self.line):
            self._lines.append(LineMark(self._length, self.line))
        self._append(self._prefix + _SPACE.sub(" ", _EAST_ASIAN_BREAK.sub("", words)))
        self._gap, self._prefix = text[len(text.rstrip(_WHITE)) :], ""
        self.is_after_lead = False

    def line_break(self) -> None:
        self._gap = ""
        self._append("\n")

    def pieces(self, level: int | None, in_list: int) -> Iterator[Piece]:
        """Part the text at empty lines, and begin anew."""
        text = "".join(self._parts)
        start = 0
        for end in (*_EMPTY_LINE.finditer(text), None):
            stop = end.start() if end else len(text)
            if text[start:stop].strip():
                yield Piece(text[start:stop], level, _within(self._lines, start, stop), in_list)
            start = end.end() if end else stop
        self._parts.clear()
        self._lines.clear()
        self._length, self._last, self._gap, self.is_after_lead = 0, "", "", False

    def _joins(self, gap: str, following: str) -> bool:
        return "\n" in gap and bool(_IS_EAST_ASIAN.match(self._last) and _IS_EAST_ASIAN.match(following))

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        self._last = text[-1]


def _within(lines: list[LineMark], start: int, stop: int) -> tuple[LineMark, ...]:
    """Return the marks of a part, relative to its start."""
    own = [LineMark(max(mark.start - start, 0), mark.line) for mark in lines if mark.start < stop]
    first = max((at for at, mark in enumerate(own) if mark.start == 0), default=0)
    return tuple(own[first:])


class Lists:
    """The lists that are open, their items counted as a browser does where they have numbers."""

    def __init__(self) -> None:
        # Which outermost list or table of the page this is; 0 is none.
        self.number = self._found = 0
        self._open: list[_Count] = []

    def open(self, node: LexborNode) -> None:
        if not self._open:
            self.number = self._found = self._found + 1
        self._open.append(_Count(node))

    def close(self) -> None:
        if self._open:
            self._open.pop()
        if not self._open:
            self.number = 0

    def item(self, node: LexborNode) -> str:
        """Return the number that stands before an item."""
        return self._open[-1].next(node) if self._open else ""

    def table(self) -> int:
        """Return the number of a table, which is that of the list it is in."""
        if not self.number:
            self._found += 1
        return self.number or self._found


class _Count:
    """The numbers of a list's items."""

    def __init__(self, node: LexborNode) -> None:
        attributes = node.attributes
        start = attributes.get("start")
        self._is_numbered = (
            node.tag == "ol" and attributes.get("type") in {None, "1"} and "reversed" not in attributes
        )
        self._next = int(start) if start and _START.fullmatch(start) else 1

    def next(self, item: LexborNode) -> str:
        value = item.attributes.get("value")
        number = int(value) if value and _START.fullmatch(value) else self._next
        self._next = number + 1
        return f"{number}. " if self._is_numbered else ""


# The attribute that gives the source line of an element, in HTML that was made from another format.
LINE = "data-verbatim-line"
_UNSEEN = (
    "script, style, template, noscript, svg, iframe, object, select, datalist, button, audio, video, canvas, "
    "rt, rp, annotation, annotation-xml, [hidden]"
)
# Menus, dialogs and notices about cookies; an article about cookies has its class on body, main or article.
_DEBRIS = (
    "[role=navigation], [role=search], [role=dialog], [role=alertdialog], [role=menu], [role=menubar], "
    ":is(div, section, aside, p, form):is([id*=cookie i], [class*=cookie i]):is([id*=banner i], "
    "[class*=banner i], [id*=consent i], [class*=consent i], [id*=notice i], [class*=notice i])"
)
# Formulas are hidden behind pictures of them, and most of some pages before a script shows it.
_HIDDEN = ", ".join(
    f'[style*="display:{space}none" i]:not(:has(math, main, article, h1))' for space in ("", " ")
)
# Links to a heading, beside it: a sign and no word.
_ANCHORS = ":is(h1, h2, h3, h4, h5, h6, dt) a[href]"
_WORD = regex.compile(r"[\p{L}\p{N}]")
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
# What these say begins the paragraph that follows.
_LEADS = frozenset({"dt", "summary"})
_FOLLOWING = frozenset({"dd", "div", "dt", "p"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_NUMBER = regex.compile(r"[1-9][0-9]{0,2}")
_LINE_NUMBER = regex.compile(r"[1-9][0-9]{0,8}")


def extract_blocks(page: LexborHTMLParser, draft: DocumentBuilder) -> None:
    """Put what a page says into a draft: its main part, else all but its surroundings, else all there is."""
    body = page.body
    if body is None:
        return
    _remove_unseen(body, f"{_UNSEEN}, {_DEBRIS}")
    length = len(body.text())
    for node in _outermost(body, _HIDDEN):
        if 2 * len(node.text()) < length:
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


def extract_all_blocks(page: LexborHTMLParser, draft: DocumentBuilder) -> None:
    """Put all that a page says into a draft, with the lines that its elements name in the attribute LINE."""
    if page.body is not None:
        _remove_unseen(page.body, _UNSEEN)
        for piece in _pieces(page.body, frozenset()):
            piece.add_to(draft)


def _remove_unseen(body: LexborNode, unseen: str) -> None:
    for node in _outermost(body, unseen):
        node.decompose()
    for node in body.css(_ANCHORS):
        if not _WORD.search(node.text()):
            node.decompose()


def _outermost(body: LexborNode, selector: str) -> list[LexborNode]:
    """Select nodes, but none inside another: removing one frees those in it."""
    found = body.css(selector)
    ids = {node.mem_id for node in found}
    return [node for node in found if not _is_within(node, ids)]


def _is_within(node: LexborNode, ids: set[int]) -> bool:
    above = node.parent
    while above is not None:
        if above.mem_id in ids:
            return True
        above = above.parent
    return False


def _pieces(root: LexborNode, skipped: frozenset[str]) -> Iterator[Piece]:
    """Part a page as its blocks do; a table is taken whole, and so is what is set as it is typed."""
    inline = Inline()
    lists = Lists()
    level: int | None = None
    for node, is_opening in _walk(root, skipped):
        tag = node.tag or ""
        if tag == "-text":
            inline.text(node.text_content or "")
            continue
        if tag in _BLOCKS and not _continues(tag, is_opening, inline):
            yield from inline.pieces(level, lists.number)
        if is_opening:
            inline.line = _line(node) or inline.line
        if tag in _HEADINGS:
            level = _HEADINGS[tag] if is_opening else None
        elif is_opening and tag == "pre":
            yield _typed(node, inline.line)._replace(in_list=lists.number)
        elif is_opening and _is_table(node):
            yield from _table(node, inline.line, lists.table())
        else:
            _note(tag, node, is_opening, inline, lists)
    yield from inline.pieces(level, lists.number)


def _note(tag: str, node: LexborNode, is_opening: bool, inline: Inline, lists: "Lists") -> None:
    """Note what an element says by itself: a line break, the number of an item, the end of a term."""
    if tag == "br" and is_opening:
        inline.line_break()
    elif tag in {"ol", "ul"}:
        lists.open(node) if is_opening else lists.close()
    elif tag == "li":
        inline.number(lists.item(node) if is_opening else "")
    elif tag in _LEADS and not is_opening and inline:
        inline.line_break()
        inline.is_after_lead = True


def _continues(tag: str, is_opening: bool, inline: Inline) -> bool:
    """Return whether a block goes on with the text before it: with a term or a summary."""
    if not is_opening:
        return tag in _LEADS
    return inline.is_after_lead and tag in _FOLLOWING


def _line(node: LexborNode) -> int | None:
    value = node.attributes.get(LINE)
    return int(value) if value and _LINE_NUMBER.fullmatch(value) else None


def _typed(node: LexborNode, line: int | None) -> Piece:
    """Take text as it is typed, each of its lines with the number of the source's."""
    for line_break in node.css("br"):
        line_break.replace_with("\n")
    text = node.text()
    if line is None:
        return Piece(text)
    starts = (0, *(found.end() for found in regex.finditer("\n", text)))
    return Piece(text, None, tuple(LineMark(start, line + number) for number, start in enumerate(starts)))


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
    """Return whether a table is data, not page layout."""
    if node.tag != "table" or node.attributes.get("role") in {"presentation", "none"}:
        return False
    row = node.css_first("tr")
    if row is None or row.css_first("table") or len(node.css("table")) > 1:
        return False
    if node.css_first("h1, h2, h3, h4, h5, h6"):
        return False
    return any(len(_cells(row)) > 1 for row in node.css("tr"))


def _table(table: LexborNode, line: int | None, in_list: int) -> Iterator[Piece]:
    columns: tuple[str, ...] = ()
    open_cells: dict[int, tuple[int, str]] = {}
    caption = table.css_first("caption")
    if caption:
        yield Piece(_says(caption), lines=_mark(line))
    for number, row in enumerate(table.css("tr")):
        line = _line(row) or line
        texts = _row(row, open_cells)
        if number == 0 and all(cell.tag == "th" for cell in _cells(row)):
            columns = document_builder.column_names(texts, marked=True)
            yield Piece(document_builder.row_text(texts), 0, _mark(line))
        else:
            yield Piece(document_builder.row_text(texts, columns), None, _mark(line), in_list)


def _mark(line: int | None) -> tuple[LineMark, ...]:
    return () if line is None else (LineMark(0, line),)


def _row(row: LexborNode, open_cells: dict[int, tuple[int, str]]) -> list[str]:
    """Return the text of each column; cells over several rows are repeated, over several columns not."""
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
