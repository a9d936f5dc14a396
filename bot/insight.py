"""Why an answer is what it is: the words that counted, and how much."""

from collections.abc import Sequence

from telegram import MessageEntity

from bot.letters import label
from bot.reply import Reply, compose, notice
from bot.rich import marked, plain
from bot.texts import Texts
from retrieval.model import Weighing

_MOST_WORD = 60
_MOST_WORDS = 25
_MOST_LINE = 400


def why(words: Sequence[Weighing], texts: Texts) -> Reply:
    """List the words of a question with their weights, then those that did not count."""
    counted = [one for one in words if one.content and one.passages][:_MOST_WORDS]
    unknown = [one.word for one in words if one.content and not one.passages]
    hardly = [one.word for one in words if not one.content]
    if not counted and not unknown:
        return notice(texts.nothing_counted)
    shown = plain("")
    if counted:
        shown += plain(texts.counted + "\n")
    for one in counted:
        word = label(one.word, _MOST_WORD)
        before, _, after = texts.weighed("\0", f"{one.weight:.1f}", one.passages).partition("\0")
        shown += plain(f"\n• {before}") + marked(MessageEntity.BOLD, word) + after
    for line, left in ((texts.unknown_words, unknown), (texts.hardly_counted, hardly)):
        if left:
            shown += ("\n\n" if shown.text else "") + line(label(", ".join(left), _MOST_LINE))
    return compose(shown)
