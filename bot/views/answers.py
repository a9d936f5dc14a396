"""The reply to a question: the quote that answers it, the closest passages, or a refusal; and /why."""

from collections.abc import Sequence
from dataclasses import replace

from telegram import MessageEntity

from bot.i18n.messages import Texts
from bot.views.callback_data import AS_WRITTEN, Action, ButtonPress, Origin
from bot.views.locations import closest, heading, refusal
from bot.views.message import (
    MOST_UNITS,
    FormattedText,
    Reply,
    Row,
    TextEntity,
    code,
    compose,
    linked,
    marked,
    notice,
    plain,
)
from bot.views.quotes import button, context_button, matches, quote, source, votes
from bot.views.truncation import label
from bot.views.viewer import Viewer
from retrieval.model import Answer, Citation, TermWeight

_MOST_WORD = 60
_MOST_WORDS = 25
_MOST_LINE = 400


def why(words: Sequence[TermWeight], texts: Texts) -> Reply:
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


_MOST_BUTTON = 60
# Three quotes with these, their frames, links and file names are within the entities of a message.
_MOST_BOLD = 25


def answer(found: Answer, viewer: Viewer, origin: Origin = AS_WRITTEN) -> Reply:
    """Show the best quote, the closest passages, or why there is neither and what may help."""
    if not found.citations or found.certainty == "none":
        return _refused(found, viewer, origin)
    return quote(found, 1, viewer, origin) if found.answered else closest_passages(found, viewer, origin)


def closest_passages(found: Answer, viewer: Viewer, origin: Origin = AS_WRITTEN) -> Reply:
    """Show short quotes from the closest passages, the best first, with a way to what stands around each."""
    first = plain(viewer.texts.unsure + "\n")
    listed = FormattedText()
    ways: Row = []
    offered = closest(found)
    for number, citation in enumerate(offered, 1):
        told = number if len(offered) > 1 else None
        longer = listed + ("\n\n" if listed.text else "") + _cited(citation, told, viewer)
        if first.units + longer.units > MOST_UNITS:
            break
        listed = longer
        text = viewer.texts.wider if told is None else viewer.texts.context_of(number)
        ways = [*ways, context_button(text, citation, number, origin)]
    return compose(first + (_folded(listed) if viewer.in_group else listed), [ways, votes(1, viewer, origin)])


def _cited(citation: Citation, number: int | None, viewer: Viewer) -> FormattedText:
    """Show a quote, and its source below it with the number of its button."""
    block = TextEntity(MessageEntity.BLOCKQUOTE, 0, len(citation.quote))
    quoted = FormattedText(citation.quote, (block, *matches(citation, _MOST_BOLD)))
    return quoted + ("\n" if number is None else f"\n{number} ") + source(citation, viewer)


def _folded(listed: FormattedText) -> FormattedText:
    """Set all quotes and their sources in one block that opens at a tap: blocks cannot be nested."""
    block = TextEntity(MessageEntity.EXPANDABLE_BLOCKQUOTE, 0, len(listed.text))
    inner = (mark for mark in listed.marks if mark.kind != MessageEntity.BLOCKQUOTE)
    return FormattedText(listed.text, (block, *inner))


def _refused(found: Answer, viewer: Viewer, origin: Origin) -> Reply:
    """Say why there is no answer; offer the nearest headings, a corrected spelling, the closest passages."""
    texts = viewer.texts
    # A button under the answer to our own suggestion could not tell which of the two it means.
    refused = refusal(found, texts, can_suggest=not origin.corrected)
    shown = plain(refused.text)
    if refused.near:
        shown += f"\n\n{texts.perhaps_under}"
    for citation in refused.near:
        # A line each: headings may be long, or run from right to left.
        shown += plain("\n• ") + linked(heading(citation), viewer.link(citation.passage.id))
    rows: list[Row] = []
    if refused.suggestion:
        shown += plain(f"\n\n{texts.did_you_mean} ") + code(refused.suggestion)
        asking = ButtonPress(Action.QUOTE, origin=replace(origin, corrected=True))
        rows.append([button(label(refused.suggestion, _MOST_BUTTON), asking)])
    if found.citations and not found.asks_nothing:
        rows.append([button(texts.show_closest, ButtonPress(Action.CLOSEST, origin=origin))])
    return compose(shown, rows)
