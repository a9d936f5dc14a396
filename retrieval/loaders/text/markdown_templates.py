"""Template and extension syntax in Markdown files: removed or turned into plain Markdown before parsing.

Covers Hugo, Jekyll (Liquid, kramdown), MkDocs, Docusaurus (MDX), VuePress, GitBook, GitHub and mdBook. Code
is left as it is.
"""

from itertools import groupby

import regex

from retrieval.loaders.text.markdown_containers import Containers, Lines, indentation, opens_indented
from retrieval.loaders.text.markdown_tags import ALONE, END, LEAD, Tags

_MARKERS = {ord(mark): None for mark in (LEAD, ALONE, END)}
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


def strip_templates(text: str, first: int = 1) -> Lines:
    """Return a Markdown text without the syntax of templates; `first` is the number of its first line."""
    lines = text.translate(_MARKERS).split("\n")
    has_components = any(map(_COMPONENT.match, lines)) or any(map(_ESM.match, lines))
    is_code = _code_lines(lines, has_components)
    if has_components:
        _remove_modules(lines, is_code)
    shown = _without_tags(lines, is_code)
    return Containers(has_components).read(shown, is_code, first)


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
            indent = indentation(line)
            is_indented = (
                not has_components
                and bool(line.strip())
                and indent >= (8 if in_list else 4)
                and (was_blank or was_indented)
            )
            is_code = is_indented
            if line.strip() and not is_indented:
                opens = _LIST_ITEM.match(line) or opens_indented(line)
                in_list = bool(opens) or (in_list and indent > 0)
                in_comment = _leaves_comment_open(line)
        was_blank = not line.strip()
        was_indented = is_indented or (was_blank and was_indented)
        found.append(is_code)
    return found


def _leaves_comment_open(line: str) -> bool:
    begin = line.rfind("<!--")
    return begin >= 0 and line.find("-->", begin) < 0 and line.count("`", 0, begin) % 2 == 0


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
        shown += own if code else Tags("\n".join(own)).removed().split("\n")
    return shown
