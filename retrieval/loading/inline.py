"""The text of one block of a page: its white space, the source lines of its parts, the numbers of items."""

from collections.abc import Iterator
from typing import NamedTuple

import regex
from selectolax.lexbor import LexborNode

from retrieval.loading.draft import Draft
from retrieval.model import LineMark

_WHITE = " \t\n\r\f"
_SPACE = regex.compile(r"[ \t\n\r\f]+")
_EMPTY_LINE = regex.compile(r"\n{2,}")
_START = regex.compile(r"[0-9]{1,9}")
# Between these a line break is no space.
_EAST_ASIAN = r"[\p{Han}\p{Hiragana}\p{Katakana}\u3000-\u303f\uff01-\uff5e]"
_EAST_ASIAN_BREAK = regex.compile(rf"(?<={_EAST_ASIAN})[ \t\r\f]*\n[ \t\n\r\f]*(?={_EAST_ASIAN})")
_IS_EAST_ASIAN = regex.compile(_EAST_ASIAN)


class Piece(NamedTuple):
    """A paragraph, a heading of a level, or (level 0) the names of a table's columns."""

    text: str
    level: int | None = None
    lines: tuple[LineMark, ...] = ()
    in_list: int = 0

    def add_to(self, draft: Draft) -> None:
        if self.level is None:
            draft.block(self.text, self.lines, self.in_list)
        elif self.level:
            draft.heading(self.text, self.level, self.lines)
        else:
            draft.aside(self.text, self.lines)


class Inline:
    """The text of one block: white space as a browser shows it, and the source lines of its parts."""

    def __init__(self) -> None:
        self.line: int | None = None
        self.is_after_lead = False
        self._parts: list[str] = []
        self._length = 0
        self._last = self._gap = self._prefix = ""
        self._lines: list[LineMark] = []

    def __bool__(self) -> bool:
        return bool(self._parts)

    def number(self, prefix: str) -> None:
        """Put the number of a list item before the text that comes next."""
        self._prefix = prefix

    def text(self, text: str) -> None:
        words = text.strip(_WHITE)
        if not words:
            self._gap += text
            return
        gap = self._gap + text[: len(text) - len(text.lstrip(_WHITE))]
        if self._last and self._last != "\n" and gap and not self._joins(gap, words[0]):
            self._append(" ")
        if self.line is not None and (not self._lines or self._lines[-1].line != self.line):
            self._lines.append(LineMark(self._length, self.line))
        self._append(self._prefix + _SPACE.sub(" ", _EAST_ASIAN_BREAK.sub("", words)))
        self._gap, self._prefix = text[len(text.rstrip(_WHITE)) :], ""
        self.is_after_lead = False

    def line_break(self) -> None:
        self._gap = ""
        self._append("\n")

    def pieces(self, level: int | None, in_list: int) -> Iterator[Piece]:
        """Part the text at empty lines, and begin anew."""
        text = "".join(self._parts)
        start = 0
        for end in (*_EMPTY_LINE.finditer(text), None):
            stop = end.start() if end else len(text)
            if text[start:stop].strip():
                yield Piece(text[start:stop], level, _within(self._lines, start, stop), in_list)
            start = end.end() if end else stop
        self._parts.clear()
        self._lines.clear()
        self._length, self._last, self._gap, self.is_after_lead = 0, "", "", False

    def _joins(self, gap: str, following: str) -> bool:
        return "\n" in gap and bool(_IS_EAST_ASIAN.match(self._last) and _IS_EAST_ASIAN.match(following))

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        self._last = text[-1]


def _within(lines: list[LineMark], start: int, stop: int) -> tuple[LineMark, ...]:
    """Return the marks of a part, relative to its start."""
    own = [LineMark(max(mark.start - start, 0), mark.line) for mark in lines if mark.start < stop]
    first = max((at for at, mark in enumerate(own) if mark.start == 0), default=0)
    return tuple(own[first:])


class Lists:
    """The lists that are open, their items counted as a browser does where they have numbers."""

    def __init__(self) -> None:
        # Which outermost list or table of the page this is; 0 is none.
        self.number = self._found = 0
        self._open: list[_Count] = []

    def open(self, node: LexborNode) -> None:
        if not self._open:
            self.number = self._found = self._found + 1
        self._open.append(_Count(node))

    def close(self) -> None:
        if self._open:
            self._open.pop()
        if not self._open:
            self.number = 0

    def item(self, node: LexborNode) -> str:
        """Return the number that stands before an item."""
        return self._open[-1].next(node) if self._open else ""

    def table(self) -> int:
        """Return the number of a table, which is that of the list it is in."""
        if not self.number:
            self._found += 1
        return self.number or self._found


class _Count:
    """The numbers of a list's items."""

    def __init__(self, node: LexborNode) -> None:
        attributes = node.attributes
        start = attributes.get("start")
        self._is_numbered = (
            node.tag == "ol" and attributes.get("type") in {None, "1"} and "reversed" not in attributes
        )
        self._next = int(start) if start and _START.fullmatch(start) else 1

    def next(self, item: LexborNode) -> str:
        value = item.attributes.get("value")
        number = int(value) if value and _START.fullmatch(value) else self._next
        self._next = number + 1
        return f"{number}. " if self._is_numbered else ""
