"""Replies to a question: a quote with its source and buttons, the closest passages, or no answer.

Also what leads on from one: the text around a quote, a passage opened by a link, the words that counted.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, starmap, takewhile

from telegram import CopyTextButton, InlineKeyboardButton, Message, MessageEntity

from bot.i18n.texts import Texts
from bot.views.message import (
    AS_WRITTEN,
    MAX_MESSAGE_UNITS,
    SHORT_PASSAGE_ID_CHARS,
    AnswerAction,
    AnswerPress,
    BrowseAction,
    BrowsePress,
    FormattedText,
    Origin,
    Recipient,
    Reply,
    Row,
    bold,
    build_reply,
    citation_location,
    code,
    encode_answer_press,
    encode_browse_press,
    fit_words,
    formatted,
    heading_line,
    isolate_direction,
    linked,
    location_below_question,
    location_text,
    one_line,
    plain,
    question_above,
    text_reply,
    truncate,
    truncate_start,
    utf16_length,
)
from bot.views.no_answer import closest_quotes, explain_no_answer
from retrieval.model import (
    Answer,
    Citation,
    Locator,
    Passage,
    PassageWithNeighbours,
    Span,
    TermWeight,
    document_id_of,
    is_chat_document,
    shown_name,
)

# A quote has at most 1000 characters, so it always fits with the longest source line.
_MAX_PASSAGE_UNITS = 3000
_MAX_NAME_UNITS = 300
_MAX_BOLD_WORDS = 90
_MAX_FALLBACK_WORDS = 8
_MAX_COPIED_UNITS = 256
_MAX_SHOWN_COPIES = 2
_MAX_WORD_UNITS = 60
_MAX_EXPLAINED_WORDS = 25
_MAX_LINE_UNITS = 400
_MAX_BUTTON_UNITS = 60
# Three quotes with this many bold words, their blocks, links and file names stay below Telegram's limit of
# entities.
_MAX_BOLD_WORDS_EACH = 25

_HEADING_END = re.compile(r"\s*(?:[.:：。–—-]|\n|$)")
# Characters that Telegram replaces or removes: control characters, line separators, direction marks, three
# accents.
_ALTERED = re.compile("[\x00-\x09\x0b-\x1f\u2028-\u202e\u030a\u0333\u033f]|[\u200e\u200f]{2}")


def earlier_words(reply: Message) -> str:
    """Return words of the question that a reply of the bot answered, for a follow-up question.

    These are the words in bold in its quotes, or else the first words quoted; nothing for replies without a
    quote. They fit into the callback data of the buttons below the next answer.
    """
    blocks = reply.parse_entities([MessageEntity.BLOCKQUOTE, MessageEntity.EXPANDABLE_BLOCKQUOTE])
    bold = reply.parse_entities([MessageEntity.BOLD])
    matched = [
        word
        for entity, text in sorted(bold.items(), key=lambda item: item[0].offset)
        if any(_contains(block, entity) for block in blocks)
        for word in text.split()
    ]
    quoted = [word for text in blocks.values() for word in text.split()]
    return fit_words(matched or quoted[:_MAX_FALLBACK_WORDS])


def _contains(outer: MessageEntity, inner: MessageEntity) -> bool:
    return outer.offset <= inner.offset and inner.offset + inner.length <= outer.offset + outer.length


def render_quote(answer: Answer, rank: int, recipient: Recipient, origin: Origin = AS_WRITTEN) -> Reply:
    """Show the quote of a rank, counted from 1, with its source and buttons."""
    body = with_scope_note(quote_and_source(answer.citations[rank - 1], recipient), recipient)
    return build_reply(body, _quote_buttons(answer, rank, recipient, origin))


def with_scope_note(body: FormattedText, recipient: Recipient) -> FormattedText:
    """Add a line that names what was searched, if that was not everything."""
    return body + f"\n\n{recipient.scope_note}" if recipient.scope_note else body


def quote_and_source(citation: Citation, recipient: Recipient) -> FormattedText:
    source = source_line(citation, recipient, is_below_question=True)
    return _question_line(citation, recipient) + quote_or_pointer(citation, recipient) + "\n" + source


def _question_line(citation: Citation, recipient: Recipient) -> FormattedText:
    """Return the heading above a quote as a line of its own if it asks, or nothing."""
    question = question_above(citation)
    return bold(isolate_direction(question, recipient.texts)) + "\n" if question else FormattedText()


def quote_or_pointer(
    citation: Citation, recipient: Recipient, max_bold: int = _MAX_BOLD_WORDS
) -> FormattedText:
    """Return a quote as a block; of a scan that is hard to read, that the page can be shown instead."""
    if citation.is_legible:
        return blockquote(citation, max_bold)
    texts = recipient.texts
    return plain(
        f"{texts.scan_hard_to_read} {texts.can_show_page}" if recipient.has_files else texts.scan_hard_to_read
    )


def _quote_buttons(answer: Answer, rank: int, recipient: Recipient, origin: Origin) -> list[Row]:
    def rank_button(text: str, action: AnswerAction, target: int) -> InlineKeyboardButton:
        return button(text, AnswerPress(action, target, origin=origin))

    citation, count = answer.citations[rank - 1], len(answer.citations)
    paging = [
        *([rank_button("‹", AnswerAction.QUOTE, rank - 1)] if rank > 1 else []),
        rank_button(f"{rank}/{count}", AnswerAction.POSITION, rank),
        *([rank_button("›", AnswerAction.QUOTE, rank + 1)] if rank < count else []),
    ]
    around = file_buttons(document_id_of(citation.passage.id), recipient)
    if citation.is_legible:
        around.insert(0, surrounding_text_button(recipient.texts.show_context, citation, rank, origin))
    page = page_buttons(recipient.texts.show_page, citation, rank, recipient, origin)
    copy, votes = _copy_button(citation, recipient), vote_buttons(rank, recipient, origin)
    if citation.locator.is_scanned:
        # The page shows whether OCR has read it right.
        return [page, paging if count > 1 else [], around, [copy, *votes]]
    # Three labels do not fit side by side on a phone.
    last = [[*page, copy], votes] if page else [[copy, *votes]]
    return [paging if count > 1 else [], around, *last]


def page_buttons(
    text: str, citation: Citation, rank: int, recipient: Recipient, origin: Origin
) -> list[InlineKeyboardButton]:
    """Return the button that sends the page of a quote, or none where it has no page or no file."""
    if citation.locator.unit != "page" or not recipient.has_files:
        return []
    return [button(text, AnswerPress(AnswerAction.PAGE_PICTURE, rank, origin=origin))]


def vote_buttons(rank: int, recipient: Recipient, origin: Origin) -> list[InlineKeyboardButton]:
    """Return the buttons to rate an answer, or none where feedback is off."""
    if not recipient.can_vote:
        return []
    actions = (("👍", AnswerAction.VOTE_UP), ("👎", AnswerAction.VOTE_DOWN))
    return [button(sign, AnswerPress(action, rank, origin=origin)) for sign, action in actions]


def surrounding_text_button(text: str, citation: Citation, rank: int, origin: Origin) -> InlineKeyboardButton:
    passage = citation.passage.id
    prefix = passage[:SHORT_PASSAGE_ID_CHARS] if origin.earlier else passage
    return button(text, AnswerPress(AnswerAction.SURROUNDING_TEXT, rank, prefix, origin))


def _copy_button(citation: Citation, recipient: Recipient) -> InlineKeyboardButton:
    source = f"{citation_location(citation, recipient.texts)} · {shown_name(citation.document_name)}"
    link = recipient.link(citation.passage.id, citation.document_name)
    copied = f"{one_line(source, _MAX_COPIED_UNITS - len(link) - 1)}\n{link}"
    return InlineKeyboardButton(recipient.texts.copy_citation, copy_text=CopyTextButton(copied))


def file_buttons(document_id: str, recipient: Recipient) -> list[InlineKeyboardButton]:
    """Return the button that sends a document's file, or none where the files are elsewhere."""
    if not recipient.has_files:
        return []
    return [browse_button(recipient.texts.document, BrowsePress(BrowseAction.FILE, document_id))]


def browse_button(text: str, press: BrowsePress) -> InlineKeyboardButton:
    return InlineKeyboardButton(text, callback_data=encode_browse_press(press))


def render_surrounding_text(
    answer: Answer,
    rank: int,
    neighbourhood: PassageWithNeighbours,
    recipient: Recipient,
    origin: Origin = AS_WRITTEN,
) -> Reply:
    """Show the text around the quote of a rank, with the quote still in its block."""
    citation, passage = answer.citations[rank - 1], neighbourhood.passage
    start, end = citation.span.start - passage.span.start, citation.span.end - passage.span.start
    before = _text_before(neighbourhood) + passage.text[:start]
    after = passage.text[end:] + _text_after(neighbourhood)
    body = _fit_around(before, quote_or_pointer(citation, recipient), after, source_line(citation, recipient))
    return build_reply(
        body, [[_back_button(answer, rank, recipient, origin)], [_read_on_button(neighbourhood, recipient)]]
    )


def _back_button(answer: Answer, rank: int, recipient: Recipient, origin: Origin) -> InlineKeyboardButton:
    if answer.answered:
        return button(
            f"‹ {recipient.texts.back_to_quote}", AnswerPress(AnswerAction.QUOTE, rank, origin=origin)
        )
    return button(f"‹ {recipient.texts.back_to_closest}", AnswerPress(AnswerAction.CLOSEST, origin=origin))


def _read_on_button(neighbourhood: PassageWithNeighbours, recipient: Recipient) -> InlineKeyboardButton:
    press = BrowsePress(BrowseAction.READ, document_id_of(neighbourhood.passage.id), neighbourhood.ordinal)
    return browse_button(f"{recipient.texts.read_on} ›", press)


def render_passage(neighbourhood: PassageWithNeighbours, recipient: Recipient) -> Reply:
    """Show the passage that a link opens, with its neighbours; cut it if it is very long."""
    passage = neighbourhood.passage
    location = location_text(passage.title, _locator_of(passage), recipient.texts)
    source = _location_and_file(passage, location, recipient)
    rows = [[_read_on_button(neighbourhood, recipient), *file_buttons(document_id_of(passage.id), recipient)]]
    if utf16_length(passage.text) > _MAX_PASSAGE_UNITS:
        return build_reply(plain(truncate(passage.text, _MAX_PASSAGE_UNITS) + "…\n\n") + source, rows)
    block = formatted(passage.text, MessageEntity.BLOCKQUOTE)
    return build_reply(
        _fit_around(_text_before(neighbourhood), block, _text_after(neighbourhood), source), rows
    )


def _locator_of(passage: Passage) -> Locator:
    line, paragraph = passage.line, passage.paragraph
    return Locator(
        heading=passage.section,
        page=passage.page,
        line=line,
        line_end=line,
        paragraph=paragraph,
        unit=passage.unit,
        label=passage.label,
        is_scanned=bool(passage.scan),
        parent=passage.parent_section,
    )


def blockquote(citation: Citation, max_bold: int = _MAX_BOLD_WORDS) -> FormattedText:
    """Return a quote as a block: its first `max_bold` matched words in bold, its key sentence underlined."""
    spans = _matched_spans(citation)[:max_bold]
    keys = list(_clip_to_quote([citation.key] if citation.key else [], citation))
    entities = [
        MessageEntity(MessageEntity.BLOCKQUOTE, 0, len(citation.quote)),
        *(MessageEntity(MessageEntity.UNDERLINE, span.start, len(span)) for span in keys),
        *(MessageEntity(MessageEntity.BOLD, span.start, len(span)) for span in _split_at(spans, keys)),
    ]
    converted = MessageEntity.adjust_message_entities_to_utf_16(citation.quote, entities)
    return FormattedText(citation.quote, tuple(converted))


def _split_at(spans: Iterable[Span], keys: Iterable[Span]) -> Iterator[Span]:
    """Yield spans divided at the ends of others: entities may be nested, but must not overlap in part."""
    edges = sorted({edge for key in keys for edge in (key.start, key.end)})
    for span in spans:
        inside = [edge for edge in edges if span.start < edge < span.end]
        yield from starmap(Span, pairwise([span.start, *inside, span.end]))


def _matched_spans(citation: Citation) -> list[Span]:
    """Return the highlights as spans of the quote, joined where only white space separates them."""
    joined: list[Span] = []
    for span in sorted(_clip_to_quote(citation.highlights, citation)):
        if joined and not citation.quote[joined[-1].end : span.start].strip():
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined


def _clip_to_quote(highlights: Iterable[Span], citation: Citation) -> Iterable[Span]:
    for span in highlights:
        start = max(span.start - citation.span.start, 0)
        end = min(span.end - citation.span.start, len(citation.quote))
        if start < end and citation.quote[start:end].strip():
            yield Span(start, end)


def source_line(
    citation: Citation, recipient: Recipient, *, is_below_question: bool = False
) -> FormattedText:
    """Return the location of a quote, linked to its passage, its files, and a note on altered characters.

    The heading is dropped if it is a question and is shown above the quote.
    """
    locate = location_below_question if is_below_question else citation_location
    line = _location_and_file(citation.passage, locate(citation, recipient.texts), recipient)
    for copy in citation.copies[:_MAX_SHOWN_COPIES]:
        line += plain(recipient.texts.list_separator) + code(one_line(shown_name(copy), _MAX_NAME_UNITS))
    is_altered = _ALTERED.search(citation.quote) or citation.quote != citation.quote.strip()
    return line + f"\n{recipient.texts.altered_characters}" if is_altered else line


def folded(listing: FormattedText) -> FormattedText:
    """Put all quotes and sources in one expandable block; blocks cannot be nested, so theirs are removed."""
    block = MessageEntity(MessageEntity.EXPANDABLE_BLOCKQUOTE, 0, listing.units)
    inner = (entity for entity in listing.entities if entity.type != MessageEntity.BLOCKQUOTE)
    return FormattedText(listing.text, (block, *inner))


def _location_and_file(passage: Passage, location: str, recipient: Recipient) -> FormattedText:
    link = linked(location, recipient.link(passage.id, passage.document_name))
    # A paper clip marks documents that belong to the chat.
    mark = " · 📎 " if is_chat_document(passage.document_name) else " · "
    return plain("— ") + link + mark + code(one_line(shown_name(passage.document_name), _MAX_NAME_UNITS))


def _text_before(neighbourhood: PassageWithNeighbours) -> str:
    """Return the text before the passage, without what the two share if they overlap."""
    previous = neighbourhood.before
    if previous is None:
        return ""
    text = previous.text[: max(neighbourhood.passage.span.start - previous.span.start, 0)]
    return text + _separator(previous, neighbourhood.passage)


def _text_after(neighbourhood: PassageWithNeighbours) -> str:
    following = neighbourhood.after
    if following is None:
        return ""
    text = following.text[max(neighbourhood.passage.span.end - following.span.start, 0) :]
    return _separator(neighbourhood.passage, following) + text


def _begins_with_heading(text: str, heading: str) -> bool:
    """Return whether a text begins with its heading: "1. Rent. The rent is"; but not with its words only."""
    return text.startswith(heading) and _HEADING_END.match(text, len(heading)) is not None


def _separator(first: Passage, second: Passage) -> str:
    """Return the headings between two passages, each on a line; without any, a gap or what words need."""
    both = zip(first.heading, second.heading, strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], both))
    new = [heading for heading in second.heading[shared:] if not _begins_with_heading(second.text, heading)]
    if new:
        return "\n\n" + "".join(f"{one_line(heading, _MAX_LINE_UNITS)}\n" for heading in new)
    if first.paragraph != second.paragraph:
        return "\n\n"
    # Some scripts have no spaces between sentences.
    return " " if first.span.end < second.span.start else ""


def _fit_around(before: str, block: FormattedText, after: str, source: FormattedText) -> FormattedText:
    """Put a block between its neighbouring text, which is cut at its far ends to fit one message."""
    before, after = before.strip(), after.strip()
    room = MAX_MESSAGE_UNITS - block.units - source.units - len("…\n" + "\n…" + "\n\n")
    before = _cut_start(before, max(room // 2, room - utf16_length(after)))
    after = _cut_end(after, room - utf16_length(before))
    above = plain(before + "\n") if before else plain("")
    below = plain("\n" + after) if after else plain("")
    return above + block + below + "\n\n" + source


def _cut_start(text: str, max_units: int) -> str:
    """Return the end of a text that fits, from a whole word on if there is one."""
    end = truncate_start(text, max_units)
    if end == text:
        return text
    words = end.split(maxsplit=1)
    return "…" + (words[1] if len(words) > 1 else end)


def _cut_end(text: str, max_units: int) -> str:
    """Return the beginning of a text that fits, up to a whole word if there is one."""
    beginning = truncate(text, max_units)
    if beginning == text:
        return text
    words = beginning.rsplit(maxsplit=1)
    return (words[0] if len(words) > 1 else beginning) + "…"


def button(text: str, press: AnswerPress) -> InlineKeyboardButton:
    return InlineKeyboardButton(text, callback_data=encode_answer_press(press))


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


def render_answer(answer: Answer, recipient: Recipient, origin: Origin = AS_WRITTEN) -> Reply:
    """Show the best quote, the closest passages, or that there is no answer, with what may help."""
    if not answer.citations or answer.certainty == "none":
        return _render_no_answer(answer, recipient, origin)
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
        more = [button("›", AnswerPress(AnswerAction.QUOTE, answer.parts + 1, origin=origin))]
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
    quote = quote_or_pointer(citation, recipient, _MAX_BOLD_WORDS_EACH)
    source = source_line(citation, recipient, is_below_question=True)
    return _question_line(citation, recipient) + quote + separator + source


def _render_no_answer(answer: Answer, recipient: Recipient, origin: Origin) -> Reply:
    """Say why there is no answer; offer near headings, a corrected spelling and the closest passages."""
    texts = recipient.texts
    # A button below the answer to a suggestion could not identify which of two suggestions it means.
    no_answer = explain_no_answer(answer, texts, can_suggest=not origin.corrected)
    body = plain(no_answer.text)
    if no_answer.near:
        body += f"\n\n{texts.near_headings}"
    for citation in no_answer.near:
        # One line each: headings may be long or run from right to left.
        body += plain("\n• ") + linked(
            heading_line(citation), recipient.link(citation.passage.id, citation.document_name)
        )
    rows: list[Row] = []
    if no_answer.suggestion:
        body += plain(f"\n\n{texts.did_you_mean} ") + code(no_answer.suggestion)
        press = AnswerPress(AnswerAction.QUOTE, origin=replace(origin, corrected=True))
        rows.append([button(one_line(no_answer.suggestion, _MAX_BUTTON_UNITS), press)])
    if answer.citations and not answer.asks_nothing:
        rows.append([button(texts.show_closest, AnswerPress(AnswerAction.CLOSEST, origin=origin))])
    return build_reply(with_scope_note(body, recipient), rows)
