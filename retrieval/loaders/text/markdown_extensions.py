"""Converts the syntax of Markdown extensions and template languages to plain Markdown.

Tags are removed; admonitions, tabs, footnotes and definition lists become paragraphs. Covers Hugo, Jekyll
(Liquid, kramdown), MkDocs, Docusaurus (MDX), VuePress, GitBook, GitHub and mdBook.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import regex

# A line that begins with LEAD_MARK is the title of an admonition, tab or glossary entry that follows it. Text
# between BLOCK_START and BLOCK_END is a paragraph of its own. The marks are Unicode noncharacters, which are
# removed from the input.
TITLE_MARK = "\ufdd0"
BLOCK_START = "\ufdd1"
BLOCK_END = "\ufdd2"

# Bounds on the search for the end of a tag keep the time linear where tags are left open.
_MAX_TAG_CHARS = 4000
_MAX_CODE_SPAN_CHARS = 2000
_OPENER = regex.compile(
    r"\\.|`+|<!--|\{\{[<%]?|\{%|\{/\*|</?[a-zA-Z]|\[\[|!\[\[|\[\^|:(?=[a-z])|(?<![\w=+])(?:==|\+\+)(?=\S)|\{(?=[:#.\s\w])",
    regex.DOTALL,
)
# A JSX expression with braces nested up to four deep.
_JSX_EXPRESSION = r"\{[^{}]*+(?:\{[^{}]*+(?:\{[^{}]*+(?:\{[^{}]*+\}[^{}]*+)*+\}[^{}]*+)*+\}[^{}]*+)*+\}"
_ELEMENT_TAG = regex.compile(
    r"</?(?P<name>[a-zA-Z][\w.-]*+)(?P<attributes>(?:\s++(?:[\w:@.-]++(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'"
    rf"|{_JSX_EXPRESSION}|[^\s\"'{{}}<>=`]++))?+|{_JSX_EXPRESSION}))*+)\s*+(?P<closed>/?)>"
)
_PARSES_MARKDOWN = regex.compile(r"\smarkdown(?:\s*=\s*[\"']?\w+[\"']?)?(?=\s|$)")
_ATTRIBUTE = regex.compile(
    r"(?<![\w-])(?P<name>[a-zA-Z_]+)\s*=\s*\{?\s*(?:\"(?P<value>(?:\\.|[^\"\\])*+)\"|'(?P<value>(?:\\.|[^'\\])*+)')",
    regex.DOTALL,
)
_TITLE_ATTRIBUTES = ("name", "term", "title", "label", "summary")
_TEXT_ATTRIBUTES = ("text", "caption", "content")
_IDENTIFIER = regex.compile(r"[a-z0-9_-]*|\S*/\S*|\S*\.[a-z]{2,4}\d?|#\S*")
# The arguments of a call: {{ link(email="x@y.org") }}, {{< email "x@y.org" >}}, {% mailto x@y.org %}.
_ARGUMENT = regex.compile(
    r"(?:(?P<name>[\w-]+)\s*=\s*)?(?:\"(?P<value>[^\"]*+)\"|'(?P<value>[^']*+)')"
    r"|(?<=\s)(?P<value>[^\s\"'=(){}<>]+@[^\s\"'=(){}<>]+)"
)
_CALL = regex.compile(r"\{(?:\{[<%]|%)-?\s*(?P<name>[\w.:/-]+)\s|\{\{-?\s*(?P<name>[\w.:]+)\(")
# An e-mail address or an international telephone number.
_CONTACT = regex.compile(
    r"(?:mailto:)?(?P<address>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)|(?:tel:)?(?P<address>\+\d[\d ()/.-]{5,})"
)
_WEB_ADDRESS = regex.compile(r"(?P<address>https?://\S+)")
# Other calls with a web address show a picture or a film.
_NAMES_OF_LINKS = regex.compile(r"link|url|href", regex.IGNORECASE)
_CLOSING_TAG = regex.compile(r"[<%]-?\s*(?:/\s*|end)(?P<name>[\w/.-]+)")
_TAG_NAME = regex.compile(r"\{\{?[<%]-?\s*(?P<close>/|end)?(?P<name>[\w/.-]*)")
_STATEMENTS = frozenset(
    {
        "assign",
        "if",
        "elsif",
        "else",
        "unless",
        "for",
        "case",
        "when",
        "capture",
        "set",
        "macro",
        "import",
        "from",
    }
)
# Content between these tags is not shown.
_HIDDEN_BLOCKS = {"comment": "endcomment", "capture": "endcapture"}
_CLOSERS = {"{{<": ">}}", "{{%": "%}}", "{{": "}}", "{%": "%}", "{/*": "*/}"}
_ESCAPED_SHORTCODE = regex.compile(r"(?P<open>\{\{[<%])/\*(?P<inner>.*?)\*/(?P<close>[>%]\}\})", regex.DOTALL)
_FORMULA_BEFORE = regex.compile(r"(?:[\^_]|[\\$][a-zA-Z]*|\\[a-zA-Z]+(?:\{[^{}]*\})*)$")
_ATTRIBUTE_LIST = regex.compile(
    r"\{::(?P<options>comment)\}.*?\{:/(?:comment)?\}|\{::?/?[^{}\n]*\}"
    r"|\{\s*+(?:(?:[.#][a-zA-Z][\w:-]*+|[\w-]++=(?:\"[^\"\n]*+\"|'[^'\n]*+'|[^\s{}\"']++)|data-[\w-]++)\s*+)++\}",
    regex.DOTALL,
)
_TOC_ITEM = regex.compile(r"^[ ]{0,3}(?:[-*+]|\d\.)[ ][^\n]*\n(?=[ ]{0,3}\{:\s*toc\b)", regex.MULTILINE)
_ICON = regex.compile(r":(?:material|fontawesome|octicons|simple|far|fas|fab)-[\w-]+:(?:\{[^{}\n]*\})?[ ]?")
_WIKI_LINK = regex.compile(r"!?\[\[(?:[^\[\]|\n]+\|)?(?P<text>[^\[\]\n]+)\]\](?![(\[])")
_FOOTNOTE_MARK = regex.compile(r"\[\^[^\]\s\[]+\]")
_HIGHLIGHT = regex.compile(r"(?P<mark>==|\+\+)(?=\S)(?P<text>[^=+\n]+(?:\+[^=+\s]+)*)(?<=\S)(?P=mark)(?!\w)")
_INLINE_MARKS = {"[^": _FOOTNOTE_MARK, ":": _ICON, "==": _HIGHLIGHT, "++": _HIGHLIGHT}
DROPPED_LINE = regex.compile(
    r"\s*(?:\[\[?_?toc_?\]\]?|\[_TOC_\]|<!--.*-->|-{1,}8<-{1,}.*|;-{1,}8<-{1,}.*|\*\[[^\]]+\]:.*)\s*",
    regex.IGNORECASE,
)
_LINE_PREFIX = regex.compile(r"[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]+)*")


class TemplateTagRemover:
    """Removes the tags from one text without code blocks."""

    def __init__(self, text: str) -> None:
        self._text = _TOC_ITEM.sub("\n", text)
        self._has_comments = True
        # For each closing delimiter, up to where it was searched for and not found.
        self._searched: dict[str, int] = {}
        self._closed = {closing["name"]: closing.start() for closing in _CLOSING_TAG.finditer(self._text)}

    def remove_tags(self) -> str:
        """Return the text without tags; line breaks inside tags and readable attributes stay."""
        text, parts, copied, offset = self._text, list[str](), 0, 0
        while opener := _OPENER.search(text, offset):
            start = opener.start()
            end, replacement = self._replacement(opener[0], start)
            if replacement is None:
                offset = end
                continue
            parts += (text[copied:start], replacement)
            copied = offset = end
        parts.append(text[copied:])
        return "".join(parts)

    def _replacement(self, opener: str, start: int) -> tuple[int, str | None]:
        """Return the end of a tag and its replacement; None leaves it unchanged."""
        if opener in _CLOSERS:
            return self._template(opener, start)
        match opener[0]:
            case "\\":
                return start + len(opener), None
            case "`":
                return self._after_code_span(start, len(opener)), None
            case "<":
                return self._comment(start) if opener == "<!--" else self._element(start)
            case _ if opener.endswith("[["):
                return self._wiki_link(start, opener)
            case _:
                return self._inline_mark(start, opener)

    def _inline_mark(self, start: int, opener: str) -> tuple[int, str | None]:
        """Remove attributes in braces, footnote references, icons and highlight marks."""
        text = self._text
        pattern = _INLINE_MARKS.get(opener, _ATTRIBUTE_LIST)
        match = pattern.match(text, start, start + _MAX_TAG_CHARS)
        if match is None or (opener == "{" and _is_in_formula(text, start)):
            return start + len(opener), None
        if pattern is _HIGHLIGHT:
            return start + len(match[0]), match["text"]
        is_note = pattern is _FOOTNOTE_MARK and text.startswith(":", match.end())
        if is_note and not text[text.rfind("\n", 0, start) + 1 : start].strip():
            return match.end(), None
        return match.end(), _line_breaks(match[0])

    def _after_code_span(self, start: int, length: int) -> int:
        inside = start + length
        for run in regex.finditer(
            r"`+|\n[ \t]*\n", self._text, pos=inside, endpos=inside + _MAX_CODE_SPAN_CHARS
        ):
            if run[0][0] == "\n":
                break
            if len(run[0]) == length:
                return run.end()
        return inside

    def _comment(self, start: int) -> tuple[int, str | None]:
        end = self._text.find("-->", start) if self._has_comments else -1
        if end < 0:
            self._has_comments = False
            return start + 4, None
        return end + 3, _line_breaks(self._text[start:end])

    def _template(self, opener: str, start: int) -> tuple[int, str | None]:
        text = self._text
        if opener == "{{" and _is_in_formula(text, start):
            return start + 2, None
        closer = _CLOSERS[opener]
        inside = start + len(opener)
        end = text.find(closer, max(inside, self._searched.get(closer, 0)), start + _MAX_TAG_CHARS)
        if end < 0:
            self._searched[closer] = start + _MAX_TAG_CHARS - len(closer)
            return inside, None
        end += len(closer)
        tag = text[start:end]
        literal = _ESCAPED_SHORTCODE.fullmatch(tag)
        if literal:
            return end, literal["open"] + literal["inner"] + literal["close"]
        if opener in {"{{", "{/*"}:
            return end, _address_in(tag) + _line_breaks(tag)
        named = _TAG_NAME.match(tag)
        name = named["name"] if named else ""
        if named is None or named["close"] or name in _STATEMENTS | {"raw"} | _HIDDEN_BLOCKS.keys():
            return self._statement(name, start, end)
        is_paired = self._closed.get(name, -1) >= end and not tag.endswith("/>}}")
        words = self._attribute_text(tag, start, is_paired) or ("" if is_paired else _address_in(tag))
        return end, words + _line_breaks(tag)

    def _statement(self, name: str, start: int, end: int) -> tuple[int, str]:
        text = self._text
        last = {"raw": "endraw", **_HIDDEN_BLOCKS}.get(name)
        closing = None
        if last and self._closed.get(name, -1) >= end:
            closing = regex.compile(rf"\{{%-?\s*{last}\s*-?%\}}").search(text, end)
        if closing is None:
            return end, _line_breaks(text[start:end])
        inner = text[end : closing.start()] if name == "raw" else _line_breaks(text[end : closing.start()])
        return closing.end(), _line_breaks(text[start:end]) + inner + _line_breaks(closing[0])

    def _element(self, start: int) -> tuple[int, str | None]:
        """Remove JSX components, and from HTML tags the attributes that only MDX allows."""
        text = self._text
        tag = _ELEMENT_TAG.match(text, start, start + _MAX_TAG_CHARS)
        if tag is None:
            return start + 2, None
        name, attributes = tag["name"], tag["attributes"]
        if _is_component(name):
            is_paired = not tag["closed"]
            return tag.end(), self._attribute_text(attributes, start, is_paired) + _line_breaks(tag[0])
        if _PARSES_MARKDOWN.search(attributes):
            return tag.end(), _line_breaks(tag[0])
        if "{" not in attributes:
            return tag.end(), None
        slash = "/" if text[start + 1] == "/" else ""
        return tag.end(), f"<{slash}{name}{_line_breaks(tag[0])}>"

    def _wiki_link(self, start: int, opener: str) -> tuple[int, str | None]:
        link = _WIKI_LINK.match(self._text, start, start + _MAX_TAG_CHARS)
        if link is None or DROPPED_LINE.fullmatch(link[0]):
            return start + len(opener), None
        return link.end(), "" if opener[0] == "!" else link["text"]

    def _attribute_text(self, tag: str, start: int, is_paired: bool) -> str:
        """Return the readable attributes of a tag, its title and its text, as marked paragraphs."""
        values: dict[str, str] = {}
        for attribute in _ATTRIBUTE.finditer(tag):
            value = " ".join(regex.sub(r"\\(.)", r"\1", attribute["value"]).split())
            is_name = _IDENTIFIER.fullmatch(value) if not is_paired else regex.search(r"\p{L}", value) is None
            if not is_name:
                values.setdefault(attribute["name"].lower(), value)
        title = next((values[name] for name in _TITLE_ATTRIBUTES if name in values), "")
        short = values.get("abbr", "")
        if short and short != title:
            title = f"{title} ({short})" if title else short
        words = next((values[name] for name in _TEXT_ATTRIBUTES if name in values), "")
        line = self._text[self._text.rfind("\n", 0, start) + 1 : start]
        if not (title or words):
            return ""
        if _LINE_PREFIX.fullmatch(line) is None and not line.endswith(("}}", "%}", ">")):
            return f"{title} {words}".strip()
        lead = f"{TITLE_MARK if is_paired or words else BLOCK_START}{title}{BLOCK_END}" if title else ""
        return lead + (f"{BLOCK_START}{words}{BLOCK_END}" if words else "")


def _address_in(tag: str) -> str:
    """Return the e-mail address or telephone number in the arguments of a call, or its only one if a link."""
    call = _CALL.match(tag)
    if call is None:
        return ""
    arguments = list(_ARGUMENT.finditer(tag, call.end("name")))
    found = {match["address"] for argument in arguments if (match := _CONTACT.fullmatch(argument["value"]))}
    if len(found) == 1:
        return found.pop()
    if len(arguments) == 1 and _NAMES_OF_LINKS.search(f"{call['name']} {arguments[0]['name'] or ''}"):
        match = _WEB_ADDRESS.fullmatch(arguments[0]["value"])
        return match["address"] if match else ""
    return ""


def _is_in_formula(text: str, start: int) -> bool:
    """Return whether braces at `start` belong to a LaTeX formula."""
    return _FORMULA_BEFORE.search(text, max(0, start - 40), start) is not None


def _is_component(name: str) -> bool:
    return name[0].isupper() and not name.isupper() and regex.fullmatch(r"[A-Z]\d", name) is None


def _line_breaks(text: str) -> str:
    return "\n" * text.count("\n")


_ADMONITION = regex.compile(
    r"(?P<prefix> *)(?:!!!|\?\?\?\+?)(?:\s*[\w-]+(?:\s+(?:inline|end|left|right))*)?"
    r"\s*(?:\"(?P<title>.*)\")?\s*"
    r"|(?P<prefix> *)(?:!!!|\?\?\?\+?)\s+[a-z][\w-]*\s+(?P<text>.*)"
)
_TAB = regex.compile(r"(?P<prefix> *)===[!+]?\s+[\"'](?P<title>.*)[\"']\s*")
_FOOTNOTE = regex.compile(r"(?P<prefix> *)\[\^[^\]\s\[]+\]:\s*(?P<text>.*)")
_DEFINITION = regex.compile(r"(?P<prefix> {0,3}):[ ]{1,4}(?P<text>\S.*)")
_CONTAINER = regex.compile(
    r"(?P<prefix>[\s>]*):{3,}\s*(?P<kind>[\w-]*)\s*(?:\{[^{}]*\})?\s*(?P<rest>.*?)\s*(?:\{[^{}]*\})?\s*:*"
)
_ALERT = regex.compile(r"(?P<prefix>\s*(?:>\s*)+)\[!\w+\][+-]?\s*(?P<title>.*)")
_NOT_A_TERM = regex.compile(r"\s*(?:[-*+#>|]|\d+[.)]\s|<|$)")
_ONLY_TAGS = regex.compile(r"\s*(?:</?[a-z][\w-]*(?:\s[^<>]*)?>\s*)+")


class MarkdownLines(NamedTuple):
    """Lines of plain Markdown and the source line number of each.

    `has_components` marks MDX, Markdown with JSX components, in which indented text is not code.
    """

    texts: list[str]
    numbers: list[int]
    has_components: bool = False


def opens_indented_block(line: str) -> bool:
    return any(opener.fullmatch(line) for opener in (_ADMONITION, _TAB, _FOOTNOTE, _DEFINITION))


def indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" ")) if not line.startswith("\t") else 4


class AdmonitionConverter:
    """Converts the containers of one text, line by line, to plain Markdown."""

    def __init__(self, has_components: bool) -> None:
        self._has_components = has_components
        self._out = MarkdownLines([], [], has_components)
        # The indentation of each open container. Its content is indented by four more.
        self._open: list[int] = []

    def convert(self, lines: Iterable[str], is_code: Iterable[bool], numbers: Iterable[int]) -> MarkdownLines:
        """Return the converted lines; `numbers` are the source numbers of the lines."""
        for number, line, code in zip(numbers, lines, is_code, strict=True):
            content = self._dedent(line)
            if code or not content.strip():
                self._add(number, content)
            elif not self._add_container(number, content):
                self._add_text(number, content)
        return self._out

    def _dedent(self, line: str) -> str:
        if not self._open or not line.strip():
            return line
        content = line.replace("\t", "    ", 1) if line.startswith("\t") else line
        for depth, indent in enumerate(self._open):
            if indentation(content) < indent + 4:
                # A line that is indented by less ends the container, but may continue its last paragraph.
                del self._open[depth:]
                break
            content = content[4:]
        return content

    def _add_container(self, number: int, line: str) -> bool:
        """Convert a line that opens a container or is dropped. Return False for any other line."""
        if DROPPED_LINE.fullmatch(line):
            self._add(number, "")
        elif match := _ADMONITION.fullmatch(line) or _TAB.fullmatch(line):
            self._open.append(len(match["prefix"]))
            self._add_title(number, match["prefix"], match["title"] or "")
            if "text" in match.groupdict() and match["text"]:
                self._add(number, match["prefix"] + match["text"])
        elif match := _FOOTNOTE.fullmatch(line):
            self._open.append(len(match["prefix"]))
            self._add(number, "", match["prefix"] + match["text"])
        elif match := _DEFINITION.fullmatch(line):
            return self._add_definition(number, match["prefix"], match["text"])
        elif match := _ALERT.fullmatch(line):
            self._add_title(number, match["prefix"].rstrip() + " ", match["title"])
        elif (match := _CONTAINER.fullmatch(line)) and ":::" in line:
            title = match["rest"].strip("[]\"' ")
            self._add_title(number, match["prefix"], "" if "=" in title else title)
        else:
            return False
        return True

    def _add_definition(self, number: int, prefix: str, text: str) -> bool:
        """Mark the line above as the term of a definition. Return whether it can be one."""
        texts = self._out.texts
        index = len(texts) - 1
        while index >= 0 and not texts[index].strip():
            index -= 1
        if index < 0 or (_NOT_A_TERM.match(texts[index]) and TITLE_MARK not in texts[index]):
            return False
        is_first = not self._follows_definition(index)
        if is_first and not texts[index].startswith(TITLE_MARK):
            texts[index] = TITLE_MARK + texts[index].lstrip()
            if index and texts[index - 1].strip():
                texts.insert(index, "")
                self._out.numbers.insert(index, self._out.numbers[index])
        self._open.append(len(prefix))
        self._add(number, "", prefix + text)
        return True

    def _follows_definition(self, index: int) -> bool:
        """Return whether the line at `index` is a definition of the same term."""
        above = self._out.texts[max(0, index - 2) : index]
        return len(above) == 2 and above[0].startswith(TITLE_MARK) and not above[1].strip()  # noqa: PLR2004

    def _add_title(self, number: int, prefix: str, title: str) -> None:
        blank = prefix.rstrip()
        if title:
            self._add(number, blank, f"{prefix}{TITLE_MARK}{title}", blank)
        else:
            self._add(number, blank)

    def _add_text(self, number: int, line: str) -> None:
        if TITLE_MARK in line or BLOCK_START in line:
            self._add(number, *_split_at_marks(line))
        elif self._has_components and _ONLY_TAGS.fullmatch(line):
            self._add(number, "", line.lstrip(), "")
        else:
            self._add(number, line)

    def _add(self, number: int, *lines: str) -> None:
        self._out.texts.extend(lines)
        self._out.numbers.extend([number] * len(lines))


def _split_at_marks(line: str) -> Iterator[str]:
    """Yield the marked titles and paragraphs of a line and the text around them, with blank lines between."""
    prefix = regex.match(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*", line)
    first = prefix[0] if prefix else ""
    rest = "".join(sign if sign in " \t>" else " " for sign in first)
    yield rest.rstrip()
    for part in regex.split(rf"(?=[{TITLE_MARK}{BLOCK_START}])|{BLOCK_END}", line[len(first) :]):
        if part.strip():
            yield first + part.strip().removeprefix(BLOCK_START)
            yield rest.rstrip()
            first = rest
