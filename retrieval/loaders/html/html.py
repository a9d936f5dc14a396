"""HTML files, and the headings, paragraphs, list items and table rows of an HTML tree, in reading order."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import regex
from selectolax.lexbor import LexborHTMLParser, LexborNode

from retrieval.errors import DocumentError
from retrieval.loaders import table_rows
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.table_rows import TableRow
from retrieval.model import Document, LineMark

_WHITE_SPACE = " \t\n\r\f"
_WHITE_SPACE_RUN = regex.compile(r"[ \t\n\r\f]+")
_EMPTY_LINES = regex.compile(r"\n{2,}")
_ITEM_NUMBER = regex.compile(r"[0-9]{1,9}")
# A line break between two of these characters is not a space.
_EAST_ASIAN = r"[\p{Han}\p{Hiragana}\p{Katakana}\u3000-\u303f\uff01-\uff5e]"
_EAST_ASIAN_BREAK = regex.compile(rf"(?<={_EAST_ASIAN})[ \t\r\f]*\n[ \t\n\r\f]*(?={_EAST_ASIAN})")
_IS_EAST_ASIAN = regex.compile(_EAST_ASIAN)


class HtmlBlock(NamedTuple):
    """A paragraph (`level` None), or a heading of a level from 1."""

    text: str
    level: int | None = None
    lines: tuple[LineMark, ...] = ()
    list_number: int = 0
    # Whether it is a row of a table of values, with the names of its columns.
    is_row: bool = False
    # So many characters at its start are in bold type.
    bold_chars: int = 0


class BlockText:
    """Accumulates the text of one block, with white space collapsed as in browsers, and its line marks."""

    def __init__(self) -> None:
        self.line: int | None = None
        self.is_after_lead = False
        # The number of open elements of bold type.
        self.bold_depth = 0
        self._bold_chars = 0
        self._parts: list[str] = []
        self._length = 0
        self._last = self._gap = self._prefix = ""
        self._lines: list[LineMark] = []

    def __bool__(self) -> bool:
        return bool(self._parts)

    def prefix_next(self, prefix: str) -> None:
        """Put a prefix, such as the number of a list item, before the next text."""
        self._prefix = prefix

    def add_text(self, text: str) -> None:
        words = text.strip(_WHITE_SPACE)
        if not words:
            self._gap += text
            return
        is_bold = self.bold_depth > 0 and self._bold_chars == self._length
        gap = self._gap + text[: len(text) - len(text.lstrip(_WHITE_SPACE))]
        if self._last and self._last != "\n" and gap and not self._is_east_asian_break(gap, words[0]):
            self._append(" ")
        if self.line is not None and (not self._lines or self._lines[-1].line != self.line):
            self._lines.append(LineMark(self._length, self.line))
        self._append(self._prefix + _WHITE_SPACE_RUN.sub(" ", _EAST_ASIAN_BREAK.sub("", words)))
        self._gap, self._prefix = text[len(text.rstrip(_WHITE_SPACE)) :], ""
        if is_bold:
            self._bold_chars = self._length
        self.is_after_lead = False

    def add_line_break(self) -> None:
        self._gap = ""
        self._append("\n")

    def take_blocks(self, level: int | None, list_number: int) -> Iterator[HtmlBlock]:
        """Yield the text so far, split at empty lines, and reset."""
        text = "".join(self._parts)
        start = 0
        for end in (*_EMPTY_LINES.finditer(text), None):
            stop = end.start() if end else len(text)
            if text[start:stop].strip():
                yield HtmlBlock(
                    text[start:stop],
                    level,
                    _marks_between(self._lines, start, stop),
                    list_number,
                    bold_chars=self._bold_chars if start == 0 else 0,
                )
            start = end.end() if end else stop
        self._parts.clear()
        self._lines.clear()
        self._length = self._bold_chars = 0
        self._last, self._gap, self.is_after_lead = "", "", False

    def _is_east_asian_break(self, gap: str, following: str) -> bool:
        return "\n" in gap and bool(_IS_EAST_ASIAN.match(self._last) and _IS_EAST_ASIAN.match(following))

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        self._last = text[-1]


def _marks_between(lines: list[LineMark], start: int, stop: int) -> tuple[LineMark, ...]:
    """Return the line marks between two offsets, relative to the first."""
    shifted = [LineMark(max(mark.start - start, 0), mark.line) for mark in lines if mark.start < stop]
    first = max((index for index, mark in enumerate(shifted) if mark.start == 0), default=0)
    return tuple(shifted[first:])


class ListNumbering:
    """Numbers the items of open lists as browsers do, and the outermost lists and tables of a page."""

    def __init__(self) -> None:
        # The number of the current outermost list or table, from 1; 0 outside of them.
        self.number = self._total = 0
        self._open: list[_ItemCounter] = []

    def open(self, node: LexborNode) -> None:
        if not self._open:
            self.number = self._total = self._total + 1
        self._open.append(_ItemCounter(node))

    def close(self) -> None:
        if self._open:
            self._open.pop()
        if not self._open:
            self.number = 0

    def item_prefix(self, node: LexborNode) -> str:
        """Return the number before an item, such as `3. `, or an empty string."""
        return self._open[-1].next(node) if self._open else ""

    def table_number(self) -> int:
        """Return the number of a new table: that of the list around it, if there is one."""
        if not self.number:
            self._total += 1
        return self.number or self._total


class _ItemCounter:
    """Counts the items of one list."""

    def __init__(self, node: LexborNode) -> None:
        attributes = node.attributes
        start = attributes.get("start")
        self._is_numbered = (
            node.tag == "ol" and attributes.get("type") in {None, "1"} and "reversed" not in attributes
        )
        self._next = int(start) if start and _ITEM_NUMBER.fullmatch(start) else 1

    def next(self, item: LexborNode) -> str:
        value = item.attributes.get("value")
        number = int(value) if value and _ITEM_NUMBER.fullmatch(value) else self._next
        self._next = number + 1
        return f"{number}. " if self._is_numbered else ""


# The attribute with the source line of an element, in HTML rendered from another format.
LINE_ATTRIBUTE = "data-verbatim-line"
_INVISIBLE = (
    "script, style, template, noscript, svg, iframe, object, select, datalist, button, audio, video, canvas, "
    "rt, rp, annotation, annotation-xml, [hidden]"
)
# Menus, dialogs and cookie notices; a page about cookies has such a class on its body, main or article.
_PAGE_FURNITURE = (
    "[role=navigation], [role=search], [role=dialog], [role=alertdialog], [role=menu], [role=menubar], "
    ":is(div, section, aside, p, form):is([id*=cookie i], [class*=cookie i]):is([id*=banner i], "
    "[class*=banner i], [id*=consent i], [class*=consent i], [id*=notice i], [class*=notice i])"
)
# Hidden elements, but not formulas, which pages hide behind pictures of them, nor the main content.
_HIDDEN = ", ".join(
    f'[style*="display:{space}none" i]:not(:has(math, main, article, h1))' for space in ("", " ")
)
# Headings may have a link to themselves whose text is a symbol such as "#" or "¶".
_HEADING_LINKS = ":is(h1, h2, h3, h4, h5, h6, dt) a[href]"
_WORD = regex.compile(r"[\p{L}\p{N}]")
# Elements around the main content of a page; within an article they belong to it.
_OUTSIDE_MAIN = frozenset({"nav", "footer", "aside"})
_BLOCK_TAGS = frozenset(
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
# The text of these elements becomes the first line of the block after them.
_LEAD_TAGS = frozenset({"dt", "summary"})
_TAGS_AFTER_LEAD = frozenset({"dd", "div", "dt", "p"})
_HEADING_LEVELS = {f"h{level}": level for level in range(1, 7)}
_CELL_SPAN = regex.compile(r"[1-9][0-9]{0,2}")
_BOLD_TAGS = frozenset({"b", "strong"})
_BOLD_STYLE = regex.compile(r"font-weight\s*:\s*(?:bold|[6-9]00)\b", regex.IGNORECASE)
_LINE_NUMBER = regex.compile(r"[1-9][0-9]{0,8}")


def extract_blocks(page: LexborHTMLParser, builder: DocumentBuilder) -> None:
    """Add the main content of a page to a builder, or its body, or its body with menus and footers.

    The first of these that has a paragraph is taken.
    """
    body = page.body
    if body is None:
        return
    _remove_invisible(body, f"{_INVISIBLE}, {_PAGE_FURNITURE}")
    length = len(body.text())
    # Some pages hide most of their text until a script shows it.
    for node in _outermost(body, _HIDDEN):
        if 2 * len(node.text()) < length:
            node.decompose()
    around = _OUTSIDE_MAIN | {"header"} if body.css_first("article") else _OUTSIDE_MAIN
    main = body.css_first("main, [role=main]")
    attempts = ((main or body, around), (body, around), (body, frozenset[str]()))
    for root, skipped in attempts:
        blocks = list(_blocks(root, skipped))
        if any(block.level is None for block in blocks):
            break
    _add_blocks(blocks, builder)


def extract_all_blocks(page: LexborHTMLParser, builder: DocumentBuilder) -> None:
    """Add all visible text of a page to a builder, with the source lines that LINE_ATTRIBUTE gives."""
    if page.body is not None:
        _remove_invisible(page.body, _INVISIBLE)
        _add_blocks(_blocks(page.body, frozenset()), builder)


def _add_blocks(blocks: Iterable[HtmlBlock], builder: DocumentBuilder) -> None:
    title, is_in_table = "", False
    for block in blocks:
        if block.is_row and not is_in_table:
            title = builder.take_table_title()
        is_in_table = block.is_row
        if block.is_row:
            builder.add_row(block.text, title, block.lines, block.list_number)
        elif block.level is None:
            builder.add_block(block.text, block.lines, block.list_number, bold_chars=block.bold_chars)
        else:
            builder.add_heading(block.text, block.level, block.lines)


def _remove_invisible(body: LexborNode, selector: str) -> None:
    for node in _outermost(body, selector):
        node.decompose()
    for node in body.css(_HEADING_LINKS):
        if not _WORD.search(node.text()):
            node.decompose()


def _outermost(body: LexborNode, selector: str) -> list[LexborNode]:
    """Return the selected nodes that are not inside another: removing a node frees its descendants."""
    nodes = body.css(selector)
    ids = {node.mem_id for node in nodes}
    return [node for node in nodes if not _has_ancestor(node, ids)]


def _has_ancestor(node: LexborNode, ids: set[int]) -> bool:
    above = node.parent
    while above is not None:
        if above.mem_id in ids:
            return True
        above = above.parent
    return False


def _blocks(root: LexborNode, skipped: frozenset[str]) -> Iterator[HtmlBlock]:
    """Yield the blocks of a tree; tables and preformatted text are converted whole."""
    inline = BlockText()
    lists = ListNumbering()
    level: int | None = None
    for node, is_opening in _walk(root, skipped):
        tag = node.tag or ""
        if tag == "-text":
            inline.add_text(node.text_content or "")
            continue
        if tag in _BLOCK_TAGS and not _continues(tag, is_opening, inline):
            yield from inline.take_blocks(level, lists.number)
        if is_opening:
            inline.line = _source_line(node) or inline.line
        if tag in _HEADING_LEVELS:
            level = _HEADING_LEVELS[tag] if is_opening else None
        elif is_opening and tag == "pre":
            yield _preformatted(node, inline.line)._replace(list_number=lists.number)
        elif is_opening and _is_table(node):
            yield from _table_blocks(node, inline.line, lists.table_number())
        else:
            _apply_tag(tag, node, is_opening, inline, lists)
    yield from inline.take_blocks(level, lists.number)


def _apply_tag(tag: str, node: LexborNode, is_opening: bool, inline: BlockText, lists: ListNumbering) -> None:
    """Apply the effect of a tag on the text: a line break, an item's number or the end of a lead."""
    if tag == "br" and is_opening:
        inline.add_line_break()
    elif _is_bold(node):
        inline.bold_depth += 1 if is_opening else -1
    elif tag in {"ol", "ul"}:
        lists.open(node) if is_opening else lists.close()
    elif tag == "li":
        inline.prefix_next(lists.item_prefix(node) if is_opening else "")
    elif tag in _LEAD_TAGS and not is_opening and inline:
        inline.add_line_break()
        inline.is_after_lead = True


def _is_bold(node: LexborNode) -> bool:
    if node.tag != "span":
        return node.tag in _BOLD_TAGS
    return _BOLD_STYLE.search(node.attributes.get("style") or "") is not None


def _continues(tag: str, is_opening: bool, inline: BlockText) -> bool:
    """Return whether a tag continues the current block, as the definition after a term does."""
    if not is_opening:
        return tag in _LEAD_TAGS
    return inline.is_after_lead and tag in _TAGS_AFTER_LEAD


def _source_line(node: LexborNode) -> int | None:
    value = node.attributes.get(LINE_ATTRIBUTE)
    return int(value) if value and _LINE_NUMBER.fullmatch(value) else None


def _preformatted(node: LexborNode, line: int | None) -> HtmlBlock:
    """Return preformatted text as a block, with a line mark for each of its lines."""
    for line_break in node.css("br"):
        line_break.replace_with("\n")
    text = node.text()
    if line is None:
        return HtmlBlock(text)
    starts = (0, *(match.end() for match in regex.finditer("\n", text)))
    return HtmlBlock(text, None, tuple(LineMark(start, line + number) for number, start in enumerate(starts)))


def _walk(root: LexborNode, skipped: frozenset[str]) -> Iterator[tuple[LexborNode, bool]]:
    """Yield each node as it opens and each element as it closes, but nothing inside tables and <pre>.

    `skipped` elements are dropped except within articles.
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
    """Return whether an element is a table of data, not of page layout."""
    if node.tag != "table" or node.attributes.get("role") in {"presentation", "none"}:
        return False
    row = node.css_first("tr")
    if row is None or row.css_first("table") or len(node.css("table")) > 1:
        return False
    if node.css_first("h1, h2, h3, h4, h5, h6"):
        return False
    return any(len(_cells(row)) > 1 for row in node.css("tr"))


def _table_blocks(table: LexborNode, line: int | None, list_number: int) -> Iterator[HtmlBlock]:
    caption = table.css_first("caption")
    if caption:
        yield HtmlBlock(_cell_text(caption), lines=_line_mark(line))
    rows: list[TableRow] = []
    lines: list[int | None] = []
    open_cells: dict[int, tuple[int, str]] = {}
    for row in table.css("tr"):
        line = _source_line(row) or line
        lines.append(line)
        cells = _cells(row)
        rows.append(
            _read_row(cells, open_cells, is_header=_is_header(row, cells) and all(r.is_header for r in rows))
        )
    for text in table_rows.lay_out(rows):
        for part in text.parts:
            yield HtmlBlock(part, None, _line_mark(lines[text.row]), list_number, text.is_of_values)


def _is_header(row: LexborNode, cells: list[LexborNode]) -> bool:
    """Return whether a row is marked as column names, in the head of its table or in all of its cells."""
    parent = row.parent
    return (parent is not None and parent.tag == "thead") or (
        bool(cells) and all(cell.tag == "th" for cell in cells)
    )


def _line_mark(line: int | None) -> tuple[LineMark, ...]:
    return () if line is None else (LineMark(0, line),)


def _read_row(
    cells: list[LexborNode], open_cells: dict[int, tuple[int, str]], *, is_header: bool
) -> TableRow:
    """Return a row. A cell is repeated in all rows it spans, but not in all columns."""
    texts: list[str] = []
    covered: set[int] = set()
    for cell in cells:
        _repeat_open_cells(texts, open_cells)
        text, attributes = _cell_text(cell), cell.attributes
        if (rows := _cell_span(attributes.get("rowspan"))) > 1:
            open_cells[len(texts)] = (rows - 1, text)
        texts.append(text)
        width = _cell_span(attributes.get("colspan")) - 1
        covered.update(range(len(texts), len(texts) + width))
        texts += [""] * width
    _repeat_open_cells(texts, open_cells)
    return TableRow(tuple(texts), is_header, frozenset(covered), is_strong=_is_strong(cells[:1]))


def _is_strong(first: list[LexborNode]) -> bool:
    """Return whether all text of a row's first cell is emphasized."""
    for cell in first:
        strong = cell.css_first("b, strong")
        return cell.tag == "th" or (strong is not None and strong.text().strip() == cell.text().strip())
    return False


def _repeat_open_cells(texts: list[str], open_cells: dict[int, tuple[int, str]]) -> None:
    while len(texts) in open_cells:
        rows_left, text = open_cells.pop(len(texts))
        if rows_left > 1:
            open_cells[len(texts)] = (rows_left - 1, text)
        texts.append(text)


def _cells(row: LexborNode) -> list[LexborNode]:
    return [node for node in row.iter() if node.tag in {"td", "th"}]


def _cell_text(node: LexborNode) -> str:
    return "\n".join(block.text.strip() for block in _blocks(node, frozenset()))


def _cell_span(value: str | None) -> int:
    return int(value) if value and _CELL_SPAN.fullmatch(value) else 1


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
# The parser compares each attribute with all before it. A long tag alone is harmless: it may embed a picture.
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
