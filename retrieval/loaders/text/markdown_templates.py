"""Removes template and extension syntax from Markdown, or converts it to plain Markdown.

Covers Hugo, Jekyll (Liquid, kramdown), MkDocs, Docusaurus (MDX), VuePress, GitBook, GitHub and mdBook. Code
is left unchanged.
"""

from itertools import groupby

import regex

from retrieval.loaders.text.markdown_containers import (
    ContainerConverter,
    MarkdownLines,
    indentation,
    opens_indented_block,
)
from retrieval.loaders.text.markdown_tags import BLOCK_END, BLOCK_START, LEAD_MARK, TagRemover

_WITHOUT_MARKS = {ord(mark): None for mark in (LEAD_MARK, BLOCK_START, BLOCK_END)}
_FENCE = regex.compile(
    r"(?P<prefix>(?:[ \t]|>|[-*+][ \t]|\d{1,9}[.)][ \t])*+)(?P<mark>`{3,}(?=[^`]*$)|~{3,})"
)
_OPENING_HIGHLIGHT = regex.compile(
    r"(?P<prefix>\s*)(?:\{%-?\s*highlight\b[^%]*%\}|\{\{[<%]\s*highlight\b.*?[>%]\}\})\s*$"
)
_CLOSING_HIGHLIGHT = regex.compile(
    r"(?P<prefix>\s*)(?:\{%-?\s*endhighlight\s*-?%\}|\{\{[<%]\s*/\s*highlight\s*[>%]\}\})\s*$"
)
_LONG_FENCE = "`" * 8
_LIST_ITEM = regex.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]")
_ESM = regex.compile(
    r"import\s+(?:[\w*{][^'\"]*?\sfrom\s+)?['\"][^'\"]+['\"];?\s*$"
    r"|export\s+(?:default|const|let|var|function|class|async)\b|import\s+(?:\w+,\s*)?\{\s*$"
)
_COMPONENT = regex.compile(r"\s*</?[A-Z][a-z]\w*[\s/>]")


def strip_templates(text: str, first: int = 1) -> MarkdownLines:
    """Return the lines of a Markdown text without template syntax; `first` is its first line number."""
    lines = text.translate(_WITHOUT_MARKS).split("\n")
    has_components = any(map(_COMPONENT.match, lines)) or any(map(_ESM.match, lines))
    is_code = _find_code_lines(lines, has_components)
    if has_components:
        _blank_modules(lines, is_code)
    without_tags = _remove_tags(lines, is_code)
    return ContainerConverter(has_components).convert(without_tags, is_code, first)


def _find_code_lines(lines: list[str], has_components: bool) -> list[bool]:
    """Return for each line whether it is code. Tags around code are replaced by fences in `lines`."""
    code_lines: list[bool] = []
    fence = prefix = ""
    in_comment = in_list = False
    was_blank = was_indented = True
    for number, line in enumerate(lines):
        is_code = is_indented = False
        if fence and ">" in prefix and not line.lstrip().startswith(">"):
            fence = ""
        if fence == _LONG_FENCE and (closing := _CLOSING_HIGHLIGHT.match(line)):
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
        elif opening := _OPENING_HIGHLIGHT.match(line):
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
                opens = _LIST_ITEM.match(line) or opens_indented_block(line)
                in_list = bool(opens) or (in_list and indent > 0)
                in_comment = _leaves_comment_open(line)
        was_blank = not line.strip()
        was_indented = is_indented or (was_blank and was_indented)
        code_lines.append(is_code)
    return code_lines


def _leaves_comment_open(line: str) -> bool:
    begin = line.rfind("<!--")
    return begin >= 0 and line.find("-->", begin) < 0 and line.count("`", 0, begin) % 2 == 0


def _blank_modules(lines: list[str], is_code: list[bool]) -> None:
    """Blank the imports and exports of MDX, each up to an empty line with all brackets closed."""
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


def _remove_tags(lines: list[str], is_code: list[bool]) -> list[str]:
    """Return the lines without tags outside code blocks; their number stays the same."""
    cleaned: list[str] = []
    for code, run in groupby(zip(is_code, lines, strict=True), key=lambda pair: pair[0]):
        run_lines = [line for _, line in run]
        cleaned += run_lines if code else TagRemover("\n".join(run_lines)).remove().split("\n")
    return cleaned
