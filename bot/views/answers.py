"""Replies to a question: the best quote, the closest passages or a refusal; and the reply to /why."""

from collections.abc import Sequence
from dataclasses import replace

from bot.i18n.messages import Texts
from bot.views.callback_data import AS_WRITTEN, Action, ButtonPress, Origin
from bot.views.locations import heading_line
from bot.views.message import (
    MAX_MESSAGE_UNITS,
    FormattedText,
    Recipient,
    Reply,
    Row,
    bold,
    build_reply,
    code,
    linked,
    plain,
    text_reply,
)
from bot.views.quotes import (
    button,
    folded,
    page_buttons,
    quote_or_pointer,
    render_quote,
    source_line,
    surrounding_text_button,
    vote_buttons,
    with_scope_note,
)
from bot.views.refusals import closest_quotes, explain_refusal
from bot.views.text_layout import one_line
from retrieval.model.answer import Answer, Citation, TermWeight

_MAX_WORD_UNITS = 60
_MAX_EXPLAINED_WORDS = 25
_MAX_LINE_UNITS = 400


def render_term_weights(weights: Sequence[TermWeight], texts: Texts) -> Reply:
    """List the words of a question with their weights, then the unknown ones and those of little weight."""
    matched = [term for term in weights if term.content and term.passages][:_MAX_EXPLAINED_WORDS]
    unknown = [term.word for term in weights if term.content and not term.passages]
    light = [term.word for term in weights if not term.content]
    if not matched and not unknown:
        return text_reply(texts.no_specific_words)
    body = plain("")
    if matched:
        body += plain(texts.matched_words + "\n")
    for term in matched:
        word = one_line(term.word, _MAX_WORD_UNITS)
        before, _, after = texts.word_weight("\0", f"{term.weight:.1f}", term.passages).partition("\0")
        body += plain(f"\n• {before}") + bold(word) + after
    for line, words in ((texts.unknown_words, unknown), (texts.low_weight_words, light)):
        if words:
            body += ("\n\n" if body.text else "") + line(one_line(", ".join(words), _MAX_LINE_UNITS))
    return build_reply(body)


_MAX_BUTTON_UNITS = 60
# Three quotes with this many bold words, their blocks, links and file names stay below Telegram's limit of
# entities.
_MAX_BOLD_WORDS = 25


def render_answer(answer: Answer, recipient: Recipient, origin: Origin = AS_WRITTEN) -> Reply:
    """Show the best quote, the closest passages, or a refusal with what may help."""
    if not answer.citations or answer.certainty == "none":
        return _render_refusal(answer, recipient, origin)
    if answer.answered and answer.parts > 1:
        return render_parts(answer, recipient, origin)
    if answer.answered:
        return render_quote(answer, 1, recipient, origin)
    return render_closest_passages(answer, recipient, origin)


def render_parts(answer: Answer, recipient: Recipient, origin: Origin = AS_WRITTEN) -> Reply:
    """Show the quotes that answer one part of the question each, with a button for the text around each."""
    listing, buttons = _list_quotes(answer.citations[: answer.parts], FormattedText(), recipient, origin)
    more: Row = []
    if len(answer.citations) > answer.parts:
        more = [button("›", ButtonPress(Action.QUOTE, answer.parts + 1, origin=origin))]
    body = with_scope_note(listing, recipient)
    return build_reply(body, [more, buttons, vote_buttons(1, recipient, origin)])


def render_closest_passages(answer: Answer, recipient: Recipient, origin: Origin = AS_WRITTEN) -> Reply:
    """Show short quotes from the closest passages, best first, each with a button for the text around it."""
    intro = plain(recipient.texts.unsure_answer + "\n")
    listing, buttons = _list_quotes(closest_quotes(answer), intro, recipient, origin)
    body = with_scope_note(intro + (folded(listing) if recipient.in_group else listing), recipient)
    return build_reply(body, [buttons, vote_buttons(1, recipient, origin)])


def _list_quotes(
    citations: Sequence[Citation], intro: FormattedText, recipient: Recipient, origin: Origin
) -> tuple[FormattedText, Row]:
    """Return quotes with sources as far as they fit below `intro`, and a button for the text around each."""
    listing = FormattedText()
    buttons: Row = []
    for rank, citation in enumerate(citations, 1):
        number = rank if len(citations) > 1 else None
        longer = listing + ("\n\n" if listing.text else "") + _numbered_quote(citation, number, recipient)
        if with_scope_note(intro + longer, recipient).units > MAX_MESSAGE_UNITS:
            break
        listing = longer
        buttons = [*buttons, *_place_buttons(citation, rank, number, recipient, origin)]
    return listing, buttons


def _place_buttons(
    citation: Citation, rank: int, number: int | None, recipient: Recipient, origin: Origin
) -> Row:
    """Return the button that shows the context of a quote; the page of one that is hard to read."""
    texts = recipient.texts
    if not citation.is_legible:
        text = texts.show_page if number is None else f"{number} · {texts.show_page}"
        return page_buttons(text, citation, rank, recipient, origin)
    text = texts.show_context if number is None else texts.show_context_of(number)
    return [surrounding_text_button(text, citation, rank, origin)]


def _numbered_quote(citation: Citation, number: int | None, recipient: Recipient) -> FormattedText:
    """Return a quote and the line of its source, which begins with the number on its button."""
    separator = "\n" if number is None else f"\n{number} "
    quote = quote_or_pointer(citation, recipient, _MAX_BOLD_WORDS)
    return quote + separator + source_line(citation, recipient)


def _render_refusal(answer: Answer, recipient: Recipient, origin: Origin) -> Reply:
    """Say why there is no answer; offer near headings, a corrected spelling and the closest passages."""
    texts = recipient.texts
    # A button below the answer to a suggestion could not tell which of two suggestions it means.
    refused = explain_refusal(answer, texts, can_suggest=not origin.corrected)
    body = plain(refused.text)
    if refused.near:
        body += f"\n\n{texts.near_headings}"
    for citation in refused.near:
        # One line each: headings may be long or run from right to left.
        body += plain("\n• ") + linked(
            heading_line(citation), recipient.link(citation.passage.id, citation.document)
        )
    rows: list[Row] = []
    if refused.suggestion:
        body += plain(f"\n\n{texts.did_you_mean} ") + code(refused.suggestion)
        press = ButtonPress(Action.QUOTE, origin=replace(origin, corrected=True))
        rows.append([button(one_line(refused.suggestion, _MAX_BUTTON_UNITS), press)])
    if answer.citations and not answer.asks_nothing:
        rows.append([button(texts.show_closest, ButtonPress(Action.CLOSEST, origin=origin))])
    return build_reply(with_scope_note(body, recipient), rows)
