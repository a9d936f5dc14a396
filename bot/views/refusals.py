"""Why there is no quote: for a question, for a message without one, or from a file that was skipped.

A file has a line for the operator, and a sentence for the person who sent it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

import regex

from bot.i18n.messages import Texts
from bot.views.message import heading_line, one_line
from retrieval.errors import ProblemKind
from retrieval.loaders.formats import is_document_name, is_picture_name
from retrieval.model import Answer, Citation, Problem
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
class Refusal:
    """Why there is no quote, citations with different headings that may help, and a corrected spelling."""

    text: str
    near: tuple[Citation, ...] = ()
    suggestion: str | None = None


def explain_refusal(answer: Answer, texts: Texts, *, can_suggest: bool = True) -> Refusal:
    """Return why a question has no answer, near headings and a suggestion, but no text of the documents."""
    suggestion = None
    if can_suggest and answer.suggestion and not is_one_word(answer.suggestion):
        suggestion = one_line(answer.suggestion, _MAX_SUGGESTION_UNITS)
    return Refusal(_reason(answer, texts), _near(answer), suggestion)


def closest_quotes(answer: Answer) -> tuple[Citation, ...]:
    """Return the closest passages, best first, each with a short quote where it has one."""
    return tuple(
        shorten(citation, _MAX_SHORT_QUOTE_CHARS) for citation in answer.citations[:MAX_CLOSEST_PASSAGES]
    )


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
        if citation.highlights:
            by_heading.setdefault(heading_line(citation), citation)
    return tuple(citation for name, citation in by_heading.items() if name)[:_MAX_NEAR_HEADINGS]


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


SHOWN_FORMATS = "PDF, DOCX, ODT, RTF, XLSX, PPTX, EPUB, HTML, MD, CSV, TXT, EML, ZIP"
# Where OCR is.
SHOWN_PICTURES = "JPG, PNG"
_MAX_KINDS = 12
_MAX_KIND_CHARS = 16


def problem_lines(problems: Iterable[Problem]) -> Iterator[str]:
    """Yield a line for each document that cannot be read, and then one that counts all other files."""
    return (f"{name}: {reason}" if name else reason for name, reason in named_problems(problems))


def named_problems(problems: Iterable[Problem]) -> Iterator[tuple[str, str]]:
    """Yield name and reason of each document that cannot be read, and then the count of all other files.

    The count is a reason without a name.
    """
    kinds: Counter[str] = Counter()
    for problem in problems:
        # There may be thousands of pictures without text.
        is_picture = is_picture_name(problem.name) and problem.kind is ProblemKind.PICTURES
        is_unsupported = problem.kind is ProblemKind.UNSUPPORTED and not is_document_name(problem.name)
        if not (is_picture or is_unsupported):
            yield problem.name, problem.reason
        else:
            kinds[_kind(problem.name)] += 1
    if kinds:
        yield "", f"{_counts(kinds)}: not read"


def all_problem_lines(problems: Iterable[Problem]) -> Iterator[str]:
    """Yield a line for each file that was skipped."""
    return (f"{problem.name}: {problem.reason}" for problem in problems)


def explain_problem(problem: Problem, texts: Texts) -> str:
    """Return why a document that was sent to a chat cannot be read, and what to send instead.

    The reason of a problem is for the operator of a folder.
    """
    if problem.real_suffix:
        return texts.document_is_misnamed(problem.real_suffix)
    kinds = {
        ProblemKind.UNSUPPORTED: texts.format_not_supported(SHOWN_FORMATS),
        ProblemKind.PROTECTED: texts.document_is_protected,
        ProblemKind.PICTURES: texts.document_is_pictures,
        ProblemKind.SCRIPT: texts.scan_language_missing,
        ProblemKind.EMPTY: texts.document_is_empty,
        ProblemKind.TOO_LARGE: texts.document_is_too_large,
        ProblemKind.UNREADABLE: texts.document_is_damaged,
    }
    return kinds[problem.kind]


def _kind(name: str) -> str:
    suffix = PurePath(name).suffix.lower()
    return suffix if suffix and len(suffix) <= _MAX_KIND_CHARS else "without an extension"


def _counts(kinds: Counter[str]) -> str:
    ordered = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    parts = [f"{count:,} {kind}" for kind, count in ordered[:_MAX_KINDS]]
    if others := sum(count for _, count in ordered[_MAX_KINDS:]):
        parts.append(f"{others:,} of other kinds")
    return ", ".join(parts)
