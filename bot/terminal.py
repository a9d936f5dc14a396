"""Answers laid out for a terminal; bold and dim are left out where the output is no terminal."""

import textwrap
from collections.abc import Iterator

import click

from bot.texts import Texts
from retrieval.model import Answer, Citation, Span

_BAR = "│ "


def answered(answer: Answer, texts: Texts, *, width: int, quotes: slice) -> str:
    """Lay out some of an answer's quotes, or say that there is none."""
    if not answer.answered:
        lines = [texts.declined]
        if answer.suggestion:
            lines.append(f"{texts.did_you_mean} {answer.suggestion}")
        return "\n".join(lines)
    return "\n\n".join(_cited(citation, texts, width) for citation in answer.citations[quotes])


def _cited(citation: Citation, texts: Texts, width: int) -> str:
    quoted = "\n".join(click.style(_BAR, dim=True) + line for line in _wrapped(citation, width - len(_BAR)))
    return f"{quoted}\n  {click.style(place(citation, texts), dim=True)}"


def place(citation: Citation, texts: Texts) -> str:
    """Say where a quote stands: title, heading, page or lines, file."""
    locator = citation.locator
    parts = [citation.title]
    if locator.heading and locator.heading != citation.title:
        parts.append(texts.under(locator.heading))
    parts.append(texts.page(locator.page) if locator.page else texts.lines(locator.line, locator.line_end))
    return f"— {', '.join(parts)} · {citation.document}"


def _wrapped(citation: Citation, width: int) -> Iterator[str]:
    """Break the quote at spaces only, so that copying the lines gives its words."""
    position = citation.span.start
    for paragraph in citation.quote.split("\n"):
        lines = textwrap.wrap(
            paragraph, max(width, 20), drop_whitespace=False, break_long_words=False, break_on_hyphens=False
        )
        for line in lines or [""]:
            yield _bold(line, position, citation.highlights).rstrip()
            position += len(line)
        position += 1


def _bold(line: str, position: int, highlights: tuple[Span, ...]) -> str:
    styled, done = "", 0
    for span in highlights:
        start, end = max(span.start - position, done), min(span.end - position, len(line))
        if start < end:
            styled += line[done:start] + click.style(line[start:end], bold=True)
            done = end
    return styled + line[done:]
