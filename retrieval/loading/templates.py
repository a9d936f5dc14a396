"""Template and extension syntax in Markdown files: removed or turned into plain Markdown before parsing.

Covers Hugo, Jekyll (Liquid, kramdown), MkDocs, Docusaurus (MDX), VuePress, GitBook, GitHub and mdBook. Code
is left as it is.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

import regex

# A line that begins with LEAD is a title of what follows it: of an admonition, a tab or a glossary entry.
# These are noncharacters: no text holds them.
LEAD = "\ufdd0"
_ALONE = "\ufdd1"
_END = "\ufdd2"
_MARKERS = {ord(mark): None for mark in (LEAD, _ALONE, _END)}

# The longest tag that is looked for; the bound keeps the time linear where tags are left open.
_LONGEST_TAG = 4000
_LONGEST_CODE_SPAN = 2000
_FENCE = regex.compile(
    r"(?P<prefix>(?:[ \t]|>|[-*+][ \t]|\d{1,9}[.)][ \t])*+)(?P<mark>`{3,}(?=[^`]*$)|~{3,})"
)
_HIGHLIGHT = regex.compile(
    r"(?P<prefix>\s*)(?:\{%-?\s*highlight\b[^%]*%\}|\{\{[<%]\s*highlight\b.*?[>%]\}\})\s*$"
)
_END_HIGHLIGHT = regex.compile(
    r"(?P<prefix>\s*)(?:\{%-?\s*endhighlight\s*-?%\}|\{\{[<%]\s*/\s*highlight\s*[>%]\}\})\s*$"
)
_LONG_FENCE = "`" * 8
_LIST_ITEM = regex.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]")
_ESM = regex.compile(
    r"import\s+(?:[\w*{][^'\"]*?\sfrom\s+)?['\"][^'\"]+['\"];?\s*$"
    r"|export\s+(?:default|const|let|var|function|class|async)\b|import\s+(?:\w+,\s*)?\{\s*$"
)
_COMPONENT = regex.compile(r"\s*</?[A-Z][a-z]\w*[\s/>]")
_OPENER = regex.compile(
    r"\\.|`+|<!--|\{\{[<%]?|\{%|\{/\*|</?[a-zA-Z]|\[\[|!\[\[|\[\^|:(?=[a-z])|(?<![\w=+])(?:==|\+\+)(?=\S)|\{(?=[:#.\s\w])",
    regex.DOTALL,
)
# An expression of JSX, with braces in it up to four deep.
_BRACED = r"\{[^{}]*+(?:\{[^{}]*+(?:\{[^{}]*+(?:\{[^{}]*+\}[^{}]*+)*+\}[^{}]*+)*+\}[^{}]*+)*+\}"
_TAG = regex.compile(
    r"</?(?P<name>[a-zA-Z][\w.-]*+)(?P<attributes>(?:\s++(?:[\w:@.-]++(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'"
    rf"|{_BRACED}|[^\s\"'{{}}<>=`]++))?+|{_BRACED}))*+)\s*+(?P<closed>/?)>"
)
_PARSES_MARKDOWN = regex.compile(r"\smarkdown(?:\s*=\s*[\"']?\w+[\"']?)?(?=\s|$)")
_ATTRIBUTE = regex.compile(
    r"(?<![\w-])(?P<name>[a-zA-Z_]+)\s*=\s*\{?\s*(?:\"(?P<value>(?:\\.|[^\"\\])*+)\"|'(?P<value>(?:\\.|[^'\\])*+)')",
    regex.DOTALL,
)
_TITLES = ("name", "term", "title", "label", "summary")
_WORDS = ("text", "caption", "content")
_IDENTIFIER = regex.compile(r"[a-z0-9_-]*|\S*/\S*|\S*\.[a-z]{2,4}\d?|#\S*")
_CLOSING = regex.compile(r"[<%]-?\s*(?:/\s*|end)(?P<name>[\w/.-]+)")
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
# What stands between these tags is not shown.
_UNSHOWN = {"comment": "endcomment", "capture": "endcapture"}
_CLOSERS = {"{{<": ">}}", "{{%": "%}}", "{{": "}}", "{%": "%}", "{/*": "*/}"}
_LITERAL = regex.compile(r"(?P<open>\{\{[<%])/\*(?P<inner>.*?)\*/(?P<close>[>%]\}\})", regex.DOTALL)
_COMMAND_BEFORE = regex.compile(r"(?:[\^_]|[\\$][a-zA-Z]*|\\[a-zA-Z]+(?:\{[^{}]*\})*)$")
_BRACES = regex.compile(
    r"\{::(?P<options>comment)\}.*?\{:/(?:comment)?\}|\{::?/?[^{}\n]*\}"
    r"|\{\s*+(?:(?:[.#][a-zA-Z][\w:-]*+|[\w-]++=(?:\"[^\"\n]*+\"|'[^'\n]*+'|[^\s{}\"']++)|data-[\w-]++)\s*+)++\}",
    regex.DOTALL,
)
_CONTENTS_ITEM = regex.compile(r"^[ ]{0,3}(?:[-*+]|\d\.)[ ][^\n]*\n(?=[ ]{0,3}\{:\s*toc\b)", regex.MULTILINE)
_ICON = regex.compile(r":(?:material|fontawesome|octicons|simple|far|fas|fab)-[\w-]+:(?:\{[^{}\n]*\})?[ ]?")
_WIKI_LINK = regex.compile(r"!?\[\[(?:[^\[\]|\n]+\|)?(?P<text>[^\[\]\n]+)\]\](?![(\[])")
_FOOTNOTE_MARK = regex.compile(r"\[\^[^\]\s\[]+\]")
_HIGHLIGHTED = regex.compile(
    r"(?P<mark>==|\+\+)(?=\S)(?P<text>[^=+\n]+(?:\+[^=+\s]+)*)(?<=\S)(?P=mark)(?!\w)"
)
_SIGNS = {"[^": _FOOTNOTE_MARK, ":": _ICON, "==": _HIGHLIGHTED, "++": _HIGHLIGHTED}
_DROPPED_LINE = regex.compile(
    r"\s*(?:\[\[?_?toc_?\]\]?|\[_TOC_\]|<!--.*-->|-{1,}8<-{1,}.*|;-{1,}8<-{1,}.*|\*\[[^\]]+\]:.*)\s*",
    regex.IGNORECASE,
)
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
_NO_TERM = regex.compile(r"\s*(?:[-*+#>|]|\d+[.)]\s|<|$)")
_ONLY_TAGS = regex.compile(r"\s*(?:</?[a-z][\w-]*(?:\s[^<>]*)?>\s*)+")
_PREFIX = regex.compile(r"[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]+)*")
_BULLET = regex.compile(r"[-*+]|\d{1,9}[.)]")


class Lines(NamedTuple):
    """Lines of plain Markdown, and for each the number of the source line that it comes from.

    In MDX, which `has_components` of JSX, indented text is no code.
    """

    texts: list[str]
    numbers: list[int]
    has_components: bool = False


def strip_templates(text: str, first: int = 1) -> Lines:
    """Return a Markdown text without the syntax of templates; `first` is the number of its first line."""
    lines = text.translate(_MARKERS).split("\n")
    has_components = any(map(_COMPONENT.match, lines)) or any(map(_ESM.match, lines))
    is_code = _code_lines(lines, has_components)
    if has_components:
        _remove_modules(lines, is_code)
    shown = _without_tags(lines, is_code)
    return _Containers(has_components).read(shown, is_code, first)


def _code_lines(lines: list[str], has_components: bool) -> list[bool]:
    """Return which lines are of code blocks; tags around code are replaced by fences."""
    found: list[bool] = []
    fence = prefix = ""
    in_comment = in_list = False
    was_blank = was_indented = True
    for number, line in enumerate(lines):
        is_code = is_indented = False
        if fence and ">" in prefix and not line.lstrip().startswith(">"):
            fence = ""
        if fence == _LONG_FENCE and (closing := _END_HIGHLIGHT.match(line)):
            lines[number] = closing["prefix"] + _LONG_FENCE
            is_code, fence = True, ""
        elif fence:
            is_code = True
            bare = line.lstrip(" \t>").rstrip()
            if fence != _LONG_FENCE and len(bare) >= len(fence) and not bare.strip(fence[0]):
                fence = ""
        elif in_comment:
            in_comment = "-->" not in line
        elif opening := _FENCE.match(line):
            is_code, fence, prefix = True, opening["mark"], opening["prefix"]
        elif opening := _HIGHLIGHT.match(line):
            lines[number] = opening["prefix"] + _LONG_FENCE
            is_code, fence, prefix = True, _LONG_FENCE, ""
        else:
            indent = _indent(line)
            is_indented = (
                not has_components
                and bool(line.strip())
                and indent >= (8 if in_list else 4)
                and (was_blank or was_indented)
            )
            is_code = is_indented
            if line.strip() and not is_indented:
                opens = _LIST_ITEM.match(line) or _opens_indented(line)
                in_list = bool(opens) or (in_list and indent > 0)
                in_comment = _leaves_comment_open(line)
        was_blank = not line.strip()
        was_indented = is_indented or (was_blank and was_indented)
        found.append(is_code)
    return found


def _opens_indented(line: str) -> bool:
    return any(opener.fullmatch(line) for opener in (_ADMONITION, _TAB, _FOOTNOTE, _DEFINITION))


def _leaves_comment_open(line: str) -> bool:
    begin = line.rfind("<!--")
    return begin >= 0 and line.find("-->", begin) < 0 and line.count("`", 0, begin) % 2 == 0


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" ")) if not line.startswith("\t") else 4


def _remove_modules(lines: list[str], is_code: list[bool]) -> None:
    """Blank what MDX imports and exports: up to an empty line at which all braces are closed."""
    depth: int | None = None
    for number, line in enumerate(lines):
        if is_code[number]:
            depth = None
        elif depth is None and _ESM.match(line):
            depth = 0
        if depth is not None:
            if not line.strip() and depth <= 0:
                depth = None
                continue
            depth += sum(map(line.count, "{([")) - sum(map(line.count, "})]"))
            lines[number] = ""
            if depth <= 0 and line.rstrip().endswith((";", "'", '"')):
                depth = None


def _without_tags(lines: list[str], is_code: list[bool]) -> list[str]:
    """Remove tags outside code blocks; each line stays a line."""
    shown: list[str] = []
    for code, run in groupby(zip(is_code, lines, strict=True), key=lambda pair: pair[0]):
        own = [line for _, line in run]
        shown += own if code else _Tags("\n".join(own)).removed().split("\n")
    return shown


class _Tags:
    """The tags in a text without code blocks."""

    def __init__(self, text: str) -> None:
        self._text = _CONTENTS_ITEM.sub("\n", text)
        self._has_comments = True
        # Up to where each sign that closes a tag was looked for and not found.
        self._searched: dict[str, int] = {}
        self._closed = {closing["name"]: closing.start() for closing in _CLOSING.finditer(self._text)}

    def removed(self) -> str:
        """Return the text without its tags, but with their line breaks and the words in them."""
        text, parts, kept, at = self._text, list[str](), 0, 0
        while opener := _OPENER.search(text, at):
            start = opener.start()
            end, shown = self._replacement(opener[0], start)
            if shown is None:
                at = end
                continue
            parts += (text[kept:start], shown)
            kept = at = end
        parts.append(text[kept:])
        return "".join(parts)

    def _replacement(self, opener: str, start: int) -> tuple[int, str | None]:
        """Return where a tag ends and what is shown in its place: None leaves it as it is."""
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
                return self._sign(start, opener)

    def _sign(self, start: int, opener: str) -> tuple[int, str | None]:
        """Remove attributes in braces, footnote marks, icons, and marks around words."""
        text = self._text
        pattern = _SIGNS.get(opener, _BRACES)
        found = pattern.match(text, start, start + _LONGEST_TAG)
        if found is None or (opener == "{" and _follows_command(text, start)):
            return start + len(opener), None
        if pattern is _HIGHLIGHTED:
            return start + len(found[0]), found["text"]
        is_note = pattern is _FOOTNOTE_MARK and text.startswith(":", found.end())
        if is_note and not text[text.rfind("\n", 0, start) + 1 : start].strip():
            return found.end(), None
        return found.end(), _breaks(found[0])

    def _after_code_span(self, start: int, length: int) -> int:
        inside = start + length
        for run in regex.finditer(
            r"`+|\n[ \t]*\n", self._text, pos=inside, endpos=inside + _LONGEST_CODE_SPAN
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
        return end + 3, _breaks(self._text[start:end])

    def _template(self, opener: str, start: int) -> tuple[int, str | None]:
        text = self._text
        if opener == "{{" and _follows_command(text, start):
            return start + 2, None
        closer = _CLOSERS[opener]
        inside = start + len(opener)
        end = text.find(closer, max(inside, self._searched.get(closer, 0)), start + _LONGEST_TAG)
        if end < 0:
            self._searched[closer] = start + _LONGEST_TAG - len(closer)
            return inside, None
        end += len(closer)
        tag = text[start:end]
        literal = _LITERAL.fullmatch(tag)
        if literal:
            return end, literal["open"] + literal["inner"] + literal["close"]
        if opener in {"{{", "{/*"}:
            return end, _breaks(tag)
        named = _TAG_NAME.match(tag)
        name = named["name"] if named else ""
        if named is None or named["close"] or name in _STATEMENTS | {"raw"} | _UNSHOWN.keys():
            return self._statement(name, start, end)
        is_paired = self._closed.get(name, -1) >= end
        return end, self._words(tag, start, is_paired) + _breaks(tag)

    def _statement(self, name: str, start: int, end: int) -> tuple[int, str]:
        text = self._text
        last = {"raw": "endraw", **_UNSHOWN}.get(name)
        closing = None
        if last and self._closed.get(name, -1) >= end:
            closing = regex.compile(rf"\{{%-?\s*{last}\s*-?%\}}").search(text, end)
        if closing is None:
            return end, _breaks(text[start:end])
        inner = text[end : closing.start()] if name == "raw" else _breaks(text[end : closing.start()])
        return closing.end(), _breaks(text[start:end]) + inner + _breaks(closing[0])

    def _element(self, start: int) -> tuple[int, str | None]:
        """Remove components, and from HTML what only MDX allows."""
        text = self._text
        tag = _TAG.match(text, start, start + _LONGEST_TAG)
        if tag is None:
            return start + 2, None
        name, attributes = tag["name"], tag["attributes"]
        if _is_component(name):
            is_paired = not tag["closed"]
            return tag.end(), self._words(attributes, start, is_paired) + _breaks(tag[0])
        if _PARSES_MARKDOWN.search(attributes):
            return tag.end(), _breaks(tag[0])
        if "{" not in attributes:
            return tag.end(), None
        slash = "/" if text[start + 1] == "/" else ""
        return tag.end(), f"<{slash}{name}{_breaks(tag[0])}>"

    def _wiki_link(self, start: int, opener: str) -> tuple[int, str | None]:
        link = _WIKI_LINK.match(self._text, start, start + _LONGEST_TAG)
        if link is None or _DROPPED_LINE.fullmatch(link[0]):
            return start + len(opener), None
        return link.end(), "" if opener[0] == "!" else link["text"]

    def _words(self, tag: str, start: int, is_paired: bool) -> str:
        """Return the words in a tag's attributes: its title, and its text."""
        found: dict[str, str] = {}
        for attribute in _ATTRIBUTE.finditer(tag):
            value = " ".join(regex.sub(r"\\(.)", r"\1", attribute["value"]).split())
            is_name = _IDENTIFIER.fullmatch(value) if not is_paired else regex.search(r"\p{L}", value) is None
            if not is_name:
                found.setdefault(attribute["name"].lower(), value)
        title = next((found[name] for name in _TITLES if name in found), "")
        short = found.get("abbr", "")
        if short and short != title:
            title = f"{title} ({short})" if title else short
        words = next((found[name] for name in _WORDS if name in found), "")
        line = self._text[self._text.rfind("\n", 0, start) + 1 : start]
        if not (title or words):
            return ""
        if _PREFIX.fullmatch(line) is None and not line.endswith(("}}", "%}", ">")):
            return f"{title} {words}".strip()
        lead = f"{LEAD if is_paired or words else _ALONE}{title}{_END}" if title else ""
        return lead + (f"{_ALONE}{words}{_END}" if words else "")


def _follows_command(text: str, start: int) -> bool:
    """Tell whether braces belong to a formula."""
    return _COMMAND_BEFORE.search(text, max(0, start - 40), start) is not None


def _is_component(name: str) -> bool:
    return name[0].isupper() and not name.isupper() and regex.fullmatch(r"[A-Z]\d", name) is None


def _breaks(text: str) -> str:
    return "\n" * text.count("\n")


class _Containers:
    """Turns what extensions of Markdown mark by lines into plain Markdown."""

    def __init__(self, has_components: bool) -> None:
        self._has_components = has_components
        self._out = Lines([], [], has_components)
        # How far each open container is indented: its content is by four more.
        self._open: list[int] = []

    def read(self, lines: Iterable[str], is_code: Iterable[bool], first: int) -> Lines:
        for number, (line, code) in enumerate(zip(lines, is_code, strict=True), first):
            own = self._dedented(line)
            if code or not own.strip():
                self._add(number, own)
            elif not self._is_container(number, own):
                self._add_text(number, own)
        return self._out

    def _dedented(self, line: str) -> str:
        if not self._open or not line.strip():
            return line
        own = line.replace("\t", "    ", 1) if line.startswith("\t") else line
        for depth, indent in enumerate(self._open):
            if _indent(own) < indent + 4:
                # The text of a footnote or definition may be indented by less.
                del self._open[depth:]
                break
            own = own[4:]
        return own

    def _is_container(self, number: int, line: str) -> bool:
        if _DROPPED_LINE.fullmatch(line):
            self._add(number, "")
        elif found := _ADMONITION.fullmatch(line) or _TAB.fullmatch(line):
            self._open.append(len(found["prefix"]))
            self._add_lead(number, found["prefix"], found["title"] or "")
            if "text" in found.groupdict() and found["text"]:
                self._add(number, found["prefix"] + found["text"])
        elif found := _FOOTNOTE.fullmatch(line):
            self._open.append(len(found["prefix"]))
            self._add(number, "", found["prefix"] + found["text"])
        elif found := _DEFINITION.fullmatch(line):
            return self._is_definition(number, found["prefix"], found["text"])
        elif found := _ALERT.fullmatch(line):
            self._add_lead(number, found["prefix"].rstrip() + " ", found["title"])
        elif (found := _CONTAINER.fullmatch(line)) and ":::" in line:
            title = found["rest"].strip("[]\"' ")
            self._add_lead(number, found["prefix"], "" if "=" in title else title)
        else:
            return False
        return True

    def _is_definition(self, number: int, prefix: str, text: str) -> bool:
        """Take the line above for a term."""
        texts = self._out.texts
        at = len(texts) - 1
        while at >= 0 and not texts[at].strip():
            at -= 1
        if at < 0 or (_NO_TERM.match(texts[at]) and LEAD not in texts[at]):
            return False
        is_first = not self._open_definition(at)
        if is_first and not texts[at].startswith(LEAD):
            texts[at] = LEAD + texts[at].lstrip()
            if at and texts[at - 1].strip():
                texts.insert(at, "")
                self._out.numbers.insert(at, self._out.numbers[at])
        self._open.append(len(prefix))
        self._add(number, "", prefix + text)
        return True

    def _open_definition(self, at: int) -> bool:
        """Tell whether a line is of the definition before this one."""
        above = self._out.texts[max(0, at - 2) : at]
        return len(above) == 2 and above[0].startswith(LEAD) and not above[1].strip()  # noqa: PLR2004

    def _add_lead(self, number: int, prefix: str, title: str) -> None:
        blank = prefix.rstrip()
        if title:
            self._add(number, blank, f"{prefix}{LEAD}{title}", blank)
        else:
            self._add(number, blank)

    def _add_text(self, number: int, line: str) -> None:
        if LEAD in line or _ALONE in line:
            self._add(number, *_parted(line))
        elif self._has_components and _ONLY_TAGS.fullmatch(line):
            self._add(number, "", line.lstrip(), "")
        else:
            self._add(number, line)

    def _add(self, number: int, *lines: str) -> None:
        self._out.texts.extend(lines)
        self._out.numbers.extend([number] * len(lines))


def _parted(line: str) -> Iterator[str]:
    """Yield the titles in a line and the text around them as paragraphs of their own."""
    prefix = regex.match(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*", line)
    first = prefix[0] if prefix else ""
    rest = "".join(sign if sign in " \t>" else " " for sign in first)
    yield rest.rstrip()
    for part in regex.split(rf"(?=[{LEAD}{_ALONE}])|{_END}", line[len(first) :]):
        if part.strip():
            yield first + part.strip().removeprefix(_ALONE)
            yield rest.rstrip()
            first = rest
