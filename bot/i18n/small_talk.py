"""Recognises messages that only greet, thank or say goodbye, in the languages of the bot."""

import tomllib
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache
from pathlib import Path

import regex

from bot.i18n.messages import LANGUAGES, Texts, texts_for
from retrieval.query.question_phrases import fold_phrase

# Longer messages say more than that.
_MAX_CHARS = 120
_PHRASES = Path(__file__).with_name("small_talk.toml")


class SmallTalk(Enum):
    """What a message without a question does; the first of several counts."""

    THANKS = "thanks"
    GOODBYE = "goodbye"
    GREETING = "greeting"


def small_talk_reply(message: str, texts: Texts) -> str | None:
    """Return the reply to a message of small talk, in its language; None for any other message.

    A word of several languages ("hi") counts as one of the language of `texts`, if that has it.
    """
    if len(message) > _MAX_CHARS:
        return None
    folded = fold_phrase(message)
    for language in dict.fromkeys([texts.language, *LANGUAGES]):
        if kind := _kind(folded, language):
            return _reply(kind, texts_for(language))
    return None


def _reply(kind: SmallTalk, texts: Texts) -> str:
    if kind is SmallTalk.THANKS:
        return texts.thanked
    return texts.said_goodbye if kind is SmallTalk.GOODBYE else texts.greeted


def _kind(folded: str, language: str) -> SmallTalk | None:
    """Return what a folded message does if it consists of phrases of this language alone."""
    text = folded.replace(" ", "") if language == "zh" else f"{folded} "
    # Compiling a pattern takes longer than answering a question; few messages begin with a phrase.
    begins = any(text.startswith(tuple(words)) for words in _folded_phrases(language).values())
    match = _pattern(language).fullmatch(text) if begins else None
    return next((kind for kind in SmallTalk if match and match.captures(kind.value)), None)


@cache
def _pattern(language: str) -> regex.Pattern[str]:
    choices = (
        f"(?P<{name}>{'|'.join(map(regex.escape, words))})"
        for name, words in _folded_phrases(language).items()
    )
    return regex.compile(f"(?:{'|'.join(choices)})+")


@cache
def _folded_phrases(language: str) -> Mapping[str, Sequence[str]]:
    """Return the folded phrases of each kind, the longest first, each with the blank after it."""
    end = "" if language == "zh" else " "
    return {
        kind: [phrase + end for phrase in sorted(map(fold_phrase, phrases.split(",")), key=len, reverse=True)]
        for kind, phrases in _load_phrases()[language].items()
    }


@cache
def _load_phrases() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(_PHRASES.read_text(encoding="utf-8"))
