"""Where a quote stands, in words: the same in a message and in the terminal."""

from bot.letters import label
from bot.texts import Texts
from retrieval.model import Locator

MOST_TITLE = 160


def place(title: str, at: Locator, texts: Texts) -> str:
    """Give title, heading, and page or lines, on one line."""
    parts = [label(title, MOST_TITLE)]
    if at.heading and at.heading != title:
        parts.append(texts.under(label(at.heading, MOST_TITLE)))
    parts.append(texts.lines(at.line, at.line_end) if at.page is None else texts.page(at.page))
    return ", ".join(parts)
