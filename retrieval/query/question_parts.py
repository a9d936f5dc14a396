"""Recognises questions, and splits those that ask several things: "What are the opening hours and prices?".

The words that join are in question_parts.toml, which a speaker of a language can edit. Whether the parts are
really asked apart is decided by their answers (retrieval/pipeline.py): many phrases with "and" are one thing.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import regex

MAX_PARTS = 4
_MAX_CHARS = 300
_PREFIX = "prefix:"
_UNSPACED = regex.compile(r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]")
_END_OF_QUESTION = regex.compile(r"(?<=[?？؟])\s*(?=\S)")
_COMMAS = regex.compile(r"\s*[,،、，;；]\s*")
_QUESTION_MARK = regex.compile(r"[?？؟]")
# "Bis wann kann ich kündigen"
_MAX_WORDS_BEFORE_ASKING = 2
_LETTER = regex.compile(r"[\p{L}\p{N}]")


@dataclass(frozen=True, slots=True)
class _Joining:
    """What joins questions in a language, as patterns; `asking` are folded words."""

    conjunction: "regex.Pattern[str]"
    asking: frozenset[str]
    compare: "regex.Pattern[str]"


def split_question(text: str) -> list[str]:
    """Return the parts of a message that may each be a question of its own; empty if it has one part only.

    Parts without a question word get the words that begin the first: "what are the", "prices".
    """
    if len(text) > _MAX_CHARS:
        return []
    questions = [part.strip() for part in _END_OF_QUESTION.split(text) if _LETTER.search(part)]
    if len(questions) > 1:
        return questions if len(questions) <= MAX_PARTS else []
    for joining in _load():
        parts = _split(text, joining)
        if len(parts) > 1:
            return parts if len(parts) <= MAX_PARTS else []
    return []


def looks_like_question(text: str) -> bool:
    """Return whether a text has a question mark, or a word that begins questions near its beginning."""
    if _QUESTION_MARK.search(text):
        return True
    words = [word.strip("¿¡,.:;!") for word in text.lower().split()[:_MAX_WORDS_BEFORE_ASKING]]
    return any(
        word in joining.asking
        or any(_UNSPACED.search(asking) and asking in word for asking in joining.asking)
        for joining in _load()
        for word in words
    )


def _split(text: str, joining: _Joining) -> list[str]:
    rest = text.strip().rstrip("?？؟.!。！ ")
    compared = joining.compare.search(rest)
    if compared:
        before, after = rest[: compared.start()], rest[compared.end() :]
        rest = after if _LETTER.search(after) else before
    pieces = joining.conjunction.split(rest)
    if len(pieces) == 1:
        return []
    # Only a list that ends with "and" is one: "A, B and C".
    pieces = [*_COMMAS.split(pieces[0]), *pieces[1:]]
    pieces = [piece.strip(" ,،、，;；") for piece in pieces]
    if not all(_LETTER.search(piece) for piece in pieces):
        return []
    if compared:
        return pieces
    first = pieces[0]
    return [first, *(_complete(piece, first, joining) for piece in pieces[1:])]


def _complete(piece: str, first: str, joining: _Joining) -> str:
    """Return a later part as a question: with the question words of the first if it has none itself."""
    if _begins_question(piece, joining):
        return piece
    words = first.split()
    asking = [word for word in words[:3] if word.lower().strip("¿¡") in joining.asking]
    return " ".join([*asking, piece]) if asking and words[0] == asking[0] else piece


def _begins_question(piece: str, joining: _Joining) -> bool:
    words = piece.lower().strip("¿¡").split()
    return bool(words) and words[0] in joining.asking


@cache
def _load() -> Sequence[_Joining]:
    source = files(__package__).joinpath("question_parts.toml").read_text(encoding="utf-8")
    return [_joining(table) for table in tomllib.loads(source).values()]


def _joining(table: Mapping[str, Sequence[str]]) -> _Joining:
    words = [_word_pattern(word) for word in table["and"]]
    compare = [_word_pattern(phrase, is_conjunction=False) for phrase in table["compare"]]
    return _Joining(
        regex.compile("|".join(words), regex.IGNORECASE),
        frozenset(table["asking"]),
        regex.compile("|".join(compare), regex.IGNORECASE),
    )


def _word_pattern(word: str, *, is_conjunction: bool = True) -> str:
    """Return a pattern for a word: between spaces, before another word, or anywhere if it has no spaces."""
    if word.startswith(_PREFIX):
        return rf"\s+{regex.escape(word.removeprefix(_PREFIX))}(?=\p{{L}}{{3}})"
    pattern = regex.escape(word)
    if _UNSPACED.search(word):
        return pattern
    return rf"\s+{pattern}\s+" if is_conjunction else rf"(?<!\w){pattern}(?!\w)"
