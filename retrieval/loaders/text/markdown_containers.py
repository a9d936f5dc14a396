"""Blocks that extensions of Markdown mark by lines: admonitions, tabs, footnotes and definitions."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import regex

from retrieval.loaders.text.markdown_tags import ALONE, DROPPED_LINE, END, LEAD

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


class Lines(NamedTuple):
    """Lines of plain Markdown, and for each the number of the source line that it comes from.

    In MDX, which `has_components` of JSX, indented text is no code.
    """

    texts: list[str]
    numbers: list[int]
    has_components: bool = False


def opens_indented(line: str) -> bool:
    return any(opener.fullmatch(line) for opener in (_ADMONITION, _TAB, _FOOTNOTE, _DEFINITION))


def indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" ")) if not line.startswith("\t") else 4


class Containers:
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
            if indentation(own) < indent + 4:
                # The text of a footnote or definition may be indented by less.
                del self._open[depth:]
                break
            own = own[4:]
        return own

    def _is_container(self, number: int, line: str) -> bool:
        if DROPPED_LINE.fullmatch(line):
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
        """Return whether a line is of the definition before this one."""
        above = self._out.texts[max(0, at - 2) : at]
        return len(above) == 2 and above[0].startswith(LEAD) and not above[1].strip()  # noqa: PLR2004

    def _add_lead(self, number: int, prefix: str, title: str) -> None:
        blank = prefix.rstrip()
        if title:
            self._add(number, blank, f"{prefix}{LEAD}{title}", blank)
        else:
            self._add(number, blank)

    def _add_text(self, number: int, line: str) -> None:
        if LEAD in line or ALONE in line:
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
    for part in regex.split(rf"(?=[{LEAD}{ALONE}])|{END}", line[len(first) :]):
        if part.strip():
            yield first + part.strip().removeprefix(ALONE)
            yield rest.rstrip()
            first = rest
