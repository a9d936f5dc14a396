"""Answers laid out for a terminal; where the output is no terminal, the quote alone and its source."""

import os
import shutil
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, TextIO

import click

from bot.i18n.messages import Texts
from bot.views.locations import closest, heading, location_text, refusal
from retrieval.model import Answer, Citation, Span

_BAR = "│ "
_WIDEST = 96
_NARROWEST = 20

# What would move the cursor or change the screen is shown as a sign for it, of the same length.
_VISIBLE = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) != "\n"},
    ord("\t"): ord(" "),
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}
_VISIBLE_LINE = _VISIBLE | {ord("\n"): 0x240A}


@dataclass(frozen=True, slots=True)
class TerminalStyle:
    """What the output can show: lines of `width` columns (None: as they are), bold and dim if `styled`."""

    width: int | None = None
    styled: bool = False

    @classmethod
    def of(cls, stream: TextIO) -> Self:
        if not stream.isatty():
            return cls()
        plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        width = min(shutil.get_terminal_size().columns, _WIDEST)
        return cls(max(width, _NARROWEST), styled=not plain)


def render_answer(answer: Answer, texts: Texts, look: TerminalStyle, *, quotes: slice) -> str:
    """Lay out some of an answer's quotes, or the closest passages, or say that there is none."""
    if answer.certainty == "none":
        return _refused(answer, texts)
    if answer.certainty == "unsure":
        quoted = [_cited(citation, texts, look) for citation in closest(answer)]
        return "\n\n".join([texts.unsure, *quoted])
    return "\n\n".join(_cited(citation, texts, look) for citation in answer.citations[quotes])


def _refused(answer: Answer, texts: Texts) -> str:
    refused = refusal(answer, texts)
    lines = [refused.text]
    if refused.near:
        near = (heading(citation).translate(_VISIBLE_LINE) for citation in refused.near)
        lines += ["", texts.perhaps_under, *(f"• {name}" for name in near)]
    if refused.suggestion:
        lines.append(f"{texts.did_you_mean} {refused.suggestion.translate(_VISIBLE_LINE)}")
    return "\n".join(lines)


def _cited(citation: Citation, texts: Texts, look: TerminalStyle) -> str:
    names = texts.comma.join([citation.document, *citation.copies])
    standing = f"— {location_text(citation.title, citation.locator, texts)} · {names}"
    source = _dim(standing.translate(_VISIBLE_LINE), look)
    if look.width is None:
        return f"{citation.quote}\n  {source}"
    bar = _dim(_BAR, look)
    quoted = "\n".join(bar + line for line in _lines(citation, look, look.width - len(_BAR)))
    return f"{quoted}\n  {source}"


def _dim(text: str, look: TerminalStyle) -> str:
    return click.style(text, dim=True) if look.styled else text


def _lines(citation: Citation, look: TerminalStyle, width: int) -> Iterator[str]:
    quote, base = citation.quote.translate(_VISIBLE), citation.span.start
    matches = [Span(match.start - base, match.end - base) for match in citation.highlights]
    for line in _broken(quote, width):
        end = line.start + len(line.of(quote).rstrip())
        yield _bold(quote, Span(line.start, end), matches if look.styled else [])


def _broken(text: str, width: int) -> Iterator[Span]:
    """Break at spaces, and between letters of two columns; a word longer than a line stays whole."""
    start = allowed = columns = 0
    for position, letter in enumerate(text):
        if letter == "\n":
            yield Span(start, position)
            start = allowed = position + 1
            columns = 0
            continue
        wide = _columns(letter)
        if columns + wide > width and allowed > start and not letter.isspace():
            yield Span(start, allowed)
            start = allowed
            columns = sum(map(_columns, text[start:position]))
        columns += wide
        if letter.isspace() or wide > 1:
            allowed = position + 1
    yield Span(start, len(text))


def _columns(letter: str) -> int:
    if unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1


def _bold(text: str, line: Span, matches: list[Span]) -> str:
    styled, done = "", line.start
    for match in matches:
        start, end = max(match.start, done), min(match.end, line.end)
        if start < end:
            styled += text[done:start] + click.style(text[start:end], bold=True)
            done = end
    return styled + text[done : line.end]
