"""Why there is no quote: for a question, or for a message without one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import regex

from bot.i18n.texts import Texts
from bot.views.message import heading_line, one_line
from retrieval.model import Answer, Citation
from retrieval.query.document_names import has_word_of
from retrieval.quotes.quote_selection import shorten

if TYPE_CHECKING:
    # Slow to import, and the command line does not need it.
    from telegram import Message

MAX_CLOSEST_PASSAGES = 3
_MAX_SHORT_QUOTE_CHARS = 200
_MAX_SUGGESTION_UNITS = 1000
_MAX_NEAR_HEADINGS = 3
# `t.me/name` is a link, too, but `guide.pdf` may be a file.
_LINKS = regex.compile(
    r"(?:(?:https?://|www\.|(?:[a-z0-9-]+\.)+[a-z]{2,}/)[^\s<>]*+[\s,;]*+)+", regex.IGNORECASE
)
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}\u200c\u200d'’-]*")
_UNSPACED = regex.compile(
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}"
    r"\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]"
)
# In scripts without spaces between words, a word rarely has more letters and a question rarely has fewer.
_MAX_UNSPACED_WORD_CHARS = 3


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is no quote, citations with different headings that may help, and a corrected spelling."""

    text: str
    near: tuple[Citation, ...] = ()
    suggestion: str | None = None


def explain_no_answer(answer: Answer, texts: Texts, *, can_suggest: bool = True) -> NoAnswer:
    """Return why a question has no answer, near headings and a suggestion, but no text of the documents."""
    suggestion = None
    if can_suggest and answer.suggestion and not is_one_word(answer.suggestion):
        suggestion = one_line(answer.suggestion, _MAX_SUGGESTION_UNITS)
    return NoAnswer(_reason(answer, texts), _near(answer), suggestion)


def closest_quotes(answer: Answer) -> tuple[Citation, ...]:
    """Return the closest passages, best first: the first quote whole, the others short."""
    first, others = answer.citations[:1], answer.citations[1:MAX_CLOSEST_PASSAGES]
    return *first, *(shorten(citation, _MAX_SHORT_QUOTE_CHARS) for citation in others)


def _reason(answer: Answer, texts: Texts) -> str:
    if answer.asks_nothing:
        return texts.nothing_asked if _WORD.search(answer.question) else texts.no_words
    return texts.one_word_question if is_one_word(answer.question) else texts.no_answer


def _near(answer: Answer) -> tuple[Citation, ...]:
    """Return the best citation of each heading that has a word of the question, at most three."""
    if answer.asks_nothing:
        return ()
    by_heading: dict[str, Citation] = {}
    for citation in answer.citations:
        heading = heading_line(citation)
        if has_word_of(answer.question, heading, citation.passage.language):
            by_heading.setdefault(heading, citation)
    return tuple(by_heading.values())[:_MAX_NEAR_HEADINGS]


def is_one_word(text: str) -> bool:
    words = _WORD.findall(text)
    return len(words) == 1 and len(_UNSPACED.findall(words[0])) <= _MAX_UNSPACED_WORD_CHARS


def explain_unreadable(message: "Message", texts: Texts) -> str:
    """Return why a message without text gets no quote, and what to send instead."""
    if message.voice or message.video_note or message.audio:
        return texts.recording_not_heard
    # An animation comes with a document of the same file.
    if message.photo or message.video or message.animation or message.story or message.live_photo:
        return texts.picture_not_seen
    return texts.document_not_taken if message.document else texts.unsupported_message


def is_link(text: str) -> bool:
    """Return whether a text has links and nothing else."""
    return _LINKS.fullmatch(text.strip()) is not None
