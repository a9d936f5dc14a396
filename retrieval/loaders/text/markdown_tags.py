"""The tags of templates in a Markdown text, and of the extensions of Markdown that stand within a line."""

import regex

# A line that begins with LEAD is a title of what follows it: of an admonition, a tab or a glossary entry.
# What is between ALONE and END is a paragraph by itself. These are noncharacters: no text holds them.
LEAD = "\ufdd0"
ALONE = "\ufdd1"
END = "\ufdd2"

# The longest tag that is looked for; the bound keeps the time linear where tags are left open.
_LONGEST_TAG = 4000
_LONGEST_CODE_SPAN = 2000
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
DROPPED_LINE = regex.compile(
    r"\s*(?:\[\[?_?toc_?\]\]?|\[_TOC_\]|<!--.*-->|-{1,}8<-{1,}.*|;-{1,}8<-{1,}.*|\*\[[^\]]+\]:.*)\s*",
    regex.IGNORECASE,
)
_PREFIX = regex.compile(r"[ \t]*(?:(?:>|[-*+]|\d{1,9}[.)])[ \t]+)*")


class Tags:
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
        if link is None or DROPPED_LINE.fullmatch(link[0]):
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
        lead = f"{LEAD if is_paired or words else ALONE}{title}{END}" if title else ""
        return lead + (f"{ALONE}{words}{END}" if words else "")


def _follows_command(text: str, start: int) -> bool:
    """Return whether braces belong to a formula."""
    return _COMMAND_BEFORE.search(text, max(0, start - 40), start) is not None


def _is_component(name: str) -> bool:
    return name[0].isupper() and not name.isupper() and regex.fullmatch(r"[A-Z]\d", name) is None


def _breaks(text: str) -> str:
    return "\n" * text.count("\n")
