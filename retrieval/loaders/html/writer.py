"""Writes HTML for formats that are rendered to it, with the source lines of its blocks."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from retrieval.loaders.html.html import LINE_ATTRIBUTE

# Deeper lists are continued at this depth.
MAX_LIST_DEPTH = 40


class MarkupLine(NamedTuple):
    """A line of a source, from 1, and what it shows as HTML."""

    number: int
    html: str


class HtmlWriter:
    """Writes blocks one after the other; lists stay open until something else begins."""

    def __init__(self) -> None:
        self._parts = ["<!DOCTYPE html><body>"]
        self._lists: list[str] = []

    def html(self) -> str:
        self.end_lists()
        return "".join(self._parts)

    def block(self, tag: str, lines: Sequence[MarkupLine]) -> None:
        """Write an element with the text of some lines; it stays in the list item that is open."""
        if lines:
            self._parts.append(f"<{tag}{_at(lines[0].number)}>{_join(lines)}</{tag}>")

    def heading(self, level: int, line: MarkupLine) -> None:
        self.end_lists()
        self.block(f"h{min(max(level, 1), 6)}", [line])

    def code(self, number: int, text: str) -> None:
        """Write code, whose first line has this number."""
        self._parts.append(f"<pre{_at(number)}>\n{escape(text, quote=False)}</pre>")

    def item(self, depth: int, tag: str, start: int = 1) -> None:
        """Begin an item of the list `depth` levels deep, from 0; its text is written next."""
        depth = min(depth, MAX_LIST_DEPTH)
        self.end_lists(depth + 1)
        if len(self._lists) == depth + 1 and self._lists[-1] != tag:
            self.end_lists(depth)
        if len(self._lists) <= depth:
            self._parts.append(f"<ol start={start}>" if tag == "ol" else f"<{tag}>")
            self._lists.append(tag)
        else:
            self._parts.append("</dd>" if tag == "dl" else "</li>")
        self._parts.append("" if tag == "dl" else "<li>")

    def term(self, depth: int, line: MarkupLine) -> None:
        """Begin an item of a list of definitions; the definition is written next."""
        self.item(depth, "dl")
        self.block("dt", [line])
        self._parts.append("<dd>")

    def end_lists(self, depth: int = 0) -> None:
        """Close the lists that are deeper than `depth`."""
        while len(self._lists) > depth:
            tag = self._lists.pop()
            self._parts.append("</dd></dl>" if tag == "dl" else f"</li></{tag}>")

    def table(self, rows: Sequence[tuple[int, Sequence[str]]], *, has_header: bool) -> None:
        """Write a table from the number and the cells of each row; a header names the columns."""
        self._parts.append("<table>")
        for index, (number, cells) in enumerate(rows):
            tag = "th" if has_header and index == 0 else "td"
            inside = "".join(f"<{tag}>{cell}</{tag}>" for cell in cells)
            self._parts.append(f"<tr{_at(number)}>{inside}</tr>")
        self._parts.append("</table>")


def _at(number: int) -> str:
    return f" {LINE_ATTRIBUTE}={number}"


def _join(lines: Sequence[MarkupLine]) -> str:
    first, *rest = lines
    return first.html + "".join(f"\n<wbr{_at(line.number)}>{line.html}" for line in rest)
