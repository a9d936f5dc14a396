"""Loads LaTeX documents (.tex) with pylatexenc: nodes, which know their positions, are rendered to HTML.

Formulas are written in Unicode. Nothing is read from other files; of the preamble only title and authors are.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Any

import regex
from pylatexenc.latex2text import LatexNodes2Text
from pylatexenc.latexwalker import (
    LatexCharsNode,
    LatexCommentNode,
    LatexEnvironmentNode,
    LatexGroupNode,
    LatexMacroNode,
    LatexMathNode,
    LatexSpecialsNode,
    LatexWalker,
)

from retrieval.errors import DocumentError
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.html.html import extract_all_blocks, parse_html
from retrieval.loaders.html.writer import HtmlWriter, MarkupLine
from retrieval.model import Document

_HEADINGS = {
    "part": 1, "chapter": 2, "section": 3, "subsection": 4, "subsubsection": 5, "paragraph": 6,
    "subparagraph": 6,
}  # fmt: skip
_HIDDEN = frozenset(
    {
        *("label", "usepackage", "documentclass", "input", "include", "includeonly", "bibliography", "vskip"),
        *("bibliographystyle", "vspace", "hspace", "includegraphics", "newcommand", "renewcommand", "index"),
        *(
            "providecommand",
            "newenvironment",
            "renewenvironment",
            "def",
            "setlength",
            "addtolength",
            "nocite",
        ),
        *("pagestyle", "thispagestyle", "setcounter", "addtocounter", "DeclareMathOperator", "newtheorem"),
        *("theoremstyle", "hypersetup", "graphicspath", "tableofcontents", "listoffigures", "listoftables"),
        *(
            "maketitle",
            "thanks",
            "centering",
            "noindent",
            "hline",
            "toprule",
            "midrule",
            "bottomrule",
            "cline",
        ),
        *(
            "clearpage",
            "newpage",
            "appendix",
            "small",
            "large",
            "Large",
            "footnotesize",
            "normalsize",
            "bfseries",
        ),
        *(
            "itshape",
            "ttfamily",
            "sloppy",
            "raggedright",
            "par",
            "begin",
            "end",
            "date",
            "today",
            "definecolor",
            "color",
        ),
    }
)
_REFERENCES = regex.compile(r"(?:[A-Za-z]*(?:cite|ref)[a-z]*\*?|cite.*)")
_LINKS = frozenset({"href", "texorpdfstring", "hyperref"})
_LISTS = {"itemize": "ul", "enumerate": "ol", "description": "dl", "thebibliography": "ul"}
_CODE = frozenset({"verbatim", "verbatim*", "Verbatim", "lstlisting", "minted", "alltt", "listing"})
_MATH = regex.compile(r"(?:equation|align|gather|multline|eqnarray|displaymath|math|flalign|alignat)\*?")
_TABLES = regex.compile(r"(?:tabular|tabularx|longtable|tabulary|tblr|array)\*?")
_DROPPED = regex.compile(r"tikzpicture|comment|pspicture|picture|filecontents\*?|asy|axis")
_BLANK_LINES = regex.compile(r"\n[ \t]*\n\s*")
_BEGIN_LINE = regex.compile(r"\\begin\{[^{}]*\}(?:\[[^\]]*\]|\{[^{}]*\})*[ \t]*\n?")
_MACRO_NAME = regex.compile(r"\\[A-Za-z@]++")
_LABEL = regex.compile(r"\\label\{[^{}]*\}|\\nonumber\b|\\notag\b")
_BEGIN_DOCUMENT = "\\begin{document}"
_PREAMBLE_TITLE = regex.compile(
    r"\\(?P<name>title|author)\s*+(?:\[[^\[\]]{0,500}\]\s*+)?\{(?P<text>(?:[^{}]|\{[^{}]{0,500}\}){1,2000})\}"
)
_CHUNK_MARK = regex.compile(r"(?P<begin>\\begin\{)|(?P<end>\\end\{)|\n[ \t]*\n")
_COMMAND = regex.compile(r"\\(?:begin|end)\{[^{}]*\}|\\[A-Za-z@]+\*?|(?<!\\)%[^\n]*|[{}$&~]")
_MIN_CHUNK_CHARS = 500
_MAX_CHUNK_CHARS = 50_000
# A sound text needs one call of the parser for some 20 characters.
_CHARS_PER_CALL = 4
_MIN_CALLS = 500
_SPACES = {"~": "\u00a0", "``": "“", "''": "”", "--": "–", "---": "—", "!`": "¡", "?`": "¿"}


def load(data: bytes, name: str) -> Document:
    """Load a .tex file. The title is that of the preamble, else the first of the highest headings."""
    text = decode(data, name)
    try:
        converter = _LatexConverter(text)
        html = converter.convert()
    except RecursionError:
        raise DocumentError(name, "is nested too deep; save it with fewer levels") from None
    builder = DocumentBuilder(name)
    extract_all_blocks(parse_html(html, name), builder)
    return builder.build(converter.title, unit="line")


class _TooMuchWorkError(Exception):
    """The parser reads the same text again and again, as it does where environments are never closed."""


class _Walker(LatexWalker):  # type: ignore[misc]  # pylatexenc has no type hints
    """A parser that gives up where its own would take exponential time."""

    def __init__(self, text: str) -> None:
        super().__init__(text, tolerant_parsing=True)
        self._remaining = _MIN_CALLS + len(text) // _CHARS_PER_CALL

    def get_latex_nodes(self, *arguments: Any, **options: Any) -> Any:
        self._remaining -= 1
        if self._remaining < 0:
            raise _TooMuchWorkError
        return super().get_latex_nodes(*arguments, **options)


def _chunks(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield the parts of a text between blank lines at which no environment is open, and their positions."""
    depth, first, last = 0, start, start
    for match in _CHUNK_MARK.finditer(text, start, end):
        if match["begin"]:
            depth += 1
        elif match["end"]:
            depth = max(depth - 1, 0)
        else:
            is_long = match.start() - first > _MAX_CHUNK_CHARS
            if (depth == 0 and match.start() - first > _MIN_CHUNK_CHARS) or is_long:
                yield first, text[first : match.start()]
                first, depth = match.start(), 0
        last = match.end()
    if first < end or last == start:
        yield first, text[first:end]


class _LatexConverter:
    """Converts nodes to HTML."""

    def __init__(self, text: str) -> None:
        self.title: str | None = None
        self._text = text
        self._breaks = [match.start() for match in regex.finditer("\n", text)]
        self._to_text = LatexNodes2Text(math_mode="text", keep_comments=False)
        self._writer = HtmlWriter()
        self._paragraph: list[MarkupLine] = []
        # The tags of the open lists, and where the part that is converted begins.
        self._lists: list[str] = []
        self._offset = 0

    def convert(self) -> str:
        begin = self._text.find(_BEGIN_DOCUMENT)
        start = begin + len(_BEGIN_DOCUMENT) if begin >= 0 else 0
        end = self._text.find("\\end{document}", start)
        self._read_preamble(self._text[: max(begin, 0)])
        for offset, chunk in _chunks(self._text, start, end if end >= 0 else len(self._text)):
            self._offset = offset
            try:
                nodes = _Walker(chunk).get_latex_nodes()[0]
            except RecursionError:
                raise
            except Exception:  # noqa: BLE001  # its parser raises all kinds of errors on broken markup
                self._chars(_COMMAND.sub(" ", chunk), 0)
            else:
                self._walk(nodes)
        self._end_paragraph()
        return self._writer.html()

    def _read_preamble(self, preamble: str) -> None:
        """Read the title and the authors, which are defined before the text."""
        for match in _PREAMBLE_TITLE.finditer(preamble):
            try:
                words = " ".join(self._to_text.latex_to_text(match["text"]).split())
            except Exception:  # noqa: BLE001  # as above
                words = ""
            if match["name"] == "title" and words and not self.title:
                self.title = words
                self._writer.heading(1, self._line(match.start(), words))
            elif words:
                self._writer.block("p", [self._line(match.start(), words)])

    def _walk(self, nodes: Sequence[Any]) -> None:
        skip = 0
        for index, node in enumerate(nodes):
            if skip:
                skip -= 1
            elif isinstance(node, LatexMacroNode):
                skip = self._macro(node, nodes[index + 1 :] if index + 1 < len(nodes) else ())
            else:
                self._node(node)

    def _node(self, node: Any) -> None:
        if isinstance(node, LatexCharsNode):
            self._chars(node.chars, node.pos)
        elif isinstance(node, LatexGroupNode):
            self._walk(node.nodelist)
        elif isinstance(node, LatexMathNode):
            self._math(node)
        elif isinstance(node, LatexSpecialsNode):
            if node.specials_chars.startswith("\n"):
                self._end_paragraph()
            else:
                self._add(_SPACES.get(node.specials_chars, node.specials_chars), node.pos)
        elif isinstance(node, LatexEnvironmentNode):
            self._environment(node)
        elif isinstance(node, LatexCommentNode) and _BLANK_LINES.match(node.comment_post_space or ""):
            self._end_paragraph()

    def _chars(self, chars: str, pos: int) -> None:
        end = 0
        for blank in (*_BLANK_LINES.finditer(chars), None):
            stop = blank.start() if blank else len(chars)
            for line in regex.finditer(r"[^\n]+|\n", chars[end:stop]):
                self._add(line[0], pos + end + line.start())
            if blank:
                self._end_paragraph()
                end = blank.end()

    def _macro(self, node: Any, after: Sequence[Any]) -> int:
        """Convert a macro. Return how many of the nodes after it are its arguments, too."""
        name = node.macroname
        if name in _HEADINGS:
            self._heading(node, name)
        elif name in {"\\", "newline", "tabularnewline"}:
            self._paragraph.append(MarkupLine(self._number(node.pos), "<br>"))
        elif name in {"item", "bibitem"}:
            return self._item(node, after)
        elif name in {"title", "author"}:
            self._end_paragraph()
            words = self._plain(_argument(node) or (after[0] if after else None))
            self.title = self.title or (words if name == "title" else None)
            self._writer.block("p", [self._line(node.pos, words)] if words else [])
            return int(_argument(node) is None and bool(after))
        elif name in _HIDDEN:
            return int(_argument(node) is None and bool(after) and isinstance(after[0], LatexGroupNode))
        elif name in {"caption", "footnote", "footnotetext"}:
            self._note(node, name)
        elif name not in _LINKS and _REFERENCES.fullmatch(name):
            return self._reference(node, after)
        elif name in _LINKS:
            self._walk_argument(node, -1 if name == "href" else 0)
            # The label is the group after the address.
            return int(_argument(node) is None and bool(after))
        else:
            self._other_macro(node)
        return 0

    def _other_macro(self, node: Any) -> None:
        """Convert a macro by its arguments, or by what it represents, such as a letter."""
        arguments = [argument for argument in _arguments(node) if argument is not None]
        spec = self._to_text.latex_context.get_macro_spec(node.macroname)
        is_symbol = spec is not None and (not arguments or not _is_content(spec))
        words = self._plain(node) if is_symbol or not arguments else ""
        if words:
            self._add(words, node.pos)
        elif arguments:
            self._walk_one(arguments[-1])
        if not arguments:
            self._add(node.macro_post_space or "", node.pos)

    def _heading(self, node: Any, name: str) -> None:
        self._end_paragraph()
        self._lists.clear()
        words = self._plain(_argument(node))
        if words:
            self._writer.heading(_HEADINGS[name], self._line(node.pos, words))

    def _note(self, node: Any, name: str) -> None:
        if name != "footnote":
            self._end_paragraph()
            self._walk_argument(node, -1)
            self._end_paragraph()
        else:
            self._add(f" [{self._plain(_argument(node))}]", node.pos)

    def _reference(self, node: Any, after: Sequence[Any]) -> int:
        argument = _argument(node)
        is_after = argument is None and bool(after) and isinstance(after[0], LatexGroupNode)
        words = self._plain(after[0] if is_after else argument)
        if words:
            self._add(f"[{words}]", node.pos)
        return int(is_after)

    def _item(self, node: Any, after: Sequence[Any]) -> int:
        self._end_paragraph()
        tag = self._lists[-1] if self._lists else "ul"
        depth = max(len(self._lists) - 1, 0)
        label = self._plain(_argument(node))
        if tag == "dl":
            self._writer.term(depth, self._line(node.pos, label))
        else:
            self._writer.item(depth, tag)
            if label and node.macroname == "item":
                self._add(f"{label} ", node.pos)
        return int(node.macroname == "bibitem" and bool(after) and isinstance(after[0], LatexGroupNode))

    def _environment(self, node: Any) -> None:
        name = node.environmentname
        if _DROPPED.fullmatch(name):
            return
        if name in _LISTS:
            self._end_paragraph()
            self._lists.append(_LISTS[name])
            self._walk(node.nodelist)
            self._end_paragraph()
            # A heading ends all lists.
            self._lists = self._lists[:-1]
            self._writer.end_lists(len(self._lists))
            return
        self._end_paragraph()
        if name in _CODE:
            self._code(node)
        elif _MATH.fullmatch(name):
            self._writer.block("p", [self._line(node.pos, self._formula(node))])
        elif _TABLES.fullmatch(name):
            self._table(node)
        else:
            self._walk(node.nodelist)
        self._end_paragraph()

    def _code(self, node: Any) -> None:
        """Add code as it is in the file."""
        offset = self._offset + node.pos
        source = self._text[offset : offset + node.len]
        begin = _BEGIN_LINE.match(source)
        start = begin.end() if begin else 0
        end = source.rfind("\\end{")
        self._writer.code(self._number(node.pos + start), source[start : end if end > start else None])

    def _formula(self, node: Any) -> str:
        """Return a formula in Unicode, or as it is written if it has commands that are defined elsewhere."""
        known = self._to_text.latex_context
        if all(known.get_macro_spec(name[1:]) for name in _MACRO_NAME.findall(node.latex_verbatim())):
            return self._plain(node)
        inner = "".join(child.latex_verbatim() for child in node.nodelist)
        return " ".join(_LABEL.sub("", inner).split())

    def _math(self, node: Any) -> None:
        words = self._formula(node)
        if node.displaytype == "display":
            self._end_paragraph()
            self._writer.block("p", [self._line(node.pos, words)])
        else:
            self._add(words, node.pos)

    def _table(self, node: Any) -> None:
        rows: list[tuple[int, list[str]]] = []
        cells: list[list[Any]] = [[]]
        for child in (*node.nodelist, None):
            if child is None or (
                isinstance(child, LatexMacroNode) and child.macroname in {"\\", "tabularnewline"}
            ):
                shown = [escape(self._cell(cell), quote=False) for cell in cells]
                if any(shown):
                    first = next(inner for cell in cells for inner in cell if self._cell([inner]))
                    # White space before the first cell begins in the line above.
                    blank = (
                        len(first.chars) - len(first.chars.lstrip())
                        if isinstance(first, LatexCharsNode)
                        else 0
                    )
                    rows.append((self._number(first.pos + blank), shown))
                cells = [[]]
            elif isinstance(child, LatexSpecialsNode) and child.specials_chars == "&":
                cells.append([])
            else:
                cells[-1].append(child)
        self._writer.table(rows, has_header=False)

    def _cell(self, nodes: Sequence[Any]) -> str:
        shown = (
            node for node in nodes if not (isinstance(node, LatexMacroNode) and node.macroname in _HIDDEN)
        )
        return " ".join(self._plain(node) for node in shown).strip()

    def _walk_argument(self, node: Any, number: int) -> None:
        arguments = [argument for argument in _arguments(node) if argument is not None]
        if arguments:
            self._walk_one(arguments[number])

    def _walk_one(self, node: Any) -> None:
        self._walk(node.nodelist if isinstance(node, LatexGroupNode) else [node])

    def _plain(self, node: Any) -> str:
        """Return the text of a node on one line, with formulas in Unicode."""
        if node is None:
            return ""
        nodes = node.nodelist if isinstance(node, LatexGroupNode) else [node]
        return " ".join(self._to_text.nodelist_to_text(nodes).split())

    def _add(self, text: str, pos: int) -> None:
        if text:
            self._paragraph.append(MarkupLine(self._number(pos), escape(text, quote=False)))

    def _end_paragraph(self) -> None:
        self._writer.block("p", list(_joined(self._paragraph)))
        self._paragraph = []

    def _line(self, pos: int, text: str) -> MarkupLine:
        return MarkupLine(self._number(pos), escape(text, quote=False))

    def _number(self, pos: int) -> int:
        return bisect_right(self._breaks, self._offset + pos - 1) + 1


def _joined(parts: Sequence[MarkupLine]) -> Iterator[MarkupLine]:
    """Yield the lines of a paragraph, each of the parts that are in it."""
    lines: list[MarkupLine] = []
    for part in parts:
        if lines and lines[-1].number == part.number:
            lines[-1] = MarkupLine(part.number, lines[-1].html + part.html)
        else:
            lines.append(part)
    while lines and not lines[0].html.strip():
        lines.pop(0)
    return iter(lines)


def _arguments(node: Any) -> Sequence[Any]:
    return (node.nodeargd.argnlist or ()) if node.nodeargd else ()


def _argument(node: Any) -> Any:
    """Return the last argument of a macro, which is its text."""
    return next((argument for argument in reversed(_arguments(node)) if argument is not None), None)


def _is_content(spec: Any) -> bool:
    """Return whether a macro only shows its argument, as one of formatting does."""
    replacement: str | Callable[..., str] | None = spec.simplify_repl
    return isinstance(replacement, str) and replacement in {"", "%s", "%(2)s"}
