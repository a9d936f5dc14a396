"""Loads Org documents (.org): rendered to HTML line by line, without drawers, keywords and markup.

Read here, since no library keeps positions; docs/decisions/0009-text-formats.md compares them.
"""

from html import escape

import regex

from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.html.html import extract_all_blocks, parse_html
from retrieval.loaders.html.writer import HtmlWriter, MarkupLine
from retrieval.model import Document

_KEYWORD = regex.compile(r"\s*#\+(?P<name>[\w-]+)(?:\[[^\]]*\])?:[ \t]*(?P<value>.*)")
_BLOCK_BEGIN = regex.compile(r"\s*#\+begin_(?P<kind>\S+).*", regex.IGNORECASE)
_BLOCK_END = regex.compile(r"\s*#\+end_\S+.*", regex.IGNORECASE)
_HEADING = regex.compile(
    r"(?P<stars>\*+)\s+(?:(?:TODO|DONE|NEXT|WAITING|CANCELLED|CANCELED|INPROGRESS)\s+)?(?:\[#\w\]\s+)?"
    r"(?:COMMENT\s+)?(?P<title>.*?)(?:\s+:[\w@#%:]+:)?\s*"
)
_DRAWER = regex.compile(r"\s*:[\w-]+:\s*")
_DRAWER_END = regex.compile(r"\s*:END:\s*", regex.IGNORECASE)
_PLANNING = regex.compile(
    r"\s*(?:(?:SCHEDULED|DEADLINE|CLOSED|CLOCK):\s*[<\[][^>\]]*[>\]]\S*\s*(?:=>\s*\S+\s*)?)+"
)
_COMMENT = regex.compile(r"\s*#(?:\s.*)?")
_RULE = regex.compile(r"\s*-{5,}\s*")
_FIXED = regex.compile(r"\s*:(?:\s(?P<text>.*))?")
_ROW = regex.compile(r"\s*\|(?P<cells>.*?)\|?\s*")
_RULE_ROW = regex.compile(r"\s*\|-[-+|]*\s*")
_ALIGNMENT = regex.compile(r"<[lrc]?\d*>")
_ITEM = regex.compile(
    r"(?P<indent>\s*)(?:[-+]|(?<=\s)\*|(?P<number>\d{1,6}|[A-Za-z])[.)])(?:\s+(?:\[@\d+\]\s*)?(?P<text>.*)|\s*$)"
)
_CHECKBOX = regex.compile(r"\[[ xX-]\]\s+")
_TERM = regex.compile(r"(?P<term>.+?)\s+::(?:\s+(?P<text>.*)|\s*$)")
_FOOTNOTE = regex.compile(r"\[fn:(?P<name>[\w-]+)\]\s*(?P<text>.*)")
_CODE_BLOCKS = frozenset({"src", "example", "verse"})
_HIDDEN_BLOCKS = frozenset({"comment", "export"})
_SHOWN_KEYWORDS = frozenset({"caption"})
_COMMA = regex.compile(r"^(\s*),(?=\*|#\+|,)", regex.MULTILINE)

_INLINE = regex.compile(
    r"\[\[(?P<target>[^\[\]]{1,2000})\](?:\[(?P<label>[^\[\]]{1,2000}(?:\[[^\[\]]*\][^\[\]]*)?)\])?\]"
    r"|\[fn:(?P<note>[\w-]*)(?::(?P<inline>[^\[\]]*))?\]"
    r"|(?<![^\s\-({'\"])(?P<mark>[=~])(?P<code>[^\s](?:.{0,300}?[^\s])??)(?P=mark)(?![^\s\-.,;:!?'\")}\[\\])"
    r"|<<<?(?P<anchor>[^<>\n]{1,200})>?>>"
    r"|@@\w+:.{0,500}?@@"
    r"|src_\w+(?:\[[^\]]*\])?\{(?P<source>[^{}]*)\}"
    r"|(?P<break>\\\\)$"
)
_EMPHASIS = regex.compile(
    r"(?<![^\s\-({'\">])(?P<mark>[*/_+])(?P<text>[^\s](?:[^\n]{0,300}?[^\s])??)(?P=mark)(?![^\s\-.,;:!?'\")}\[\\<])"
)
_PICTURE = regex.compile(r".*\.(?:png|jpe?g|gif|svg|webp)", regex.IGNORECASE)
_MAX_EMPHASIS_DEPTH = 4


def load(data: bytes, name: str) -> Document:
    """Load an .org file. The title is that of the keyword TITLE, else the first of the highest headings."""
    converter = _OrgConverter(decode(data, name).split("\n"))
    html = converter.convert()
    builder = DocumentBuilder(name)
    extract_all_blocks(parse_html(html, name), builder)
    return builder.build(converter.title, unit="line")


class _OrgConverter:
    """Converts lines to HTML."""

    def __init__(self, lines: list[str]) -> None:
        self.title: str | None = None
        self._lines = lines
        self._at = 0
        self._writer = HtmlWriter()
        self._paragraph: list[MarkupLine] = []
        self._indents: list[int] = []
        self._searched: dict[str, int] = {}

    def convert(self) -> str:
        blank = 0
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not line.strip():
                self._end_paragraph()
                blank += 1
                if blank > 1:
                    self._end_lists()
            else:
                blank = 0
                self._convert_line(line)
            self._at += 1
        self._end_paragraph()
        return self._writer.html()

    def _convert_line(self, line: str) -> None:
        if heading := _HEADING.fullmatch(line):
            self._end_paragraph()
            self._end_lists()
            self._writer.heading(len(heading["stars"]), self._shown(heading["title"]))
        elif block := _BLOCK_BEGIN.fullmatch(line):
            self._convert_block(block["kind"].lower())
        elif _DRAWER.fullmatch(line) and self._find(_DRAWER_END) is not None:
            self._end_paragraph()
            self._at = self._find(_DRAWER_END) or self._at
        elif keyword := _KEYWORD.fullmatch(line):
            self._convert_keyword(keyword["name"].lower(), keyword["value"])
        elif (
            _BLOCK_END.fullmatch(line)
            or _PLANNING.fullmatch(line)
            or _COMMENT.fullmatch(line)
            or _RULE.fullmatch(line)
        ):
            self._end_paragraph()
        elif _ROW.fullmatch(line) and line.lstrip().startswith("|"):
            self._convert_table()
        elif _FIXED.fullmatch(line):
            self._convert_fixed()
        else:
            self._convert_text(line)

    def _convert_text(self, line: str) -> None:
        item = _ITEM.fullmatch(line)
        footnote = _FOOTNOTE.fullmatch(line)
        if item:
            self._end_paragraph()
            self._begin_item(item)
        elif footnote:
            self._end_paragraph()
            self._end_lists()
            self._paragraph = [self._shown(f"[{footnote['name']}] {footnote['text']}")]
        else:
            indent = len(line) - len(line.lstrip())
            if not self._paragraph:
                self._close_lists_within(indent)
            self._paragraph.append(self._shown(line.strip()))

    def _begin_item(self, item: regex.Match[str]) -> None:
        indent = len(item["indent"].expandtabs())
        while self._indents and self._indents[-1] > indent:
            self._indents.pop()
        if not self._indents or self._indents[-1] < indent:
            self._indents.append(indent)
        depth = len(self._indents) - 1
        text = _CHECKBOX.sub("", item["text"] or "", count=1)
        number = item["number"]
        term = _TERM.fullmatch(text) if number is None else None
        if term:
            self._writer.term(depth, self._shown(term["term"]))
            text = term["text"] or ""
        elif number is None:
            self._writer.item(depth, "ul")
        else:
            self._writer.item(depth, "ol", int(number) if number.isdigit() else 1)
        self._paragraph = [self._shown(text)] if text else []

    def _convert_block(self, kind: str) -> None:
        """Convert a block up to its end; one without an end is only its first line."""
        self._end_paragraph()
        end = self._find(regex.compile(rf"\s*#\+end_{regex.escape(kind)}\b.*", regex.IGNORECASE))
        if end is None or kind not in _CODE_BLOCKS | _HIDDEN_BLOCKS:
            return
        if kind in _CODE_BLOCKS:
            text = _COMMA.sub(r"\1", "\n".join(_dedent(self._lines[self._at + 1 : end])))
            self._writer.code(self._at + 2, text)
        self._at = end

    def _convert_keyword(self, name: str, value: str) -> None:
        self._end_paragraph()
        if name == "title" and value.strip():
            self.title = f"{self.title} {value}" if self.title else value
        elif name in _SHOWN_KEYWORDS:
            self._writer.block("p", [self._shown(value)])

    def _convert_table(self) -> None:
        self._end_paragraph()
        rows: list[tuple[int, list[str]]] = []
        has_header = False
        while self._at < len(self._lines) and (row := _ROW.fullmatch(self._lines[self._at])):
            if _RULE_ROW.fullmatch(self._lines[self._at]):
                has_header = has_header or len(rows) == 1
            else:
                cells = [cell.strip() for cell in row["cells"].split("|")]
                if not all(_ALIGNMENT.fullmatch(cell) or not cell for cell in cells):
                    rows.append((self._at + 1, [_inline(cell) for cell in cells]))
            self._at += 1
        self._at -= 1
        self._writer.table(rows, has_header=has_header and len(rows) > 1)

    def _convert_fixed(self) -> None:
        self._end_paragraph()
        first = self._at
        texts = []
        while self._at < len(self._lines) and (fixed := _FIXED.fullmatch(self._lines[self._at])):
            texts.append(fixed["text"] or "")
            self._at += 1
        self._at -= 1
        self._writer.code(first + 1, "\n".join(texts))

    def _find(self, end: regex.Pattern[str]) -> int | None:
        """Return the index of the next line that matches, before the next heading of a drawer or block."""
        # Where a search has found nothing, another one from further down finds nothing either.
        if self._at < self._searched.get(end.pattern, 0):
            return None
        number = self._at + 1
        while number < len(self._lines) and not _HEADING.fullmatch(self._lines[number]):
            if end.fullmatch(self._lines[number]):
                return number
            number += 1
        self._searched[end.pattern] = number
        return None

    def _shown(self, text: str) -> MarkupLine:
        return MarkupLine(self._at + 1, _inline(text))

    def _end_paragraph(self) -> None:
        self._writer.block("p", self._paragraph)
        self._paragraph = []

    def _end_lists(self) -> None:
        self._indents.clear()
        self._writer.end_lists()

    def _close_lists_within(self, indent: int) -> None:
        """Close the items that text with this indentation does not belong to."""
        while self._indents and indent <= self._indents[-1]:
            self._indents.pop()
        self._writer.end_lists(len(self._indents))


def _dedent(lines: list[str]) -> list[str]:
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[indent:] for line in lines]


def _inline(text: str) -> str:
    """Return the HTML of a line without markup."""
    parts = []
    end = 0
    for match in _INLINE.finditer(text):
        parts += [_plain(text[end : match.start()]), _shown_match(match)]
        end = match.end()
    return "".join([*parts, _plain(text[end:])])


def _shown_match(match: regex.Match[str]) -> str:
    if match["target"] is not None:
        label = match["label"] or ("" if _PICTURE.fullmatch(match["target"]) else match["target"])
        return _plain(label if label != match["target"] else label.removeprefix("*"))
    if match["note"] is not None:
        return escape(f"[{match['inline'] or match['note']}]", quote=False)
    if match["break"]:
        return "<br>"
    return escape(match["code"] or match["source"] or "", quote=False)


def _plain(text: str) -> str:
    for _ in range(_MAX_EMPHASIS_DEPTH):
        changed = _EMPHASIS.sub(r"\g<text>", text)
        if changed == text:
            break
        text = changed
    return escape(text, quote=False)
