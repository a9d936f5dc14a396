"""Loads reStructuredText with docutils: its document tree is rendered to HTML, with the line of each block.

Directives and roles of Sphinx are known; of other unknown ones the text is kept. Nothing is read from other
files.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from html import escape
from typing import Any, ClassVar, TypeAlias

import regex
from docutils import nodes
from docutils.core import publish_doctree
from docutils.frontend import get_default_settings
from docutils.parsers.rst import Directive, Parser, directives, roles
from docutils.utils import Reporter, new_document, unescape

from retrieval.errors import DocumentError
from retrieval.loaders.decoding import decode
from retrieval.loaders.document_builder import DocumentBuilder
from retrieval.loaders.html.html import LINE_ATTRIBUTE, extract_all_blocks, parse_html
from retrieval.model import Document

# docutils rejects longer lines, and does not let substitutions grow beyond this.
MAX_LINE_CHARS = 50_000
_SETTINGS = {
    "_disable_config": True,
    "doctitle_xform": False,
    "docinfo_xform": False,
    "file_insertion_enabled": False,
    "halt_level": Reporter.SEVERE_LEVEL + 1,
    "raw_enabled": False,
    "report_level": Reporter.SEVERE_LEVEL + 1,
    "syntax_highlight": "none",
    "line_length_limit": MAX_LINE_CHARS,
}
# Starts of inline markup times characters, of one paragraph: takes about three seconds.
MAX_MARKUP_WORK = 200_000_000
_MAX_CHEAP_CHARS = 5000
_INLINE_START = regex.compile(r"(?<!\S)[*`|](?=\S)")
_SUBSTITUTION = regex.compile(
    r"\.\.[ \t]+\|(?P<name>[^|\n]+)\|\s+replace::(?P<text>[^\n]*(?:\n[ \t]+\S[^\n]*)*)", regex.IGNORECASE
)
_SUBSTITUTION_USE = regex.compile(r"\|([^|\n]+)\|")
_MAX_SUBSTITUTION_DEPTH = 20
_TITLE_FIELD = regex.compile(r"(?:\A|\n):?title:\s*(?P<title>\S.*)", regex.IGNORECASE)
_HEADER_CHARS = 2000


def load(data: bytes, name: str) -> Document:
    """Load an .rst file. The title is that of a field `Title` at the top, else the first highest heading."""
    text = decode(data, name).expandtabs(8).replace("\f", "\n").replace("\v", "\n")
    lines = text.split("\n")
    longest = max(range(len(lines)), key=lambda number: len(lines[number]))
    if len(lines[longest]) > MAX_LINE_CHARS:
        raise DocumentError(name, f"line {longest + 1} has more than {MAX_LINE_CHARS} characters; break it")
    _check_unclosed_markup(text, name)
    _check_growth(text, name)
    try:
        with _known_names(text):
            tree = _parse(text)
        html = "".join(_RstRenderer(lines).render(tree))
    except RecursionError:
        raise DocumentError(name, "is nested too deep; save it with fewer levels") from None
    builder = DocumentBuilder(name)
    extract_all_blocks(parse_html(f"<!DOCTYPE html><body>{html}", name), builder)
    header = text[:_HEADER_CHARS].split("\n\n", 1)[0]
    title = _TITLE_FIELD.search(header)
    return builder.build(title["title"] if title else None, unit="line")


def _parse(text: str) -> nodes.document:
    """Return the document tree: that of the parser alone if docutils fails to resolve its references."""
    try:
        return publish_doctree(text, parser=Parser(rfc2822=True), settings_overrides=_SETTINGS)
    except RecursionError:
        raise
    except Exception:  # noqa: BLE001  # such as KeyError for a substitution by an unknown one
        tree = new_document("", get_default_settings(Parser))
        for setting, value in _SETTINGS.items():
            setattr(tree.settings, setting, value)
        Parser(rfc2822=True).parse(text, tree)
        return tree


def _check_unclosed_markup(text: str, name: str) -> None:
    """Raise DocumentError for a paragraph in which the ends of markup would be searched for too long."""
    for paragraph in text.split("\n\n"):
        starts = len(paragraph) > _MAX_CHEAP_CHARS and len(_INLINE_START.findall(paragraph))
        if starts * len(paragraph) > MAX_MARKUP_WORK:
            opening = " ".join(paragraph[:200].split())[:40]
            raise DocumentError(
                name, f"has too much markup in the paragraph {opening!r}; break it into parts"
            )


def _check_growth(text: str, name: str) -> None:
    """Raise DocumentError for substitutions by others that grow too long together."""
    definitions = {
        " ".join(match["name"].lower().split()): match["text"] for match in _SUBSTITUTION.finditer(text)
    }

    @cache
    def length(substitution: str, depth: int) -> int:
        definition = definitions.get(substitution, "")
        if depth > _MAX_SUBSTITUTION_DEPTH:
            raise DocumentError(name, "defines substitutions by each other too often; write them out")
        used = (" ".join(other.lower().split()) for other in _SUBSTITUTION_USE.findall(definition))
        total = len(definition) + sum(length(other, depth + 1) for other in used if other != substitution)
        if total > MAX_LINE_CHARS:
            raise DocumentError(
                name, f"has a substitution {substitution[:40]!r} that grows too long; shorten it"
            )
        return total

    for substitution in definitions:
        length(substitution, 0)


# Directives and roles

_HIDDEN = frozenset(
    {
        *("contents", "toctree", "index", "tabularcolumns", "highlight", "default-domain", "currentmodule"),
        *("py:currentmodule", "py:module", "module", "automodule", "autosummary", "include", "raw", "meta"),
        *("sectnum", "section-numbering", "graphviz", "digraph", "graph", "mermaid", "plantuml", "uml"),
        *("literalinclude", "sectionauthor", "codeauthor", "bibliography", "inheritance-diagram", "plot"),
        *("autoclass", "autofunction", "automethod", "autodata", "autoattribute", "autoexception", "program"),
        *("header", "footer", "target-notes", "youtube", "video", "raw-html", "jinja", "click"),
    }
)
_CODE = frozenset(
    {
        *(
            "code",
            "code-block",
            "sourcecode",
            "math",
            "productionlist",
            "testcode",
            "testoutput",
            "testsetup",
        ),
        *(
            "testcleanup",
            "doctest",
            "ipython",
            "prompt",
            "jupyter-execute",
            "parsed-code",
            "console",
            "shell",
        ),
    }
)
# Sphinx describes an object by its signature, and then in words.
_OBJECTS = frozenset(
    {
        *("function", "data", "exception", "method", "attribute", "classmethod", "staticmethod", "property"),
        *("decorator", "decoratormethod", "option", "cmdoption", "envvar", "describe", "object", "macro"),
        *("type", "member", "var", "struct", "enum", "enumerator", "union", "confval", "setting", "opcode"),
        *(
            "pdbcommand",
            "django-admin",
            "templatetag",
            "templatefilter",
            "fieldlookup",
            "c:function",
            "directive",
        ),
    }
)
_DIRECTIVE_NAME = regex.compile(
    r"^[ \t]*(?:[*+-][ \t]+)*\.\.[ \t]+(?:\|[^|\n]+\|[ \t]+)?(?P<name>[\w:+.-]+?)[ \t]?::(?=\s|$)",
    regex.MULTILINE,
)
_ROLE_NAME = regex.compile(r":(?P<name>[A-Za-z][\w:+.-]*):(?=`)|(?<=`):(?P<after>[A-Za-z][\w+.-]*):")
_OBJECT_SIGNATURE = regex.compile(r"[A-Z(.]")
_ROLE_TARGET = regex.compile(r"(?P<text>.+?)\s*<[^<>]*>\s*$", regex.DOTALL)


_NUMBERED_ROLES = frozenset({"pep", "rfc"})


class _AnyOptions(dict[str, Any]):
    """Options of any name, which no directive here uses."""

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, _: str) -> Any:
        return str


class _AnyDirective(Directive):  # type: ignore[misc]  # docutils has no type hints
    """A directive that keeps its content, and a title in words."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, Any] | None] = _AnyOptions()

    @property
    def argument(self) -> str:
        return self.arguments[0] if self.arguments else ""

    def run(self) -> list[nodes.Node]:
        title = self.argument
        return [*self._title(title if " " in title.strip() else ""), self._content()]

    def _title(self, text: str) -> list[nodes.Node]:
        if not text:
            return []
        children, _ = self.state.inline_text(text, self.lineno)
        paragraph = nodes.paragraph(text, "", *children)
        paragraph.line = self.lineno
        return [paragraph]

    def _content(self) -> nodes.Element:
        container = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, container)
        return container


class _TitledDirective(_AnyDirective):
    """A directive whose argument is text, even a single word."""

    def run(self) -> list[nodes.Node]:
        return [*self._title(self.argument), self._content()]


class _ObjectDirective(_AnyDirective):
    """A directive that describes the objects of its signatures."""

    def run(self) -> list[nodes.Node]:
        if self.name == "class" and not _OBJECT_SIGNATURE.search(self.argument):
            return [self._content()]
        signatures = [part.strip().replace("\\", "") for part in self.argument.split("\n") if part.strip()]
        terms = [nodes.term(signature, signature) for signature in signatures]
        for line, term in enumerate(terms, self.lineno):
            term.line = line
        definition = nodes.definition("", *self._content().children)
        return [nodes.definition_list("", nodes.definition_list_item("", *terms, definition))]


class _CodeDirective(_AnyDirective):
    """A directive whose content is code."""

    def run(self) -> list[nodes.Node]:
        lines = list(self.content)
        if self.name == "math" and self.argument:
            lines.insert(0, self.argument)
        text = "\n".join(lines)
        block = nodes.literal_block(text, text)
        block.line = self.content_offset + 1
        return [block] if text.strip() else []


class _HiddenDirective(_AnyDirective):
    """A directive that shows nothing, or nothing that is in this file."""

    def run(self) -> list[nodes.Node]:
        return []


_KNOWN_DIRECTIVES: dict[str, type[Directive]] = {
    **dict.fromkeys(_HIDDEN, _HiddenDirective),
    **dict.fromkeys(_CODE, _CodeDirective),
    **dict.fromkeys({*_OBJECTS, "class"}, _ObjectDirective),
    **dict.fromkeys(
        ("versionadded", "versionchanged", "deprecated", "deprecated-removed", "centered", "seealso", "tab"),
        _TitledDirective,
    ),
    **dict.fromkeys(("tab-item", "card", "dropdown", "grid-item-card"), _TitledDirective),
}


def _any_role(  # as docutils calls it
    name: str,
    rawtext: str,
    text: str,
    _lineno: int,
    _inliner: object,
    _options: object = None,
    _content: object = None,
) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """Return the text of a role as Sphinx shows it: without a target, and of `~a.b.c` the last part."""
    label = unescape(text)
    titled = _ROLE_TARGET.match(label)
    if titled:
        label = titled["text"]
    elif name.lower() in _NUMBERED_ROLES:
        label = f"{name.upper()} {label}"
    elif label.startswith("~"):
        label = label[1:].rpartition(".")[2]
    return [nodes.inline(rawtext, label.removeprefix("!"))], []


@contextmanager
def _known_names(text: str) -> Iterator[None]:
    """Register all directives and roles that a text uses, for the time that it is parsed."""
    known_directives, known_roles = dict(directives._directives), dict(roles._roles)  # noqa: SLF001
    for match in _DIRECTIVE_NAME.finditer(text):
        name = match["name"].lower()
        directive = _KNOWN_DIRECTIVES.get(name) or _KNOWN_DIRECTIVES.get(name.partition(":")[2])
        if directive or name not in directives._directive_registry:  # noqa: SLF001
            directives.register_directive(name, directive or _AnyDirective)
    for match in _ROLE_NAME.finditer(text):
        name = (match["name"] or match["after"]).lower()
        if name in _NUMBERED_ROLES or name not in roles._role_registry:  # noqa: SLF001
            roles.register_local_role(name, _any_role)
    try:
        yield
    finally:
        # Also removes what the text itself has defined.
        for registry, before in ((directives._directives, known_directives), (roles._roles, known_roles)):  # noqa: SLF001
            registry.clear()
            registry.update(before)


# Rendering

_SKIPPED = (
    nodes.Invisible, nodes.image, nodes.raw, nodes.decoration, nodes.transition, nodes.colspec, nodes.meta,
    nodes.label, nodes.generated,
)  # fmt: skip
_TAGS: dict[type[nodes.Node], str] = {
    nodes.bullet_list: "ul",
    nodes.list_item: "li",
    nodes.definition_list: "dl",
    nodes.definition: "dd",
    nodes.option_list: "dl",
    nodes.option_group: "dt",
    nodes.description: "dd",
    nodes.block_quote: "blockquote",
    nodes.paragraph: "p",
    nodes.caption: "p",
    nodes.attribution: "p",
    nodes.rubric: "p",
    nodes.subtitle: "p",
    nodes.field_name: "dt",
    nodes.field_body: "dd",
}
_OWN_LINE = (nodes.paragraph, nodes.term, nodes.title, nodes.caption, nodes.attribution, nodes.rubric)
_NodeTypes: TypeAlias = type[nodes.Node] | tuple[type[nodes.Node], ...]
_UNKNOWN_MARK = regex.compile(r"\[(?P<label>[^\[\]]+)\]_")
_MAX_LINES_OFF = 4
_MIN_LEAD_CHARS = 40


class _RstRenderer:
    """Renders a document tree to HTML with the source lines of its blocks in LINE_ATTRIBUTE."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._line = 1
        self._level = 0
        self._methods: tuple[tuple[_NodeTypes, Callable[[nodes.Element], Iterator[str]]], ...] = (
            (nodes.system_message, self._lost_text),
            (nodes.section, self._section),
            (nodes.title, self._title),
            ((nodes.literal_block, nodes.doctest_block, nodes.math_block), self._preformatted),
            (nodes.line_block, self._line_block),
            (nodes.definition_list_item, self._definition),
            (nodes.field, self._field),
            (nodes.enumerated_list, self._numbered_list),
            ((nodes.table, nodes.entry), self._table_part),
            ((nodes.footnote, nodes.citation), self._footnote),
            ((nodes.footnote_reference, nodes.citation_reference), self._reference_mark),
            (nodes.problematic, self._problem),
        )

    def render(self, node: nodes.Node) -> Iterator[str]:
        """Yield the HTML of a node."""
        if isinstance(node, nodes.Text):
            yield self._text(str(node))
        elif isinstance(node, nodes.Element) and not isinstance(node, _SKIPPED):
            methods = (method for types, method in self._methods if isinstance(node, types))
            yield from next(methods, self._element)(node)

    def _section(self, node: nodes.Element) -> Iterator[str]:
        self._level += 1
        yield from self._children(node)
        self._level -= 1

    def _preformatted(self, node: nodes.Element) -> Iterator[str]:
        yield f"<pre{self._at(node)}>\n{escape(node.astext(), quote=False)}</pre>"

    def _numbered_list(self, node: nodes.Element) -> Iterator[str]:
        kind = "" if node.get("enumtype") == "arabic" else " type=a"
        yield from self._wrap(node, f"ol start={int(node.get('start', 1))}{kind}", "ol")

    def _reference_mark(self, node: nodes.Element) -> Iterator[str]:
        yield self._text(f"[{node.astext()}]")

    def _problem(self, node: nodes.Element) -> Iterator[str]:
        """Yield markup without meaning as it is; a substitution that another file defines by its name."""
        text = node.astext()
        mark = _UNKNOWN_MARK.fullmatch(text)
        yield self._text(f"[{mark['label']}]" if mark else text.strip("|"))

    def _element(self, node: nodes.Element) -> Iterator[str]:
        tag = _TAGS.get(type(node))
        if isinstance(node, nodes.row):
            first = next(node.findall(nodes.paragraph), node)
            yield from self._wrap(node, f"tr{self._at(first)}", "tr")
        elif tag:
            yield from self._wrap(node, tag, tag)
        elif isinstance(node, nodes.option_string):
            yield f"{self._text(node.astext())} "
        elif isinstance(node, (nodes.Body, nodes.topic, nodes.sidebar)) and not isinstance(
            node, nodes.Inline
        ):
            yield from self._wrap(node, "div", "div")
        else:
            yield from self._children(node)

    def _children(self, node: nodes.Element) -> Iterator[str]:
        for child in node.children:
            yield from self.render(child)

    def _wrap(self, node: nodes.Element, opening: str, tag: str) -> Iterator[str]:
        yield f"<{opening}{self._at(node) if isinstance(node, _OWN_LINE) else ''}>"
        yield from self._children(node)
        yield f"</{tag}>"

    def _title(self, node: nodes.Element) -> Iterator[str]:
        if isinstance(node.parent, nodes.section):
            tag = f"h{min(self._level, 6)}"
        else:
            tag = "caption" if isinstance(node.parent, nodes.table) else "summary"
        yield from self._wrap(node, tag, tag)

    def _line_block(self, node: nodes.Element) -> Iterator[str]:
        is_outer = not isinstance(node.parent, nodes.line_block)
        yield "<p>" if is_outer else ""
        for child in node.children:
            if isinstance(child, nodes.line):
                yield self._mark(child)
                yield from self._children(child)
                yield "<br>"
            else:
                yield from self.render(child)
        yield "</p>" if is_outer else ""

    def _definition(self, node: nodes.Element) -> Iterator[str]:
        """Yield terms, each with its classifiers, and then the definition."""
        is_open = False
        for child in node.children:
            if isinstance(child, nodes.classifier):
                yield " : "
                yield from self._children(child)
                continue
            if is_open:
                yield "</dt>"
            is_open = isinstance(child, nodes.term)
            if isinstance(child, nodes.term):
                yield f"<dt{self._at(child)}>"
                yield from self._children(child)
            else:
                yield from self.render(child)
        yield "</dt>" if is_open else ""

    def _field(self, node: nodes.Element) -> Iterator[str]:
        """Yield `name: first paragraph`, then the rest of a field."""
        name, body = node.children
        first = body.children[0] if isinstance(body, nodes.Element) and body.children else None
        yield f"<p{self._at(node)}>"
        if isinstance(name, nodes.Element):
            yield from self._children(name)
        yield ": "
        if isinstance(first, nodes.paragraph):
            yield self._mark(first)
            yield from self._children(first)
        yield "</p>"
        for child in body.children if isinstance(body, nodes.Element) else ():
            if child is not first or not isinstance(child, nodes.paragraph):
                yield from self.render(child)

    def _footnote(self, node: nodes.Element) -> Iterator[str]:
        label = next((child.astext() for child in node.children if isinstance(child, nodes.label)), "")
        rest = [child for child in node.children if not isinstance(child, nodes.label)]
        yield f"<p{self._at(node)}>{escape(f'[{label}] ', quote=False)}"
        if rest and isinstance(rest[0], nodes.paragraph):
            first = rest.pop(0)
            yield self._mark(first)
            yield from self._children(first)
        yield "</p>"
        for child in rest:
            yield from self.render(child)

    def _table_part(self, node: nodes.Element) -> Iterator[str]:
        if isinstance(node, nodes.table):
            yield "<table>"
            yield from self._children(node)
            yield "</table>"
            return
        tag = "th" if isinstance(node.parent.parent, nodes.thead) else "td"
        spans = "".join(
            f" {name}={node[key] + 1}"
            for key, name in (("morecols", "colspan"), ("morerows", "rowspan"))
            if key in node
        )
        yield from self._wrap(node, f"{tag}{spans}", tag)

    def _lost_text(self, node: nodes.Element) -> Iterator[str]:
        """Yield the text of markup that could not be parsed, such as a crooked table."""
        for child in node.children:
            if isinstance(child, nodes.literal_block) and not child.astext().startswith(".. "):
                yield from self.render(child)

    def _text(self, text: str) -> str:
        lines = escape(text, quote=False).split("\n")
        parts = [lines[0]]
        for line in lines[1:]:
            self._line += 1
            parts.append(f"\n<wbr {LINE_ATTRIBUTE}={self._line}>{line}")
        return "".join(parts)

    def _at(self, node: nodes.Element) -> str:
        self._line = self._find_line(node)
        return f" {LINE_ATTRIBUTE}={self._line}"

    def _mark(self, node: nodes.Node) -> str:
        return f"<wbr{self._at(node)}>" if isinstance(node, nodes.Element) else ""

    def _find_line(self, node: nodes.Element) -> int:
        """Return the line of a block: that of its first words, near the line that docutils reports."""
        words = node.rawsource.lstrip("\n").split("\n", 1)[0].strip()[:_MIN_LEAD_CHARS]
        docutils_line = node.line or self._line
        if words:
            for off in range(_MAX_LINES_OFF):
                for line in (docutils_line - off, docutils_line + off):
                    if 0 < line <= len(self._lines) and words in self._lines[line - 1]:
                        return line
            for line in range(self._line, min(self._line + 200, len(self._lines) + 1)):
                if words in self._lines[line - 1]:
                    return line
        return max(1, min(docutils_line, len(self._lines)))
