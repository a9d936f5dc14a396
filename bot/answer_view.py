"""The reply to a question: the quote that answers it, the closest passages, or why there is no answer."""

from dataclasses import replace

from telegram import MessageEntity

from bot.buttons import AS_WRITTEN, Action, Origin, Press
from bot.letters import label
from bot.places import closest, heading, refusal
from bot.replies import button, context_button, matches, quote, source, votes
from bot.reply import Reply, Row, compose
from bot.rich import MOST_UNITS, Mark, Rich, code, linked, plain
from bot.voice import Voice
from retrieval.model import Answer, Citation

_MOST_BUTTON = 60
# Three quotes with these, their frames, links and file names are within the entities of a message.
_MOST_BOLD = 25


def answer(found: Answer, voice: Voice, origin: Origin = AS_WRITTEN) -> Reply:
    """Show the best quote, the closest passages, or why there is neither and what may help."""
    if not found.citations or found.certainty == "none":
        return _refused(found, voice, origin)
    return quote(found, 1, voice, origin) if found.answered else closest_passages(found, voice, origin)


def closest_passages(found: Answer, voice: Voice, origin: Origin = AS_WRITTEN) -> Reply:
    """Show short quotes from the closest passages, the best first, with a way to what stands around each."""
    first = plain(voice.texts.unsure + "\n")
    listed = Rich()
    ways: Row = []
    offered = closest(found)
    for number, citation in enumerate(offered, 1):
        told = number if len(offered) > 1 else None
        longer = listed + ("\n\n" if listed.text else "") + _cited(citation, told, voice)
        if first.units + longer.units > MOST_UNITS:
            break
        listed = longer
        text = voice.texts.wider if told is None else voice.texts.context_of(number)
        ways = [*ways, context_button(text, citation, number, origin)]
    return compose(first + (_folded(listed) if voice.in_group else listed), [ways, votes(1, voice, origin)])


def _cited(citation: Citation, number: int | None, voice: Voice) -> Rich:
    """Show a quote, and its source below it with the number of its button."""
    block = Mark(MessageEntity.BLOCKQUOTE, 0, len(citation.quote))
    quoted = Rich(citation.quote, (block, *matches(citation, _MOST_BOLD)))
    return quoted + ("\n" if number is None else f"\n{number} ") + source(citation, voice)


def _folded(listed: Rich) -> Rich:
    """Set all quotes and their sources in one block that opens at a tap: blocks cannot be nested."""
    block = Mark(MessageEntity.EXPANDABLE_BLOCKQUOTE, 0, len(listed.text))
    inner = (mark for mark in listed.marks if mark.kind != MessageEntity.BLOCKQUOTE)
    return Rich(listed.text, (block, *inner))


def _refused(found: Answer, voice: Voice, origin: Origin) -> Reply:
    """Say why there is no answer; offer the nearest headings, a corrected spelling, the closest passages."""
    texts = voice.texts
    # A button under the answer to our own suggestion could not tell which of the two it means.
    refused = refusal(found, texts, can_suggest=not origin.corrected)
    shown = plain(refused.text)
    if refused.near:
        shown += f"\n\n{texts.perhaps_under}"
    for citation in refused.near:
        # A line each: headings may be long, or run from right to left.
        shown += plain("\n• ") + linked(heading(citation), voice.link(citation.passage.id))
    rows: list[Row] = []
    if refused.suggestion:
        shown += plain(f"\n\n{texts.did_you_mean} ") + code(refused.suggestion)
        asking = Press(Action.QUOTE, origin=replace(origin, corrected=True))
        rows.append([button(label(refused.suggestion, _MOST_BUTTON), asking)])
    if found.citations and not found.asks_nothing:
        rows.append([button(texts.show_closest, Press(Action.CLOSEST, origin=origin))])
    return compose(shown, rows)
