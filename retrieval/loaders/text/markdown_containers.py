"""Converts admonitions, tabs, footnotes and definition lists of Markdown extensions to plain Markdown."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import regex

from retrieval.loaders.text.markdown_tags import BLOCK_END, BLOCK_START, DROPPED_LINE, LEAD_MARK

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


class ContainerConverter:
    """Converts the containers of one text, line by line, to plain Markdown."""

    def __init__(self, has_components: bool) -> None:
        self._has_components = has_components
        self._out = MarkdownLines([], [], has_components)
        # The indentation of each open container. Its content is indented by four more.
        self._open: list[int] = []

    def convert(self, lines: Iterable[str], is_code: Iterable[bool], first: int) -> MarkdownLines:
        """Return the converted lines; `first` is the source number of the first line."""
        for number, (line, code) in enumerate(zip(lines, is_code, strict=True), first):
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
            self._add_lead(number, match["prefix"], match["title"] or "")
            if "text" in match.groupdict() and match["text"]:
                self._add(number, match["prefix"] + match["text"])
        elif match := _FOOTNOTE.fullmatch(line):
            self._open.append(len(match["prefix"]))
            self._add(number, "", match["prefix"] + match["text"])
        elif match := _DEFINITION.fullmatch(line):
            return self._add_definition(number, match["prefix"], match["text"])
        elif match := _ALERT.fullmatch(line):
            self._add_lead(number, match["prefix"].rstrip() + " ", match["title"])
        elif (match := _CONTAINER.fullmatch(line)) and ":::" in line:
            title = match["rest"].strip("[]\"' ")
            self._add_lead(number, match["prefix"], "" if "=" in title else title)
        else:
            return False
        return True

    def _add_definition(self, number: int, prefix: str, text: str) -> bool:
        """Mark the line above as the term of a definition. Return whether it can be one."""
        texts = self._out.texts
        at = len(texts) - 1
        while at >= 0 and not texts[at].strip():
            at -= 1
        if at < 0 or (_NOT_A_TERM.match(texts[at]) and LEAD_MARK not in texts[at]):
            return False
        is_first = not self._follows_definition(at)
        if is_first and not texts[at].startswith(LEAD_MARK):
            texts[at] = LEAD_MARK + texts[at].lstrip()
            if at and texts[at - 1].strip():
                texts.insert(at, "")
                self._out.numbers.insert(at, self._out.numbers[at])
        self._open.append(len(prefix))
        self._add(number, "", prefix + text)
        return True

    def _follows_definition(self, at: int) -> bool:
        """Return whether the line at `at` is a definition of the same term."""
        above = self._out.texts[max(0, at - 2) : at]
        return len(above) == 2 and above[0].startswith(LEAD_MARK) and not above[1].strip()  # noqa: PLR2004

    def _add_lead(self, number: int, prefix: str, title: str) -> None:
        blank = prefix.rstrip()
        if title:
            self._add(number, blank, f"{prefix}{LEAD_MARK}{title}", blank)
        else:
            self._add(number, blank)

    def _add_text(self, number: int, line: str) -> None:
        if LEAD_MARK in line or BLOCK_START in line:
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
    for part in regex.split(rf"(?=[{LEAD_MARK}{BLOCK_START}])|{BLOCK_END}", line[len(first) :]):
        if part.strip():
            yield first + part.strip().removeprefix(BLOCK_START)
            yield rest.rstrip()
            first = rest
