"""Loads AsciiDoc (.adoc): rendered to HTML line by line, without directives, attributes and markup.

Read here, since the only complete reader in Python is under the GPL; docs/decisions/0009-text-formats.md
compares them. Nothing is included from other files.
"""

import csv
from html import escape

import regex

from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.html.html import extract_all_blocks, parse_html
from retrieval.loaders.html.writer import HtmlWriter, MarkupLine
from retrieval.model import Document

_HEADING = regex.compile(r"(?P<marks>={1,6}|#{1,6})[ \t]+(?P<title>\S.*?)(?:[ \t]+(?P=marks))?\s*")
_UNDERLINE = regex.compile(r"={4,}|-{4,}|~{4,}|\^{4,}|\+{4,}")
_UNDERLINE_LEVELS = {"=": 1, "-": 2, "~": 3, "^": 4, "+": 5}
_MAX_UNDERLINE_OFF = 1
_ATTRIBUTE = regex.compile(r":(?P<name>!?[\w][\w-]*!?):(?:[ \t]+(?P<value>.*?))?\s*")
_ATTRIBUTE_USE = regex.compile(r"\{(?P<name>[\w][\w-]*)\}")
_MAX_VALUE_CHARS = 500
_BUILT_IN = {
    "nbsp": "\u00a0", "sp": " ", "empty": "", "blank": "", "amp": "&", "lt": "<", "gt": ">", "plus": "+",
    "vbar": "|", "asterisk": "*", "backslash": "\\", "apos": "'", "quot": '"', "ldquo": "“", "rdquo": "”",
    "lsquo": "‘", "rsquo": "’", "deg": "°", "caret": "^", "tilde": "~", "startsb": "[", "endsb": "]",
    "two-colons": "::", "two-semicolons": ";;", "cpp": "C++", "zwsp": "", "wj": "", "brvbar": "¦",
}  # fmt: skip
_BLOCK_ATTRIBUTES = regex.compile(r"\[(?:\[[^\[\]]+\]|[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*)\]\s*")
_BLOCK_TITLE = regex.compile(r"\.(?P<title>[^\s.].*)")
_CODE_FENCE = regex.compile(r"(?P<mark>-{4,}|\.{4,}|/{4,}|\+{4,}|`{3,})(?P<rest>.*?)\s*")
_CONTAINER = regex.compile(r"(?:={4,}|\*{4,}|_{4,}|--|~{4,})\s*")
_TABLE = regex.compile(r"[|,:!]={3,}\s*")
_DIRECTIVE = regex.compile(
    r"(?:include|ifdef|ifndef|ifeval|endif|image|video|audio|toc|tag|end)::.*|'{3,}|<{3,}|//(?!/).*"
)
_ITEM = regex.compile(
    r"[ \t]*(?P<mark>\*{1,6}|-|\.{1,6}|(?P<number>\d{1,6})\.|[a-zA-Z]\.|<(?P<callout>\d+|\.)>)"
    r"[ \t]+(?P<text>\S.*)"
)
_TERM = regex.compile(r"[ \t]*(?P<term>\S.*?)(?P<mark>:{2,4}|;;)(?:[ \t]+(?P<text>.*)|\s*)")
_CALLOUT = regex.compile(r"[ \t]*(?:(?://|#|;;|--)[ \t]*)?<\d+>$", regex.MULTILINE)
_CHECKBOX = regex.compile(r"\[[ xX*]\]\s+")
_CODE_STYLES = regex.compile(r"\[\s*(?:source|listing|literal|stem|latexmath|asciimath|verse|,)[\s,%#.\]]?")
_HEADER_OPTION = regex.compile(r"header|%h")
_COLUMNS = regex.compile(r"cols\s*=\s*(?:\"(?P<quoted>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s,\]]+))")
_CELL = regex.compile(
    r"(?<![^\s|])(?P<spec>(?:\d{0,3}(?:\.\d{1,3})?[+*])?[<^>]?(?:\.[<^>])?[aehlmdsv]?)\|"
    r"|(?<!\\)\|"
)
_MAX_SPAN = 50


def load(data: bytes, name: str) -> Document:
    """Load an .adoc file. The title is that of its header, else the first of the highest headings."""
    converter = _AsciidocConverter(decode(data, name).split("\n"))
    html = converter.convert()
    builder = DocumentBuilder(name)
    extract_all_blocks(parse_html(html, name), builder)
    return builder.build(unit="line")


class _AsciidocConverter:
    """Converts lines to HTML."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = [line.rstrip() for line in lines]
        self._at = 0
        self._writer = HtmlWriter()
        self._paragraph: list[MarkupLine] = []
        self._values = dict(_BUILT_IN)
        self._marks: list[str] = []
        # The line of block attributes above the block, and whether a list continues after a `+`.
        self._style = ""
        self._is_attached = False

    def convert(self) -> str:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not line:
                self._end_paragraph()
            elif not self._convert_block(line) and not self._convert_list(line):
                self._convert_text(line)
            self._at += 1
        self._end_paragraph()
        return self._writer.html()

    def _convert_block(self, line: str) -> bool:
        """Convert a line that is not text. Return False for any other line."""
        heading = _HEADING.fullmatch(line)
        if heading:
            self._add_heading(len(heading["marks"]), heading["title"])
        elif _TABLE.fullmatch(line):
            self._convert_table(line)
        elif (fence := _CODE_FENCE.fullmatch(line)) and (fence["mark"][0] == "`" or not fence["rest"]):
            self._convert_fence(fence["mark"])
        elif _CONTAINER.fullmatch(line) or line == "+":
            self._end_paragraph()
            self._is_attached = line == "+"
        elif _DIRECTIVE.fullmatch(line):
            self._style = ""
        elif attribute := _ATTRIBUTE.fullmatch(line):
            self._define(attribute["name"], attribute["value"] or "")
        elif _BLOCK_ATTRIBUTES.fullmatch(line) and not self._paragraph:
            self._style = line
        elif (title := _BLOCK_TITLE.fullmatch(line)) and not self._paragraph:
            self._end_lists()
            self._writer.block("p", [self._shown(title["title"])])
        else:
            return self._convert_underlined(line)
        return True

    def _convert_underlined(self, line: str) -> bool:
        """Convert a heading that is underlined in the next line."""
        below = self._lines[self._at + 1] if self._at + 1 < len(self._lines) else ""
        if self._paragraph or not _UNDERLINE.fullmatch(below):
            return False
        if abs(len(below) - len(line)) > _MAX_UNDERLINE_OFF or line[0] in ".[|<":
            return False
        self._add_heading(_UNDERLINE_LEVELS[below[0]], line)
        self._at += 1
        return True

    def _add_heading(self, level: int, title: str) -> None:
        self._end_paragraph()
        self._end_lists()
        self._style = ""
        self._writer.heading(level, self._shown(title))

    def _define(self, name: str, value: str) -> None:
        while value.endswith(" \\") and self._at + 1 < len(self._lines):
            self._at += 1
            value = f"{value[:-2]} {self._lines[self._at].strip()}"
        if "!" in name:
            self._values.pop(name.strip("!"), None)
        else:
            self._values[name.lower()] = self._resolve(value)[:_MAX_VALUE_CHARS]

    def _resolve(self, text: str) -> str:
        """Replace the attributes that the file defines."""
        if "{" not in text:
            return text
        return _ATTRIBUTE_USE.sub(lambda use: self._values.get(use["name"].lower(), use[0]), text)

    def _convert_fence(self, mark: str) -> None:
        """Convert a block of code, a comment or a passthrough; one without an end extends to the end."""
        self._end_paragraph()
        if not self._is_attached:
            self._end_lists()
        first = self._at + 1
        end = next((n for n in range(first, len(self._lines)) if self._lines[n] == mark), len(self._lines))
        if mark[0] in "-.`":
            text = "\n".join(self._lines[first:end])
            self._writer.code(first + 1, _CALLOUT.sub("", text))
        self._style, self._is_attached = "", False
        self._at = end

    def _convert_list(self, line: str) -> bool:
        item = _ITEM.fullmatch(line)
        if item:
            self._end_paragraph()
            mark = item["mark"]
            is_numbered = mark[0] == "." or mark[-1] == "." or item["callout"] is not None
            kind = "1." if item["number"] else "<>" if item["callout"] else mark
            self._writer.item(self._depth_of(kind), "ol" if is_numbered else "ul", int(item["number"] or 1))
            self._paragraph = [self._shown(_CHECKBOX.sub("", item["text"], count=1))]
            return True
        term = _TERM.fullmatch(line) if not self._paragraph or self._marks else None
        if term and "::" not in term["term"]:
            self._end_paragraph()
            self._writer.term(self._depth_of(term["mark"]), self._shown(term["term"]))
            self._paragraph = [self._shown(term["text"])] if term["text"] else []
            return True
        return False

    def _depth_of(self, mark: str) -> int:
        """Return the depth of the list whose items have this mark; a new mark opens a list inside."""
        self._style, self._is_attached = "", False
        if mark in self._marks:
            del self._marks[self._marks.index(mark) + 1 :]
        else:
            self._marks.append(mark)
        return len(self._marks) - 1

    def _convert_text(self, line: str) -> None:
        if self._paragraph:
            self._paragraph.append(self._shown(line))
            return
        is_term_text = self._lines[self._at - 1] and self._marks and self._at > 0
        if self._marks and not self._is_attached and not line[0].isspace() and not is_term_text:
            self._end_lists()
        is_code = bool(_CODE_STYLES.match(self._style)) or (line[0].isspace() and not self._marks)
        self._style, self._is_attached = "", False
        if not is_code:
            self._paragraph.append(self._shown(line))
            return
        first = self._at
        while self._at < len(self._lines) and self._lines[self._at]:
            self._at += 1
        self._writer.code(first + 1, "\n".join(_dedent(self._lines[first : self._at])))

    def _convert_table(self, mark: str) -> None:
        self._end_paragraph()
        if not self._is_attached:
            self._end_lists()
        style, self._style, self._is_attached = self._style, "", False
        first = self._at + 1
        end = next((n for n in range(first, len(self._lines)) if self._lines[n] == mark), len(self._lines))
        lines = [(number + 1, self._lines[number]) for number in range(first, end)]
        lines = [(number, line) for number, line in lines if not _DIRECTIVE.fullmatch(line)]
        self._at = end
        while lines and not lines[0][1]:
            lines.pop(0)
        if mark[0] in ",:":
            rows = [
                (number, next(csv.reader([line], delimiter=mark[0]), [])) for number, line in lines if line
            ]
            is_split = False
        else:
            rows, is_split = _split_rows(lines, style, mark[0])
        has_header = bool(_HEADER_OPTION.search(style)) or is_split
        shown = [(number, [_shown_cell(self._resolve(cell)) for cell in cells]) for number, cells in rows]
        self._writer.table(shown, has_header=has_header and len(rows) > 1)

    def _shown(self, text: str) -> MarkupLine:
        return MarkupLine(self._at + 1, _inline(self._resolve(text.strip())))

    def _end_paragraph(self) -> None:
        self._writer.block("p", self._paragraph)
        self._paragraph = []

    def _end_lists(self) -> None:
        self._marks.clear()
        self._writer.end_lists()


def _split_rows(
    lines: list[tuple[int, str]], style: str, mark: str
) -> tuple[list[tuple[int, list[str]]], bool]:
    """Return the rows of a table, and whether an empty line sets the first apart as its header."""
    cells: list[tuple[int, str]] = []
    first_row = 0
    for number, line in lines:
        text = line.replace("!", "|") if mark == "!" else line
        end, spans = 0, (1, 1)
        for match in _CELL.finditer(text):
            _extend(cells, text[end : match.start()], spans)
            cells.append((number, ""))
            spans = _spans(match["spec"] or "")
            end = match.end()
        _extend(cells, f"{text[end:]}\n", spans)
        first_row = first_row or len(cells)
    columns = _COLUMNS.search(style)
    width = _count_columns(columns) if columns else first_row
    is_split = len(lines) > 1 and first_row == width and not lines[1][1]
    rows = [cells[start : start + width] for start in range(0, len(cells), width or 1)]
    return [(row[0][0], [text.strip().replace("\\|", "|") for _, text in row]) for row in rows], is_split


def _extend(cells: list[tuple[int, str]], text: str, spans: tuple[int, int]) -> None:
    """Add text to the last cell, and the cells that it spans or that repeat it."""
    if not cells:
        return
    number, before = cells[-1]
    cells[-1] = (number, before + text)
    width, times = spans
    cells += [(number, "")] * (width - 1) + [cells[-1]] * (times - 1)


def _spans(spec: str) -> tuple[int, int]:
    """Return how many columns a cell spans, and how many times it is repeated."""
    digits = regex.match(r"\d+", spec)
    count = min(int(digits[0]), _MAX_SPAN) if digits else 1
    return (1, max(count, 1)) if "*" in spec else (max(count, 1), 1)


def _count_columns(columns: regex.Match[str]) -> int:
    spec = columns["quoted"] or columns["single"] or columns["bare"] or ""
    count = 0
    for part in regex.split("[,;]", spec.strip().rstrip(",;")):
        times = regex.match(r"\s*(\d+)\*", part)
        count += min(int(times[1]), _MAX_SPAN) if times else 1
    return count


def _shown_cell(cell: str) -> str:
    return "<br>".join(_inline(line.strip()) for line in cell.split("\n"))


def _dedent(lines: list[str]) -> list[str]:
    indent = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    return [line[indent:] for line in lines]


# Inline markup

_MACRO = regex.compile(
    r"\\(?P<escaped>[*_`#^~+{<\[(])"
    r"|\+\+\+(?P<raw>.{0,500}?)\+\+\+|pass:\w*\[(?P<passed>[^\]]*)\]|\$\$(?P<dollars>.{0,500}?)\$\$"
    r"|``(?P<code2>[^`]{1,500})``|(?<![\w`\"'])`(?P<code>[^`\s](?:[^`]{0,500}[^`\s])?)`(?![\w`\"'])"
    r"|\"`(?P<quoted>.{1,300}?)`\"|'`(?P<single>.{1,300}?)`'"
    r"|<<(?P<xref>[^<>,\n]{1,200})(?:,(?P<xreftext>[^<>\n]{1,500}))?>>"
    r"|\[\[[^\[\]]{1,200}\]\]|\(\(\([^()]{1,200}\)\)\)|\(\((?P<term>[^()]{1,200})\)\)|indexterm2?:\[[^\]]*\]"
    r"|(?P<macro>image|icon|link|xref|mailto|kbd|btn|menu|footnote|footnoteref|stem|latexmath|asciimath|anchor)"
    r":(?P<target>[^\s\[\]]{0,500}?)\[(?P<text>(?:[^\[\]\\]|\\.|\[[^\[\]]{0,200}\]){0,1000})\]"
    r"|(?P<url>(?:https?|ftp|irc)://[^\s\[\]<>]{1,500})(?:\[(?P<label>[^\[\]]{0,500})\])?"
)
_EMPHASIS = regex.compile(
    r"\*\*(?P<a>[^*\n]{1,300})\*\*|__(?P<b>[^_\n]{1,300})__|##(?P<c>[^#\n]{1,300})##"
    r"|(?:\[[^\[\]]{0,100}\])?(?<![\w*_#;:}])(?P<mark>[*_#])(?P<d>[^\s](?:[^\n]{0,300}?[^\s])??)(?P=mark)(?!\w)"
    r"|(?P<up>[\^~])(?P<e>[^\s^~]{1,60})(?P=up)"
)
_HIDDEN_MACROS = frozenset({"image", "icon", "anchor"})
_MAX_EMPHASIS_DEPTH = 4


def _inline(text: str) -> str:
    """Return the HTML of a line without markup."""
    has_break = text.endswith(" +")
    text = text.removesuffix(" +")
    parts = []
    end = 0
    for match in _MACRO.finditer(text):
        parts += [_plain(text[end : match.start()]), _shown_macro(match)]
        end = match.end()
    return "".join([*parts, _plain(text[end:]), "<br>" if has_break else ""])


def _shown_macro(match: regex.Match[str]) -> str:
    groups = match.groupdict()
    for verbatim in ("escaped", "raw", "passed", "dollars", "code2", "code"):
        if groups[verbatim] is not None:
            return escape(groups[verbatim], quote=False)
    if match["quoted"] or match["single"]:
        return f"“{_plain(match['quoted'])}”" if match["quoted"] else f"‘{_plain(match['single'])}’"
    if match["xref"]:
        return _plain(match["xreftext"] or match["xref"].lstrip("#"))
    if match["url"]:
        return _plain(_label(match["label"] or "") or match["url"])
    return _plain(match["term"] or "") if not match["macro"] else _shown_named(match)


def _shown_named(match: regex.Match[str]) -> str:
    macro, target, text = match["macro"], match["target"], match["text"].replace("\\]", "]")
    if macro in _HIDDEN_MACROS:
        return ""
    if macro in {"footnote", "footnoteref"}:
        return f" [{_plain(text)}]" if text else ""
    if macro == "menu":
        return _plain(f"{target} > {text}" if text else target)
    if macro in {"link", "xref", "mailto"}:
        return _plain(_label(text) or target)
    return escape(text, quote=False)


def _label(text: str) -> str:
    """Return the text of a link without attributes such as `window=_blank`."""
    label = regex.sub(r",?\s*(?:window|role|id|opts|options|rel|title|subject|body)=.*$", "", text).strip()
    return label.strip("\"'").rstrip("^")


def _plain(text: str) -> str:
    for _ in range(_MAX_EMPHASIS_DEPTH):
        changed = _EMPHASIS.sub(
            lambda match: match["a"] or match["b"] or match["c"] or match["d"] or match["e"], text
        )
        if changed == text:
            break
        text = changed
    return escape(text, quote=False)
